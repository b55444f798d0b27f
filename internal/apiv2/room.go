package apiv2

import (
	"net/netip"
	"sync"
)

const (
	// roomForBodies is the memory that bodies above smallBody share.
	roomForBodies = 64 << 20
	// roomForAddress is what of it an address may hold, so that nobody takes it all.
	roomForAddress = 8 << 20
	// siteBits is how much of an IPv6 address is one holder: what a customer is given.
	siteBits = 48
)

// room is the memory that large bodies share, in bytes.
type room struct {
	mu    sync.Mutex
	taken int64
	held  map[netip.Prefix]int64 // by those who hold some; what is no address is the zero Prefix
}

// take reserves n more bytes for a request, or reports that they are not there.
func (r *room) take(in *input, n int64) bool {
	by := holder(in.from)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken+n > roomForBodies || r.held[by]+n > roomForAddress {
		return false
	}
	if r.held == nil {
		r.held = map[netip.Prefix]int64{}
	}
	r.taken += n
	r.held[by] += n
	in.reserved += n
	return true
}

// give returns what a request has reserved.
func (r *room) give(in *input) {
	if in.reserved == 0 {
		return
	}
	by := holder(in.from)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken -= in.reserved
	if r.held[by] -= in.reserved; r.held[by] == 0 {
		delete(r.held, by)
	}
	in.reserved = 0
}

// holder is who an address counts as.
func holder(from netip.Addr) netip.Prefix {
	from = from.Unmap().WithZone("")
	bits := from.BitLen()
	if from.Is6() {
		bits = siteBits
	}
	prefix, _ := from.Prefix(bits) // the bits are within the address
	return prefix
}

// Package clientaddr finds the address that a request comes from: that of the
// peer, or what a trusted proxy says of its own peer.
//
// Every proxy adds whom it speaks with at the end of X-Forwarded-For, so the list
// is true from its right end as far as trusted proxies wrote it; further left
// stands whatever the client likes. It knows X-Forwarded-For alone, and nothing of
// what the address is used for.
package clientaddr

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
)

const (
	header = "X-Forwarded-For"
	// maxHops bounds how many proxies may stand one behind the other.
	maxHops = 32
	// maxEntry bounds an entry in bytes: the longest address with brackets and port
	// is shorter.
	maxEntry = 64
)

// Finder finds addresses.
type Finder struct {
	trusted []netip.Prefix
	ignored func(peer netip.Addr)
	count   atomic.Int64
}

// New returns a Finder that believes peers in the trusted networks. Where a peer
// in a private network sends the header without being trusted, somebody has
// probably forgotten to name a proxy: ignored is told of each such request; it may
// be nil.
func New(trusted []netip.Prefix, ignored func(peer netip.Addr)) *Finder {
	if ignored == nil {
		ignored = func(netip.Addr) {}
	}
	return &Finder{trusted: trusted, ignored: ignored}
}

// Ignored counts the requests of untrusted private peers that had the header.
func (f *Finder) Ignored() int64 { return f.count.Load() }

// Of returns where a request comes from, never as an IPv4 address in IPv6 and
// never with a zone. It is the zero Addr where the peer has no address.
func (f *Finder) Of(r *http.Request) netip.Addr {
	peer, lines := peerOf(r), r.Header[header]
	if len(lines) == 0 {
		return peer
	}
	if !f.trusts(peer) {
		if peer.IsPrivate() || peer.IsLoopback() || peer.IsLinkLocalUnicast() {
			f.count.Add(1)
			f.ignored(peer)
		}
		return peer
	}
	if client, ok := f.client(lines); ok {
		return client
	}
	return peer
}

// ThroughProxy reports whether a request's peer is a trusted proxy.
func (f *Finder) ThroughProxy(r *http.Request) bool { return f.trusts(peerOf(r)) }

// peerOf returns who the connection is with.
func peerOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

func (f *Finder) trusts(addr netip.Addr) bool {
	for _, network := range f.trusted {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// client returns the right-most address that is no trusted proxy's. It is not ok
// where an entry on the way there is none, for then a proxy wrote what we do not
// understand, and what stands before it may be the client's own; nor where there
// are trusted ones only.
func (f *Finder) client(lines []string) (client netip.Addr, ok bool) {
	hops := 0
	for _, line := range slices.Backward(lines) {
		for rest, more := line, true; more; hops++ {
			if hops == maxHops {
				return netip.Addr{}, false
			}
			var entry string
			rest, entry, more = cutLast(rest)
			addr, ok := parse(entry)
			if !ok {
				return netip.Addr{}, false
			}
			if !f.trusts(addr) {
				return addr, true
			}
		}
	}
	return netip.Addr{}, false
}

// cutLast takes the last entry off a list.
func cutLast(list string) (rest, entry string, more bool) {
	comma := strings.LastIndexByte(list, ',')
	return list[:max(0, comma)], strings.Trim(list[comma+1:], " \t"), comma >= 0
}

// parse reads an entry: an address, or an address and a port, where IPv6 may have
// brackets and needs them before a port. A zone means something only on the
// machine that wrote it, so an address with one is none.
func parse(entry string) (addr netip.Addr, ok bool) {
	if len(entry) > maxEntry {
		return addr, false
	}
	addr, err := netip.ParseAddr(entry)
	if err != nil {
		if inner, bracketed := strings.CutPrefix(entry, "["); bracketed && strings.HasSuffix(inner, "]") {
			addr, err = netip.ParseAddr(strings.TrimSuffix(inner, "]"))
			if !addr.Is6() {
				return netip.Addr{}, false
			}
		} else {
			var withPort netip.AddrPort
			withPort, err = netip.ParseAddrPort(entry)
			addr = withPort.Addr()
		}
	}
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

package ratelimit

import (
	"math"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxStrangers bounds the addresses without a known key that are counted in one
	// minute. All that find no place share one counter with the limit of a single
	// address.
	maxStrangers = 100_000
	// IPv6 is handed out by the /64 at least and by the /48 at most, so one person
	// can send from any address of the one and from many of the other.
	lineBits, siteBits = 64, 48
	// SiteTimes is how many times a line's limit a site has.
	SiteTimes = 10
	// none is the limit of a tier that has none: more than a minute holds, and far
	// from where SiteTimes of it would overflow.
	none = math.MaxInt64 >> 8
)

// addresses counts by address.
type addresses struct {
	limit    int64
	networks []Network // the narrowest first

	mu        sync.Mutex
	minute    int64
	strangers map[netip.Prefix]int64 // what they used; under the zero prefix those that found no place
	known     acquaintances
}

func newAddresses(l Limits) addresses {
	return addresses{limit: l.Address, networks: l.Networks, strangers: map[netip.Prefix]int64{}, known: newAcquaintances()}
}

// place is where an address is counted.
type place struct {
	line, site netip.Prefix // site only where hasSite
	hasSite    bool
	limit      int64 // of the line; 0 is none
	fixed      bool  // the operator's word: a key does not raise it
}

// locate finds an address's place. Without Unmap all of IPv4 would be one /64 when
// it is written as IPv6. What is no address is counted under the zero prefix.
func (a *addresses) locate(from netip.Addr) place {
	from = from.Unmap().WithZone("")
	p := place{limit: a.limit}
	bits := from.BitLen()
	if from.Is6() {
		bits, p.hasSite = lineBits, true
	}
	for _, n := range a.networks {
		if n.Prefix.Contains(from) {
			// What is narrower than a line or a site is not mixed up with the rest of it.
			bits = max(bits, n.Prefix.Bits())
			p.limit, p.fixed, p.hasSite = n.Limit, true, p.hasSite && n.Prefix.Bits() <= siteBits
			break
		}
	}
	p.line, _ = from.Prefix(bits) // the bits are within the address
	if p.hasSite {
		p.site, _ = from.Prefix(siteBits)
	}
	return p
}

// slot is a counter as a request finds it.
type slot struct {
	prefix      netip.Prefix
	known       *acquaintance // nil: a stranger
	used, limit int64
	skipped     bool
}

// take decides about one request: the line's and the site's limit must both allow
// it. A refused request is counted nowhere, so it takes no place either.
func (a *addresses) take(from netip.Addr, now time.Time) Verdict {
	v, p := verdict(now), a.locate(from)
	if p.limit == 0 {
		return v
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn(minuteOf(now))
	line := a.slot(p, p.line, 1, now)
	site := slot{skipped: true}
	if p.hasSite {
		site = a.slot(p, p.site, SiteTimes, now)
	}
	for _, s := range [...]slot{site, line} {
		if s.skipped || s.used < s.limit {
			continue
		}
		if s.known != nil {
			s.known.refuse(now)
		}
		v.DeniedBy, v.Limit = ByIP, s.limit
		return v
	}
	// Where neither found a place, both are the same counter, and it counts once.
	a.count(site)
	a.count(line)
	v.Limit, v.Remaining = line.limit, line.limit-line.used-1
	if left := site.limit - site.used - 1; !site.skipped && left < v.Remaining {
		v.Limit, v.Remaining = site.limit, left
	}
	return v
}

// slot finds the counter of a prefix. Acquaintances are always found, so that
// strangers in any number take nothing from them.
func (a *addresses) slot(p place, prefix netip.Prefix, times int64, now time.Time) slot {
	s := slot{prefix: prefix, limit: p.limit * times}
	if s.known = a.known.find(prefix); s.known != nil {
		s.used = s.known.usedIn(a.minute)
		if !p.fixed {
			s.limit = max(p.limit, s.known.limit(now)) * times
		}
		return s
	}
	used, counted := a.strangers[prefix]
	if !counted && len(a.strangers) >= maxStrangers {
		s.prefix = netip.Prefix{}
		used = a.strangers[s.prefix]
	}
	s.used = used
	return s
}

func (a *addresses) count(s slot) {
	switch {
	case s.skipped:
	case s.known != nil:
		s.known.used++
	default:
		a.strangers[s.prefix] = s.used + 1
	}
}

func (a *addresses) turn(minute int64) {
	if minute == a.minute {
		return
	}
	a.minute = minute
	clear(a.strangers)
}

// meet notes that a usable key with a tier's limit came from an address.
func (a *addresses) meet(from netip.Addr, tierLimit int64, now time.Time) {
	p := a.locate(from)
	if p.limit == 0 {
		return // never refused, so there is nothing to know
	}
	if tierLimit == 0 {
		tierLimit = none
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn(minuteOf(now))
	a.meetAt(p.line, tierLimit, now)
	if p.hasSite {
		a.meetAt(p.site, tierLimit, now)
	}
}

// meetAt makes an acquaintance, who brings along what was used as a stranger.
func (a *addresses) meetAt(prefix netip.Prefix, tierLimit int64, now time.Time) {
	if !prefix.IsValid() {
		return
	}
	k, isNew := a.known.meet(prefix)
	if isNew {
		k.minute, k.used = a.minute, a.strangers[prefix]
		delete(a.strangers, prefix)
	}
	k.see(tierLimit, now)
}

func (a *addresses) refused(now time.Time) []DeniedAddress {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known.refused(now)
}

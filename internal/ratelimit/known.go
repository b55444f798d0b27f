package ratelimit

import (
	"net/netip"
	"slices"
	"time"
)

const (
	// maxKnown bounds the addresses that are remembered for their keys. Who has sent
	// no usable key for longest is forgotten first.
	maxKnown = 40_000
	// knownFor is how long a key speaks for its address.
	knownFor = time.Hour
	// refusedFor is how long a refusal is told.
	refusedFor = 24 * time.Hour
	// maxDenied bounds the refused addresses that are told: the latest are.
	maxDenied = 500
)

// DeniedAddress is an address that was refused although usable keys had come from
// it.
type DeniedAddress struct {
	Prefix netip.Prefix // an IPv4 address, or an IPv6 /64 or /48
	Denied int64        // how often, since it is known
	Last   time.Time    // when last, to the second
}

// acquaintance is an address from which a usable key came. Times are Unix seconds.
type acquaintance struct {
	// The highest limit that was seen and, in case that lapses, one that was seen
	// later.
	high, later sighting

	minute, used int64
	denied       int64
	deniedAt     int64
}

// sighting is a tier's limit and when a key of it came last.
type sighting struct{ limit, at int64 }

func (s sighting) holds(now int64) bool { return s.limit > 0 && now-s.at < int64(knownFor/time.Second) }

// see notes a key.
func (k *acquaintance) see(limit int64, now time.Time) {
	t := now.Unix()
	if !k.high.holds(t) {
		k.high, k.later = k.later, sighting{}
	}
	switch {
	case limit >= k.high.limit || !k.high.holds(t):
		k.high = sighting{limit, t}
	case limit >= k.later.limit || !k.later.holds(t):
		k.later = sighting{limit, t}
	}
}

// limit returns the highest limit of the last hour's keys, 0 where there were none.
func (k *acquaintance) limit(now time.Time) int64 {
	switch t := now.Unix(); {
	case k.high.holds(t):
		return k.high.limit
	case k.later.holds(t):
		return k.later.limit
	}
	return 0
}

// usedIn returns what was used in a minute, and begins it.
func (k *acquaintance) usedIn(minute int64) int64 {
	if k.minute != minute {
		k.minute, k.used = minute, 0
	}
	return k.used
}

func (k *acquaintance) refuse(now time.Time) {
	k.denied++
	k.deniedAt = now.Unix()
}

// acquaintances remembers in two generations: when the young one is full the old
// one is forgotten and the young one grows old. Whoever is seen again is young.
type acquaintances struct {
	young, old map[netip.Prefix]*acquaintance
}

func newAcquaintances() acquaintances {
	return acquaintances{young: map[netip.Prefix]*acquaintance{}, old: map[netip.Prefix]*acquaintance{}}
}

// find returns nil for a stranger.
func (a *acquaintances) find(prefix netip.Prefix) *acquaintance {
	if k := a.young[prefix]; k != nil {
		return k
	}
	return a.old[prefix]
}

// meet returns an acquaintance, a new one if need be.
func (a *acquaintances) meet(prefix netip.Prefix) (k *acquaintance, isNew bool) {
	if k := a.young[prefix]; k != nil {
		return k, false
	}
	k = a.old[prefix]
	if isNew = k == nil; isNew {
		k = &acquaintance{}
	}
	delete(a.old, prefix)
	if len(a.young) >= maxKnown/2 {
		a.young, a.old = map[netip.Prefix]*acquaintance{}, a.young
	}
	a.young[prefix] = k
	return k, isNew
}

func (a *acquaintances) refused(now time.Time) []DeniedAddress {
	var all []DeniedAddress
	since := now.Add(-refusedFor).Unix()
	for _, generation := range []map[netip.Prefix]*acquaintance{a.young, a.old} {
		for prefix, k := range generation {
			if k.denied > 0 && k.deniedAt >= since {
				all = append(all, DeniedAddress{prefix, k.denied, time.Unix(k.deniedAt, 0).UTC()})
			}
		}
	}
	return latestFirst(all)
}

// latestFirst sorts, and leaves out what is too many.
func latestFirst(all []DeniedAddress) []DeniedAddress {
	slices.SortFunc(all, func(x, y DeniedAddress) int {
		if c := y.Last.Compare(x.Last); c != 0 {
			return c
		}
		return x.Prefix.Compare(y.Prefix)
	})
	return all[:min(len(all), maxDenied)]
}

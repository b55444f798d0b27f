package ratelimit

import (
	"net/netip"
	"sync"
)

// told remembers for a minute which keys' addresses the shared counters have been
// told of by this node: telling is a round trip, and they remember for an hour. What
// Redis may have lost is told again.
type told struct {
	mu     sync.Mutex
	minute int64
	lost   int64 // how often Redis may have lost what it was told
	seen   map[sightingOf]bool
}

type sightingOf struct {
	line  netip.Prefix
	limit int64
}

// has reports whether a sighting was told in a minute, since Redis may last have lost
// what it held.
func (t *told) has(s sightingOf, minute, lost int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.minute != minute || t.lost != lost || t.seen == nil {
		t.minute, t.lost, t.seen = minute, lost, map[sightingOf]bool{}
	}
	return t.seen[s]
}

// add notes what was told; minute and lost are those from before the telling. Where
// too many were, each is told every time.
func (t *told) add(s sightingOf, minute, lost int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.minute == minute && t.lost == lost && len(t.seen) < maxKnown {
		t.seen[s] = true
	}
}

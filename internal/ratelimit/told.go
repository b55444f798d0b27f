package ratelimit

import (
	"net/netip"
	"sync"
	"time"
)

// told remembers for a minute which keys' addresses the shared counters have been
// told of by this node: telling is a round trip, and they remember for an hour.
type told struct {
	mu     sync.Mutex
	minute int64
	seen   map[sightingOf]bool
}

type sightingOf struct {
	line  netip.Prefix
	limit int64
}

// first reports whether an address with a tier's limit is seen for the first time in
// a minute. Where too many were, each is.
func (t *told) first(line netip.Prefix, limit int64, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if minute := minuteOf(now); t.minute != minute || t.seen == nil {
		t.minute, t.seen = minute, map[sightingOf]bool{}
	}
	s := sightingOf{line, limit}
	if t.seen[s] {
		return false
	}
	if len(t.seen) < maxKnown {
		t.seen[s] = true
	}
	return true
}

// Package ratelimit decides whether a request may go on. It counts requests in
// three layers: by the address they come from, before anything else is known of
// them; by API key; and by all live keys of an account together, as its tier
// allows.
//
// All counters run in the same windows: the minutes of the wall clock. So key and
// tier always start anew together, and one X-RateLimit-Reset is true of both;
// nodes that share counters need to agree on nothing but the time; and a
// window's end empties whole tables, which bounds their memory. Like every
// fixed window it lets twice the limit through around a minute's end.
//
// The counters are in this process or, for several nodes, in Redis; then each layer
// is one round trip, and a node that gets no answer counts by itself for a while.
//
// It knows addresses, limits and ids. What a key, an account or a request is, it
// does not know, and of HTTP nothing.
package ratelimit

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

// Layer names what a request was counted by, as X-RateLimit-DeniedBy does.
type Layer string

// The layers.
const (
	ByIP   Layer = "ip"
	ByKey  Layer = "key"
	ByTier Layer = "tier"
)

// window is the length of a window in seconds.
const window = 60

// ClassicTimes is how many times the default of a native key a classic one has:
// its clients ask about every order by itself.
const ClassicTimes = 3

// Limits are requests a minute; 0 is no limit.
type Limits struct {
	// Address is for one IPv4 address or one IPv6 /64; a /48 has ten times it.
	Address int64
	// Networks have limits of their own in place of Address.
	Networks []Network
	// Key is for a native key without a limit of its own; a classic one has three
	// times it.
	Key int64
	// Tiers are for all live keys of an account together, by the tier's name.
	Tiers map[string]int64
}

// Network is a network whose addresses have another limit than all others. It is
// the operator's word: no key that comes from there changes it.
type Network struct {
	Prefix netip.Prefix
	Limit  int64 // requests a minute for each address; 0 is no limit
}

// Verdict is what was decided about a request.
type Verdict struct {
	// DeniedBy is the layer whose limit is used up; empty where the request may go on.
	DeniedBy Layer
	// Limit and Remaining are those of the layer that is nearer to its limit, this
	// request counted. Limit 0: nothing limits the request.
	Limit, Remaining int64
	// TierLimit and TierRemaining are the tier's. TierLimit 0: it does not limit
	// the request.
	TierLimit, TierRemaining int64
	// Reset is when the window ends, in Unix seconds.
	Reset int64
	// RetryAfter is the time until then in whole seconds, at least 1.
	RetryAfter int
}

// Denied reports whether the request must not go on.
func (v Verdict) Denied() bool { return v.DeniedBy != "" }

// Limiter counts. Its methods may be called from many goroutines.
type Limiter struct {
	limits    Limits
	now       clock.Clock
	addresses addresses
	keys      keys

	shared *shared // nil: the counters of this process are all there are
	told   told
}

// NewShared returns a limiter that counts together with all of its panel and name.
func NewShared(l Limits, now clock.Clock, c *Counters, name string) *Limiter {
	limiter := New(l, now)
	limiter.shared = c.of(name)
	return limiter
}

// New returns a limiter whose counters are of this process, and at zero.
func New(l Limits, now clock.Clock) *Limiter {
	l.Networks = slices.Clone(l.Networks)
	// Of networks within each other the narrowest decides.
	slices.SortStableFunc(l.Networks, func(a, b Network) int { return b.Prefix.Bits() - a.Prefix.Bits() })
	return &Limiter{limits: l, now: now, addresses: newAddresses(l), keys: newKeys()}
}

// Address counts a request from a client's address, before anything else of the
// request is looked at.
func (l *Limiter) Address(ctx context.Context, from netip.Addr) Verdict {
	if p := l.addresses.locate(from); l.shared != nil && p.limit > 0 {
		if v, ok := l.shared.take(ctx, p); ok {
			return v
		}
	}
	return l.addresses.take(from, l.now())
}

// KeySeen notes that a usable key of a tier came from an address: for an hour the
// address has the tier's limit where that is higher than its own.
func (l *Limiter) KeySeen(ctx context.Context, from netip.Addr, tier string) {
	now, limit := l.now(), l.limits.Tiers[tier]
	l.addresses.meet(from, limit, now)
	p := l.addresses.locate(from)
	if l.shared == nil || p.limit == 0 {
		return
	}
	if limit == 0 {
		limit = none
	}
	seen, minute, lost := sightingOf{p.line, limit}, minuteOf(now), l.shared.lost.Load()
	if !l.told.has(seen, minute, lost) && l.shared.meetAt(ctx, p, limit) {
		l.told.add(seen, minute, lost)
	}
}

// DeniedAddresses returns the addresses from which usable keys had come and which
// were refused all the same within the last day, the latest first and 500 at most:
// customers that may need a higher limit.
func (l *Limiter) DeniedAddresses(ctx context.Context) []DeniedAddress {
	if l.shared != nil {
		if all, err := l.shared.refused(ctx, l.now()); err == nil {
			return all
		}
	}
	return l.addresses.refused(l.now())
}

// Key counts a request at its key and, for a live one, at its account's tier.
// Where either refuses, neither has counted it.
func (l *Limiter) Key(ctx context.Context, u Use) Verdict {
	keyLimit, tierLimit := l.limits.of(u)
	if l.shared != nil && (keyLimit > 0 || tierLimit > 0) {
		if c, ok := l.shared.takeKey(ctx, u, keyLimit, tierLimit); ok {
			v := verdict(c.at)
			v.DeniedBy = c.deniedBy
			v.tell(keyLimit, c.keyLeft, tierLimit, c.tierLeft)
			return v
		}
	}
	return l.keys.take(u, keyLimit, tierLimit, l.now())
}

// of returns the limits of a key and of its tier.
func (l Limits) of(u Use) (key, tier int64) {
	key = u.PerMinute
	if key == 0 {
		key = l.Key
		if u.Classic {
			key *= ClassicTimes
		}
	}
	if !u.Test {
		tier = l.Tiers[u.Tier]
	}
	return key, tier
}

// Usage is how much of its limits a key has used.
type Usage struct {
	// Used are the key's requests in this minute, of Limit; where that is 0 nothing
	// limits the key and nothing is counted.
	Used, Limit int64
	// TierUsed are those of all live keys of the account together, of TierLimit; both
	// are 0 where the tier does not limit the key.
	TierUsed, TierLimit int64
	// Reset is when the minute ends, in Unix seconds.
	Reset int64
}

// UsedNow returns how much a key has used and takes nothing of it; the use's cost
// does not matter.
func (l *Limiter) UsedNow(ctx context.Context, u Use) Usage {
	now := l.now()
	used := Usage{Reset: verdict(now).Reset}
	used.Limit, used.TierLimit = l.limits.of(u)
	byKey, byTier := l.keys.used(u.KeyID, u.AccountID, now)
	if u.Cost = Nothing; l.shared != nil {
		if c, ok := l.shared.takeKey(ctx, u, used.Limit, used.TierLimit); ok {
			used.Reset, byKey, byTier = verdict(c.at).Reset, c.keyUsed, c.tierUsed
		}
	}
	if used.Limit > 0 {
		used.Used = byKey
	}
	if used.TierLimit > 0 {
		used.TierUsed = byTier
	}
	return used
}

// minuteOf returns the number of the window that a time is in.
func minuteOf(t time.Time) int64 { return t.Unix() / window }

// verdict returns one that says when the window of now ends, and nothing else.
func verdict(now time.Time) Verdict {
	reset := (minuteOf(now) + 1) * window
	return Verdict{Reset: reset, RetryAfter: int(reset - now.Unix())}
}

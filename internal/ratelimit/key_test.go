package ratelimit

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// use counts uses until one is refused, at most most.
func use(l *Limiter, u Use, most int) (allowed int, last Verdict) {
	for ; allowed < most; allowed++ {
		if last = l.Key(context.Background(), u); last.Denied() {
			return allowed, last
		}
	}
	return allowed, last
}

// Which limit a key has, and what is told of it.
func TestKeyHasItsLimit(t *testing.T) {
	t.Parallel()
	wide := Limits{Key: 100, Tiers: map[string]int64{"standard": 100_000, "free": 0}}
	for name, c := range map[string]struct {
		limits Limits
		use    Use
		want   int
		by     Layer
	}{
		"native":                        {wide, Use{Tier: "standard"}, 100, ByKey},
		"classic":                       {wide, Use{Tier: "standard", Classic: true}, 300, ByKey},
		"native with its own":           {wide, Use{Tier: "standard", PerMinute: 7}, 7, ByKey},
		"classic with its own":          {wide, Use{Tier: "standard", PerMinute: 7, Classic: true}, 7, ByKey},
		"its own above the default":     {wide, Use{Tier: "standard", PerMinute: 700}, 700, ByKey},
		"native polls":                  {wide, Use{Tier: "standard", Cost: Poll}, 80, ByKey},
		"classic polls":                 {wide, Use{Tier: "standard", Cost: Poll, Classic: true}, 240, ByKey},
		"polls of an odd limit":         {wide, Use{Tier: "standard", Cost: Poll, PerMinute: 7}, 5, ByKey},
		"polls of a limit of one":       {wide, Use{Tier: "standard", Cost: Poll, PerMinute: 1}, 1, ByKey},
		"test":                          {Limits{Key: 50, Tiers: map[string]int64{"standard": 10}}, Use{Tier: "standard", Test: true}, 50, ByKey},
		"tier below":                    {Limits{Key: 50, Tiers: map[string]int64{"standard": 10}}, Use{Tier: "standard"}, 10, ByTier},
		"no limit of keys":              {Limits{Tiers: map[string]int64{"standard": 10}}, Use{Tier: "standard"}, 10, ByTier},
		"no limit of keys, but its own": {Limits{Tiers: map[string]int64{"standard": 10}}, Use{Tier: "standard", PerMinute: 5}, 5, ByKey},
		"no limit of the tier":          {wide, Use{Tier: "free"}, 100, ByKey},
		"no limit":                      {Limits{}, Use{Tier: "standard"}, 1000, ""},
		"nothing to count":              {wide, Use{Tier: "standard", Cost: Nothing}, 1000, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.use.KeyID, c.use.AccountID = "key_1", "acc_1"
			allowed, last := use(New(c.limits, midMinute().now), c.use, 1000)
			if allowed != c.want || last.DeniedBy != c.by || last.Denied() && last.Remaining != 0 {
				t.Errorf("%d allowed, then %+v; want %d, then denied by %q", allowed, last, c.want, c.by)
			}
		})
	}
}

// The verdict tells of the tighter of key and tier, and of the tier beside it.
func TestVerdictTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	clock := midMinute()
	l := New(Limits{Key: 4, Tiers: map[string]int64{"standard": 6}}, clock.now)
	reset := clock.at.Unix() + 20
	for i, step := range []struct {
		use  Use
		want Verdict
	}{
		{Use{KeyID: "a"}, Verdict{Limit: 4, Remaining: 3, TierLimit: 6, TierRemaining: 5}},
		{Use{KeyID: "a"}, Verdict{Limit: 4, Remaining: 2, TierLimit: 6, TierRemaining: 4}},
		{Use{KeyID: "a", Cost: Nothing}, Verdict{Limit: 4, Remaining: 2, TierLimit: 6, TierRemaining: 4}},
		{Use{KeyID: "a"}, Verdict{Limit: 4, Remaining: 1, TierLimit: 6, TierRemaining: 3}},
		{Use{KeyID: "a"}, Verdict{Limit: 4, Remaining: 0, TierLimit: 6, TierRemaining: 2}},
		{Use{KeyID: "a"}, Verdict{DeniedBy: ByKey, Limit: 4, Remaining: 0, TierLimit: 6, TierRemaining: 2}},
		{Use{KeyID: "b"}, Verdict{Limit: 6, Remaining: 1, TierLimit: 6, TierRemaining: 1}},
		{Use{KeyID: "t", Test: true}, Verdict{Limit: 4, Remaining: 3}},
		{Use{KeyID: "b"}, Verdict{Limit: 6, Remaining: 0, TierLimit: 6, TierRemaining: 0}},
		{Use{KeyID: "b"}, Verdict{DeniedBy: ByTier, Limit: 6, Remaining: 0, TierLimit: 6, TierRemaining: 0}},
		{Use{KeyID: "b", Cost: Nothing}, Verdict{Limit: 6, Remaining: 0, TierLimit: 6, TierRemaining: 0}},
		{Use{KeyID: "t", Test: true}, Verdict{Limit: 4, Remaining: 2}},
		{Use{KeyID: "o", AccountID: "other"}, Verdict{Limit: 4, Remaining: 3, TierLimit: 6, TierRemaining: 5}},
	} {
		step.use.Tier, step.want.Reset, step.want.RetryAfter = "standard", reset, 20
		if step.use.AccountID == "" {
			step.use.AccountID = "acc_1"
		}
		if got := l.Key(context.Background(), step.use); got != step.want {
			t.Errorf("step %d: %+v, want %+v", i, got, step.want)
		}
	}
	clock.at = clock.at.Add(time.Minute)
	if got := l.Key(context.Background(), Use{KeyID: "a", AccountID: "acc_1", Tier: "standard"}); got.Remaining != 3 || got.TierRemaining != 5 {
		t.Errorf("in the next minute: %+v", got)
	}
}

// Of two layers that leave the same the key's limit is told: it is the caller's own.
func TestVerdictOfEqualLayersIsTheKeys(t *testing.T) {
	t.Parallel()
	l := New(Limits{Key: 4, Tiers: map[string]int64{"standard": 6}}, midMinute().now)
	use(l, Use{KeyID: "a", AccountID: "acc_1", Tier: "standard"}, 2)
	got := l.Key(context.Background(), Use{KeyID: "b", AccountID: "acc_1", Tier: "standard"})
	if got.Limit != 4 || got.Remaining != 3 || got.TierRemaining != 3 {
		t.Errorf("%+v", got)
	}
}

// Polling leaves a fifth of the key's limit to everything else, and takes what
// else was left.
func TestPollsLeaveRoom(t *testing.T) {
	t.Parallel()
	l := New(Limits{Key: 100}, midMinute().now)
	poll, add := Use{KeyID: "a", Classic: true, Cost: Poll}, Use{KeyID: "a", Classic: true}
	polls, last := use(l, poll, 1000)
	if polls != 240 || last.DeniedBy != ByKey || last.Remaining != 0 || last.Limit != 300 {
		t.Errorf("%d polls, then %+v", polls, last)
	}
	if v := l.Key(context.Background(), add); v.Remaining != 59 {
		t.Errorf("%+v", v)
	}
	if adds, _ := use(l, add, 1000); adds != 59 {
		t.Errorf("%d more adds, want 59", adds)
	}
	l = New(Limits{Key: 100}, midMinute().now)
	use(l, add, 290)
	if polls, _ := use(l, poll, 1000); polls != 10 {
		t.Errorf("%d polls after 290 adds, want the 10 that are left", polls)
	}
}

// A limit that is lowered while a minute runs refuses, and nothing is negative.
func TestLimitLoweredWithinTheMinute(t *testing.T) {
	t.Parallel()
	l := New(Limits{Key: 100}, midMinute().now)
	use(l, Use{KeyID: "a"}, 50)
	if v := l.Key(context.Background(), Use{KeyID: "a", PerMinute: 10}); v.DeniedBy != ByKey || v.Remaining != 0 {
		t.Errorf("%+v", v)
	}
}

// Keys in any number take bounded memory, and a key that finds no place is not
// refused for it.
func TestTableOfKeysIsBounded(t *testing.T) {
	t.Parallel()
	l := New(Limits{Key: 2, Tiers: map[string]int64{"standard": 2}}, midMinute().now)
	for n := range maxKeys + 10 {
		id := strconv.Itoa(n)
		if v := l.Key(context.Background(), Use{KeyID: id, AccountID: id, Tier: "standard"}); v.Denied() {
			t.Fatalf("key %d: %+v", n, v)
		}
	}
	if len(l.keys.keys) > maxKeys || len(l.keys.tiers) > maxKeys {
		t.Errorf("%d keys and %d accounts are counted", len(l.keys.keys), len(l.keys.tiers))
	}
	if allowed, _ := use(l, Use{KeyID: "0", AccountID: "0", Tier: "standard"}, 10); allowed != 1 {
		t.Errorf("a key with a place: %d more allowed, want 1", allowed)
	}
	if allowed, _ := use(l, Use{KeyID: "more", AccountID: "more", Tier: "standard"}, 10); allowed != 10 {
		t.Errorf("a key without one: %d allowed, want all", allowed)
	}
}

// However many come at once, no more than the limit go through.
func TestLimitsHoldAtOnce(t *testing.T) {
	t.Parallel()
	l := New(Limits{Address: 50, Key: 40, Tiers: map[string]int64{"standard": 70}}, midMinute().now)
	var mu sync.Mutex
	allowed := map[string]int{}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for range 100 {
				u := Use{KeyID: strconv.Itoa(n % 2), AccountID: "acc_1", Tier: "standard"}
				byKey := !l.Key(context.Background(), u).Denied()
				byAddress := !l.Address(context.Background(), stranger(1)).Denied()
				mu.Lock()
				if byKey {
					allowed["key "+u.KeyID]++
					allowed["tier"]++
				}
				if byAddress {
					allowed["ip"]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if allowed["ip"] != 50 || allowed["tier"] != 70 || allowed["key 0"] > 40 || allowed["key 1"] > 40 {
		t.Errorf("%v", allowed)
	}
}

// A model that counts in plain maps decides as the limiter does: what is refused
// is counted nowhere, test keys use no tier, and polls stay within their share.
func TestKeyDecidesAsAModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{
			Key:   rapid.Int64Range(0, 6).Draw(t, "key"),
			Tiers: map[string]int64{"standard": rapid.Int64Range(0, 9).Draw(t, "standard"), "agency": rapid.Int64Range(0, 12).Draw(t, "agency")},
		}
		clock := midMinute()
		l := New(limits, clock.now)
		all, polls, tiers := map[string]int64{}, map[string]int64{}, map[string]int64{}
		for range rapid.IntRange(1, 60).Draw(t, "uses") {
			if rapid.IntRange(0, 19).Draw(t, "turn") == 0 {
				clock.at = clock.at.Add(time.Minute)
				all, polls, tiers = map[string]int64{}, map[string]int64{}, map[string]int64{}
			}
			u := Use{
				AccountID: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "account"), Test: rapid.Bool().Draw(t, "test"),
				Classic: rapid.Bool().Draw(t, "classic"), Cost: rapid.SampledFrom([]Cost{One, One, Poll, Nothing}).Draw(t, "cost"),
			}
			u.Tier = map[string]string{"x": "standard", "y": "agency"}[u.AccountID]
			u.KeyID = fmt.Sprint(u.AccountID, u.Test, u.Classic, rapid.IntRange(0, 1).Draw(t, "n"))
			limit := limits.Key
			if u.Classic {
				limit *= 3
			}
			tier := limits.Tiers[u.Tier]
			var want Layer
			switch {
			case u.Cost == Nothing:
			case limit > 0 && (all[u.KeyID] >= limit || u.Cost == Poll && polls[u.KeyID] >= max(1, limit*4/5)):
				want = ByKey
			case tier > 0 && !u.Test && tiers[u.AccountID] >= tier:
				want = ByTier
			default:
				all[u.KeyID]++
				if u.Cost == Poll {
					polls[u.KeyID]++
				}
				if !u.Test {
					tiers[u.AccountID]++
				}
			}
			if got := l.Key(context.Background(), u); got.DeniedBy != want {
				t.Fatalf("%+v: %+v, want denied by %q", u, got, want)
			}
		}
	})
}

// What is told of a key's use is what its requests were told, and asking takes
// nothing.
func TestUsedNowIsWhatVerdictsSaid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		clock := midMinute()
		l := New(Limits{Key: rapid.Int64Range(0, 4).Draw(t, "key"), Tiers: map[string]int64{"standard": rapid.Int64Range(0, 9).Draw(t, "tier")}}, clock.now)
		for range rapid.IntRange(1, 40).Draw(t, "uses") {
			if rapid.IntRange(0, 9).Draw(t, "turn") == 0 {
				clock.at = clock.at.Add(time.Minute)
			}
			u := Use{
				KeyID: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "id"), AccountID: "acc_1", Tier: "standard",
				Test: rapid.Bool().Draw(t, "test"), Classic: rapid.Bool().Draw(t, "classic"), PerMinute: rapid.Int64Range(0, 2).Draw(t, "own"),
			}
			if u.Test {
				u.KeyID += "test"
			}
			before := l.UsedNow(context.Background(), u)
			if again := l.UsedNow(context.Background(), u); again != before {
				t.Fatalf("%+v, then %+v", before, again)
			}
			said := l.Key(context.Background(), u)
			after := l.UsedNow(context.Background(), u)
			if after.Reset != said.Reset || after.TierLimit != said.TierLimit {
				t.Fatalf("%+v; the request was told %+v", after, said)
			}
			if left := max(0, after.TierLimit-after.TierUsed); left != said.TierRemaining {
				t.Fatalf("%+v: %d of the tier's left; the request was told %+v", after, left, said)
			}
			// A verdict tells of the layer that is nearer to its limit.
			nearer := after.Limit - after.Used
			if after.Limit == 0 || after.TierLimit > 0 && after.TierLimit-after.TierUsed < nearer {
				nearer = after.TierLimit - after.TierUsed
			}
			if said.Remaining != max(0, nearer) {
				t.Fatalf("%+v; the request was told %+v", after, said)
			}
			grown := before
			if !said.Denied() && after.Limit > 0 {
				grown.Used++
			}
			if !said.Denied() && after.TierLimit > 0 {
				grown.TierUsed++
			}
			if after != grown {
				t.Fatalf("%+v, then %+v", before, after)
			}
		}
	})
}

// In a new minute nothing is used, before any request of it too.
func TestUsedNowForgetsWithTheMinute(t *testing.T) {
	t.Parallel()
	clock := midMinute()
	l := New(Limits{Key: 4, Tiers: map[string]int64{"standard": 6}}, clock.now)
	u := Use{KeyID: "a", AccountID: "acc_1", Tier: "standard"}
	use(l, u, 3)
	minute := clock.at.Truncate(time.Minute).Unix()
	if got := l.UsedNow(context.Background(), u); got != (Usage{3, 4, 3, 6, minute + 60}) {
		t.Errorf("%+v", got)
	}
	clock.at = clock.at.Add(20 * time.Second)
	if got := l.UsedNow(context.Background(), u); got != (Usage{0, 4, 0, 6, minute + 120}) {
		t.Errorf("in the next minute: %+v", got)
	}
	if got := New(Limits{}, clock.now).UsedNow(context.Background(), u); got != (Usage{Reset: minute + 120}) {
		t.Errorf("without limits: %+v", got)
	}
}

package ratelimit

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/ratelimit/redistest"
)

// counters are those of a server, as a node of its own sees them. On a machine that is
// busy a test waits longer for Redis than a request would.
func counters(t *testing.T, s *redistest.Server, log io.Writer) *Counters {
	t.Helper()
	return countersOf(t, s, "panel", log)
}

func countersOf(t *testing.T, s *redistest.Server, panel string, log io.Writer) *Counters {
	t.Helper()
	return opened(t, s, panel, log, 20*time.Second)
}

func opened(t *testing.T, s *redistest.Server, panel string, log io.Writer, patience time.Duration) *Counters {
	t.Helper()
	c, err := openCounters(s.URL(), panel, slog.New(slog.NewTextHandler(log, nil)), clock.System, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// inOneMinute runs a test again that a minute's end fell into.
func inOneMinute(t *testing.T, test func(run int)) {
	t.Helper()
	for run := range 5 {
		minute := minuteOf(time.Now())
		test(run)
		if minuteOf(time.Now()) == minute {
			return
		}
		if t.Failed() {
			t.Fatal("it failed, though perhaps for the minute's end")
		}
	}
	t.Fatal("a minute ended in each of five runs")
}

// Counters in Redis decide as those in memory do, request by request.
func TestSharedCountersDecideAsMemoryDoes(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := counters(t, server, io.Discard)
	networks := prefixes("7 192.0.2.64/26", "0 198.51.100.0/24", "3 2001:db8:7::/56")
	inOneMinute(t, func(run int) {
		l := usual()
		l.Networks = networks
		here, there := New(l, clock.System), NewShared(l, clock.System, c, fmt.Sprint("same", run))
		random := rand.New(rand.NewPCG(1, uint64(run)))
		ctx := context.Background()
		minute := minuteOf(time.Now())
		for i := range 3000 {
			var a, b any
			from := someAddress(random)
			u := Use{
				KeyID: fmt.Sprint("key", random.IntN(4)), AccountID: fmt.Sprint("acc", random.IntN(2)), Tier: []string{"reseller", "starter", "free"}[random.IntN(3)],
				Test: random.IntN(5) == 0, PerMinute: []int64{0, 9, 25}[random.IntN(3)], Cost: Cost(random.IntN(3)),
			}
			switch random.IntN(8) {
			case 0:
				tier := []string{"reseller", "starter", "free"}[random.IntN(3)]
				here.KeySeen(ctx, from, tier)
				there.told = told{} // each is told
				there.KeySeen(ctx, from, tier)
			case 1, 2, 3:
				a, b = here.Key(ctx, u), there.Key(ctx, u)
			case 4:
				a, b = here.UsedNow(ctx, u), there.UsedNow(ctx, u)
			default:
				a, b = here.Address(ctx, from), there.Address(ctx, from)
			}
			if minuteOf(time.Now()) != minute {
				return
			}
			if a, b := withoutTime(a), withoutTime(b); a != b {
				t.Fatalf("step %d, %s, %+v: memory says %+v, Redis %+v", i, from, u, a, b)
			}
		}
		a, b := here.DeniedAddresses(ctx), there.DeniedAddresses(ctx)
		times := func(all []DeniedAddress) map[netip.Prefix]int64 {
			m := map[netip.Prefix]int64{}
			for _, d := range all {
				m[d.Prefix] = d.Denied
			}
			return m
		}
		if len(a) == 0 || !maps.Equal(times(a), times(b)) {
			t.Errorf("denied addresses in memory %v, in Redis %v", a, b)
		}
	})
	if _, why, ok := c.Away(); !ok {
		t.Errorf("Redis was away: %s", why)
	}
}

// withoutTime leaves out the second that two clocks may differ in.
func withoutTime(v any) any {
	if v, ok := v.(Verdict); ok {
		v.RetryAfter = 0
		v.Limit, v.Remaining = min(v.Limit, noneShared), min(v.Remaining, noneShared-SiteTimes*1000)
		return v
	}
	return v
}

func someAddress(random *rand.Rand) netip.Addr {
	return netip.MustParseAddr([]string{
		"192.0.2.1", "192.0.2.2", "192.0.2.65", "192.0.2.66", "198.51.100.7", "::ffff:192.0.2.1",
		"2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1", "2001:db8:7::1", "2001:db8:7:100::1", "2001:db8:8::1",
	}[random.IntN(14)])
}

// Three nodes let exactly the limit through together, of an address, of a key and of
// a tier, also with clocks that are minutes apart.
func TestNodesShareLimitsExactly(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	inOneMinute(t, func(run int) {
		l := Limits{Address: 200, Key: 150, Tiers: map[string]int64{"standard": 120}}
		var byAddress, byKey, byTier atomic.Int64
		var nodes sync.WaitGroup
		for node := range 3 {
			uneven := func() time.Time { return time.Now().Add(time.Duration(node-1) * 5 * time.Minute) }
			limiter := NewShared(l, uneven, counters(t, server, io.Discard), fmt.Sprint("exact", run))
			for range 8 {
				nodes.Go(func() {
					for i := range 60 {
						if !limiter.Address(t.Context(), netip.MustParseAddr("192.0.2.1")).Denied() {
							byAddress.Add(1)
						}
						if !limiter.Key(t.Context(), Use{KeyID: "test", AccountID: "a", Tier: "standard", Test: true}).Denied() {
							byKey.Add(1)
						}
						if !limiter.Key(t.Context(), Use{KeyID: fmt.Sprint("live", i%3), AccountID: "a", Tier: "standard"}).Denied() {
							byTier.Add(1)
						}
					}
				})
			}
		}
		nodes.Wait()
		if byAddress.Load() != 200 || byKey.Load() != 150 || byTier.Load() != 120 {
			t.Errorf("%d by address, %d by key, %d by tier; want 200, 150, 120", byAddress.Load(), byKey.Load(), byTier.Load())
		}
	})
}

// heard is a log that may be written and read at once.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// While Redis is away, or hangs, a node counts by itself and says so once; every
// request is decided. When it is back the nodes share again.
func TestARedisThatIsAwayFailsNoRequest(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	log := &heard{}
	c := opened(t, server, "panel", log, patience)
	limiter := NewShared(Limits{Key: 1_000_000}, clock.System, c, "away")
	u := Use{KeyID: "k", AccountID: "a", Tier: "standard"}
	decided := func(what string) {
		t.Helper()
		for range 50 {
			if v := limiter.Key(t.Context(), u); v.Denied() || v.Limit != 1_000_000 {
				t.Errorf("%s: %+v", what, v)
			}
		}
		if _, _, ok := c.Away(); ok {
			t.Errorf("%s: it is shared", what)
		}
	}
	back := func(what string) {
		t.Helper()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(time.Minute); time.Now().Before(end); <-tick.C {
			limiter.Key(t.Context(), u)
			if _, _, ok := c.Away(); ok {
				return
			}
		}
		t.Fatalf("%s: not shared again", what)
	}
	back("at first")
	server.Stop()
	decided("stopped")
	server.Restart()
	back("started again")
	if err := syscall.Kill(server.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	decided("hanging")
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("50 requests took %s: they wait for a Redis that hangs", took)
	}
	if err := syscall.Kill(server.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	back("goes on")
	text := log.String()
	if away := strings.Count(text, "counts requests by itself"); away < 2 || away > 10 || strings.Count(text, "Redis answers again") != away {
		t.Errorf("it said:\n%s", text)
	}
}

// An address that sends usable keys has its tier's limit at once when Redis has lost
// what it held, and when it was away as the address came first.
func TestKnownAddressesOutliveARestartOfRedis(t *testing.T) {
	t.Parallel()
	for name, noticed := range map[string]bool{"noticed": true, "unnoticed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			c := counters(t, server, io.Discard)
			first, second := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
			inOneMinute(t, func(run int) {
				limiter := NewShared(Limits{Address: 3, Tiers: map[string]int64{"reseller": 2000}}, clock.System, c, fmt.Sprint("restart", run))
				known := func(what string, from netip.Addr) {
					t.Helper()
					limiter.KeySeen(t.Context(), from, "reseller")
					for range 5 {
						if v := limiter.Address(t.Context(), from); v.Denied() || v.Limit != 2000 {
							t.Errorf("%s: %+v", what, v)
						}
					}
					if _, why, ok := c.Away(); !ok {
						t.Errorf("%s: Redis was away: %s", what, why)
					}
				}
				known("at first", first)
				server.Stop()
				if noticed {
					if c.Ping(t.Context()) == nil {
						t.Error("a stopped Redis answers")
					}
					limiter.KeySeen(t.Context(), second, "reseller")
				}
				server.Restart()
				if noticed {
					if err := c.Ping(t.Context()); err != nil {
						t.Error(err)
					}
				}
				known("started again", first)
				known("first seen meanwhile", second)
			})
		})
	}
}

// What is told already is not told again: it would be a round trip for each request.
func TestASightingIsToldOnce(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := counters(t, server, io.Discard)
	from := netip.MustParseAddr("192.0.2.1")
	inOneMinute(t, func(run int) {
		minute := minuteOf(time.Now())
		limiter := NewShared(Limits{Address: 3, Tiers: map[string]int64{"reseller": 2000}}, clock.System, c, fmt.Sprint("once", run))
		limiter.KeySeen(t.Context(), from, "reseller") // over a connection that may be new
		limiter.KeySeen(t.Context(), from, "reseller")
		if err := c.client.Del(t.Context(), limiter.shared.young).Err(); err != nil {
			t.Fatal(err)
		}
		limiter.KeySeen(t.Context(), from, "reseller")
		if n := c.client.Exists(t.Context(), limiter.shared.young).Val(); n != 0 && minuteOf(time.Now()) == minute {
			t.Error("it was told again")
		}
	})
}

// Panels that use one Redis count apart.
func TestPanelsShareNothing(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	inOneMinute(t, func(run int) {
		for _, panel := range []string{"one", "other"} {
			limiter := NewShared(Limits{Address: 3, Key: 2}, clock.System, countersOf(t, server, panel, io.Discard), fmt.Sprint("api", run))
			for i := range 4 {
				if v := limiter.Address(t.Context(), netip.MustParseAddr("192.0.2.1")); v.Denied() != (i == 3) {
					t.Errorf("%s, request %d by address: %+v", panel, i, v)
				}
				if v := limiter.Key(t.Context(), Use{KeyID: "k", AccountID: "a"}); v.Denied() != (i >= 2) {
					t.Errorf("%s, request %d by key: %+v", panel, i, v)
				}
			}
		}
	})
}

// Of the refused acquaintances the latest are kept, so many and no more, for a day.
func TestSharedDeniedAddressesAreBounded(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := counters(t, server, io.Discard)
	ctx := t.Context()
	limiter := NewShared(Limits{Address: 1, Tiers: map[string]int64{"free": 1}}, clock.System, c, "denied")
	denied := limiter.shared.denied
	yesterday := time.Now().Add(-25 * time.Hour).Unix()
	if err := c.client.ZAdd(ctx, denied, redis.Z{Score: float64(yesterday), Member: "198.51.100.1/32"}).Err(); err != nil {
		t.Fatal(err)
	}
	refuse := func(from netip.Addr) {
		limiter.KeySeen(ctx, from, "free")
		for range 3 { // one of them may fall into the next minute
			limiter.Address(ctx, from)
		}
	}
	refuse(netip.MustParseAddr("192.0.2.1"))
	if listed, err := c.client.ZRange(ctx, denied, 0, -1).Result(); err != nil || len(listed) != 1 || listed[0] != "192.0.2.1/32" {
		t.Errorf("listed are %v, %v", listed, err)
	}
	for i := range maxDenied + 50 {
		refuse(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	if n := c.client.ZCard(ctx, denied).Val(); n != maxDenied {
		t.Errorf("%d are listed, want %d", n, maxDenied)
	}
	if ttl := c.client.TTL(ctx, denied).Val(); ttl <= 0 || ttl > refusedFor {
		t.Errorf("they are kept for %s", ttl)
	}
	all, err := limiter.shared.refused(ctx, time.Now())
	if err != nil || len(all) != maxDenied || all[0].Denied == 0 {
		t.Errorf("%d are told, want %d: %v", len(all), maxDenied, err)
	}
}

// An address that is none is refused, and not said: a password may be in it.
func TestAddressesOfRedis(t *testing.T) {
	t.Parallel()
	for address, good := range map[string]bool{
		"redis://127.0.0.1:6379": true, "redis://:pass@redis:6379/2": true, "rediss://user:pass@redis.example:6380": true,
		"": false, "redis:6379": false, "http://redis:6379": false, "redis://": false, "redis://redis:6379/x": false, "unix:///run/redis.sock": false,
		"redis://:pa ss@redis:6379": false,
	} {
		c, err := OpenCounters(address, "panel", slog.New(slog.DiscardHandler), clock.System)
		if (err == nil) != good || (err != nil && strings.Contains(err.Error(), "pa ss")) {
			t.Errorf("%s: %v", address, err)
		}
		if err == nil {
			_ = c.Close()
		}
	}
}

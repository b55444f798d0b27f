package ratelimit

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// settable is a clock that a test sets.
type settable struct{ at time.Time }

func (s *settable) now() time.Time { return s.at }

// midMinute is 20 seconds before a minute's end.
func midMinute() *settable { return &settable{time.Date(2026, 3, 1, 12, 0, 40, 0, time.UTC)} }

// usual are the default limits, with smaller numbers where tests count to them.
func usual() Limits {
	return Limits{Address: 5, Key: 100, Tiers: map[string]int64{"standard": 300, "reseller": 20, "agency": 30, "starter": 10, "free": 0}}
}

// prefixes reads networks written as "limit prefix".
func prefixes(all ...string) (networks []Network) {
	for _, one := range all {
		var limit int64
		var prefix string
		if _, err := fmt.Sscanf(one, "%d %s", &limit, &prefix); err != nil {
			panic(err)
		}
		networks = append(networks, Network{netip.MustParsePrefix(prefix), limit})
	}
	return networks
}

// spend counts requests from an address until one is refused, at most most.
func spend(l *Limiter, from string, most int) (allowed int, last Verdict) {
	for ; allowed < most; allowed++ {
		if last = l.Address(context.Background(), netip.MustParseAddr(from)); last.Denied() {
			return allowed, last
		}
	}
	return allowed, last
}

// A stranger's address has its limit in each minute, whatever happens at others.
func TestAddressHasItsLimitInEachMinute(t *testing.T) {
	t.Parallel()
	clock := midMinute()
	l := New(usual(), clock.now)
	allowed, denied := spend(l, "192.0.2.1", 100)
	want := Verdict{DeniedBy: ByIP, Limit: 5, Reset: clock.at.Unix() + 20, RetryAfter: 20}
	if allowed != 5 || denied != want {
		t.Errorf("%d allowed, then %+v; want 5, then %+v", allowed, denied, want)
	}
	if allowed, _ := spend(l, "192.0.2.2", 100); allowed != 5 {
		t.Errorf("another address: %d allowed", allowed)
	}
	clock.at = clock.at.Add(19*time.Second + 999*time.Millisecond)
	if allowed, denied := spend(l, "192.0.2.1", 100); allowed != 0 || denied.RetryAfter != 1 {
		t.Errorf("within the minute: %d allowed, then %+v", allowed, denied)
	}
	clock.at = clock.at.Add(time.Millisecond)
	if allowed, denied := spend(l, "192.0.2.1", 100); allowed != 5 || denied.RetryAfter != 60 {
		t.Errorf("in the next minute: %d allowed, then %+v", allowed, denied)
	}
	clock.at = clock.at.Add(-time.Hour)
	if allowed, _ := spend(l, "192.0.2.1", 100); allowed != 5 {
		t.Errorf("after the clock was set back: %d allowed", allowed)
	}
}

// Each row sends from its addresses in turn; the last is asked what it has left.
func TestAddressesThatShareACounter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spent []string // each spends all that it can
		then  string
		left  int
	}{
		"an IPv4 address and itself as IPv6":     {[]string{"192.0.2.1"}, "::ffff:192.0.2.1", 0},
		"two IPv4 addresses as IPv6":             {[]string{"::ffff:192.0.2.1"}, "::ffff:192.0.2.2", 5},
		"one IPv6 /64":                           {[]string{"2001:db8:1:1::1"}, "2001:db8:1:1:ffff::2", 0},
		"two IPv6 /64":                           {[]string{"2001:db8:1:1::1"}, "2001:db8:1:2::1", 5},
		"zones of one link":                      {[]string{"fe80::1%eth0"}, "fe80::1%eth1", 0},
		"a /48 after ten of its /64":             {lines("2001:db8:1", 10), "2001:db8:1:ff::1", 0},
		"a /48 after nine and a half of its /64": {append(lines("2001:db8:1", 9), ""), "2001:db8:1:ff::1", 5},
		"another /48":                            {lines("2001:db8:1", 10), "2001:db8:2::1", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := New(usual(), midMinute().now)
			for _, from := range c.spent {
				if from != "" {
					spend(l, from, 100)
				}
			}
			if allowed, _ := spend(l, c.then, 100); allowed != c.left {
				t.Errorf("%d allowed, want %d", allowed, c.left)
			}
		})
	}
}

// lines returns an address in each of some /64 of a /48.
func lines(site string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%s:%x::1", site, i))
	}
	return all
}

// What a full site refuses takes no place in the table.
func TestRefusedAddressesTakeNoPlace(t *testing.T) {
	t.Parallel()
	l := New(usual(), midMinute().now)
	for _, from := range lines("2001:db8:1", 1000) {
		spend(l, from, 100)
	}
	if got := len(l.addresses.strangers); got != 11 {
		t.Errorf("%d places are taken, want those of ten /64 and their /48", got)
	}
}

// A usable key raises its address to its tier's limit for an hour.
func TestKnownAddressHasItsTiersLimit(t *testing.T) {
	t.Parallel()
	clock := midMinute()
	l := New(usual(), clock.now)
	const from = "192.0.2.1"
	seen := func(tier string) { l.KeySeen(context.Background(), netip.MustParseAddr(from), tier) }
	steps := func(what string, want int) {
		t.Helper()
		clock.at = clock.at.Add(time.Minute)
		if allowed, _ := spend(l, from, 1000); allowed != want {
			t.Errorf("%s: %d allowed, want %d", what, allowed, want)
		}
	}
	steps("a stranger", 5)
	seen("reseller") // at its limit; the minute's use counts on
	if n := len(l.addresses.strangers); n != 0 {
		t.Errorf("%d strangers are left", n)
	}
	if allowed, _ := spend(l, from, 1000); allowed != 15 {
		t.Errorf("in the minute of the first key: %d allowed, want the 15 that are left", allowed)
	}
	steps("after a reseller's key", 20)
	seen("agency")
	steps("after an agency's key too", 30)
	clock.at = clock.at.Add(30 * time.Minute)
	seen("reseller")
	steps("half an hour later", 30)
	clock.at = clock.at.Add(30 * time.Minute)
	steps("when the agency's key was an hour ago", 20)
	seen("reseller")
	clock.at = clock.at.Add(time.Hour)
	steps("after an hour without a key", 5)
	seen("agency")
	clock.at = clock.at.Add(40 * time.Minute)
	seen("reseller")
	clock.at = clock.at.Add(20 * time.Minute)
	seen("starter")
	steps("after keys of three tiers, the highest an hour ago", 20)
	clock.at = clock.at.Add(39 * time.Minute)
	steps("when only the lowest came within the hour", 10)
	clock.at = clock.at.Add(time.Hour)
	seen("free")
	steps("after a key of a tier without a limit", 1000)
}

// A tier's limit below that of addresses lowers nothing.
func TestKnownAddressKeepsTheHigherLimit(t *testing.T) {
	t.Parallel()
	limits := usual()
	limits.Address = 50
	l := New(limits, midMinute().now)
	l.KeySeen(context.Background(), netip.MustParseAddr("192.0.2.1"), "reseller")
	if allowed, _ := spend(l, "192.0.2.1", 1000); allowed != 50 {
		t.Errorf("%d allowed, want 50", allowed)
	}
}

// In IPv6 a key raises its /64, and its /48 to ten times the tier's limit, but
// not the other /64 in it.
func TestKnownSite(t *testing.T) {
	t.Parallel()
	l := New(usual(), midMinute().now)
	l.KeySeen(context.Background(), netip.MustParseAddr("2001:db8:1::1"), "reseller")
	if allowed, _ := spend(l, "2001:db8:1::2", 1000); allowed != 20 {
		t.Errorf("the same /64: %d allowed", allowed)
	}
	total := 20
	for _, from := range lines("2001:db8:1", 100)[1:] {
		allowed, _ := spend(l, from, 1000)
		if allowed > 5 {
			t.Errorf("%s: %d allowed", from, allowed)
		}
		total += allowed
	}
	if total != 200 {
		t.Errorf("%d allowed from the /48, want ten times 20", total)
	}
}

// The operator's networks have their own limits, which keys do not change.
func TestNetworksOfTheOperator(t *testing.T) {
	t.Parallel()
	limits := usual()
	limits.Networks = prefixes("8 203.0.113.0/24", "2 203.0.113.128/25", "0 198.51.100.7/32", "3 2001:db8:9::/56", "7 2001:db8:a::/48", "4 2001:db8:b::1/128")
	for name, c := range map[string]struct {
		from string
		want int
	}{
		"in it":                    {"203.0.113.1", 8},
		"in the narrower":          {"203.0.113.200", 2},
		"written as IPv6":          {"::ffff:203.0.113.1", 8},
		"no limit":                 {"198.51.100.7", 1000},
		"beside it":                {"198.51.100.8", 5},
		"IPv6":                     {"2001:db8:9::1", 3},
		"IPv6, beside it":          {"2001:db8:9:100::1", 5},
		"IPv6, a /48":              {"2001:db8:a::1", 7},
		"one IPv6 address":         {"2001:db8:b::1", 4},
		"beside one IPv6 address":  {"2001:db8:b::2", 5},
		"IPv4 is no part of IPv6":  {"203.0.112.1", 5},
		"no address of the others": {"192.0.2.1", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := New(limits, midMinute().now)
			if allowed, _ := spend(l, c.from, 1000); allowed != c.want {
				t.Errorf("%d allowed, want %d", allowed, c.want)
			}
		})
	}
}

// What the addresses of an operator's network use is not mixed up with what others
// in the same /64 or /48 may, and no key changes their limit.
func TestNetworksOfTheOperatorStandAlone(t *testing.T) {
	t.Parallel()
	limits := usual()
	limits.Networks = prefixes("8 203.0.113.0/24", "4 2001:db8:b::1/128", "60 2001:db8:9::/56")
	l := New(limits, midMinute().now)
	spend(l, "2001:db8:b::1", 1000)
	if allowed, _ := spend(l, "2001:db8:b::2", 1000); allowed != 5 {
		t.Errorf("beside one IPv6 address that is at its limit: %d allowed", allowed)
	}
	spend(l, "2001:db8:9::1", 1000)
	if allowed, _ := spend(l, "2001:db8:9:100::1", 1000); allowed != 5 {
		t.Errorf("in the /48 of a network that used more than others may: %d allowed", allowed)
	}
	l.KeySeen(context.Background(), netip.MustParseAddr("203.0.113.1"), "agency")
	if allowed, _ := spend(l, "203.0.113.1", 1000); allowed != 8 {
		t.Errorf("after a key: %d allowed", allowed)
	}
}

// Without a limit nothing is refused and nothing is kept.
func TestNoLimitOfAddresses(t *testing.T) {
	t.Parallel()
	l := New(Limits{}, midMinute().now)
	l.KeySeen(context.Background(), netip.MustParseAddr("192.0.2.1"), "standard")
	if allowed, v := spend(l, "192.0.2.1", 10_000); allowed != 10_000 || v.Limit != 0 {
		t.Errorf("%d allowed, then %+v", allowed, v)
	}
	if n := len(l.addresses.strangers) + len(l.addresses.known.young); n != 0 {
		t.Errorf("%d addresses are kept", n)
	}
}

// What is no address, of a peer that has none, has one counter.
func TestNoAddress(t *testing.T) {
	t.Parallel()
	l := New(usual(), midMinute().now)
	for range 5 {
		if v := l.Address(context.Background(), netip.Addr{}); v.Denied() {
			t.Errorf("%+v", v)
		}
	}
	l.KeySeen(context.Background(), netip.Addr{}, "agency")
	if v := l.Address(context.Background(), netip.Addr{}); !v.Denied() {
		t.Error("not refused")
	}
}

// stranger returns the n-th of very many addresses in different networks.
func stranger(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// However many addresses come, the table stays bounded; those that find no place
// share one limit, and whoever had sent a key has their own all the same.
func TestTableOfAddressesIsBounded(t *testing.T) {
	t.Parallel()
	clock := midMinute()
	l := New(usual(), clock.now)
	ctx := context.Background()
	known := netip.MustParseAddr("192.0.2.1")
	l.KeySeen(ctx, known, "reseller")
	refused := 0
	for n := range maxStrangers + 1000 {
		if l.Address(ctx, stranger(n)).Denied() {
			refused++
		}
	}
	if refused != 1000-5 {
		t.Errorf("%d refused, want all that found no place but five", refused)
	}
	if got := len(l.addresses.strangers); got > maxStrangers+1 {
		t.Errorf("%d addresses are kept", got)
	}
	if v := l.Address(ctx, netip.MustParseAddr("2001:db8::1")); !v.Denied() {
		t.Error("an IPv6 address without a place was not refused")
	}
	if allowed, _ := spend(l, "10.0.0.7", 100); allowed != 4 {
		t.Errorf("an address with a place: %d more allowed, want 4", allowed)
	}
	if allowed, _ := spend(l, known.String(), 1000); allowed != 20 {
		t.Errorf("an acquaintance: %d allowed, want 20", allowed)
	}
	clock.at = clock.at.Add(time.Minute)
	if allowed, _ := spend(l, "2001:db8::1", 100); allowed != 5 {
		t.Errorf("in the next minute: %d allowed", allowed)
	}
}

// A line that finds no place is counted once in the shared counter.
func TestOverflowCountsALineOnce(t *testing.T) {
	t.Parallel()
	l := New(usual(), midMinute().now)
	for n := range maxStrangers {
		l.Address(context.Background(), stranger(n))
	}
	if allowed, _ := spend(l, "2001:db8::1", 100); allowed != 5 {
		t.Errorf("%d allowed, want the shared 5", allowed)
	}
}

// However many addresses send keys, as many as fit are remembered: those that
// sent one last.
func TestAcquaintancesAreBounded(t *testing.T) {
	t.Parallel()
	l := New(usual(), midMinute().now)
	faithful := netip.MustParseAddr("192.0.2.1")
	for n := range 3*maxKnown + 2000 {
		l.KeySeen(context.Background(), stranger(n), "agency")
		if n%1000 == 0 {
			l.KeySeen(context.Background(), faithful, "reseller")
		}
	}
	if got := len(l.addresses.known.young) + len(l.addresses.known.old); got > maxKnown {
		t.Errorf("%d addresses are remembered", got)
	}
	for prefix := range l.addresses.known.young {
		if l.addresses.known.old[prefix] != nil {
			t.Fatalf("%s is remembered twice", prefix)
		}
	}
	if allowed, _ := spend(l, faithful.String(), 1000); allowed != 20 {
		t.Errorf("one that sent a key again and again: %d allowed, want 20", allowed)
	}
	if allowed, _ := spend(l, stranger(0).String(), 1000); allowed != 5 {
		t.Errorf("the one that sent a key first: %d allowed, want 5", allowed)
	}
}

// The operator sees the customers that were refused by address, and no others.
func TestDeniedAddresses(t *testing.T) {
	t.Parallel()
	clock := midMinute()
	l := New(usual(), clock.now)
	deny := func(from string, times int) {
		allowed, _ := spend(l, from, 1000)
		for range times - 1 {
			l.Address(context.Background(), netip.MustParseAddr(from))
		}
		if allowed == 0 {
			t.Errorf("%s: nothing was allowed", from)
		}
	}
	for _, customer := range []string{"192.0.2.1", "2001:db8::1", "192.0.2.3"} {
		l.KeySeen(context.Background(), netip.MustParseAddr(customer), "reseller")
	}
	first := clock.at
	deny("192.0.2.1", 3)
	deny("203.0.113.9", 2) // a stranger
	clock.at = clock.at.Add(2 * time.Hour)
	deny("2001:db8::2", 1)
	want := []DeniedAddress{
		{netip.MustParsePrefix("2001:db8::/64"), 1, first.Add(2 * time.Hour)},
		{netip.MustParsePrefix("192.0.2.1/32"), 3, first},
	}
	if got := l.DeniedAddresses(context.Background()); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	clock.at = first.Add(25 * time.Hour)
	if got := l.DeniedAddresses(context.Background()); len(got) != 1 {
		t.Errorf("a day later: %v", got)
	}
}

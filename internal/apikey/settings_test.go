package apikey_test

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
)

func networks(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// every is a set of settings of which none is the default.
func every() apikey.Settings {
	dailyCap := 25 * money.Unit
	return apikey.Settings{
		PerMinute: 600, Networks: networks("10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"), DailyCap: &dailyCap,
		ClassicIDs: apikey.StringIDs, AllowGET: true, ReplayWindow: 2 * time.Minute, Descriptions: true,
	}
}

// What a key was made with is what its requests get, looked up or from memory;
// without settings it has the defaults.
func TestSettingsReachTheRequest(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		for _, c := range []struct{ given, want apikey.Settings }{
			{apikey.Settings{}, apikey.Settings{ClassicIDs: apikey.NumberIDs}},
			{every(), every()},
		} {
			k := live(accountID)
			k.Settings, k.Dialect = c.given, apikey.Classic
			value, made := issue(t, n, k)
			for range 2 {
				p, err := n.request(t.Context(), value)
				if err != nil || !reflect.DeepEqual(p.Settings, c.want) {
					t.Errorf("%+v, %v; want %+v", p.Settings, err, c.want)
				}
			}
			if got := n.stored(t, made.ID); !reflect.DeepEqual(got.Settings, c.want) || !reflect.DeepEqual(got, made) {
				t.Errorf("stored %+v", got)
			}
		}
	})
}

// A change holds from the next request on, on every node; what is not named
// stays, and the audit log tells who changed what.
func TestSetHoldsFromTheNextRequestOn(t *testing.T) {
	t.Parallel()
	eachTwoNodes(t, func(t *testing.T, nodes [2]*node, accountID string) {
		value, k := issue(t, nodes[0], live(accountID))
		want := every()
		classic, until := apikey.Classic, nodes[0].now().Add(day).Truncate(time.Second).UTC()
		for _, step := range []struct {
			change apikey.Change
			said   string
			want   func(*apikey.Settings)
		}{
			{apikey.Change{Dialect: &classic, ExpiresAt: &until}, "dialect=classic expires=" + until.Format(time.RFC3339), func(*apikey.Settings) {}},
			{apikey.Change{PerMinute: &want.PerMinute}, "per_minute=600", func(s *apikey.Settings) { s.PerMinute = 600 }},
			{apikey.Change{Networks: &want.Networks}, "networks=10.0.0.0/8,192.0.2.0/24,2001:db8::/32", func(s *apikey.Settings) { s.Networks = want.Networks }},
			{apikey.Change{DailyCap: want.DailyCap}, "daily_cap=25.00", func(s *apikey.Settings) { s.DailyCap = want.DailyCap }},
			{apikey.Change{ClassicIDs: &want.ClassicIDs, AllowGET: &want.AllowGET}, "classic_ids=string allow_get=true", func(s *apikey.Settings) { s.ClassicIDs, s.AllowGET = apikey.StringIDs, true }},
			{apikey.Change{ReplayWindow: &want.ReplayWindow}, "replay_window=2m0s", func(s *apikey.Settings) { s.ReplayWindow = 2 * time.Minute }},
			{apikey.Change{Descriptions: &want.Descriptions}, "descriptions=true", func(s *apikey.Settings) { s.Descriptions = true }},
			{apikey.Change{NoDailyCap: true, Networks: &[]netip.Prefix{}}, "networks= daily_cap=none", func(s *apikey.Settings) { s.DailyCap, s.Networks = nil, nil }},
			{apikey.Change{ExpiresAt: &time.Time{}}, "expires=never", func(*apikey.Settings) {}},
		} {
			for _, n := range nodes { // in memory before it changes
				mustWork(t, n, value)
			}
			step.want(&k.Settings)
			got, err := nodes[0].Set(t.Context(), k.ID, step.change, staff)
			if err != nil || !reflect.DeepEqual(got.Settings, k.Settings) || !reflect.DeepEqual(got.Settings, nodes[1].stored(t, k.ID).Settings) {
				t.Fatalf("%s: %+v, %v", step.said, got, err)
			}
			for _, n := range nodes {
				p, err := n.request(t.Context(), value)
				if err != nil || !reflect.DeepEqual(p.Settings, k.Settings) || p.Dialect != got.Dialect {
					t.Errorf("%s: the next request has %+v, %v", step.said, p, err)
				}
			}
			if actor, said := lastAct(t, nodes[0], k.ID); actor != staff || said != step.said {
				t.Errorf("the audit log says %q of %q, want %q", said, actor, step.said)
			}
		}
		if got := nodes[0].stored(t, k.ID); got.Dialect != apikey.Classic || !got.ExpiresAt.IsZero() {
			t.Errorf("in the end %+v", got)
		}
	})
}

func lastAct(t *testing.T, n *node, keyID string) (actor, detail string) {
	t.Helper()
	err := n.d.Read(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT actor, detail FROM audit_log WHERE action = 'key.set' AND target = $1 ORDER BY seq DESC LIMIT 1`, keyID).Scan(&actor, &detail)
	})
	if err != nil {
		t.Fatal(err)
	}
	return actor, detail
}

// What only a classic key heeds is refused for a native one by its name, and so is
// to make a key native that has it.
func TestClassicSettingsNeedAClassicKey(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		all := every()
		nativeKey, classicKey := live(accountID), live(accountID)
		classicKey.Dialect, classicKey.Settings = apikey.Classic, all
		_, native := issue(t, n, nativeKey)
		_, classic := issue(t, n, classicKey)
		for name, c := range map[string]apikey.Change{
			"classic_ids": {ClassicIDs: &all.ClassicIDs}, "allow_get": {AllowGET: &all.AllowGET},
			"replay_window": {ReplayWindow: &all.ReplayWindow}, "descriptions": {Descriptions: &all.Descriptions},
		} {
			if _, err := n.Set(t.Context(), native.ID, c, staff); !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), name+":") {
				t.Errorf("%s: %v", name, err)
			}
		}
		nativeKey.Settings = apikey.Settings{AllowGET: true, Descriptions: true}
		if _, _, err := n.Issue(t.Context(), nativeKey, staff); !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), "allow_get, descriptions:") {
			t.Errorf("a new key: %v", err)
		}
		to, none, no, numbers := apikey.Native, time.Duration(0), false, apikey.NumberIDs
		if _, err := n.Set(t.Context(), classic.ID, apikey.Change{Dialect: &to}, staff); !fault.Is(err, fault.Invalid) {
			t.Errorf("made native: %v", err)
		}
		if _, err := n.Set(t.Context(), classic.ID, apikey.Change{Dialect: &to, ClassicIDs: &numbers, AllowGET: &no, ReplayWindow: &none, Descriptions: &no}, staff); err != nil {
			t.Errorf("made native without them: %v", err)
		}
	})
}

// What can't be is refused, for a new key and an old one, and changes nothing.
func TestSettingsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		made := live(accountID)
		made.Dialect = apikey.Classic
		_, k := issue(t, n, made)
		before, auth := n.stored(t, k.ID), n.auth(t)
		number := func(v int64) *int64 { return &v }
		negative, soap, hex, second := money.Amount(-1), apikey.Dialect("soap"), apikey.IDs("hex"), time.Second
		half, long, many := 1500*time.Millisecond, 24*time.Hour+time.Second, make([]netip.Prefix, apikey.MaxNetworks+1)
		for i := range many {
			many[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32)
		}
		for name, c := range map[string]apikey.Change{
			"negative per_minute": {PerMinute: number(-1)},
			"large per_minute":    {PerMinute: number(apikey.MaxPerMinute + 1)},
			"negative cap":        {DailyCap: &negative},
			"another dialect":     {Dialect: &soap},
			"other ids":           {ClassicIDs: &hex},
			"half a second":       {ReplayWindow: &half},
			"more than a day":     {ReplayWindow: &long},
			"no network":          {Networks: &[]netip.Prefix{{}}},
			"all of IPv4 in IPv6": {Networks: &[]netip.Prefix{netip.MustParsePrefix("::ffff:0.0.0.0/64")}},
			"many networks":       {Networks: &many},
			"one good, one bad":   {ReplayWindow: &second, PerMinute: number(-1)},
		} {
			if _, err := n.Set(t.Context(), k.ID, c, staff); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := n.Set(t.Context(), id.New(id.Key), apikey.Change{}, staff); !fault.Is(err, fault.NotFound) {
			t.Errorf("no such key: %v", err)
		}
		if !reflect.DeepEqual(n.stored(t, k.ID), before) || n.auth(t) != auth {
			t.Error("a refusal changed something")
		}
		bad := live(accountID)
		bad.PerMinute = -1
		if _, _, err := n.Issue(t.Context(), bad, staff); !fault.Is(err, fault.Invalid) {
			t.Errorf("a new key: %v", err)
		}
	})
}

// A revoked key stays as it is; an expired one wakes only where the account may
// have one more.
func TestSetWakesAnExpiredKeyAsOneMore(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		k := live(accountID)
		k.ExpiresAt = n.now().Add(time.Hour)
		value, old := issue(t, n, k)
		n.advance(2 * time.Hour)
		var last apikey.Key
		for range apikey.MaxActive {
			_, last = issue(t, n, live(accountID))
		}
		never := apikey.Change{ExpiresAt: &time.Time{}}
		if _, err := n.Set(t.Context(), old.ID, never, staff); !fault.Is(err, fault.Conflict) {
			t.Errorf("an eleventh active key: %v", err)
		}
		if _, err := n.Revoke(t.Context(), last.ID, staff); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Set(t.Context(), last.ID, never, staff); !fault.Is(err, fault.Conflict) {
			t.Errorf("a revoked key: %v", err)
		}
		if _, err := n.Set(t.Context(), old.ID, never, staff); err != nil {
			t.Errorf("the tenth: %v", err)
		}
		mustWork(t, n, value)
	})
}

// A key works from its networks alone, in every spelling of an address, judged
// anew for each request.
func TestKeyWorksFromItsNetworks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, accountID string) {
		k := live(accountID)
		k.Networks = networks("192.0.2.7/24", "::ffff:198.51.100.0/120", "2001:db8:1::/48", "203.0.113.9/32")
		value, made := issue(t, n, k)
		if got := apikey.NetworksText(made.Networks); got != "192.0.2.0/24,198.51.100.0/24,203.0.113.9/32,2001:db8:1::/48" {
			t.Errorf("its networks are %s", got)
		}
		open, _ := issue(t, n, live(accountID))
		auth := n.auth(t)
		for range 2 { // the second time some of it is in memory
			for text, usable := range map[string]bool{
				"192.0.2.1": true, "192.0.2.255": true, "192.0.3.1": false, "198.51.100.4": true, "::ffff:192.0.2.1": true, "::ffff:192.0.3.1": false,
				"203.0.113.9": true, "203.0.113.10": false, "2001:db8:1:2::3": true, "2001:db8:1::3%eth0": true, "2001:db8:2::3": false, "": false,
			} {
				var from netip.Addr
				if text != "" {
					from = netip.MustParseAddr(text)
				}
				_, err := n.Authenticate(t.Context(), value, auth, from)
				if usable && err != nil || !usable && !errors.Is(err, apikey.ErrUnusable) {
					t.Errorf("from %q: %v", text, err)
				}
				if _, err := n.Authenticate(t.Context(), open, auth, from); err != nil {
					t.Errorf("a key without networks from %q: %v", text, err)
				}
			}
		}
	})
}

// Networks are read as they are written, and nothing else is taken for one.
func TestParseNetworks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", " , ": "", "203.0.113.5": "203.0.113.5/32", " 10.0.0.0/8 ,2001:db8::1": "10.0.0.0/8,2001:db8::1/128",
	} {
		got, err := apikey.ParseNetworks(text)
		if err != nil || apikey.NetworksText(got) != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"everywhere", "10.0.0.0/33", "10.0.0", "fe80::1%eth0", "10.0.0.0/8;10.1.0.0/16", "10.0.0.0/-1"} {
		if got, err := apikey.ParseNetworks(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// A key in memory that is used from elsewhere costs what an unknown one costs.
func TestRefusedAddressCostsOneLookUp(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *node, _ string) {
		fresh, cached := fromElsewhere(t, n)
		wantCosts(t, n, map[string]string{"fresh": fresh, "cached": cached, "unknown": apikey.NewValue(apikey.Live)}, 1)
		auth := n.auth(t)
		for _, value := range []string{fresh, cached} { // being refused spoils nothing
			if _, err := n.Authenticate(t.Context(), value, auth, netip.MustParseAddr("203.0.113.200")); err != nil {
				t.Errorf("from its network: %v", err)
			}
		}
	})
}

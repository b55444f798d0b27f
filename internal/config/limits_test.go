package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/ratelimit"
)

// Without values nothing is limited.
func TestNoLimits(t *testing.T) {
	t.Parallel()
	got, err := Limits{}.RateLimits()
	if err != nil || got.Address != 0 || got.Key != 0 || len(got.Tiers) != 0 || len(got.Networks) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Networks are read as the addresses of requests will be compared with them.
func TestLimitsOfNetworks(t *testing.T) {
	t.Parallel()
	l := Limits{LimitTiers: " standard = 0 ,reseller=0,agency=7,", LimitNetworks: " 203.0.113.9/24 = 5000 , 2001:db8::/32=0,198.51.100.7=3,::ffff:192.0.2.0/120=4,"}
	got, err := l.RateLimits()
	if err != nil {
		t.Fatal(err)
	}
	want := []ratelimit.Network{
		{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Limit: 5000},
		{Prefix: netip.MustParsePrefix("2001:db8::/32")},
		{Prefix: netip.MustParsePrefix("198.51.100.7/32"), Limit: 3},
		{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Limit: 4},
	}
	if !slices.Equal(got.Networks, want) {
		t.Errorf("%v, want %v", got.Networks, want)
	}
	if got.Tiers["agency"] != 7 || got.Tiers["standard"] != 0 {
		t.Errorf("%v", got.Tiers)
	}
}

// What can't be meant is refused with the setting's name and what is wrong.
func TestLimitsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	const tiers = "standard=1,reseller=2,agency=3"
	for name, c := range map[string]struct {
		limits  Limits
		setting string
		what    string
	}{
		"no Redis":           {Limits{RedisURL: "redis:6379"}, "NOTPANEL_REDIS_URL", "must be redis://"},
		"negative ip":        {Limits{LimitIP: -1}, "NOTPANEL_LIMIT_IP", "between 0"},
		"very large ip":      {Limits{LimitIP: maxLimit + 1}, "NOTPANEL_LIMIT_IP", "between 0"},
		"negative key":       {Limits{LimitKey: -1}, "NOTPANEL_LIMIT_KEY", "between 0"},
		"a tier is missing":  {Limits{LimitTiers: "standard=1,agency=3"}, "NOTPANEL_LIMIT_TIERS", "reseller is missing"},
		"a tier is unknown":  {Limits{LimitTiers: tiers + ",gold=4"}, "NOTPANEL_LIMIT_TIERS", `"gold" is no tier`},
		"a tier comes twice": {Limits{LimitTiers: tiers + ",agency=4"}, "NOTPANEL_LIMIT_TIERS", "agency comes twice"},
		"in capitals":        {Limits{LimitTiers: "Standard=1,reseller=2,agency=3"}, "NOTPANEL_LIMIT_TIERS", `"Standard" is no tier`},
		"no limit":           {Limits{LimitTiers: "standard"}, "NOTPANEL_LIMIT_TIERS", `"standard" must be`},
		"no number":          {Limits{LimitTiers: "standard=many"}, "NOTPANEL_LIMIT_TIERS", `"standard=many" must be`},
		"a negative tier":    {Limits{LimitTiers: "standard=-1"}, "NOTPANEL_LIMIT_TIERS", "between 0"},
		"a fraction":         {Limits{LimitTiers: "standard=1.5"}, "NOTPANEL_LIMIT_TIERS", "must be"},
		"no network":         {Limits{LimitNetworks: "everybody=5"}, "NOTPANEL_LIMIT_NETWORKS", `"everybody"`},
		"an empty network":   {Limits{LimitNetworks: "=5"}, "NOTPANEL_LIMIT_NETWORKS", "belongs to no network"},
		"a network alone":    {Limits{LimitNetworks: "203.0.113.0/24"}, "NOTPANEL_LIMIT_NETWORKS", "must be"},
		"a network twice":    {Limits{LimitNetworks: "203.0.113.0/24=1,203.0.113.7/24=2"}, "NOTPANEL_LIMIT_NETWORKS", "comes twice"},
		"a zone":             {Limits{LimitNetworks: "fe80::1%eth0=1"}, "NOTPANEL_LIMIT_NETWORKS", "no address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.limits.Validate()
			if err == nil || !strings.Contains(err.Error(), c.setting) || !strings.Contains(err.Error(), c.what) {
				t.Errorf("%v; want %s and %q", err, c.setting, c.what)
			}
		})
	}
}

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/ratelimit"
)

// Limits say how many requests a minute are answered. Without values nothing is
// limited.
type Limits struct {
	LimitIP       int64  `env:"NOTPANEL_LIMIT_IP" default:"300" help:"Requests a minute from an address; one that sent a usable key has its tier's limit where that is higher. 0 is no limit."`
	LimitKey      int64  `env:"NOTPANEL_LIMIT_KEY" default:"100" help:"Requests a minute with a key that has no limit of its own; classic keys have three times it. 0 is no limit."`
	LimitTiers    string `env:"NOTPANEL_LIMIT_TIERS" default:"standard=300,reseller=1200,agency=6000" help:"Requests a minute with all live keys of an account together, by tier. 0 is no limit, and so is an empty list."`
	LimitPages    int64  `env:"NOTPANEL_LIMIT_PAGES" default:"600" help:"Pages and forms a minute from an address; style sheets and fonts don't count. 0 is no limit."`
	RedisURL      string `name:"redis-url" env:"NOTPANEL_REDIS_URL" help:"Redis, for several nodes that share these limits: redis://HOST:6379, or rediss:// for TLS. With a password it belongs into the environment or NOTPANEL_REDIS_URL_FILE. Without Redis each node counts by itself."`
	LimitNetworks string `env:"NOTPANEL_LIMIT_NETWORKS" help:"Networks whose addresses have another limit, such as 203.0.113.0/24=5000,2001:db8::/32=0. 0 is no limit."`
}

// maxLimit bounds a limit: more than a minute can hold, and far from overflow.
const maxLimit = 1_000_000_000

// RateLimits returns the limits that the settings say.
func (l Limits) RateLimits() (limits ratelimit.Limits, err error) {
	for name, n := range map[string]int64{
		"NOTPANEL_LIMIT_IP": l.LimitIP, "NOTPANEL_LIMIT_KEY": l.LimitKey, "NOTPANEL_LIMIT_PAGES": l.LimitPages,
	} {
		if n < 0 || n > maxLimit {
			return limits, fmt.Errorf("%s must be a whole number between 0 (no limit) and %d", name, maxLimit)
		}
	}
	limits = ratelimit.Limits{Address: l.LimitIP, Key: l.LimitKey}
	if limits.Tiers, err = parseTiers(l.LimitTiers); err != nil {
		return limits, fmt.Errorf("NOTPANEL_LIMIT_TIERS: %w", err)
	}
	if limits.Networks, err = parseNetworks(l.LimitNetworks); err != nil {
		return limits, fmt.Errorf("NOTPANEL_LIMIT_NETWORKS: %w", err)
	}
	return limits, nil
}

// PageLimits are the limits of the pages: those of addresses alone.
func (l Limits) PageLimits() (ratelimit.Limits, error) {
	limits, err := l.RateLimits()
	return ratelimit.Limits{Address: l.LimitPages, Networks: limits.Networks}, err
}

// Redis returns the address of the shared counters, "" where there is none.
func (l Limits) Redis() (address string, err error) {
	address = l.RedisURL
	if file := os.Getenv("NOTPANEL_REDIS_URL_FILE"); file != "" {
		if address != "" {
			return "", errors.New("NOTPANEL_REDIS_URL and NOTPANEL_REDIS_URL_FILE are both set: set one")
		}
		if address, err = line(file); err != nil {
			return "", fmt.Errorf("NOTPANEL_REDIS_URL_FILE: %w", err)
		}
	}
	if address == "" {
		return "", nil
	}
	if err := ratelimit.CheckAddress(address); err != nil {
		return "", fmt.Errorf("NOTPANEL_REDIS_URL %w", err)
	}
	return address, nil
}

// Validate checks the settings.
func (l Limits) Validate() error {
	if _, err := l.RateLimits(); err != nil {
		return err
	}
	_, err := l.Redis()
	return err
}

// parseTiers reads a list that names every tier: one that was forgotten would have
// no limit.
func parseTiers(s string) (map[string]int64, error) {
	tiers := map[string]int64{}
	if strings.TrimSpace(s) == "" {
		return tiers, nil
	}
	known := []string{string(account.Standard), string(account.Reseller), string(account.Agency)}
	err := eachLimit(s, func(name string, limit int64) error {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%q is no tier; there are %s", name, strings.Join(known, ", "))
		}
		if _, twice := tiers[name]; twice {
			return fmt.Errorf("%s comes twice", name)
		}
		tiers[name] = limit
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range known {
		if _, ok := tiers[name]; !ok {
			return nil, fmt.Errorf("%s is missing; %s=0 gives it no limit", name, name)
		}
	}
	return tiers, nil
}

func parseNetworks(s string) (networks []ratelimit.Network, err error) {
	seen := map[netip.Prefix]bool{}
	err = eachLimit(s, func(name string, limit int64) error {
		list, err := outbound.ParseAllow(name)
		if err != nil {
			return err
		}
		if len(list) != 1 {
			return fmt.Errorf("a limit of %d belongs to no network", limit)
		}
		if seen[list[0]] {
			return fmt.Errorf("%s comes twice", list[0])
		}
		seen[list[0]] = true
		networks = append(networks, ratelimit.Network{Prefix: list[0], Limit: limit})
		return nil
	})
	return networks, err
}

// eachLimit reads a list of name=limit, separated by commas.
func eachLimit(s string, each func(name string, limit int64) error) error {
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, value, ok := strings.Cut(item, "=")
		limit, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if !ok || err != nil || limit < 0 || limit > maxLimit {
			return fmt.Errorf("%q must be NAME=LIMIT with a limit between 0 (none) and %d", item, maxLimit)
		}
		if err := each(strings.TrimSpace(name), limit); err != nil {
			return err
		}
	}
	return nil
}

package apikey

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// Bounds of a key's settings.
const (
	MaxPerMinute    = 1_000_000
	MaxNetworks     = 64
	MaxReplayWindow = 24 * time.Hour
)

// IDs is how the classic dialect writes ids that its strict clients want as text.
type IDs string

// The forms of ids.
const (
	NumberIDs IDs = "number"
	StringIDs IDs = "string"
)

// Settings are what the owner of a key may decide about it. The zero value is
// the panel's defaults.
type Settings struct {
	PerMinute    int64          // requests a minute; 0: the panel's default
	Networks     []netip.Prefix // where it may be used from; empty: from anywhere
	DailyCap     *money.Amount  // what it may spend on a day of UTC, gross; nil: no cap
	ClassicIDs   IDs            // "" is NumberIDs
	AllowGET     bool           // classic: orders by GET too
	ReplayWindow time.Duration  // classic: an equal order within it is the same one; 0: none
	Descriptions bool           // classic: services are listed with their descriptions
}

// check refuses settings that can't be, and puts the others in their one form.
func (s *Settings) check() error {
	if s.ClassicIDs == "" {
		s.ClassicIDs = NumberIDs
	}
	switch {
	case s.PerMinute < 0 || s.PerMinute > MaxPerMinute:
		return fault.Newf(fault.Invalid, "requests a minute must be between 0 and %d; 0 is the panel's default", MaxPerMinute)
	case len(s.Networks) > MaxNetworks:
		return fault.Newf(fault.Invalid, "a key has at most %d networks", MaxNetworks)
	case s.DailyCap != nil && *s.DailyCap < 0:
		return fault.New(fault.Invalid, "the daily cap must not be negative")
	case s.ClassicIDs != NumberIDs && s.ClassicIDs != StringIDs:
		return fault.Newf(fault.Invalid, "classic ids must be %s or %s", NumberIDs, StringIDs)
	case s.ReplayWindow < 0 || s.ReplayWindow > MaxReplayWindow || s.ReplayWindow%time.Second != 0:
		return fault.Newf(fault.Invalid, "the replay window must be whole seconds, at most %d", MaxReplayWindow/time.Second)
	}
	networks := make([]netip.Prefix, 0, len(s.Networks))
	for _, n := range s.Networks {
		n, ok := normalNetwork(n)
		if !ok {
			return fault.New(fault.Invalid, "a network must be an address or a CIDR such as 203.0.113.0/24")
		}
		networks = append(networks, n)
	}
	slices.SortFunc(networks, netip.Prefix.Compare)
	s.Networks = slices.Compact(networks)
	if len(s.Networks) == 0 {
		s.Networks = nil
	}
	return nil
}

// fit refuses settings that a key of the dialect would not heed: who has set one
// counts on it.
func (s *Settings) fit(d Dialect) error {
	if d != Native {
		return nil
	}
	var unused []string
	for _, setting := range []struct {
		name string
		set  bool
	}{
		{"classic_ids", s.ClassicIDs != "" && s.ClassicIDs != NumberIDs},
		{"allow_get", s.AllowGET},
		{"replay_window", s.ReplayWindow != 0},
		{"descriptions", s.Descriptions},
	} {
		if setting.set {
			unused = append(unused, setting.name)
		}
	}
	if len(unused) > 0 {
		return fault.Newf(fault.Invalid, "%s: for classic keys only, and this one is native: leave it out or take it back", strings.Join(unused, ", "))
	}
	return nil
}

// normalNetwork returns a network in its one spelling: IPv4 as such, host bits off.
func normalNetwork(n netip.Prefix) (netip.Prefix, bool) {
	const mapped = 96 // bits before an IPv4 address inside IPv6
	if n.IsValid() && n.Addr().Is4In6() {
		if n.Bits() < mapped {
			return n, false
		}
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-mapped)
	}
	return n.Masked(), n.IsValid()
}

// ParseNetworks reads addresses and CIDRs that are separated by commas.
func ParseNetworks(text string) (all []netip.Prefix, err error) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := netip.ParsePrefix(part)
		if one, errOne := netip.ParseAddr(part); errOne == nil && one.Zone() == "" {
			n, err = netip.PrefixFrom(one, one.BitLen()), nil
		}
		if err != nil {
			return nil, fault.Newf(fault.Invalid, "%q is no address and no CIDR such as 203.0.113.0/24", part)
		}
		all = append(all, n)
	}
	return all, nil
}

// NetworksText writes networks as ParseNetworks reads them.
func NetworksText(all []netip.Prefix) string {
	parts := make([]string, len(all))
	for i, n := range all {
		parts[i] = n.String()
	}
	return strings.Join(parts, ",")
}

// allows reports whether a key with these settings may be used from an address.
// An address that nobody knows is in no network.
func (s *Settings) allows(from netip.Addr) bool {
	if len(s.Networks) == 0 {
		return true
	}
	from = from.Unmap().WithZone("")
	return slices.ContainsFunc(s.Networks, func(n netip.Prefix) bool { return n.Contains(from) })
}

// settingColumns are read by scanned and written by stored, in this order.
const settingColumns = `per_minute, networks, daily_cap, classic_ids, allow_get, replay_window, descriptions`

// scanned returns where settingColumns are read to; its networks and window are
// text and seconds until unpack.
type scanned struct {
	networks string
	seconds  int64
}

func (c *scanned) into(s *Settings) []any {
	return []any{&s.PerMinute, &c.networks, &s.DailyCap, &s.ClassicIDs, &s.AllowGET, &c.seconds, &s.Descriptions}
}

// unpack completes settings that were read.
func (c *scanned) unpack(s *Settings) (err error) {
	s.ReplayWindow = time.Duration(c.seconds) * time.Second
	s.Networks, err = ParseNetworks(c.networks)
	return err
}

// stored returns the values of settingColumns.
func (s *Settings) stored() []any {
	var dailyCap any
	if s.DailyCap != nil {
		dailyCap = int64(*s.DailyCap)
	}
	return []any{s.PerMinute, NetworksText(s.Networks), dailyCap, string(s.ClassicIDs), s.AllowGET, int64(s.ReplayWindow / time.Second), s.Descriptions}
}

// Change is what Set changes of a key; nil leaves a thing as it is.
type Change struct {
	Name         *string
	Dialect      *Dialect
	ExpiresAt    *time.Time // the zero time: never
	PerMinute    *int64
	Networks     *[]netip.Prefix // empty: from anywhere
	DailyCap     *money.Amount
	NoDailyCap   bool // takes the cap away
	ClassicIDs   *IDs
	AllowGET     *bool
	ReplayWindow *time.Duration
	Descriptions *bool
}

// apply changes k and says what was changed, for the audit log.
func (c Change) apply(k *Key) string {
	var said []string
	say := func(name, value string) { said = append(said, name+"="+value) }
	if c.Name != nil {
		k.Name = *c.Name
		say("name", strconv.Quote(k.Name))
	}
	if c.Dialect != nil {
		k.Dialect = *c.Dialect
		say("dialect", string(k.Dialect))
	}
	if c.ExpiresAt != nil {
		k.ExpiresAt = *c.ExpiresAt
		say("expires", whenText(k.ExpiresAt))
	}
	if c.PerMinute != nil {
		k.PerMinute = *c.PerMinute
		say("per_minute", strconv.FormatInt(k.PerMinute, 10))
	}
	if c.Networks != nil {
		k.Networks = *c.Networks
		say("networks", NetworksText(k.Networks))
	}
	if c.DailyCap != nil || c.NoDailyCap {
		k.DailyCap = c.DailyCap
		say("daily_cap", capText(k.DailyCap))
	}
	if c.ClassicIDs != nil {
		k.ClassicIDs = *c.ClassicIDs
		say("classic_ids", string(k.ClassicIDs))
	}
	if c.AllowGET != nil {
		k.AllowGET = *c.AllowGET
		say("allow_get", strconv.FormatBool(k.AllowGET))
	}
	if c.ReplayWindow != nil {
		k.ReplayWindow = *c.ReplayWindow
		say("replay_window", k.ReplayWindow.String())
	}
	if c.Descriptions != nil {
		k.Descriptions = *c.Descriptions
		say("descriptions", strconv.FormatBool(k.Descriptions))
	}
	return strings.Join(said, " ")
}

func whenText(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format(time.RFC3339)
}

func capText(most *money.Amount) string {
	if most == nil {
		return "none"
	}
	return most.String()
}

// Set changes a key that is not revoked. The change holds from the next request
// on, on every node. To wake an expired key counts as making one.
func (s *Store) Set(ctx context.Context, keyID string, c Change, actor string) (k Key, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if k, err = active(tx, keyID); err != nil {
			return err
		}
		expired := !k.Active(tx.Now)
		said := c.apply(&k)
		if err := errors.Join(checkName(k.Name), checkDialect(k.Dialect), k.check()); err != nil {
			return err
		}
		if err := k.fit(k.Dialect); err != nil {
			return err
		}
		if expired && k.Active(tx.Now) {
			if err := countActive(tx, k.AccountID); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`
			UPDATE api_keys SET name = $2, dialect = $3, expires_at = $4, per_minute = $5, networks = $6, daily_cap = $7,
				classic_ids = $8, allow_get = $9, replay_window = $10, descriptions = $11
			WHERE id = $1`, append([]any{k.ID, k.Name, string(k.Dialect), db.At(k.ExpiresAt)}, k.stored()...)...)
		if err != nil {
			return fmt.Errorf("set key: %w", err)
		}
		if err := epoch.MoveAuth(tx); err != nil {
			return err
		}
		return account.Record(tx, actor, "key.set", k.ID, said)
	})
	if err != nil {
		return Key{}, err
	}
	return k, nil
}

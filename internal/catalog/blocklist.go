package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/plain"
)

// BlockedTarget is an entry of the block-list.
type BlockedTarget struct {
	Pattern   string // a host, a host and a path, or both with parameters
	Reason    string
	Actor     string // who wrote the reason; "": nobody knows
	CreatedAt time.Time
	ChangedAt time.Time // when the reason was written
}

// MaxBlockReason is how long the reason of an entry may be, in characters.
const MaxBlockReason = 500

// Target is what an entry of the block-list keeps people from ordering for, in parts
// that people can read.
type Target struct {
	Pattern string   // as the list keeps it
	Host    string   // with all names below it, but of an address in numbers
	Path    string   // with all below it; "": the whole host
	Values  []string // parameters that a link has to have, as name=value
	Number  bool     // the host is an address in numbers, which has no names below it

	read blocked
}

// ReadTarget reads a target as ParsePattern does.
func ReadTarget(text string) (t Target, err error) {
	if t.Pattern, err = ParsePattern(text); err != nil {
		return t, err
	}
	t.read = readBlocked(t.Pattern)
	t.Host, t.Path = t.read.host, t.read.path
	_, notNumber := netip.ParseAddr(t.Host)
	t.Number = notNumber == nil
	for _, name := range slices.Sorted(maps.Keys(t.read.values)) {
		for _, value := range t.read.values[name] {
			t.Values = append(t.Values, name+"="+value)
		}
	}
	return t, nil
}

// Stops reports whether nobody could order for a link if the target were on the
// block-list.
func (t Target) Stops(l Link) bool {
	for host, more := l.site, l.err == nil && l.site != ""; more; _, host, more = strings.Cut(host, ".") {
		if host == t.Host && t.read.holds(l) {
			return true
		}
	}
	return false
}

// link is a link to what the target is, at a host and with more behind its path.
func (t Target) link(host, more string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	u := url.URL{Scheme: "https", Host: host, Path: "/" + t.Path + more, RawQuery: t.read.values.Encode()}
	return u.String()
}

// Examples are links that the target stops, and some beside them that it does not.
func (t Target) Examples() (stopped, free []string) {
	below := "/more"
	if t.Path == "" {
		below = "more"
	}
	inside, outside := []string{t.link(t.Host, ""), t.link(t.Host, below)}, []string{}
	if !t.Number {
		inside = append(inside, t.link("m."+t.Host, ""))
	}
	whole := t
	whole.read.values = nil
	switch {
	case len(t.Values) > 0:
		outside = append(outside, whole.link(t.Host, ""))
	case t.Path != "":
		outside = append(outside, whole.link(t.Host, "-2"))
	case !t.Number:
		outside = append(outside, whole.link("not-"+t.Host, ""))
	}
	// What is said of them is what the rule itself says.
	for _, link := range inside {
		if t.Stops(ReadLink(link)) {
			stopped = append(stopped, link)
		}
	}
	for _, link := range outside {
		if !t.Stops(ReadLink(link)) {
			free = append(free, link)
		}
	}
	return stopped, free
}

// Within returns the entries that stop all that the target stops, itself among them.
func (s *Snapshot) Within(t Target) []string { return s.BlockedBy(ReadLink(t.link(t.Host, ""))) }

// Block lets nobody order for a target from the next request on, and returns
// the entry as it is kept. To block it again changes the reason.
func (s *Store) Block(ctx context.Context, pattern, reason, actor string) (b BlockedTarget, err error) {
	if b.Pattern, err = ParsePattern(pattern); err != nil {
		return b, err
	}
	switch b.Reason = strings.TrimSpace(reason); {
	case b.Reason == "":
		return b, fault.New(fault.Invalid, "reason must not be empty").Because(fault.BadField, "reason")
	case utf8.RuneCountInString(b.Reason) > MaxBlockReason:
		return b, fault.Newf(fault.Invalid, "reason must have at most %d characters", MaxBlockReason).Because(fault.BadField, "reason")
	}
	if err := plain.Line("reason", b.Reason); err != nil {
		return b, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		detail, before := b.Reason, ""
		switch err := tx.QueryRow(`SELECT reason FROM blocked_targets WHERE pattern = $1`, b.Pattern).Scan(&before); {
		case err == nil:
			detail = before + " → " + b.Reason
		case !errors.Is(err, db.ErrNoRows):
			return fmt.Errorf("block %s: %w", b.Pattern, err)
		}
		b.Actor, b.ChangedAt = actor, tx.Now
		err := tx.QueryRow(`INSERT INTO blocked_targets (pattern, reason, actor, created_at, changed_at) VALUES ($1, $2, $3, $4, $4)
			ON CONFLICT (pattern) DO UPDATE SET reason = $2, actor = $3, changed_at = $4 RETURNING created_at`,
			b.Pattern, b.Reason, actor, db.At(tx.Now)).Scan(db.Time(&b.CreatedAt))
		if err != nil {
			return fmt.Errorf("block %s: %w", b.Pattern, err)
		}
		return account.Record(tx, actor, "block.add", b.Pattern, detail)
	})
	return b, err
}

// Unblock takes a target off the block-list and returns its pattern.
func (s *Store) Unblock(ctx context.Context, pattern, actor string) (string, error) {
	pattern, err := ParsePattern(pattern)
	if err != nil {
		return "", err
	}
	return pattern, s.db.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		var reason string
		err := tx.QueryRow(`DELETE FROM blocked_targets WHERE pattern = $1 RETURNING reason`, pattern).Scan(&reason)
		if errors.Is(err, db.ErrNoRows) {
			return fault.Newf(fault.NotFound, "%s is not on the block-list: `notpanel block list` shows it", pattern)
		}
		if err != nil {
			return fmt.Errorf("unblock %s: %w", pattern, err)
		}
		return account.Record(tx, actor, "block.remove", pattern, reason)
	})
}

const blockedColumns = `SELECT pattern, reason, actor, created_at, changed_at FROM blocked_targets`

func scanBlocked(r db.Scanner) (b BlockedTarget, err error) {
	err = r.Scan(&b.Pattern, &b.Reason, &b.Actor, db.Time(&b.CreatedAt), db.Time(&b.ChangedAt))
	return b, err
}

// BlockList returns the block-list by pattern.
func (s *Store) BlockList(ctx context.Context) ([]BlockedTarget, error) {
	return s.blocked(ctx, ` ORDER BY pattern`)
}

// BlockPage returns a page of the block-list by pattern: what is behind one of its
// patterns; "" begins.
func (s *Store) BlockPage(ctx context.Context, after string, limit int) ([]BlockedTarget, error) {
	return s.blocked(ctx, ` WHERE pattern > $1 ORDER BY pattern LIMIT $2`, after, limit)
}

// BlockedOf returns the entries with these patterns.
func (s *Store) BlockedOf(ctx context.Context, patterns []string) ([]BlockedTarget, error) {
	return s.blocked(ctx, ` WHERE pattern = ANY($1) ORDER BY pattern`, patterns)
}

func (s *Store) blocked(ctx context.Context, rest string, args ...any) (all []BlockedTarget, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanBlocked, blockedColumns+rest, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the block-list: %w", err)
	}
	return all, nil
}

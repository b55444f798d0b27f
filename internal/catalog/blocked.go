package catalog

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/plain"
)

// blocked is a target that nobody may order for: a host with all below it, or
// one of its paths with all below that.
type blocked struct{ host, path string }

func scanBlocked(s db.Scanner) (b blocked, err error) {
	var pattern string
	err = s.Scan(&pattern)
	b.host, b.path, _ = strings.Cut(pattern, "/")
	return b, err
}

// Blocked reports whether the operator lets nobody order for a link, however the
// link is spelled. What can't be read as a link is blocked where anything is.
func (s *Snapshot) Blocked(link string) bool {
	if len(s.blocked) == 0 {
		return false
	}
	u, err := parseLink(link)
	if err != nil {
		return strings.Contains(link, "//") // a name of an account is no link
	}
	if u.Host == "" {
		return false
	}
	site, paths := siteOf(u), spellings(u.EscapedPath())
	return slices.ContainsFunc(s.blocked, func(b blocked) bool {
		return within(site, b.host) && (b.path == "" || slices.ContainsFunc(paths, b.holds))
	})
}

// holds reports whether a path is the blocked one or below it.
func (b blocked) holds(p string) bool { return p == b.path || strings.HasPrefix(p, b.path+"/") }

// spellings returns what an escaped path may mean: servers differ in how often
// they decode it, whether an escaped slash is one, and whether dots count before
// or after that. The last is the one that is decoded through and through.
func spellings(escaped string) []string {
	const most = 4 // nobody decodes more often
	all := []string{plainPath(escaped)}
	whole, parts := escaped, escaped
	for range most {
		whole, parts = decoded(whole), decoded(escapedSlash.Replace(parts))
		all = append(all, plainPath(parts), plainPath(whole))
	}
	return all
}

// escapedSlash lets a slash that is escaped stay so through one decoding.
//
//nolint:gochecknoglobals // has no state
var escapedSlash = strings.NewReplacer("%2f", "%252f", "%2F", "%252F", "%5c", "%255c", "%5C", "%255C")

// decoded takes one layer of escapes off, as far as they are ones.
func decoded(p string) string {
	if plain, err := url.PathUnescape(p); err == nil {
		return plain
	}
	return p
}

// plainPath is a path in the one spelling that rules are compared in: small
// letters, no blanks, no dot segments, no slash at either end. Most sites take
// names in any case, and to block too much costs less than to block too little.
func plainPath(p string) string {
	p = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		case r == '\\':
			return '/'
		}
		return unicode.ToLower(r)
	}, p)
	p = strings.ReplaceAll(p, "%2e", ".") // a dot for browsers, decoded or not
	return strings.TrimPrefix(path.Clean("/"+p), "/")
}

// BlockedTarget is an entry of the block-list.
type BlockedTarget struct {
	Pattern   string // a host, or a host and a path
	Reason    string
	CreatedAt time.Time
}

// maxPattern bounds an entry of the block-list, in bytes.
const maxPattern = 500

// ParsePattern reads a target as people write it, an address among them, and
// returns it as the block-list keeps it.
func ParsePattern(text string) (string, error) {
	refused := func(why string) (string, error) {
		return "", fault.Newf(fault.Invalid, "pattern must be a host or a host and a path, such as shop.example or site.example/name: %s", why)
	}
	rest := strings.TrimSpace(text)
	if scheme, after, found := strings.Cut(rest, "://"); found {
		if !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
			return refused("only http and https lead to a target")
		}
		rest = after
	}
	switch {
	case len(rest) > maxPattern:
		return refused("it is too long")
	case plain.Line("pattern", rest) != nil || strings.ContainsFunc(rest, unicode.IsSpace):
		return refused("it has blanks or control characters")
	case strings.ContainsAny(rest, "?#*@"):
		return refused("queries, fragments, wildcards and users have no place in it")
	}
	u, err := parseLink("http://" + rest)
	if err != nil || u.Hostname() == "" {
		return refused("it has no host")
	}
	if u.Port() != "" {
		return refused("a host is blocked on all its ports")
	}
	site := siteOf(u)
	if _, err := netip.ParseAddr(site); err != nil && !isName(site) {
		return refused(u.Hostname() + " is no name of a host")
	}
	pattern := site
	if paths := spellings(u.EscapedPath()); paths[len(paths)-1] != "" {
		pattern += "/" + paths[len(paths)-1]
	}
	return pattern, nil
}

// isName reports whether a canonical host is a name with a dot in it.
func isName(host string) bool {
	labels := strings.Split(host, ".")
	return len(labels) > 1 && len(host) <= 253 && !slices.ContainsFunc(labels, func(label string) bool {
		return label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
		})
	})
}

// Block lets nobody order for a target from the next request on, and returns
// the entry as it is kept. To block it again changes the reason.
func (s *Store) Block(ctx context.Context, pattern, reason, actor string) (b BlockedTarget, err error) {
	if b.Pattern, err = ParsePattern(pattern); err != nil {
		return b, err
	}
	if b.Reason = strings.TrimSpace(reason); b.Reason == "" {
		return b, fault.New(fault.Invalid, "reason must not be empty")
	}
	if err := plain.Line("reason", b.Reason); err != nil {
		return b, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		err := tx.QueryRow(`INSERT INTO blocked_targets (pattern, reason, created_at) VALUES ($1, $2, $3)
			ON CONFLICT (pattern) DO UPDATE SET reason = $2 RETURNING created_at`, b.Pattern, b.Reason, db.At(tx.Now)).Scan(db.Time(&b.CreatedAt))
		if err != nil {
			return fmt.Errorf("block %s: %w", b.Pattern, err)
		}
		return account.Record(tx, actor, "block.add", b.Pattern, b.Reason)
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
		found, err := tx.ExecOne(`DELETE FROM blocked_targets WHERE pattern = $1`, pattern)
		if err != nil {
			return fmt.Errorf("unblock %s: %w", pattern, err)
		}
		if !found {
			return fault.Newf(fault.NotFound, "%s is not on the block-list: `notpanel block list` shows it", pattern)
		}
		return account.Record(tx, actor, "block.remove", pattern, "")
	})
}

// BlockList returns the block-list by pattern.
func (s *Store) BlockList(ctx context.Context) (all []BlockedTarget, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(r db.Scanner) (b BlockedTarget, err error) {
			err = r.Scan(&b.Pattern, &b.Reason, db.Time(&b.CreatedAt))
			return b, err
		}, `SELECT pattern, reason, created_at FROM blocked_targets ORDER BY pattern`)
		return err
	})
	return all, err
}

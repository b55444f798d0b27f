package catalog

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/plain"
)

// blocked is a target that nobody may order for: a host with all below it, or
// one of its paths with all below that, or such a path with some parameters.
type blocked struct {
	host, path string
	values     url.Values
	pattern    string // as the list keeps it
}

// blockList is the block-list by host, so that a list of any length costs an
// order the same.
type blockList map[string][]blocked

func loadBlocked(tx *db.Tx) (blockList, error) {
	all := blockList{}
	err := tx.Each(func(s db.Scanner) error {
		var pattern string
		err := s.Scan(&pattern)
		all.add(pattern)
		return err
	}, `SELECT pattern FROM blocked_targets ORDER BY pattern`)
	if err != nil {
		return nil, fmt.Errorf("load blocked targets: %w", err)
	}
	return all, nil
}

// add reads a pattern as ParsePattern writes it.
func (l blockList) add(pattern string) {
	b := readBlocked(pattern)
	l[b.host] = append(l[b.host], b)
}

func readBlocked(pattern string) blocked {
	b := blocked{pattern: pattern}
	rest, query, _ := strings.Cut(pattern, "?")
	b.host, b.path, _ = strings.Cut(rest, "/")
	b.path = decoded(b.path)
	b.values, _ = url.ParseQuery(query) // it was encoded here
	return b
}

// Blocked reports whether the operator lets nobody order for a link, however it
// was spelled. What has the form of an address and can't be read as one is
// blocked where anything is; the name of an account is none.
func (s *Snapshot) Blocked(l Link) bool {
	if l.err != nil {
		return len(s.blocked) > 0
	}
	for host, more := l.site, l.site != ""; more; _, host, more = strings.Cut(host, ".") {
		if slices.ContainsFunc(s.blocked[host], func(b blocked) bool { return b.holds(l) }) {
			return true
		}
	}
	return false
}

// BlockedBy returns the entries of the block-list that keep people from ordering for
// a link, the widest host last. One that can't be read is kept out by no entry alone.
func (s *Snapshot) BlockedBy(l Link) (patterns []string) {
	for host, more := l.site, l.err == nil && l.site != ""; more; _, host, more = strings.Cut(host, ".") {
		for _, b := range s.blocked[host] {
			if b.holds(l) {
				patterns = append(patterns, b.pattern)
			}
		}
	}
	return patterns
}

// holds reports whether a link to the host leads to what is blocked of it.
func (b blocked) holds(l Link) bool {
	if b.path != "" && !slices.ContainsFunc(l.spelled, func(p string) bool {
		return strings.HasPrefix(p, b.path) && (len(p) == len(b.path) || p[len(b.path)] == '/')
	}) {
		return false
	}
	for name, values := range b.values {
		for _, v := range values {
			if !slices.Contains(l.values[name], v) {
				return false
			}
		}
	}
	return true
}

// mostLayers is how often a path is decoded at most; no server does it more often.
const mostLayers = 4

// spellings returns what an escaped path may mean: servers differ in how often
// they decode it, whether an escaped slash is one, and whether dots count before
// or after that.
func spellings(escaped string) []string {
	all := []string{plainPath(escaped)}
	whole, parts := escaped, escaped
	for range mostLayers {
		if !strings.Contains(parts, "%") {
			break
		}
		whole, parts = decoded(whole), decoded(escapedSlash.Replace(parts))
		for _, p := range []string{plainPath(parts), plainPath(whole)} {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// plainest returns an escaped path decoded through and through, as the block-list
// keeps it.
func plainest(escaped string) string {
	for range mostLayers {
		escaped = decoded(escaped)
	}
	return plainPath(escaped)
}

// escapedSlash lets a slash that is escaped stay so through one decoding.
//
//nolint:gochecknoglobals // has no state
var escapedSlash = strings.NewReplacer("%2f", "%252f", "%2F", "%252F", "%5c", "%255c", "%5C", "%255C")

// decoded takes one layer of escapes off, as far as they are ones: those who decode
// twice pass a stray percent sign over.
func decoded(p string) string {
	if !strings.Contains(p, "%") {
		return p
	}
	const length = 3 // of an escape
	var b strings.Builder
	for len(p) > 0 {
		if p[0] == '%' && len(p) >= length {
			if c, err := strconv.ParseUint(p[1:length], 16, 8); err == nil {
				b.WriteByte(byte(c))
				p = p[length:]
				continue
			}
		}
		b.WriteByte(p[0])
		p = p[1:]
	}
	return b.String()
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

// maxPattern bounds an entry of the block-list, in bytes.
const maxPattern = 500

// ParsePattern reads a target as people write it, an address among them, and
// returns it as the block-list keeps it, which it reads as the same again.
func ParsePattern(text string) (string, error) {
	pattern, why := readPattern(text)
	if why == "" {
		if again, _ := readPattern(pattern); again != pattern {
			why = "it has escapes in escapes"
		}
	}
	if why != "" {
		return "", fault.Newf(fault.Invalid,
			"pattern must be a host, a host and a path, or these with parameters, such as shop.example, site.example/name or site.example/watch?v=x: %s", why)
	}
	return pattern, nil
}

// readPattern is ParsePattern; why tells what is wrong.
func readPattern(text string) (pattern, why string) {
	rest := strings.TrimSpace(text)
	if scheme, after, found := strings.Cut(rest, "://"); found && !strings.ContainsAny(scheme, "/?") {
		if !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
			return "", "only http and https lead to a target"
		}
		rest = after
	}
	authority := rest
	if i := strings.IndexAny(rest, `/\?`); i >= 0 {
		authority = rest[:i]
	}
	if _, err := netip.ParseAddr(authority); err == nil && strings.Contains(authority, ":") {
		rest = "[" + authority + "]" + rest[len(authority):] // as it is kept
	}
	switch {
	case len(rest) > maxPattern:
		return "", "it is too long"
	case plain.Line("pattern", rest) != nil || strings.ContainsFunc(rest, unicode.IsSpace):
		return "", "it has blanks or control characters"
	case strings.ContainsAny(rest, "#*"), strings.Contains(authority, "@"):
		return "", "fragments, wildcards and users have no place in it"
	case authority == "":
		return "", "it has no host"
	case strings.HasPrefix(rest, authority+"?"):
		return "", "parameters follow a path: " + authority + "/" + rest[len(authority):]
	}
	l := ReadLink("http://" + rest)
	switch _, err := netip.ParseAddr(l.site); {
	case l.err != nil || l.site == "", err != nil && !isName(l.site):
		return "", authority + " is no name of a host"
	case l.port != "":
		return "", "a host is blocked on all its ports"
	case l.query == "":
		return l.site + strings.TrimSuffix(writtenPath(rest), "/"), ""
	case l.query != l.values.Encode():
		return "", "its parameters can't be read"
	}
	return l.site + writtenPath(rest) + "?" + l.query, ""
}

// writtenPath is the path of a pattern, with escapes for what would be read as
// something else.
func writtenPath(pattern string) string {
	u, err := url.Parse("http://" + strings.ReplaceAll(pattern, `\`, "/"))
	if err != nil {
		return ""
	}
	return "/" + written.Replace(plainest(u.EscapedPath()))
}

//nolint:gochecknoglobals // has no state
var written = strings.NewReplacer("%", "%25", "?", "%3F", "#", "%23", "*", "%2A")

// isName reports whether a canonical host is a name with a dot in it.
func isName(host string) bool {
	labels := strings.Split(host, ".")
	return len(labels) > 1 && len(host) <= 253 && !slices.ContainsFunc(labels, func(label string) bool {
		return label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
		})
	})
}

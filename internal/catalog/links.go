package catalog

import (
	"errors"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// LinkForm says which parts of a link tell two targets of a service apart. Case
// of scheme and host, a default port, a slash at the end and the fragment never do.
type LinkForm string

// The forms, from the finest to the coarsest.
const (
	FormQuery LinkForm = "query" // host, path and query
	FormPath  LinkForm = "path"  // host and path
	FormHost  LinkForm = "host"
)

// Link is a link, or a name in the place of one, as it was read once. The rules
// are held against it and never against its text: reading costs, so it is done
// before a request waits for its turn.
type Link struct {
	name    string   // what it stands for where it is no address
	site    string   // its host in the one spelling that it has here; "" where it is a name
	address string   // site and port
	path    string   // clean, without a slash at the end
	query   string   // in one order; "" is none
	port    string   // as it was said
	spelled []string // what its path may mean
	values  url.Values
	bare    bool // a name with a dot in it, which may be one of a host
	err     error
}

// Err tells why what has the form of an address can't be read as one.
func (l Link) Err() error { return l.err }

// IsAddress reports whether it leads to a host. The name of an account does not.
func (l Link) IsAddress() bool { return l.err != nil || l.site != "" && !l.bare }

// maxLink bounds what is read as a link, in bytes.
const maxLink = 4096

var (
	errLong = errors.New("it is too long for a link")
	errHost = errors.New("its host is no name of a host")
)

// dots are the ones that part a host's labels.
const dots = ".。．｡"

// ReadLink reads a link as browsers do, or a name of an account. Providers take
// site.example/name for a link too, so it is one here.
func ReadLink(text string) Link {
	switch {
	case len(text) > maxLink:
		return Link{err: errLong}
	case hasTwoHosts(text):
		return Link{err: errHost}
	}
	l := Link{name: strings.ToLower(strings.TrimSpace(text))}
	scheme, rest, schemed := withoutScheme(text)
	authority, after := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, after = rest[:i], rest[i:]
	}
	if !schemed {
		authority = tidyAuthority(authority)
	}
	dotted := strings.ContainsAny(authority, dots)
	if !schemed && !dotted && after == "" {
		return l
	}
	l.bare = !schemed && !strings.HasPrefix(after, "/")
	if err := l.read(scheme, authority+after); err != nil && (schemed || dotted && !l.bare) {
		l.err = err
	}
	if !schemed && !isHost(l.site) || l.err != nil {
		l.site = ""
	}
	return l
}

// hasTwoHosts reports an address whose host depends on who reads it: a backslash
// ends it for browsers, and for others belongs to the user before the @.
func hasTwoHosts(text string) bool {
	if _, rest, found := strings.Cut(text, "://"); found {
		text = rest
	}
	if i := strings.IndexAny(text, "/?#"); i >= 0 {
		text = text[:i]
	}
	_, after, found := strings.Cut(text, `\`)
	return found && strings.Contains(after, "@")
}

// withoutScheme parts a link from its scheme and the slashes behind that. For
// browsers tabs and line ends are not there, and a backslash before the query is
// a slash.
func withoutScheme(text string) (scheme, rest string, found bool) {
	text = strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, strings.TrimSpace(text))
	end := strings.IndexAny(text, "?#")
	if end < 0 {
		end = len(text)
	}
	rest = strings.ReplaceAll(text[:end], `\`, "/") + text[end:]
	if before, after, ok := strings.Cut(rest, ":"); ok {
		scheme = strings.ToLower(before)
		web := scheme == "http" || scheme == "https"
		if web || isScheme(scheme) && strings.HasPrefix(after, "/") {
			return scheme, strings.TrimLeft(after, "/"), true
		}
	}
	return "", strings.TrimLeft(rest, "/"), strings.HasPrefix(rest, "//")
}

// isScheme leaves out the schemes with a dot: that is a host with an empty port.
func isScheme(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '+' && r != '-'
	})
}

// tidyAuthority takes blanks and escapes out of what may be a host without a
// scheme: whoever follows it adds the scheme and passes both over.
func tidyAuthority(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, decoded(s))
}

// read fills in an address without its scheme.
func (l *Link) read(scheme, rest string) error {
	u, err := url.Parse("http://" + rest)
	if err != nil {
		return err //nolint:wrapcheck // nobody is shown it
	}
	if u.Host == "" {
		return nil
	}
	host, err := canonicalHost(u.Hostname())
	if err != nil {
		return err
	}
	l.site, l.port = strings.TrimPrefix(host, "www."), u.Port()
	l.address = l.site
	switch {
	case l.port == "", l.port == "80" && scheme != "https", l.port == "443" && scheme != "http":
	default:
		l.address += ":" + l.port
	}
	clean := url.URL{Path: path.Clean("/" + u.Path)}
	l.path = strings.TrimSuffix(clean.EscapedPath(), "/")
	l.spelled = spellings(u.EscapedPath())
	l.readQuery(u.RawQuery)
	return nil
}

// readQuery reads the parameters of an address. Some servers part them with
// semicolons too.
func (l *Link) readQuery(raw string) {
	if raw == "" {
		return
	}
	values, err := url.ParseQuery(raw)
	if err == nil {
		l.query, l.values = values.Encode(), values
		return
	}
	l.query = raw // to leave out a part would make two targets one
	if l.values, _ = url.ParseQuery(strings.ReplaceAll(raw, ";", "&")); l.values == nil {
		l.values = values
		return
	}
	for name, more := range values {
		l.values[name] = append(l.values[name], more...)
	}
}

// TakesLink reports whether a link's host is one that the service works on. A
// host in the rule stands for all below it too; no hosts are any host.
func (s *Service) TakesLink(l Link) bool {
	if l.err != nil {
		return false
	}
	return len(s.LinkHosts) == 0 || !l.bare && slices.ContainsFunc(s.LinkHosts, func(host string) bool { return within(l.site, host) })
}

// Target returns what a link or a name stands for, in the one spelling that
// equal targets of the service have. The link itself is sent as it came.
func (s *Service) Target(l Link) string {
	switch {
	case l.site == "" || l.bare:
		return l.name
	case s.LinkForm == FormHost:
		return l.address
	case s.LinkForm != FormQuery || l.query == "":
		return l.address + l.path
	}
	return l.address + l.path + "?" + l.query
}

// lookup turns a name into the form in which it is looked up: lower case, wide
// and composed letters as plain ones, foreign letters as punycode. As in
// browsers, hyphens may stand anywhere: a label that a profile refuses would
// leave the others as they were spelled.
//
//nolint:gochecknoglobals // has no state
var lookup = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false))

// The bounds of a host's name and of each of its labels.
const (
	maxHost  = 253
	maxLabel = 63
)

// longLetters are the ones that stand for whole sentences, of up to 18 letters; no
// other is for more than six. No host has them.
const longLetters = "\ufdfa\ufdfb"

// canonicalHost returns the one spelling of a host that may be written in many:
// in capitals, with dots at its end, in foreign letters, an address as one number
// or in octal. It fails where browsers do.
func canonicalHost(host string) (string, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().WithZone("").String(), nil
	}
	name, ok := lookedUp(strings.TrimRight(host, dots))
	name = strings.TrimRight(name, ".") // a last label may stand for nothing and leave its dot
	if !ok || name == "" || strings.ContainsFunc(name, partsURL) {
		return "", errHost
	}
	if address, err := netip.ParseAddr(name); err == nil {
		return address.Unmap().WithZone("").String(), nil
	}
	if address, ok := numericHost(name); ok {
		return address.String(), nil
	}
	return name, nil
}

// lookedUp is the form in which a host is looked up. Foreign letters take time by
// the square of their number, so their number is bounded first, and the first
// label that is too long ends it.
func lookedUp(host string) (name string, ok bool) {
	if utf8.RuneCountInString(host) > maxHost {
		return "", false
	}
	labels := strings.Split(strings.Map(func(r rune) rune {
		if strings.ContainsRune(dots, r) {
			return '.'
		}
		return r
	}, host), ".")
	for i, label := range labels {
		if utf8.RuneCountInString(label) > maxLabel || strings.ContainsAny(label, longLetters) {
			return "", false
		}
		plain := strings.ToLower(label)
		if !isASCII(label) || strings.HasPrefix(plain, "xn--") {
			var err error
			if plain, err = lookup.ToASCII(label); err != nil || len(plain) > maxLabel {
				return "", false
			}
		}
		labels[i] = plain
	}
	name = strings.Join(labels, ".")
	return name, len(name) <= maxHost
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// partsURL reports what no host has, because it has a meaning in a URL.
func partsURL(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`#/:<>?@[\]^|%`, r)
}

// isHost reports whether a canonical host can be one of the world's: a name with
// a dot, or an address.
func isHost(site string) bool { return strings.ContainsAny(site, ".:") }

// numericHost reads an IPv4 address as browsers do: one to four numbers, decimal,
// octal or hexadecimal, of which the last fills the bytes that are left.
func numericHost(name string) (address netip.Addr, ok bool) {
	parts := strings.Split(name, ".")
	if len(parts) > 4 {
		return address, false
	}
	var sum uint64
	for i, part := range parts {
		n, ok := numericPart(part)
		bytes := 1
		if i == len(parts)-1 {
			bytes = 4 - i
		}
		if !ok || n >= 1<<(8*bytes) {
			return address, false
		}
		sum = sum<<(8*bytes) | n
	}
	return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}), true
}

func numericPart(part string) (n uint64, ok bool) {
	base := 10
	switch {
	case strings.HasPrefix(part, "0x"):
		part, base = part[2:], 16
		if part == "" {
			return 0, true
		}
	case len(part) > 1 && part[0] == '0':
		base = 8
	}
	n, err := strconv.ParseUint(part, base, 32)
	return n, err == nil
}

// within reports whether host is domain or below it.
func within(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain)
}

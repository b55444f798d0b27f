package outbound

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/notpanel/notpanel/internal/fault"
)

const (
	// MaxURL is how many characters an address that a customer names may have.
	MaxURL = 2048
	// lookupTimeout bounds the look-up of its name.
	lookupTimeout = 5 * time.Second
)

// The flaws of an address in words for the customer. A name that does not
// resolve, one that takes too long and a private address share a text, so that
// nobody maps a private network with it.
const (
	mustBeAbsolute = "must be absolute"
	mustBeURL      = "must be a valid URL"
	mustPrint      = "must not hold spaces, control characters or backslashes"
	mustNotUser    = "must not hold user info"
	mustNotPart    = "must not hold a fragment"
	mustHaveHost   = "must have a valid host"
	mustNotEndDot  = "must have a host without a dot at its end"
	mustBePublic   = "must lead to a public address"
)

// bad is the refusal of an address; cause is for the log.
func bad(must string, cause error) error {
	return fault.Wrap(fault.Invalid, "url "+must, cause).Because(fault.BadField, "url")
}

// CheckURL reads an address that a customer wants to be called at and returns
// the spelling of it that is to be kept and called: scheme and host in small
// ASCII letters, no default port, nothing but ASCII. It is refused, with a fault
// that tells the customer why, where its form is not the policy's, or where any
// address that its host has now may not be dialled. An error that is no fault
// says that ctx ended first.
//
// Only hosts that all programs read alike are taken: a name of letters, digits,
// hyphens and underscores, in foreign letters as IDNA 2008 registers it, or an
// address in its usual form. Numbers that some programs take for an IPv4
// address, dots of other scripts, zones, escapes and a dot at the end are not.
//
// The answer is good for now only: a name may lead elsewhere when it is called,
// and then the address dialled decides. It may be the panel's own address. A
// delivery carries nothing there that its receiver could not send from anywhere.
func (g *Guard) CheckURL(ctx context.Context, raw string) (string, error) {
	u, port, err := g.readURL(raw)
	if err != nil {
		return "", err
	}
	if err := g.leadsOut(ctx, u, port); err != nil {
		return "", err
	}
	return u.String(), nil
}

// readURL checks the form alone.
func (g *Guard) readURL(raw string) (*url.URL, uint16, error) {
	if err := checkText(raw); err != nil {
		return nil, 0, err
	}
	scheme, authority, rest, err := g.parts(raw)
	if err != nil {
		return nil, 0, err
	}
	host, portText := cutPort(authority)
	host, err = readHost(host)
	if err != nil {
		return nil, 0, err
	}
	port, usual, err := g.readPort(scheme, portText)
	if err != nil {
		return nil, 0, err
	}
	if !usual {
		host += portText
	}
	u, err := url.Parse(scheme + "://" + host + escapeRest(rest))
	if err != nil || u.Host != host {
		return nil, 0, bad(mustBeURL, err)
	}
	if len(u.String()) > MaxURL {
		return nil, 0, bad(mustBeShort(), nil)
	}
	return u, port, nil
}

func mustBeShort() string { return fmt.Sprintf("must have at most %d characters", MaxURL) }

// checkText refuses what no address is made of. Marks that can't be seen are
// refused too: they make two addresses look like one.
func checkText(raw string) error {
	unprintable := func(r rune) bool { return r == ' ' || r == '\\' || !unicode.IsPrint(r) }
	switch {
	case len(raw) > MaxURL*utf8.UTFMax || utf8.RuneCountInString(raw) > MaxURL:
		return bad(mustBeShort(), nil)
	case !utf8.ValidString(raw) || strings.ContainsFunc(raw, unprintable):
		return bad(mustPrint, nil)
	case strings.Contains(raw, "#"):
		return bad(mustNotPart, nil)
	}
	return nil
}

// parts cuts an address as RFC 3986 does: the authority ends where the path or
// the query begins.
func (g *Guard) parts(raw string) (scheme, authority, rest string, err error) {
	scheme, rest, found := strings.Cut(raw, "://")
	if !found || scheme == "" || strings.ContainsAny(scheme, "/?:@") {
		return "", "", "", bad(mustBeAbsolute, nil)
	}
	scheme = strings.ToLower(scheme)
	switch {
	case !g.policy.Plain && scheme != "https":
		return "", "", "", bad("must be https", nil)
	case scheme != "https" && scheme != "http":
		return "", "", "", bad("must be http or https", nil)
	}
	authority, rest = rest, ""
	if end := strings.IndexAny(authority, "/?"); end >= 0 {
		authority, rest = authority[:end], authority[end:]
	}
	if !strings.HasPrefix(rest, "/") {
		rest = "/" + rest
	}
	switch {
	case authority == "":
		return "", "", "", bad(mustBeAbsolute, nil)
	case strings.Contains(authority, "@"):
		return "", "", "", bad(mustNotUser, nil)
	}
	return scheme, authority, rest, nil
}

// cutPort parts a host from what follows it from its colon on.
func cutPort(authority string) (host, port string) {
	from := 0
	if strings.HasPrefix(authority, "[") {
		from = strings.Index(authority, "]") + 1
	}
	if colon := strings.Index(authority[from:], ":"); colon >= 0 {
		return authority[:from+colon], authority[from+colon:]
	}
	return authority, ""
}

// readPort reads a port with its colon, or none. It reports whether the scheme
// has that port without being told.
func (g *Guard) readPort(scheme, text string) (port uint16, usual bool, err error) {
	standard := uint16(443)
	if scheme == "http" {
		standard = 80
	}
	port = standard
	if text != "" {
		number, err := strconv.ParseUint(text[1:], 10, 16)
		if err != nil || number == 0 || text != ":"+strconv.FormatUint(number, 10) {
			return 0, false, bad(g.mustHavePort(), err)
		}
		port = uint16(number)
	}
	if len(g.policy.Ports) > 0 && !slices.Contains(g.policy.Ports, port) {
		return 0, false, bad(g.mustHavePort(), nil)
	}
	return port, port == standard, nil
}

func (g *Guard) mustHavePort() string {
	if len(g.policy.Ports) == 0 {
		return "must have a port from 1 to 65535"
	}
	names := make([]string, len(g.policy.Ports))
	for i, port := range g.policy.Ports {
		names[i] = strconv.FormatUint(uint64(port), 10)
	}
	return "must have port " + strings.Join(names, " or ")
}

// readHost returns a host in its one spelling.
func readHost(host string) (string, error) {
	if strings.HasPrefix(host, "[") {
		return readIPv6(host)
	}
	if strings.HasSuffix(host, ".") {
		return "", bad(mustNotEndDot, nil)
	}
	host, err := hostNames().ToASCII(lower(host))
	if err != nil || !isName(host) {
		return "", bad(mustHaveHost, err)
	}
	if endsInNumber(host) {
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is4() {
			return "", bad(mustHaveHost, err)
		}
	}
	return host, nil
}

// readIPv6 takes no zone, which says something on this machine alone, and no
// IPv4 address in IPv6's clothes.
func readIPv6(host string) (string, error) {
	inner, closed := strings.CutSuffix(host[1:], "]")
	addr, err := netip.ParseAddr(inner)
	if err != nil || !closed || !addr.Is6() || addr.Is4In6() || addr.Zone() != "" {
		return "", bad(mustHaveHost, err)
	}
	return "[" + addr.String() + "]", nil
}

// hostNames maps nothing: what would have to be mapped, such as letters of full
// width, dots of other scripts and digits in circles, is refused.
func hostNames() *idna.Profile {
	return idna.New(idna.ValidateForRegistration(), idna.StrictDomainName(false), idna.CheckHyphens(false))
}

// lower makes ASCII letters small and no others: a few of those have an ASCII
// letter as their small one.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// isName reports whether resolvers take host for a name, or for an address in
// digits and dots.
func isName(host string) bool {
	labels := "." + host + "."
	return !strings.Contains(labels, ".-") && !strings.Contains(labels, "-.") && !strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// endsInNumber reports whether programs may take a host for an IPv4 address:
// all that have the rule from the WHATWG's URL standard look at the last label.
func endsInNumber(host string) bool {
	last := host[strings.LastIndex(host, ".")+1:]
	digits := func(s, set string) bool { return strings.Trim(s, set) == "" }
	hex, found := strings.CutPrefix(last, "0x")
	return digits(last, "0123456789") || found && digits(hex, "0123456789abcdef")
}

// escapeRest returns path and query with everything escaped that may not stand
// in them. Escapes that are there stay as they are.
func escapeRest(rest string) string {
	var b strings.Builder
	for i := range len(rest) {
		c := rest[i]
		if c < utf8.RuneSelf && !strings.ContainsRune("\"<>^`{|}", rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// leadsOut refuses a host of which any address may not be dialled.
func (g *Guard) leadsOut(ctx context.Context, u *url.URL, port uint16) error {
	agrees := g.check
	if u.Scheme == "http" {
		agrees = g.checkPlain
	}
	within, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addresses, err := g.resolver.LookupNetIP(within, "ip", u.Hostname())
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("look up a host: %w", ctx.Err())
	case err != nil || len(addresses) == 0:
		return bad(mustBePublic, err)
	}
	for _, a := range addresses {
		if err := agrees("tcp6", netip.AddrPortFrom(a, port).String()); err != nil {
			return bad(mustBePublic, err)
		}
	}
	return nil
}

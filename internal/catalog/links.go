package catalog

import (
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

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

// TakesLink reports whether a link's host is one that the service works on. A
// host in the rule stands for all below it too; no hosts are any host.
func (s *Service) TakesLink(link string) bool {
	u, err := parseLink(link)
	if err != nil {
		return false
	}
	return len(s.LinkHosts) == 0 || slices.ContainsFunc(s.LinkHosts, func(host string) bool { return within(siteOf(u), host) })
}

// Target returns what a link or a name stands for, in the one spelling that
// equal targets of the service have. The link itself is sent as it came.
func (s *Service) Target(link string) string {
	u, err := parseLink(link)
	if err != nil || u.Host == "" {
		return strings.ToLower(strings.TrimSpace(link))
	}
	target := siteOf(u)
	switch port := u.Port(); {
	case port == "", u.Scheme == "http" && port == "80", u.Scheme == "https" && port == "443":
	default:
		target += ":" + port
	}
	if s.LinkForm == FormHost {
		return target
	}
	clean := url.URL{Path: path.Clean("/" + u.Path)}
	target += strings.TrimSuffix(clean.EscapedPath(), "/")
	if s.LinkForm != FormQuery || u.RawQuery == "" {
		return target
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return target + "?" + u.RawQuery // to leave out a part would make two targets one
	}
	return target + "?" + query.Encode()
}

// parseLink reads a link as browsers do: tabs and line ends in it are not there,
// and a backslash before the query is a slash.
func parseLink(link string) (*url.URL, error) {
	link = strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return -1
		}
		return r
	}, strings.TrimSpace(link))
	end := strings.IndexAny(link, "?#")
	if end < 0 {
		end = len(link)
	}
	return url.Parse(strings.ReplaceAll(link[:end], `\`, "/") + link[end:]) //nolint:wrapcheck // nobody is shown it
}

// siteOf returns a link's host in the one spelling that it has here, without
// www. and port.
func siteOf(u *url.URL) string { return strings.TrimPrefix(canonicalHost(u.Hostname()), "www.") }

// lookup turns a name into the form in which it is looked up: lower case, wide
// and composed letters as plain ones, foreign letters as punycode.
//
//nolint:gochecknoglobals // has no state
var lookup = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// canonicalHost returns the one spelling of a host that may be written in many:
// in capitals, with dots at its end, in foreign letters, an address as one number
// or in octal.
func canonicalHost(host string) string {
	name, err := lookup.ToASCII(host)
	if err != nil || name == "" {
		name = strings.ToLower(host)
	}
	name = strings.TrimRight(name, ".")
	if address, err := netip.ParseAddr(name); err == nil {
		return address.Unmap().WithZone("").String()
	}
	if address, ok := numericHost(name); ok {
		return address.String()
	}
	return name
}

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

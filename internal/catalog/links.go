package catalog

import (
	"net/url"
	"slices"
	"strings"

	"github.com/notpanel/notpanel/internal/db"
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
	u, err := url.Parse(link)
	if err != nil {
		return false
	}
	return len(s.LinkHosts) == 0 || slices.ContainsFunc(s.LinkHosts, func(host string) bool { return within(hostOf(u), host) })
}

// Target returns what a link or a name stands for, in the one spelling that
// equal targets of the service have. The link itself is sent as it came.
func (s *Service) Target(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" {
		return strings.ToLower(strings.TrimSpace(link))
	}
	target := hostOf(u)
	if s.LinkForm == FormHost {
		return target
	}
	target += strings.TrimRight(u.EscapedPath(), "/")
	if s.LinkForm == FormQuery && u.RawQuery != "" {
		target += "?" + u.Query().Encode()
	}
	return target
}

// hostOf returns a link's host in lower case, without www., default port and
// the dot at the end.
func hostOf(u *url.URL) string {
	host := strings.TrimPrefix(strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), "www.")
	switch port := u.Port(); {
	case port == "", u.Scheme == "http" && port == "80", u.Scheme == "https" && port == "443":
		return host
	default:
		return host + ":" + port
	}
}

// within reports whether host is domain or below it.
func within(host, domain string) bool {
	host, _, _ = strings.Cut(host, ":")
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// blocked is a target that nobody may order for.
type blocked struct{ host, path string }

func scanBlocked(s db.Scanner) (b blocked, err error) {
	var pattern string
	err = s.Scan(&pattern)
	b.host, b.path, _ = strings.Cut(pattern, "/")
	return b, err
}

// Blocked reports whether the operator lets nobody order for a link.
func (s *Snapshot) Blocked(link string) bool {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" {
		return false
	}
	path := strings.TrimPrefix(u.Path, "/")
	return slices.ContainsFunc(s.blocked, func(b blocked) bool {
		below := b.path == "" || path == b.path || strings.HasPrefix(path, strings.TrimSuffix(b.path, "/")+"/")
		return below && within(hostOf(u), b.host)
	})
}

package access_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/web"
	"github.com/notpanel/notpanel/internal/web/static"
)

// Another site's page can't act for who is signed in here: every form that comes
// from elsewhere is refused, and nothing is done.
func TestCrossSitePostIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	member := p.account("member@example.com", account.Customer)
	ids := ownedBy(t, p, member.ID)
	v := p.signedIn("member@example.com")
	for _, r := range routes(p) {
		if r.method != http.MethodPost {
			continue
		}
		to, _ := path(r, ids)
		for _, from := range [][]string{
			{"Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
			{"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
			{"Sec-Fetch-Site", "", "Origin", "null"},
		} {
			got := v.ask(r.method, to, url.Values{"password": {password}}, from...)
			if got.status != http.StatusForbidden || !strings.Contains(got.body, "Not allowed") {
				t.Errorf("%s from %v: %d, want 403 by its name", to, from, got.status)
			}
		}
	}
	untouched(t, p, member.ID, ids)
	if got := v.ask(http.MethodGet, "/dashboard", nil); got.status != http.StatusOK {
		t.Errorf("after all of them the session is gone: %d", got.status)
	}
}

// A form that is too large, or not in the form that our pages send, is refused by
// that name, and not taken for an empty one.
func TestUnreadableFormsAreRefused(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	member := p.account("member@example.com", account.Customer)
	ids := ownedBy(t, p, member.ID)
	signedIn := p.signedIn("member@example.com")
	for _, r := range routes(p) {
		if r.method != http.MethodPost || strings.HasPrefix(r.access, string(web.Staff)) || r.access == string(web.Viewing) {
			continue
		}
		v := signedIn
		if r.access == string(web.Visitor) {
			v = p.nobody()
		}
		to, _ := path(r, ids)
		tooMuch := int64(70_000)
		if most, uploads := web.Uploads()[r.method+" "+r.pattern]; uploads {
			tooMuch = most
		}
		got := v.ask(r.method, to, url.Values{"email": {strings.Repeat("a", int(tooMuch))}})
		if got.status != http.StatusRequestEntityTooLarge || !strings.Contains(got.body, "That is too much") {
			t.Errorf("too large for %s: %d", to, got.status)
		}
		got = v.ask(r.method, to, url.Values{"password": {password}}, "Content-Type", "multipart/form-data; boundary=b")
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, "can&#39;t be read") {
			t.Errorf("in parts to %s: %d", to, got.status)
		}
	}
	untouched(t, p, member.ID, ids)
}

// A path that only a form sends to leads whoever opens it to the page above; asked
// in another way, a path that is there says so.
func TestPathsOfFormsAreNoDeadEnds(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	member := p.account("member@example.com", account.Customer)
	ids := ownedBy(t, p, member.ID)
	v := p.signedIn("member@example.com")
	pages := map[string]bool{}
	for _, r := range routes(p) {
		pages[r.method+" "+r.pattern] = true
	}
	for _, r := range routes(p) {
		to, _ := path(r, ids)
		if got := v.ask(http.MethodPut, to, nil); got.status != http.StatusMethodNotAllowed || !strings.Contains(got.header.Get("Allow"), r.method) {
			t.Errorf("PUT %s: %d, allowed %q", to, got.status, got.header.Get("Allow"))
		}
		if r.method != http.MethodPost || pages["GET "+r.pattern] {
			continue
		}
		got := v.ask(http.MethodGet, to, nil)
		if got.status != http.StatusSeeOther || !strings.HasPrefix(to, got.location) {
			t.Errorf("GET %s: %d to %q", to, got.status, got.location)
		}
	}
	for from, to := range map[string]string{
		"/login/passkey": "/login", "/logout": "/", "/dashboard/api/keys": "/dashboard/api",
	} {
		if got := p.nobody().ask(http.MethodGet, from, nil); got.location != to {
			t.Errorf("GET %s leads to %q", from, got.location)
		}
	}
	if got := v.ask(http.MethodPut, "/nothing", nil); got.status != http.StatusNotFound {
		t.Errorf("PUT /nothing: %d", got.status)
	}
}

// A name that is not the panel's shows none of it: no page can be got at by a name
// that somebody else controls.
func TestForeignHostIsMisdirected(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	for _, r := range routes(p) {
		to, _ := path(r, nil)
		got := p.nobody().ask(r.method, to, nil, "Host", "evil.example")
		if got.status != http.StatusMisdirectedRequest || strings.Contains(got.body, "<html") {
			t.Errorf("%s: %d", to, got.status)
		}
	}
}

// Every answer of the pages has the headers that bind it, errors too.
func TestEveryAnswerIsBound(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, func(s *config.Serve) { s.Dev = true })
	p.account("member@example.com", account.Customer)
	v := p.signedIn("member@example.com")
	paths := []string{"/nothing", "/static/nothing"}
	for _, r := range routes(p) {
		if to, _ := path(r, nil); r.method == http.MethodGet {
			paths = append(paths, to)
		}
	}
	for _, to := range paths {
		h := v.ask(http.MethodGet, to, nil).header
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
				"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q", to, name, got)
			}
		}
		if strings.HasPrefix(to, "/dashboard") && h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept: %q", to, h.Get("Cache-Control"))
		}
	}
}

// An address that asks for more pages than a person reads is told to wait; files
// and other addresses are not its business.
func TestPagesOfAnAddressAreLimited(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, func(s *config.Serve) { s.LimitPages = 20; s.TrustedProxies = "127.0.0.1" })
	from := func(address, path string) answer {
		return p.nobody().ask(http.MethodGet, path, nil, "X-Forwarded-For", address)
	}
	refused := 0
	for range 40 { // two minutes' worth: at most one of them begins on the way
		if got := from("203.0.113.7", "/pricing"); got.status == http.StatusTooManyRequests {
			refused++
			if got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "Too many attempts") {
				t.Errorf("refused without a word: %v", got.header)
			}
		}
	}
	if refused == 0 {
		t.Error("no page was refused")
	}
	if got := from("203.0.113.7", static.URL("app.css")); got.status != http.StatusOK {
		t.Errorf("a style sheet: %d", got.status)
	}
	if got := from("203.0.113.8", "/pricing"); got.status != http.StatusOK {
		t.Errorf("another address: %d", got.status)
	}
}

// Package pages_test walks through the pages of a panel as people do, in a browser
// with and without scripts, and as those do who mean ill, without one.
package pages_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/e2e/browser"
	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/config"
)

func TestMain(m *testing.M) { browser.Main(m) }

const (
	ann      = "ann@example.com"
	password = "violet staircase 7"
	another  = "amber windowsill 9"
)

// panel is a serving panel of a test's own, in development, so that its mails are
// in the outbox.
type panel struct {
	*app.Server

	t   *testing.T
	log *lines
	at  string // its URL at localhost, where there are passkeys
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func start(t *testing.T) *panel {
	t.Helper()
	return startWith(t, func(*config.Serve) {})
}

func startWith(t *testing.T, change func(*config.Serve)) *panel {
	t.Helper()
	settings := config.Serve{
		Storage:  config.InFile(filepath.Join(t.TempDir(), "panel.db")),
		Outbound: config.Outbound{ProviderTimeout: time.Second, OutboundAllow: "127.0.0.0/8"},
		Listen:   "127.0.0.1:0", AutoMigrate: true, Dev: true,
	}
	change(&settings)
	p := &panel{t: t, log: &lines{}}
	var err error
	p.Server, err = app.NewServer(t.Context(), settings, slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	p.at = strings.Replace(p.URL(), "127.0.0.1", "localhost", 1)
	p.Start()
	t.Cleanup(func() {
		if err := p.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return p
}

// account makes a verified account.
func (p *panel) account(email string, role account.Role) account.Account {
	p.t.Helper()
	a, err := p.Core.Accounts.Create(p.t.Context(), email, password, role, "a test")
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// visitor is a client that keeps cookies as browsers do at a loopback address, and
// follows nothing.
type visitor struct {
	p       *panel
	cookies map[string]string
	header  http.Header // of each request
}

func (p *panel) visitor() *visitor {
	return &visitor{p: p, cookies: map[string]string{}, header: http.Header{}}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) to() string { return a.header.Get("Location") }

func (v *visitor) get(path string) answer { v.p.t.Helper(); return v.send(http.MethodGet, path, nil) }

// post sends a form as a browser does from a page of the panel.
func (v *visitor) post(path string, fields ...string) answer {
	v.p.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return v.send(http.MethodPost, path, form)
}

func (v *visitor) send(method, path string, form url.Values) (a answer) {
	t := v.p.t
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, v.p.URL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	maps.Copy(r.Header, v.header)
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	for name, value := range v.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range response.Cookies() {
		v.cookies[c.Name] = c.Value
		if c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		}
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// signIn signs an account in that has no second factor.
func (v *visitor) signIn(email, password string) *visitor {
	v.p.t.Helper()
	if a := v.post("/login", "email", email, "password", password); a.status != http.StatusSeeOther || a.to() != "/dashboard" {
		v.p.t.Fatalf("sign in: %d to %q", a.status, a.to())
	}
	return v
}

func (v *visitor) signedIn() bool {
	v.p.t.Helper()
	return v.get("/dashboard").status == http.StatusOK
}

// token returns the token of the newest mail's link to a path.
func (p *panel) token(path string) string {
	p.t.Helper()
	body := p.visitor().get("/_outbox").body
	_, rest, found := strings.Cut(body, `href="`+path+"?token=")
	token, _, _ := strings.Cut(rest, `"`)
	if !found || token == "" {
		p.t.Fatalf("no mail with a link to %s", path)
	}
	return token
}

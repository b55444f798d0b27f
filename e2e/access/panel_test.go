package access_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/identity"
)

func TestMain(m *testing.M) {
	// No panel of a test makes a key file.
	_ = os.Setenv("NOTPANEL_SECRET_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	dbtest.Main(m)
}

const password = "a password of tests"

// panel is a serving panel in this process.
type panel struct {
	*app.Server

	t   *testing.T
	url string
}

// start serves a panel on a fresh database of an engine.
func start(t *testing.T, engine db.Engine, change func(*config.Serve)) *panel {
	t.Helper()
	s := config.Serve{
		Storage:  config.Storage{DatabaseURL: dbtest.NewURL(t, engine)},
		Outbound: config.Outbound{ProviderTimeout: 5 * time.Second},
		Listen:   "127.0.0.1:0", AutoMigrate: true,
	}
	if change != nil {
		change(&s)
	}
	server, err := app.NewServer(t.Context(), s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return &panel{Server: server, t: t, url: server.URL()}
}

// account makes an account whose address is verified.
func (p *panel) account(email string, role account.Role) account.Account {
	p.t.Helper()
	a, err := p.Core.Accounts.Create(p.t.Context(), email, password, role, "test")
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// visitor sends requests with one browser's cookies; it follows no redirect.
type visitor struct {
	p       *panel
	cookies []*http.Cookie
}

// nobody is a browser without cookies.
func (p *panel) nobody() *visitor { return &visitor{p: p} }

// signedIn is a browser whose sign-in the identity itself made.
func (p *panel) signedIn(email string) *visitor {
	p.t.Helper()
	v := p.nobody()
	v.within(func(ctx context.Context) error {
		_, err := p.People().SignIn(ctx, email, password)
		return err
	})
	return v
}

// answer is what came back.
type answer struct {
	status   int
	location string
	body     string
	header   http.Header
}

// ask sends a request; a form makes it a POST's. Headers are names and values.
func (v *visitor) ask(method, path string, form url.Values, headers ...string) answer {
	v.p.t.Helper()
	body := ""
	if method == http.MethodPost {
		body = form.Encode()
		headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
	}
	return v.send(method, path, body, headers...)
}

// send sends a body as it is.
func (v *visitor) send(method, path, body string, headers ...string) answer {
	v.p.t.Helper()
	r, err := http.NewRequestWithContext(v.p.t.Context(), method, v.p.url+path, strings.NewReader(body))
	if err != nil {
		v.p.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		v.p.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		v.p.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header.Get("Location"), string(content), response.Header}
}

// within runs f as a request of this browser does, and keeps its cookies.
func (v *visitor) within(f func(ctx context.Context) error) {
	v.p.t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(v.p.t.Context(), http.MethodPost, v.p.url, http.NoBody)
	r.RemoteAddr = netip.MustParseAddrPort("127.0.0.1:1").String()
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	v.p.People().LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f(r.Context()); err != nil {
			v.p.t.Error(err)
		}
		w.WriteHeader(http.StatusNoContent)
	})).ServeHTTP(w, r)
	response := w.Result()
	_ = response.Body.Close()
	if fresh := response.Cookies(); len(fresh) > 0 {
		v.cookies = fresh
	}
}

// enrol gives who is signed in an authenticator app and returns its secret and the
// recovery codes.
func (v *visitor) enrol() (secret string, recovery []string) {
	v.p.t.Helper()
	v.within(func(ctx context.Context) error {
		if err := v.p.People().Prove(ctx, identity.Proof{Password: password}); err != nil {
			return err
		}
		e, err := v.p.People().BeginTOTP(ctx)
		if err != nil {
			return err
		}
		secret = e.Secret
		code, err := totp.GenerateCode(secret, clock.System())
		if err != nil {
			return err
		}
		recovery, err = v.p.People().ConfirmTOTP(ctx, code)
		return err
	})
	return secret, recovery
}

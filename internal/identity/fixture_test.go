package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/secret"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	ann      = "ann@example.com"
	password = "violet staircase 7"
	another  = "amber windowsill 9"
	public   = "http://localhost:8080"
)

// house is a panel with its people, its mails and its log.
type house struct {
	*People

	t    *testing.T
	db   *db.DB
	ring *secret.Ring
	log  bytes.Buffer
}

func newHouse(t *testing.T, d *db.DB) *house {
	t.Helper()
	ring, err := secret.NewRing(secret.Generate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := openHouse(t, d, ring)
	h.exec(`CREATE TABLE test_mails (id TEXT PRIMARY KEY, mail TEXT NOT NULL)`)
	return h
}

// openHouse opens a panel under a key.
func openHouse(t *testing.T, d *db.DB, ring *secret.Ring) *house {
	t.Helper()
	h := &house{t: t, db: d, ring: ring}
	var err error
	h.People, err = New(d, ring, Options{
		PublicURL: public, Name: func() string { return "Panel" }, Mailer: h, Log: slog.New(slog.NewTextHandler(&h.log, nil)),
		Address: func(r *http.Request) netip.Addr {
			a, _ := netip.ParseAddrPort(r.RemoteAddr)
			return a.Addr()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Queue implements Mailer, in a table of the tests' own, so that a transaction that is
// rolled back mails nothing.
func (h *house) Queue(tx *db.Tx, m Mail) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO test_mails (id, mail) VALUES ($1, $2)`, id.New("mail_"), string(text))
	return err
}

// outbox returns the mails since it was emptied.
func (h *house) outbox() (all []Mail) {
	h.t.Helper()
	err := h.db.Read(h.t.Context(), func(tx *db.Tx) (err error) {
		all, err = db.All(tx, func(s db.Scanner) (m Mail, err error) {
			var text string
			if err := s.Scan(&text); err != nil {
				return m, err
			}
			return m, json.Unmarshal([]byte(text), &m)
		}, `SELECT mail FROM test_mails ORDER BY id`)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// mailed returns the mails of a template since the last call, and forgets all.
func (h *house) mailed(template string) (found []Mail) {
	h.t.Helper()
	for _, m := range h.outbox() {
		if m.Template == template {
			found = append(found, m)
		}
	}
	h.exec(`DELETE FROM test_mails`)
	return found
}

// token returns the token of the one mail of a template.
func (h *house) token(template string) string {
	h.t.Helper()
	mails := h.mailed(template)
	if len(mails) != 1 {
		h.t.Fatalf("%d mails of %s, want 1", len(mails), template)
	}
	link, err := url.Parse(mails[0].Data["link"])
	if err != nil || !strings.HasPrefix(link.String(), public+"/") {
		h.t.Fatalf("link %v, %v", link, err)
	}
	return link.Query().Get("token")
}

// browser is a browser with its cookies.
type browser struct {
	h       *house
	address string
	agent   string

	mu      sync.Mutex
	cookies map[string]string
}

func (h *house) browser() *browser {
	return &browser{h: h, address: "192.0.2.1:1000", agent: "Test/1", cookies: map[string]string{}}
}

func (b *browser) clone() *browser {
	c := b.h.browser()
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.Copy(c.cookies, b.cookies)
	return c
}

// visit sends one request, in which do runs, and returns the cookies that came back.
func (b *browser) visit(do func(ctx context.Context)) []*http.Cookie {
	b.h.t.Helper()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, public+"/", nil)
	r.RemoteAddr = b.address
	r.Header.Set("User-Agent", b.agent)
	b.mu.Lock()
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	b.mu.Unlock()
	w := httptest.NewRecorder()
	b.h.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { do(r.Context()) })).ServeHTTP(w, r)
	response := w.Result()
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		b.h.t.Errorf("the session's middleware answered %d", response.StatusCode)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range response.Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			b.h.t.Errorf("the cookie %s is too open", c)
		}
		b.cookies[c.Name] = c.Value
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return response.Cookies()
}

// do sends one request and returns what do in it returned.
func (b *browser) do(do func(ctx context.Context) error) (err error) {
	b.h.t.Helper()
	b.visit(func(ctx context.Context) { err = do(ctx) })
	return err
}

// must is do for what must succeed.
func (b *browser) must(do func(ctx context.Context) error) {
	b.h.t.Helper()
	if err := b.do(do); err != nil {
		b.h.t.Fatal(err)
	}
}

func (b *browser) signIn(email, password string) (second bool, err error) {
	b.h.t.Helper()
	b.visit(func(ctx context.Context) { second, err = b.h.SignIn(ctx, email, password) })
	return second, err
}

// in signs in where no second factor is needed.
func (b *browser) in(email, password string) *browser {
	b.h.t.Helper()
	if second, err := b.signIn(email, password); err != nil || second {
		b.h.t.Fatalf("sign in: second factor %v, %v", second, err)
	}
	return b
}

func (b *browser) code(code string) error {
	b.h.t.Helper()
	return b.do(func(ctx context.Context) error { return b.h.SecondFactor(ctx, Factor{Code: code}) })
}

func (b *browser) prove(password, code string) error {
	b.h.t.Helper()
	return b.do(func(ctx context.Context) error {
		return b.h.Prove(ctx, Proof{Password: password, Factor: Factor{Code: code}})
	})
}

// who returns who is signed in.
func (b *browser) who() (who Person, signedIn bool) {
	b.h.t.Helper()
	b.visit(func(ctx context.Context) { who, signedIn = b.h.Current(ctx) })
	return who, signedIn
}

func (b *browser) signedIn() bool {
	b.h.t.Helper()
	_, signedIn := b.who()
	return signedIn
}

// account makes a verified account as the command line does.
func (h *house) account(email string, role account.Role) account.Account {
	h.t.Helper()
	a, err := account.NewStore(h.db).Create(h.t.Context(), email, password, role, "command line")
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// enrol gives who is signed in an authenticator app and moves on to its next code.
func (b *browser) enrol() (secret string, recovery []string) {
	b.h.t.Helper()
	b.must(func(ctx context.Context) error {
		e, err := b.h.BeginTOTP(ctx)
		secret = e.Secret
		return err
	})
	code := b.h.code(secret)
	b.must(func(ctx context.Context) (err error) {
		recovery, err = b.h.ConfirmTOTP(ctx, code)
		return err
	})
	b.h.db.AdvanceClock(time.Minute)
	return secret, recovery
}

// code is what an authenticator app shows now.
func (h *house) code(secret string) string {
	h.t.Helper()
	code, err := totp.GenerateCode(secret, h.now())
	if err != nil {
		h.t.Fatal(err)
	}
	return code
}

// now is the database's time.
func (h *house) now() (now time.Time) {
	h.t.Helper()
	if err := h.db.Read(h.t.Context(), func(tx *db.Tx) error { now = tx.Now; return nil }); err != nil {
		h.t.Fatal(err)
	}
	return now
}

func (h *house) count(query string, args ...any) (n int64) {
	h.t.Helper()
	err := h.db.Read(h.t.Context(), func(tx *db.Tx) error { return tx.QueryRow(`SELECT COUNT(*) FROM `+query, args...).Scan(&n) })
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h *house) exec(statement string, args ...any) {
	h.t.Helper()
	err := h.db.Write(h.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(statement, args...)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// refused fails the test unless err was refused for the reason.
func refused(t *testing.T, what string, err error, reason fault.Reason) {
	t.Helper()
	if !because(err, reason) {
		t.Errorf("%s: %v, want the refusal %s", what, err, reason)
	}
}

// atOnce runs do n times at once and counts how often it succeeded.
func atOnce(n int, do func(i int) error) (succeeded int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			if do(i) == nil {
				mu.Lock()
				succeeded++
				mu.Unlock()
			}
		})
	}
	close(start)
	all.Wait()
	return succeeded
}

func each(t *testing.T, test func(t *testing.T, h *house)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(t, newHouse(t, d)) })
}

func codeAt(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

package orders_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

func TestMain(m *testing.M) {
	// No panel of a test makes a key file.
	_ = os.Setenv("NOTPANEL_SECRET_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	dbtest.Main(m)
}

const (
	password = "a password of tests"
	wealth   = 100 * money.Unit
)

// panel is a serving panel whose provider is paused: orders stay as the test puts
// them.
type panel struct {
	*app.Server

	t    *testing.T
	stop func() // once
}

// each runs a test on a panel of each engine.
func each(t *testing.T, test func(t *testing.T, p *panel)) {
	t.Helper()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			test(t, start(t, engine))
		})
	}
}

func start(t *testing.T, engine db.Engine) *panel {
	t.Helper()
	server, err := app.NewServer(t.Context(), config.Serve{
		Storage:  config.Storage{DatabaseURL: dbtest.NewURL(t, engine)},
		Outbound: config.Outbound{ProviderTimeout: 5 * time.Second},
		Listen:   "127.0.0.1:0", AutoMigrate: true,
	}, slog.New(slog.DiscardHandler))
	must(t, err)
	server.Start()
	p := &panel{server, t, sync.OnceFunc(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})}
	t.Cleanup(p.stop)
	upstream, err := p.Core.Providers.Add(t.Context(), "Upstream", "https://provider.example/api/v2", "key", "test")
	must(t, err)
	must(t, p.Core.Providers.SetState(t.Context(), upstream.ID, provider.Paused, "test", "test"))
	_, err = p.Core.Catalog.Import(t.Context(), upstream.ID, []catalog.Offer{{
		ProviderService: "1", Category: "Adverts", Name: "Banner impressions", Type: catalog.Default, Cost: money.Unit, Rate: 2 * money.Unit,
		Min: 10, Max: 100_000, Cancel: true, Refill: true, Dripfeed: true,
	}, {
		ProviderService: "2", Category: "Adverts", Name: "=Review", Type: catalog.CustomComments, Cost: money.Unit, Rate: 2 * money.Unit, Min: 1, Max: 100,
	}}, "test")
	must(t, err)
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// customer is somebody who is signed in, in a browser without scripts.
type customer struct {
	p       *panel
	id      string
	cookies map[string]string
}

// customer makes an account with money and signs it in.
func (p *panel) customer(email string) *customer {
	p.t.Helper()
	a, err := p.Core.Accounts.Create(p.t.Context(), email, password, account.Customer, "test")
	must(p.t, err)
	_, err = p.Core.Accounts.Credit(p.t.Context(), a.ID, wealth, "seed", "test")
	must(p.t, err)
	return (&customer{p: p, id: a.ID}).signIn(email)
}

// signIn signs in, in a browser of its own.
func (c *customer) signIn(email string) *customer {
	c.p.t.Helper()
	c.cookies = map[string]string{}
	if got := c.post("/login", "email", email, "password", password); got.status != http.StatusSeeOther {
		c.p.t.Fatalf("sign in: %d", got.status)
	}
	return c
}

func (c *customer) scope(mode ledger.Mode) order.Scope {
	return order.Scope{AccountID: c.id, Mode: mode}
}

// place places an order; more are pairs of a field and its value.
func (c *customer) place(mode ledger.Mode, more ...string) *order.Order {
	t := c.p.t
	t.Helper()
	n := c.p.count(`SELECT COUNT(*) FROM orders`)
	fields := map[string]string{"service": "1", "request_id": "r" + strconv.FormatInt(n+1, 10), "link": "https://example.com/a", "quantity": "1000"}
	for i := 0; i+1 < len(more); i += 2 {
		fields[more[i]] = more[i+1]
	}
	request, err := order.ParseRequest(func(name string) string { return fields[name] })
	must(t, err)
	epochs, err := c.p.Epochs.Current(t.Context())
	must(t, err)
	snapshot, err := c.p.Cache.At(t.Context(), epochs.Catalog)
	must(t, err)
	var walletID string
	must(t, c.p.Core.DB.Read(t.Context(), func(tx *db.Tx) error {
		walletID, err = ledger.WalletID(tx, c.id, mode)
		return err
	}))
	placed, err := c.p.Placer.Place(t.Context(), order.Buyer{Scope: c.scope(mode), WalletID: walletID, KeyID: "key_test"}, request, snapshot)
	must(t, err)
	return c.p.order(placed.OrderID)
}

func (p *panel) order(orderID string) (o *order.Order) {
	p.t.Helper()
	must(p.t, p.Core.DB.Read(p.t.Context(), func(tx *db.Tx) (err error) {
		o, err = order.Get(tx, orderID)
		return err
	}))
	return o
}

// move walks an order through states with remains.
func (p *panel) move(o *order.Order, remains int64, states ...order.State) {
	p.t.Helper()
	for _, to := range states {
		must(p.t, p.Core.DB.Write(p.t.Context(), func(tx *db.Tx) error {
			locked, book, err := order.Lock(tx, o.ID)
			if err != nil {
				return err
			}
			if to == order.InProgress || to.Final() {
				locked.Remains = &remains
			}
			return order.Transition(tx, book, locked, order.Change{To: to, Actor: "panel", Reason: "the provider said so"})
		}))
	}
}

func (p *panel) count(query string, args ...any) (n int64) {
	p.t.Helper()
	must(p.t, p.Core.DB.Read(p.t.Context(), func(tx *db.Tx) error { return tx.QueryRow(query, args...).Scan(&n) }))
	return n
}

// booked wants a live balance, and books that add up.
func (c *customer) booked(want money.Amount) {
	t := c.p.t
	t.Helper()
	live, _, err := c.p.Core.Accounts.Balances(t.Context(), c.id)
	if err != nil || live != want {
		t.Errorf("the wallet holds %s, want %s (%v)", live, want, err)
	}
	differs := func(text string) { t.Error(text) }
	if _, err := ledger.Audit(t.Context(), c.p.Core.DB, differs); err != nil {
		t.Error(err)
	}
	if _, err := order.Audit(t.Context(), c.p.Core.DB, differs); err != nil {
		t.Error(err)
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) to() string { return a.header.Get("Location") }

func (c *customer) get(path string) answer { c.p.t.Helper(); return c.send(http.MethodGet, path, nil) }

func (c *customer) post(path string, fields ...string) answer {
	c.p.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return c.send(http.MethodPost, path, form)
}

func (c *customer) request(ctx context.Context, method, path string, form url.Values) *http.Request {
	r, err := http.NewRequestWithContext(ctx, method, c.p.URL()+path, strings.NewReader(form.Encode()))
	must(c.p.t, err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func (c *customer) send(method, path string, form url.Values) answer {
	t := c.p.t
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(c.request(t.Context(), method, path, form))
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	for _, one := range response.Cookies() {
		c.cookies[one.Name] = one.Value
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// stream is an open stream of events.
type stream struct {
	t      *testing.T
	status int
	body   io.ReadCloser
	lines  *bufio.Scanner
	close  func()
}

// listen opens a stream as a page does.
func (c *customer) listen(path string) *stream {
	t := c.p.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	r := c.request(ctx, http.MethodGet, path, nil)
	r.Header.Set("Accept", "text/html, text/event-stream")
	client := http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r) //nolint:bodyclose // cancel closes it
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	s := &stream{t: t, status: response.StatusCode, body: response.Body, lines: bufio.NewScanner(response.Body), close: cancel}
	s.lines.Buffer(nil, 1<<20)
	t.Cleanup(cancel)
	return s
}

// event reads the next event, without the comments between; not ok is the stream's
// end.
func (s *stream) event() (name, data string, ok bool) {
	s.t.Helper()
	for s.lines.Scan() {
		line := s.lines.Text()
		switch {
		case line == "" && (name != "" || data != ""):
			return name, data, true
		case strings.HasPrefix(line, "event: "):
			name = strings.TrimPrefix(line, "event: ")
		case strings.HasPrefix(line, "data:"):
			data += strings.TrimPrefix(line, "data:") + "\n"
		}
	}
	return "", "", false
}

// until reads events until one has a text.
func (s *stream) until(text string) string {
	s.t.Helper()
	for {
		_, data, ok := s.event()
		if !ok {
			s.t.Fatalf("the stream ended before it said %q: %v", text, s.lines.Err())
		}
		if strings.Contains(data, text) {
			return data
		}
	}
}

package buy_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
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
)

func TestMain(m *testing.M) {
	// No panel of a test makes a key file.
	_ = os.Setenv("NOTPANEL_SECRET_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	dbtest.Main(m)
}

const (
	password = "violet staircase 7"
	newOrder = "/dashboard/orders/new"
	mass     = "/dashboard/orders/mass"
	hostile  = `"><script>alert(1)</script>`
)

// each runs a test on both engines.
func each(t *testing.T, test func(t *testing.T, p *panel)) {
	t.Helper()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			test(t, start(t, engine))
		})
	}
}

// panel is a serving panel with a service of each type, by type in byType. Its
// provider can't be reached, so orders wait.
type panel struct {
	*app.Server

	t      *testing.T
	byType map[catalog.Type]*catalog.Service
}

func start(t *testing.T, engine db.Engine) *panel {
	t.Helper()
	p := &panel{t: t, byType: map[catalog.Type]*catalog.Service{}}
	var err error
	p.Server, err = app.NewServer(t.Context(), config.Serve{
		Storage:  config.Storage{DatabaseURL: dbtest.NewURL(t, engine)},
		Outbound: config.Outbound{ProviderTimeout: time.Second, OutboundAllow: "127.0.0.0/8"},
		Listen:   "127.0.0.1:0", AutoMigrate: true, Dev: true,
	}, slog.New(slog.DiscardHandler))
	must(t, err)
	upstream, err := p.Core.Providers.Add(t.Context(), "Upstream", "http://127.0.0.1:1", "key", "a test")
	must(t, err)
	var offers []catalog.Offer
	for i, s := range catalog.Schemas() {
		offers = append(offers, catalog.Offer{
			ProviderService: strconv.Itoa(100 + i), Category: "Adverts", Name: string(s.Type) + " service", Type: s.Type,
			Cost: money.Unit, Rate: 2 * money.Unit, Min: 2, Max: 100_000, Dripfeed: true, Cancel: true,
		})
	}
	_, err = p.Core.Catalog.Import(t.Context(), upstream.ID, offers, "a test")
	must(t, err)
	all, err := p.Core.Catalog.List(t.Context())
	must(t, err)
	for _, v := range all {
		p.byType[v.Type] = v
	}
	p.Start()
	t.Cleanup(func() { must(t, p.Stop(context.WithoutCancel(t.Context()))) })
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// customer is an account with money, signed in.
type customer struct {
	account.Account

	p       *panel
	cookies map[string]string
	lang    string
	partial bool // asks for a part of a page, as scripts do
}

func (p *panel) customer(email string, balance money.Amount) *customer {
	p.t.Helper()
	a, err := p.Core.Accounts.Create(p.t.Context(), email, password, account.Customer, "a test")
	must(p.t, err)
	if balance > 0 {
		_, err = p.Core.Accounts.Credit(p.t.Context(), a.ID, balance, "seed", "a test")
		must(p.t, err)
	}
	c := &customer{Account: a, p: p, cookies: map[string]string{}, lang: "en"}
	if got := c.post("/login", "email", email, "password", password); got.status != http.StatusSeeOther {
		p.t.Fatalf("sign in: %d", got.status)
	}
	return c
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) to() string { return a.header.Get("Location") }

func (c *customer) get(path string) answer {
	c.p.t.Helper()
	return c.send(http.MethodGet, path, "", http.NoBody)
}

func (c *customer) post(path string, fields ...string) answer {
	c.p.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return c.send(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

// upload sends the form of a mass order as a browser does.
func (c *customer) upload(lines, file string) answer {
	t := c.p.t
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	must(t, w.WriteField("lines", lines))
	part, err := w.CreateFormFile("file", "orders.csv")
	must(t, err)
	_, err = io.WriteString(part, file)
	must(t, err)
	must(t, w.Close())
	return c.send(http.MethodPost, mass, w.FormDataContentType(), &b)
}

func (c *customer) send(method, path, kind string, body io.Reader) answer {
	t := c.p.t
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.p.URL()+path, body)
	must(t, err)
	r.Header.Set("Accept-Language", c.lang)
	if c.partial {
		r.Header.Set("Hx-Request-Type", "partial")
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	for _, k := range response.Cookies() {
		c.cookies[k.Name] = k.Value
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// hidden returns the values that the form of a page sends along.
func (a answer) hidden() (fields []string) {
	for _, name := range []string{"request_id", "max_charge", "shown_for"} {
		if m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(a.body); m != nil {
			fields = append(fields, name, m[1])
		}
	}
	return fields
}

// shown asks for the total of an order and returns its form as it is sent next.
func (c *customer) shown(fields ...string) []string {
	c.p.t.Helper()
	got := c.post(newOrder, fields...)
	hidden := got.hidden()
	if got.status != http.StatusOK || len(hidden) != 6 {
		c.p.t.Fatalf("the total of %v: %d, %v\n%s", fields, got.status, hidden, main(got.body))
	}
	return append(append([]string{}, fields...), hidden...)
}

// main is the page without its frame.
func main(body string) string {
	_, rest, _ := strings.Cut(body, `<main`)
	part, _, _ := strings.Cut(rest, `</main>`)
	return part
}

// orders are the customer's, the newest first.
func (c *customer) orders() []*order.Order {
	c.p.t.Helper()
	all, _, err := c.p.Core.Orders.Own(c.p.t.Context(), order.Scope{AccountID: c.ID, Mode: ledger.Live}, order.Page{Limit: 1000})
	must(c.p.t, err)
	return all
}

// booked wants so many orders, a charge in the ledger for each, what is left in the
// wallet, and that all of it proves right.
func (c *customer) booked(orders int, left money.Amount) {
	t := c.p.t
	t.Helper()
	live, _, err := c.p.Core.Accounts.Balances(t.Context(), c.ID)
	must(t, err)
	var placed, charges int
	must(t, c.p.Core.DB.Read(t.Context(), func(tx *db.Tx) error {
		if err := tx.QueryRow(`SELECT COUNT(*) FROM orders WHERE account_id = $1`, c.ID).Scan(&placed); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT COUNT(*) FROM transfers t JOIN orders o ON o.id = t.ref WHERE t.kind = 'order' AND o.account_id = $1`, c.ID).Scan(&charges)
	}))
	if placed != orders || charges != orders || live != left {
		t.Errorf("%d orders, %d charges, %s left; want %d and %s", placed, charges, live, orders, left)
	}
	_, err = order.Audit(t.Context(), c.p.Core.DB, func(text string) { t.Error(text) })
	must(t, err)
}

// says wants a status and texts.
func says(t *testing.T, name string, got answer, status int, texts ...string) {
	t.Helper()
	if got.status != status {
		t.Errorf("%s: %d, want %d\n%s", name, got.status, status, main(got.body))
	}
	for _, text := range texts {
		if !strings.Contains(got.body, text) {
			t.Errorf("%s does not say %q:\n%s", name, text, main(got.body))
		}
	}
}

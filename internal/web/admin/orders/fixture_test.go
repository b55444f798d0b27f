package orders_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/staff"
)

func TestMain(m *testing.M) {
	// No panel of a test makes a key file.
	_ = os.Setenv("NOTPANEL_SECRET_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	dbtest.Main(m)
}

const password = "a password of tests"

// panel is a serving panel with orders of a customer; its provider is paused, so
// that they stay as the test puts them.
type panel struct {
	*ordertest.Fixture

	server *app.Server
	owner  account.Account
}

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
		Listen:   "127.0.0.1:0", AutoMigrate: true, StaffWithoutSecondFactor: true,
	}, slog.New(slog.DiscardHandler))
	ordertest.Must(t, err)
	server.Start()
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	p := &panel{Fixture: ordertest.New(t, server.Core.DB, "https://provider.example/api/v2", 1000*money.Unit), server: server}
	ordertest.Must(t, server.Core.Providers.SetState(t.Context(), p.Provider.ID, provider.Paused, "test", "test"))
	p.owner, err = server.Core.Accounts.Create(t.Context(), "owner@example.com", password, account.Owner, "test")
	ordertest.Must(t, err)
	return p
}

// running places an order of 1,000 for 2.00 and settles it as accepted.
func (p *panel) running(requestID string) *order.Order {
	p.T.Helper()
	o := p.uncertain(requestID)
	_, err := p.server.Core.Settler.Do(context.Background(), o.ID, fulfil.Deed{Kind: fulfil.Settling, How: fulfil.AcceptedAs, UpstreamID: "up-" + requestID}, "test")
	ordertest.Must(p.T, err)
	return p.Order(o.ID)
}

// uncertain places an order of which nobody knows whether it arrived.
func (p *panel) uncertain(requestID string) *order.Order {
	p.T.Helper()
	o := p.Place(requestID, "https://example.com/"+requestID, 1000)
	p.Write(func(tx *db.Tx) error {
		locked, err := order.LockAlone(tx, o.ID)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`
			INSERT INTO submissions (id, order_id, provider_id, equal_key, generation, token, outcome, sent, lease_until, began_at, ended_at, last_sent_at)
			VALUES ($1, $2, $3, $4, 1, $5, 'unknown', TRUE, $6, $6, $6, $6)`,
			"sub_"+o.ID[4:], o.ID, o.ProviderID, o.EqualKey, o.ID, db.At(tx.Now))
		if err != nil {
			return err
		}
		locked.EverUnknown = true
		return order.Transition(tx, nil, locked, order.Change{To: order.Uncertain, Actor: "test", Reason: "nobody knows"})
	})
	return p.Order(o.ID)
}

// want checks an order's state and what it gave back, and proves the whole database.
func (p *panel) want(o *order.Order, state order.State, refunded string) {
	p.T.Helper()
	now := p.Order(o.ID)
	if now.State != state || now.Refunded.String() != refunded {
		p.T.Errorf("order %d is %s with %s refunded, want %s with %s", now.Number, now.State, now.Refunded, state, refunded)
	}
	p.Audit()
}

// visitor is a browser without scripts.
type visitor struct {
	p       *panel
	cookies map[string]string
}

func (p *panel) signIn(email string) *visitor {
	p.T.Helper()
	v := &visitor{p, map[string]string{}}
	if got := v.post("/login", "email", email, "password", password); got.status != http.StatusSeeOther {
		p.T.Fatalf("sign in: %d", got.status)
	}
	return v
}

// helper makes somebody with a role that holds what is given, and signs them in.
func (p *panel) helper(email string, may ...staff.Permission) *visitor {
	p.T.Helper()
	ctx := context.Background()
	a, err := p.server.Core.Accounts.Create(ctx, email, password, account.Customer, "test")
	ordertest.Must(p.T, err)
	by := staff.Actor{AccountID: p.owner.ID}
	role, err := p.server.Core.Staff.Create(ctx, email, staff.SetOf(may...), by)
	ordertest.Must(p.T, err)
	_, err = p.server.Core.Staff.Appoint(ctx, a.ID, role.ID, by)
	ordertest.Must(p.T, err)
	return p.signIn(email)
}

// stale lets the proof of everybody's sign-in grow old.
func (p *panel) stale() { p.Exec(`UPDATE sessions SET fresh_at = fresh_at - 3600000000`) }

type answer struct {
	status   int
	location string
	body     string
}

func (v *visitor) get(path string) answer { return v.ask(http.MethodGet, path, "") }

// part asks as a page does that is open.
func (v *visitor) part(path string) answer {
	return v.ask(http.MethodGet, strings.ReplaceAll(path, "&amp;", "&"), "", "HX-Request-Type", "partial")
}

// post sends a form of names and values; a name may come again.
func (v *visitor) post(path string, pairs ...string) answer {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return v.ask(http.MethodPost, path, values.Encode())
}

func (v *visitor) ask(method, path, body string, header ...string) answer {
	t := v.p.T
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, v.p.server.URL()+path, strings.NewReader(body))
	ordertest.Must(t, err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for name, value := range v.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	ordertest.Must(t, err)
	defer response.Body.Close()
	for _, c := range response.Cookies() {
		v.cookies[c.Name] = c.Value
	}
	content, err := io.ReadAll(response.Body)
	ordertest.Must(t, err)
	return answer{response.StatusCode, response.Header.Get("Location"), string(content)}
}

// scope is the customer's.
func (p *panel) scope() order.Scope {
	return order.Scope{AccountID: p.Buyer.AccountID, Mode: ledger.Live}
}

package apiv2_test

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/ratelimit"
	"github.com/notpanel/notpanel/internal/secret"
	"github.com/notpanel/notpanel/internal/webhook"
)

// The fixture is a panel with three services that are sold and one that is
// paused, and these keys: live and test of one account that has money, other of
// another account, suspended of an account that is, revoked and expired. The
// account of other has a tier with a discount and a rate of its own; service 1 has
// a German name, and of service 3 more than twenty orders were measured. The first
// account has one order in every state, named by it, each with a request id such
// as seed-pending, and its live key a webhook, hook, with a delivery, ping, that
// arrived at the second attempt; test-mode and other's are orders that its live key must not see.

// seeds are what the golden files name: keys by name, orders by state, and what
// else has an id.
type seeds struct {
	keys   map[string]string
	orders map[string]string
}

// ring is the panel's secret key in these tests, so that copies of one seeded
// file know the keys.
func ring(t testing.TB) *secret.Ring {
	t.Helper()
	r, err := secret.NewRing(secret.FromBytes([secret.Size]byte{1, 2, 3}), nil)
	must(t, err)
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// planting seeds an empty database.
type planting struct {
	testing.TB

	d      *db.DB
	keys   *apikey.Store
	placer *order.Placer
	seeds  seeds
}

func plant(t testing.TB, d *db.DB) seeds {
	t.Helper()
	p := &planting{
		TB: t, d: d, keys: apikey.NewStore(d, ring(t)), placer: order.NewPlacer(d, order.PlacerOptions{}),
		seeds: seeds{keys: map[string]string{}, orders: map[string]string{}},
	}
	defer p.placer.Close()
	p.services()
	reseller := p.account("reseller@example.com", 100*money.Unit)
	other := p.account("other@example.com", 5*money.Unit)
	suspended := p.account("suspended@example.com", 0)
	live := p.key("live", apikey.NewKey{AccountID: reseller.ID, Mode: apikey.Live})
	p.key("test", apikey.NewKey{AccountID: reseller.ID, Mode: apikey.Test})
	p.key("other", apikey.NewKey{AccountID: other.ID, Mode: apikey.Live})
	p.key("suspended", apikey.NewKey{AccountID: suspended.ID, Mode: apikey.Live})
	p.key("expired", apikey.NewKey{AccountID: reseller.ID, Mode: apikey.Live, ExpiresAt: clock.System().Add(-time.Hour)})
	revoked := p.key("revoked", apikey.NewKey{AccountID: reseller.ID, Mode: apikey.Live})
	_, err := p.keys.Revoke(context.Background(), revoked.ID, "test")
	must(t, err)
	_, err = account.NewStore(d).SetState(context.Background(), suspended.ID, account.Suspended, "test")
	must(t, err)
	p.orders(reseller)
	p.place(reseller, ledger.Test, "test-mode")
	p.place(other, ledger.Live, "other's")
	p.prices(other)
	p.words()
	p.webhook(webhook.Owner{AccountID: reseller.ID, KeyID: live.ID})
	return p.seeds
}

// webhook registers one, and pings it.
func (p *planting) webhook(by webhook.Owner) {
	ctx := context.Background()
	store := webhooks(p, p.d)
	e, _, err := store.Add(ctx, by, "https://shop.example/webhooks", "", by.KeyID)
	must(p, err)
	ping, err := store.Test(ctx, by, e.ID)
	must(p, err)
	must(p, p.d.Write(ctx, func(tx *db.Tx) error {
		at := db.At(tx.Now)
		if err := tx.ExecMany(`INSERT INTO webhook_attempts (delivery_id, number, at, status, error, duration, answer) VALUES ($1, $2, $3, $4, $5, $6, $7)`, [][]any{
			{ping, 1, at, 0, "timeout", int64(10_004 * time.Millisecond), ""},
			{ping, 2, at, 200, "", int64(31 * time.Millisecond), "ok"},
		}); err != nil {
			return err
		}
		// The tests of a minute are counted, and no golden file should depend on it.
		if _, err := tx.Exec(`UPDATE webhook_events SET created_at = $1`, db.At(tx.Now.Add(-2*time.Minute))); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE webhook_deliveries SET state = 'delivered', due_at = NULL, finished_at = $2, attempts = 2, failures = 1 WHERE id = $1`, ping, at)
		return err
	}))
	d, err := store.Delivery(ctx, by, ping)
	must(p, err)
	p.seeds.orders["hook"], p.seeds.orders["ping"], p.seeds.orders["ping-event"] = e.ID, ping, d.EventID
}

// webhooks is the store of webhooks, for which the names of examples lead to public
// addresses.
func webhooks(t testing.TB, d *db.DB) *webhook.Store {
	t.Helper()
	store := webhook.NewStore(d, ring(t))
	guard := store.CheckURL
	store.CheckURL = func(ctx context.Context, raw string) (string, error) {
		if strings.HasPrefix(raw, "https://shop.example/") {
			return raw, nil
		}
		return guard(ctx, raw)
	}
	return store
}

func (p *planting) services() {
	ctx := context.Background()
	upstream, err := provider.NewStore(p.d, ring(p)).Add(ctx, "Upstream", "https://provider.example/api/v2", "upstream-key", "test")
	must(p, err)
	store := catalog.NewStore(p.d)
	_, err = store.Import(ctx, upstream.ID, []catalog.Offer{
		{ProviderService: "11", Category: "Adverts", Name: "Banner impressions", Type: catalog.Default, Cost: money.Unit, Rate: 2 * money.Unit, Min: 10, Max: 100_000},
		{ProviderService: "12", Category: "Video", Name: `Views "HD" <30 s>`, Type: catalog.Default, Description: "Starts within the hour & ends – usually – the same day", Cost: 200_000, Rate: 278_190, Min: 50, Max: 10_000},
		{ProviderService: "13", Category: "Adverts", Name: "Newsletter mentions", Type: catalog.Default, Cost: 10 * money.Unit, Rate: 12_500_000, Min: 100, Max: 1_000_000},
		{ProviderService: "14", Category: "Adverts", Name: "Paused for now", Type: catalog.Default, Cost: money.Unit, Rate: 2 * money.Unit, Min: 10, Max: 100},
	}, "test")
	must(p, err)
	step, paused := int64(100), catalog.Paused
	_, err = store.Set(ctx, 3, catalog.Change{Increment: &step}, "test")
	must(p, err)
	_, err = store.Set(ctx, 4, catalog.Change{State: &paused}, "test")
	must(p, err)
}

// prices gives resellers ten percent off, and one account their tier and a rate
// of its own.
func (p *planting) prices(of account.Account) {
	ctx := context.Background()
	store := catalog.NewStore(p.d)
	must(p, store.SetDiscount(ctx, catalog.Discount{Tier: account.Reseller, Percent: money.Percent(10 * money.Unit)}, "test"))
	_, err := store.SetOwnRate(ctx, catalog.OwnRate{AccountID: of.ID, Service: 3, Rate: 11 * money.Unit}, "test")
	must(p, err)
	_, err = account.NewStore(p.d).SetTier(ctx, of.ID, account.Reseller, "test")
	must(p, err)
}

// words translates a service and its category, and says of another how it does.
func (p *planting) words() {
	ctx := context.Background()
	store := catalog.NewStore(p.d)
	_, err := store.SetServiceText(ctx, 1, "de", new("Bannereinblendungen"), new("Läuft sofort an"), "test")
	must(p, err)
	_, err = store.SetCategoryText(ctx, "Adverts", "de", "Anzeigen", "test")
	must(p, err)
	must(p, p.d.Write(ctx, func(tx *db.Tx) error {
		return catalog.SaveFacts(tx, map[int64]catalog.Facts{
			1: {Orders: 19, Completed: 1000, MeasuredAt: tx.Now},
			3: {
				Orders: 214, StartHalf: new(int64(45)), StartMost: new(int64(320)), CompleteHalf: new(int64(5400)), CompleteMost: new(int64(86_000)),
				Completed: 953, Partial: 33, Canceled: 9, MeasuredAt: tx.Now,
			},
		})
	}))
}

func (p *planting) account(email string, balance money.Amount) account.Account {
	ctx := context.Background()
	store := account.NewStore(p.d)
	a, err := store.Create(ctx, email, "a long password", account.Customer, "test")
	must(p, err)
	if balance > 0 {
		_, err = store.Credit(ctx, a.ID, balance, "seed", "test")
		must(p, err)
	}
	return a
}

func (p *planting) key(name string, k apikey.NewKey) apikey.Key {
	if k.Name = name; k.Dialect == "" {
		k.Dialect = apikey.Native
	}
	value, issued, err := p.keys.Issue(context.Background(), k, "test")
	must(p, err)
	p.seeds.keys[name] = value
	return issued
}

// place places 100 banner impressions for 0.20 under a request id of that name.
func (p *planting) place(a account.Account, mode ledger.Mode, name string) string {
	return p.placeFields(a, mode, name, map[string]string{
		"service": "1", "quantity": "100", "link": "https://example.com/" + name + "?from=ad#top",
	})
}

// orders makes one order in every state, each by the way that leads there.
func (p *planting) orders(a account.Account) {
	sent := []order.State{order.Submitting, order.Processing}
	running := []order.State{order.Submitting, order.Processing, order.InProgress}
	for _, o := range []struct {
		name    string
		path    []order.State
		remains int64
	}{
		{"pending", nil, 0},
		{"queued", []order.State{order.Queued}, 0},
		{"held", []order.State{order.Held}, 0},
		{"submitting", []order.State{order.Submitting}, 0},
		{"uncertain", []order.State{order.Submitting, order.Uncertain}, 0},
		{"processing", sent, 0},
		{"in_progress", running, 65},
		{"completed", append(running, order.Completed), 0},
		{"partial", append(running, order.Partial), 33},
		{"canceled", []order.State{order.Canceled}, 100},
		{"failed", []order.State{order.Submitting, order.Failed}, 0},
		{"refunded", append(running, order.Completed, order.Refunded), 0},
	} {
		orderID := p.place(a, ledger.Live, o.name)
		for _, to := range o.path {
			p.move(orderID, to, o.remains)
		}
	}
}

func (p *planting) move(orderID string, to order.State, remains int64) {
	must(p, p.d.Write(context.Background(), func(tx *db.Tx) error {
		o, book, err := order.Lock(tx, orderID)
		if err != nil {
			return err
		}
		switch to {
		case order.Processing:
			o.UpstreamID = "up-" + orderID
		case order.InProgress, order.Completed, order.Partial:
			count := int64(1234)
			o.StartCount, o.Remains = &count, &remains
		default:
		}
		return order.Transition(tx, book, o, order.Change{To: to, Actor: "panel", Reason: "the provider says something that only staff may read"})
	}))
}

// planted is a seeded SQLite file that every test gets a copy of.
type planted struct {
	sync.Once

	seeds   seeds
	content []byte
}

// The seeded files of the dialects.
var nativePlanted, classicPlanted planted

// panel is the API over a database of its own.
type panel struct {
	testing.TB

	d     *db.DB
	api   *apiv2.API
	auth  *apikey.Authenticator
	ring  *secret.Ring
	log   *bytes.Buffer
	deps  apiv2.Deps
	seeds seeds

	placer *order.Placer
	made   []string // orders that appeared in answers, in that order
}

// newPanel returns a seeded panel on an engine.
func newPanel(t testing.TB, engine db.Engine) *panel {
	t.Helper()
	return newPanelOf(t, engine, &nativePlanted, plant)
}

func newPanelOf(t testing.TB, engine db.Engine, planted *planted, plant func(testing.TB, *db.DB) seeds) *panel {
	t.Helper()
	if engine == db.Postgres {
		d := dbtest.Open(t, engine)
		return serving(t, d, plant(t, d))
	}
	planted.Do(func() {
		url := dbtest.NewURL(t, db.SQLite)
		d, err := db.Open(context.Background(), url, db.Options{})
		must(t, err)
		planted.seeds = plant(t, d)
		must(t, d.Close())
		path := strings.TrimPrefix(url, "sqlite:")
		if left, err := os.Stat(path + "-wal"); err == nil && left.Size() > 0 {
			t.Fatal("the seeded file is not whole without its log")
		}
		planted.content, err = os.ReadFile(path)
		must(t, err)
	})
	if len(planted.content) == 0 {
		t.Fatal("the fixture could not be seeded")
	}
	path := filepath.Join(t.TempDir(), "panel.db")
	must(t, os.WriteFile(path, planted.content, 0o600))
	return serving(t, dbtest.Connect(t, "sqlite:"+path), planted.seeds)
}

// serving wires the API as package app does.
func serving(t testing.TB, d *db.DB, s seeds) *panel {
	t.Helper()
	p := &panel{TB: t, d: d, ring: ring(t), log: &bytes.Buffer{}, seeds: seeds{keys: s.keys, orders: maps.Clone(s.orders)}}
	p.auth = apikey.NewAuthenticator(d, p.ring, clock.System)
	placer := order.NewPlacer(d, order.PlacerOptions{})
	t.Cleanup(placer.Close)
	p.placer = placer
	p.deps = apiv2.Deps{
		Limits: ratelimit.New(defaultLimits, halfMinute),
		Keys:   p.auth, Epochs: epoch.NewReader(d), Catalog: catalog.NewCache(d), Services: catalog.NewStore(d), Placer: placer, Orders: order.NewStore(d),
		Cancel: order.NewCanceller(d, nil), Refills: order.NewRefiller(d, nil), Webhooks: webhooks(t, d), Currency: "USD", Log: slog.New(slog.NewTextHandler(p.log, nil)),
		Balance: func(ctx context.Context, walletID string) (balance money.Amount, err error) {
			err = d.Read(ctx, func(tx *db.Tx) error {
				balance, err = ledger.Balance(tx, walletID)
				return err
			})
			return balance, err
		},
	}
	p.api = apiv2.New(p.deps)
	return p
}

// defaultLimits are those of a panel that sets none.
var defaultLimits = ratelimit.Limits{Address: 300, Key: 100, Tiers: map[string]int64{"standard": 300, "reseller": 1200, "agency": 6000}}

// halfMinute is when all requests of a test are counted: X-RateLimit-Reset is
// 1767225660 then, 30 s ahead.
func halfMinute() time.Time { return time.Unix(1_767_225_630, 0) }

// limit makes the API anew with other limits, and nothing counted.
func (p *panel) limit(l ratelimit.Limits) {
	p.deps.Limits = ratelimit.New(l, halfMinute)
	p.api = apiv2.New(p.deps)
}

// post sends a form and returns the answer.
func (p *panel) post(form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/api/v2", strings.NewReader(p.fill(form)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	p.api.ServeHTTP(w, r)
	return w
}

// audit proves that every wallet and order adds up.
func (p *panel) audit() {
	p.Helper()
	ctx := context.Background()
	differs := func(text string) { p.Errorf("audit: %s", text) }
	_, err := ledger.Audit(ctx, p.d, differs)
	must(p, err)
	_, err = order.Audit(ctx, p.d, differs)
	must(p, err)
}

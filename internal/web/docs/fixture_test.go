package docs

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
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/ratelimit"
	"github.com/notpanel/notpanel/internal/secret"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// live is a panel whose API answers over HTTP. The account of reseller@example.com
// has the orders that the samples ask about; its keys are live, test, classic,
// capped, revoked and expired. Other and suspended are the keys of other accounts.
type live struct {
	testing.TB

	d      *db.DB
	ring   *secret.Ring
	keys   *apikey.Store
	placer *order.Placer
	deps   apiv2.Deps
	api    atomic.Pointer[apiv2.API]
	server *httptest.Server
	docs   *Docs
	offset time.Duration

	values map[string]string     // keys by name
	issued map[string]apikey.Key // the same without their values
	real   map[string]string     // the pages' ids → those of the panel
}

// seeded is a database file that every test gets a copy of.
type seeded struct {
	sync.Once

	content []byte
	from    *live
}

// Made once for all tests.
var seededFile seeded

// began is when the account of the samples placed its first order.
var began = time.Date(2026, 3, 1, 12, 0, 20, 0, time.UTC)

// asked is when the samples run.
var asked = time.Date(2026, 3, 2, 9, 30, 20, 0, time.UTC)

// newLive starts a panel with limits.
func newLive(t *testing.T, limits ratelimit.Limits) *live {
	t.Helper()
	seededFile.Do(func() { seededFile.seed(t) })
	if len(seededFile.content) == 0 {
		t.Fatal("the panel could not be seeded")
	}
	file := filepath.Join(t.TempDir(), "panel.db")
	must(t, os.WriteFile(file, seededFile.content, 0o600))
	p := &live{
		TB: t, d: dbtest.Connect(t, "sqlite:"+file), ring: seededFile.from.ring,
		values: seededFile.from.values, issued: seededFile.from.issued, real: maps.Clone(seededFile.from.real),
	}
	p.serve(limits)
	p.at(asked)
	return p
}

func (s *seeded) seed(t *testing.T) {
	t.Helper()
	url := dbtest.NewURL(t, db.SQLite)
	d, err := db.Open(context.Background(), url, db.Options{})
	must(t, err)
	ring, err := secret.NewRing(secret.FromBytes([secret.Size]byte{4, 5, 6}), nil)
	must(t, err)
	p := &live{
		TB: t, d: d, ring: ring, keys: apikey.NewStore(d, ring), placer: order.NewPlacer(d, order.PlacerOptions{}),
		values: map[string]string{}, issued: map[string]apikey.Key{}, real: map[string]string{},
	}
	p.plant()
	p.placer.Close()
	must(t, d.Close())
	s.content, err = os.ReadFile(strings.TrimPrefix(url, "sqlite:"))
	must(t, err)
	s.from = p
}

// at sets the database's clock.
func (p *live) at(moment time.Time) {
	offset := time.Until(moment)
	p.d.AdvanceClock(offset - p.offset)
	p.offset = offset
}

// serve wires the API as the program does, without what works in the background:
// orders stay where they are.
func (p *live) serve(limits ratelimit.Limits) {
	p.keys = apikey.NewStore(p.d, p.ring)
	p.placer = order.NewPlacer(p.d, order.PlacerOptions{})
	p.Cleanup(p.placer.Close)
	p.deps = apiv2.Deps{
		Keys: apikey.NewAuthenticator(p.d, p.ring, clock.System), Epochs: epoch.NewReader(p.d), Catalog: catalog.NewCache(p.d),
		Services: catalog.NewStore(p.d), Placer: p.placer, Orders: order.NewStore(p.d), Cancel: order.NewCanceller(p.d, nil),
		Refills: order.NewRefiller(p.d, nil), Webhooks: p.webhooks(), Currency: "USD", Log: slog.New(slog.DiscardHandler),
		Balance: func(ctx context.Context, walletID string) (balance money.Amount, err error) {
			err = p.d.Read(ctx, func(tx *db.Tx) error {
				balance, err = ledger.Balance(tx, walletID)
				return err
			})
			return balance, err
		},
	}
	p.limit(limits)
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.api.Load().ServeHTTP(w, r) }))
	p.Cleanup(p.server.Close)
	settings := settingsOf(limits)
	settings.BaseURL = p.server.URL
	p.docs = New(settings)
}

// limit makes the API anew with limits and nothing counted. It is always half past
// a minute there.
func (p *live) limit(limits ratelimit.Limits) {
	p.deps.Limits = ratelimit.New(limits, func() time.Time { return time.Unix(1_772_443_830, 0) })
	p.api.Store(apiv2.New(p.deps))
}

// usualLimits are those of a panel that sets none.
func usualLimits(t testing.TB) ratelimit.Limits {
	t.Helper()
	limits, err := config.Limits{LimitIP: 300, LimitKey: 100, LimitTiers: "standard=300,reseller=1200,agency=6000"}.RateLimits()
	must(t, err)
	return limits
}

// settingsOf are a panel's with those limits.
func settingsOf(limits ratelimit.Limits) Settings {
	return Settings{
		Panel: "Example Panel", BaseURL: "https://panel.example", Support: "help@panel.example", Currency: "USD",
		Limits: LimitsOf(limits, Tier{Name: "Standard"}, Tier{Name: "Reseller"}, Tier{Name: "Agency"}),
	}
}

// fields are pairs of a name and a value.
func form(fields ...string) string {
	var all []string
	for i := 0; i+1 < len(fields); i += 2 {
		all = append(all, fields[i]+"="+fields[i+1])
	}
	return strings.Join(all, "&")
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   string
}

// told are the values of a header that is spelled as it is documented.
func (r reply) told(header string) []string { return r.header[header] }

// send sends any request to the API.
func (p *live) send(method, query, contentType, body string, headers ...string) reply {
	p.Helper()
	r := httptest.NewRequest(method, "/api/v2?"+query, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.api.Load().ServeHTTP(w, r)
	return reply{w.Code, w.Header(), strings.TrimSpace(w.Body.String())}
}

const urlencoded = "application/x-www-form-urlencoded"

// call sends a form with a key by its name, or by its value where it has none.
func (p *live) call(key string, fields ...string) reply {
	p.Helper()
	if value, named := p.values[key]; named {
		key = value
	}
	return p.send(http.MethodPost, "", urlencoded, "key="+key+"&"+form(fields...))
}

// plant fills an empty database.
func (p *live) plant() {
	p.at(began.Add(-3 * time.Hour))
	p.services()
	reseller := p.account("reseller@example.com", 100*money.Unit)
	other, suspended := p.account("other@example.com", 5*money.Unit), p.account("suspended@example.com", 0)
	dailyCap := money.Unit / 10
	for _, k := range []apikey.NewKey{
		{Name: "live", AccountID: reseller.ID},
		{Name: "test", AccountID: reseller.ID, Mode: apikey.Test},
		{Name: "classic", AccountID: reseller.ID, Dialect: apikey.Classic},
		{Name: "capped", AccountID: reseller.ID, Settings: apikey.Settings{DailyCap: &dailyCap}},
		{Name: "revoked", AccountID: reseller.ID},
		{Name: "expired", AccountID: reseller.ID, ExpiresAt: time.Unix(1, 0)},
		{Name: "other", AccountID: other.ID},
		{Name: "suspended", AccountID: suspended.ID},
		{Name: "suspended classic", AccountID: suspended.ID, Dialect: apikey.Classic},
	} {
		p.issue(k)
	}
	ctx := context.Background()
	_, err := p.keys.Revoke(ctx, p.issued["revoked"].ID, "test")
	must(p, err)
	_, err = account.NewStore(p.d).SetState(ctx, suspended.ID, account.Suspended, "test")
	must(p, err)
	p.hook(reseller)
	p.orders(reseller)
	p.place("other's", other, ledger.Live, "service", "1", "quantity", "100", "link", "https://example.com/other")
	p.place("test-mode", reseller, ledger.Test, "service", "1", "quantity", "100", "link", "https://example.com/test")
}

func (p *live) issue(k apikey.NewKey) {
	p.Helper()
	if k.Dialect == "" {
		k.Dialect = apikey.Native
	}
	if k.Mode == "" {
		k.Mode = apikey.Live
	}
	value, issued, err := p.keys.Issue(context.Background(), k, "test")
	must(p, err)
	p.values[k.Name], p.issued[k.Name] = value, issued
}

func (p *live) account(email string, balance money.Amount) account.Account {
	p.Helper()
	store := account.NewStore(p.d)
	a, err := store.Create(context.Background(), email, "a long password", account.Customer, "test")
	must(p, err)
	if balance > 0 {
		_, err = store.Credit(context.Background(), a.ID, balance, "seed", "test")
		must(p, err)
	}
	return a
}

func (p *live) services() {
	ctx := context.Background()
	upstream, err := provider.NewStore(p.d, p.ring).Add(ctx, "Upstream", "https://provider.example/api/v2", "upstream-key", "test")
	must(p, err)
	store := catalog.NewStore(p.d)
	_, err = store.Import(ctx, upstream.ID, []catalog.Offer{
		{
			ProviderService: "11", Category: "Adverts", Name: "Banner impressions", Description: "Shown on pages of trade magazines.",
			Type: catalog.Default, Cost: money.Unit, Rate: 2 * money.Unit, Min: 10, Max: 100_000, Dripfeed: true, Refill: true, RefillDays: 30, Cancel: true,
		},
		{ProviderService: "12", Category: "Adverts", Name: "Newsletter mentions", Type: catalog.Default, Cost: money.Unit, Rate: 12_500_000, Min: 100, Max: 10_000, Increment: 100},
		{ProviderService: "13", Category: "Articles", Name: "Comments on articles", Type: catalog.CustomComments, Cost: money.Unit, Rate: 20 * money.Unit, Min: 2, Max: 50},
		{ProviderService: "14", Category: "Articles", Name: "Readers of new articles", Type: catalog.Subscriptions, Cost: money.Unit, Rate: 3 * money.Unit, Min: 10, Max: 1000},
		{ProviderService: "15", Category: "Video", Name: "Video views", Type: catalog.Default, Cost: money.Unit, Rate: 2 * money.Unit, Min: 10, Max: 1000},
		{ProviderService: "16", Category: "Video", Name: "Video views, one order at a time", Type: catalog.Default, Cost: money.Unit, Rate: 2 * money.Unit, Min: 10, Max: 1000},
		{ProviderService: "17", Category: "Video", Name: "Paused", Type: catalog.Default, Cost: money.Unit, Rate: 2 * money.Unit, Min: 10, Max: 1000},
	}, "test")
	must(p, err)
	hosts, refuse, paused := []string{"video.example"}, catalog.OverlapRefuse, catalog.Paused
	for service, change := range map[int64]catalog.Change{5: {LinkHosts: &hosts}, 6: {Overlap: &refuse}, 7: {State: &paused}} {
		_, err = store.Set(ctx, service, change, "test")
		must(p, err)
	}
	p.write(func(tx *db.Tx) error {
		return catalog.SaveFacts(tx, map[int64]catalog.Facts{2: {
			Orders: 214, StartHalf: new(int64(45)), StartMost: new(int64(320)), CompleteHalf: new(int64(5400)), CompleteMost: new(int64(86_000)),
			Completed: 953, Partial: 33, Canceled: 9, MeasuredAt: tx.Now,
		}})
	})
}

func (p *live) write(fn func(tx *db.Tx) error) {
	p.Helper()
	must(p, p.d.Write(context.Background(), fn))
}

// place places an order under a request id.
func (p *live) place(requestID string, a account.Account, mode ledger.Mode, fields ...string) (orderID string) {
	p.Helper()
	said := map[string]string{"request_id": requestID}
	for i := 0; i+1 < len(fields); i += 2 {
		said[fields[i]] = fields[i+1]
	}
	request, err := order.ParseRequest(func(name string) string { return said[name] })
	must(p, err)
	buyer := order.Buyer{Scope: order.Scope{AccountID: a.ID, Mode: mode}, Tier: string(a.Tier)}
	var snapshot *catalog.Snapshot
	must(p, p.d.Read(context.Background(), func(tx *db.Tx) (err error) {
		buyer.WalletID, err = ledger.WalletID(tx, a.ID, mode)
		return err
	}))
	epochs, err := epoch.NewReader(p.d).Current(context.Background())
	must(p, err)
	snapshot, err = catalog.NewCache(p.d).At(context.Background(), epochs.Catalog)
	must(p, err)
	placed, err := p.placer.Place(context.Background(), buyer, request, snapshot)
	must(p, err)
	return placed.OrderID
}

// orders are those that the samples ask about.
func (p *live) orders(a account.Account) {
	running := []order.State{order.Submitting, order.Processing, order.InProgress}
	for i, o := range []struct {
		n       int
		path    []order.State
		remains int64
		more    []string
	}{
		{exCompleted, append(running, order.Completed), 0, nil},
		{exInProgress, running, 650, nil},
		{exPartial, append(running, order.Partial), 330, nil},
		{exPending, nil, 0, nil},
		{exOther, nil, 0, []string{"runs", "3", "interval", "60"}},
	} {
		at := began.Add(time.Duration(i) * time.Hour)
		p.at(at)
		requestID := "shop-470" + string(rune('0'+o.n))
		orderID := p.place(requestID, a, ledger.Live, append([]string{
			"service", "1", "quantity", "1000", "link", "https://example.com/page-" + string(rune('0'+o.n)),
		}, o.more...)...)
		p.real[docID(o.n)] = orderID
		for j, to := range o.path {
			p.at(at.Add(time.Duration(j+1) * 7 * time.Minute))
			p.move(orderID, to, o.remains)
		}
		p.deliver(o.n)
	}
	_, err := order.Feed(context.Background(), p.d, func() {})
	must(p, err)
}

func docID(n int) string { return orderID(n) }

func (p *live) move(orderID string, to order.State, remains int64) {
	p.Helper()
	p.write(func(tx *db.Tx) error {
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
		return order.Transition(tx, book, o, order.Change{To: to, Actor: "panel", Reason: "for staff"})
	})
}

// audit proves that every wallet and order adds up.
func (p *live) audit() {
	p.Helper()
	var differences bytes.Buffer
	note := func(text string) { differences.WriteString(text + "\n") }
	_, err := ledger.Audit(context.Background(), p.d, note)
	must(p, err)
	_, err = order.Audit(context.Background(), p.d, note)
	must(p, err)
	if differences.Len() > 0 {
		p.Error(differences.String())
	}
}

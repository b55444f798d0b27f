package apiv2_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// The classic fixture is a panel with a service of each kind that matters and,
// as in the native one, an account with an order in every state, numbered 1 to 12
// in the order of a life; 13 was canceled when a part of it was delivered, 14 is a
// drip-feed whose first run is 15, 16 is a subscription with the posts 17 and 18.
// Its keys are all classic: strict has ids as text, descriptions and orders by
// GET, far may be used from elsewhere only, capped may spend 0.30 a day, windowed takes equal orders
// within an hour for one, test is
// for play money; other and suspended are other accounts'.
func plantClassic(t testing.TB, d *db.DB) seeds {
	t.Helper()
	p := &planting{
		TB: t, d: d, keys: apikey.NewStore(d, ring(t)), placer: order.NewPlacer(d, order.PlacerOptions{}),
		seeds: seeds{keys: map[string]string{}, orders: map[string]string{}},
	}
	defer p.placer.Close()
	p.classicServices()
	panel := p.account("panel@example.com", 100*money.Unit)
	other := p.account("other@example.com", money.Unit)
	suspended := p.account("suspended@example.com", 5*money.Unit)
	dailyCap := 300 * money.Unit / 1000
	for name, k := range map[string]apikey.NewKey{
		"classic":   {AccountID: panel.ID},
		"strict":    {AccountID: panel.ID, Settings: apikey.Settings{ClassicIDs: apikey.StringIDs, AllowGET: true, Descriptions: true}},
		"far":       {AccountID: panel.ID, Settings: apikey.Settings{Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}},
		"capped":    {AccountID: panel.ID, Settings: apikey.Settings{DailyCap: &dailyCap}},
		"windowed":  {AccountID: panel.ID, Settings: apikey.Settings{ReplayWindow: time.Hour}},
		"test":      {AccountID: panel.ID, Mode: apikey.Test},
		"other":     {AccountID: other.ID},
		"suspended": {AccountID: suspended.ID},
	} {
		if k.Dialect = apikey.Classic; k.Mode == "" {
			k.Mode = apikey.Live
		}
		p.key(name, k)
	}
	p.orders(panel)
	p.canceledInPart(panel)
	p.drip(panel)
	p.subscription(panel)
	p.place(suspended, ledger.Live, "suspended's")
	p.place(panel, ledger.Test, "test-mode")
	_, err := account.NewStore(d).SetState(context.Background(), suspended.ID, account.Suspended, "test")
	must(t, err)
	return p.seeds
}

func (p *planting) classicServices() {
	ctx := context.Background()
	upstream, err := provider.NewStore(p.d, ring(p)).Add(ctx, "Upstream", "https://provider.example/api/v2", "upstream-key", "test")
	must(p, err)
	_, err = catalog.NewStore(p.d).Import(ctx, upstream.ID, []catalog.Offer{
		{ProviderService: "11", Category: "Adverts", Name: "Banner impressions", Type: catalog.Default, Cost: money.Unit, Rate: 2 * money.Unit, Min: 10, Max: 100_000},
		{ProviderService: "12", Category: "Articles", Name: `Comments "by hand" <30 min>`, Description: "Written by people & checked – always", Type: catalog.CustomComments, Cost: 10 * money.Unit, Rate: 20 * money.Unit, Min: 2, Max: 50},
		{ProviderService: "13", Category: "Adverts", Name: "Design package", Type: catalog.Package, Cost: money.Unit, Rate: 5 * money.Unit, Min: 1000, Max: 1000},
		{ProviderService: "14", Category: "Articles", Name: "SEO audit", Type: catalog.SEO, Cost: money.Unit, Rate: 278_190, Min: 100, Max: 10_000},
		{ProviderService: "15", Category: "Articles", Name: "Article reads", Type: catalog.Subscriptions, Cost: money.Unit, Rate: 3 * money.Unit, Min: 10, Max: 100},
		{ProviderService: "16", Category: "Adverts", Name: "Paused for now", Type: catalog.Default, Cost: money.Unit, Rate: 2 * money.Unit, Min: 10, Max: 100},
		{ProviderService: "17", Category: "Adverts", Name: "Mentions", Type: catalog.MentionsCustomList, Cost: money.Unit, Rate: 20 * money.Unit, Min: 1, Max: 5},
	}, "test")
	must(p, err)
	paused := catalog.Paused
	_, err = catalog.NewStore(p.d).Set(ctx, 6, catalog.Change{State: &paused}, "test")
	must(p, err)
	step := int64(100)
	_, err = catalog.NewStore(p.d).Set(ctx, 4, catalog.Change{Increment: &step}, "test")
	must(p, err)
	must(p, p.d.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE services SET dripfeed = TRUE, refill = TRUE, refill_days = 30, cancel = TRUE WHERE id = 1`)
		return err
	}))
}

// canceledInPart is an order of which 67 of 100 were delivered.
func (p *planting) canceledInPart(a account.Account) {
	orderID := p.place(a, ledger.Live, "canceled_part")
	for _, to := range []order.State{order.Submitting, order.Processing, order.InProgress} {
		p.move(orderID, to, 33)
	}
	must(p, p.d.Write(context.Background(), func(tx *db.Tx) error {
		o, book, err := order.Lock(tx, orderID)
		if err != nil {
			return err
		}
		return order.Transition(tx, book, o, order.Change{To: order.Canceled, Delivered: true, Actor: "panel", Reason: "canceled there"})
	}))
}

func (p *planting) drip(a account.Account) {
	p.placeFields(a, ledger.Live, "drip", map[string]string{
		"service": "1", "quantity": "100", "runs": "3", "interval": "60", "link": "https://example.com/drip",
	})
	_, err := order.Feed(context.Background(), p.d, func() {})
	must(p, err)
}

func (p *planting) subscription(a account.Account) {
	orderID := p.placeFields(a, ledger.Live, "subscription", map[string]string{
		"service": "5", "username": "magazine", "min": "10", "max": "20", "delay": "0", "posts": "4", "expiry": "2031-12-31",
	})
	p.move(orderID, order.Submitting, 0)
	p.move(orderID, order.Processing, 0)
	must(p, p.d.Write(context.Background(), func(tx *db.Tx) error {
		o, book, err := order.Lock(tx, orderID)
		if err != nil {
			return err
		}
		if _, err := order.AddPosts(tx, book, o, []string{"post-1", "post-2"}); err != nil {
			return err
		}
		return order.Transition(tx, book, o, order.Change{To: order.InProgress, Actor: "panel", Reason: "posts came"})
	}))
}

// newClassicPanel returns a panel with the classic fixture.
func newClassicPanel(t testing.TB, engine db.Engine) *panel {
	t.Helper()
	return newPanelOf(t, engine, &classicPlanted, plantClassic)
}

// placeFields places an order under a request id of that name.
func (p *planting) placeFields(a account.Account, mode ledger.Mode, name string, fields map[string]string) string {
	ctx := context.Background()
	var snapshot *catalog.Snapshot
	buyer := order.Buyer{Scope: order.Scope{AccountID: a.ID, Mode: mode}, KeyID: "key_seed"}
	must(p, p.d.Read(ctx, func(tx *db.Tx) (err error) {
		if snapshot, err = catalog.Load(tx); err == nil {
			buyer.WalletID, err = ledger.WalletID(tx, a.ID, mode)
		}
		return err
	}))
	fields["request_id"] = "seed-" + name
	request, err := order.ParseRequest(func(name string) string { return fields[name] })
	must(p, err)
	placed, err := p.placer.Place(ctx, buyer, request, snapshot)
	must(p, err)
	p.seeds.orders[name] = placed.OrderID
	return placed.OrderID
}

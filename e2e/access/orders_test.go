package access_test

import (
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// orderOf places an order that waits: its provider is paused.
func orderOf(t *testing.T, p *panel, accountID string) (orderID string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	upstream, err := p.Core.Providers.Add(ctx, "Upstream", "https://provider.example/api/v2", "key", "test")
	must(err)
	must(p.Core.Providers.SetState(ctx, upstream.ID, provider.Paused, "test", "test"))
	_, err = p.Core.Catalog.Import(ctx, upstream.ID, []catalog.Offer{{
		ProviderService: "1", Category: "Adverts", Name: "Shop impressions", Type: catalog.Default, Cost: money.Unit, Rate: 2 * money.Unit,
		Min: 10, Max: 100_000, Cancel: true, Refill: true,
	}}, "test")
	must(err)
	_, err = p.Core.Accounts.Credit(ctx, accountID, 10*money.Unit, "seed", "test")
	must(err)
	fields := map[string]string{"service": "1", "request_id": "Shop", "link": "https://example.com/Shop", "quantity": "1000"}
	request, err := order.ParseRequest(func(name string) string { return fields[name] })
	must(err)
	epochs, err := p.Epochs.Current(ctx)
	must(err)
	snapshot, err := p.Cache.At(ctx, epochs.Catalog)
	must(err)
	buyer := order.Buyer{Scope: order.Scope{AccountID: accountID, Mode: ledger.Live}}
	must(p.Core.DB.Read(ctx, func(tx *db.Tx) (err error) {
		buyer.WalletID, err = ledger.WalletID(tx, accountID, ledger.Live)
		return err
	}))
	placed, err := p.Placer.Place(ctx, buyer, request, snapshot)
	must(err)
	return placed.OrderID
}

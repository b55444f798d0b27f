package order_test

import (
	"fmt"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// booked counts the orders and charges of the fixture's buyer, and what is left.
func booked(f *ordertest.Fixture) (orders, charges int, balance money.Amount) {
	f.T.Helper()
	f.Read(func(tx *db.Tx) error {
		err := tx.QueryRow(`SELECT COUNT(*) FROM orders WHERE account_id = $1`, f.Buyer.AccountID).Scan(&orders)
		if err != nil {
			return err
		}
		err = tx.QueryRow(`SELECT COUNT(*) FROM transfers WHERE kind = 'order' AND debit = $1`, f.Buyer.WalletID).Scan(&charges)
		if err != nil {
			return err
		}
		balance, err = ledger.Balance(tx, f.Buyer.WalletID)
		return err
	})
	return orders, charges, balance
}

func requests(f *ordertest.Fixture, quantities ...int64) (all []order.Request) {
	for i, quantity := range quantities {
		all = append(all, f.Request(fmt.Sprintf("r-%d", i), fmt.Sprintf("https://example.com/%d", i), quantity))
	}
	return all
}

// Of many requests each stands for itself, in their order; the same ones again are
// answered as before and charge nothing.
func TestManyAreEachPlacedOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://upstream.example", 5*money.Unit)
		p := order.NewPlacer(d, order.PlacerOptions{})
		defer p.Close()
		all := requests(f, 1000, 1, 500, 2000) // 2.00, refused, 1.00, too much for what is left
		for range 2 {
			got := p.Many(t.Context(), f.Buyer, all, f.Snapshot())
			if got[0].Err != nil || got[0].Number != 1 || got[2].Err != nil || got[2].Number != 2 {
				t.Errorf("%+v", got)
			}
			if fault.From(got[1].Err).Reason != fault.QuantityLow || fault.From(got[3].Err).Reason != fault.NoFunds {
				t.Errorf("%v, %v", got[1].Err, got[3].Err)
			}
		}
		if orders, charges, balance := booked(f); orders != 2 || charges != 2 || balance != 2*money.Unit {
			t.Errorf("%d orders, %d charges, %s left", orders, charges, balance)
		}
	})
}

// Requests that go together are all placed or none, however often they are sent.
func TestTogetherPlacesAllOrNone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://upstream.example", 5*money.Unit)
		p := order.NewPlacer(d, order.PlacerOptions{})
		defer p.Close()
		got, ok, err := p.Together(t.Context(), f.Buyer, requests(f, 1000, 500, 2000), f.Snapshot())
		if err != nil || ok || got[0].Err != nil || got[0].OrderID != "" || fault.From(got[2].Err).Reason != fault.NoFunds {
			t.Errorf("%+v, %v, %v", got, ok, err)
		}
		if orders, charges, balance := booked(f); orders != 0 || charges != 0 || balance != 5*money.Unit {
			t.Errorf("%d orders, %d charges, %s left", orders, charges, balance)
		}
		for range 2 {
			got, ok, err = p.Together(t.Context(), f.Buyer, requests(f, 1000, 500), f.Snapshot())
			if err != nil || !ok || got[0].Number != 1 || got[1].Number != 2 {
				t.Errorf("%+v, %v, %v", got, ok, err)
			}
		}
		if orders, charges, balance := booked(f); orders != 2 || charges != 2 || balance != 2*money.Unit {
			t.Errorf("%d orders, %d charges, %s left", orders, charges, balance)
		}
		if _, err := order.Audit(t.Context(), d, func(text string) { t.Error(text) }); err != nil {
			t.Error(err)
		}
	})
}

// A quote is what placing charges, and refuses what placing refuses.
func TestQuoteIsWhatPlacingCharges(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://upstream.example", 5*money.Unit)
		of := f.Snapshot()
		q, err := requests(f, 1234)[0].Quote(of, catalog.Customer{AccountID: f.Buyer.AccountID}, clock.System())
		if err != nil || q.Units() != 1234 || q.Kind != order.Single {
			t.Fatalf("%+v, %v", q, err)
		}
		if o := f.Place("r-0", "https://example.com/0", 1234); o.Charge != q.Charge || o.Rate != q.Rate {
			t.Errorf("quoted %s, charged %s", q.Charge, o.Charge)
		}
		if _, err := requests(f, 1)[0].Quote(of, catalog.Customer{AccountID: f.Buyer.AccountID}, clock.System()); fault.From(err).Reason != fault.QuantityLow {
			t.Error(err)
		}
		services, err := order.NewStore(d).Often(t.Context(), f.Buyer.Scope, 5)
		if err != nil || len(services) != 1 || services[0] != f.Service.ID {
			t.Errorf("often ordered: %v, %v", services, err)
		}
	})
}

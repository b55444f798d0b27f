package order_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/panel"
)

// While the panel is closed for maintenance nothing is ordered, canceled or refilled,
// and what was ordered before is answered again.
func TestNothingIsOrderedWhileClosed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example/api/v2", 100*money.Unit)
		s, by := panel.NewStore(d), panel.By{ID: "a test"}
		first := f.Place("before", "https://example.com/1", 100)
		left := f.Balance(f.Buyer.WalletID)
		ordertest.Must(t, s.Close(t.Context(), "", by))

		p := order.NewPlacer(d, order.PlacerOptions{})
		defer p.Close()
		ctx, now := context.Background(), f.Snapshot()
		if _, err := p.Place(ctx, f.Buyer, f.Request("while", "https://example.com/2", 100), now); !panel.IsClosed(err) {
			t.Errorf("placed: %v", err)
		}
		if again, err := p.Place(ctx, f.Buyer, f.Request("before", "https://example.com/1", 100), now); err != nil || again.OrderID != first.ID || !again.Repeat {
			t.Errorf("the one before: %+v, %v", again, err)
		}
		together := []order.Request{f.Request("together-1", "https://example.com/3", 100), f.Request("together-2", "https://example.com/4", 100)}
		if all, ok, err := p.Together(ctx, f.Buyer, together, now); err != nil || ok || !panel.IsClosed(all[0].Err) {
			t.Errorf("together: %+v, %t, %v", all, ok, err)
		}
		if _, err := order.NewCanceller(d, nil).Cancel(ctx, f.Buyer.Scope, order.Ref(first.ID), "a test"); !panel.IsClosed(err) {
			t.Errorf("canceled: %v", err)
		}
		if _, err := order.NewRefiller(d, nil).Request(ctx, f.Buyer.Scope, order.Ref(first.ID), "a test"); !panel.IsClosed(err) {
			t.Errorf("refilled: %v", err)
		}
		if n, now := f.Count(`SELECT COUNT(*) FROM orders`), f.Balance(f.Buyer.WalletID); n != 1 || now != left {
			t.Errorf("%d orders, %s in the wallet, %s before", n, now, left)
		}
		ordertest.Must(t, s.Reopen(t.Context(), by))
		if _, err := p.Place(ctx, f.Buyer, f.Request("while", "https://example.com/2", 100), now); err != nil {
			t.Errorf("after it: %v", err)
		}
	})
}

// Orders that arrive while the panel is switched are there where they were answered
// and are not where they were refused, and the wallet has paid for those that are.
func TestOrdersWhileThePanelIsSwitched(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example/api/v2", 1000*money.Unit)
		s, by := panel.NewStore(d), panel.By{ID: "a test"}
		p, other := order.NewPlacer(d, order.PlacerOptions{}), order.NewPlacer(d, order.PlacerOptions{})
		defer p.Close()
		defer other.Close()
		before, now := f.Balance(f.Buyer.WalletID), f.Snapshot()
		const callers, each = 8, 25
		var mu sync.Mutex
		placed, refused, paid := map[string]string{}, map[string]bool{}, money.Amount(0)
		var all sync.WaitGroup
		for i := range callers {
			all.Go(func() {
				for j := range each {
					name := fmt.Sprintf("%d-%d", i, j)
					on := p
					if i%2 == 1 {
						on = other
					}
					got, err := on.Place(context.Background(), f.Buyer, f.Request(name, "https://example.com/"+name, 100), now)
					mu.Lock()
					switch {
					case err == nil:
						placed[name], paid = got.OrderID, paid+got.Charge
					case panel.IsClosed(err):
						refused[name] = true
					default:
						t.Errorf("%s: %v", name, err)
					}
					mu.Unlock()
				}
			})
		}
		for range 6 {
			ordertest.Must(t, s.Close(t.Context(), "", by))
			ordertest.Must(t, s.Reopen(t.Context(), by))
		}
		ordertest.Must(t, s.Close(t.Context(), "", by))
		_, err := p.Place(context.Background(), f.Buyer, f.Request("last", "https://example.com/last", 100), now)
		if !panel.IsClosed(err) {
			t.Errorf("after it was closed: %v", err)
		}
		all.Wait()
		for name, orderID := range placed {
			if f.Count(`SELECT COUNT(*) FROM orders WHERE id = $1 AND request_id = $2`, orderID, name) != 1 {
				t.Errorf("%s was answered and is not there", name)
			}
		}
		for name := range refused {
			if f.Count(`SELECT COUNT(*) FROM orders WHERE request_id = $1`, name) != 0 {
				t.Errorf("%s was refused and is there", name)
			}
		}
		if got := f.Count(`SELECT COUNT(*) FROM orders`); got != int64(len(placed)) || len(placed)+len(refused) != callers*each {
			t.Errorf("%d orders, %d answered, %d refused", got, len(placed), len(refused))
		}
		if left := f.Balance(f.Buyer.WalletID); left != before-paid {
			t.Errorf("the wallet holds %s of %s, %s was charged", left, before, paid)
		}
		if _, err := ledger.Audit(t.Context(), d, func(text string) { t.Error(text) }); err != nil {
			t.Error(err)
		}
	})
}

package order_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// An order that is placed while a discount is saved pays the one price or the other,
// and the price in its row is the one that was charged.
func TestAnOrderBesideADiscountPaysOnePrice(t *testing.T) {
	t.Parallel()
	const buyers, orders, quantity = 4, 20, 1500
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			f := ordertest.New(t, dbtest.Connect(t, url), provider, 1000*money.Unit)
			f.Buyer.Tier = string(account.Reseller)
			nodes := []*order.Placer{newPlacer(t, f.DB)}
			if engine == db.Postgres {
				nodes = append(nodes, newPlacer(t, dbtest.Connect(t, url)))
			}
			less := map[bool]money.Percent{false: 0, true: money.Percent(10 * money.Unit)}
			prices := map[money.Amount]int{ordertest.Rate: 0, ordertest.Rate * 9 / 10: 0}
			var mu sync.Mutex
			var paid money.Amount
			var placing, setting sync.WaitGroup
			done, stop := context.WithCancel(t.Context())
			setting.Go(func() {
				for i := 0; done.Err() == nil; i++ {
					if err := catalog.NewStore(f.DB).SetDiscount(context.WithoutCancel(done), catalog.Discount{Tier: account.Reseller, Percent: less[i%2 == 0]}, "test"); err != nil {
						t.Error(err)
					}
				}
			})
			for n := range buyers {
				placing.Go(func() {
					for i := range orders {
						r := f.Request(fmt.Sprintf("order-%d-%d", n, i), fmt.Sprintf("https://example.com/%d/%d", n, i), quantity)
						placed, err := nodes[n%len(nodes)].Place(t.Context(), f.Buyer, r, f.Snapshot())
						if err != nil {
							t.Error(err)
							continue
						}
						o := f.Order(placed.OrderID)
						mu.Lock()
						if _, known := prices[o.Rate]; !known || o.Charge != o.Rate*quantity/1000 || placed.Charge != o.Charge {
							t.Errorf("the row has %s at %s, answered were %s", o.Charge, o.Rate, placed.Charge)
						}
						prices[o.Rate]++
						paid += placed.Charge
						mu.Unlock()
					}
				})
			}
			placing.Wait()
			stop()
			setting.Wait()
			if got := f.Balance(f.Buyer.WalletID); got != 1000*money.Unit-paid {
				t.Errorf("the wallet holds %s after %s were charged", got, paid)
			}
			t.Logf("orders by their price: %v", prices)
			f.Audit()
		})
	}
}

package order_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// A refill needs a delivered order of a service that has refills, inside its days,
// one at a time and no more than its number; ten at once are one.
func TestRefillRules(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := &dripping{ordertest.New(t, d, provider, 100*money.Unit), t}
		ctx, refiller := context.Background(), order.NewRefiller(d, nil)
		o := f.Place("r", "https://example.com/a", 1000)
		request := func() (*order.Refill, error) {
			return refiller.Request(ctx, f.Buyer.Scope, order.Ref(o.ID), "key_test")
		}
		refused := func(text string) {
			t.Helper()
			if _, err := request(); err == nil || fault.From(err).Text != "Refill not available: "+text || fault.From(err).Reason != fault.NotRefillable {
				t.Errorf("%v, want %s", err, text)
			}
		}
		refused("the order is pending")
		f.end(o, 0, order.Submitting, order.Processing, order.Completed)
		refused("the service has no refill")
		f.Exec(`UPDATE services SET refill = TRUE, refill_days = 30, refill_most = 2`)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { _, _ = request() })
		}
		all.Wait()
		if n := f.Count(`SELECT COUNT(*) FROM refills`); n != 1 {
			t.Fatalf("%d refills, want 1", n)
		}
		refused("one is in progress")
		found, err := refiller.Status(ctx, f.Buyer.Scope, []order.Ref{"1", "2"})
		ordertest.Must(t, err)
		if found[0].Err != nil || found[0].Refill.State != order.RefillPending || !errors.Is(found[1].Err, order.ErrNoRefill) {
			t.Errorf("status says %+v", found)
		}
		move := func(to order.RefillState) {
			t.Helper()
			f.Write(func(tx *db.Tx) error {
				newest, err := latest(tx, o.ID)
				if err != nil {
					return err
				}
				locked, r, err := order.LockRefill(tx, newest)
				if err != nil {
					return err
				}
				return order.MoveRefill(tx, locked, r, to, "test")
			})
		}
		move(order.RefillRejected)
		for range 2 {
			_, err := request()
			ordertest.Must(t, err)
			move(order.RefillCompleted)
		}
		refused("the order has had its 2")
		f.Exec(`UPDATE services SET refill_most = 9`)
		d.AdvanceClock(31 * 24 * time.Hour)
		refused("the order ended more than 30 days ago")
		for _, in := range []order.Scope{f.NewBuyer(0).Scope, {AccountID: f.Buyer.AccountID, Mode: ledger.Test}} {
			if _, err := refiller.Request(ctx, in, order.Ref(o.ID), "x"); !errors.Is(err, order.ErrNotFound) {
				t.Errorf("a stranger's refill: %v", err)
			}
			if found, err := refiller.Status(ctx, in, []order.Ref{"1"}); err != nil || !errors.Is(found[0].Err, order.ErrNoRefill) {
				t.Errorf("a stranger sees %+v, %v", found, err)
			}
		}
		f.Audit()
	})
}

func latest(tx *db.Tx, orderID string) (refillID string, err error) {
	err = tx.QueryRow(`SELECT id FROM refills WHERE order_id = $1 ORDER BY id DESC LIMIT 1`, orderID).Scan(&refillID)
	return refillID, err
}

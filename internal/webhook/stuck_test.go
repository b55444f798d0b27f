package webhook_test

import (
	"context"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/webhook"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// happen writes events of new orders of the customer's, from one number of the
// sequence to another, and makes deliveries of them.
func (s *scene) happen(sender *webhook.Sender, orders []string, from, to int64) {
	s.t.Helper()
	scope := event.Scope{AccountID: s.Buyer.AccountID, Mode: ledger.Live}
	s.Write(func(tx *db.Tx) error {
		var all []event.Event
		for _, orderID := range orders {
			for n := from; n <= to; n++ {
				all = append(all, event.Event{
					Scope: scope, Type: event.OrderInProgress, OrderID: orderID, Sequence: n, Data: event.Order{Order: orderID},
				})
			}
		}
		return event.Tell(tx, map[event.Scope]event.Listener{scope: {Currency: "USD", Webhooks: true}}, all...)
	})
	for found := 1; found > 0; {
		var err error
		found, err = sender.Fan(context.Background())
		ordertest.Must(s.t, err)
	}
}

// newOrders returns ids of orders.
func newOrders(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = id.New(id.Order)
	}
	return all
}

// pending counts what waits.
func (s *scene) pending() int64 {
	s.t.Helper()
	return s.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending'`)
}

// However much waits for an endpoint that is disabled, all of it is given up.
func TestWhatWaitsIsGivenUpToTheLast(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx := context.Background()
		e, _ := s.add(webhooktest.New(t), "")
		sender := s.sender(1)
		s.happen(sender, newOrders(167), 1, 3) // one more than is given up at a time
		ordertest.Must(t, s.store.Disable(ctx, s.by, e.ID, "test"))
		for found := 1; found > 0; {
			var err error
			found, err = sender.Claim(ctx)
			ordertest.Must(t, err)
		}
		if n := s.pending(); n > 0 {
			t.Errorf("%d deliveries wait for an endpoint that is told nothing", n)
		}
	})
}

// An endpoint that is enabled while what waited is being given up gets the rest of
// it, and what happens then.
func TestEnabledWhileWhatWaitsIsGivenUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx := context.Background()
		e, _ := s.add(webhooktest.New(t), "")
		sender := s.sender(1)
		orders := newOrders(200)
		s.happen(sender, orders, 1, 3)
		ordertest.Must(t, s.store.Disable(ctx, s.by, e.ID, "test"))
		_, err := sender.Claim(ctx) // some of them
		ordertest.Must(t, err)
		ordertest.Must(t, s.store.Enable(ctx, s.by, e.ID, "test"))
		s.happen(sender, orders, 4, 4)
		if s.pending() <= int64(len(orders)) {
			t.Fatal("everything was given up at once")
		}
		s.send(1)
		s.eventually("nothing waits", func() bool { return s.pending() == 0 })
	})
}

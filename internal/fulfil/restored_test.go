package fulfil_test

import (
	"context"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/provider"
)

// back makes the database what it was before an order was sent.
func (k *stage) back(o *order.Order) {
	k.T.Helper()
	k.Exec(`DELETE FROM submissions WHERE order_id = $1`, o.ID)
	k.Exec(`DELETE FROM order_timeline WHERE order_id = $1 AND step > 1`, o.ID)
	k.Exec(`UPDATE orders SET state = 'pending', step = 1, upstream_id = NULL, accepted_at = NULL, next_check_at = NULL, due_at = 1, events = 0 WHERE id = $1`, o.ID)
}

// Of a restored copy's orders a native provider is asked which it has. Those are
// followed again; the others stay for a person, and none is sent, though their customer
// wishes them away.
func TestRestoredOrdersAreLookedUpAndNeverSent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newStage(t, d, provider.Native)
		sent := k.order("complete")
		k.pass(time.Second)
		if got := k.Order(sent.ID); got.UpstreamID == "" {
			t.Fatalf("the order is %s", got.State)
		}
		upstreamID := k.Order(sent.ID).UpstreamID
		k.back(sent)
		never, wished := k.order("complete"), k.order("complete")

		for range 2 { // broken off and run again it is the same
			_, err := fulfil.Restored(context.Background(), d)
			ordertest.Must(t, err)
		}
		k.Exec(`UPDATE orders SET cancel_wish_at = 1, cancel_state = 'wished' WHERE id = $1`, wished.ID)
		for range 10 {
			k.pass(3 * time.Minute)
		}
		if got := k.Order(sent.ID); got.UpstreamID != upstreamID {
			t.Errorf("the order that the provider has is %s with id %q%s", got.State, got.UpstreamID, k.trail(got))
		}
		for _, o := range []*order.Order{never, wished} {
			if got := k.Order(o.ID); got.State != order.Uncertain {
				t.Errorf("an order that it does not have is %s%s", got.State, k.trail(got))
			}
		}
		if n := k.Count(`SELECT COUNT(*) FROM submissions WHERE sent`); n != 0 {
			t.Errorf("%d orders were sent", n)
		}

		// A person who has looked lets it be sent, and then it is an order like others.
		_, err := fulfil.NewSettler(d).Settle(context.Background(), never.ID, fulfil.Settlement{How: fulfil.WasNotAccepted, Actor: "test"})
		ordertest.Must(t, err)
		_, err = fulfil.NewSettler(d).Settle(context.Background(), wished.ID, fulfil.Settlement{How: fulfil.CancelIt, Actor: "test"})
		ordertest.Must(t, err)
		k.play(k.ended)
		if got := k.Order(never.ID); got.State != order.Completed {
			t.Errorf("a settled order is %s%s", got.State, k.trail(got))
		}
	})
}

// A drip-feed of a restored copy makes no run before somebody lets it go on.
func TestRestoredDripFeedsPause(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newStage(t, d, provider.Classic)
		p := order.NewPlacer(d, order.PlacerOptions{})
		defer p.Close()
		placed, err := p.Place(context.Background(), k.Buyer, k.Request("drip", "https://example.com/drip", 1000, "runs", "2", "interval", "10"), k.Snapshot())
		ordertest.Must(t, err)
		changed, err := fulfil.Restored(context.Background(), d)
		ordertest.Must(t, err)
		k.pass(time.Hour)
		if o := k.Order(placed.OrderID); changed.DripFeeds != 1 || o.Run != 0 || o.PausedAt.IsZero() || o.Attention == "" {
			t.Errorf("%d drip-feeds: run %d, paused at %s, attention %q", changed.DripFeeds, o.Run, o.PausedAt, o.Attention)
		}
		if _, err := order.NewStore(d).Resume(context.Background(), k.Buyer.Scope, order.Ref(placed.OrderID), "customer"); !fault.Is(err, fault.Conflict) {
			t.Errorf("its customer lets it go on: %v", err)
		}
		_, err = order.Resume(context.Background(), d, placed.OrderID, "test")
		ordertest.Must(t, err)
		k.play(k.ended)
		if o := k.Order(placed.OrderID); o.Attention != "" {
			t.Errorf("it still asks for a person: %q", o.Attention)
		}
		k.Audit()
	})
}

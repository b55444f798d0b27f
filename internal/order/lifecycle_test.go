package order_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// transition moves an order in a transaction of its own; set may change fields first.
func transition(d *db.DB, orderID string, c order.Change, set func(*order.Order)) error {
	return d.Write(context.Background(), func(tx *db.Tx) error {
		o, book, err := order.Lock(tx, orderID)
		if err != nil {
			return err
		}
		if set != nil {
			set(o)
		}
		return order.Transition(tx, book, o, c)
	})
}

// A random life: whatever is tried, an order moves only along the state
// machine, never gives back more than it took, and its refunds are exactly what
// its state asks for.
func TestAnyLifeKeepsTheBooks(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	f := ordertest.New(t, d, provider, 100_000*money.Unit)
	lives := 0
	rapid.Check(t, func(rt *rapid.T) {
		lives++
		quantity := rapid.Int64Range(ordertest.Min, 5000).Draw(rt, "quantity")
		o := f.Place(fmt.Sprint("life-", lives), "https://example.com/a", quantity)
		before := f.Balance(f.Buyer.WalletID) + o.Charge
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			step(rt, f, o)
			o = f.Order(o.ID)
			if o.Refunded < 0 || o.Refunded > o.Charge {
				rt.Fatalf("%s: refunded %s of %s", o.State, o.Refunded, o.Charge)
			}
		}
		if got, want := f.Balance(f.Buyer.WalletID), before-o.Paid(); got != want {
			rt.Fatalf("balance %s, want %s", got, want)
		}
	})
	f.Audit()
}

// step tries one random move and checks that it is refused exactly when the
// state machine has no such arrow, or the refund would shrink.
func step(rt *rapid.T, f *ordertest.Fixture, o *order.Order) {
	to := rapid.SampledFrom(order.States()).Draw(rt, "to")
	if next := o.State.Next(); len(next) > 0 && rapid.IntRange(0, 4).Draw(rt, "lawful") > 0 {
		to = rapid.SampledFrom(next).Draw(rt, "next")
	}
	remains := rapid.Int64Range(1, o.Quantity).Draw(rt, "remains")
	c := order.Change{To: to, Actor: "test", Reason: "walk", Delivered: rapid.Bool().Draw(rt, "delivered")}
	err := transition(f.DB, o.ID, c, func(o *order.Order) {
		if to == order.Partial || to == order.Canceled && c.Delivered {
			o.Remains = &remains
		} else if to == order.Canceled {
			o.Remains = nil
		}
	})
	shares := to == order.Partial || to == order.Canceled && c.Delivered
	shrinks := shares && money.Refund(o.Charge, remains, o.Quantity) < o.Refunded
	if want := o.State.MayBecome(to) && !shrinks; (err == nil) != want {
		rt.Fatalf("%s → %s (remains %d, refunded %s): %v", o.State, to, remains, o.Refunded, err)
	}
	if err != nil {
		if now := f.Order(o.ID); now.State != o.State || now.Refunded != o.Refunded || now.Step != o.Step {
			rt.Fatalf("a refused move left %s %s %d", now.State, now.Refunded, now.Step)
		}
	}
}

// Two who move one order at once: one of them does, and the refund is booked once.
func TestTransitionRacesOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		for i := range 10 {
			o := f.Place(fmt.Sprint("r", i), "https://example.com/a", 1000)
			errs := make([]error, 8)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					errs[i] = transition(d, o.ID, order.Change{To: order.Canceled, Actor: "test", Reason: "race"}, nil)
				})
			}
			wg.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				}
			}
			if won != 1 {
				t.Fatalf("%d of %d canceled the order: %v", won, len(errs), errors.Join(errs...))
			}
		}
		if got := f.Balance(f.Buyer.WalletID); got != 100*money.Unit {
			t.Errorf("balance %s, want all of it back", got)
		}
		f.Audit()
	})
}

// A customer's cancel and the sending of the order want the same row: one wins,
// and a canceled order is never sent.
func TestCancelAgainstSubmit(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		canceller, ctx := order.NewCanceller(d, nil), context.Background()
		for i := range 20 {
			o := f.Place(fmt.Sprint("r", i), "https://example.com/a", 1000)
			var wg sync.WaitGroup
			var submitErr, cancelErr error
			wg.Go(func() {
				submitErr = transition(d, o.ID, order.Change{To: order.Submitting, Actor: "test", Reason: "send"}, nil)
			})
			wg.Go(func() { _, cancelErr = canceller.Cancel(ctx, f.Buyer.Scope, order.Ref(o.ID), "key_test") })
			wg.Wait()
			ordertest.Must(t, cancelErr)
			switch now := f.Order(o.ID); {
			case submitErr == nil && (now.State != order.Submitting || now.CancelWishAt.IsZero()):
				t.Fatalf("sent first: %s, wish %v", now.State, now.CancelWishAt)
			case submitErr != nil && (now.State != order.Canceled || now.Refunded != now.Charge):
				t.Fatalf("canceled first: %s, refunded %s", now.State, now.Refunded)
			}
		}
		f.Audit()
	})
}

// A cancel while the order is being sent is kept: if the order was not accepted,
// it is canceled and refunded instead of being sent again.
func TestCancelWishIsCarriedOutWhenTheOrderComesBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		canceller, ctx := order.NewCanceller(d, nil), context.Background()
		o := f.Place("r", "https://example.com/a", 1000)
		ordertest.Must(t, transition(d, o.ID, order.Change{To: order.Submitting, Actor: "test", Reason: "send"}, nil))
		for range 2 { // asking twice is asking once
			if _, err := canceller.Cancel(ctx, f.Buyer.Scope, "1", "key_test"); err != nil {
				t.Fatal(err)
			}
		}
		ordertest.Must(t, transition(d, o.ID, order.Change{To: order.Pending, Actor: "test", Reason: "not sent"}, nil))
		now := f.Order(o.ID)
		if now.State != order.Canceled || f.Balance(f.Buyer.WalletID) != 100*money.Unit || !now.DueAt.IsZero() {
			t.Errorf("%s, balance %s, due %v", now.State, f.Balance(f.Buyer.WalletID), now.DueAt)
		}
		if n := f.Count(`SELECT COUNT(*) FROM order_timeline WHERE order_id = $1`, o.ID); n != 4 {
			t.Errorf("%d rows in the timeline, want placed, sent, wish, canceled", n)
		}
	})
}

// What has gone on can't be canceled where the service allows it not, and another
// account's order is not there.
func TestCancelRefusals(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		f.Exec(`UPDATE services SET cancel = FALSE`)
		canceller, ctx := order.NewCanceller(d, nil), context.Background()
		o := f.Place("r", "https://example.com/a", 1000)
		stranger := f.NewBuyer(0)
		for _, in := range []order.Scope{stranger.Scope, {AccountID: f.Buyer.AccountID, Mode: ledger.Test}} {
			for _, ref := range []order.Ref{order.Ref(o.ID), "1", "", "ord_", "99999999999", "-1", "1.0"} {
				if _, err := canceller.Cancel(ctx, in, ref, "x"); !errors.Is(err, order.ErrNotFound) {
					t.Errorf("cancel of %q in a foreign scope: %v", ref, err)
				}
			}
		}
		for _, s := range []order.State{order.Submitting, order.Processing, order.InProgress, order.Completed} {
			ordertest.Must(t, transition(d, o.ID, order.Change{To: s, Actor: "test", Reason: "on"}, nil))
			_, err := canceller.Cancel(ctx, f.Buyer.Scope, order.Ref(o.ID), "x")
			if s != order.Submitting && (err == nil || err.Error() != "Order cannot be canceled") {
				t.Errorf("cancel while %s: %v", s, err)
			}
		}
		if got := f.Balance(f.Buyer.WalletID); got != 98*money.Unit {
			t.Errorf("balance %s, want 98.00", got)
		}
	})
}

// An order that waited a day is canceled and refunded; one that got on is not.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		held, moved := f.Place("held", "https://example.com/a", 1000), f.Place("moved", "https://example.com/b", 1000)
		for _, o := range []*order.Order{held, moved} {
			ordertest.Must(t, transition(d, o.ID, order.Change{To: order.Held, Actor: "test", Reason: "hold"}, func(o *order.Order) {
				o.GiveUpAt = o.CreatedAt.Add(order.Patience)
			}))
		}
		ordertest.Must(t, transition(d, moved.ID, order.Change{To: order.Pending, Actor: "test", Reason: "again"}, nil))
		ordertest.Must(t, transition(d, moved.ID, order.Change{To: order.Submitting, Actor: "test", Reason: "sent"}, nil))
		if n, err := order.GiveUp(context.Background(), d); n != 0 || err != nil {
			t.Fatalf("gave up %d too early, %v", n, err)
		}
		d.AdvanceClock(order.Patience + time.Minute)
		_, err := order.GiveUp(context.Background(), d)
		ordertest.Must(t, err)
		if s := f.Order(held.ID).State; s != order.Canceled {
			t.Errorf("held order is %s", s)
		}
		if s := f.Order(moved.ID).State; s != order.Submitting {
			t.Errorf("order that got on is %s", s)
		}
		if n, err := order.GiveUp(context.Background(), d); n != 0 || err != nil {
			t.Errorf("a second pass found %d, %v", n, err)
		}
		f.Audit()
	})
}

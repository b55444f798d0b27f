package order_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// dripping is a fixture whose service is delivered in runs.
type dripping struct {
	*ordertest.Fixture
	t *testing.T
}

func newDripping(t *testing.T, d *db.DB) *dripping {
	t.Helper()
	f := ordertest.New(t, d, provider, 100*money.Unit)
	f.Exec(`UPDATE services SET dripfeed = TRUE`)
	return &dripping{f, t}
}

// drip places runs of quantity, an hour apart.
func (f *dripping) drip(requestID string, quantity, runs int64) *order.Order {
	f.t.Helper()
	p := newPlacer(f.t, f.DB)
	placed, err := p.Place(context.Background(), f.Buyer, f.Request(requestID, "https://example.com/drip", quantity,
		"runs", strconv.FormatInt(runs, 10), "interval", "60"), f.Snapshot())
	ordertest.Must(f.t, err)
	return f.Order(placed.OrderID)
}

func (f *dripping) feed() {
	f.t.Helper()
	_, err := order.Feed(context.Background(), f.DB, func() {})
	ordertest.Must(f.t, err)
}

// run returns a run of a drip-feed, or ends the test.
func (f *dripping) run(parent *order.Order, n int64) *order.Order {
	f.t.Helper()
	var runID string
	f.Read(func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT id FROM orders WHERE parent_id = $1 AND run = $2`, parent.ID, n).Scan(&runID)
	})
	return f.Order(runID)
}

// end walks an order through its states with remains.
func (f *dripping) end(o *order.Order, remains int64, states ...order.State) {
	f.t.Helper()
	for _, s := range states {
		ordertest.Must(f.t, transition(f.DB, o.ID, order.Change{To: s, Actor: "test", Reason: "on"}, func(o *order.Order) {
			if s.Final() {
				o.Remains = &remains
			}
		}))
	}
}

// A drip-feed is charged at once for all runs; each run is an order of its own with
// its share, and refunds for itself; what it gave back shows on the parent.
func TestDripFeedToItsEnd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := newDripping(t, d)
		f.Exec(`UPDATE services SET rate = 3333333`)
		parent := f.drip("drip", 100, 3)
		if parent.Kind != order.Drip || parent.Charge != 1_000_000 || f.Balance(f.Buyer.WalletID) != 99*money.Unit {
			t.Fatalf("%s charged %s, balance %s", parent.Kind, parent.Charge, f.Balance(f.Buyer.WalletID))
		}
		f.feed()
		f.feed() // the second is not due
		first := f.run(parent, 1)
		if first.State != order.Pending || first.Charge != 333_333 || first.Number != 2 || first.Quantity != 100 {
			t.Errorf("first run: %+v", first)
		}
		if now := f.Order(parent.ID); now.State != order.InProgress || now.Run != 1 {
			t.Errorf("parent is %s with %d runs", now.State, now.Run)
		}
		f.end(first, 40, order.Submitting, order.Processing, order.InProgress, order.Partial)
		for n := int64(2); n <= 3; n++ {
			d.AdvanceClock(time.Hour)
			f.feed()
			f.end(f.run(parent, n), 0, order.Submitting, order.Processing, order.Completed)
		}
		if last := f.run(parent, 3); last.Charge != 333_334 {
			t.Errorf("the last run has %s, want the rest of the rounding too", last.Charge)
		}
		f.feed()
		now := f.Order(parent.ID)
		if refund := money.Refund(333_333, 40, 100); now.State != order.Partial || now.Refunded != refund ||
			f.Balance(f.Buyer.WalletID) != 99*money.Unit+refund {
			t.Errorf("parent is %s and gave %s back, balance %s", now.State, now.Refunded, f.Balance(f.Buyer.WalletID))
		}
		f.Audit()
	})
}

// Two nodes that look at the same moment make a run once.
func TestDripFeedMakesARunOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := newDripping(t, d)
		parent := f.drip("drip", 100, 5)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { f.feed() })
		}
		all.Wait()
		if n := f.Count(`SELECT COUNT(*) FROM orders WHERE parent_id = $1`, parent.ID); n != 1 {
			t.Errorf("%d runs, want 1", n)
		}
		f.Audit()
	})
}

// Canceling gives back the runs that were never made, cancels the one that waits,
// and is done once.
func TestDripFeedCanceled(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := newDripping(t, d)
		canceller := order.NewCanceller(d, nil)
		cancel := func(o *order.Order) {
			t.Helper()
			_, err := canceller.Cancel(context.Background(), f.Buyer.Scope, order.Ref(o.ID), "key_test")
			ordertest.Must(t, err)
		}
		early := f.drip("early", 1000, 4) // before its first run
		cancel(early)
		if now := f.Order(early.ID); now.State != order.Canceled || now.Refunded != 8*money.Unit {
			t.Errorf("canceled early: %s, %s back", now.State, now.Refunded)
		}
		late := f.drip("late", 1000, 4)
		f.feed()
		f.end(f.run(late, 1), 0, order.Submitting, order.Processing, order.Completed)
		d.AdvanceClock(time.Hour)
		f.feed() // the second run waits
		cancel(late)
		cancel(late)
		if got := f.Balance(f.Buyer.WalletID); got != 98*money.Unit {
			t.Errorf("balance %s after the cancel, want 98.00: one run was delivered", got)
		}
		f.feed()
		if now := f.Order(late.ID); now.State != order.Partial || now.Paid() != 2*money.Unit {
			t.Errorf("canceled late: %s, paid %s", now.State, now.Paid())
		}
		d.AdvanceClock(24 * time.Hour)
		f.feed()
		if n := f.Count(`SELECT COUNT(*) FROM orders WHERE parent_id = $1`, late.ID); n != 2 {
			t.Errorf("%d runs after the cancel, want 2", n)
		}
		f.Audit()
	})
}

// A drip-feed that is canceled while the last of its runs waits is given back that run, and is
// looked at again: what the run's end has changed of it stays.
func TestDripFeedCanceledInItsLastRun(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := newDripping(t, d)
		o := f.drip("last", 1000, 2)
		f.feed()
		f.end(f.run(o, 1), 0, order.Submitting, order.Processing, order.Completed)
		d.AdvanceClock(time.Hour)
		f.feed() // the last run waits
		if now := f.Order(o.ID); now.State != order.InProgress || !now.NextRunAt.IsZero() {
			t.Fatalf("before the cancel: %s, next run at %s", now.State, now.NextRunAt)
		}
		_, err := order.NewCanceller(d, nil).Cancel(context.Background(), f.Buyer.Scope, order.Ref(o.ID), "key_test")
		ordertest.Must(t, err)
		now := f.Order(o.ID)
		if now.State != order.InProgress || now.Refunded != 2*money.Unit || now.NextRunAt.IsZero() || now.CancelWishAt.IsZero() {
			t.Errorf("canceled: %s, %s back, next run at %s, wished at %s", now.State, now.Refunded, now.NextRunAt, now.CancelWishAt)
		}
		f.feed()
		if now := f.Order(o.ID); now.State != order.Partial || now.Paid() != 2*money.Unit || !now.NextRunAt.IsZero() {
			t.Errorf("ended: %s, paid %s, next run at %s", now.State, now.Paid(), now.NextRunAt)
		}
		f.Audit()
	})
}

// A drip-feed whose target was blocked meanwhile makes no more runs: those that
// were made go on, the others are given back.
func TestDripFeedEndsWhenItsTargetIsBlocked(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := newDripping(t, d)
		f.Exec(`UPDATE services SET rate = 3333333`)
		running, early := f.drip("running", 100, 3), f.drip("early", 100, 3)
		f.Exec(`UPDATE orders SET next_run_at = $2 WHERE id = $1`, early.ID, db.At(time.Now().Add(365*24*time.Hour)))
		f.feed()
		f.end(f.run(running, 1), 0, order.Submitting, order.Processing)
		if _, err := catalog.NewStore(d).Block(context.Background(), "example.com/drip", "policy", "test"); err != nil {
			t.Fatal(err)
		}
		f.Exec(`UPDATE orders SET next_run_at = 1 WHERE next_run_at IS NOT NULL`)
		f.feed()
		f.feed() // the second changes nothing
		now := f.Order(running.ID)
		if now.State != order.InProgress || now.Run != 1 || now.Refunded != 666_667 {
			t.Errorf("while its first run goes on: %s with %d runs, %s back, want 2 runs' shares", now.State, now.Run, now.Refunded)
		}
		if last := f.lastStep(running.ID); last.Actor != "panel" || last.Refund != 666_667 || last.CustomerNote() != "its target was blocked" {
			t.Errorf("the timeline ends with %+v", last)
		}
		now = f.Order(early.ID)
		if last := f.lastStep(early.ID); now.State != order.Canceled || now.Run != 0 || now.Refunded != now.Charge ||
			last.Actor != "panel" || last.Reason != "its target was blocked" {
			t.Errorf("before its first run: %s with %d runs, %s back, the timeline ends with %+v", now.State, now.Run, now.Refunded, last)
		}
		f.end(f.run(running, 1), 0, order.Completed)
		f.feed()
		if now = f.Order(running.ID); now.State != order.Partial || now.Paid() != 333_333 || f.Balance(f.Buyer.WalletID) != 100*money.Unit-333_333 {
			t.Errorf("in the end: %s, paid %s, balance %s", now.State, now.Paid(), f.Balance(f.Buyer.WalletID))
		}
		f.Audit()
	})
}

// Of a drip-feed that makes no more runs as its target was blocked, the customer
// can still cancel the run that was made.
func TestBlockedDripFeedCanceled(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := newDripping(t, d)
		parent := f.drip("blocked", 1000, 3)
		f.feed() // the first run waits
		if _, err := catalog.NewStore(d).Block(context.Background(), "example.com", "policy", "test"); err != nil {
			t.Fatal(err)
		}
		d.AdvanceClock(time.Hour)
		f.feed()
		if got := f.Order(parent.ID).Refunded; got != 4*money.Unit {
			t.Fatalf("%s back for the runs that will not be made, want 4.00", got)
		}
		canceller := order.NewCanceller(d, nil)
		for range 2 {
			_, err := canceller.Cancel(context.Background(), f.Buyer.Scope, order.Ref(parent.ID), "key_test")
			ordertest.Must(t, err)
			if run, now := f.run(parent, 1), f.Order(parent.ID); run.State != order.Canceled || now.Refunded != 6*money.Unit {
				t.Errorf("canceled: its run is %s, %s back; want it canceled and 6.00", run.State, now.Refunded)
			}
		}
		f.feed()
		if now := f.Order(parent.ID); now.State != order.Canceled || f.Balance(f.Buyer.WalletID) != 100*money.Unit {
			t.Errorf("in the end: %s, balance %s", now.State, f.Balance(f.Buyer.WalletID))
		}
		f.Audit()
	})
}

// lastStep is the newest of an order's timeline.
func (f *dripping) lastStep(orderID string) (last order.Step) {
	f.t.Helper()
	f.Read(func(tx *db.Tx) error {
		steps, err := order.Timeline(tx, orderID)
		if err == nil {
			last = steps[len(steps)-1]
		}
		return err
	})
	return last
}

// A pause makes no runs; afterwards the one that became due comes at once and the
// others at their distance, not in a heap.
func TestDripFeedPaused(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := newDripping(t, d)
		ctx, parent := context.Background(), f.drip("drip", 100, 5)
		runs := func() int64 { return f.Count(`SELECT COUNT(*) FROM orders WHERE parent_id = $1`, parent.ID) }
		f.feed()
		_, err := order.Pause(ctx, d, parent.ID, "staff")
		ordertest.Must(t, err)
		if _, err := order.Pause(ctx, d, parent.ID, "staff"); err == nil {
			t.Error("paused twice")
		}
		d.AdvanceClock(10 * time.Hour)
		f.feed()
		if n := runs(); n != 1 {
			t.Errorf("%d runs in the pause, want 1", n)
		}
		_, err = order.Resume(ctx, d, parent.ID, "staff")
		ordertest.Must(t, err)
		f.feed()
		f.feed()
		d.AdvanceClock(59 * time.Minute)
		f.feed()
		if n := runs(); n != 2 {
			t.Errorf("%d runs within an hour after the pause, want 2", n)
		}
		d.AdvanceClock(2 * time.Minute)
		f.feed()
		if n := runs(); n != 3 {
			t.Errorf("%d runs after another hour, want 3", n)
		}
		f.Audit()
	})
}

// Whatever becomes of the runs, parent and runs add up to the charge.
func TestDripFeedMoneyAddsUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := newDripping(t, d)
		rapid.Check(t, func(rt *rapid.T) {
			runs := rapid.Int64Range(2, 6).Draw(rt, "runs")
			parent := f.drip("r"+strconv.FormatInt(f.Count(`SELECT COUNT(*) FROM orders`), 10), rapid.Int64Range(10, 500).Draw(rt, "quantity"), runs)
			stop := rapid.Int64Range(1, runs+1).Draw(rt, "canceled at")
			for n := int64(1); n <= runs && n < stop; n++ {
				f.Exec(`UPDATE orders SET next_run_at = 1 WHERE id = $1 AND run < runs`, parent.ID)
				f.feed()
				run := f.run(parent, n)
				remains := rapid.Int64Range(1, run.Quantity).Draw(rt, "remains")
				switch rapid.IntRange(0, 3).Draw(rt, "outcome") {
				case 0:
					f.end(run, 0, order.Submitting, order.Processing, order.Completed)
				case 1:
					f.end(run, remains, order.Submitting, order.Processing, order.Partial)
				case 2:
					f.end(run, remains, order.Submitting, order.Failed)
				case 3:
					f.end(run, run.Quantity, order.Submitting, order.Processing, order.Canceled)
				}
			}
			if stop <= runs {
				_, err := order.NewCanceller(d, nil).Cancel(context.Background(), f.Buyer.Scope, order.Ref(parent.ID), "key_test")
				ordertest.Must(t, err)
			}
			f.feed()
			if now := f.Order(parent.ID); !now.State.Final() {
				rt.Fatalf("it is %s", now.State)
			}
		})
		f.Audit()
	})
}

// A provider's posts are orders with a share each; what they are charged less is
// given back, and the posts that never came with the subscription's end.
func TestSubscriptionPaysForItsPosts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := &dripping{ordertest.New(t, d, provider, 100*money.Unit), t}
		f.Exec(`UPDATE services SET type = 'Subscriptions'`)
		p := newPlacer(t, d)
		r, err := parse(map[string]string{
			"service": "1", "request_id": "sub", "username": "u", "min": "50", "max": "100", "posts": "4", "delay": "0",
		})
		ordertest.Must(t, err)
		placed, err := p.Place(context.Background(), f.Buyer, r, f.Snapshot())
		ordertest.Must(t, err)
		sub := f.Order(placed.OrderID)
		if sub.Kind != order.Subscription || sub.Charge != 800_000 {
			t.Fatalf("%s charged %s, want 0.80", sub.Kind, sub.Charge)
		}
		f.end(sub, 0, order.Submitting, order.Processing, order.InProgress)
		f.Write(func(tx *db.Tx) error {
			o, book, err := order.Lock(tx, sub.ID)
			if err != nil {
				return err
			}
			more, err := order.AddPosts(tx, book, o, []string{"p1", "p2", "p3", "p1"})
			if err != nil || more != 0 {
				t.Errorf("%d more posts, %v", more, err)
			}
			return order.Save(tx, o, o.State)
		})
		// Cost 1.00 and rate 2.00: a provider's 0.06 is 0.12 of the share of 0.20.
		charge := money.Amount(60_000)
		for n, state := range map[int64]order.State{1: order.Completed, 2: order.Canceled} {
			ordertest.Must(t, transition(d, f.run(sub, n).ID, order.Change{To: state, Actor: "test", Reason: "on"}, func(o *order.Order) {
				o.ProviderCharge = &charge
			}))
		}
		ordertest.Must(t, transition(d, f.run(sub, 3).ID, order.Change{To: order.Completed, Actor: "test", Reason: "on"}, nil)) // no charge known
		f.end(sub, 0, order.Completed)
		now := f.Order(sub.ID)
		if want := 120_000 + 200_000; now.Paid() != money.Amount(want) || f.Balance(f.Buyer.WalletID) != 100*money.Unit-money.Amount(want) {
			t.Errorf("paid %s, balance %s", now.Paid(), f.Balance(f.Buyer.WalletID))
		}
		f.Audit()
	})
}

// Test orders are out of the live mode's sight: their runs too.
func TestRunsStayInTheirMode(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := newDripping(t, d)
		f.Buyer.Mode = ledger.Test
		f.Buyer.WalletID = f.Wallet(f.Buyer.AccountID, ledger.Test)
		parent := f.drip("drip", 100, 2)
		f.feed() // of live ones
		if n := f.Count(`SELECT COUNT(*) FROM orders WHERE parent_id = $1`, parent.ID); n != 0 {
			t.Errorf("%d runs of a test drip-feed beside the live ones", n)
		}
		f.Write(func(tx *db.Tx) error { return order.FeedOne(tx, parent.ID) })
		if run := f.run(parent, 1); run.Mode != ledger.Test || run.WalletID != f.Buyer.WalletID {
			t.Errorf("run is %s at %s", run.Mode, run.WalletID)
		}
		f.Audit()
	})
}

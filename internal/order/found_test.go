package order_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// The answer arrived, and the customer orders the same again at another node whose
// transaction began before the mark was written and read it after: it is a new order.
func TestDeliveredAnswerIsNotGivenAgainBesideALock(t *testing.T) {
	t.Parallel()
	url := dbtest.NewURL(t, db.Postgres)
	d1, d2 := dbtest.Connect(t, url), dbtest.Connect(t, url)
	f := ordertest.New(t, d1, provider, 1000*money.Unit)
	a, b := newPlacer(t, d1), newPlacer(t, d2)
	r, s := classic(t, f, "https://example.com/a", 0), f.Snapshot()
	first, err := a.Place(context.Background(), f.Buyer, r, s)
	ordertest.Must(t, err)
	locked, free := make(chan struct{}), make(chan struct{})
	go func() { // anything that holds the wallet for a moment
		_ = d1.Write(context.Background(), func(tx *db.Tx) error {
			_, err := ledger.Open(tx, f.Buyer.WalletID)
			close(locked)
			<-free
			return err
		})
	}()
	<-locked
	second := make(chan order.Placed, 1)
	go func() {
		placed, err := b.Place(context.Background(), f.Buyer, r, s)
		if err != nil {
			t.Error(err)
		}
		second <- placed
	}()
	waiting := func(query string) {
		for f.Count(query) == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	waiting(`SELECT COUNT(*) FROM pg_locks WHERE NOT granted`) // its transaction has begun
	a.Delivered(first.OrderID, true)
	waiting(`SELECT COUNT(*) FROM replays WHERE delivered_at IS NOT NULL`)
	close(free)
	if got := <-second; got.OrderID == first.OrderID {
		t.Errorf("the second order was swallowed: %+v", got)
	}
}

// Test drip-feeds count by their runs against the day's bound, and no live one waits
// for them.
func TestTestDripsHoldUpNoLiveOnes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := newDripping(t, d)
		live := f.Buyer
		f.Buyer.Mode, f.Buyer.WalletID = ledger.Test, f.Wallet(f.Buyer.AccountID, ledger.Test)
		p := newPlacer(t, d)
		for i := range 110 {
			_, err := p.Place(context.Background(), f.Buyer,
				f.Request(fmt.Sprint("t", i), "https://example.com/drip", 10, "runs", "2", "interval", "1"), f.Snapshot())
			ordertest.Must(t, err)
		}
		f.Exec(`UPDATE wallets SET last_number = 995 WHERE id = $1`, f.Buyer.WalletID)
		if _, err := p.Place(context.Background(), f.Buyer,
			f.Request("more", "https://example.com/drip", 10, "runs", "10", "interval", "1"), f.Snapshot()); err == nil {
			t.Error("the runs of a test drip-feed do not count")
		}
		f.Buyer = live
		parent := f.drip("live", 100, 2)
		f.feed()
		if f.Order(parent.ID).Run != 1 {
			t.Error("a live drip-feed waits for those of test keys")
		}
	})
}

// What becomes of runs, posts and parents is proved as well.
func TestAuditSeesForgedPartsAndParents(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(f *dripping, sub, post, drip *order.Order){
		"a post failed, and nothing was given back": func(f *dripping, _, post, _ *order.Order) {
			f.Exec(`UPDATE orders SET state = 'failed', step = 2, finished_at = 1 WHERE id = $1`, post.ID)
			f.Exec(`INSERT INTO order_timeline (order_id, step, at, actor, from_state, to_state, reason, refund) VALUES ($1, 2, 1, 'x', 'processing', 'failed', '', 0)`, post.ID)
		},
		"a run is open and its parent is completed": func(f *dripping, _, _, drip *order.Order) {
			f.Exec(`UPDATE orders SET state = 'completed', step = step + 1, finished_at = 1, next_run_at = NULL WHERE id = $1`, drip.ID)
			f.Exec(`INSERT INTO order_timeline (order_id, step, at, actor, from_state, to_state, reason, refund) SELECT id, step, 1, 'x', 'in_progress', 'completed', '', 0 FROM orders WHERE id = $1`, drip.ID)
		},
		"a running subscription gave back without a reason": func(f *dripping, sub, _, _ *order.Order) {
			f.Write(func(tx *db.Tx) error {
				o, book, err := order.Lock(tx, sub.ID)
				if err != nil {
					return err
				}
				err = book.Move(ledger.Transfer{
					Kind: ledger.OrderRefund, Ref: fmt.Sprint(o.ID, ".", o.Step+1), Debit: "sales", Credit: o.WalletID, Amount: 100_000, Memo: "x", Actor: "x",
				})
				if err != nil {
					return err
				}
				if err := book.Flush(); err != nil {
					return err
				}
				if _, err = tx.Exec(`INSERT INTO order_timeline (order_id, step, at, actor, from_state, to_state, reason, refund) VALUES ($1, $2, 1, 'x', 'processing', 'processing', '', 100000)`, o.ID, o.Step+1); err != nil {
					return err
				}
				_, err = tx.Exec(`UPDATE orders SET step = step + 1, refunded = refunded + 100000 WHERE id = $1`, o.ID)
				return err
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				f := newDripping(t, d)
				drip := f.drip("drip", 100, 2)
				f.feed()
				f.Exec(`UPDATE orders SET next_run_at = 1 WHERE id = $1`, drip.ID)
				f.feed()
				sub := f.subscribe()
				f.Audit()
				forge(f, f.Order(sub.ID), f.run(sub, 1), f.Order(drip.ID))
				if got := (&audited{Fixture: f.Fixture}).audit(); got == "" {
					t.Error("the audit is silent")
				}
			})
		})
	}
}

// subscribe places a subscription of which the provider has begun a post.
func (f *dripping) subscribe() *order.Order {
	f.t.Helper()
	f.Exec(`UPDATE services SET type = 'Subscriptions'`)
	r, err := parse(map[string]string{"service": "1", "request_id": "sub", "username": "u", "min": "50", "max": "100", "posts": "4", "delay": "0"})
	ordertest.Must(f.t, err)
	placed, err := newPlacer(f.t, f.DB).Place(context.Background(), f.Buyer, r, f.Snapshot())
	ordertest.Must(f.t, err)
	sub := f.Order(placed.OrderID)
	f.end(sub, 0, order.Submitting, order.Processing)
	f.Write(func(tx *db.Tx) error {
		o, book, err := order.Lock(tx, sub.ID)
		if err != nil {
			return err
		}
		if _, err := order.AddPosts(tx, book, o, []string{"p1"}); err != nil {
			return err
		}
		return order.Save(tx, o, o.State)
	})
	return sub
}

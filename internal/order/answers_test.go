package order_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// classic is a request without a request id.
func classic(t *testing.T, f *ordertest.Fixture, link string, window time.Duration) order.Request {
	t.Helper()
	fields := with("service", "1", "request_id", "", "link", link)
	r, err := order.ParseClassic(func(name string) string { return fields[name] })
	ordertest.Must(t, err)
	r.Fingerprint, r.ReplayWindow = f.Buyer.KeyID+" "+r.Hash(), window
	return r
}

// placeClassic places and says whether the answer arrived.
func placeClassic(t *testing.T, p *order.Placer, f *ordertest.Fixture, r order.Request, arrived bool) order.Placed {
	t.Helper()
	placed, err := p.Place(context.Background(), f.Buyer, r, f.Snapshot())
	ordertest.Must(t, err)
	p.Delivered(placed.OrderID, arrived)
	return placed
}

// Two equal orders one after the other, answers delivered, are two orders.
func TestEqualOrdersWithDeliveredAnswersAreTwo(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		p, r := newPlacer(t, d), classic(t, f, "https://example.com/a", 0)
		seen := map[string]bool{}
		for range 5 {
			seen[placeClassic(t, p, f, r, true).OrderID] = true
		}
		if len(seen) != 5 || f.Balance(f.Buyer.WalletID) != 90*money.Unit {
			t.Errorf("%d orders, balance %s; want 5 and 90.00", len(seen), f.Balance(f.Buyer.WalletID))
		}
		f.Audit()
	})
}

// An answer that arrives at whatever moment of the next equal request's placing has
// arrived: that one is a second order.
func TestAnswerThatArrivesMeanwhileIsNotGivenAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 10_000*money.Unit)
		p, r := newPlacer(t, d), classic(t, f, "https://example.com/a", 0)
		snapshot := f.Snapshot()
		last := placeClassic(t, p, f, r, true).OrderID
		placed, err := p.Place(context.Background(), f.Buyer, r, snapshot)
		ordertest.Must(t, err)
		for i := range 300 {
			if placed.OrderID == last {
				t.Fatalf("order %d: the answer that arrived was given again", i)
			}
			answered := placed.OrderID
			time.AfterFunc(time.Duration(i%100)*10*time.Microsecond, func() { p.Delivered(answered, true) })
			last = answered
			placed, err = p.Place(context.Background(), f.Buyer, r, snapshot) // waits for that
			ordertest.Must(t, err)
		}
		f.Audit()
	})
}

// A client that never got the answer gets the same order for 15 minutes, also from
// a program that was started anew; then it is a new one.
func TestUndeliveredAnswerIsGivenAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		r := classic(t, f, "https://example.com/a", 0)
		first := placeClassic(t, newPlacer(t, d), f, r, false)
		d.AdvanceClock(2 * time.Second) // what another node answered a moment ago is waited for
		restarted := newPlacer(t, d)
		if again := placeClassic(t, restarted, f, r, false); again.OrderID != first.OrderID || !again.Repeat {
			t.Errorf("after a restart: %+v, want %s", again, first.OrderID)
		}
		if n := f.Count(`SELECT COUNT(*) FROM order_timeline WHERE order_id = $1`, first.OrderID); n != 2 {
			t.Errorf("%d rows in the timeline, want placing and repeat", n)
		}
		if again := placeClassic(t, restarted, f, r, true); again.OrderID != first.OrderID {
			t.Errorf("a third time: %+v", again)
		}
		if other := placeClassic(t, restarted, f, r, false); other.OrderID == first.OrderID {
			t.Error("after the answer arrived an equal request is the same order")
		}
		d.AdvanceClock(16 * time.Minute)
		if other := placeClassic(t, restarted, f, r, true); other.Repeat {
			t.Error("an answer is given again after 16 minutes")
		}
		if got := f.Balance(f.Buyer.WalletID); got != 94*money.Unit {
			t.Errorf("balance %s, want 94.00: three orders", got)
		}
		f.Audit()
	})
}

// Equal requests at the same moment are one order: each waits for the first's answer.
func TestEqualRequestsAtOnceAreOneOrder(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		p, r := newPlacer(t, d), classic(t, f, "https://example.com/a", 0)
		first, err := p.Place(context.Background(), f.Buyer, r, f.Snapshot())
		ordertest.Must(t, err)
		second := make(chan order.Placed)
		go func() {
			placed, err := p.Place(context.Background(), f.Buyer, r, f.Snapshot())
			if err != nil {
				t.Error(err)
			}
			second <- placed
		}()
		// The first answer is on its way: the second can't be told before its end.
		select {
		case placed := <-second:
			t.Errorf("answered %+v while the first answer was on its way", placed)
		case <-time.After(100 * time.Millisecond):
		}
		p.Delivered(first.OrderID, false)
		if placed := <-second; placed.OrderID != first.OrderID {
			t.Errorf("%+v, want %s", placed, first.OrderID)
		}
		p.Delivered(first.OrderID, true)
		all := placeAtOnce(t, []*order.Placer{p}, f.Buyer, classic(t, f, "https://example.com/b", 0), f.Snapshot(), 1)
		if all[0].OrderID == first.OrderID {
			t.Error("another link is the same order")
		}
		f.Audit()
	})
}

// An answer that was found after a commit of unknown outcome is on its way like
// any other: an equal request waits for its end.
func TestAnswerFoundAfterALostCommitIsWaitedFor(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	f := ordertest.New(t, d, provider, 100*money.Unit)
	p, r := newPlacer(t, d), classic(t, f, "https://example.com/a", 0)
	first := placeClassic(t, p, f, r, false)

	// The repeat shares its commit with a write that spoils it.
	held, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		ordertest.Must(t, d.Write(context.Background(), func(*db.Tx) error { close(held); <-release; return nil }))
	})
	<-held
	all.Go(func() {
		if err := d.Write(context.Background(), spoilCommit); !errors.Is(err, db.ErrOutcomeUnknown) {
			t.Errorf("the commit was not spoilt: %v", err)
		}
	})
	all.Go(func() {
		placed, err := p.Place(context.Background(), f.Buyer, r, f.Snapshot())
		if err != nil || placed.OrderID != first.OrderID {
			t.Errorf("the repeat got %+v, %v", placed, err)
		}
	})
	time.Sleep(100 * time.Millisecond) // both wait for the writer
	close(release)
	all.Wait()

	third := make(chan order.Placed)
	go func() {
		placed, err := p.Place(context.Background(), f.Buyer, r, f.Snapshot())
		if err != nil {
			t.Error(err)
		}
		third <- placed
	}()
	select {
	case placed := <-third:
		t.Fatalf("answered %+v while the repeat's answer was on its way", placed)
	case <-time.After(100 * time.Millisecond):
	}
	p.Delivered(first.OrderID, true)
	if placed := <-third; placed.OrderID == first.OrderID {
		t.Error("an answer that arrived was given again")
	}
}

// spoilCommit leaves what only COMMIT refuses.
func spoilCommit(tx *db.Tx) error {
	if _, err := tx.Exec(`PRAGMA defer_foreign_keys = ON`); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO key_spending (key_id, day, spent) VALUES ('nobody', 1, 0)`)
	return err
}

// A key with a window gets the delivered answer again until it is over.
func TestReplayWindow(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		p, r := newPlacer(t, d), classic(t, f, "https://example.com/a", time.Minute)
		first := placeClassic(t, p, f, r, true)
		d.AdvanceClock(50 * time.Second)
		if again := placeClassic(t, p, f, r, true); again.OrderID != first.OrderID {
			t.Errorf("%+v within the window", again)
		}
		d.AdvanceClock(time.Minute)
		if other := placeClassic(t, p, f, r, true); other.OrderID == first.OrderID {
			t.Error("the same order after the window")
		}
		d.AdvanceClock(26 * time.Hour)
		if n, err := order.ForgetAnswers(context.Background(), d); err != nil || n != 1 {
			t.Errorf("forgot %d answers, %v", n, err)
		}
	})
}

// A key spends its cap in a day and no more, however many ask at once; refunds
// give nothing of it back.
func TestDailyCap(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		_, key, err := apikey.NewStore(d, f.Ring).Issue(context.Background(), apikey.NewKey{
			AccountID: f.Buyer.AccountID, Dialect: apikey.Native, Mode: apikey.Live,
		}, "test")
		ordertest.Must(t, err)
		limit := 7 * money.Unit
		buyer := f.Buyer
		buyer.KeyID, buyer.DailyCap = key.ID, &limit
		p := newPlacer(t, d)
		place := func(requestID string) error {
			placed, err := p.Place(context.Background(), buyer, f.Request(requestID, "https://example.com/"+requestID, 1000), f.Snapshot())
			if err == nil {
				_, err = order.NewCanceller(d, nil).Cancel(context.Background(), buyer.Scope, order.Ref(placed.OrderID), "x")
			}
			return err
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		refused := 0
		for _, requestID := range []string{"a", "b", "c", "d", "e", "f"} {
			all.Go(func() {
				err := place(requestID)
				mu.Lock()
				defer mu.Unlock()
				if err != nil && fault.From(err).Reason == fault.SpendCap {
					refused++
				}
			})
		}
		all.Wait()
		if n := f.Count(`SELECT COUNT(*) FROM orders`); n != 3 || refused != 3 {
			t.Errorf("%d orders of 2.00 under a cap of 7.00, %d refused", n, refused)
		}
		forgets := func(want int) {
			t.Helper()
			if n, err := order.ForgetSpending(context.Background(), d); err != nil || n != want {
				t.Errorf("forgot %d days, %v; want %d", n, err, want)
			}
		}
		d.AdvanceClock(24 * time.Hour)
		ordertest.Must(t, place("next-day"))
		forgets(0)
		d.AdvanceClock(24 * time.Hour)
		forgets(1)
		f.Audit()
	})
}

// An account that comes with numbers of its own keeps them free.
func TestNumbersBeginWhereTheyAreTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		f.Exec(`UPDATE panel SET first_number = 5000`)
		a, err := account.NewStore(d).Create(context.Background(), "moved@example.com", "a long password", account.Customer, "test")
		ordertest.Must(t, err)
		_, err = account.NewStore(d).Credit(context.Background(), a.ID, money.Unit, "seed", "test")
		ordertest.Must(t, err)
		f.Buyer.AccountID, f.Buyer.WalletID = a.ID, f.Wallet(a.ID, f.Buyer.Mode)
		if o := f.Place("r", "https://example.com/", 100); o.Number != 5001 {
			t.Errorf("the first order is number %d", o.Number)
		}
		f.Audit()
	})
}

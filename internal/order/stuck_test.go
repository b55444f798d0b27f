package order_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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

// A wallet that somebody else holds locked delays its own requests alone: they
// are told to come again, and other accounts' orders are placed.
func TestPlaceBesideALockedWallet(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.Postgres) // SQLite has one lock for all
	f := ordertest.New(t, d, provider, 100*money.Unit)
	other := f.NewBuyer(100 * money.Unit)
	release := f.Hold(func(tx *db.Tx) error {
		_, err := ledger.Open(tx, f.Buyer.WalletID)
		return err
	})
	p, snapshot := newPlacer(t, d), f.Snapshot()
	began := time.Now()
	const n = 20
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		buyer := other
		if i%4 == 0 {
			buyer = f.Buyer
		}
		request := f.Request(fmt.Sprint("r", i), "https://example.com/a", 100)
		wg.Go(func() { _, errs[i] = p.Place(context.Background(), buyer, request, snapshot) })
	}
	wg.Wait()
	for i, err := range errs {
		if held := i%4 == 0; held != fault.Is(err, fault.Unavailable) || !held && err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("placing beside a locked wallet took %s", took)
	}
	release()
	// Set free, the same request is placed.
	deadline := time.Now().Add(20 * time.Second)
	for {
		_, err := p.Place(context.Background(), f.Buyer, f.Request("r0", "https://example.com/a", 100), snapshot)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	f.Audit()
}

// Orders of a paused source do not age: put off for a day and paused meanwhile,
// an order is still there when the source is back.
func TestGiveUpSparesOrdersOfAPausedSource(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		o := f.Place("r", "https://example.com/a", 1000)
		ordertest.Must(t, transition(d, o.ID, order.Change{To: order.Submitting, Actor: "test", Reason: "sent"}, nil))
		ordertest.Must(t, transition(d, o.ID, order.Change{To: order.Pending, Actor: "test", Reason: "try later"}, func(o *order.Order) {
			o.GiveUpAt = o.CreatedAt.Add(order.Patience)
		}))
		ordertest.Must(t, f.Providers.SetState(context.Background(), f.Provider.ID, "paused", "test", "test"))
		d.AdvanceClock(order.Patience + time.Hour)
		if n, err := order.GiveUp(context.Background(), d); n != 0 || err != nil {
			t.Fatalf("gave up %d, %v", n, err)
		}
		ordertest.Must(t, f.Providers.SetState(context.Background(), f.Provider.ID, "active", "", "test"))
		_, err := order.GiveUp(context.Background(), d)
		ordertest.Must(t, err)
		if s := f.Order(o.ID).State; s != order.Pending {
			t.Errorf("the moment the source is back the order is %s", s)
		}
		d.AdvanceClock(order.Patience + time.Hour)
		_, err = order.GiveUp(context.Background(), d)
		ordertest.Must(t, err)
		if s := f.Order(o.ID).State; s != order.Canceled {
			t.Errorf("order is %s", s)
		}
	})
}

// A number has one spelling.
func TestNumbersHaveOneSpelling(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		f.Place("r", "https://example.com/a", 1000)
		refs := []order.Ref{"1", "+1", "01", " 1", "1 ", "0x1", "1.0", "-1", "0"}
		found, err := order.NewStore(d).Status(context.Background(), f.Buyer.Scope, refs)
		ordertest.Must(t, err)
		for i, one := range found {
			if (i == 0) != (one.Err == nil) || i > 0 && !errors.Is(one.Err, order.ErrNotFound) {
				t.Errorf("%q: %v", refs[i], one.Err)
			}
		}
	})
}

// Who waited long for a slow batch is told to come again before its client gives up,
// and nothing is placed for it that it does not hear of; the repeat is placed.
func TestWhoWaitedLongIsToldToComeAgain(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			d := dbtest.Open(t, engine)
			f := ordertest.New(t, d, provider, 100*money.Unit)
			begun, release := make(chan struct{}), make(chan struct{})
			first := sync.OnceFunc(func() { // the batch that takes so long
				close(begun)
				<-release
			})
			p, snapshot := order.NewPlacer(d, order.PlacerOptions{Placed: first}), f.Snapshot()
			t.Cleanup(p.Close)
			p.Impatient(time.Second)
			answers := map[string]chan error{}
			place := func(name string) {
				answers[name] = make(chan error, 1)
				request := f.Request(name, "https://example.com/"+name, 100)
				go func() {
					_, err := p.Place(context.Background(), f.Buyer, request, snapshot)
					answers[name] <- err
				}()
			}
			place("first")
			<-begun
			late := []string{"a", "b", "c"}
			for _, name := range late {
				place(name)
			}
			for _, name := range late {
				if err := <-answers[name]; !fault.Is(err, fault.Unavailable) {
					t.Errorf("%s: answered with %v", name, err)
				}
			}
			close(release)
			ordertest.Must(t, <-answers["first"])
			ordertest.Until(t, "their room is free again", func() bool { return p.Waiting() == 0 && p.Held() == 0 })
			if n := f.Count(`SELECT COUNT(*) FROM orders`); n != 1 {
				t.Errorf("%d orders, want the first alone", n)
			}
			place("a")
			ordertest.Must(t, <-answers["a"])
			if n := f.Count(`SELECT COUNT(*) FROM orders`); n != 2 {
				t.Errorf("%d orders after the repeat, want 2", n)
			}
			f.Audit()
		})
	}
}

// A request that is withdrawn at the very moment at which a batch takes it is either
// answered with its order or was never tried: its repeat is no repeat, and pays once.
func TestWithdrawnAsItIsTaken(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			const clients, requests, charge = 16, 8, 200_000
			d := dbtest.Open(t, engine)
			f := ordertest.New(t, d, provider, 100*money.Unit)
			patience := 2 * time.Millisecond
			p := order.NewPlacer(d, order.PlacerOptions{Placed: func() { time.Sleep(patience) }}) // whoever waits behind a batch runs out of it
			t.Cleanup(p.Close)
			p.Impatient(patience)
			snapshot := f.Snapshot()
			var withdrawn atomic.Int64
			var wg sync.WaitGroup
			for client := range clients {
				wg.Go(func() {
					for i := range requests {
						request := f.Request(fmt.Sprint(client, "-", i), fmt.Sprint("https://example.com/", client, "/", i), 100)
						placed, err := p.Place(context.Background(), f.Buyer, request, snapshot)
						for ; fault.Is(err, fault.Unavailable); placed, err = p.Place(context.Background(), f.Buyer, request, snapshot) {
							withdrawn.Add(1)
						}
						if err != nil || placed.Repeat {
							t.Errorf("%s: %+v, %v", request.RequestID, placed, err)
						}
					}
				})
			}
			wg.Wait()
			ordertest.Until(t, "all room is free again", func() bool { return p.Held() == 0 })
			if n := f.Count(`SELECT COUNT(*) FROM orders`); n != clients*requests || withdrawn.Load() == 0 {
				t.Errorf("%d orders, want %d; %d requests were withdrawn", n, clients*requests, withdrawn.Load())
			}
			if got, want := f.Balance(f.Buyer.WalletID), 100*money.Unit-clients*requests*charge; got != want {
				t.Errorf("the wallet holds %s, want %s", got, want)
			}
			f.Audit()
		})
	}
}

package order_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

const provider = "https://provider.example/api/v2"

// newPlacer starts a placer that ends with the test.
func newPlacer(t *testing.T, d *db.DB) *order.Placer {
	t.Helper()
	p := order.NewPlacer(d, order.PlacerOptions{})
	t.Cleanup(p.Close)
	return p
}

// A client that sends the same order again, on many connections and two nodes at
// once, pays once and gets one answer.
func TestPlaceSameRequestIDChargesOnce(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			f := ordertest.New(t, dbtest.Connect(t, url), provider, 100*money.Unit)
			nodes := []*order.Placer{newPlacer(t, f.DB)}
			if engine == db.Postgres {
				nodes = append(nodes, newPlacer(t, dbtest.Connect(t, url)))
			}
			for round := range 10 {
				request := f.Request("same-"+strconv.Itoa(round), "https://example.com/a", 1000)
				answers := placeAtOnce(t, nodes, f.Buyer, request, f.Snapshot(), 64)
				for _, a := range answers {
					if a.OrderID != answers[0].OrderID || a.Number != answers[0].Number || a.Charge != 2*money.Unit {
						t.Fatalf("answers differ: %+v and %+v", a, answers[0])
					}
				}
			}
			if n := f.Count(`SELECT COUNT(*) FROM orders`); n != 10 {
				t.Errorf("%d orders, want 10", n)
			}
			if got := f.Balance(f.Buyer.WalletID); got != 80*money.Unit {
				t.Errorf("balance %s, want 80.00", got)
			}
			f.Audit()
		})
	}
}

// placeAtOnce sends one request n times over the nodes and returns the answers.
func placeAtOnce(t *testing.T, nodes []*order.Placer, b order.Buyer, r order.Request, s *catalog.Snapshot, n int) []order.Placed {
	t.Helper()
	answers, errs := make([]order.Placed, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { answers[i], errs[i] = nodes[i%len(nodes)].Place(context.Background(), b, r, s) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return answers
}

// The same request id with anything else changed is refused and books nothing.
func TestPlaceRequestIDWithOtherFields(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		p := newPlacer(t, d)
		ctx := context.Background()
		_, err := p.Place(ctx, f.Buyer, f.Request("r", "https://example.com/a", 1000), f.Snapshot())
		ordertest.Must(t, err)
		for _, other := range []order.Request{
			f.Request("r", "https://example.com/a", 1001),
			f.Request("r", "https://example.com/a#x", 1000),
			f.Request("r", "https://example.com/a", 1000, "max_charge", "5"),
		} {
			_, err := p.Place(ctx, f.Buyer, other, f.Snapshot())
			if err == nil || err.Error() != "request_id was already used with different parameters" {
				t.Errorf("got %v", err)
			}
		}
		if got := f.Balance(f.Buyer.WalletID); got != 98*money.Unit {
			t.Errorf("balance %s, want 98.00", got)
		}
	})
}

// Two orders that together cost more than there is: one is placed.
func TestPlaceNeverOverdraws(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			f := ordertest.New(t, dbtest.Connect(t, url), provider, 0)
			nodes := []*order.Placer{newPlacer(t, f.DB), newPlacer(t, f.DB)}
			if engine == db.Postgres {
				nodes[1] = newPlacer(t, dbtest.Connect(t, url))
			}
			snapshot := f.Snapshot()
			for range 15 {
				buyer := f.NewBuyer(10 * money.Unit)
				errs := make([]error, 2)
				var wg sync.WaitGroup
				for i := range 2 {
					request := f.Request("r"+strconv.Itoa(i), "https://example.com/a", 3000)
					wg.Go(func() { _, errs[i] = nodes[i].Place(context.Background(), buyer, request, snapshot) })
				}
				wg.Wait()
				refused := errors.Join(errs...)
				if (errs[0] == nil) == (errs[1] == nil) || !fault.Is(refused, fault.InsufficientFunds) {
					t.Fatalf("outcomes %v and %v, want one placed and one refused", errs[0], errs[1])
				}
				if got := f.Balance(buyer.WalletID); got != 4*money.Unit {
					t.Fatalf("balance %s, want 4.00", got)
				}
			}
			f.Audit()
		})
	}
}

// The answer to the first request was lost and the service paused since: the
// repeat gets the order, a new request is refused.
func TestPlaceRepeatAfterServicePaused(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 10*money.Unit)
		p, ctx := newPlacer(t, d), context.Background()
		request := f.Request("r", "https://example.com/a", 1000)
		first, err := p.Place(ctx, f.Buyer, request, f.Snapshot())
		ordertest.Must(t, err)
		paused := catalog.Paused
		_, err = catalog.NewStore(d).Set(ctx, f.Service.ID, catalog.Change{State: &paused}, "test")
		ordertest.Must(t, err)
		again, err := p.Place(ctx, f.Buyer, request, f.Snapshot())
		if err != nil || again.OrderID != first.OrderID || !again.Repeat {
			t.Errorf("repeat: %+v, %v", again, err)
		}
		if _, err = p.Place(ctx, f.Buyer, f.Request("new", "https://example.com/a", 1000), f.Snapshot()); !fault.Is(err, fault.NotFound) {
			t.Errorf("new request on a paused service: %v", err)
		}
	})
}

// An order priced on a catalogue that has moved is priced by the new one, and
// max_charge is held against that price.
func TestPlacePricesByTheCatalogueOfItsCommit(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		p, ctx := newPlacer(t, d), context.Background()
		old := f.Snapshot()
		dearer := 3 * money.Unit
		_, err := catalog.NewStore(d).Set(ctx, f.Service.ID, catalog.Change{Rate: &dearer}, "test")
		ordertest.Must(t, err)
		placed, err := p.Place(ctx, f.Buyer, f.Request("a", "https://example.com/a", 1000), old)
		if err != nil || placed.Charge != dearer {
			t.Errorf("charge %s, %v; want the new price 3.00", placed.Charge, err)
		}
		_, err = p.Place(ctx, f.Buyer, f.Request("b", "https://example.com/a", 1000, "max_charge", "2.50"), old)
		if err == nil || err.Error() != "charge would be 3.00, above max_charge 2.50" {
			t.Errorf("got %v", err)
		}
		o := f.Order(placed.OrderID)
		if o.Rate != dearer || o.Cost != ordertest.Cost || o.CatalogEpoch == old.Epoch {
			t.Errorf("the order keeps rate %s, cost %s, epoch %d", o.Rate, o.Cost, o.CatalogEpoch)
		}
		if got := f.Balance(f.Buyer.WalletID); got != 97*money.Unit {
			t.Errorf("balance %s, want 97.00", got)
		}
	})
}

// One request that can't be stored hurts none of those that share its batch.
func TestPlacePoisonedRequestHurtsNobody(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		p, snapshot := newPlacer(t, d), f.Snapshot()
		poisoned := f.Buyer
		poisoned.WalletID = "wal_missing"
		const n = 40
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			buyer := f.Buyer
			if i%13 == 7 {
				buyer = poisoned
			}
			request := f.Request("r"+strconv.Itoa(i), "https://example.com/a", 100)
			wg.Go(func() { _, errs[i] = p.Place(context.Background(), buyer, request, snapshot) })
		}
		wg.Wait()
		placed := 0
		for i, err := range errs {
			if (i%13 == 7) != (err != nil) {
				t.Errorf("request %d: %v", i, err)
			}
			if err == nil {
				placed++
			}
		}
		if got, want := f.Balance(f.Buyer.WalletID), 100*money.Unit-money.Amount(placed)*money.Unit/5; got != want {
			t.Errorf("balance %s, want %s", got, want)
		}
		f.Audit()
	})
}

// What one mode made, the other doesn't see; a test order costs play money and
// is not sent.
func TestPlaceLiveAndTestAreApart(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 10*money.Unit)
		p, ctx := newPlacer(t, d), context.Background()
		play := f.Buyer
		play.Mode, play.WalletID = ledger.Test, f.Wallet(f.Buyer.AccountID, ledger.Test)
		request := f.Request("r", "https://example.com/a", 1000)
		live, err := p.Place(ctx, f.Buyer, request, f.Snapshot())
		ordertest.Must(t, err)
		test, err := p.Place(ctx, play, request, f.Snapshot())
		if err != nil || test.OrderID == live.OrderID || test.Repeat {
			t.Fatalf("the test key's request was taken for the live one: %+v, %v", test, err)
		}
		if got := f.Balance(play.WalletID); got != 998*money.Unit {
			t.Errorf("play money %s, want 998.00", got)
		}
		if to := f.Order(test.OrderID).ProviderID; to != order.Sandbox {
			t.Errorf("a test order goes to %s", to)
		}
		found, err := order.NewStore(d).Status(ctx, play.Scope, []order.Ref{order.Ref(live.OrderID)})
		if err != nil || !errors.Is(found[0].Err, order.ErrNotFound) {
			t.Errorf("the test key sees the live order: %+v, %v", found, err)
		}
	})
}

// Every order of an account gets its own number, whatever happens beside it.
func TestPlaceNumbersAreUniqueAndWithoutGaps(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 20*money.Unit) // enough for 10 of 2.00
		p, snapshot := newPlacer(t, d), f.Snapshot()
		var wg sync.WaitGroup
		var mu sync.Mutex
		numbers := map[int64]bool{}
		for i := range 30 {
			request := f.Request("r"+strconv.Itoa(i), "https://example.com/"+strconv.Itoa(i), 1000)
			wg.Go(func() {
				placed, err := p.Place(context.Background(), f.Buyer, request, snapshot)
				if err != nil {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				numbers[placed.Number] = true
			})
		}
		wg.Wait()
		for n := int64(1); n <= 10; n++ {
			if !numbers[n] {
				t.Errorf("number %d is missing in %v", n, numbers)
			}
		}
		if len(numbers) != 10 || f.Balance(f.Buyer.WalletID) != 0 {
			t.Errorf("%d numbers, balance %s", len(numbers), f.Balance(f.Buyer.WalletID))
		}
	})
}

// A placer that has ended refuses, and what was queued before is placed.
func TestPlacerCloseLosesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 1000*money.Unit)
		p, snapshot := order.NewPlacer(d, order.PlacerOptions{}), f.Snapshot()
		const n = 200
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			request := f.Request(fmt.Sprint("r", i), "https://example.com/a", 100)
			wg.Go(func() { _, errs[i] = p.Place(context.Background(), f.Buyer, request, snapshot) })
		}
		p.Close()
		wg.Wait()
		placed := int64(0)
		for _, err := range errs {
			if err == nil {
				placed++
			} else if !fault.Is(err, fault.Unavailable) {
				t.Errorf("got %v", err)
			}
		}
		if got := f.Count(`SELECT COUNT(*) FROM orders`); got != placed {
			t.Errorf("%d orders are booked, %d were answered", got, placed)
		}
		_, err := p.Place(context.Background(), f.Buyer, f.Request("late", "https://example.com/a", 100), snapshot)
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// Credits beside placing: no cent of either is lost.
func TestPlaceBesideCredits(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		p, snapshot, accounts := newPlacer(t, d), f.Snapshot(), account.NewStore(d)
		var wg sync.WaitGroup
		for i := range 20 {
			request := f.Request(fmt.Sprint("r", i), "https://example.com/a", 500)
			wg.Go(func() {
				if _, err := p.Place(context.Background(), f.Buyer, request, snapshot); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if _, err := accounts.Credit(context.Background(), f.Buyer.AccountID, money.Unit, "top-up", "test"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := f.Balance(f.Buyer.WalletID); got != 100*money.Unit {
			t.Errorf("balance %s, want 100.00 - 20.00 + 20.00", got)
		}
		f.Audit()
	})
}

package order_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// A lock that is no wallet's, an index that is being made or a row that an unconfirmed
// commit holds, keeps nobody waiting until it is let go: who orders meanwhile, alone or
// with others, is told to come again.
func TestPlaceBesideALockThatIsNoWallets(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.Postgres) // SQLite has one lock for all
	f := ordertest.New(t, d, provider, 100*money.Unit)
	release := f.Hold(func(tx *db.Tx) error {
		_, err := tx.Exec(`LOCK TABLE transfers IN SHARE MODE`) // as an index that is being made does
		return err
	})
	p, snapshot := newPlacer(t, d), f.Snapshot()
	answers := make(chan error, 3)
	place := func(name string) {
		request := f.Request(name, "https://example.com/"+name, 100)
		go func() {
			_, err := p.Place(context.Background(), f.Buyer, request, snapshot)
			answers <- err
		}()
	}
	place("alone")
	ordertest.Until(t, "the first waits for the lock", func() bool {
		return f.Count(`SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`) > 0
	})
	for i := range 2 {
		place(fmt.Sprint("together", i))
	}
	ordertest.Until(t, "two wait, or the first is through", func() bool { return p.Waiting() == 2 || len(answers) > 0 })
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for i := range 3 {
		select {
		case err := <-answers:
			if !fault.Is(err, fault.Unavailable) {
				t.Errorf("answered with %v", err)
			}
		case <-late.C:
			t.Errorf("%d of 3 were answered while the lock was held", i)
			release()
			t.FailNow()
		}
	}
	release()
	f.Audit()
}

// An order that somebody keeps locked without its wallet, as the report of a process that
// was stopped does, is in nobody's way: who asks for its answer once more gets it, and the
// orders of others that come with that request are placed.
func TestPlaceBesideALockedOrder(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.Postgres) // SQLite has one lock for all
	f := ordertest.New(t, d, provider, 100*money.Unit)
	other := f.NewBuyer(100 * money.Unit)
	p, snapshot := newPlacer(t, d), f.Snapshot()
	requests := []order.Request{classic(t, f, "https://example.com/a", 0), classic(t, f, "https://example.com/b", 0)}
	placed := []order.Placed{placeClassic(t, p, f, requests[0], false), placeClassic(t, p, f, requests[1], false)}
	release := f.Hold(func(tx *db.Tx) (err error) {
		for _, one := range placed {
			if err == nil {
				_, err = order.LockAlone(tx, one.OrderID)
			}
		}
		return err
	})
	var wg sync.WaitGroup
	again := func(i int) {
		got, err := p.Place(context.Background(), f.Buyer, requests[i], snapshot)
		if err != nil || got.OrderID != placed[i].OrderID || !got.Repeat {
			t.Errorf("asked for once more: %+v, %v", got, err)
		}
	}
	wg.Go(func() { again(0) })
	ordertest.Until(t, "the first waits for the lock", func() bool {
		return f.Count(`SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`) > 0
	})
	wg.Go(func() { again(1) }) // with those below, most likely
	for i := range 3 {
		request := f.Request(fmt.Sprint("other", i), "https://example.com/c", 100)
		wg.Go(func() {
			if _, err := p.Place(context.Background(), other, request, snapshot); err != nil {
				t.Errorf("another account's order: %v", err)
			}
		})
	}
	wg.Wait()
	release()
	f.Audit()
}

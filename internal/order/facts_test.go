package order_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// ended says how a made-up order ended.
type ended struct {
	state      order.State
	start, end time.Duration // after it was placed; no start: it never began
	kind, mode string        // "" is single and live
}

// ends places orders and lets them end, one second after the other.
func ends(f *ordertest.Fixture, all ...ended) {
	f.T.Helper()
	p := order.NewPlacer(f.DB, order.PlacerOptions{})
	defer p.Close()
	s := f.Snapshot()
	for _, e := range all {
		placed, err := p.Place(context.Background(), f.Buyer, f.Request(rand.Text(), "https://example.com/a", 10), s)
		ordertest.Must(f.T, err)
		f.Write(func(tx *db.Tx) error {
			var started any
			if e.start > 0 {
				started = db.At(tx.Now.Add(e.start - e.end))
			}
			_, err := tx.Exec(`UPDATE orders SET state = $2, created_at = $3, started_at = $4, finished_at = $5, kind = $6, mode = $7 WHERE id = $1`,
				placed.OrderID, string(e.state), db.At(tx.Now.Add(-e.end)), started, db.At(tx.Now), or(e.kind, "single"), or(e.mode, "live"))
			return err
		})
	}
}

func or(text, usual string) string {
	if text == "" {
		return usual
	}
	return text
}

func facts(f *ordertest.Fixture) (all map[int64]catalog.Facts) {
	f.T.Helper()
	ordertest.Must(f.T, order.MeasureFacts(context.Background(), f.DB))
	f.Read(func(tx *db.Tx) (err error) {
		all, err = catalog.AllFacts(tx)
		return err
	})
	return all
}

func catalogEpoch(f *ordertest.Fixture) (e epoch.Epochs) {
	f.T.Helper()
	f.Read(func(tx *db.Tx) (err error) {
		e, err = epoch.Load(tx)
		return err
	})
	return e
}

// A service's facts are the nearest ranks of its live, ended orders: nothing where
// they are fewer than twenty, and the same however often they are measured.
func TestFactsAreMeasuredFromEndedOrders(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example", 1000*ordertest.Rate)
		var all []ended
		for i := range 19 {
			all = append(all, ended{state: order.Completed, start: time.Duration(19-i) * time.Second, end: time.Duration(i+1) * time.Minute})
		}
		all = append(all, ended{state: order.Completed, end: time.Hour, mode: "test"}, ended{state: order.Completed, end: time.Hour, kind: "drip"})
		ends(f, all...)
		before := catalogEpoch(f)
		if got := facts(f)[f.Service.ID]; got.Orders != 19 || got.StartHalf != nil || got.CompleteHalf != nil {
			t.Errorf("19 orders tell %+v", got)
		}
		if _, found := f.Snapshot().Facts(f.Service); found || catalogEpoch(f) != before {
			t.Error("19 orders are shown, or made the catalogue move")
		}
		ends(f, ended{state: order.Completed, start: time.Minute, end: time.Hour, kind: "run"},
			ended{state: order.Partial, start: 2 * time.Minute, end: time.Hour}, ended{state: order.Canceled, end: time.Hour},
			ended{state: order.Failed, end: time.Hour}, ended{state: order.Refunded, start: 1, end: time.Second})
		want := catalog.Facts{
			Orders: 24, StartHalf: new(int64(10)), StartMost: new(int64(19)), CompleteHalf: new(int64(600)), CompleteMost: new(int64(1080)),
			Completed: 833, Partial: 42, Canceled: 42,
		}
		for range 3 {
			got := facts(f)[f.Service.ID]
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(catalog.Facts{}, "MeasuredAt")); diff != "" {
				t.Errorf("measured: %s", diff)
			}
		}
		if shown, found := f.Snapshot().Facts(f.Service); !found || *shown.CompleteHalf != 600 {
			t.Errorf("shown are %+v", shown)
		}
		if after := catalogEpoch(f); after.Catalog != before.Catalog+1 {
			t.Errorf("the catalogue moved %d times, want once", after.Catalog-before.Catalog)
		}
	})
}

// A service none of whose orders ended lately is not measured again.
func TestFactsLeaveQuietServicesAlone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example", 1000*ordertest.Rate)
		if got := facts(f); len(got) != 0 {
			t.Errorf("without an order there are facts: %+v", got)
		}
		ends(f, ended{state: order.Completed, end: time.Hour})
		first := facts(f)[f.Service.ID].MeasuredAt
		d.AdvanceClock(2 * time.Minute)
		second := facts(f)[f.Service.ID].MeasuredAt // an end may be seen late
		d.AdvanceClock(2 * time.Minute)
		if third := facts(f)[f.Service.ID].MeasuredAt; !third.Equal(second) || second.Before(first) {
			t.Errorf("measured at %s, %s and %s", first, second, third)
		}
		ends(f, ended{state: order.Completed, end: time.Hour})
		if got := facts(f)[f.Service.ID]; got.Orders != 2 || !got.MeasuredAt.After(second) {
			t.Errorf("a new end: %+v", got)
		}
	})
}

// Only the newest thousand count.
func TestFactsForgetOldOrders(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	f := ordertest.New(t, d, "https://provider.example", 10_000*ordertest.Rate)
	f.Place("r", "https://example.com/a", 10)
	f.Write(func(tx *db.Tx) error {
		const same = `, account_id, mode, wallet_id, key_id, request_hash, service_id, link, quantity, rate, cost, catalog_epoch, charge,
			step, provider_id, provider_service, equal_key, updated_at`
		_, err := tx.Exec(`WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1101)
			INSERT INTO orders (id, number, request_id, state, created_at, finished_at`+same+`)
			SELECT 'ord_' || i, i, 'r' || i, CASE WHEN i <= 101 THEN 'failed' ELSE 'completed' END, $1, $1 + i * 1000000`+same+`
			FROM orders, n WHERE number = 1`, db.At(tx.Now))
		return err
	})
	if got := facts(f)[f.Service.ID]; got.Orders != 1000 || got.Completed != 1000 || *got.CompleteHalf != 601 || *got.CompleteMost != 1001 {
		t.Errorf("measured %+v", got)
	}
}

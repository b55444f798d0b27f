package activity_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/activity"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// sum adds up some days of an account.
func sum(t *testing.T, s *activity.Store, accountID string, last time.Time, days int) (f activity.Figures) {
	t.Helper()
	all, err := s.Days(t.Context(), accountID, last, days)
	ordertest.Must(t, err)
	for _, d := range all {
		f.Placed, f.Completed, f.Charged, f.Refunded = f.Placed+d.Placed, f.Completed+d.Completed, f.Charged+d.Charged, f.Refunded+d.Refunded
	}
	return f
}

// booked is the same from the ledger and the orders themselves.
func booked(f *ordertest.Fixture, accountID string) activity.Figures {
	wallet := f.Wallet(accountID, ledger.Live)
	return activity.Figures{
		Placed:    f.Count(`SELECT COUNT(*) FROM orders WHERE account_id = $1 AND mode = 'live'`, accountID),
		Completed: f.Count(`SELECT COUNT(*) FROM orders WHERE account_id = $1 AND mode = 'live' AND state IN ('completed', 'partial')`, accountID),
		Charged:   money.Amount(f.Count(`SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM transfers WHERE debit = $1 AND kind = 'order'`, wallet)),
		Refunded:  money.Amount(f.Count(`SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM transfers WHERE credit = $1 AND kind = 'refund'`, wallet)),
	}
}

// until counts until nothing is left.
func until(t *testing.T, s *activity.Store) {
	t.Helper()
	for {
		more, err := s.Count(t.Context())
		ordertest.Must(t, err)
		if more == 0 {
			return
		}
	}
}

// What is counted is what is booked: after a first count of older orders, after what
// comes while it goes on, counted twice, by two nodes at once, and after a crash that
// forgot that it had counted.
func TestFiguresAreWhatIsBooked(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example", 1000*money.Unit)
		one, two := f.Buyer, f.NewBuyer(1000*money.Unit)
		s := activity.NewStore(d)
		var now time.Time
		f.Read(func(tx *db.Tx) error {
			now = tx.Now
			return nil
		})
		check := func(when string) {
			t.Helper()
			for _, by := range []order.Buyer{one, two} {
				if got, want := sum(t, s, by.AccountID, now.Add(24*time.Hour), 32), booked(f, by.AccountID); got != want {
					t.Errorf("%s: %+v, booked is %+v", when, got, want)
				}
			}
		}
		place := func(by order.Buyer, from, n int) {
			t.Helper()
			f.Buyer = by
			for i := range n {
				o := f.Place(fmt.Sprint("r", from+i), "https://example.com/a", int64(10+i))
				switch i % 3 {
				case 0:
					_, err := order.NewCanceller(d, nil).Cancel(t.Context(), by.Scope, order.Ref(o.ID), "key_test")
					ordertest.Must(t, err)
				case 1:
					f.Exec(`UPDATE orders SET state = 'completed', finished_at = created_at WHERE id = $1`, o.ID)
				}
			}
		}
		place(one, 0, 7)
		until(t, s)
		check("at first")
		place(one, 100, 4)
		place(two, 200, 5)
		test := one
		test.Mode, test.WalletID = ledger.Test, f.Wallet(one.AccountID, ledger.Test)
		f.Buyer = test
		f.Place("play", "https://example.com/a", 100)
		until(t, s)
		check("with more")
		until(t, s)
		check("counted twice")
		f.Exec(`UPDATE activity_done SET until = 0`)
		var nodes sync.WaitGroup
		for range 2 {
			nodes.Go(func() { until(t, activity.NewStore(d)) })
		}
		nodes.Wait()
		check("by two nodes, anew")
		if n := f.Count(`SELECT COUNT(*) FROM activity_done WHERE until > 0`); n != 1 {
			t.Error("nobody noted how far it is counted")
		}
	})
}

// A day is the reader's, of 23 hours too, and older figures go.
func TestDaysAreTheReaders(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example", 0)
		zone, err := time.LoadLocation("Europe/Berlin")
		ordertest.Must(t, err)
		at := func(day, hour, minute int) time.Time {
			return time.Date(2026, time.March, day, hour, minute, 0, 0, zone)
		}
		for i, when := range []time.Time{at(28, 23, 45), at(29, 0, 0), at(29, 23, 45), at(30, 0, 0)} { // clocks go forward on the 29th
			f.Exec(`INSERT INTO activity (account_id, at, placed, completed, charged, refunded) VALUES ($1, $2, $3, 0, 5, 7)`,
				f.Buyer.AccountID, db.At(when), 1<<i)
		}
		s := activity.NewStore(d)
		days, err := s.Days(t.Context(), f.Buyer.AccountID, at(30, 12, 0), 3)
		ordertest.Must(t, err)
		for i, want := range []int64{1, 2 + 4, 8} {
			if days[i].Placed != want || !days[i].At.Equal(at(28+i, 0, 0)) {
				t.Errorf("day %d: %+v, want %d placed", i, days[i], want)
			}
		}
		if spent := days[1].Spent(); spent != -4 {
			t.Errorf("spent %d, want what was charged less what came back", spent)
		}
		until(t, s)
		if n := f.Count(`SELECT COUNT(*) FROM activity`); n != 0 {
			t.Errorf("%d old rows are kept", n)
		}
	})
}

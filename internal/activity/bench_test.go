package activity_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/activity"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// BenchmarkOverview measures what the overview reads of an account with 1,000,000
// orders, 20,000 of them open, and figures in every quarter of thirty days.
func BenchmarkOverview(b *testing.B) {
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		b.Run(string(engine), func(b *testing.B) {
			d := dbtest.Open(b, engine)
			f := ordertest.New(b, d, "https://provider.example", money.Unit)
			one := f.Buyer
			f.Place("first", "https://example.com/a", 10)
			seed(f, one, 1_000_000)
			s, orders := activity.NewStore(d), order.NewStore(d)
			now := time.Now()
			b.ResetTimer()
			for range b.N {
				if _, err := s.Days(b.Context(), one.AccountID, now, 30); err != nil {
					b.Fatal(err)
				}
				if _, more, err := orders.OpenWords(b.Context(), one.Scope); err != nil || !more {
					b.Fatal(more, err)
				}
				if _, _, err := orders.Troubled(b.Context(), one.Scope, now.AddDate(0, 0, -7)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// seed copies the account's one order, and fills its quarters.
func seed(f *ordertest.Fixture, by order.Buyer, n int) {
	f.T.Helper()
	series := `WITH RECURSIVE s(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM s WHERE n < %d)`
	f.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(fmt.Sprintf(series, n) + `
			INSERT INTO orders (id, account_id, mode, wallet_id, number, key_id, request_id, request_hash, service_id, link, quantity, rate, cost,
				catalog_epoch, charge, state, step, provider_id, provider_service, equal_key, created_at, updated_at, finished_at, kind)
			SELECT 'ord_' || s.n, o.account_id, o.mode, o.wallet_id, s.n, o.key_id, 'r' || s.n, o.request_hash, o.service_id, o.link, o.quantity, o.rate, o.cost,
				o.catalog_epoch, o.charge, CASE WHEN s.n % 50 = 0 THEN 'in_progress' ELSE 'completed' END, 1, o.provider_id, o.provider_service, o.equal_key,
				o.created_at, o.updated_at, CASE WHEN s.n % 50 = 0 THEN NULL ELSE o.created_at END, 'single'
			FROM s CROSS JOIN orders o WHERE o.number = 1`)
		return err
	})
	f.Write(func(tx *db.Tx) error {
		last := tx.Now.Truncate(activity.Quarter)
		var rows [][]any
		for i := range 30 * 96 {
			rows = append(rows, []any{by.AccountID, db.At(last.Add(-time.Duration(i) * activity.Quarter))})
		}
		return tx.ExecMany(`INSERT INTO activity (account_id, at, placed, completed, charged, refunded) VALUES ($1, $2, 3, 2, 1000, 10)`, rows)
	})
}

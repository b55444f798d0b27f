package order_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// A backlog makes no claim slower: the first orders that are due are read in the order
// of an index, whatever the server last learnt of the table, and come oldest first.
func TestDueReadsNoMoreThanItTakes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		one := f.Place("r", "https://example.com/a", 10)
		const like = `account_id, mode, wallet_id, key_id, request_hash, service_id, link, quantity, rate, cost, catalog_epoch, charge,
			state, step, provider_id, provider_service, created_at, updated_at, due_at`
		f.Exec(`
			WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
			INSERT INTO orders (id, number, request_id, equal_key, `+like+`)
			SELECT 'ord_' || (10000 + n.i), n.i, 'q' || n.i, 'e' || n.i, `+like+` FROM n, orders WHERE id = $1`, one.ID)
		f.Exec(`UPDATE orders SET state = 'held', due_at = NULL`)
		f.Exec(`ANALYZE`) // none is due
		f.Exec(`UPDATE orders SET state = 'pending', due_at = created_at + number / 2`)
		explain := `EXPLAIN `
		if d.Engine() == db.SQLite {
			explain = `EXPLAIN QUERY PLAN `
		}
		var plan strings.Builder
		f.Write(func(tx *db.Tx) error {
			return tx.Each(func(s db.Scanner) error {
				var line string
				dest := []any{&line}
				if d.Engine() == db.SQLite {
					var id, parent, unused int64
					dest = []any{&id, &parent, &unused, &line}
				}
				err := s.Scan(dest...)
				plan.WriteString(line + "\n")
				return err
			}, explain+order.DueOrders, f.Provider.ID, db.At(tx.Now), 3)
		})
		if strings.Contains(plan.String(), "Sort") || strings.Contains(plan.String(), "TEMP B-TREE") || !strings.Contains(plan.String(), "orders_due") {
			t.Errorf("the orders that are due are sorted:\n%s", plan.String())
		}
		f.Write(func(tx *db.Tx) error {
			due, err := order.Due(tx, f.Provider.ID, 4)
			if len(due) != 4 || !slices.IsSortedFunc(due, func(a, b *order.Order) int { return cmp.Compare(a.Number, b.Number) }) {
				t.Errorf("%d orders, not the oldest first", len(due))
			}
			return err
		})
	})
}

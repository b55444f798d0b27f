package activity

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
)

// The ids of orders and transfers have the time at which a node made them, the rows
// that of the database when their transaction began. They differ by the time in the
// queue and by the clocks; what of two rows is asked for is decided by the row's.
const (
	idEarly = 10 * time.Minute
	idLate  = time.Hour
)

// idAt is an id that sorts before those made from a time on.
func idAt(p id.Prefix, at time.Time) string {
	var u ulid.ULID
	if err := u.SetTime(uint64(max(at.UnixMilli(), 0))); err != nil {
		return string(p)
	}
	return string(p) + u.String()
}

// count reads what happened from one time on and before another, on one snapshot.
func (s *Store) count(ctx context.Context, from, to time.Time) (counted map[key]Figures, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		counted = map[key]Figures{}
		for _, one := range []func(*db.Tx, map[key]Figures, time.Time, time.Time) error{countPlaced, countRefunded, countCompleted} {
			if err := one(tx, counted, from, to); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count activity: %w", err)
	}
	return counted, nil
}

// into adds figures to an account's quarter.
func into(counted map[key]Figures, k key, f Figures) {
	sum := counted[k]
	sum.add(f)
	counted[k] = sum
}

// countPlaced counts orders and what was charged for them: a charge is booked by the
// transaction that places its order, and at its time.
func countPlaced(tx *db.Tx, counted map[key]Figures, from, to time.Time) error {
	return tx.Each(func(s db.Scanner) error {
		var k key
		var n int64
		var charged money.Amount
		err := s.Scan(&k.accountID, &k.at, &n, &charged)
		into(counted, k, Figures{Placed: n, Charged: charged})
		return err
	}, `SELECT account_id, created_at - created_at % 900000000, COUNT(*), CAST(SUM(charge) AS BIGINT) FROM orders
		WHERE id >= $1 AND id < $2 AND created_at >= $3 AND created_at < $4 AND mode = 'live' AND kind IN ('single', 'drip', 'subscription')
		GROUP BY 1, 2`, idAt(id.Order, from.Add(-idEarly)), idAt(id.Order, to.Add(idLate)), db.At(from), db.At(to))
}

// countRefunded counts what came back, which the ledger has in movements of their own.
func countRefunded(tx *db.Tx, counted map[key]Figures, from, to time.Time) error {
	return tx.Each(func(s db.Scanner) error {
		var k key
		var refunded money.Amount
		err := s.Scan(&k.accountID, &k.at, &refunded)
		into(counted, k, Figures{Refunded: refunded})
		return err
	}, `SELECT w.account_id, t.created_at - t.created_at % 900000000, CAST(SUM(t.amount) AS BIGINT)
		FROM transfers t JOIN wallets w ON w.id = t.credit
		WHERE t.id >= $1 AND t.id < $2 AND t.created_at >= $3 AND t.created_at < $4 AND t.kind = 'refund' AND w.mode = 'live'
		GROUP BY 1, 2`, idAt(id.Transfer, from.Add(-idEarly)), idAt(id.Transfer, to.Add(idLate)), db.At(from), db.At(to))
}

// countCompleted counts orders by their end, service by service: that is the index
// that there is, and another one would cost every order.
func countCompleted(tx *db.Tx, counted map[key]Figures, from, to time.Time) error {
	services, err := db.All(tx, func(s db.Scanner) (args []any, err error) {
		var serviceID int64
		err = s.Scan(&serviceID)
		return []any{serviceID, db.At(from), db.At(to)}, err
	}, `SELECT id FROM services ORDER BY id`)
	if err != nil {
		return err
	}
	return tx.QueryMany(func(_ int, s db.Scanner) error {
		var k key
		var n int64
		err := s.Scan(&k.accountID, &k.at, &n)
		into(counted, k, Figures{Completed: n})
		return err
	}, `SELECT account_id, finished_at - finished_at % 900000000, COUNT(*) FROM orders
		WHERE service_id = $1 AND finished_at IS NOT NULL AND finished_at >= $2 AND finished_at < $3
			AND mode = 'live' AND kind IN ('single', 'drip', 'subscription') AND state IN ('completed', 'partial')
		GROUP BY 1, 2`, services)
}

// sortRows puts rows in the order of their keys: two nodes that write the same lock
// them in one order.
func sortRows(rows [][]any) {
	slices.SortFunc(rows, func(a, b []any) int {
		return cmp.Or(cmp.Compare(fmt.Sprint(a[0]), fmt.Sprint(b[0])), cmp.Compare(fmt.Sprint(a[1]), fmt.Sprint(b[1])))
	})
}

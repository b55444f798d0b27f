package order

import (
	"context"
	"fmt"
	"slices"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
)

// stray is a row that may belong to nothing.
type stray struct {
	id    string // of the row
	ref   string // what it says that it belongs to
	found bool
}

func scanStray(s db.Scanner) (r stray, err error) {
	var there int64
	err = s.Scan(&r.id, &r.ref, &there)
	r.found = there != 0
	return r, err
}

func refOf(r stray) string { return r.ref }

// purged tells a transfer whose test order may have been taken out meanwhile: it
// is of play money, and the wallet has orders no more up to some number.
func purged(house string) string {
	return `(` + house + ` = 'test:sales' AND EXISTS (
		SELECT 1 FROM wallets w WHERE w.id IN (t.debit, t.credit) AND w.mode = 'test' AND w.first_number > 0))`
}

// strayCharges finds charges of orders that do not exist.
func strayCharges(ctx context.Context, d *db.DB, differs func(string)) error {
	return ledger.Pages(ctx, d, auditPage, ledger.Query(scanStray, `
		SELECT t.id, t.ref, CASE WHEN o.id IS NULL AND NOT `+purged("t.credit")+` THEN 0 ELSE 1 END
		FROM transfers t LEFT JOIN orders o ON o.id = t.ref
		WHERE t.kind = 'order' AND t.ref >= $1 ORDER BY t.ref LIMIT $2`),
		refOf, func(r stray) {
			if !r.found {
				differs(fmt.Sprintf("%s: moves money for %s, which is no order", r.id, r.ref))
			}
		})
}

// strayRefunds finds refunds that no step of an order's life made. The amounts
// are compared from the steps' side.
func strayRefunds(ctx context.Context, d *db.DB, differs func(string)) error {
	refunds := ledger.Query(scanStray, `
		SELECT id, ref, CASE WHEN `+purged("debit")+` THEN 1 ELSE 0 END FROM transfers t WHERE kind = 'refund' AND ref >= $1 ORDER BY ref LIMIT $2`)
	read := func(tx *db.Tx, from string, limit int) ([]stray, error) {
		page, err := refunds(tx, from, limit)
		if err != nil {
			return nil, err
		}
		args := make([][]any, len(page))
		for i, r := range page {
			orderID, step, ok := ledger.RefundRef(r.ref)
			if !ok {
				orderID = ""
			}
			args[i] = []any{orderID, step}
		}
		err = tx.QueryMany(func(i int, s db.Scanner) error {
			page[i].found = true
			return s.Scan(&args[i][1])
		}, `SELECT step FROM order_timeline WHERE order_id = $1 AND step = $2`, args)
		return page, err
	}
	return ledger.Pages(ctx, d, auditPage, read, refOf, func(r stray) {
		if !r.found {
			differs(fmt.Sprintf("%s: refunds %s, which is no step of an order", r.id, r.ref))
		}
	})
}

// straySteps finds timelines of orders that do not exist.
func straySteps(ctx context.Context, d *db.DB, differs func(string)) error {
	return ledger.Pages(ctx, d, auditPage, ledger.Query(scanStray, `
		SELECT s.order_id, s.order_id, CASE WHEN o.id IS NULL THEN 0 ELSE 1 END
		FROM (SELECT DISTINCT order_id FROM order_timeline WHERE order_id >= $1 ORDER BY order_id LIMIT $2) AS s
			LEFT JOIN orders o ON o.id = s.order_id ORDER BY s.order_id`),
		refOf, func(r stray) {
			if !r.found {
				differs(r.ref + ": has a timeline and is no order")
			}
		})
}

// auditNumbers finds wallets whose last number is not that of their last order, but
// for the jumps. That the numbers before it have no gap is checked with each order.
func auditNumbers(ctx context.Context, d *db.DB, jumps jumps, differs func(string)) error {
	type numbered struct {
		id          string
		last, given int64
	}
	return ledger.Pages(ctx, d, auditPage, ledger.Query(func(s db.Scanner) (n numbered, err error) {
		err = s.Scan(&n.id, &n.last, &n.given)
		return n, err
	}, `
		SELECT w.id, w.last_number, COALESCE((SELECT MAX(o.number) FROM orders o WHERE o.account_id = w.account_id AND o.mode = w.mode), w.first_number)
		FROM wallets w WHERE w.id >= $1 ORDER BY w.id LIMIT $2`),
		func(n numbered) string { return n.id }, func(n numbered) {
			if !slices.Contains(jumps, n.last-n.given) {
				differs(fmt.Sprintf("%s: has given %d order numbers, its last order is number %d", n.id, n.last, n.given))
			}
		})
}

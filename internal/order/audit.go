package order

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// auditPage is how many orders one short read of the audit takes.
const auditPage = 300

// Audit proves every order from the ledger: what was charged and refunded there
// is what the order says, and what it says is what its state asks for. It calls
// differs for whatever does not hold and returns how many orders it looked at.
func Audit(ctx context.Context, d *db.DB, differs func(text string)) (orders int, err error) {
	after := ""
	for {
		var page []*audited
		err := d.Read(ctx, func(tx *db.Tx) error {
			page, err = auditRows(tx, after)
			return err
		})
		if err != nil {
			return orders, fmt.Errorf("audit orders: %w", err)
		}
		for _, a := range page {
			a.check(differs)
		}
		orders += len(page)
		if len(page) < auditPage {
			return orders, auditTransfers(ctx, d, differs)
		}
		after = page[len(page)-1].ID
	}
}

// audited is an order beside what the ledger moved for it.
type audited struct {
	*Order

	charged  money.Amount // from the wallet
	refunded money.Amount // to the wallet
	strange  int64        // movements between other accounts than the wallet and sales
}

func auditRows(tx *db.Tx, after string) ([]*audited, error) {
	orders, err := db.All(tx, scan, `SELECT `+columns+` FROM orders WHERE id > $1 ORDER BY id LIMIT $2`, after, auditPage)
	if err != nil {
		return nil, err
	}
	page := make([]*audited, len(orders))
	args := make([][]any, len(orders))
	for i, o := range orders {
		page[i] = &audited{Order: o}
		args[i] = []any{o.ID, o.ID + ".", o.ID + "/", o.WalletID, ledger.Sales.Account(o.Mode)}
	}
	// The refs of refunds are the order's id, a dot and a number; "/" follows the dot.
	err = tx.QueryMany(func(i int, s db.Scanner) error {
		return s.Scan(&page[i].charged, &page[i].refunded, &page[i].strange)
	}, `
		SELECT CAST(COALESCE(SUM(CASE WHEN kind = 'order' AND debit = $4 AND credit = $5 THEN amount ELSE 0 END), 0) AS BIGINT),
			CAST(COALESCE(SUM(CASE WHEN kind = 'refund' AND credit = $4 AND debit = $5 THEN amount ELSE 0 END), 0) AS BIGINT),
			COUNT(*) - COUNT(CASE WHEN (kind = 'order' AND debit = $4 AND credit = $5) OR (kind = 'refund' AND credit = $4 AND debit = $5) THEN 1 END)
		FROM transfers WHERE (kind = 'order' AND ref = $1) OR (kind = 'refund' AND ref > $2 AND ref < $3)`, args)
	return page, err
}

// check holds an order against the ledger and its state.
func (a *audited) check(differs func(string)) {
	if a.charged != a.Charge {
		differs(fmt.Sprintf("%s: charged %s, the ledger moved %s", a.ID, a.Charge, a.charged))
	}
	if a.refunded != a.Refunded {
		differs(fmt.Sprintf("%s: refunded %s, the ledger moved %s", a.ID, a.Refunded, a.refunded))
	}
	if a.strange != 0 {
		differs(fmt.Sprintf("%s: %d transfers between other accounts than its wallet and sales", a.ID, a.strange))
	}
	if want, exact := a.asked(); exact && a.Refunded != want {
		differs(fmt.Sprintf("%s: is %s and has refunded %s, that state asks for %s", a.ID, a.State, a.Refunded, want))
	}
}

// asked is what must have been refunded in the order's state.
func (a *audited) asked() (want money.Amount, exact bool) {
	switch a.State {
	case Pending, Queued, Held, Submitting, Uncertain, Processing, InProgress, Completed:
		return 0, true
	case Failed, Refunded:
		return a.Charge, true
	case Partial:
		if a.Remains == nil {
			return 0, true
		}
		return money.Refund(a.Charge, *a.Remains, a.Quantity), true
	case Canceled:
		if a.Remains == nil || *a.Remains == a.Quantity {
			return a.Charge, true
		}
		return money.Refund(a.Charge, *a.Remains, a.Quantity), true
	}
	return 0, false
}

// auditTransfers finds movements for orders that do not exist.
func auditTransfers(ctx context.Context, d *db.DB, differs func(string)) error {
	return d.Read(ctx, func(tx *db.Tx) error {
		return tx.Each(func(s db.Scanner) error {
			var transferID, ref string
			if err := s.Scan(&transferID, &ref); err != nil {
				return err
			}
			differs(fmt.Sprintf("%s: moves money for %s, which is no order", transferID, ref))
			return nil
		}, `
			SELECT t.id, t.ref FROM transfers t LEFT JOIN orders o
				ON o.id = CASE WHEN t.kind = 'order' THEN t.ref ELSE substr(t.ref, 1, 30) END
			WHERE t.kind IN ('order', 'refund') AND o.id IS NULL LIMIT 100`)
	})
}

package payment

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// auditPage is how many rows one short read of the proof takes.
const auditPage = 500

// Audit proves the payments: one that is credited has its transfer, from its
// gateway to its account's live wallet, of its amount, and one row of the audit
// log; any other has none; and each deposit has its payment. It calls differs for
// what does not hold and returns how many payments there are.
func Audit(ctx context.Context, d *db.DB, differs func(text string)) (payments int, err error) {
	err = ledger.Pages(ctx, d, auditPage, ledger.Query(scanBooked, `
		SELECT p.id, p.account_id, p.gateway, p.state, p.amount, p.decided_by,
			COALESCE(t.id, ''), COALESCE(t.debit, ''), COALESCE(w.account_id, ''), COALESCE(w.mode, ''), COALESCE(t.amount, 0), COALESCE(t.actor, ''),
			(SELECT COUNT(*) FROM audit_log l WHERE l.action = 'topup.approve' AND substr(l.detail, 1, 30) = p.id),
			COALESCE((SELECT MIN(l.actor || ' ' || l.target || ' ' || l.detail) FROM audit_log l
				WHERE l.action = 'topup.approve' AND substr(l.detail, 1, 30) = p.id), '')
		FROM payments p LEFT JOIN transfers t ON t.kind = 'deposit' AND t.ref = p.id LEFT JOIN wallets w ON w.id = t.credit
		WHERE p.id >= $1 ORDER BY p.id LIMIT $2`),
		func(b booked) string { return b.id },
		func(b booked) {
			payments++
			b.check(differs)
		})
	if err != nil {
		return payments, err
	}
	return payments, ledger.Pages(ctx, d, auditPage, ledger.Query(scanStray, `
		SELECT t.ref, COALESCE(p.id, '') FROM transfers t LEFT JOIN payments p ON p.id = t.ref
		WHERE t.kind = 'deposit' AND t.ref >= $1 ORDER BY t.ref LIMIT $2`),
		func(s stray) string { return s.ref },
		func(s stray) {
			if s.payment == "" {
				differs(s.ref + ": money was deposited for it, but there is no such payment")
			}
		})
}

// booked is a payment beside the transfer of its ref.
type booked struct {
	id, account, gateway string
	state                State
	amount               money.Amount
	decidedBy            string

	transfer, debit, into string // the transfer's id, where it came from and whose wallet it reached; "" for no transfer
	mode                  ledger.Mode
	moved                 money.Amount
	actor                 string
	acts                  int64  // rows of the audit log by which it was approved
	act                   string // the first of them: actor, target, detail
}

func scanBooked(s db.Scanner) (b booked, err error) {
	err = s.Scan(&b.id, &b.account, &b.gateway, &b.state, &b.amount, &b.decidedBy,
		&b.transfer, &b.debit, &b.into, &b.mode, &b.moved, &b.actor, &b.acts, &b.act)
	return b, err
}

func (b booked) check(differs func(string)) {
	if b.state != Credited {
		if b.transfer != "" || b.acts != 0 {
			differs(fmt.Sprintf("%s: is %s, but %s was deposited for it and it was approved %d times", b.id, b.state, b.moved, b.acts))
		}
		return
	}
	from := ledger.Deposits(b.gateway).Account(ledger.Live)
	switch {
	case b.transfer == "":
		differs(fmt.Sprintf("%s: is credited with %s, but nothing was deposited", b.id, b.amount))
	case b.moved != b.amount || b.debit != from || b.into != b.account || b.mode != ledger.Live || b.actor != b.decidedBy:
		differs(fmt.Sprintf("%s: is credited with %s to %s by %s, but %s moved %s from %s to the %s wallet of %s by %s",
			b.id, b.amount, b.account, b.decidedBy, b.transfer, b.moved, b.debit, b.mode, b.into, b.actor))
	case b.acts != 1:
		differs(fmt.Sprintf("%s: the audit log has %d rows of its approval, each has one", b.id, b.acts))
	case b.act != b.decidedBy+" "+b.account+" "+approval(b.id, b.amount):
		differs(fmt.Sprintf("%s: is credited with %s to %s by %s, the audit log says %s", b.id, b.amount, b.account, b.decidedBy, b.act))
	}
}

// stray is a deposit beside its payment.
type stray struct{ ref, payment string }

func scanStray(s db.Scanner) (t stray, err error) {
	err = s.Scan(&t.ref, &t.payment)
	return t, err
}

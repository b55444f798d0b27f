package order

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/incarnation"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// How many orders, and rows of other tables, one short read of the audit takes.
// An order brings its timeline.
const (
	auditOrders = 100
	auditPage   = 500
)

// Audit proves every order from its wallet, its timeline and the ledger: what was
// charged and refunded there is what the order says, each refund is a step of its
// life, and the steps lead to the state that it is in. It calls differs for
// whatever does not hold and returns how many orders it looked at.
func Audit(ctx context.Context, d *db.DB, differs func(text string)) (orders int, err error) {
	jumps, err := jumpsOf(ctx, d)
	if err != nil {
		return 0, err
	}
	rows := func(tx *db.Tx, from string, limit int) ([]*audited, error) { return auditRows(tx, from, limit, jumps) }
	err = ledger.Pages(ctx, d, auditOrders, rows,
		func(a *audited) string { return a.ID },
		func(a *audited) {
			a.check(differs)
			orders++
		})
	if err != nil {
		return orders, err
	}
	for _, strays := range []func(context.Context, *db.DB, func(string)) error{
		strayCharges, strayRefunds, straySteps,
	} {
		if err := strays(ctx, d, differs); err != nil {
			return orders, err
		}
	}
	return orders, auditNumbers(ctx, d, jumps, differs)
}

// jumps are the distances between two numbers that follow on each other: 1, and more
// by a jump for each time that the database was brought back from a backup.
type jumps []int64

// mostJumps bounds how many restores the proof reckons with.
const mostJumps = 200

func jumpsOf(ctx context.Context, d *db.DB) (all jumps, err error) {
	err = d.Read(ctx, func(tx *db.Tx) error {
		s, err := incarnation.Load(tx)
		all = nil
		for i := range min(s.Restored, mostJumps) + 1 {
			all = append(all, i*ledger.Jump)
		}
		return err
	})
	return all, err
}

// before are the numbers that one may follow on, as a list of SQL.
func (j jumps) before(number string) string {
	var parts []string
	for _, jump := range j {
		parts = append(parts, number+" - "+strconv.FormatInt(jump+1, 10))
	}
	return strings.Join(parts, ", ")
}

// list is the jumps as a list of SQL, each with more added.
func (j jumps) list(more int64) string {
	var parts []string
	for _, jump := range j {
		parts = append(parts, strconv.FormatInt(jump+more, 10))
	}
	return strings.Join(parts, ", ")
}

// audited is an order beside all that must agree with it.
type audited struct {
	*Order

	owner   Scope    // of its wallet
	charged movement // by the ledger
	before  int64    // orders of the scope with the number before this one, or where numbers begin
	steps   []auditedStep
	family  family
}

// family is what an order's parent, or its runs and posts, say of its money.
type family struct {
	parentCharge money.Amount // 0 where it has no parent
	parentRuns   int64
	children     int64
	kept         money.Amount // what the children keep of their shares
	given        money.Amount // what they gave back
	open, whole  int64        // children that have not ended, and that were completed once
}

// movement is what the ledger moved; nothing is a movement of zero.
type movement struct {
	from, into string
	amount     money.Amount
}

// between reports whether money moved between these accounts, if any did.
func (m movement) between(from, into string) bool {
	return m.amount == 0 || m.from == from && m.into == into
}

func auditRows(tx *db.Tx, from string, limit int, jumps jumps) ([]*audited, error) {
	orders, err := db.All(tx, scan, `SELECT `+columns+` FROM orders WHERE id >= $1 ORDER BY id LIMIT $2`, from, limit)
	if err != nil {
		return nil, err
	}
	page := make([]*audited, len(orders))
	args := make([][]any, len(orders))
	for i, o := range orders {
		page[i] = &audited{Order: o}
		args[i] = []any{o.ID}
	}
	err = tx.QueryMany(func(i int, s db.Scanner) error {
		a := page[i]
		return s.Scan(&a.owner.AccountID, &a.owner.Mode, &a.charged.from, &a.charged.into, &a.charged.amount, &a.before)
	}, `
		SELECT COALESCE(w.account_id, ''), COALESCE(w.mode, ''), COALESCE(t.debit, ''), COALESCE(t.credit, ''), COALESCE(t.amount, 0),
			(SELECT COUNT(*) FROM orders b WHERE b.account_id = o.account_id AND b.mode = o.mode AND b.number IN (`+jumps.before("o.number")+`))
				+ CASE WHEN o.number - COALESCE(w.first_number, 0) IN (`+jumps.list(1)+`) THEN 1 ELSE 0 END
		FROM orders o LEFT JOIN wallets w ON w.id = o.wallet_id LEFT JOIN transfers t ON t.kind = 'order' AND t.ref = o.id
		WHERE o.id = $1`, args)
	if err != nil {
		return nil, err
	}
	err = tx.QueryMany(func(i int, s db.Scanner) error {
		f := &page[i].family
		return s.Scan(&f.parentCharge, &f.parentRuns, &f.children, &f.kept, &f.given, &f.open, &f.whole)
	}, auditedFamily, args)
	if err != nil {
		return nil, err
	}
	err = tx.QueryMany(func(i int, s db.Scanner) error {
		step, err := scanAudited(s)
		page[i].steps = append(page[i].steps, step)
		return err
	}, auditedSteps, args)
	return page, err
}

// check holds an order against its wallet, its price, the ledger and its life.
func (a *audited) check(differs func(string)) {
	say := func(format string, args ...any) { differs(a.ID + ": " + fmt.Sprintf(format, args...)) }
	if want := (Scope{AccountID: a.AccountID, Mode: a.Mode}); a.owner != want {
		say("is a %s order of %s, its wallet %s is not", a.Mode, a.AccountID, a.WalletID)
	}
	if a.before == 0 {
		say("is number %d, but number %d is missing", a.Number, a.Number-1)
	}
	if want, err := a.price(); err != nil || want != a.Charge {
		say("charged %s, its rate and quantity make %s", a.Charge, want)
	}
	if a.EqualKey != equalKey(a.Order) {
		say("its provider, service, link or quantity is not what was ordered")
	}
	moved := a.Charge
	if a.ParentID != "" {
		moved = 0 // it was charged with its parent
	}
	if a.charged.amount != moved {
		say("charged %s, the ledger moved %s", moved, a.charged.amount)
	}
	if !a.charged.between(a.WalletID, ledger.Sales.Account(a.Mode)) {
		say("was charged from %s to %s, not from its wallet to sales", a.charged.from, a.charged.into)
	}
	a.checkLife(say)
}

// auditedFamily selects what an order's parent and its runs or posts say.
const auditedFamily = `
	SELECT COALESCE(p.charge, 0), COALESCE(p.runs, 0),
		(SELECT COUNT(*) FROM orders c WHERE c.parent_id = o.id),
		(SELECT COALESCE(CAST(SUM(c.charge - c.refunded) AS BIGINT), 0) FROM orders c WHERE c.parent_id = o.id),
		(SELECT COALESCE(CAST(SUM(c.refunded) AS BIGINT), 0) FROM orders c WHERE c.parent_id = o.id),
		(SELECT COUNT(*) FROM orders c WHERE c.parent_id = o.id AND c.finished_at IS NULL),
		(SELECT COUNT(*) FROM orders c WHERE c.parent_id = o.id AND EXISTS (
			SELECT 1 FROM order_timeline t WHERE t.order_id = c.id AND t.to_state = 'completed'))
	FROM orders o LEFT JOIN orders p ON p.id = o.parent_id WHERE o.id = $1`

// price is what the order must have been charged: a share of its parent's charge,
// or its rate times all of its quantity.
func (a *audited) price() (money.Amount, error) {
	if a.ParentID != "" {
		if a.family.parentRuns < a.Run || a.Run < 1 {
			return 0, fmt.Errorf("run %d of %d", a.Run, a.family.parentRuns)
		}
		return Share(a.family.parentCharge, a.Run, a.family.parentRuns), nil
	}
	return money.Charge(a.Rate, a.Quantity*max(a.Runs, 1))
}

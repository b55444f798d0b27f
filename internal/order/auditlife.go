package order

import (
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// auditedStep is a row of the timeline beside what the ledger moved for it.
type auditedStep struct {
	Step

	moved movement
}

// auditedSteps selects an order's timeline. A refund's ref is the order's id, a
// dot and the number of the step.
const auditedSteps = `
	SELECT s.step, s.from_state, s.to_state, s.remains, s.refund, COALESCE(t.debit, ''), COALESCE(t.credit, ''), COALESCE(t.amount, 0)
	FROM order_timeline s LEFT JOIN transfers t
		ON t.kind = 'refund' AND t.ref = s.order_id || '.' || CAST(s.step AS TEXT)
	WHERE s.order_id = $1 ORDER BY s.step`

func scanAudited(s db.Scanner) (e auditedStep, err error) {
	err = s.Scan(&e.Number, &e.From, &e.To, &e.Remains, &e.Refund, &e.moved.from, &e.moved.into, &e.moved.amount)
	return e, err
}

// checkLife walks the timeline from placing to the state that the order is in.
func (a *audited) checkLife(say func(format string, args ...any)) {
	var last auditedStep
	var refunded money.Amount
	for _, s := range a.steps {
		if s.Number != last.Number+1 {
			say("step %d of its timeline is missing or not the first", last.Number+1)
		}
		if s.From != last.To {
			say("step %d of its timeline comes from %q, the step before went to %q", s.Number, s.From, last.To)
		}
		if !s.mayBe(a.Kind) {
			say("step %d of its timeline goes from %q to %q, which no order does", s.Number, s.From, s.To)
		}
		if s.moved.amount != s.Refund {
			say("step %d refunded %s, the ledger moved %s", s.Number, s.Refund, s.moved.amount)
		}
		if !s.moved.between(ledger.Sales.Account(a.Mode), a.WalletID) {
			say("step %d was refunded from %s to %s, not from sales to its wallet", s.Number, s.moved.from, s.moved.into)
		}
		if want, ok := a.owes(s, refunded); !ok {
			say("step %d to %s makes its refunds %s, that state asks for %s", s.Number, s.To, refunded+s.Refund, want)
		}
		refunded += s.Refund
		last = s
	}
	if a.State != last.To || a.Step != last.Number {
		say("is %s at step %d, its timeline ends with %q at step %d", a.State, a.Step, last.To, last.Number)
	}
	if a.Refunded != refunded+a.family.given {
		say("refunded %s, the ledger and its timeline moved %s", a.Refunded, refunded+a.family.given)
	}
	a.checkFamily(say)
	if a.State.Final() && !same(a.Remains, last.Remains) {
		say("its remains are not those that it ended with")
	}
}

// checkFamily holds a parent against its runs or posts: once it has ended, all of
// its charge is theirs or given back.
func (a *audited) checkFamily(say func(format string, args ...any)) {
	parent := a.Kind == Drip || a.Kind == Subscription
	if parent && a.family.children != a.Run || !parent && a.family.children != 0 {
		say("says that it has %d runs or posts, there are %d", a.Run, a.family.children)
	}
	if a.Kind == Drip && a.State.Final() {
		a.checkEndOfDrip(say)
	}
	if parent && a.State.Final() && a.Charge-a.Refunded != a.family.kept {
		say("keeps %s, its runs or posts were delivered for %s", a.Charge-a.Refunded, a.family.kept)
	}
}

// checkEndOfDrip holds a drip-feed that has ended against its runs. A run may be taken
// back later; that it was delivered once its timeline tells.
func (a *audited) checkEndOfDrip(say func(format string, args ...any)) {
	if a.family.open > 0 {
		say("is %s with %d runs that have not ended", a.State, a.family.open)
	}
	if a.State == Completed && a.family.whole != a.Runs || a.State == Canceled && a.family.kept > 0 {
		say("is %s, but %d of its %d runs were delivered whole, for %s in all", a.State, a.family.whole, a.Runs, a.family.kept)
	}
}

// mayBe reports whether the state machine knows the step. A note has twice the
// same state, and the first step has none before it.
func (s auditedStep) mayBe(k Kind) bool {
	if s.From == "" {
		return s.Number == 1 && (s.To == Pending || k == Post && s.To == Processing)
	}
	return s.From == s.To || k.mayGo(s.From, s.To)
}

// owes returns what must have been refunded after a step, before which so much
// was, and whether it is.
func (a *audited) owes(s auditedStep, before money.Amount) (want money.Amount, ok bool) {
	total := before + s.Refund
	switch a.Kind {
	case Drip, Subscription: // what they give back depends on their runs or posts
		// Before their end they give something back only when a drip-feed is canceled.
		early := !s.To.Final() && (a.Kind != Drip || a.CancelWishAt.IsZero())
		return before, total <= a.Charge && !early || total == before
	case Post:
		if s.To == Failed || s.To == Refunded {
			return a.Charge, total == a.Charge
		}
		return a.Charge, total <= a.Charge
	case Single, Run:
	}
	if s.From == s.To && s.Refund == 0 {
		return before, true // a note
	}
	switch s.To {
	case Failed, Refunded:
		return a.Charge, total == a.Charge
	case Canceled:
		// Where a part was delivered, the share of the rest is refunded.
		part := s.Remains != nil && *s.Remains > 0 && *s.Remains < a.Quantity
		return a.Charge, total == a.Charge || part && total == money.Refund(a.Charge, *s.Remains, a.Quantity)
	case Partial:
		if s.Remains != nil {
			want = money.Refund(a.Charge, *s.Remains, a.Quantity)
			return want, total == want
		}
	case Pending, Queued, Held, Submitting, Uncertain, Processing, InProgress, Completed:
	}
	return before, total == before
}

func same(a, b *int64) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

package order

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// recheckAfter is when an order that has ended is looked at again: a provider
// may take a completed order back.
//
//nolint:gochecknoglobals // a table
var recheckAfter = []time.Duration{24 * time.Hour, 3 * 24 * time.Hour, 7 * 24 * time.Hour}

// Change is a step in an order's life.
type Change struct {
	To     State
	Reason string // for staff, and for the customer where Actor is "customer"
	Actor  string
	// Delivered says that To is Canceled although a part was delivered: only the
	// share of Remains is refunded.
	Delivered bool
}

// Transition is the one place where an order's state changes, but for Submit, which does
// the same for many orders that are sent together. It checks the
// state machine, books the refund that the new state asks for, and writes the
// order, its timeline and the event for who listens; all in the caller's transaction, which has locked the
// order and, for a state that refunds, its wallet through book.
//
// Other fields of o that the caller changed are written with it. A step back to
// pending on an order whose customer wished it canceled becomes the cancel.
func Transition(tx *db.Tx, book *ledger.Book, o *Order, c Change) error {
	if c.To == Pending && !o.CancelWishAt.IsZero() {
		c.To, c.Reason = Canceled, c.Reason+"; canceled as the customer had asked"
	}
	from := o.State
	if !o.Kind.mayGo(from, c.To) {
		return fmt.Errorf("order %s: %s can't become %s", o.ID, from, c.To)
	}
	o.State, o.Step = c.To, o.Step+1
	due, err := refundDue(tx, o, c)
	if err != nil {
		return err
	}
	refund := due - o.Refunded
	if refund < 0 {
		return fmt.Errorf("order %s: %s would take %s back from the customer", o.ID, c.To, -refund)
	}
	o.schedule(tx.Now)
	return o.step(tx, book, from, c, refund)
}

// Submit moves locked orders to submitting as Transition would, all of them in two
// statements: nothing is given back and nobody is told. What the caller changed of
// them is not written with it.
func Submit(tx *db.Tx, all []*Order, reason string) error {
	states, steps := make([][]any, len(all)), make([][]any, len(all))
	c := Change{To: Submitting, Actor: "panel", Reason: reason}
	for i, o := range all {
		from := o.State
		if !o.Kind.mayGo(from, c.To) {
			return fmt.Errorf("order %s: %s can't become %s", o.ID, from, c.To)
		}
		o.State, o.Step = c.To, o.Step+1
		o.schedule(tx.Now)
		states[i] = []any{o.ID, string(o.State), o.Step, db.At(o.DueAt), db.At(o.NextCheckAt), db.At(o.UpdatedAt)}
		steps[i] = stepRow(tx, o, from, c, 0)
		o.stored = nil
	}
	err := tx.ExecEach(`
		UPDATE orders SET state = $2, step = $3, due_at = $4, next_check_at = $5, updated_at = $6 WHERE id = $1`, states)
	if err != nil {
		return fmt.Errorf("save orders that are being sent: %w", err)
	}
	if err := tx.ExecMany(insertStep, steps); err != nil {
		return fmt.Errorf("timelines of orders that are being sent: %w", err)
	}
	return nil
}

// step books a refund, writes the order and adds the row to its timeline.
func (o *Order) step(tx *db.Tx, book *ledger.Book, from State, c Change, refund money.Amount) error {
	if refund > 0 {
		if err := o.giveBack(tx, book, c.Actor, refund); err != nil {
			return err
		}
	}
	told, is := o.eventOf(from, refund)
	if is {
		o.Events++
	}
	if err := Save(tx, o, from); err != nil {
		return err
	}
	if err := addStep(tx, o, from, c, refund); err != nil {
		return err
	}
	if is {
		if err := event.Write(tx, o.event(told, "")); err != nil {
			return err
		}
	}
	if o.ParentID == "" || !o.State.Final() {
		return nil
	}
	return wakeParent(tx, o.ParentID)
}

// giveBack books a refund under the order's present step. What a run or a post
// gives back was charged with its parent, which shows it too.
func (o *Order) giveBack(tx *db.Tx, book *ledger.Book, actor string, refund money.Amount) error {
	if book == nil {
		return fmt.Errorf("order %s: a refund without the wallet's lock", o.ID)
	}
	err := book.Move(ledger.Transfer{
		Kind: ledger.OrderRefund, Ref: o.ID + "." + strconv.FormatInt(o.Step, 10),
		Debit: ledger.Sales.Account(o.Mode), Credit: o.WalletID, Amount: refund,
		Memo: "Refund of order " + strconv.FormatInt(o.Number, 10), Actor: actor,
	})
	if err != nil {
		return err
	}
	if err := book.Flush(); err != nil {
		return err
	}
	o.Refunded += refund
	if o.ParentID == "" {
		return nil
	}
	raised, err := tx.ExecOne(`UPDATE orders SET refunded = refunded + $2 WHERE id = $1`, o.ParentID, refund)
	if err == nil && !raised {
		err = fmt.Errorf("order %s has no parent %s", o.ID, o.ParentID)
	}
	return err
}

// refundDue is the total that an order must have given back once it is in its
// new state.
func refundDue(tx *db.Tx, o *Order, c Change) (money.Amount, error) {
	switch o.Kind {
	case Drip, Subscription:
		if !o.State.Final() {
			return o.Refunded, nil
		}
		rest, err := unspent(tx, o)
		return o.Refunded + rest, err
	case Post:
		return max(o.Refunded, o.postRefund(c)), nil
	case Single, Run:
	}
	return o.shareDue(c), nil
}

// shareDue is refundDue of an order whose remains tell what was not delivered.
func (o *Order) shareDue(c Change) money.Amount {
	switch c.To {
	case Failed, Refunded:
		return o.Charge
	case Canceled:
		if c.Delivered && o.Remains != nil {
			return money.Refund(o.Charge, *o.Remains, o.Quantity)
		}
		return o.Charge
	case Partial:
		if o.Remains != nil {
			return money.Refund(o.Charge, *o.Remains, o.Quantity)
		}
		return o.Refunded
	case Pending, Queued, Held, Submitting, Uncertain, Processing, InProgress, Completed:
		return o.Refunded
	}
	return o.Refunded
}

// schedule sets the times that belong to the new state.
func (o *Order) schedule(now time.Time) {
	o.UpdatedAt = now
	if o.State != Pending {
		o.DueAt = time.Time{}
	}
	switch o.State {
	case Processing, InProgress:
		o.GiveUpAt = time.Time{}
		if o.State == InProgress && o.StartedAt.IsZero() {
			o.StartedAt = now
		}
	case Completed, Partial, Canceled, Failed, Refunded:
		o.GiveUpAt, o.CancelDueAt, o.NextRunAt = time.Time{}, time.Time{}, time.Time{}
		if o.FinishedAt.IsZero() {
			o.FinishedAt = now
		}
		o.NextCheckAt = time.Time{}
		if (o.State == Completed || o.State == Partial) && o.UpstreamID != "" {
			o.NextCheckAt = NextRecheck(o.FinishedAt, now)
		}
	case Pending, Queued, Held, Submitting, Uncertain:
		o.NextCheckAt = time.Time{}
	}
}

// NextRecheck returns when an ended order is asked about again, or zero when it
// is not any more.
func NextRecheck(finished, now time.Time) time.Time {
	for _, after := range recheckAfter {
		if at := finished.Add(after); at.After(now) {
			return at
		}
	}
	return time.Time{}
}

// Note adds a row to the timeline without a change of state, and writes o.
func Note(tx *db.Tx, o *Order, actor, reason string) error {
	o.Step++
	o.UpdatedAt = tx.Now
	if err := Save(tx, o, o.State); err != nil {
		return err
	}
	return addStep(tx, o, o.State, Change{To: o.State, Actor: actor, Reason: reason}, 0)
}

// Raise asks for a person to look at an order, and says so in its timeline. The
// customer goes on seeing the state as it is.
func Raise(tx *db.Tx, o *Order, actor, attention string) error {
	if o.Attention == attention {
		return Save(tx, o, o.State)
	}
	o.Attention = attention
	return Note(tx, o, actor, "needs a person: "+attention)
}

const insertStep = `
	INSERT INTO order_timeline (order_id, step, at, actor, from_state, to_state, reason, start_count, remains, refund)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

func addStep(tx *db.Tx, o *Order, from State, c Change, refund money.Amount) error {
	if _, err := tx.Exec(insertStep, stepRow(tx, o, from, c, refund)...); err != nil {
		return fmt.Errorf("timeline of %s: %w", o.ID, err)
	}
	return nil
}

func stepRow(tx *db.Tx, o *Order, from State, c Change, refund money.Amount) []any {
	return []any{o.ID, o.Step, db.At(tx.Now), c.Actor, string(from), string(c.To), c.Reason, o.StartCount, o.Remains, refund}
}

// Step is a row of an order's timeline.
type Step struct {
	Number     int64
	At         time.Time
	Actor      string
	From, To   State // equal for a note
	Reason     string
	StartCount *int64
	Remains    *int64
	Refund     money.Amount
}

// CustomerNote is what a step that moves nothing tells the customer, "" for what is
// between us and the provider. What a provider said is never in it.
func (s Step) CustomerNote() string {
	if s.From != s.To {
		return ""
	}
	what, _, _ := strings.Cut(s.Reason, ":")
	switch {
	case s.CancelWish():
		return "cancel requested"
	case what == CancelRefusal:
		return "cancel refused"
	case what == "paused", what == "resumed", what == targetBlocked:
		return what
	case strings.HasPrefix(what, "refill ") && strings.Count(what, " ") == 2:
		return what
	}
	return ""
}

// Told reports whether the customer is told of a step. Those that change nothing for
// them are between us and the provider.
func (s Step) Told() bool {
	return s.CustomerNote() != "" || s.From == "" || s.From.Word() != s.To.Word() || s.Refund != 0
}

// Timeline returns all that happened to an order, oldest first.
func Timeline(tx *db.Tx, orderID string) ([]Step, error) {
	return db.All(tx, scanStep, timelineQuery, orderID)
}

package order

import (
	"fmt"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/db"
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

// Transition is the one place where an order's state changes. It checks the
// state machine, books the refund that the new state asks for, and writes the
// order and its timeline; all in the caller's transaction, which has locked the
// order and, for a state that refunds, its wallet through book.
//
// Other fields of o that the caller changed are written with it. A step back to
// pending on an order whose customer wished it canceled becomes the cancel.
func Transition(tx *db.Tx, book *ledger.Book, o *Order, c Change) error {
	if c.To == Pending && !o.CancelWishAt.IsZero() {
		c.To, c.Reason = Canceled, c.Reason+"; canceled as the customer had asked"
	}
	from := o.State
	if !from.MayBecome(c.To) {
		return fmt.Errorf("order %s: %s can't become %s", o.ID, from, c.To)
	}
	o.State, o.Step = c.To, o.Step+1
	refund := o.refundDue(c) - o.Refunded
	if refund < 0 {
		return fmt.Errorf("order %s: %s would take %s back from the customer", o.ID, c.To, -refund)
	}
	if refund > 0 {
		if book == nil {
			return fmt.Errorf("order %s: a refund without the wallet's lock", o.ID)
		}
		err := book.Move(ledger.Transfer{
			Kind: ledger.OrderRefund, Ref: o.ID + "." + strconv.FormatInt(o.Step, 10),
			Debit: ledger.Sales.Account(o.Mode), Credit: o.WalletID, Amount: refund,
			Memo: "Refund of order " + strconv.FormatInt(o.Number, 10), Actor: c.Actor,
		})
		if err != nil {
			return err
		}
		if err := book.Flush(); err != nil {
			return err
		}
		o.Refunded += refund
	}
	o.schedule(tx.Now)
	if err := Save(tx, o, from); err != nil {
		return err
	}
	return addStep(tx, o, from, c, refund)
}

// refundDue is the total that an order must have given back once it is in its
// new state.
func (o *Order) refundDue(c Change) money.Amount {
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
	case Completed, Partial, Canceled, Failed, Refunded:
		o.GiveUpAt = time.Time{}
		if o.FinishedAt.IsZero() {
			o.FinishedAt = now
		}
		o.NextCheckAt = time.Time{}
		if o.State == Completed || o.State == Partial {
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

// Save writes an order that was locked in state from, without a step of its
// life. It changes exactly one row or fails: nobody else can have moved it.
func Save(tx *db.Tx, o *Order, from State) error {
	saved, err := tx.ExecOne(`
		UPDATE orders SET state = $3, step = $4, refunded = $5, attention = $6, cancel_wish_at = $7, ever_unknown = $8,
			generation = $9, upstream_id = $10, start_count = $11, remains = $12, provider_charge = $13, tries = $14,
			due_at = $15, give_up_at = $16, next_check_at = $17, accepted_at = $18, finished_at = $19, updated_at = $20,
			provider_id = $21, provider_service = $22
		WHERE id = $1 AND state = $2`,
		o.ID, string(from), string(o.State), o.Step, o.Refunded, o.Attention, db.At(o.CancelWishAt), o.EverUnknown,
		o.Generation, db.Text(o.UpstreamID), o.StartCount, o.Remains, o.ProviderCharge, o.Tries,
		db.At(o.DueAt), db.At(o.GiveUpAt), db.At(o.NextCheckAt), db.At(o.AcceptedAt), db.At(o.FinishedAt), db.At(tx.Now),
		o.ProviderID, o.ProviderService)
	if err != nil {
		return fmt.Errorf("save order %s: %w", o.ID, err)
	}
	if !saved {
		return fmt.Errorf("order %s is no longer %s", o.ID, from)
	}
	return nil
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
	_, err := tx.Exec(insertStep, o.ID, o.Step, db.At(tx.Now), c.Actor, string(from), string(c.To), c.Reason,
		o.StartCount, o.Remains, refund)
	if err != nil {
		return fmt.Errorf("timeline of %s: %w", o.ID, err)
	}
	return nil
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

// Timeline returns all that happened to an order, oldest first.
func Timeline(tx *db.Tx, orderID string) ([]Step, error) {
	return db.All(tx, func(s db.Scanner) (e Step, err error) {
		err = s.Scan(&e.Number, db.Time(&e.At), &e.Actor, &e.From, &e.To, &e.Reason, &e.StartCount, &e.Remains, &e.Refund)
		return e, err
	}, `
		SELECT step, at, actor, from_state, to_state, reason, start_count, remains, refund
		FROM order_timeline WHERE order_id = $1 ORDER BY step`, orderID)
}

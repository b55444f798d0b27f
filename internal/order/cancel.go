package order

import (
	"context"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// errNotCancelable refuses a cancel.
var errNotCancelable = fault.New(fault.Conflict, "Order cannot be canceled")

// cancelWish is the timeline's reason for a cancel that waits.
const cancelWish = "the customer asked to cancel"

// CancelWish reports whether the step is a customer's wish to cancel.
func (s Step) CancelWish() bool { return s.Reason == cancelWish }

// Canceller cancels orders for their customers.
type Canceller struct{ db *db.DB }

// NewCanceller returns the canceller of d's orders.
func NewCanceller(d *db.DB) *Canceller { return &Canceller{db: d} }

// Cancel cancels an order that no provider has: it is refunded in the same
// transaction. While it is being sent, or nobody knows whether it was, the wish
// is recorded and carried out when that is settled. A later order is refused.
func (c *Canceller) Cancel(ctx context.Context, in Scope, ref Ref, actor string) (o *Order, err error) {
	err = c.db.Write(ctx, func(tx *db.Tx) error {
		found, err := find(tx, in, ref)
		if err != nil {
			return err
		}
		locked, book, err := Lock(tx, found.ID)
		if err != nil {
			return err
		}
		o = locked
		switch o.State {
		case Pending, Queued, Held:
			return Transition(tx, book, o, Change{To: Canceled, Actor: actor, Reason: "canceled by the customer"})
		case Submitting, Uncertain:
			if !o.CancelWishAt.IsZero() {
				return nil // wished before
			}
			o.CancelWishAt = tx.Now
			return Note(tx, o, actor, cancelWish)
		case Processing, InProgress, Completed, Partial, Canceled, Failed, Refunded:
			return errNotCancelable
		}
		return errNotCancelable
	})
	return o, err
}

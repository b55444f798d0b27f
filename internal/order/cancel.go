package order

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/panel"
)

// errNotCancelable refuses a cancel.
var errNotCancelable = fault.New(fault.Conflict, "Order cannot be canceled").Because(fault.NotCancelable)

// cancelWish is the timeline's reason for a cancel that waits.
const cancelWish = "the customer asked to cancel"

// CancelWish reports whether the step is a customer's wish to cancel.
func (s Step) CancelWish() bool { return s.Reason == cancelWish }

// Canceller cancels orders for their customers.
type Canceller struct {
	db     *db.DB
	wished func() // called when a provider has to be told
}

// NewCanceller returns the canceller of d's orders. Wished is called after a wish
// that a provider has to be told of was stored; it may be nil.
func NewCanceller(d *db.DB, wished func()) *Canceller {
	if wished == nil {
		wished = func() {}
	}
	return &Canceller{db: d, wished: wished}
}

// Cancel cancels an order that no provider has: it is refunded in the same
// transaction. While it is being sent, or nobody knows whether it was, the wish
// is recorded and carried out when that is settled. Of a running order the
// provider is asked, where the service allows it; what becomes of it the order's
// state shows. A drip-feed makes no more runs and gives back what they cost. While the
// panel is closed for maintenance nothing is canceled.
func (c *Canceller) Cancel(ctx context.Context, in Scope, ref Ref, actor string) (o *Order, err error) {
	err = c.db.Write(ctx, func(tx *db.Tx) error {
		if err := panel.MustBeOpen(tx); err != nil {
			return err
		}
		found, err := find(tx, in, ref)
		if err != nil {
			return err
		}
		locked, book, err := Lock(tx, found.ID)
		if err != nil {
			return err
		}
		o = locked
		return cancelOne(tx, book, o, actor)
	})
	if err == nil && o.CancelState == CancelWished {
		c.wished()
	}
	return o, err
}

// cancelOne cancels a locked order as far as its state allows.
func cancelOne(tx *db.Tx, book *ledger.Book, o *Order, actor string) error {
	if o.Kind == Drip && !o.State.Final() {
		return cancelDrip(tx, book, o, actor)
	}
	switch o.State {
	case Pending, Queued, Held:
		return Transition(tx, book, o, Change{To: Canceled, Actor: actor, Reason: "canceled by the customer"})
	case Submitting, Uncertain:
		if !o.CancelWishAt.IsZero() {
			return nil // wished before
		}
		o.CancelWishAt = tx.Now
		return Note(tx, o, actor, cancelWish)
	case Processing, InProgress:
		return wishRunning(tx, o, actor)
	case Completed, Partial, Canceled, Failed, Refunded:
		return errNotCancelable
	}
	return errNotCancelable
}

// wishRunning records the wish to cancel an order that a provider has.
func wishRunning(tx *db.Tx, o *Order, actor string) error {
	if o.CancelState == CancelForwarded || o.CancelState == CancelWished && !o.CancelDueAt.IsZero() {
		return nil // wished before
	}
	allowed, err := cancelAllowed(tx, o)
	if err != nil {
		return err
	}
	if !allowed {
		return errNotCancelable
	}
	o.CancelWishAt = tx.Now
	o.wish(tx)
	return Note(tx, o, actor, cancelWish)
}

// wish makes the provider be told as soon as it can be.
func (o *Order) wish(tx *db.Tx) {
	o.CancelState, o.CancelDueAt, o.CancelTries = CancelWished, tx.Now, 0
}

// cancelAllowed reports whether a running order can be canceled at all. A post is
// canceled with its subscription.
func cancelAllowed(tx *db.Tx, o *Order) (allowed bool, err error) {
	if o.Kind == Post {
		return false, nil
	}
	if err := tx.QueryRow(`SELECT cancel FROM services WHERE id = $1`, o.ServiceID).Scan(&allowed); err != nil {
		return false, fmt.Errorf("service of %s: %w", o.ID, err)
	}
	return allowed, nil
}

// KeepWish lets a wish from before the order's acceptance be told to the provider
// now. Where the service allows no cancel the wish ends.
func KeepWish(tx *db.Tx, o *Order) error {
	if o.CancelWishAt.IsZero() || o.CancelState != NoWish {
		return nil
	}
	allowed, err := cancelAllowed(tx, o)
	if err != nil {
		return err
	}
	if allowed {
		o.wish(tx)
		return Note(tx, o, "panel", "the wish to cancel goes to the provider")
	}
	return EndWish(tx, o, "panel", "the provider has the order, and the service allows no cancel then")
}

// EndWish says that a wish to cancel was refused: the order goes on. A run's or a
// post's refusal is not told: its parent has taken the cancel.
func EndWish(tx *db.Tx, o *Order, actor, reason string) error {
	o.CancelState, o.CancelWishAt, o.CancelDueAt = CancelRefused, noTime, noTime
	told := o.ParentID == ""
	if told {
		o.Events++
	}
	if err := Note(tx, o, actor, CancelRefusal+": "+reason); err != nil || !told {
		return err
	}
	return event.Write(tx, o.event(event.CancelRejected, ""))
}

// CancelRefusal begins the timeline's note of a refused cancel.
const CancelRefusal = "not canceled"

// ClaimCancels takes up to most orders of a provider that it has to be told of, and
// moves their time by lease, so that nobody else tells it meanwhile.
func ClaimCancels(tx *db.Tx, providerID string, most int, lease time.Duration) ([]*Order, error) {
	due, err := db.All(tx, scan, `SELECT `+columns+` FROM orders
		WHERE provider_id = $1 AND cancel_due_at <= $2 AND upstream_id IS NOT NULL AND state IN ('processing', 'in_progress')
		ORDER BY cancel_due_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED`, providerID, db.At(tx.Now), most)
	if err != nil {
		return nil, fmt.Errorf("find cancels: %w", err)
	}
	args := make([][]any, len(due))
	for i, o := range due {
		args[i] = []any{o.ID, db.At(tx.Now.Add(lease))}
	}
	if err := tx.ExecMany(`UPDATE orders SET cancel_due_at = $2 WHERE id = $1`, args); err != nil {
		return nil, fmt.Errorf("claim cancels: %w", err)
	}
	return due, nil
}

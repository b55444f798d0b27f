package order

import (
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// Cancelling says what a customer's cancel does to an order as it stands.
type Cancelling string

// What it does.
const (
	NoCancel    Cancelling = ""
	CancelNow   Cancelling = "now"   // it ends and is refunded at once
	CancelAsked Cancelling = "asked" // who delivers it is asked
	CancelRest  Cancelling = "rest"  // of a drip-feed: no more runs are made
)

// May is what its customer can do with an order now. What they do is checked again.
type May struct {
	Cancel                Cancelling
	Refund                money.Amount // what a cancel gives back at once
	Refill, Pause, Resume bool
}

func mayOf(tx *db.Tx, o *Order) (m May, err error) {
	switch err := refillable(tx, o); {
	case err == nil:
		m.Refill = true
	case !fault.Is(err, fault.Conflict):
		return m, err
	}
	if o.Kind == Drip && !o.State.Final() {
		m.Pause = o.CancelWishAt.IsZero() && o.PausedAt.IsZero() && o.Run < o.Runs
		m.Resume = o.CancelWishAt.IsZero() && !o.PausedAt.IsZero() && o.Attention != RestoredDrip
		return m, m.ofDrip(tx, o)
	}
	switch o.State {
	case Pending, Queued, Held:
		m.Cancel, m.Refund = CancelNow, o.Paid()
	case Submitting, Uncertain:
		if o.CancelWishAt.IsZero() {
			m.Cancel = CancelAsked
		}
	case Processing, InProgress:
		wished := o.CancelState == CancelForwarded || o.CancelState == CancelWished && !o.CancelDueAt.IsZero()
		allowed, err := cancelAllowed(tx, o)
		if err != nil {
			return m, err
		}
		if allowed && !wished {
			m.Cancel = CancelAsked
		}
	case Completed, Partial, Canceled, Failed, Refunded:
	}
	return m, nil
}

// ofDrip finds out what a cancel of a drip-feed that goes on would give back: the
// runs that were not made, if it makes more, and those that nobody has yet.
func (m *May) ofDrip(tx *db.Tx, o *Order) error {
	var waiting money.Amount
	err := tx.QueryRow(`
		SELECT COALESCE(CAST(SUM(charge - refunded) AS BIGINT), 0) FROM orders
		WHERE parent_id = $1 AND state IN ('pending', 'queued', 'held')`, o.ID).Scan(&waiting)
	if err != nil {
		return fmt.Errorf("runs of %s: %w", o.ID, err)
	}
	if !o.CancelWishAt.IsZero() {
		if waiting > 0 {
			m.Cancel, m.Refund = CancelRest, waiting
		}
		return nil
	}
	rest, err := unspent(tx, o)
	m.Cancel, m.Refund = CancelRest, rest+waiting
	return err
}

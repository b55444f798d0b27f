package fulfil

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
)

const (
	// restoredReason is why an order of a restored copy is uncertain. Whether such an
	// order is looked for anew depends on it: see claimAgain.
	restoredReason = "restored: it was waiting in the backup, and may have been sent since"
	// restoredMost is how many orders one transaction of Restored takes.
	restoredMost = 200
)

// Changed is how much of a restored copy was changed by Restored.
type Changed struct {
	Orders    int // made uncertain
	DripFeeds int // paused
	Refills   int // left to a person
}

// Restored makes everything uncertain that a restored copy would send: the orders
// that wait in it may have been sent after it was made. Orders that were uncertain in
// it may have been settled and sent anew. Drip-feeds pause, for the run that is due may
// have been made. Refills that were to be asked for are left to a person. Test orders
// go nowhere and stay.
//
// It may be broken off and run again.
func Restored(ctx context.Context, d *db.DB) (c Changed, err error) {
	c.Orders, err = eachRestored(ctx, d, `
		SELECT o.id FROM orders o WHERE o.mode = 'live' AND o.kind <> 'drip' AND o.id > $1 AND (o.state IN ('pending', 'queued', 'held', 'submitting')
			OR o.state = 'uncertain' AND NOT EXISTS (
				SELECT 1 FROM order_timeline t WHERE t.order_id = o.id AND t.step = o.step AND t.reason = '`+restoredReason+`'))
		ORDER BY o.id LIMIT $2`, restoreOrder)
	if err != nil {
		return c, err
	}
	c.Refills, err = eachRestored(ctx, d, `
		SELECT id FROM refills WHERE mode = 'live' AND state = 'pending' AND due_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2`, restoreRefill)
	if err != nil {
		return c, err
	}
	c.DripFeeds, err = eachRestored(ctx, d, `
		SELECT id FROM orders WHERE mode = 'live' AND kind = 'drip' AND finished_at IS NULL AND cancel_wish_at IS NULL AND attention <> '`+order.RestoredDrip+`' AND id > $1
		ORDER BY id LIMIT $2`, restoreDrip)
	return c, err
}

// eachRestored calls change for all ids of a query, some in a transaction.
func eachRestored(ctx context.Context, d *db.DB, query string, change func(tx *db.Tx, orderID string) error) (changed int, err error) {
	for after := ""; ; {
		var some []string
		err := d.Write(ctx, func(tx *db.Tx) (err error) {
			some, err = db.All(tx, func(s db.Scanner) (orderID string, err error) {
				err = s.Scan(&orderID)
				return orderID, err
			}, query, after, restoredMost)
			if err != nil {
				return err
			}
			for _, orderID := range some {
				if err := change(tx, orderID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return changed, fmt.Errorf("orders of a restored copy: %w", err)
		}
		if len(some) == 0 {
			return changed, nil
		}
		changed, after = changed+len(some), some[len(some)-1]
	}
}

func restoreOrder(tx *db.Tx, orderID string) error {
	o, book, err := order.Lock(tx, orderID)
	if err != nil {
		return err
	}
	u, open, err := openSubmission(tx, orderID)
	if err != nil {
		return err
	}
	if !open {
		if u, open, err = lookable(tx, o); err != nil {
			return err
		}
	}
	if open {
		// Whoever was sending it has ended; what it still brings is nobody's.
		u.Outcome, u.LeaseUntil, u.EndedAt = Unknown, tx.Now, tx.Now
		if err := u.save(tx); err != nil {
			return err
		}
	}
	o.EverUnknown = true
	if o.State == order.Uncertain {
		return order.Note(tx, o, "panel", restoredReason)
	}
	return order.Transition(tx, book, o, order.Change{To: order.Uncertain, Actor: "panel", Reason: restoredReason})
}

// lookable puts a sending on record that may have been, where the provider is one that
// can be asked for it.
func lookable(tx *db.Tx, o *order.Order) (u *Submission, native bool, err error) {
	err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM providers WHERE id = $1 AND kind = 'native')`, o.ProviderID).Scan(&native)
	if err != nil || !native {
		return nil, false, err
	}
	begun, err := begin(tx, []*order.Order{o}, 0)
	if err != nil {
		return nil, true, err
	}
	return begun[0], true, nil
}

func restoreRefill(tx *db.Tx, refillID string) error {
	o, r, err := order.LockRefill(tx, refillID)
	if err != nil || r.State != order.RefillPending {
		return err
	}
	return refillUnknown(tx, o, r, "the panel was brought back from a backup, and may have asked for it since")
}

func restoreDrip(tx *db.Tx, orderID string) error {
	o, err := order.LockAlone(tx, orderID)
	if err != nil {
		return err
	}
	if o.PausedAt.IsZero() { // one that is paused may have gone on since
		o.PausedAt = tx.Now
	}
	o.Attention = order.RestoredDrip
	return order.Note(tx, o, "panel", "paused: the panel was brought back from a backup")
}

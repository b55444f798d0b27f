package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

// Patience is how long an order may be held, queued or put off by its provider
// before it is canceled and refunded.
const Patience = 24 * time.Hour

// giveUpMost is how many orders one pass cancels.
const giveUpMost = 50

// GiveUp cancels and refunds orders that have waited too long, each in a
// transaction of its own, and returns how many.
func GiveUp(ctx context.Context, d *db.DB) (canceled int, err error) {
	var due []string
	err = d.Read(ctx, func(tx *db.Tx) error {
		due, err = db.All(tx, func(s db.Scanner) (orderID string, err error) {
			err = s.Scan(&orderID)
			return orderID, err
		}, `
			SELECT o.id FROM orders o JOIN providers p ON p.id = o.provider_id
			WHERE o.give_up_at <= $1 AND (o.state IN ('queued', 'held') OR o.state = 'pending' AND p.state = 'active')
			ORDER BY o.give_up_at LIMIT $2`, db.At(tx.Now), giveUpMost)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find orders to give up: %w", err)
	}
	for _, orderID := range due {
		writeErr := d.Write(ctx, func(tx *db.Tx) error {
			o, book, err := Lock(tx, orderID)
			if err != nil {
				return err
			}
			if o.GiveUpAt.IsZero() || o.GiveUpAt.After(tx.Now) {
				return nil
			}
			switch o.State {
			case Pending, Queued, Held:
				return Transition(tx, book, o, Change{To: Canceled, Actor: "panel", Reason: "waited too long"})
			case Submitting, Uncertain, Processing, InProgress, Completed, Partial, Canceled, Failed, Refunded:
			}
			return nil // it got on meanwhile
		})
		if writeErr != nil {
			err = errors.Join(err, fmt.Errorf("give up %s: %w", orderID, writeErr))
			continue // one that can't be moved holds back no other
		}
		canceled++
	}
	return canceled, err
}

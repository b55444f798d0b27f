package fulfil

import (
	"context"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// decidedMost is how many held orders one pass moves on.
const decidedMost = 200

// MoveDecided moves the orders on that were held for a refusal whose words staff
// have classified since, each in a transaction of its own. It reads from the few
// texts to the orders: SQLite keeps the order of a CROSS JOIN.
func MoveDecided(ctx context.Context, d *db.DB, providers *provider.Store) (moved int, err error) {
	type decided struct{ order, provider string }
	var due []decided
	err = d.Read(ctx, func(tx *db.Tx) error {
		due, err = db.All(tx, func(s db.Scanner) (o decided, err error) {
			err = s.Scan(&o.order, &o.provider)
			return o, err
		}, `
			SELECT o.id, o.provider_id FROM provider_texts t CROSS JOIN orders o
			WHERE o.provider_id = t.provider_id AND o.refusal = t.text AND t.class <> '' AND o.state = 'held' ORDER BY o.id LIMIT $1`, decidedMost)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find decided refusals: %w", err)
	}
	for _, one := range due {
		p, moveErr := providers.Find(ctx, one.provider)
		if moveErr == nil {
			moveErr = d.Write(ctx, func(tx *db.Tx) error { return moveDecided(tx, one.order, p) })
		}
		if moveErr != nil {
			err = errors.Join(err, fmt.Errorf("move %s: %w", one.order, moveErr))
			continue // one that can't be moved holds back no other
		}
		moved++
	}
	return moved, err
}

func moveDecided(tx *db.Tx, orderID string, p provider.Provider) error {
	o, book, err := order.Lock(tx, orderID)
	if err != nil || o.State != order.Held || o.Refusal == "" {
		return err
	}
	var decision provider.Decision
	err = tx.QueryRow(`SELECT class FROM provider_texts WHERE provider_id = $1 AND text = $2`, o.ProviderID, o.Refusal).Scan(&decision)
	if errors.Is(err, db.ErrNoRows) || decision == provider.Undecided {
		return nil
	}
	if err != nil {
		return fmt.Errorf("decision for %s: %w", orderID, err)
	}
	r := &recording{tx: tx, book: book, order: o, provider: p}
	text := o.Refusal
	o.Refusal = ""
	return r.byClass(decision.Class(), fmt.Sprintf("classified as %s: %s", decision.Class(), text))
}

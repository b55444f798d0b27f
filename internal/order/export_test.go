package order

import (
	"context"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

// FittingIn is Fitting with a bound of its own on how many orders it looks at.
func FittingIn(ctx context.Context, d *db.DB, f Filter, most, through int) (orderIDs []string, more bool, err error) {
	err = d.Read(ctx, func(tx *db.Tx) error {
		orderIDs, more, err = fitting(tx, f, most, through)
		return err
	})
	return orderIDs, more, err
}

// FewStatements are what asks for orders in the few states that have an index.
func FewStatements() map[string]string {
	all := map[string]string{"the oldest": oldest, "the oldest that are dealt with one by one": oldestAlone, "the counts": waitingCounts}
	for _, state := range []State{Held, Uncertain, Submitting} {
		f := Filter{State: state}
		all[string(state)] = `SELECT id FROM orders WHERE ` + f.conditions(window{}).text() + f.order() + ` LIMIT 50`
	}
	f := Filter{Attention: true}
	all["attention"] = `SELECT id FROM orders WHERE ` + f.conditions(window{}).text() + f.order() + ` LIMIT 50`
	return all
}

// Waiting is how many requests wait for the next batch.
func (p *Placer) Waiting() int { return len(p.queue) }

// DueOrders is the query of Due.
const DueOrders = dueOrders

// Impatient lets requests wait in the queue for so long only.
func (p *Placer) Impatient(d time.Duration) { p.patience = d }

// Held is how much of the queue's room is taken.
func (p *Placer) Held() int64 { return p.bytes.Load() }

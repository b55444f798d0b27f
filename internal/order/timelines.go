package order

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
)

// Timelines returns what happened to each of some orders, in their order, the oldest
// step first, in one read. What of it a customer may see, CustomerNote says and the
// words of the states.
func (s *Store) Timelines(ctx context.Context, orders []*Order) (all [][]Step, err error) {
	args := make([][]any, len(orders))
	for i, o := range orders {
		args[i] = []any{o.ID}
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all = make([][]Step, len(orders))
		return tx.QueryMany(func(i int, s db.Scanner) error {
			step, err := scanStep(s)
			all[i] = append(all[i], step)
			return err
		}, timelineQuery, args)
	})
	if err != nil {
		return nil, fmt.Errorf("timelines: %w", err)
	}
	return all, nil
}

const timelineQuery = `
	SELECT step, at, actor, from_state, to_state, reason, start_count, remains, refund
	FROM order_timeline WHERE order_id = $1 ORDER BY step`

func scanStep(s db.Scanner) (e Step, err error) {
	err = s.Scan(&e.Number, db.Time(&e.At), &e.Actor, &e.From, &e.To, &e.Reason, &e.StartCount, &e.Remains, &e.Refund)
	return e, err
}

package order

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
)

// CountMost is where Open and OpenWords end counting: above it a figure is "more".
const CountMost = 10_000

// Open reports how many orders of a scope have not ended, at most CountMost. Runs and
// posts belong to their parents and are not counted.
func Open(tx *db.Tx, in Scope) (n int64, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM (`+openOrders+`) AS open_orders`, in.AccountID, string(in.Mode), CountMost).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count open orders: %w", err)
	}
	return n, nil
}

const openOrders = `SELECT state FROM orders
	WHERE account_id = $1 AND mode = $2 AND finished_at IS NULL AND kind IN ('single', 'drip', 'subscription') LIMIT $3`

// OpenWords counts the open orders of a scope by the word that the customer sees.
// It looks at CountMost of them at most; more says that there are others.
func (s *Store) OpenWords(ctx context.Context, in Scope) (counts map[string]int64, more bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		counts = map[string]int64{}
		var all int64
		err := tx.Each(func(s db.Scanner) error {
			var state State
			var n int64
			err := s.Scan(&state, &n)
			counts[state.Word()] += n
			all += n
			return err
		}, `SELECT state, COUNT(*) FROM (`+openOrders+`) AS open_orders GROUP BY state`, in.AccountID, string(in.Mode), CountMost)
		more = all >= CountMost
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("count open orders: %w", err)
	}
	return counts, more, nil
}

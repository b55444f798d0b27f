package order

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

// latelyOf is how many of the newest orders Troubled looks at.
const latelyOf = 500

// Troubled counts, among a scope's newest 500 orders, those that failed and those
// that ended in part since a time.
func (s *Store) Troubled(ctx context.Context, in Scope, since time.Time) (failed, partial int64, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`
			SELECT COUNT(CASE WHEN state = 'failed' THEN 1 END), COUNT(CASE WHEN state = 'partial' THEN 1 END)
			FROM (SELECT state, finished_at FROM orders
				WHERE account_id = $1 AND mode = $2 AND kind IN ('single', 'drip', 'subscription') ORDER BY number DESC LIMIT $3) AS latest
			WHERE finished_at >= $4`, in.AccountID, string(in.Mode), latelyOf, db.At(since)).Scan(&failed, &partial)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("latest troubles: %w", err)
	}
	return failed, partial, nil
}

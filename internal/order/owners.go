package order

import (
	"context"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// OwnerOf returns whose an order is.
func (s *Store) OwnerOf(ctx context.Context, orderID string) (accountID string, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		err := tx.QueryRow(`SELECT account_id FROM orders WHERE id = $1 AND mode = 'live'`, orderID).Scan(&accountID)
		if errors.Is(err, db.ErrNoRows) {
			return fault.New(fault.NotFound, "Order not found")
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("owner of %s: %w", orderID, err)
	}
	return accountID, nil
}

// OwnersOf returns up to limit accounts that have a live order of that number, the
// newest first: each account counts its own orders. Wallets that never came so far
// are not looked into.
func (s *Store) OwnersOf(ctx context.Context, number int64, limit int) (accountIDs []string, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		accountIDs, err = db.All(tx, func(r db.Scanner) (accountID string, err error) {
			err = r.Scan(&accountID)
			return accountID, err
		}, `
			SELECT w.account_id FROM wallets w
			WHERE w.mode = 'live' AND w.last_number >= $1
				AND EXISTS (SELECT 1 FROM orders o WHERE o.account_id = w.account_id AND o.mode = 'live' AND o.number = $1)
			ORDER BY w.account_id DESC LIMIT $2`, number, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("owners of order %d: %w", number, err)
	}
	return accountIDs, nil
}

package webhook

import (
	"context"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
)

// All returns endpoints that were not removed, of one account or with an empty id
// of all, by their ids. It is for the operator.
func (s *Store) All(ctx context.Context, accountID, afterID string, limit int) (all []*Endpoint, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scan, `SELECT `+columns+` FROM webhook_endpoints
			WHERE ($1 = '' OR account_id = $1) AND id > $2 AND state <> 'removed' ORDER BY id LIMIT $3`, accountID, afterID, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	return all, nil
}

// OwnerOf returns whose an endpoint is, for the operator, who acts for any of them.
func (s *Store) OwnerOf(ctx context.Context, endpointID string) (by Owner, err error) {
	return s.owner(ctx, `SELECT account_id, key_id FROM webhook_endpoints WHERE id = $1`, endpointID, errNotFound)
}

// OwnerOfDelivery returns whose a delivery is.
func (s *Store) OwnerOfDelivery(ctx context.Context, deliveryID string) (by Owner, err error) {
	return s.owner(ctx, `SELECT e.account_id, e.key_id FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id
		WHERE d.id = $1`, deliveryID, errNoDelivery)
}

func (s *Store) owner(ctx context.Context, query, id string, none error) (by Owner, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		err := tx.QueryRow(query, id).Scan(&by.AccountID, &by.KeyID)
		if errors.Is(err, db.ErrNoRows) {
			return none
		}
		return err
	})
	return by, err
}

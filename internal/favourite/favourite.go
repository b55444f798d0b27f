// Package favourite keeps the services that an account wants at hand.
//
// It does not know what a service is or whether it is sold: who shows favourites
// looks that up.
package favourite

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// Max is how many an account may have.
const Max = 50

// TooMany is the reason of a refusal to keep one more.
const TooMany fault.Reason = "too_many_favourites"

// Store keeps favourites.
type Store struct{ db *db.DB }

// NewStore returns the favourites of a database.
func NewStore(d *db.DB) *Store { return &Store{db: d} }

// Of returns the services that an account keeps, the newest first.
func (s *Store) Of(ctx context.Context, accountID string) (services []int64, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		services, err = of(tx, accountID)
		return err
	})
	return services, err
}

func of(tx *db.Tx, accountID string) ([]int64, error) {
	services, err := db.All(tx, func(r db.Scanner) (serviceID int64, err error) {
		err = r.Scan(&serviceID)
		return serviceID, err
	}, `SELECT service_id FROM favourites WHERE account_id = $1 ORDER BY created_at DESC, service_id DESC LIMIT $2`, accountID, Max)
	if err != nil {
		return nil, fmt.Errorf("favourites: %w", err)
	}
	return services, nil
}

// Add keeps a service. One that is kept already stays as it is. A service that there
// is not is not found; one more than Max is a conflict.
func (s *Store) Add(ctx context.Context, accountID string, serviceID int64) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		// One after the other, so that the bound holds.
		var there string
		if err := tx.QueryRow(`SELECT id FROM accounts WHERE id = $1 FOR NO KEY UPDATE`, accountID).Scan(&there); err != nil {
			return fmt.Errorf("lock an account: %w", err)
		}
		err := tx.QueryRow(`SELECT state FROM services WHERE id = $1`, serviceID).Scan(&there)
		if errors.Is(err, db.ErrNoRows) {
			return fault.New(fault.NotFound, "Service not found").Because(fault.NoService)
		}
		if err != nil {
			return fmt.Errorf("find a service: %w", err)
		}
		kept, err := of(tx, accountID)
		if err != nil {
			return err
		}
		if slices.Contains(kept, serviceID) {
			return nil
		}
		if len(kept) >= Max {
			return fault.Newf(fault.Conflict, "%d services are kept already: take one out first", Max).Because(TooMany)
		}
		_, err = tx.Exec(`INSERT INTO favourites (account_id, service_id, created_at) VALUES ($1, $2, $3)`, accountID, serviceID, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("keep a service: %w", err)
		}
		return nil
	})
}

// Remove takes a service out. One that is not kept is out already.
func (s *Store) Remove(ctx context.Context, accountID string, serviceID int64) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM favourites WHERE account_id = $1 AND service_id = $2`, accountID, serviceID)
		if err != nil {
			return fmt.Errorf("take a service out: %w", err)
		}
		return nil
	})
}

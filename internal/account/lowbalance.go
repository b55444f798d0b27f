package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/notice"
)

// LowBalance returns the balance below which an account is told; 0 is never.
func (s *Store) LowBalance(ctx context.Context, accountID string) (low money.Amount, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COALESCE(low_balance, $2) FROM accounts WHERE id = $1`, accountID, event.DefaultLow).Scan(&low)
	})
	if errors.Is(err, db.ErrNoRows) {
		return 0, fault.New(fault.NotFound, "Account not found")
	}
	if err != nil {
		return 0, fmt.Errorf("threshold of %s: %w", accountID, err)
	}
	return low, nil
}

// SetLowBalance sets the balance below which an account is told. Nil is the panel's
// default, 0 is never. What is set already is not set, nor recorded, again. It moves
// no epoch: nothing that is kept in memory depends on it.
func (s *Store) SetLowBalance(ctx context.Context, idOrEmail string, low *money.Amount, actor string) (a Account, err error) {
	if low != nil && (*low < 0 || *low > money.Max) {
		return a, fault.Newf(fault.Invalid, "the threshold must not be negative, nor more than %s", money.Max)
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if a, err = find(tx, idOrEmail); err != nil {
			return err
		}
		var before *money.Amount
		if err := tx.QueryRow(`SELECT low_balance FROM accounts WHERE id = $1 FOR NO KEY UPDATE`, a.ID).Scan(&before); err != nil {
			return fmt.Errorf("set a threshold: %w", err)
		}
		if before == low || before != nil && low != nil && *before == *low {
			return nil
		}
		if _, err := tx.Exec(`UPDATE accounts SET low_balance = $2 WHERE id = $1`, a.ID, low); err != nil {
			return fmt.Errorf("set a threshold: %w", err)
		}
		return Record(tx, actor, "account.threshold", a.ID, a.Email)
	})
	return a, err
}

// tellOf tells of a credit, or of what a credit of less than nothing took.
func tellOf(tx *db.Tx, to event.Scope, amount, balance money.Amount) error {
	if err := event.Credited(tx, to, amount, balance); err != nil || amount < 0 {
		return err
	}
	_, err := notice.Tell(tx, notice.Told{
		AccountID: to.AccountID, Kind: notice.Credited, Subject: to.AccountID, Data: notice.Data{Detail: notice.ByPanel, Amount: amount},
	})
	return err
}

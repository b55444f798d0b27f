package account

import (
	"context"
	"fmt"
	"strconv"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// maxNumber is the largest number that an order can have.
const maxNumber = 1<<31 - 1

// KeepNumbersFree lets the numbers of an account's orders begin behind last: who
// comes from another panel keeps the numbers that it had there. It is refused for
// an account that has orders. Without an account it holds for all made later.
func (s *Store) KeepNumbersFree(ctx context.Context, idOrEmail string, last int64, actor string) error {
	if last < 0 || last >= maxNumber {
		return fault.Newf(fault.Invalid, "the number must be between 0 and %d", maxNumber-1)
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		detail := strconv.FormatInt(last, 10)
		if idOrEmail == "" {
			if _, err := tx.Exec(`UPDATE panel SET first_number = $1 WHERE id = 1`, last); err != nil {
				return fmt.Errorf("keep numbers free: %w", err)
			}
			return Record(tx, actor, "panel.first_number", "panel", detail)
		}
		a, err := find(tx, idOrEmail)
		if err != nil {
			return err
		}
		n, err := tx.Exec(`
			UPDATE wallets SET first_number = $2, last_number = $2
			WHERE account_id = $1 AND last_number = first_number AND last_refill = 0`, a.ID, last)
		if err != nil {
			return fmt.Errorf("keep numbers free: %w", err)
		}
		if n != 2 { // live and test
			return fault.Newf(fault.Conflict, "%s has orders already: their numbers stay", a.Email)
		}
		return Record(tx, actor, "account.first_number", a.ID, detail)
	})
}

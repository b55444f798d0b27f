package ledger

import (
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
)

// Jump is by how much the numbers of orders and refills go on in a restored copy of
// the database: those given since the copy was made are unknown to it.
const Jump = 1_000_000

// JumpNumbers moves the counters of all wallets on. One that would leave the range
// of numbers stays where it is.
func JumpNumbers(tx *db.Tx) error {
	const limit = 1<<31 - 1
	for _, statement := range []string{
		`UPDATE wallets SET last_number = last_number + $1 WHERE last_number <= $2`,
		`UPDATE wallets SET last_refill = CASE WHEN last_refill < first_number THEN first_number ELSE last_refill END + $1
			WHERE last_refill <= $2 AND first_number <= $2`,
	} {
		if _, err := tx.Exec(statement, int64(Jump), int64(limit-Jump)); err != nil {
			return fmt.Errorf("move the numbers on: %w", err)
		}
	}
	return nil
}

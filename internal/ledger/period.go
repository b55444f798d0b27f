package ledger

import (
	"fmt"
	"sort"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

// Before returns the number of a wallet's last entry that was booked before a
// moment; 0 is none. It halves the chain, some twenty look-ups by number in a million
// entries: an index on times would cost every order.
//
// An entry's time is that of its transaction's beginning, its number is taken later,
// so that times of neighbours may be swapped by what a transaction takes. Where that
// happens at the moment itself the chain is cut at one of them: what is on one side
// stays without gaps.
func Before(tx *db.Tx, walletID string, at time.Time) (seq int64, err error) {
	var last int64
	if err := tx.QueryRow(`SELECT seq FROM wallets WHERE id = $1`, walletID).Scan(&last); err != nil {
		return 0, fmt.Errorf("entries of %s: %w", walletID, err)
	}
	// The first of the numbers 1 to last whose entry is not before the moment.
	first := sort.Search(int(last), func(i int) bool {
		if err != nil {
			return true
		}
		var booked time.Time
		err = tx.QueryRow(`
			SELECT created_at FROM transfers WHERE debit = $1 AND debit_seq = $2
			UNION ALL
			SELECT created_at FROM transfers WHERE credit = $1 AND credit_seq = $2`, walletID, int64(i)+1).Scan(db.Time(&booked))
		return err == nil && !booked.Before(at)
	})
	if err != nil {
		return 0, fmt.Errorf("entries of %s: %w", walletID, err)
	}
	return int64(first), nil
}

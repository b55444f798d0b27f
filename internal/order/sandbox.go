package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
)

const (
	// Sandbox stands in the place of a test order's provider.
	Sandbox = "sandbox"
	// playMost is how many test orders an account may place in a day.
	playMost = 1000
	// playKept is how long an ended test order is kept; its transfers stay.
	playKept = ledger.PlayKept
	// purgeMost is how many test orders one pass takes out.
	purgeMost = 500
)

// errPlay refuses a test order too many.
var errPlay = fault.Newf(fault.Conflict, "Test orders are limited to %d a day", playMost).Because(fault.SpendCap)

// checkPlay bounds the test orders of an account's day, the runs and posts that this
// one will make among them. They are numbered without gaps, so the order that many
// numbers ago tells.
func (b *batch) checkPlay(buyer Buyer, runs int64) error {
	if buyer.Mode != ledger.Test {
		return nil
	}
	var created time.Time
	err := b.tx.QueryRow(`SELECT created_at FROM orders WHERE account_id = $1 AND mode = $2 AND number = $3`,
		buyer.AccountID, string(buyer.Mode), b.book.Wallet(buyer.WalletID).LastNumber+1+runs-playMost).Scan(db.Time(&created))
	if errors.Is(err, db.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("count test orders: %w", err)
	}
	if dayOf(created) == dayOf(b.tx.Now) {
		return errPlay
	}
	return nil
}

// PurgePlay takes out test orders that ended long ago, with their timelines,
// submissions and refills, the oldest of each wallet first: the numbers that are
// left have no gap. It returns how many.
func PurgePlay(ctx context.Context, d *db.DB) (purged int, err error) {
	var wallets []string
	err = d.Read(ctx, func(tx *db.Tx) error {
		wallets, err = db.All(tx, func(s db.Scanner) (walletID string, err error) {
			err = s.Scan(&walletID)
			return walletID, err
		}, `SELECT DISTINCT wallet_id FROM orders WHERE mode = 'test' AND finished_at <= $1 ORDER BY wallet_id LIMIT $2`,
			db.At(tx.Now.Add(-playKept)), purgeMost)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find old test orders: %w", err)
	}
	for _, walletID := range wallets {
		purgeErr := d.Write(ctx, func(tx *db.Tx) error {
			n, err := purgeWallet(tx, walletID)
			purged += n
			return err
		})
		if purgeErr != nil {
			err = errors.Join(err, fmt.Errorf("purge test orders of %s: %w", walletID, purgeErr))
		}
	}
	return purged, err
}

func purgeWallet(tx *db.Tx, walletID string) (purged int, err error) {
	book, err := ledger.Open(tx, walletID)
	if err != nil {
		return 0, err
	}
	accountID := book.Wallet(walletID).AccountID
	last, err := lastToPurge(tx, accountID)
	if err != nil || last == 0 {
		return 0, err
	}
	const some = `account_id = $1 AND mode = 'test' AND number <= $2`
	const these = ` IN (SELECT id FROM orders WHERE ` + some + `)`
	for _, statement := range []string{
		`DELETE FROM replays WHERE order_id` + these,
		`DELETE FROM refills WHERE order_id` + these,
		`DELETE FROM submissions WHERE order_id` + these,
		`DELETE FROM order_timeline WHERE order_id` + these,
		`DELETE FROM orders WHERE ` + some + ` AND parent_id IS NOT NULL`,
	} {
		if _, err := tx.Exec(statement, accountID, last); err != nil {
			return 0, err
		}
	}
	n, err := tx.Exec(`DELETE FROM orders WHERE `+some, accountID, last)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(`UPDATE wallets SET first_number = $2 WHERE id = $1 AND first_number < $2`, walletID, last)
	return int(n), err
}

// lastToPurge is the number up to which all orders of a wallet ended long ago and
// belong to nothing that is kept; 0 is none.
func lastToPurge(tx *db.Tx, accountID string) (last int64, err error) {
	var first int64
	err = tx.QueryRow(`
		SELECT COALESCE(MIN(number), 0), COALESCE(MIN(CASE WHEN finished_at IS NULL OR finished_at > $2 THEN number END), MAX(number) + 1) - 1
		FROM orders WHERE account_id = $1 AND mode = 'test'`, accountID, db.At(tx.Now.Add(-playKept))).Scan(&first, &last)
	if err != nil || first == 0 || last < first {
		return 0, err
	}
	last = min(last, first+purgeMost-1)
	for {
		var parent int64 // of a run or post that is kept: the smallest number
		err = tx.QueryRow(`
			SELECT COALESCE(MIN(p.number), 0) FROM orders c JOIN orders p ON p.id = c.parent_id
			WHERE p.account_id = $1 AND p.mode = 'test' AND p.number <= $2 AND c.number > $2`, accountID, last).Scan(&parent)
		if err != nil || parent == 0 {
			break
		}
		last = parent - 1
	}
	if last < first {
		return 0, err
	}
	return last, err
}

package ledger

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
)

// auditPage is how many rows one short read of the audit takes.
const auditPage = 500

// Audit proves every wallet from its transfers: numbers without a gap, each
// balance the one before plus the movement, the last one the wallet's. It calls
// differs for whatever does not hold and returns how many wallets it walked. It
// runs beside a serving panel, in short reads.
func Audit(ctx context.Context, d *db.DB, differs func(text string)) (wallets int, err error) {
	after := ""
	for {
		var page []string
		err := d.Read(ctx, func(tx *db.Tx) error {
			var err error
			page, err = db.All(tx, scanText, `SELECT id FROM wallets WHERE id > $1 ORDER BY id LIMIT $2`, after, auditPage)
			return err
		})
		if err != nil {
			return wallets, fmt.Errorf("audit wallets: %w", err)
		}
		for _, walletID := range page {
			if err := auditWallet(ctx, d, walletID, differs); err != nil {
				return wallets, err
			}
			wallets++
		}
		if len(page) < auditPage {
			return wallets, nil
		}
		after = page[len(page)-1]
	}
}

// auditWallet walks one chain. A transfer may be booked while it walks; the
// wallet's own row is read in the same snapshot as the chain's last page.
func auditWallet(ctx context.Context, d *db.DB, walletID string, differs func(string)) error {
	var seq int64
	var balance money.Amount
	for {
		var page []Entry
		var rowSeq int64
		var rowBalance money.Amount
		err := d.Read(ctx, func(tx *db.Tx) (err error) {
			if page, err = Statement(tx, walletID, seq, auditPage); err != nil {
				return err
			}
			return tx.QueryRow(`SELECT seq, balance FROM wallets WHERE id = $1`, walletID).Scan(&rowSeq, &rowBalance)
		})
		if err != nil {
			return fmt.Errorf("audit %s: %w", walletID, err)
		}
		for _, e := range page {
			if e.Seq != seq+1 {
				differs(fmt.Sprintf("%s: transfer %d is missing", walletID, seq+1))
			}
			if e.Balance != balance+e.Amount {
				differs(fmt.Sprintf("%s: transfer %d leaves %s, its predecessor and amount make %s", walletID, e.Seq, e.Balance, balance+e.Amount))
			}
			seq, balance = e.Seq, e.Balance
		}
		if len(page) > 0 && seq < rowSeq {
			continue
		}
		if seq != rowSeq {
			differs(fmt.Sprintf("%s: the chain ends at %d, the wallet says %d", walletID, seq, rowSeq))
		}
		if balance != rowBalance {
			differs(fmt.Sprintf("%s: the transfers make %s, the wallet says %s", walletID, balance, rowBalance))
		}
		return nil
	}
}

func scanText(s db.Scanner) (text string, err error) {
	err = s.Scan(&text)
	return text, err
}

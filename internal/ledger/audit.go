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
	var failed error
	err = Pages(ctx, d, auditPage, Query(scanText, `SELECT id FROM wallets WHERE id >= $1 ORDER BY id LIMIT $2`),
		func(walletID string) string { return walletID },
		func(walletID string) {
			if failed == nil {
				failed = auditWallet(ctx, d, walletID, differs)
				wallets++
			}
		})
	if failed != nil {
		return wallets, failed
	}
	return wallets, err
}

// link is a transfer as one wallet's chain sees it.
type link struct {
	seq     int64
	amount  money.Amount // negative when it left the wallet
	balance money.Amount // after it
}

// auditWallet walks one chain. A transfer may be booked while it walks; the
// wallet's own row is read in the same snapshot as the chain's last page.
func auditWallet(ctx context.Context, d *db.DB, walletID string, differs func(string)) error {
	var seq int64
	var balance money.Amount
	for {
		var page []link
		var rowSeq int64
		var rowBalance money.Amount
		err := d.Read(ctx, func(tx *db.Tx) (err error) {
			if page, err = chain(tx, walletID, seq); err != nil {
				return err
			}
			return tx.QueryRow(`SELECT seq, balance FROM wallets WHERE id = $1`, walletID).Scan(&rowSeq, &rowBalance)
		})
		if err != nil {
			return fmt.Errorf("audit %s: %w", walletID, err)
		}
		for _, e := range page {
			switch {
			case e.seq == seq:
				differs(fmt.Sprintf("%s: there are two transfers %d", walletID, e.seq))
			case e.seq != seq+1:
				differs(fmt.Sprintf("%s: transfer %d is missing", walletID, seq+1))
			}
			if e.balance != balance+e.amount {
				differs(fmt.Sprintf("%s: transfer %d leaves %s, its predecessor and amount make %s", walletID, e.seq, e.balance, balance+e.amount))
			}
			seq, balance = e.seq, e.balance
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

// chain reads the next page of a wallet's chain, also where a balance was taken
// out of it.
func chain(tx *db.Tx, walletID string, afterSeq int64) ([]link, error) {
	return db.All(tx, func(s db.Scanner) (e link, err error) {
		err = s.Scan(&e.seq, &e.amount, &e.balance)
		return e, err
	}, `
		SELECT seq, amount, COALESCE(balance, 0) FROM (
			SELECT debit_seq AS seq, -amount AS amount, debit_balance AS balance
			FROM transfers WHERE debit = $1 AND debit_seq > $2 AND debit_seq <= $3
			UNION ALL
			SELECT credit_seq AS seq, amount, credit_balance AS balance
			FROM transfers WHERE credit = $1 AND credit_seq > $2 AND credit_seq <= $3
		) AS chain ORDER BY seq`, walletID, afterSeq, afterSeq+auditPage)
}

func scanText(s db.Scanner) (text string, err error) {
	err = s.Scan(&text)
	return text, err
}

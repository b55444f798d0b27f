package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
)

// Entry is a transfer as one wallet sees it.
type Entry struct {
	Seq     int64
	ID      string
	Kind    Kind
	Ref     string
	Amount  money.Amount // negative when it left the wallet
	Balance money.Amount // after it
	Memo    string
	Actor   string
	At      time.Time
}

// Statement returns up to limit entries of a wallet that come after seq, oldest first.
func Statement(tx *db.Tx, walletID string, afterSeq int64, limit int) ([]Entry, error) {
	return between(tx, walletID, afterSeq, afterSeq+int64(limit))
}

// Latest returns up to limit entries of a wallet that come before seq, newest first;
// 0, and what no entry has yet, begins with the last.
func Latest(tx *db.Tx, walletID string, beforeSeq int64, limit int) ([]Entry, error) {
	var next int64
	if err := tx.QueryRow(`SELECT seq + 1 FROM wallets WHERE id = $1`, walletID).Scan(&next); err != nil {
		return nil, fmt.Errorf("statement of %s: %w", walletID, err)
	}
	if beforeSeq == 0 || beforeSeq > next {
		beforeSeq = next
	}
	entries, err := between(tx, walletID, beforeSeq-1-int64(limit), beforeSeq-1)
	slices.Reverse(entries)
	return entries, err
}

// between returns the entries of a wallet behind one number up to another.
func between(tx *db.Tx, walletID string, after, upTo int64) ([]Entry, error) {
	entries, err := db.All(tx, scanEntry, `
		SELECT seq, id, kind, ref, amount, balance, memo, actor, created_at FROM (
			SELECT debit_seq AS seq, id, kind, ref, -amount AS amount, debit_balance AS balance, memo, actor, created_at
			FROM transfers WHERE debit = $1 AND debit_seq > $2 AND debit_seq <= $3
			UNION ALL
			SELECT credit_seq AS seq, id, kind, ref, amount, credit_balance AS balance, memo, actor, created_at
			FROM transfers WHERE credit = $1 AND credit_seq > $2 AND credit_seq <= $3
		) AS entries ORDER BY seq`, walletID, after, upTo)
	if err != nil {
		return nil, fmt.Errorf("statement of %s: %w", walletID, err)
	}
	return entries, nil
}

func scanEntry(s db.Scanner) (e Entry, err error) {
	err = s.Scan(&e.Seq, &e.ID, &e.Kind, &e.Ref, &e.Amount, &e.Balance, &e.Memo, &e.Actor, db.Time(&e.At))
	return e, err
}

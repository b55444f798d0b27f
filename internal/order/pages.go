package order

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// Line is a line of a wallet's statement, as its customer may see it.
type Line struct {
	Seq     int64
	Kind    ledger.Kind
	Amount  money.Amount // negative when it left the wallet
	Balance money.Amount // after it
	OrderID string       // "" where it was for no order, or for a test order that is not kept any more
	Number  int64        // the order's; 0 as above
	At      time.Time

	Reference string // of a deposit, in the account's words; of a prize the giveaway's title
	PaymentID string // of a deposit
}

// Statement returns up to limit lines of a wallet that come after a line, the
// oldest first. What staff wrote beside a movement is not in it.
func (s *Store) Statement(ctx context.Context, walletID string, after int64, limit int) ([]Line, error) {
	return s.lines(ctx, func(tx *db.Tx) ([]ledger.Entry, error) { return ledger.Statement(tx, walletID, after, limit) })
}

// Latest returns up to limit lines of a wallet that come before a line, the newest
// first; 0 begins with the last.
func (s *Store) Latest(ctx context.Context, own Scope, before int64, limit int) ([]Line, error) {
	return s.lines(ctx, func(tx *db.Tx) ([]ledger.Entry, error) {
		walletID, err := ledger.WalletID(tx, own.AccountID, own.Mode)
		if err != nil {
			return nil, err
		}
		return ledger.Latest(tx, walletID, before, limit)
	})
}

func (s *Store) lines(ctx context.Context, read func(*db.Tx) ([]ledger.Entry, error)) (lines []Line, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		entries, err := read(tx)
		if err != nil {
			return err
		}
		lines = make([]Line, len(entries))
		var args [][]any
		var index []int
		for i, e := range entries {
			lines[i] = Line{Seq: e.Seq, Kind: e.Kind, Amount: e.Amount, Balance: e.Balance, At: e.At}
			switch e.Kind {
			case ledger.Deposit:
				lines[i].PaymentID, lines[i].Reference = e.Ref, e.Memo
			case ledger.Prize:
				lines[i].Reference = e.Memo
			default:
			}
			if orderID, ok := orderOf(e); ok {
				args, index = append(args, []any{orderID}), append(index, i)
			}
		}
		return tx.QueryMany(func(i int, r db.Scanner) error {
			return r.Scan(&lines[index[i]].OrderID, &lines[index[i]].Number)
		}, `SELECT id, number FROM orders WHERE id = $1`, args)
	})
	if err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	return lines, nil
}

// orderOf returns the order that an entry is for.
func orderOf(e ledger.Entry) (orderID string, ok bool) {
	switch e.Kind {
	case ledger.OrderCharge:
		return e.Ref, true
	case ledger.OrderRefund:
		orderID, _, ok = ledger.RefundRef(e.Ref)
		return orderID, ok
	default:
		return "", false
	}
}

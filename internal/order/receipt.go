package order

import (
	"context"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
)

// Receipt is a line of a statement by which money came, and the number that it keeps
// for good: that of its transfer, which nobody can change.
type Receipt struct {
	Line

	Number string
}

// HasReceipt reports whether a line is money that came from outside or from the
// panel: what it gave back for an order is on the order.
func (l Line) HasReceipt() bool {
	return l.Amount > 0 && (l.Kind == ledger.Deposit || l.Kind == ledger.Credit)
}

// Receipt returns the receipt of a line of the scope's wallet.
func (s *Store) Receipt(ctx context.Context, own Scope, line int64) (r Receipt, err error) {
	number := ""
	lines, err := s.lines(ctx, func(tx *db.Tx) ([]ledger.Entry, error) {
		walletID, err := ledger.WalletID(tx, own.AccountID, own.Mode)
		if err != nil {
			return nil, err
		}
		entries, err := ledger.Statement(tx, walletID, line-1, 1)
		if len(entries) == 1 {
			number = entries[0].ID
		}
		return entries, err
	})
	if err != nil {
		return r, err
	}
	if len(lines) == 0 || !lines[0].HasReceipt() {
		return r, fault.New(fault.NotFound, "Receipt not found")
	}
	return Receipt{Line: lines[0], Number: number}, nil
}

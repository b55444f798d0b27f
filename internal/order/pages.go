package order

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// Page says which of a customer's orders to return.
type Page struct {
	Before  int64  // orders with lower numbers; 0 starts with the newest
	Word    string // the word that the customer sees; "" is any
	Service int64  // 0 is any
	Limit   int
}

// scanned bounds how many orders one page looks at, so that a filter that fits
// few of many costs no more than one that fits all.
const scanned = 10_000

// Own returns a page of the scope's orders, the newest first, and the number to
// go on below; 0 says that there are no more. A page that is filtered may be
// short, or empty, and still have one after it. Runs and posts belong to their
// parents and are not listed.
func (s *Store) Own(ctx context.Context, in Scope, p Page) (orders []*Order, next int64, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		orders, next, err = ownPage(tx, in, p)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("page of orders: %w", err)
	}
	return orders, next, nil
}

func ownPage(tx *db.Tx, in Scope, p Page) (orders []*Order, next int64, err error) {
	before := p.Before
	if before <= 0 {
		before = 1 << 31 // numbers are below
	}
	var lowest, looked int64
	err = tx.QueryRow(`SELECT COALESCE(MIN(number), 0), COUNT(*) FROM (
			SELECT number FROM orders WHERE account_id = $1 AND mode = $2 AND number < $3 ORDER BY number DESC LIMIT $4) AS page`,
		in.AccountID, string(in.Mode), before, scanned).Scan(&lowest, &looked)
	if err != nil {
		return nil, 0, err
	}
	var states []string
	for _, state := range States() {
		if p.Word == "" || state.Word() == p.Word {
			states = append(states, string(state))
		}
	}
	orders, err = db.All(tx, scan, `SELECT `+columns+` FROM orders
		WHERE account_id = $1 AND mode = $2 AND number < $3 AND number >= $4 AND state = ANY($5) AND ($6 = 0 OR service_id = $6)
			AND kind IN ('single', 'drip', 'subscription')
		ORDER BY number DESC LIMIT $7`, in.AccountID, string(in.Mode), before, lowest, states, p.Service, p.Limit)
	switch {
	case err != nil:
		return nil, 0, err
	case len(orders) == p.Limit && orders[p.Limit-1].Number > lowest:
		next = orders[p.Limit-1].Number
	case looked == scanned:
		next = lowest
	}
	return orders, next, nil
}

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

package apiv2

import (
	"strconv"

	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
)

// transactionRow is a line of the statement.
type transactionRow struct {
	Transaction int64   `json:"transaction"`
	Type        string  `json:"type"`
	Amount      string  `json:"amount"`
	Balance     string  `json:"balance"`
	Order       *string `json:"order"`
	Memo        string  `json:"memo"`
	At          string  `json:"at"`
}

// transactionsAnswer is a page of the statement, the oldest line first.
type transactionsAnswer struct {
	Transactions []transactionRow `json:"transactions"`
	Cursor       string           `json:"cursor"`
	Currency     string           `json:"currency"`
}

func (a *API) transactions(c *call) (any, error) {
	after, limit, err := c.page(ListMost, ListUsual)
	if err != nil {
		return nil, err
	}
	lines, err := a.Orders.Statement(c.ctx, c.who.WalletID, after, limit)
	if err != nil {
		return nil, err
	}
	rows := make([]transactionRow, len(lines))
	for i, l := range lines {
		word, memo := spoken(l)
		rows[i] = transactionRow{l.Seq, word, l.Amount.String(), l.Balance.String(), orNull(l.OrderID), memo, timeText(l.At)}
		after = l.Seq
	}
	return transactionsAnswer{rows, strconv.FormatInt(after, 10), a.Currency}, nil
}

// spoken says why money moved, in a word for programs and one line for people.
// What staff wrote beside it is not for the customer.
func spoken(l order.Line) (word, memo string) {
	number := strconv.FormatInt(l.Number, 10)
	if l.OrderID == "" {
		number = "that is not kept any more" // of a test key, long ago
	}
	switch l.Kind {
	case ledger.OrderCharge:
		return "charge", "Order " + number
	case ledger.OrderRefund:
		return "refund", "Refund of order " + number
	case ledger.Deposit:
		return "deposit", "Top-up: " + l.Reference
	case ledger.Prize:
		return "prize", "Giveaway: " + l.Reference
	case ledger.Opening:
		return "opening", "Play money"
	case ledger.Credit:
		if l.Amount < 0 {
			return "debit", "Taken by the panel"
		}
		return "credit", "Credited by the panel"
	default:
		return string(l.Kind), ""
	}
}

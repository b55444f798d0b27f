package client

import (
	"context"
	"iter"
	"time"
)

// fullPage is the most rows that a page of changes or transactions has.
const fullPage = 500

// Change is something that changed in the catalogue. Rates in it are list prices, the
// same for everybody; your own stand in [Client.Services].
type Change struct {
	Change  int64  `json:"change"` // the changes are numbered
	Service int64  `json:"service"`
	Field   string `json:"field"` // such as "state", "rate", "min" or "announced_rate"
	// Before and After are texts; "" is none, as before a service was there.
	Before string    `json:"before"`
	After  string    `json:"after"`
	At     time.Time `json:"at"`
	// EffectiveAt is when it holds: in the future for an announced rate.
	EffectiveAt time.Time `json:"effective_at"`
}

// ChangePage is a page of changes.
type ChangePage struct {
	Changes  []Change `json:"changes"`
	Cursor   string   `json:"cursor"` // keep it: the next call with it answers what came since
	Currency string   `json:"currency"`
}

// Latest is the cursor of who wants to know only what changes from now on: the page
// that [Client.Changes] answers to it is empty and has the cursor of now.
const Latest = "latest"

// Changes returns a page of what changed in the catalogue, the oldest first. A cursor
// of "" begins with the first change there is. limit is 1 to 500; 0 is 100. A page
// that is not full is the last for now.
func (c *Client) Changes(ctx context.Context, cursor string, limit int) (ChangePage, error) {
	return ask(ctx, c, newRequest("changes", "cursor", cursor, "limit", whole(limit)), func(p *ChangePage) bool { return p.Cursor != "" })
}

// ChangesSince goes through what changed in the catalogue since a cursor, and moves the
// cursor on when all rows of a page are through: keep it for the next time. nil begins
// with the first change there is. It ends with the newest change, or after an error.
func (c *Client) ChangesSince(ctx context.Context, cursor *string) iter.Seq2[Change, error] {
	return toNow(cursor, fullPage, func(at string) ([]Change, string, error) {
		page, err := c.Changes(ctx, at, fullPage)
		return page.Changes, page.Cursor, err
	})
}

// Balance is what the key's wallet holds.
type Balance struct {
	Balance  Amount `json:"balance"`
	Currency string `json:"currency"`
}

// Balance returns what the key's wallet holds.
func (c *Client) Balance(ctx context.Context) (Balance, error) {
	return ask(ctx, c, newRequest("balance"), func(b *Balance) bool { return b.Balance != "" })
}

// Transaction is a line of the statement. Lines are numbered without a gap and never
// change.
type Transaction struct {
	Transaction int64     `json:"transaction"`
	Type        string    `json:"type"`    // "charge", "refund", "deposit", "prize", "credit", "debit" or "opening"; more may come
	Amount      Amount    `json:"amount"`  // what left the wallet has a minus
	Balance     Amount    `json:"balance"` // after it
	Order       string    `json:"order"`   // its id; "" where it is about none
	Memo        string    `json:"memo"`
	At          time.Time `json:"at"`
}

// TransactionPage is a page of the statement.
type TransactionPage struct {
	Transactions []Transaction `json:"transactions"`
	Cursor       string        `json:"cursor"` // keep it: the next call with it answers what came since
	Currency     string        `json:"currency"`
}

// Transactions returns a page of the statement, the oldest line first. A cursor of ""
// begins with the first. limit is 1 to 500; 0 is 100.
func (c *Client) Transactions(ctx context.Context, cursor string, limit int) (TransactionPage, error) {
	return ask(ctx, c, newRequest("transactions", "cursor", cursor, "limit", whole(limit)), func(p *TransactionPage) bool { return p.Cursor != "" })
}

// TransactionsSince goes through the statement since a cursor, which it moves as
// [Client.ChangesSince] does. nil begins with the first line.
func (c *Client) TransactionsSince(ctx context.Context, cursor *string) iter.Seq2[Transaction, error] {
	return toNow(cursor, fullPage, func(at string) ([]Transaction, string, error) {
		page, err := c.Transactions(ctx, at, fullPage)
		return page.Transactions, page.Cursor, err
	})
}

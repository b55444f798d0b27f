package desk

import (
	"context"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/staff"
)

// ownAccount refuses what nobody does to their own account.
func ownAccount() error {
	return fault.New(fault.Forbidden, "Nobody suspends their own account").Because(staff.Yourself)
}

// Query says which accounts are looked for.
type Query struct {
	// Text is the beginning of an e-mail address; or, as a whole, an account's id, the
	// id or number of an order, a top-up's id, or what is shown of an API key.
	Text  string
	State account.State
	Tier  account.Tier
	Role  account.Role
	After string // where the page before ended
	Limit int
}

// keyPrefix is what the values of API keys begin with.
const keyPrefix = "np_"

// Accounts returns a page of accounts and where the next one goes on, "" where there
// is none. What names something is found whatever the filters say.
func (d *Desk) Accounts(ctx context.Context, q Query) (page []account.Listed, next string, err error) {
	owners, named, err := d.owners(ctx, strings.TrimSpace(q.Text), q.Limit)
	if err != nil {
		return nil, "", err
	}
	if named {
		page, err = d.accounts.Some(ctx, owners)
		return page, "", err
	}
	return d.accounts.Search(ctx, account.Query{
		Email: q.Text, State: q.State, Tier: q.Tier, Role: q.Role, After: q.After, Limit: q.Limit,
	})
}

// owners are the accounts of what a text names; named is false for one that may be
// the beginning of an address.
func (d *Desk) owners(ctx context.Context, text string, limit int) (accountIDs []string, named bool, err error) {
	number, notNumber := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64)
	switch {
	case id.Valid(id.Account, text):
		return []string{text}, true, nil
	case id.Valid(id.Order, text):
		owner, err := d.orders.OwnerOf(ctx, text)
		return one(owner, err)
	case id.Valid(id.Payment, text):
		p, err := d.payments.Find(ctx, text)
		return one(p.AccountID, err)
	case strings.HasPrefix(text, keyPrefix):
		accountIDs, err = d.keys.OwnersOf(ctx, strings.TrimRight(text, ".…"), limit)
		return accountIDs, true, err
	case notNumber == nil && number > 0:
		accountIDs, err = d.orders.OwnersOf(ctx, number, limit)
		return accountIDs, true, err
	}
	return nil, false, nil
}

// one is the owner of something, or nobody where there is no such thing.
func one(owner string, err error) (accountIDs []string, named bool, failed error) {
	if fault.Is(err, fault.NotFound) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	return []string{owner}, true, nil
}

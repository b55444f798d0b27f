// Package closing ends accounts by their owners' wish: all that acts for an account
// ends at once, and what proves its orders and its money stays.
//
// It knows in which order that is done and locked; what each part is, its own package
// knows. docs/decisions/0012 says why the balance stays booked.
package closing

import (
	"context"
	"fmt"
	"strconv"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/notice"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/payment"
)

// Reasons of refusals that have words of their own in each language. Args are in the
// comment.
const (
	OrdersOpen   fault.Reason = "orders_open"     // how many
	BalanceMoved fault.Reason = "balance_differs" // what the wallet holds
)

// Closer closes accounts.
type Closer struct {
	DB     *db.DB
	People *identity.People
	Keys   *apikey.Store
	// Tell mails the owner that it was done, in its transaction.
	Tell func(tx *db.Tx, accountID string, left money.Amount) error
	// Currency is named in the audit log.
	Currency string
}

// Standing is what stands between an account and its end.
type Standing struct {
	Open    int64        // orders that have not ended, at most order.CountMost
	Balance money.Amount // of the live wallet
	Topups  int64        // that wait, and would be withdrawn
	Keys    int64        // that would be revoked
}

// Look returns how an account stands.
func (c *Closer) Look(ctx context.Context, accountID string) (s Standing, err error) {
	err = c.DB.Read(ctx, func(tx *db.Tx) error {
		if s.Open, err = order.Open(tx, live(accountID)); err != nil {
			return err
		}
		return tx.QueryRow(`
			SELECT (SELECT balance FROM wallets WHERE account_id = $1 AND mode = 'live'),
				(SELECT COUNT(*) FROM payments WHERE account_id = $1 AND state = 'waiting'),
				(SELECT COUNT(*) FROM api_keys WHERE account_id = $1 AND revoked_at IS NULL)`, accountID).
			Scan(&s.Balance, &s.Topups, &s.Keys)
	})
	if err != nil {
		return s, fmt.Errorf("look at what closing needs: %w", err)
	}
	return s, nil
}

func live(accountID string) order.Scope { return order.Scope{AccountID: accountID, Mode: ledger.Live} }

// Close ends the account of who is signed in, and their sessions. GiveUp is the
// balance that they were shown and said they give up: where the wallet holds another
// one, nothing is done. Nothing is booked: what the wallet holds stays in it.
//
// It is refused while orders are open. An order that is being placed at this moment
// comes first, and is open, or finds the wallet closed: both lock it.
func (c *Closer) Close(ctx context.Context, giveUp money.Amount) error {
	var wallet *ledger.Wallet
	lock := func(tx *db.Tx, who identity.Person) (err error) {
		wallet, err = account.LockToClose(tx, who.AccountID, who.Role)
		return err
	}
	return c.People.Leave(ctx, lock, func(tx *db.Tx, who identity.Person) error {
		open, err := order.Open(tx, live(who.AccountID))
		switch {
		case err != nil:
			return err
		case open > 0:
			return fault.Newf(fault.Conflict, "%d orders are open", open).Because(OrdersOpen, strconv.FormatInt(open, 10))
		case wallet.Balance != giveUp:
			return fault.New(fault.Conflict, "The balance has changed").Because(BalanceMoved, wallet.Balance.String())
		}
		return c.end(tx, who.AccountID, wallet.Balance)
	})
}

// end does what there is nothing against.
func (c *Closer) end(tx *db.Tx, accountID string, left money.Amount) error {
	topups, err := payment.WithdrawAll(tx, accountID)
	if err != nil {
		return err
	}
	if err := account.Close(tx, accountID); err != nil {
		return err
	}
	if err := c.Tell(tx, accountID, left); err != nil {
		return err
	}
	if err := notice.UnlinkIn(tx, accountID); err != nil {
		return err
	}
	keys, err := c.Keys.RevokeAll(tx, accountID, accountID)
	if err != nil {
		return err
	}
	return account.Record(tx, accountID, account.CloseAct, accountID,
		fmt.Sprintf("%s %s left in the wallet, %d keys revoked, %d top-ups withdrawn", left, c.Currency, keys, topups))
}

package account

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
)

// CloseAct is the act of an owner who closes their account in the audit log.
const CloseAct = "account.close"

// SetState suspends an account, or lets one act again that was suspended or closed.
// Every node knows at its next request. Who is suspended is signed out everywhere.
// A closed account is not suspended as well: it would be open again when that ended.
func (s *Store) SetState(ctx context.Context, idOrEmail string, to State, actor string) (Account, error) {
	return s.SetStateFor(ctx, idOrEmail, to, "", actor)
}

// SetStateFor is SetState with the reason for it, which is for the panel's records.
func (s *Store) SetStateFor(ctx context.Context, idOrEmail string, to State, reason, actor string) (a Account, err error) {
	if err := checkReason(reason, 0); err != nil {
		return a, err
	}
	if to != Active && to != Suspended {
		return a, fault.Newf(fault.Invalid, "state must be %s or %s", Active, Suspended)
	}
	return s.changeFor(ctx, idOrEmail, act{"account." + string(to), reason, actor}, func(tx *db.Tx, a *Account) error { return setState(tx, a, to) })
}

func setState(tx *db.Tx, a *Account, to State) error {
	// The wallets are locked before the account, as everywhere. Those of an account that
	// is not closed are open.
	wallets, err := walletsOf(tx, a.ID)
	if err != nil {
		return err
	}
	if _, err := ledger.Open(tx, wallets...); err != nil {
		return err
	}
	if to == Suspended {
		changed, err := tx.ExecOne(`UPDATE accounts SET state = 'suspended' WHERE id = $1 AND closed_at IS NULL`, a.ID)
		if err == nil && !changed {
			return fault.Newf(fault.Conflict, "%s was closed by its owner: there is nothing to suspend", a.Email)
		}
		if err == nil {
			_, err = EndSessions(tx, a.ID)
		}
		a.State = to
		return err
	}
	if err := ledger.SetClosed(tx, false, wallets...); err != nil {
		return err
	}
	a.State = to
	_, err = tx.Exec(`UPDATE accounts SET state = 'active', closed_at = NULL WHERE id = $1`, a.ID)
	return err
}

func walletsOf(tx *db.Tx, accountID string) (ids []string, err error) {
	for _, mode := range []ledger.Mode{ledger.Live, ledger.Test} {
		walletID, err := ledger.WalletID(tx, accountID, mode)
		if err != nil {
			return nil, err
		}
		ids = append(ids, walletID)
	}
	return ids, nil
}

// LockToClose locks what closing an account changes, in the order that all follow:
// its wallets, and of owners all that there are, so that of the last two only one can
// go. It comes before every other lock.
func LockToClose(tx *db.Tx, accountID string, role Role) (live *ledger.Wallet, err error) {
	wallets, err := walletsOf(tx, accountID)
	if err != nil {
		return nil, err
	}
	book, err := ledger.Open(tx, wallets...)
	if err != nil {
		return nil, err
	}
	if role != Owner {
		return book.Wallet(wallets[0]), nil
	}
	owners, err := db.All(tx, func(s db.Scanner) (id string, err error) {
		err = s.Scan(&id)
		return id, err
	}, `SELECT id FROM accounts WHERE role = 'owner' AND state = 'active' ORDER BY id FOR NO KEY UPDATE`)
	if err != nil {
		return nil, fmt.Errorf("lock the owners: %w", err)
	}
	if len(owners) < 2 {
		return nil, ErrLastOwner
	}
	return book.Wallet(wallets[0]), nil
}

// LastOwner is why the last owner's account can't be closed.
const LastOwner fault.Reason = "last_owner"

// ErrLastOwner refuses it.
var ErrLastOwner = fault.New(fault.Conflict, "The panel's last owner can't go: make another one first").Because(LastOwner)

// IsLastOwner reports whether an account is the only one that owns the panel.
func (s *Store) IsLastOwner(ctx context.Context, accountID string) (last bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM accounts WHERE id = $1 AND role = 'owner')
			AND NOT EXISTS (SELECT 1 FROM accounts WHERE id <> $1 AND role = 'owner' AND state = 'active')`, accountID).Scan(&last)
	})
	if err != nil {
		return false, fmt.Errorf("owners: %w", err)
	}
	return last, nil
}

// Close marks an account as closed whose locks LockToClose has taken: its wallets are
// charged no more, and it is signed out everywhere.
func Close(tx *db.Tx, accountID string) error {
	wallets, err := walletsOf(tx, accountID)
	if err != nil {
		return err
	}
	if err := ledger.SetClosed(tx, true, wallets...); err != nil {
		return err
	}
	closed, err := tx.ExecOne(`UPDATE accounts SET state = 'suspended', closed_at = $2 WHERE id = $1 AND state = 'active'`, accountID, db.At(tx.Now))
	if err == nil && !closed {
		return fault.New(fault.Conflict, "The account is not active")
	}
	if err != nil {
		return fmt.Errorf("close %s: %w", accountID, err)
	}
	if _, err := EndSessions(tx, accountID); err != nil {
		return err
	}
	return epoch.MoveAuth(tx)
}

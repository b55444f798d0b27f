package payment

import (
	"context"
	"fmt"
	"strings"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// Approve credits a payment that waits, because its money came: all that was asked
// or, with another amount than zero, what really came. It returns the payment and
// the wallet's balance. One that is decided already is a conflict, and moves nothing.
func (s *Store) Approve(ctx context.Context, paymentID string, came money.Amount, actor string) (p Payment, balance money.Amount, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if p, err = find(tx, paymentID, ""); err != nil {
			return err
		}
		book, walletID, err := openWallet(tx, p.AccountID)
		if err != nil {
			return err
		}
		if p, err = lockWaiting(tx, paymentID); err != nil {
			return err
		}
		p.Amount = came
		if came == 0 {
			p.Amount = p.Asked
		}
		if err := checkAmount(p.Amount); err != nil {
			return err
		}
		balance, err = s.credit(tx, book, walletID, &p, actor)
		return err
	})
	return p, balance, err
}

// Add credits a transfer that came without a request of the account. What has the
// reference and amount of a payment that was credited already, or waits, is a
// conflict that names it: one transfer on the bank's statement is not booked twice.
func (s *Store) Add(ctx context.Context, accountID string, came money.Amount, reference, actor string) (p Payment, balance money.Amount, err error) {
	asked, err := newManual(accountID, came, reference)
	if err != nil {
		return p, 0, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		p = asked // also when it runs again
		book, walletID, err := openWallet(tx, accountID)
		if err != nil {
			return err
		}
		if err := inTurn(tx, accountID); err != nil {
			return err
		}
		if err := isNew(tx, p); err != nil {
			return err
		}
		if err := insert(tx, &p); err != nil {
			return err
		}
		p.Amount = came
		balance, err = s.credit(tx, book, walletID, &p, actor)
		return err
	})
	return p, balance, err
}

// isNew refuses a payment like one that the account has.
func isNew(tx *db.Tx, p Payment) error {
	like, err := db.All(tx, scan, `SELECT `+columns+` FROM payments
		WHERE account_id = $1 AND gateway = $2 AND reference = $3 AND (state = 'waiting' AND asked = $4 OR state = 'credited' AND amount = $4)
		ORDER BY id LIMIT 1`, p.AccountID, string(p.Gateway), p.Reference, p.Asked)
	switch {
	case err != nil:
		return fmt.Errorf("look for an equal top-up: %w", err)
	case len(like) == 0:
		return nil
	case like[0].State == Waiting:
		return fault.Newf(fault.Conflict, "The top-up %s waits with this amount and reference: approve it", like[0].ID).Because(Waits)
	}
	return fault.Newf(fault.Conflict,
		"The top-up %s was credited with this amount and reference: where another one came, give a reference that tells them apart", like[0].ID).
		Because(AlreadyCredited)
}

// credit books the amount of a payment that waits and is locked, as is its wallet.
func (s *Store) credit(tx *db.Tx, book *ledger.Book, walletID string, p *Payment, actor string) (balance money.Amount, err error) {
	if err := decide(tx, p, Credited, "", actor); err != nil {
		return 0, err
	}
	err = book.Move(ledger.Transfer{
		Kind: ledger.Deposit, Ref: p.ID, Debit: ledger.Deposits(string(p.Gateway)).Account(ledger.Live), Credit: walletID,
		Amount: p.Amount, Memo: p.Reference, Actor: actor,
	})
	if err != nil {
		return 0, err
	}
	balance = book.Wallet(walletID).Balance
	if err := book.Flush(); err != nil {
		return 0, err
	}
	if err := event.Credited(tx, event.Scope{AccountID: p.AccountID, Mode: ledger.Live}, p.Amount, balance); err != nil {
		return 0, err
	}
	if err := s.Tell(tx, *p); err != nil {
		return 0, err
	}
	if err := s.guard.Allow(tx, p.AccountID); err != nil {
		return 0, err
	}
	return balance, account.Record(tx, actor, "topup.approve", p.AccountID, approval(p.ID, p.Amount))
}

// openWallet locks an account's live wallet. It comes before every other lock.
func openWallet(tx *db.Tx, accountID string) (b *ledger.Book, walletID string, err error) {
	if walletID, err = ledger.WalletID(tx, accountID, ledger.Live); err != nil {
		return nil, "", err
	}
	b, err = ledger.Open(tx, walletID)
	return b, walletID, err
}

// approval is what the audit log says of a payment that was credited. It begins
// with the payment's id, by which the proof finds the one from the other.
func approval(paymentID string, amount money.Amount) string { return paymentID + " " + amount.String() }

// lockWaiting locks a payment that waits.
func lockWaiting(tx *db.Tx, paymentID string) (Payment, error) {
	p, err := find(tx, paymentID, " FOR NO KEY UPDATE")
	if err == nil && p.State != Waiting {
		return p, fault.Newf(fault.Conflict, "The top-up %s was %s already", p.ID, p.State).Because(Decided)
	}
	return p, err
}

// Reject ends a payment whose money did not come. The account reads the reason.
func (s *Store) Reject(ctx context.Context, paymentID, reason, actor string) (p Payment, err error) {
	reason = strings.TrimSpace(reason)
	if err := checkText("reason", reason, MaxReason); err != nil {
		return p, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if p, err = lockWaiting(tx, paymentID); err != nil {
			return err
		}
		if err := decide(tx, &p, Rejected, reason, actor); err != nil {
			return err
		}
		if err := s.Tell(tx, p); err != nil {
			return err
		}
		if err := s.guard.Allow(tx, p.AccountID); err != nil {
			return err
		}
		return account.Record(tx, actor, "topup.reject", p.AccountID, p.ID+" "+reason)
	})
	return p, err
}

// Withdraw ends a payment that its account does not make after all.
func (s *Store) Withdraw(ctx context.Context, accountID, paymentID string) (p Payment, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if p, err = lockWaiting(tx, paymentID); p.AccountID != accountID {
			return errNotFound // also where it is decided: nobody learns of others' payments
		}
		if err != nil {
			return err
		}
		return decide(tx, &p, Withdrawn, "", accountID)
	})
	return p, err
}

// WithdrawAll ends all payments of an account that wait, in the caller's transaction,
// which has locked the account, and reports how many there were.
func WithdrawAll(tx *db.Tx, accountID string) (n int, err error) {
	waiting, err := db.All(tx, scan, `SELECT `+columns+` FROM payments WHERE account_id = $1 AND state = 'waiting' ORDER BY id FOR NO KEY UPDATE`, accountID)
	if err != nil {
		return 0, fmt.Errorf("withdraw top-ups: %w", err)
	}
	for _, p := range waiting {
		if err := decide(tx, &p, Withdrawn, "", accountID); err != nil {
			return 0, err
		}
	}
	return len(waiting), nil
}

// decide writes the end of a locked payment.
func decide(tx *db.Tx, p *Payment, to State, reason, actor string) error {
	p.State, p.Reason, p.DecidedAt, p.DecidedBy = to, reason, tx.Now, actor
	done, err := tx.ExecOne(`
		UPDATE payments SET state = $2, amount = $3, reason = $4, decided_at = $5, decided_by = $6 WHERE id = $1 AND state = 'waiting'`,
		p.ID, string(to), p.Amount, reason, db.At(tx.Now), actor)
	if err != nil {
		return fmt.Errorf("decide a top-up: %w", err)
	}
	if !done {
		return fmt.Errorf("decide a top-up: %s does not wait, though it is locked", p.ID)
	}
	return nil
}

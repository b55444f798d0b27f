package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/plain"
)

// MaxReason is how many characters a reason may have.
const MaxReason = 500

// OtherCredit is why a credit is refused whose ref has another one.
const OtherCredit fault.Reason = "other_credit"

// NewCredit is money that an operator gives or takes.
type NewCredit struct {
	Account string // id or e-mail address
	Amount  money.Amount
	Reason  string
	// Ref names the credit, so that who sends it again books it once. CreditRef makes
	// one.
	Ref string
}

// CreditRef returns the name of a credit to come.
func CreditRef() string { return id.New(id.Transfer) }

// Credit adds money to an account's live wallet by an operator's decision and
// returns the new balance. A negative amount takes money away, down to zero.
func (s *Store) Credit(ctx context.Context, idOrEmail string, amount money.Amount, reason, actor string) (balance money.Amount, err error) {
	return s.CreditOnce(ctx, NewCredit{idOrEmail, amount, reason, CreditRef()}, actor)
}

// CreditOnce is Credit for what may be sent again: the same credit with the same ref
// is booked once, and each time answered with the balance right after it. Another one
// with that ref is a conflict.
func (s *Store) CreditOnce(ctx context.Context, n NewCredit, actor string) (balance money.Amount, err error) {
	if err := n.check(); err != nil {
		return 0, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		balance, err = s.credit(tx, n, actor)
		return err
	})
	if db.IsUnique(err) { // the other one was booked to another account at this moment
		return 0, otherCredit()
	}
	return balance, err
}

func (n NewCredit) check() error {
	if n.Amount == 0 {
		return fault.New(fault.Invalid, "amount must not be zero").Because(fault.BadField, "amount")
	}
	if !id.Valid(id.Transfer, n.Ref) {
		return fault.New(fault.Invalid, "the credit's ref is malformed")
	}
	return checkReason(n.Reason, 1)
}

// checkReason refuses a reason that is shorter than least, too long, or no plain line.
func checkReason(reason string, least int) error {
	if utf8.RuneCountInString(strings.TrimSpace(reason)) < least {
		return fault.New(fault.Invalid, "reason must not be empty").Because(fault.MissingField, "reason")
	}
	if utf8.RuneCountInString(reason) > MaxReason {
		return fault.Newf(fault.Invalid, "reason must have at most %d characters", MaxReason).Because(fault.BadField, "reason")
	}
	return plain.Line("reason", reason)
}

func otherCredit() error {
	return fault.New(fault.Conflict, "This was sent before with something else in it").Because(OtherCredit)
}

func (s *Store) credit(tx *db.Tx, n NewCredit, actor string) (balance money.Amount, err error) {
	a, err := find(tx, n.Account)
	if err != nil {
		return 0, err
	}
	walletID, err := ledger.WalletID(tx, a.ID, ledger.Live)
	if err != nil {
		return 0, err
	}
	book, err := ledger.Open(tx, walletID)
	if err != nil {
		return 0, err
	}
	move := ledger.Transfer{
		Kind: ledger.Credit, Ref: n.Ref, Debit: ledger.Adjustment.Account(ledger.Live), Credit: walletID,
		Amount: n.Amount, Memo: n.Reason, Actor: actor,
	}
	if n.Amount < 0 {
		move.Debit, move.Credit, move.Amount = move.Credit, move.Debit, -n.Amount
	}
	if balance, found, err := booked(tx, move); found || err != nil {
		return balance, err
	}
	if err := book.Move(move); err != nil {
		return 0, err
	}
	balance = book.Wallet(walletID).Balance
	if err := book.Flush(); err != nil {
		return 0, err
	}
	if err := tellOf(tx, event.Scope{AccountID: a.ID, Mode: ledger.Live}, n.Amount, balance); err != nil {
		return 0, err
	}
	return balance, s.record(tx, actor, "account.credit", a.ID, creditDetail(n.Ref, n.Amount, n.Reason))
}

// booked finds what was booked with the ref of a movement, whose wallet is locked, and
// the balance after it.
func booked(tx *db.Tx, m ledger.Transfer) (balance money.Amount, found bool, err error) {
	was := ledger.Transfer{Kind: m.Kind, Ref: m.Ref}
	err = tx.QueryRow(`SELECT debit, credit, amount, memo, actor, COALESCE(credit_balance, debit_balance) FROM transfers WHERE kind = $1 AND ref = $2`,
		string(m.Kind), m.Ref).Scan(&was.Debit, &was.Credit, &was.Amount, &was.Memo, &was.Actor, &balance)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("look for a credit: %w", err)
	case was != m:
		return 0, false, otherCredit()
	}
	return balance, true, nil
}

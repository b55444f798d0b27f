// Package ledger moves money between ledger accounts. A wallet's balance always
// equals the sum of its transfers, and each wallet's transfers are a numbered
// chain in which every link states the balance after it.
//
// It knows nothing of orders or payments: they name why they move money with a
// Kind and a ref, and the pair is unique, so no movement happens twice.
package ledger

import (
	"fmt"
	"sort"
	"strings"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
)

// Mode separates real money from play money.
type Mode string

// The modes.
const (
	Live Mode = "live"
	Test Mode = "test"
)

// Kind says why money moved. With the ref it identifies a movement.
type Kind string

// The kinds in use; ref is in the comment.
const (
	OrderCharge Kind = "order"   // the order's id
	OrderRefund Kind = "refund"  // the order's id and the step of its life, with a dot between
	Credit      Kind = "credit"  // the id of the operator's act
	Opening     Kind = "opening" // the test wallet's id
	Deposit     Kind = "deposit" // the payment's id
	Prize       Kind = "prize"   // the giveaway's id and the winner's place, with a dot between
)

// House is a ledger account of the house.
type House string

// The house accounts in use.
const (
	Sales      House = "sales"
	Adjustment House = "adjustment"
	Bonus      House = "bonus"
	Giveaway   House = "giveaway"
)

// Deposits is the house account of the money that a gateway brought.
func Deposits(gateway string) House { return House(depositsPrefix + gateway) }

const depositsPrefix = "deposits:"

// Account returns the house account of a mode.
func (h House) Account(m Mode) string {
	if m == Test {
		return "test:" + string(h)
	}
	return string(h)
}

// Wallet is an account's money of one mode, locked by the transaction that read it.
type Wallet struct {
	ID         string
	AccountID  string
	Mode       Mode
	Balance    money.Amount
	Overdraft  bool  // may go below zero
	Seq        int64 // number of the last transfer
	LastNumber int64 // the highest order number given
}

// Transfer is one movement of money from Debit to Credit.
type Transfer struct {
	Kind   Kind
	Ref    string
	Debit  string // the ledger account that the amount leaves
	Credit string // the one that it reaches
	Amount money.Amount
	Memo   string // for people
	Actor  string // who moved it
}

// isWallet reports whether a ledger account is a wallet and not of the house.
func isWallet(account string) bool { return strings.HasPrefix(account, string(id.Wallet)) }

// Book is the part of the ledger that a transaction has locked. Moves are
// collected and written by Flush.
type Book struct {
	tx      *db.Tx
	wallets map[string]*Wallet
	changed map[string]bool
	rows    [][]any
}

// Open locks wallets for the rest of the transaction, in the order of their ids.
// It comes before any other row lock (see docs/money.md).
func Open(tx *db.Tx, walletIDs ...string) (*Book, error) {
	b, err := lock(tx, walletIDs, "")
	if err != nil {
		return nil, err
	}
	for _, want := range walletIDs {
		if b.wallets[want] == nil {
			return nil, fault.New(fault.NotFound, "Wallet not found")
		}
	}
	return b, nil
}

// TryOpen is Open without waiting: wallets that others have locked, and those
// that do not exist, are missing in the book.
func TryOpen(tx *db.Tx, walletIDs ...string) (*Book, error) {
	return lock(tx, walletIDs, " SKIP LOCKED")
}

func lock(tx *db.Tx, walletIDs []string, wait string) (*Book, error) {
	b := &Book{tx: tx, wallets: make(map[string]*Wallet, len(walletIDs)), changed: map[string]bool{}}
	err := tx.Each(func(s db.Scanner) error {
		w := &Wallet{}
		err := s.Scan(&w.ID, &w.AccountID, &w.Mode, &w.Balance, &w.Overdraft, &w.Seq, &w.LastNumber)
		b.wallets[w.ID] = w
		return err
	}, `
		SELECT id, account_id, mode, balance, overdraft, seq, last_number
		FROM wallets WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE`+wait, walletIDs)
	if err != nil {
		return nil, fmt.Errorf("lock wallets: %w", err)
	}
	return b, nil
}

// Wallet returns a locked wallet.
func (b *Book) Wallet(walletID string) *Wallet { return b.wallets[walletID] }

// NextNumber gives out the next order number of a wallet. Numbers are positive,
// never reused, and stay within a signed 32-bit integer.
func (b *Book) NextNumber(walletID string) (int64, error) {
	const limit = 1<<31 - 1
	w := b.wallets[walletID]
	if w.LastNumber >= limit {
		return 0, fault.New(fault.Conflict, "No order numbers are left for this account")
	}
	w.LastNumber++
	b.changed[walletID] = true
	return w.LastNumber, nil
}

// TakeNumberBack undoes the last NextNumber of a wallet in the same transaction,
// for an order that was refused after all.
func (b *Book) TakeNumberBack(walletID string) { b.wallets[walletID].LastNumber-- }

// Move books a transfer. A wallet that would fall below zero refuses it with
// InsufficientFunds and nothing changes. An amount of zero moves nothing and
// leaves no row.
func (b *Book) Move(t Transfer) error {
	if t.Amount == 0 {
		return nil
	}
	if t.Amount < 0 {
		return fmt.Errorf("transfer %s %s: negative amount %s", t.Kind, t.Ref, t.Amount)
	}
	from, to := b.wallets[t.Debit], b.wallets[t.Credit]
	if from == nil && isWallet(t.Debit) || to == nil && isWallet(t.Credit) {
		return fmt.Errorf("transfer %s %s: a wallet that is not locked", t.Kind, t.Ref)
	}
	if from != nil && !from.Overdraft && from.Balance < t.Amount {
		return fault.New(fault.InsufficientFunds, "Insufficient balance").Because(fault.NoFunds)
	}
	debitSeq, debitBalance := b.link(from, -t.Amount)
	creditSeq, creditBalance := b.link(to, t.Amount)
	b.rows = append(b.rows, []any{
		id.New(id.Transfer), string(t.Kind), t.Ref, t.Debit, debitSeq, debitBalance,
		t.Credit, creditSeq, creditBalance, t.Amount, t.Memo, t.Actor, db.At(b.tx.Now),
	})
	return nil
}

// link adds a movement to a wallet's chain; a house account has none.
func (b *Book) link(w *Wallet, by money.Amount) (seq, balance *int64) {
	if w == nil {
		return nil, nil
	}
	w.Seq++
	w.Balance += by
	b.changed[w.ID] = true
	after, number := int64(w.Balance), w.Seq
	return &number, &after
}

// Flush writes the collected transfers and the wallets that they changed.
func (b *Book) Flush() error {
	err := b.tx.ExecMany(`
		INSERT INTO transfers (id, kind, ref, debit, debit_seq, debit_balance,
			credit, credit_seq, credit_balance, amount, memo, actor, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, b.rows)
	if err != nil {
		return fmt.Errorf("book transfers: %w", err)
	}
	ids := make([]string, 0, len(b.changed))
	for walletID := range b.changed {
		ids = append(ids, walletID)
	}
	sort.Strings(ids)
	updates := make([][]any, len(ids))
	for i, walletID := range ids {
		w := b.wallets[walletID]
		updates[i] = []any{w.ID, w.Balance, w.Seq, w.LastNumber}
	}
	err = b.tx.ExecMany(`UPDATE wallets SET balance = $2, seq = $3, last_number = $4 WHERE id = $1`, updates)
	if err != nil {
		return fmt.Errorf("update wallets: %w", err)
	}
	b.rows, b.changed = nil, map[string]bool{}
	return nil
}

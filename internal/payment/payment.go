// Package payment brings money from outside to wallets. A customer says what they
// will pay, which is a payment that waits; it is credited once, when the money is
// known to have come, or rejected with a reason that the customer reads.
package payment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/plain"
)

// State is how far a payment is.
type State string

// The states. All but the first are final.
const (
	Waiting   State = "waiting"
	Credited  State = "credited"  // its transfer is in the ledger
	Rejected  State = "rejected"  // by the panel, with a reason
	Withdrawn State = "withdrawn" // by the account itself
)

// Gateway is the way on which money comes.
type Gateway string

// Manual is a transfer that the operator looks for and approves.
const Manual Gateway = "manual"

// Bounds of what a payment says.
const (
	MaxWaiting   = 5 // payments of an account that wait at a time
	MaxReference = 140
	MaxReason    = 500
)

// Reasons of refusals that have words of their own in each language.
const (
	TooMany    fault.Reason = "too_many_topups"
	NotOffered fault.Reason = "topups_closed"
	// To who decides.
	Decided         fault.Reason = "topup_decided"
	Waits           fault.Reason = "topup_waits"            // with the same amount and reference
	AlreadyCredited fault.Reason = "topup_already_credited" // the same
)

// Payment is money that came, or is said to come, to an account's live wallet.
type Payment struct {
	ID        string
	AccountID string
	Gateway   Gateway
	State     State
	Asked     money.Amount // what the account said that it pays
	Amount    money.Amount // what was credited; 0 unless it is
	Reference string       // by which the operator finds it, in the account's words
	Reason    string       // why it was rejected

	RequestedAt time.Time
	DecidedAt   time.Time // zero while it waits
	DecidedBy   string
}

var (
	errNotFound   = fault.New(fault.NotFound, "Top-up not found")
	errNotOffered = fault.New(fault.Conflict, "Top-ups by transfer are not offered").Because(NotOffered)
	errTooMany    = fault.Newf(fault.Conflict, "%d top-ups are waiting already: wait for one of them, or withdraw it", MaxWaiting).Because(TooMany)
)

// Store keeps payments. Times are the database's.
type Store struct {
	// Tell is called with a payment that the panel decided, in the transaction that
	// does. It tells nobody until it is set.
	Tell func(tx *db.Tx, p Payment) error

	db    *db.DB
	guard account.Guard
}

// Under returns the store that decides for those accounts that a guard lets through.
func (s *Store) Under(g account.Guard) *Store {
	guarded := *s
	guarded.guard = g
	return &guarded
}

// NewStore returns the payments of a database.
func NewStore(d *db.DB) *Store {
	return &Store{Tell: func(*db.Tx, Payment) error { return nil }, db: d}
}

const columns = `id, account_id, gateway, state, asked, amount, reference, reason, requested_at, decided_at, decided_by`

func scan(s db.Scanner) (p Payment, err error) {
	err = s.Scan(&p.ID, &p.AccountID, &p.Gateway, &p.State, &p.Asked, &p.Amount, &p.Reference, &p.Reason,
		db.Time(&p.RequestedAt), db.Time(&p.DecidedAt), &p.DecidedBy)
	return p, err
}

// Request records that an account pays an amount by a manual transfer, which its
// reference names. The same request again, while it waits, is the same payment: a
// form that is sent twice asks once. It is a conflict where the panel offers no
// transfers or too many payments of the account wait.
func (s *Store) Request(ctx context.Context, accountID string, asked money.Amount, reference string) (p Payment, err error) {
	made, err := newManual(accountID, asked, reference)
	if err != nil {
		return p, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		p = made // also when it runs again
		offered, err := offer(tx)
		if err != nil {
			return err
		}
		if err := inTurn(tx, accountID); err != nil {
			return err
		}
		if err := notClosed(tx, accountID); err != nil {
			return err
		}
		waiting, err := db.All(tx, scan, `SELECT `+columns+` FROM payments WHERE account_id = $1 AND state = 'waiting' ORDER BY id`, accountID)
		if err != nil {
			return fmt.Errorf("request a top-up: %w", err)
		}
		same := slices.IndexFunc(waiting, func(w Payment) bool {
			return w.Gateway == p.Gateway && w.Asked == p.Asked && w.Reference == p.Reference
		})
		if same >= 0 {
			p = waiting[same]
			return nil
		}
		if !offered.Open() {
			return errNotOffered
		}
		if err := offered.takes(asked); err != nil {
			return err
		}
		if len(waiting) >= MaxWaiting {
			return errTooMany
		}
		return insert(tx, &p)
	})
	return p, err
}

// newManual is a payment that waits, not yet stored.
func newManual(accountID string, asked money.Amount, reference string) (Payment, error) {
	p := Payment{
		ID: id.New(id.Payment), AccountID: accountID, Gateway: Manual, State: Waiting,
		Asked: asked, Reference: strings.TrimSpace(reference),
	}
	if err := checkAmount(asked); err != nil {
		return p, err
	}
	return p, checkText("reference", p.Reference, MaxReference)
}

// inTurn makes what adds payments to an account go one after the other, so that
// bounds hold and equal requests meet.
func inTurn(tx *db.Tx, accountID string) error {
	err := tx.QueryRow(`SELECT id FROM accounts WHERE id = $1 FOR NO KEY UPDATE`, accountID).Scan(&accountID)
	if errors.Is(err, db.ErrNoRows) {
		return fault.New(fault.NotFound, "Account not found")
	}
	if err != nil {
		return fmt.Errorf("lock an account: %w", err)
	}
	return nil
}

// notClosed refuses what an account asks for that was closed meanwhile. What the
// operator adds is booked all the same: the money came.
func notClosed(tx *db.Tx, accountID string) error {
	var closed bool
	err := tx.QueryRow(`SELECT closed_at IS NOT NULL FROM accounts WHERE id = $1`, accountID).Scan(&closed)
	if err == nil && closed {
		return fault.New(fault.Conflict, "Account closed")
	}
	if err != nil {
		return fmt.Errorf("request a top-up: %w", err)
	}
	return nil
}

func insert(tx *db.Tx, p *Payment) error {
	p.RequestedAt = tx.Now
	_, err := tx.Exec(`INSERT INTO payments (id, account_id, gateway, state, asked, reference, requested_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		p.ID, p.AccountID, string(p.Gateway), string(p.State), p.Asked, p.Reference, db.At(tx.Now))
	if err != nil {
		return fmt.Errorf("store a top-up: %w", err)
	}
	return nil
}

func checkAmount(a money.Amount) error {
	if a <= 0 || a > money.Max {
		return fault.Newf(fault.Invalid, "amount must be more than 0 and at most %s", money.Max).Because(fault.BadField, "amount")
	}
	return nil
}

// Find returns one payment.
func (s *Store) Find(ctx context.Context, paymentID string) (p Payment, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		p, err = find(tx, paymentID, "")
		return err
	})
	return p, err
}

func find(tx *db.Tx, paymentID, lock string) (Payment, error) {
	p, err := scan(tx.QueryRow(`SELECT `+columns+` FROM payments WHERE id = $1`+lock, paymentID))
	if errors.Is(err, db.ErrNoRows) {
		return p, errNotFound
	}
	if err != nil {
		return p, fmt.Errorf("read a top-up: %w", err)
	}
	return p, nil
}

// Of returns an account's payments, the newest first, that come before one; an
// empty id begins with the newest.
func (s *Store) Of(ctx context.Context, accountID, beforeID string, limit int) ([]Payment, error) {
	return s.list(ctx, `WHERE account_id = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3`, accountID, beforeID, limit)
}

// AllWaiting returns the payments that somebody must look at, the oldest first.
func (s *Store) AllWaiting(ctx context.Context, afterID string, limit int) ([]Payment, error) {
	return s.list(ctx, `WHERE state = 'waiting' AND id > $1 ORDER BY id LIMIT $2`, afterID, limit)
}

// All returns the payments of every account, the newest first, that come before one.
func (s *Store) All(ctx context.Context, beforeID string, limit int) ([]Payment, error) {
	return s.list(ctx, `WHERE ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2`, beforeID, limit)
}

func (s *Store) list(ctx context.Context, where string, args ...any) (all []Payment, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scan, `SELECT `+columns+` FROM payments `+where, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list top-ups: %w", err)
	}
	return all, nil
}

// checkText refuses an empty or long text, and one that is not a plain line.
func checkText(field, text string, most int) error {
	if text == "" || utf8.RuneCountInString(text) > most {
		return fault.Newf(fault.Invalid, "%s must have 1 to %d characters", field, most).Because(fault.BadField, field)
	}
	return plain.Line(field, text)
}

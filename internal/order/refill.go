package order

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/panel"
)

// RefillState is how far a refill got.
type RefillState string

// The states of a refill.
const (
	RefillPending    RefillState = "pending" // requested; the provider may not know yet
	RefillInProgress RefillState = "in_progress"
	RefillCompleted  RefillState = "completed"
	RefillRejected   RefillState = "rejected"
)

// Ended reports whether nothing more becomes of the refill.
func (s RefillState) Ended() bool { return s == RefillCompleted || s == RefillRejected }

// Refill is the wish to have delivered again what an order lost.
type Refill struct {
	ID          string
	OrderID     string
	AccountID   string
	Mode        ledger.Mode
	Number      int64 // unique per account and mode
	KeyID       string
	State       RefillState
	Reason      string // why it was rejected, for the customer
	ProviderID  string
	UpstreamID  string // the provider's id, "" where it gives none
	Tries       int64
	EverUnknown bool      // a call for it once had no answer
	DueAt       time.Time // when the provider is told
	NextCheckAt time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time
	FinishedAt  time.Time
}

const refillColumns = `id, order_id, account_id, mode, number, key_id, state, reason, provider_id, upstream_id, tries, ever_unknown,
	due_at, next_check_at, created_at, updated_at, finished_at`

func scanRefill(s db.Scanner) (*Refill, error) {
	r := &Refill{}
	err := s.Scan(&r.ID, &r.OrderID, &r.AccountID, &r.Mode, &r.Number, &r.KeyID, &r.State, &r.Reason, &r.ProviderID,
		db.String(&r.UpstreamID), &r.Tries, &r.EverUnknown,
		db.Time(&r.DueAt), db.Time(&r.NextCheckAt), db.Time(&r.CreatedAt), db.Time(&r.UpdatedAt), db.Time(&r.FinishedAt))
	return r, err
}

// ErrNoRefill answers for a refill that is not there or another account's.
var ErrNoRefill = fault.New(fault.NotFound, "Refill not found").Because(fault.NoRefill)

// Why a refill is refused, as the first of the refusal's Args; the second is the
// number in the comment.
const (
	RefillParts   = "parts" // the order's runs and posts can be refilled
	RefillUnended = "unended"
	RefillNone    = "none" // the service has no refill
	RefillLate    = "late" // the days after the end in which it has one
	RefillOpen    = "open" // another one is in progress
	RefillHad     = "had"  // how many an order has at most
)

// notRefillable refuses a refill with its reason.
func notRefillable(why string, n int64, text string) error {
	return fault.New(fault.Conflict, "Refill not available: "+text).Because(fault.NotRefillable, why, strconv.FormatInt(n, 10))
}

// Refiller takes customers' wishes for refills.
type Refiller struct {
	db     *db.DB
	wished func()
}

// NewRefiller returns the refiller of d's orders. Wished is called after a wish
// was stored; it may be nil.
func NewRefiller(d *db.DB, wished func()) *Refiller {
	if wished == nil {
		wished = func() {}
	}
	return &Refiller{db: d, wished: wished}
}

// Request records the wish to refill an order of the scope. It is refused for
// orders that have not ended with a delivery, for services without refill, after
// the service's days, beside another one of the order, and beyond the service's
// number for each order, and while the panel is closed for maintenance.
func (f *Refiller) Request(ctx context.Context, in Scope, ref Ref, actor string) (r *Refill, err error) {
	err = f.db.Write(ctx, func(tx *db.Tx) error {
		if err := panel.MustBeOpen(tx); err != nil {
			return err
		}
		found, err := find(tx, in, ref)
		if err != nil {
			return err
		}
		o, _, err := Lock(tx, found.ID)
		if err != nil {
			return err
		}
		if err := refillable(tx, o); err != nil {
			return err
		}
		r, err = insertRefill(tx, o, actor)
		return err
	})
	if err == nil {
		f.wished()
	}
	return r, err
}

// refillable says why an order can't be refilled now.
func refillable(tx *db.Tx, o *Order) error {
	switch {
	case o.Kind == Drip || o.Kind == Subscription:
		return notRefillable(RefillParts, 0, "the order has parts: refill those")
	case o.State != Completed && o.State != Partial:
		return notRefillable(RefillUnended, 0, "the order is "+o.State.Word())
	}
	var refill bool
	var days, most int64
	err := tx.QueryRow(`SELECT refill, refill_days, refill_most FROM services WHERE id = $1`, o.ServiceID).Scan(&refill, &days, &most)
	if err != nil {
		return fmt.Errorf("service of %s: %w", o.ID, err)
	}
	if !refill {
		return notRefillable(RefillNone, 0, "the service has no refill")
	}
	if days > 0 && !tx.Now.Before(o.FinishedAt.AddDate(0, 0, int(days))) {
		return notRefillable(RefillLate, days, fmt.Sprintf("the order ended more than %d days ago", days))
	}
	var had, open int64
	err = tx.QueryRow(`
		SELECT COUNT(CASE WHEN state <> 'rejected' THEN 1 END), COUNT(CASE WHEN state IN ('pending', 'in_progress') THEN 1 END)
		FROM refills WHERE order_id = $1`, o.ID).Scan(&had, &open)
	switch {
	case err != nil:
		return fmt.Errorf("refills of %s: %w", o.ID, err)
	case open > 0:
		return notRefillable(RefillOpen, 0, "one is in progress")
	case had >= most:
		return notRefillable(RefillHad, most, fmt.Sprintf("the order has had its %d", most))
	}
	return nil
}

// insertRefill gives the refill its number and notes it on its order.
func insertRefill(tx *db.Tx, o *Order, actor string) (*Refill, error) {
	r := &Refill{
		ID: id.New(id.Refill), OrderID: o.ID, AccountID: o.AccountID, Mode: o.Mode, KeyID: actor, State: RefillPending,
		ProviderID: o.ProviderID, DueAt: tx.Now, CreatedAt: tx.Now, UpdatedAt: tx.Now,
	}
	err := tx.QueryRow(`
		UPDATE wallets SET last_refill = CASE WHEN last_refill < first_number THEN first_number ELSE last_refill END + 1
		WHERE id = $1 AND last_refill < 2147483647 RETURNING last_refill`, o.WalletID).Scan(&r.Number)
	if errors.Is(err, db.ErrNoRows) {
		return nil, fault.New(fault.Conflict, "No refill numbers are left for this account")
	}
	if err != nil {
		return nil, fmt.Errorf("number a refill: %w", err)
	}
	_, err = tx.Exec(`
		INSERT INTO refills (id, order_id, account_id, mode, number, key_id, state, provider_id, due_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)`,
		r.ID, r.OrderID, r.AccountID, string(r.Mode), r.Number, r.KeyID, string(r.State), r.ProviderID, db.At(r.DueAt), db.At(tx.Now))
	if err != nil {
		return nil, fmt.Errorf("insert refill: %w", err)
	}
	return r, Note(tx, o, actor, refillNote(r, "requested"))
}

// FoundRefill is one answer of Status: a refill or why there is none.
type FoundRefill struct {
	Refill *Refill
	Err    error
}

// Status returns the refills of the scope that refs name, in their order.
func (f *Refiller) Status(ctx context.Context, in Scope, refs []Ref) (all []FoundRefill, err error) {
	err = f.db.Read(ctx, func(tx *db.Tx) error {
		all = make([]FoundRefill, len(refs))
		for i, ref := range refs {
			r, err := findRefill(tx, in, ref)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			all[i] = FoundRefill{Refill: r, Err: err}
		}
		return nil
	})
	return all, err
}

// ByOrder returns the newest refill of an order of the scope.
func (f *Refiller) ByOrder(ctx context.Context, in Scope, ref Ref) (r *Refill, err error) {
	err = f.db.Read(ctx, func(tx *db.Tx) error {
		o, err := find(tx, in, ref)
		if err != nil {
			return err
		}
		r, err = oneRefill(tx.QueryRow(`SELECT `+refillColumns+` FROM refills WHERE order_id = $1 ORDER BY id DESC LIMIT 1`, o.ID))
		return err
	})
	return r, err
}

// RefillsOf returns an order's refills, the first one first.
func RefillsOf(tx *db.Tx, orderID string) ([]*Refill, error) {
	all, err := db.All(tx, scanRefill, `SELECT `+refillColumns+` FROM refills WHERE order_id = $1 ORDER BY id`, orderID)
	if err != nil {
		return nil, fmt.Errorf("refills of %s: %w", orderID, err)
	}
	return all, nil
}

func findRefill(tx *db.Tx, in Scope, ref Ref) (*Refill, error) {
	text := `SELECT ` + refillColumns + ` FROM refills WHERE account_id = $1 AND mode = $2 AND `
	switch number, isNumber := numberOf(ref); {
	case isNumber:
		return oneRefill(tx.QueryRow(text+`number = $3`, in.AccountID, string(in.Mode), number))
	case id.Valid(id.Refill, string(ref)):
		return oneRefill(tx.QueryRow(text+`id = $3`, in.AccountID, string(in.Mode), string(ref)))
	}
	return nil, ErrNoRefill
}

func oneRefill(row db.Scanner) (*Refill, error) {
	r, err := scanRefill(row)
	if errors.Is(err, db.ErrNoRows) {
		return nil, ErrNoRefill
	}
	if err != nil {
		return nil, fmt.Errorf("find refill: %w", err)
	}
	return r, nil
}

// LockRefill locks a refill's order and then the refill.
func LockRefill(tx *db.Tx, refillID string) (*Order, *Refill, error) {
	var orderID string // never changes, so it may be read before the lock
	err := tx.QueryRow(`SELECT order_id FROM refills WHERE id = $1`, refillID).Scan(&orderID)
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil, ErrNoRefill
	}
	if err != nil {
		return nil, nil, fmt.Errorf("find refill %s: %w", refillID, err)
	}
	o, err := LockAlone(tx, orderID)
	if err != nil {
		return nil, nil, err
	}
	r, err := oneRefill(tx.QueryRow(`SELECT `+refillColumns+` FROM refills WHERE id = $1 FOR NO KEY UPDATE`, refillID))
	return o, r, err
}

// MoveRefill moves a locked refill on, notes it on its order, and writes both.
func MoveRefill(tx *db.Tx, o *Order, r *Refill, to RefillState, reason string) error {
	if r.State.Ended() || to == RefillPending {
		return fmt.Errorf("refill %s: %s can't become %s", r.ID, r.State, to)
	}
	r.State, r.DueAt = to, noTime
	if to.Ended() {
		r.FinishedAt, r.NextCheckAt = tx.Now, noTime
	}
	if err := SaveRefill(tx, r); err != nil {
		return err
	}
	if to.Ended() {
		o.Events++
	}
	if err := Note(tx, o, "panel", refillNote(r, string(to))+": "+reason); err != nil {
		return err
	}
	switch to {
	case RefillCompleted:
		return event.Write(tx, o.event(event.RefillCompleted, r.ID))
	case RefillRejected:
		return event.Write(tx, o.event(event.RefillRejected, r.ID))
	case RefillPending, RefillInProgress:
	}
	return nil
}

// refillNote begins the timeline's notes of a refill.
func refillNote(r *Refill, what string) string {
	return "refill " + strconv.FormatInt(r.Number, 10) + " " + what
}

// SaveRefill writes a locked refill without a step of its life.
func SaveRefill(tx *db.Tx, r *Refill) error {
	_, err := tx.Exec(`
		UPDATE refills SET state = $2, reason = $3, upstream_id = $4, tries = $5, ever_unknown = $6, due_at = $7, next_check_at = $8,
			updated_at = $9, finished_at = $10 WHERE id = $1`,
		r.ID, string(r.State), r.Reason, db.Text(r.UpstreamID), r.Tries, r.EverUnknown, db.At(r.DueAt), db.At(r.NextCheckAt),
		db.At(tx.Now), db.At(r.FinishedAt))
	if err != nil {
		return fmt.Errorf("save refill %s: %w", r.ID, err)
	}
	return nil
}

// ClaimRefills takes up to most refills of a provider that it has to be told of,
// and moves their time by lease, so that nobody else tells it meanwhile.
func ClaimRefills(tx *db.Tx, providerID string, most int, lease time.Duration) ([]*Refill, error) {
	return claimRefills(tx, "due_at", providerID, most, lease)
}

// ClaimRefillChecks takes up to most refills of a provider that are due to be
// asked about, and moves their next check by lease.
func ClaimRefillChecks(tx *db.Tx, providerID string, most int, lease time.Duration) ([]*Refill, error) {
	return claimRefills(tx, "next_check_at", providerID, most, lease)
}

func claimRefills(tx *db.Tx, column, providerID string, most int, lease time.Duration) ([]*Refill, error) {
	due, err := db.All(tx, scanRefill, `SELECT `+refillColumns+` FROM refills
		WHERE provider_id = $1 AND `+column+` <= $2 ORDER BY `+column+` LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED`,
		providerID, db.At(tx.Now), most)
	if err != nil {
		return nil, fmt.Errorf("find refills: %w", err)
	}
	args := make([][]any, len(due))
	for i, r := range due {
		args[i] = []any{r.ID, db.At(tx.Now.Add(lease))}
	}
	if err := tx.ExecMany(`UPDATE refills SET `+column+` = $2 WHERE id = $1`, args); err != nil {
		return nil, fmt.Errorf("claim refills: %w", err)
	}
	return due, nil
}

// RefillTaken reports whether a refill here has that id of its provider's already.
func RefillTaken(tx *db.Tx, providerID, upstreamID string) (taken bool, err error) {
	if upstreamID == "" {
		return false, nil
	}
	err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM refills WHERE provider_id = $1 AND upstream_id = $2)`, providerID, upstreamID).Scan(&taken)
	if err != nil {
		return false, fmt.Errorf("look for refill %s: %w", upstreamID, err)
	}
	return taken, nil
}

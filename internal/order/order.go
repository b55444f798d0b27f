// Package order owns orders: placing them, every change of their state, what
// they refund and the trail of all that.
//
// It uses the ledger and the catalogue. It does not know providers: who forwards
// and follows orders reports what happened through Transition.
package order

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// ErrNotFound answers for an order that is not there or another account's.
var ErrNotFound = fault.New(fault.NotFound, "Order not found").Because(fault.NoOrder)

// Kind says what an order is to others.
type Kind string

// The kinds. Runs and posts are charged with their parent: they move no money of
// their own but refunds.
const (
	Single       Kind = "single"
	Drip         Kind = "drip" // delivered in runs; it is never sent itself
	Run          Kind = "run"  // one run of a drip
	Subscription Kind = "subscription"
	Post         Kind = "post" // of a subscription; the provider makes it
)

// CancelState says how far a customer's wish to cancel a running order got.
type CancelState string

// The states of a wish.
const (
	NoWish          CancelState = ""
	CancelWished    CancelState = "wished"    // on record, not yet told to the provider
	CancelForwarded CancelState = "forwarded" // the provider took it; its status says what becomes of the order
	CancelRefused   CancelState = "refused"
)

// Order is one order as it stands.
type Order struct {
	ID          string
	Kind        Kind
	ParentID    string // of a run or post
	Run         int64  // which run or post it is, from 1; of a parent: how many there are
	Runs        int64  // of a parent: how many there are to be
	Every       int64  // minutes between runs
	NextRunAt   time.Time
	PausedAt    time.Time
	AccountID   string
	Mode        ledger.Mode
	WalletID    string
	Number      int64 // unique per account and mode
	KeyID       string
	RequestID   string
	RequestHash string

	ServiceID    int64
	Link         string
	LinkKey      string // the same for orders with the same target
	Quantity     int64  // of a parent: of each run or post
	Fields       Values
	Expiry       string       // a subscription's last day by its provider, as YYYY-MM-DD; "": it said none
	Rate         money.Amount // own price per 1,000 that it was sold at
	Cost         money.Amount // what the source took per 1,000 then
	Exchange     int64        // billionths of the panel's currency for one unit of the source's, then
	CatalogEpoch int64
	Charge       money.Amount
	Refunded     money.Amount

	State        State
	Step         int64  // number of the last row of the timeline
	Events       int64  // how many events it has caused
	Attention    string // why a person should look; "" is nothing
	CancelWishAt time.Time
	CancelState  CancelState
	CancelDueAt  time.Time // when the wish is told to the provider
	CancelTries  int64
	Released     bool   // a person let it pass the rules that hold orders
	Refusal      string // the words that it was last refused with, for staff
	EverUnknown  bool   // a submission of it once had an unknown outcome
	Generation   int64  // rises when a provider's order is certain not to exist

	ProviderID      string
	ProviderService string
	Preference      int64  // of the source, among its service's
	EqualKey        string // the same for orders that a provider can't tell apart
	UpstreamID      string // the provider's id, "" before acceptance
	StartCount      *int64 // nil: unknown
	Remains         *int64 // nil: unknown
	ProviderCharge  *money.Amount
	Tries           int64 // refusals and failures to send, for the back-off

	DueAt       time.Time // pending: not forwarded before
	GiveUpAt    time.Time // canceled and refunded if it still waits then
	NextCheckAt time.Time // when the provider is asked again
	AcceptedAt  time.Time
	StartedAt   time.Time // when delivery was first seen
	FinishedAt  time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time

	stored [][]any // what is in the database of the columns that change; nil: not known
}

// Paid is what the order costs the customer now: charge less refunds.
func (o *Order) Paid() money.Amount { return o.Charge - o.Refunded }

const columns = `id, account_id, mode, wallet_id, number, key_id, request_id, request_hash,
	kind, parent_id, run, runs, every_minutes, next_run_at, paused_at,
	service_id, link, link_key, quantity, fields, expiry, rate, cost, exchange, catalog_epoch, charge, refunded,
	state, step, events, attention, cancel_wish_at, cancel_state, cancel_due_at, cancel_tries, released, refusal, ever_unknown, generation,
	provider_id, provider_service, preference, equal_key, upstream_id, start_count, remains, provider_charge, tries,
	due_at, give_up_at, next_check_at, accepted_at, started_at, finished_at, created_at, updated_at`

func scan(s db.Scanner) (*Order, error) {
	o := &Order{}
	var run *int64
	var fields string
	err := s.Scan(&o.ID, &o.AccountID, &o.Mode, &o.WalletID, &o.Number, &o.KeyID, &o.RequestID, &o.RequestHash,
		&o.Kind, db.String(&o.ParentID), &run, &o.Runs, &o.Every, db.Time(&o.NextRunAt), db.Time(&o.PausedAt),
		&o.ServiceID, &o.Link, db.String(&o.LinkKey), &o.Quantity, &fields, &o.Expiry, &o.Rate, &o.Cost, &o.Exchange, &o.CatalogEpoch, &o.Charge, &o.Refunded,
		&o.State, &o.Step, &o.Events, &o.Attention, db.Time(&o.CancelWishAt), &o.CancelState, db.Time(&o.CancelDueAt), &o.CancelTries, &o.Released, &o.Refusal, &o.EverUnknown, &o.Generation,
		&o.ProviderID, &o.ProviderService, &o.Preference, &o.EqualKey, db.String(&o.UpstreamID), &o.StartCount, &o.Remains, &o.ProviderCharge, &o.Tries,
		db.Time(&o.DueAt), db.Time(&o.GiveUpAt), db.Time(&o.NextCheckAt), db.Time(&o.AcceptedAt), db.Time(&o.StartedAt), db.Time(&o.FinishedAt),
		db.Time(&o.CreatedAt), db.Time(&o.UpdatedAt))
	if err != nil {
		return o, err
	}
	return o, o.fill(run, fields)
}

// fill sets what is stored in another form.
func (o *Order) fill(run *int64, fields string) (err error) {
	if run != nil {
		o.Run = *run
	}
	o.Fields, err = readValues(fields)
	return err
}

// Scope is whose orders a request may see: an account's of one mode.
type Scope struct {
	AccountID string
	Mode      ledger.Mode
}

// Ref names an order as its customer does: by id or by number.
type Ref string

// find reads an order of the scope. Another account's or mode's is not there.
func find(tx *db.Tx, in Scope, ref Ref) (*Order, error) {
	text := `SELECT ` + columns + ` FROM orders WHERE account_id = $1 AND mode = $2 AND `
	var arg any = string(ref)
	switch number, isNumber := numberOf(ref); {
	case isNumber:
		text, arg = text+`number = $3`, number
	case id.Valid(id.Order, string(ref)):
		text += `id = $3`
	default:
		return nil, ErrNotFound
	}
	o, err := scan(tx.QueryRow(text, in.AccountID, string(in.Mode), arg))
	if errors.Is(err, db.ErrNoRows) {
		return nil, ErrNotFound
	}
	return o, err
}

// numberOf reads a reference that is an order's number, in its one spelling.
func numberOf(ref Ref) (int64, bool) {
	number, err := strconv.ParseInt(string(ref), 10, 32)
	return number, err == nil && number > 0 && strconv.FormatInt(number, 10) == string(ref)
}

// Get returns any order by its id, for staff and workers.
func Get(tx *db.Tx, orderID string) (*Order, error) {
	o, err := scan(tx.QueryRow(`SELECT `+columns+` FROM orders WHERE id = $1`, orderID))
	if errors.Is(err, db.ErrNoRows) {
		return nil, ErrNotFound
	}
	return o, err
}

// Lock locks an order's wallet and then the order, the order of locks that every
// transaction keeps, and returns both.
func Lock(tx *db.Tx, orderID string) (*Order, *ledger.Book, error) {
	var walletID string // never changes, so it may be read before the lock
	err := tx.QueryRow(`SELECT wallet_id FROM orders WHERE id = $1`, orderID).Scan(&walletID)
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil, ErrNotFound
	}
	if err != nil {
		return nil, nil, fmt.Errorf("find order %s: %w", orderID, err)
	}
	book, err := ledger.Open(tx, walletID)
	if err != nil {
		return nil, nil, err
	}
	o, err := LockAlone(tx, orderID)
	return o, book, err
}

// LockFor locks an order that was read before. Its wallet is locked with it only where
// the change may give money back: what is reported of an account's orders would come
// one after the other, each until its commit, and most of it moves no money. There the
// book is nil.
//
// What has a parent or is one is always locked under its wallet: its end changes another order.
func LockFor(tx *db.Tx, known *Order, refund bool) (*Order, *ledger.Book, error) {
	if refund || known.Kind != Single {
		return Lock(tx, known.ID)
	}
	o, err := LockAlone(tx, known.ID)
	return o, nil, err
}

// LockAlone locks an order without its wallet, for changes that book no money.
func LockAlone(tx *db.Tx, orderID string) (*Order, error) {
	o, err := scan(tx.QueryRow(`SELECT `+columns+` FROM orders WHERE id = $1 FOR NO KEY UPDATE`, orderID))
	if errors.Is(err, db.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("lock order %s: %w", orderID, err)
	}
	o.remember()
	return o, nil
}

// tryLock is LockAlone without waiting, of an order that is there: ErrLocked where
// somebody else has locked it.
func tryLock(tx *db.Tx, orderID string) (*Order, error) {
	o, err := scan(tx.QueryRow(`SELECT `+columns+` FROM orders WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED`, orderID))
	if errors.Is(err, db.ErrNoRows) {
		return nil, db.ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("lock order %s: %w", orderID, err)
	}
	return o, nil
}

// Store answers questions about orders.
type Store struct{ db *db.DB }

// NewStore returns the orders of d.
func NewStore(d *db.DB) *Store { return &Store{db: d} }

// ByRequestID returns the id of the order that a request made.
func (s *Store) ByRequestID(ctx context.Context, in Scope, requestID string) (ref Ref, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		var orderID string
		err := tx.QueryRow(`SELECT id FROM orders WHERE account_id = $1 AND mode = $2 AND request_id = $3`,
			in.AccountID, string(in.Mode), requestID).Scan(&orderID)
		if errors.Is(err, db.ErrNoRows) {
			return ErrNotFound
		}
		ref = Ref(orderID)
		return err
	})
	return ref, err
}

// dueOrders come in the order of their index: another one, be it of ids among those that
// are due at the same time, would have every due order read and sorted for the first few,
// and a backlog be the slower to clear the longer it is.
const dueOrders = `SELECT ` + columns + ` FROM orders o
	WHERE provider_id = $1 AND due_at <= $2 AND state = 'pending' AND mode = 'live'
		AND NOT EXISTS (SELECT 1 FROM submissions s WHERE s.equal_key = o.equal_key AND s.outcome IN ('sending', 'unknown'))
	ORDER BY due_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED`

// Due locks up to most pending orders of a provider that may be sent now, the
// oldest first. It passes over those that wait for an equal one, of which a
// submission is under way or has an unknown outcome.
func Due(tx *db.Tx, providerID string, most int) ([]*Order, error) {
	due, err := db.All(tx, scan, dueOrders, providerID, db.At(tx.Now), most)
	slices.SortStableFunc(due, func(a, b *Order) int { return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID)) })
	return due, err
}

// HolderOf returns the order that already has an upstream id, if there is one.
func HolderOf(tx *db.Tx, providerID, upstreamID string) (orderID string, found bool, err error) {
	err = tx.QueryRow(`SELECT id FROM orders WHERE provider_id = $1 AND upstream_id = $2`, providerID, upstreamID).Scan(&orderID)
	if errors.Is(err, db.ErrNoRows) {
		return "", false, nil
	}
	return orderID, err == nil, err
}

// ClaimChecks takes up to most orders of a provider that are due to be asked
// about, the longest due first, and moves their next check by lease, so that
// nobody else asks meanwhile.
func ClaimChecks(tx *db.Tx, providerID string, most int, lease time.Duration) ([]*Order, error) {
	due, err := db.All(tx, scan, `SELECT `+columns+` FROM orders
		WHERE provider_id = $1 AND next_check_at <= $2 AND upstream_id IS NOT NULL
		ORDER BY next_check_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED`, providerID, db.At(tx.Now), most)
	if err != nil {
		return nil, fmt.Errorf("find checks: %w", err)
	}
	until := tx.Now.Add(lease)
	args := make([][]any, len(due))
	for i, o := range due {
		o.NextCheckAt = until
		args[i] = []any{o.ID, db.At(until)}
	}
	if err := tx.ExecMany(`UPDATE orders SET next_check_at = $2 WHERE id = $1`, args); err != nil {
		return nil, fmt.Errorf("claim checks: %w", err)
	}
	return due, nil
}

// Reschedule sets when claimed orders are asked about again, those that moved
// meanwhile excepted.
func Reschedule(tx *db.Tx, claimed []*Order, next func(o *Order, now time.Time) time.Time) error {
	args := make([][]any, len(claimed))
	for i, o := range claimed {
		args[i] = []any{o.ID, db.At(next(o, tx.Now)), db.At(o.NextCheckAt)}
	}
	err := tx.ExecMany(`UPDATE orders SET next_check_at = $2 WHERE id = $1 AND next_check_at = $3`, args)
	if err != nil {
		return fmt.Errorf("reschedule checks: %w", err)
	}
	return nil
}

// Whole is an order with all that belongs to it.
type Whole struct {
	*Order

	Steps   []Step
	Parts   []Part // of a drip-feed its runs so far, of a subscription its posts
	Refills []*Refill
	May     May
	Parent  int64 // the number of the parent of a run or post
}

// Whole returns an order of the scope and all that belongs to it.
func (s *Store) Whole(ctx context.Context, in Scope, ref Ref) (w Whole, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		if w.Order, err = find(tx, in, ref); err != nil {
			return err
		}
		if w.Steps, err = Timeline(tx, w.ID); err != nil {
			return err
		}
		if w.Parts, err = parts(tx, w.ID); err != nil {
			return err
		}
		if w.Refills, err = RefillsOf(tx, w.ID); err != nil {
			return err
		}
		if w.May, err = mayOf(tx, w.Order); err != nil || w.ParentID == "" {
			return err
		}
		return tx.QueryRow(`SELECT number FROM orders WHERE id = $1`, w.ParentID).Scan(&w.Parent)
	})
	return w, err
}

// Waiting counts the orders that wait for a person.
type Waiting struct{ Uncertain, Held, Attention int64 }

const waitingCounts = `SELECT
	(SELECT COUNT(*) FROM orders WHERE state = 'uncertain' AND mode = 'live' AND ` + Few + `),
	(SELECT COUNT(*) FROM orders WHERE state = 'held' AND mode = 'live' AND ` + Few + `),
	(SELECT COUNT(*) FROM orders WHERE attention <> '' AND mode = 'live')`

// Waiting counts the live orders of all accounts that wait for a person.
func (s *Store) Waiting(ctx context.Context) (w Waiting, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(waitingCounts).Scan(&w.Uncertain, &w.Held, &w.Attention)
	})
	return w, err
}

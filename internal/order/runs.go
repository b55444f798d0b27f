package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// runsMost is how many drip-feeds one pass moves on.
const runsMost = 100

// Share is what one of several equal parts of a charge costs; the last carries
// the rest of the rounding, so that the shares add up to the charge.
func Share(charge money.Amount, part, parts int64) money.Amount {
	share := charge / money.Amount(parts)
	if part == parts {
		return charge - share*money.Amount(parts-1)
	}
	return share
}

// runOrNone is the run's number as an argument; a single order has none.
func (o *Order) runOrNone() any {
	if o.Kind == Single {
		return nil
	}
	return o.Run
}

// unspent is what of a parent's charge belongs to no run or post and was not
// given back.
func unspent(tx *db.Tx, o *Order) (money.Amount, error) {
	var taken money.Amount
	err := tx.QueryRow(`SELECT COALESCE(CAST(SUM(charge - refunded) AS BIGINT), 0) FROM orders WHERE parent_id = $1`, o.ID).Scan(&taken)
	if err != nil {
		return 0, fmt.Errorf("shares of %s: %w", o.ID, err)
	}
	return o.Charge - o.Refunded - taken, nil
}

// wakeParent lets a drip-feed be looked at, for one of its runs has ended.
func wakeParent(tx *db.Tx, parentID string) error {
	_, err := tx.Exec(`
		UPDATE orders SET next_run_at = $2
		WHERE id = $1 AND kind = 'drip' AND state IN ('pending', 'in_progress') AND (next_run_at IS NULL OR next_run_at > $2)
			AND (run >= runs OR cancel_wish_at IS NOT NULL)`, parentID, db.At(tx.Now))
	if err != nil {
		return fmt.Errorf("wake %s: %w", parentID, err)
	}
	return nil
}

// Feed makes the runs of live drip-feeds that are due and ends those of which all
// runs have ended, each in a transaction of its own. It returns how many it
// looked at; placed is called when there is something new to forward.
func Feed(ctx context.Context, d *db.DB, placed func()) (moved int, err error) {
	var due []string
	err = d.Read(ctx, func(tx *db.Tx) error {
		due, err = db.All(tx, func(s db.Scanner) (orderID string, err error) {
			err = s.Scan(&orderID)
			return orderID, err
		}, `SELECT id FROM orders WHERE next_run_at <= $1 AND mode = 'live' ORDER BY next_run_at LIMIT $2`, db.At(tx.Now), runsMost)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find drip-feeds: %w", err)
	}
	for _, orderID := range due {
		if feedErr := d.Write(ctx, func(tx *db.Tx) error { return FeedOne(tx, orderID) }); feedErr != nil {
			err = errors.Join(err, fmt.Errorf("drip-feed %s: %w", orderID, feedErr))
			continue // one that can't be moved holds back no other
		}
		moved++
	}
	if moved > 0 {
		placed()
	}
	return moved, err
}

// FeedOne makes a drip-feed's next run, or ends it, if it is due.
func FeedOne(tx *db.Tx, orderID string) error {
	o, book, err := Lock(tx, orderID)
	if err != nil {
		return err
	}
	if o.NextRunAt.IsZero() || o.NextRunAt.After(tx.Now) || o.State.Final() {
		return nil
	}
	if !o.CancelWishAt.IsZero() || o.Run >= o.Runs {
		return endDrip(tx, book, o)
	}
	if !o.PausedAt.IsZero() {
		o.NextRunAt = time.Time{}
		return Save(tx, o, o.State)
	}
	services, err := catalog.LoadSome(tx, []int64{o.ServiceID})
	if err != nil {
		return err
	}
	if o.isBlocked(services) {
		return endRuns(tx, book, o, stopping{actor: "panel", ended: targetBlocked, going: targetBlocked})
	}
	if err := addRun(tx, book, o, services); err != nil {
		return err
	}
	o.NextRunAt = o.followingRun(tx.Now)
	if o.State == Pending {
		return Transition(tx, book, o, Change{To: InProgress, Actor: "panel", Reason: "the first run began"})
	}
	return Save(tx, o, o.State)
}

// followingRun is when the run after this one is due; zero waits for the last one
// to end. Runs that were missed, in a pause perhaps, don't come in a heap.
func (o *Order) followingRun(now time.Time) time.Time {
	if o.Run >= o.Runs {
		return time.Time{}
	}
	every := time.Duration(o.Every) * time.Minute
	if planned := o.NextRunAt.Add(every); planned.After(now) {
		return planned
	}
	return now.Add(every)
}

// addRun makes the next run of a drip-feed: an order of its own, paid for with
// its parent. It goes where the service's orders go now.
func addRun(tx *db.Tx, book *ledger.Book, parent *Order, services *catalog.Snapshot) (err error) {
	if len(services.Services) == 0 {
		return fmt.Errorf("service %d of %s is not there", parent.ServiceID, parent.ID)
	}
	parent.Run++
	child := parent.child(Run)
	source := services.Services[0].Source
	if parent.Mode == ledger.Live {
		child.ProviderID, child.ProviderService, child.Preference = source.ProviderID, source.ProviderService, source.Preference
		child.Cost, child.Exchange = source.Cost, source.Exchange
	}
	child.EqualKey = equalKey(child)
	child.State, child.DueAt = Pending, tx.Now
	if child.Number, err = book.NextNumber(parent.WalletID); err != nil {
		return err
	}
	if err := book.Flush(); err != nil {
		return err
	}
	return insertChild(tx, child, "run "+strconv.FormatInt(child.Run, 10)+" of "+strconv.FormatInt(parent.Runs, 10))
}

// targetBlocked is why a drip-feed whose target was blocked meanwhile makes no
// more runs. Those that were made go on.
const targetBlocked = "its target was blocked"

// isBlocked reports whether nobody may order for the order's target any more.
func (o *Order) isBlocked(in *catalog.Snapshot) bool {
	targets := readTargets(func(name string) string {
		if name == "link" {
			return o.Link
		}
		return o.Fields.Get(name)
	})
	for _, t := range targets {
		if slices.ContainsFunc(t.links, in.Blocked) {
			return true
		}
	}
	return false
}

// child is the run or post that follows the parent's count of them.
func (o *Order) child(kind Kind) *Order {
	return &Order{
		ID: id.New(id.Order), Kind: kind, ParentID: o.ID, Run: o.Run, AccountID: o.AccountID, Mode: o.Mode, WalletID: o.WalletID,
		KeyID: o.KeyID, RequestID: o.ID + " " + strconv.FormatInt(o.Run, 10), RequestHash: o.RequestHash, // a blank: no customer's is like it
		ServiceID: o.ServiceID, Link: o.Link, LinkKey: o.LinkKey, Quantity: o.Quantity, Fields: o.Fields,
		Rate: o.Rate, Cost: o.Cost, Exchange: o.Exchange, CatalogEpoch: o.CatalogEpoch, Charge: Share(o.Charge, o.Run, o.Runs),
		ProviderID: o.ProviderID, ProviderService: o.ProviderService, Preference: o.Preference,
	}
}

func insertChild(tx *db.Tx, o *Order, reason string) error {
	o.Step, o.CreatedAt, o.UpdatedAt = 1, tx.Now, tx.Now
	if err := tx.ExecMany(insertOrder, [][]any{o.row()}); err != nil {
		return fmt.Errorf("insert %s: %w", o.ID, err)
	}
	return addStep(tx, o, "", Change{To: o.State, Actor: "panel", Reason: reason}, 0)
}

// endDrip ends a drip-feed whose runs have all ended.
func endDrip(tx *db.Tx, book *ledger.Book, o *Order) error {
	var open, delivered, whole int64
	err := tx.QueryRow(`
		SELECT COUNT(CASE WHEN state IN ('completed', 'partial', 'canceled', 'failed', 'refunded') THEN NULL ELSE 1 END),
			COUNT(CASE WHEN charge > refunded OR state = 'completed' THEN 1 END), COUNT(CASE WHEN state = 'completed' THEN 1 END)
		FROM orders WHERE parent_id = $1`, o.ID).Scan(&open, &delivered, &whole)
	if err != nil {
		return fmt.Errorf("runs of %s: %w", o.ID, err)
	}
	switch {
	case open > 0:
		o.NextRunAt = time.Time{} // the last one to end wakes it
		return Save(tx, o, o.State)
	case whole == o.Runs:
		return Transition(tx, book, o, Change{To: Completed, Actor: "panel", Reason: "all runs were delivered"})
	case delivered > 0:
		return Transition(tx, book, o, Change{To: Partial, Actor: "panel", Reason: "a part of the runs was delivered"})
	}
	return Transition(tx, book, o, Change{To: Canceled, Actor: "panel", Reason: "nothing was delivered"})
}

// cancelDrip makes no more runs, gives back what they would have cost, and
// cancels the run that is under way as far as it can be.
func cancelDrip(tx *db.Tx, book *ledger.Book, o *Order, actor string) error {
	runs, err := db.All(tx, scan, `SELECT `+columns+` FROM orders
		WHERE parent_id = $1 AND finished_at IS NULL ORDER BY id FOR NO KEY UPDATE`, o.ID)
	if err != nil {
		return fmt.Errorf("runs of %s: %w", o.ID, err)
	}
	for _, run := range runs {
		before := run.Refunded
		// A run that can't be canceled any more is delivered.
		if err := cancelOne(tx, book, run, actor); err != nil && !fault.Is(err, fault.Conflict) {
			return err
		}
		o.Refunded += run.Refunded - before
	}
	o.stored = nil // a run that ended has changed it
	if !o.CancelWishAt.IsZero() {
		return nil // wished before, or its target was blocked: the runs that were not made are given back
	}
	return endRuns(tx, book, o, stopping{actor: actor, ended: "canceled by the customer", going: cancelWish})
}

// stopping is who lets a drip-feed make no more runs, and why: the reason of its
// end where it has none, and of the step where one is under way.
type stopping struct{ actor, ended, going string }

// endRuns lets a drip-feed make no more runs and gives back what they would have
// cost. It ends with the last one that was made.
func endRuns(tx *db.Tx, book *ledger.Book, o *Order, by stopping) error {
	o.CancelWishAt, o.CancelState, o.NextRunAt = tx.Now, CancelForwarded, tx.Now
	rest, err := unspent(tx, o)
	if err != nil {
		return err
	}
	if o.State == Pending {
		return Transition(tx, book, o, Change{To: Canceled, Actor: by.actor, Reason: by.ended})
	}
	o.Step++
	return o.step(tx, book, o.State, Change{To: o.State, Actor: by.actor, Reason: by.going}, rest)
}

// Pause stops a drip-feed from making runs; the one under way goes on.
func Pause(ctx context.Context, d *db.DB, orderID, actor string) (*Order, error) {
	return changeDrip(ctx, d, byID(orderID), func(tx *db.Tx, o *Order) error { return pause(tx, o, actor) })
}

// Resume lets a paused drip-feed make its next run, at once if it is due.
func Resume(ctx context.Context, d *db.DB, orderID, actor string) (*Order, error) {
	return changeDrip(ctx, d, byID(orderID), func(tx *db.Tx, o *Order) error { return resume(tx, o, actor) })
}

// Pause is Pause for the customer: of a drip-feed of the scope.
func (s *Store) Pause(ctx context.Context, in Scope, ref Ref, actor string) (*Order, error) {
	return changeDrip(ctx, s.db, byRef(in, ref), func(tx *db.Tx, o *Order) error { return pause(tx, o, actor) })
}

// Resume is Resume for the customer: of a drip-feed of the scope.
func (s *Store) Resume(ctx context.Context, in Scope, ref Ref, actor string) (*Order, error) {
	return changeDrip(ctx, s.db, byRef(in, ref), func(tx *db.Tx, o *Order) error {
		if o.Attention == RestoredDrip {
			return fault.Newf(fault.Conflict, "order %s waits for the panel's operator to look at it", o.ID)
		}
		return resume(tx, o, actor)
	})
}

// RestoredDrip asks a person to look at a drip-feed that was paused because the panel
// was brought back from a backup: only staff let it go on.
const RestoredDrip = "restored: its next run may have been made and sent since the backup"

func pause(tx *db.Tx, o *Order, actor string) error {
	if !o.PausedAt.IsZero() {
		return fault.Newf(fault.Conflict, "order %s is paused already", o.ID)
	}
	o.PausedAt = tx.Now
	return Note(tx, o, actor, "paused")
}

func resume(tx *db.Tx, o *Order, actor string) error {
	if o.PausedAt.IsZero() {
		return fault.Newf(fault.Conflict, "order %s is not paused", o.ID)
	}
	o.PausedAt = time.Time{}
	if o.Attention == RestoredDrip {
		o.Attention = ""
	}
	if o.NextRunAt.IsZero() {
		o.NextRunAt = tx.Now // it became due meanwhile
	}
	return Note(tx, o, actor, "resumed")
}

// named finds the id of the order that somebody means.
type named func(tx *db.Tx) (orderID string, err error)

func byID(orderID string) named { return func(*db.Tx) (string, error) { return orderID, nil } }

func byRef(in Scope, ref Ref) named {
	return func(tx *db.Tx) (string, error) {
		o, err := find(tx, in, ref)
		if err != nil {
			return "", err
		}
		return o.ID, nil
	}
}

func changeDrip(ctx context.Context, d *db.DB, which named, change func(tx *db.Tx, o *Order) error) (o *Order, err error) {
	err = d.Write(ctx, func(tx *db.Tx) error {
		orderID, err := which(tx)
		if err != nil {
			return err
		}
		if o, _, err = Lock(tx, orderID); err != nil {
			return err
		}
		switch {
		case o.Kind == Subscription:
			return fault.Newf(fault.Conflict, "order %s is a subscription: the provider runs it, and its API knows no pause", o.ID)
		case o.Kind != Drip:
			return fault.Newf(fault.Conflict, "order %s is no drip-feed: only those can be paused", o.ID)
		case o.State.Final() || !o.CancelWishAt.IsZero():
			return fault.Newf(fault.Conflict, "order %s has ended", o.ID)
		}
		return change(tx, o)
	})
	return o, err
}

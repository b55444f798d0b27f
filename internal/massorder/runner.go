package massorder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// stepLines is how many lines are placed before it is written down how far it is.
	stepLines = 50
	// lease is how long nobody else goes on with a mass order that somebody does.
	lease = 30 * time.Second
	// passMost is how many mass orders one pass of the loop goes on with.
	passMost = 10
)

// errSuspended refuses the lines of an account that may not order any more.
var errSuspended = fault.New(fault.Forbidden, "Account suspended").Because("suspended")

// Runner places mass orders.
//
// It is a loop of the panel and not a form that leads on to itself: a customer may
// close the page after the first line, and what was begun is finished all the same,
// after a restart too.
type Runner struct {
	db       *db.DB
	placer   *order.Placer
	snapshot func(context.Context) (*catalog.Snapshot, error)
}

// NewRunner returns what places the mass orders of a database.
func NewRunner(d *db.DB, placer *order.Placer, snapshot func(context.Context) (*catalog.Snapshot, error)) *Runner {
	return &Runner{db: d, placer: placer, snapshot: snapshot}
}

// Loop goes on with what was begun and is not done.
func (r *Runner) Loop() worker.Loop {
	return worker.Loop{Name: "mass-orders", Every: 2 * time.Second, Pass: r.pass, Backlog: r.backlog}
}

func (r *Runner) pass(ctx context.Context) (found int, err error) {
	var open []string
	err = r.db.Read(ctx, func(tx *db.Tx) error {
		open, err = ids(tx, `SELECT id FROM mass_orders
			WHERE state = 'placing' AND (lease_until IS NULL OR lease_until < $1) AND NOT `+panel.SQLClosed+` ORDER BY id LIMIT $2`,
			db.At(tx.Now), passMost)
		return err
	})
	for _, massID := range open {
		if runErr := r.Run(ctx, massID); runErr != nil {
			err = errors.Join(err, runErr)
			continue
		}
		found++
	}
	return found, err
}

func (r *Runner) backlog(ctx context.Context) (b worker.Backlog, err error) {
	err = r.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*), MIN(created_at) FROM mass_orders WHERE state = 'placing' AND NOT `+panel.SQLClosed).Scan(&b.Count, db.Time(&b.Oldest))
	})
	return b, err
}

// Run goes on with a mass order until it is done, ctx ends, or somebody else is at it.
func (r *Runner) Run(ctx context.Context, massID string) error {
	for ctx.Err() == nil {
		more, err := r.step(ctx, massID)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// task is what one step does.
type task struct {
	mass      Mass
	buyer     order.Buyer
	suspended bool
	lines     []Line
	bad       int64 // lines that were refused
}

// step places some lines and writes down what became of them.
func (r *Runner) step(ctx context.Context, massID string) (more bool, err error) {
	t, mine, err := r.take(ctx, massID)
	if err != nil || !mine {
		return false, err
	}
	err = r.place(ctx, &t)
	if panel.IsClosed(err) { // it goes on when the panel is open again
		return false, r.save(ctx, t, false)
	}
	if err != nil { // what was decided is written down all the same
		return false, errors.Join(err, r.save(ctx, t, false))
	}
	done := t.mass.Whole || len(t.lines) < stepLines
	return !done, r.save(ctx, t, done)
}

// take claims a mass order and reads the lines that are next.
func (r *Runner) take(ctx context.Context, massID string) (t task, mine bool, err error) {
	err = r.db.Write(ctx, func(tx *db.Tx) error {
		t = task{mass: Mass{ID: massID}}
		mine, err = tx.ExecOne(`UPDATE mass_orders SET lease_until = $2
			WHERE id = $1 AND state = 'placing' AND (lease_until IS NULL OR lease_until < $3)`, massID, db.At(tx.Now.Add(lease)), db.At(tx.Now))
		if err != nil || !mine {
			return err
		}
		return t.read(tx)
	})
	if err != nil {
		return t, false, fmt.Errorf("take %s: %w", massID, err)
	}
	return t, mine, nil
}

func (t *task) read(tx *db.Tx) (err error) {
	var state account.State
	err = tx.QueryRow(`SELECT m.account_id, m.whole, a.state, a.tier FROM mass_orders m JOIN accounts a ON a.id = m.account_id WHERE m.id = $1`, t.mass.ID).
		Scan(&t.mass.AccountID, &t.mass.Whole, &state, &t.buyer.Tier)
	if err != nil {
		return err
	}
	t.suspended = state != account.Active
	t.buyer.Scope = order.Scope{AccountID: t.mass.AccountID, Mode: ledger.Live}
	if t.buyer.WalletID, err = ledger.WalletID(tx, t.mass.AccountID, ledger.Live); err != nil {
		return err
	}
	most := stepLines
	if t.mass.Whole {
		most = MaxLines
	}
	if t.lines, err = db.All(tx, scanLine, `SELECT `+lineColumns+` FROM mass_lines
		WHERE mass_id = $1 AND charge IS NOT NULL AND number IS NULL AND refusal = '' ORDER BY line LIMIT $2`, t.mass.ID, most); err != nil {
		return err
	}
	return tx.QueryRow(`SELECT COUNT(*) FROM mass_lines WHERE mass_id = $1 AND refusal <> ''`, t.mass.ID).Scan(&t.bad)
}

// place places the lines of a task. Its error says that some are not decided; what
// the lines say then holds all the same.
func (r *Runner) place(ctx context.Context, t *task) error {
	if t.suspended {
		return r.stopped(ctx, t)
	}
	if t.mass.Whole && t.bad > 0 {
		return nil // nothing is placed beside a bad line
	}
	snapshot, err := r.snapshot(ctx)
	if err != nil {
		return err
	}
	requests := make([]order.Request, len(t.lines))
	for i, l := range t.lines {
		if requests[i], err = l.request(t.mass.ID); err != nil {
			return fmt.Errorf("line %d of %s: %w", l.Number, t.mass.ID, err) // it was parsed when it was checked
		}
	}
	if !t.mass.Whole {
		return t.answered(r.placer.Many(ctx, t.buyer, requests, snapshot))
	}
	answers, _, err := r.placer.Together(ctx, t.buyer, requests, snapshot)
	if err != nil {
		return err
	}
	return t.answered(answers)
}

// stopped ends what an account began that may not order any more. What was placed
// before it was stopped, and not yet written down, stays placed; so does what another
// node is committing just now, for which the wallet is waited for.
func (r *Runner) stopped(ctx context.Context, t *task) error {
	args := make([][]any, len(t.lines))
	for i, l := range t.lines {
		args[i] = []any{t.buyer.AccountID, string(t.buyer.Mode), requestID(t.mass.ID, l.Number)}
	}
	err := r.db.Write(ctx, func(tx *db.Tx) error {
		if _, err := ledger.Open(tx, t.buyer.WalletID); err != nil {
			return err
		}
		return tx.QueryMany(func(i int, s db.Scanner) error {
			return s.Scan(&t.lines[i].Order, &t.lines[i].Charged)
		}, `SELECT number, charge FROM orders WHERE account_id = $1 AND mode = $2 AND request_id = $3`, args)
	})
	if err != nil {
		return fmt.Errorf("orders of %s: %w", t.mass.ID, err)
	}
	for i := range t.lines {
		if l := &t.lines[i]; l.Order == 0 {
			l.Refusal = Refuse(errSuspended)
		}
	}
	return nil
}

// answered writes the answers into the lines.
func (t *task) answered(answers []order.Answer) (undecided error) {
	for i, a := range answers {
		l := &t.lines[i]
		switch f := fault.From(a.Err); {
		case a.Err == nil && a.OrderID != "":
			l.Order, l.Charged = a.Number, a.Charge
		case a.Err == nil: // placed with others, of which one was refused
		case f.Code == fault.Unavailable, f.Code == fault.Internal, f.Code == fault.RateLimited:
			undecided = a.Err
		default:
			l.Refusal = Refuse(a.Err)
		}
	}
	return undecided
}

// save writes down what became of the lines. An order outweighs a refusal: two may
// go on with one mass order at once, and the second to come was too late to order.
func (r *Runner) save(ctx context.Context, t task, done bool) error {
	var placed, refused [][]any
	for _, l := range t.lines {
		switch {
		case l.Order != 0:
			placed = append(placed, []any{t.mass.ID, l.Number, l.Order, l.Charged})
		case l.Refusal != nil:
			refused = append(refused, []any{t.mass.ID, l.Number, l.Refusal.stored()})
		}
	}
	state := Placing
	if done {
		state = Done
	}
	err := r.db.Write(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		if err := tx.ExecMany(`UPDATE mass_lines SET number = $3, charged = $4, refusal = '' WHERE mass_id = $1 AND line = $2`, placed); err != nil {
			return err
		}
		if err := tx.ExecMany(`UPDATE mass_lines SET refusal = $3 WHERE mass_id = $1 AND line = $2 AND number IS NULL`, refused); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE mass_orders SET state = $2, lease_until = NULL WHERE id = $1`, t.mass.ID, string(state))
		return err
	})
	if err != nil {
		return fmt.Errorf("write down %s: %w", t.mass.ID, err)
	}
	return nil
}

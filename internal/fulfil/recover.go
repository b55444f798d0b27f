package fulfil

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/worker"
)

// recoverMost is how many submissions one pass looks after.
const recoverMost = 50

// Recoverer makes orders uncertain whose sending nobody finished: the process
// that sent them ended, or could not store what it learnt.
type Recoverer struct {
	db  *db.DB
	log *slog.Logger
}

// NewRecoverer returns the recoverer of d's orders.
func NewRecoverer(d *db.DB, log *slog.Logger) *Recoverer { return &Recoverer{db: d, log: log} }

// Run starts the loop in g.
func (r *Recoverer) Run(g *worker.Group) {
	g.Go(worker.Loop{Name: "recover", Every: 2 * time.Second, Pass: r.Pass, Backlog: r.backlog})
}

// Pass takes the submissions whose lease has run out.
func (r *Recoverer) Pass(ctx context.Context) (recovered int, err error) {
	var orphans []*Submission
	err = r.db.Read(ctx, func(tx *db.Tx) error {
		orphans, err = db.All(tx, scanSubmission, `SELECT `+submissionColumns+` FROM submissions
			WHERE outcome = 'sending' AND lease_until < $1 ORDER BY lease_until LIMIT $2`, db.At(tx.Now), recoverMost)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find orphaned submissions: %w", err)
	}
	for _, u := range orphans {
		if writeErr := r.db.Write(ctx, func(tx *db.Tx) error { return orphaned(tx, u) }); writeErr != nil {
			err = errors.Join(err, fmt.Errorf("recover %s: %w", u.OrderID, writeErr))
			continue // one that can't be moved holds back no other
		}
		r.log.LogAttrs(ctx, slog.LevelWarn, "order uncertain: its sending was never finished", slog.String("order", u.OrderID))
		recovered++
	}
	return recovered, err
}

// orphaned makes one order uncertain, if its submission still waits.
func orphaned(tx *db.Tx, u *Submission) error {
	o, book, err := order.Lock(tx, u.OrderID)
	if err != nil {
		return err
	}
	locked, err := lockSubmission(tx, u.ID, u.Token)
	if errors.Is(err, db.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if locked.Outcome != Sending || o.State != order.Submitting {
		return nil
	}
	locked.Outcome = Unknown
	if err := locked.save(tx); err != nil {
		return err
	}
	o.EverUnknown = true
	return order.Transition(tx, book, o, order.Change{
		To: order.Uncertain, Actor: "panel", Reason: "the panel stopped while it was being sent",
	})
}

func (r *Recoverer) backlog(ctx context.Context) (b worker.Backlog, err error) {
	err = r.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*), MIN(lease_until) FROM submissions WHERE outcome = 'sending' AND lease_until < $1`,
			db.At(tx.Now)).Scan(&b.Count, db.Time(&b.Oldest))
	})
	return b, err
}

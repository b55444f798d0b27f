package bulk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// passMost is how many orders one pass works on.
	passMost = 100
	// worksMost is how many works one pass tries until there is one that gets on.
	worksMost = 10
	// forgetMost is how many orders' notes one transaction forgets: a work may have
	// thousands, and others wait while they are dropped.
	forgetMost = 500
)

// Run starts the loops in g. done is called after a pass that changed orders: they
// may have to be sent, or told of, now.
func (s *Store) Run(g *worker.Group, done func()) {
	s.db.OnCommit(bell, g.Go(worker.Loop{
		Name: "bulk", Every: 5 * time.Second,
		Pass: func(ctx context.Context) (int, error) {
			found, err := s.Pass(ctx)
			if found > 0 {
				done()
			}
			return found, err
		},
	}))
	g.Go(worker.Loop{Name: "bulk-old", Every: time.Hour, Pass: s.Forget})
}

// errTaken says that somebody else works on an order, or has.
var errTaken = errors.New("the order is not waiting any more")

// Pass works on the next orders of the oldest work that goes on, and returns how
// many it looked at. An order, or a work, that can't be worked on holds back no other.
func (s *Store) Pass(ctx context.Context) (found int, err error) {
	var works []Work
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		works, err = db.All(tx, scan, `SELECT `+columns+` FROM bulk_works w WHERE w.finished_at IS NULL ORDER BY w.id LIMIT $1`, worksMost)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find bulk work: %w", err)
	}
	for _, w := range works {
		looked, workErr := s.next(ctx, w)
		err = errors.Join(err, workErr)
		if looked > 0 || stops(ctx, workErr) {
			return looked, err
		}
	}
	return 0, err
}

// stops reports an error that the next order would meet as well.
func stops(ctx context.Context, err error) bool { return ctx.Err() != nil || db.IsDown(err) }

// next works on the next orders of a work, and returns how many it could work on.
func (s *Store) next(ctx context.Context, w Work) (found int, err error) {
	var orderIDs []string
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		orderIDs, err = db.All(tx, func(r db.Scanner) (orderID string, err error) {
			err = r.Scan(&orderID)
			return orderID, err
		}, `SELECT order_id FROM bulk_items WHERE work_id = $1 AND outcome = '' ORDER BY order_id LIMIT $2`, w.ID, passMost)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find orders of bulk work: %w", err)
	}
	if len(orderIDs) == 0 {
		return 1, s.db.Write(ctx, func(tx *db.Tx) error { return end(tx, w.ID, "") })
	}
	for _, orderID := range orderIDs {
		orderErr := s.one(ctx, w, orderID)
		if err = errors.Join(err, orderErr); orderErr == nil {
			found++
		} else if stops(ctx, orderErr) {
			break
		}
	}
	return found, err
}

// one does a work's deed to one order. A refusal is noted; an error of ours is
// returned, and the order waits.
func (s *Store) one(ctx context.Context, w Work, orderID string) error {
	err := s.db.Write(ctx, func(tx *db.Tx) error {
		if err := take(tx, w.ID, orderID, "done", ""); err != nil {
			return err
		}
		if err := holds(tx, w.AccountID, w.Needs); err != nil {
			return err
		}
		by := staff.Actor{AccountID: w.AccountID}
		_, err := fulfil.DoIn(tx, orderID, w.Deed, w.AccountID, staff.ForOthers(by, w.Needs))
		return err
	})
	refusal, refused := errors.AsType[*fault.Error](err)
	switch {
	case err == nil || errors.Is(err, errTaken):
		return nil
	case fault.Is(err, fault.Forbidden) && refusal.Reason != staff.Yourself:
		return s.db.Write(ctx, func(tx *db.Tx) error { return end(tx, w.ID, "who decided it may not do it any more") })
	case refused && refusal.Code != fault.Internal && refusal.Code != fault.Unavailable:
		err = s.db.Write(ctx, func(tx *db.Tx) error { return take(tx, w.ID, orderID, "refused", refusal.Text) })
		if errors.Is(err, errTaken) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("bulk work on %s: %w", orderID, err)
	}
	return nil
}

// take notes what becomes of an order that waits, where its work goes on.
func take(tx *db.Tx, workID, orderID, outcome, reason string) error {
	taken, err := tx.ExecOne(`
		UPDATE bulk_items SET outcome = $3, reason = $4 WHERE work_id = $1 AND order_id = $2 AND outcome = ''
			AND EXISTS (SELECT 1 FROM bulk_works w WHERE w.id = $1 AND w.finished_at IS NULL)`, workID, orderID, outcome, reason)
	if err != nil {
		return fmt.Errorf("note bulk work: %w", err)
	}
	if !taken {
		return errTaken
	}
	return nil
}

// Forget drops notes of works that ended long ago, some orders of one work. It returns
// how many rows went.
func (s *Store) Forget(ctx context.Context) (forgotten int, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		forgotten = 0
		var workID string
		err := tx.QueryRow(`SELECT id FROM bulk_works WHERE created_at < $1 AND finished_at IS NOT NULL
			ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`, db.At(tx.Now.Add(-kept))).Scan(&workID)
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("find an old bulk work: %w", err)
		}
		items, err := tx.Exec(`DELETE FROM bulk_items WHERE work_id = $1 AND order_id IN
			(SELECT order_id FROM bulk_items WHERE work_id = $1 ORDER BY order_id LIMIT $2)`, workID, forgetMost)
		if err != nil {
			return fmt.Errorf("forget %s: %w", workID, err)
		}
		if forgotten = int(items); forgotten == forgetMost {
			return nil
		}
		forgotten++
		if _, err := tx.Exec(`DELETE FROM bulk_works WHERE id = $1`, workID); err != nil {
			return fmt.Errorf("forget %s: %w", workID, err)
		}
		return nil
	})
	return forgotten, err
}

// Package bulk does what staff decided for many orders at once: it keeps what they
// chose, works through it one order at a time, and says what became of each.
//
// What may be done to an order package fulfil decides; an order that a deed is not
// for is noted with why and left as it is. Work goes on after a restart where it
// was, and no order is worked on twice: its deed and the note of it are one
// transaction.
package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/staff"
)

const (
	// MaxOrders is how many orders one work may have.
	MaxOrders = 10_000
	// kept is how long the notes of a work that has ended stay.
	kept = 90 * 24 * time.Hour
	// bell wakes the worker.
	bell = "bulk"
)

// Why the domain refuses.
const (
	NoWork    fault.Reason = "no_bulk_work"
	NotForAll fault.Reason = "deed_not_for_many"
	TooMany   fault.Reason = "too_many_orders"
	OtherWork fault.Reason = "other_bulk_work"
)

// Work is a deed for many orders.
type Work struct {
	ID         string
	AccountID  string // of who decided it
	Deed       fulfil.Deed
	Needs      staff.Permission
	Total      int64
	Done       int64
	Refused    int64
	CreatedAt  time.Time
	FinishedAt time.Time // zero: it goes on
	Stopped    string    // why it ended before its time; "": it did not
}

// Item is one order of a work for which the deed was not.
type Item struct {
	OrderID string
	Number  int64
	Reason  string
}

// Store keeps works.
type Store struct{ db *db.DB }

// NewStore returns the works of d.
func NewStore(d *db.DB) *Store { return &Store{db: d} }

// fit refuses a deed that means something of one order alone.
func fit(d fulfil.Deed) error {
	one := d.Dead != "" || d.UpstreamID != "" || d.StartCount != nil || d.Remains != nil || d.Kind == fulfil.Counts ||
		d.Kind == fulfil.SetState && d.State == order.Partial || d.Kind == fulfil.Settling && d.How == fulfil.AcceptedAs
	if one {
		return fault.New(fault.Invalid, "The deed is for one order: what it says differs from order to order").Because(NotForAll)
	}
	return d.Check()
}

// NewID is the id of a work that is to begin: what its form sends, so that a form
// that is sent twice begins one.
func NewID() string { return id.New(id.BulkWork) }

// Begin records a deed for the orders that were chosen, and returns at once: it is
// done by and by. A work that has begun is not begun again; another one under its id is
// refused. needs is the permission that the deed asks for; should who decided lose it,
// the rest is not done.
func (s *Store) Begin(ctx context.Context, workID string, by staff.Actor, needs staff.Permission, d fulfil.Deed, orderIDs []string) error {
	if !id.Valid(id.BulkWork, workID) {
		return fault.New(fault.Invalid, "The work has no id of one")
	}
	if err := fit(d); err != nil {
		return err
	}
	if len(orderIDs) == 0 || len(orderIDs) > MaxOrders {
		return fault.Newf(fault.Invalid, "Choose 1 to %d orders", MaxOrders).Because(TooMany)
	}
	stored, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("store a deed: %w", err)
	}
	rows := make([][]any, len(orderIDs))
	for i, orderID := range orderIDs {
		rows[i] = []any{workID, orderID}
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		if err := holds(tx, by.AccountID, needs); err != nil {
			return err
		}
		begun, err := tx.ExecOne(`INSERT INTO bulk_works (id, account_id, deed, needs, total, created_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (id) DO NOTHING`, workID, by.AccountID, string(stored), string(needs), len(rows), db.At(tx.Now))
		if err != nil {
			return err
		}
		if !begun {
			return same(tx, workID, by.AccountID, string(stored), orderIDs)
		}
		if err := tx.ExecMany(`INSERT INTO bulk_items (work_id, order_id) VALUES ($1, $2)`, rows); err != nil {
			return fmt.Errorf("choose orders: %w", err)
		}
		tx.Ring(bell)
		return account.Record(tx, by.AccountID, "bulk.begin", workID, strconv.Itoa(len(rows))+" orders: "+string(stored))
	})
}

// same refuses another work under the id of one that has begun.
func same(tx *db.Tx, workID, accountID, deed string, orderIDs []string) error {
	var is bool
	err := tx.QueryRow(`SELECT w.account_id = $2 AND w.deed = $3 AND w.total = $4 AND
			(SELECT COUNT(*) FROM bulk_items i WHERE i.work_id = w.id AND i.order_id = ANY($5)) = $4
		FROM bulk_works w WHERE w.id = $1`, workID, accountID, deed, int64(len(orderIDs)), orderIDs).Scan(&is)
	if err != nil {
		return fmt.Errorf("work %s: %w", workID, err)
	}
	if !is {
		return fault.New(fault.Conflict, "Another work has begun under the id of this form: open the orders anew").Because(OtherWork)
	}
	return nil
}

// holds refuses who does not hold a permission now.
func holds(tx *db.Tx, accountID string, needs staff.Permission) error {
	may, err := staff.Of(tx, accountID)
	if err == nil && !may.Has(needs) {
		return fault.New(fault.Forbidden, "The permission is not held").Because(staff.Beyond)
	}
	return err
}

// Stop ends a work: what is not done yet is left.
func (s *Store) Stop(ctx context.Context, workID string, by staff.Actor) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		w, err := find(tx, workID)
		if err != nil || !w.FinishedAt.IsZero() {
			return err
		}
		if err := holds(tx, by.AccountID, w.Needs); err != nil {
			return err
		}
		if err := end(tx, w.ID, "stopped by "+by.AccountID); err != nil {
			return err
		}
		return account.Record(tx, by.AccountID, "bulk.stop", w.ID, "")
	})
}

// end ends a work; why is "" where all of it is done.
func end(tx *db.Tx, workID, why string) error {
	_, err := tx.Exec(`UPDATE bulk_works SET finished_at = $2, stopped = $3 WHERE id = $1 AND finished_at IS NULL`, workID, db.At(tx.Now), why)
	if err != nil {
		return fmt.Errorf("end bulk work: %w", err)
	}
	return nil
}

const columns = `w.id, w.account_id, w.deed, w.needs, w.total,
	(SELECT COUNT(*) FROM bulk_items i WHERE i.work_id = w.id AND i.outcome = ''),
	(SELECT COUNT(*) FROM bulk_items i WHERE i.work_id = w.id AND i.outcome = 'refused'), w.created_at, w.finished_at, w.stopped`

func scan(r db.Scanner) (w Work, err error) {
	var deed string
	var waiting int64
	err = r.Scan(&w.ID, &w.AccountID, &deed, &w.Needs, &w.Total, &waiting, &w.Refused, db.Time(&w.CreatedAt), db.Time(&w.FinishedAt), &w.Stopped)
	if err != nil {
		return w, err
	}
	w.Done = w.Total - waiting - w.Refused
	if err := json.Unmarshal([]byte(deed), &w.Deed); err != nil {
		return w, fmt.Errorf("deed of %s: %w", w.ID, err)
	}
	return w, nil
}

func find(tx *db.Tx, workID string) (Work, error) {
	w, err := scan(tx.QueryRow(`SELECT `+columns+` FROM bulk_works w WHERE w.id = $1`, workID))
	if errors.Is(err, db.ErrNoRows) {
		return w, fault.New(fault.NotFound, "There is no such work").Because(NoWork)
	}
	return w, err
}

// Find returns a work with how far it is.
func (s *Store) Find(ctx context.Context, workID string) (w Work, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		w, err = find(tx, workID)
		return err
	})
	return w, err
}

// Latest returns the newest works.
func (s *Store) Latest(ctx context.Context, limit int) (all []Work, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scan, `SELECT `+columns+` FROM bulk_works w ORDER BY w.id DESC LIMIT $1`, limit)
		return err
	})
	return all, err
}

// Refused returns orders of a work for which its deed was not, after one of them.
func (s *Store) Refused(ctx context.Context, workID, afterID string, limit int) (all []Item, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(r db.Scanner) (i Item, err error) {
			err = r.Scan(&i.OrderID, &i.Number, &i.Reason)
			return i, err
		}, `SELECT i.order_id, o.number, i.reason FROM bulk_items i JOIN orders o ON o.id = i.order_id
			WHERE i.work_id = $1 AND i.outcome = 'refused' AND i.order_id > $2 ORDER BY i.order_id LIMIT $3`, workID, afterID, limit)
		return err
	})
	return all, err
}

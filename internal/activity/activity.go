// Package activity keeps what each account ordered, got and paid, by quarters of an
// hour, so that a chart of days costs the same for ten orders and for a million.
//
// A loop counts the latest quarters anew from orders and ledger, as whole figures and
// not as steps: to count again, after a crash or on two nodes, changes nothing. What is
// counted only grows, so the larger figure is the later one. A quarter is counted for
// the last time half an hour after its end, when no transaction of that time can still
// commit.
//
// To add to a row for each account where orders are placed would be exact at once, but
// orders also end, in transactions of many workers that hold no wallet: a busy account's
// row would be what they all wait for. An index would be read a million entries long for
// each look at a page. What is here reads the latest hour by ids and ends that have an
// index anyway, and costs orders nothing.
//
// Quarters, because every zone's midnight is at the beginning of one. It knows nothing
// of days: who asks says where they begin.
package activity

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// Quarter is the length of what is counted together.
	Quarter = 15 * time.Minute
	// kept is how long figures are kept.
	kept = 40 * 24 * time.Hour
	// open is how many quarters may still grow: the present one and two before it.
	open = 3
	// stretch is how much is counted in one pass that has fallen behind.
	stretch = 6 * time.Hour
	// rowsMost is how many rows one transaction writes.
	rowsMost = 500
	every    = 20 * time.Second
)

// Figures are what an account did in some time, with live orders. Runs and posts are
// their parents'.
type Figures struct {
	Placed    int64
	Completed int64 // in full or in part
	Charged   money.Amount
	Refunded  money.Amount
}

// Spent is what the account paid: charges less refunds. It is less than nothing where
// more came back for older orders.
func (f Figures) Spent() money.Amount { return f.Charged - f.Refunded }

func (f *Figures) add(g Figures) {
	f.Placed, f.Completed, f.Charged, f.Refunded = f.Placed+g.Placed, f.Completed+g.Completed, f.Charged+g.Charged, f.Refunded+g.Refunded
}

// Store keeps the figures.
type Store struct{ db *db.DB }

// NewStore returns the figures of d.
func NewStore(d *db.DB) *Store { return &Store{d} }

// Loop counts.
func (s *Store) Loop() worker.Loop {
	return worker.Loop{Name: "activity", Every: every, Pass: s.Count}
}

// Day is a day of a chart.
type Day struct {
	Figures

	At time.Time // its beginning
}

// Days returns the figures of an account for some days in a row that end with the day
// of last, in last's zone. They may lack what happened in the latest half a minute.
func (s *Store) Days(ctx context.Context, accountID string, last time.Time, days int) (all []Day, err error) {
	begin := func(i int) time.Time {
		return time.Date(last.Year(), last.Month(), last.Day()+1-days+i, 0, 0, 0, 0, last.Location())
	}
	for i := range days {
		all = append(all, Day{At: begin(i)})
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		for i := range all {
			all[i].Figures = Figures{}
		}
		day := 0
		return tx.Each(func(r db.Scanner) error {
			var at time.Time
			var f Figures
			if err := r.Scan(db.Time(&at), &f.Placed, &f.Completed, &f.Charged, &f.Refunded); err != nil {
				return err
			}
			for day < days-1 && !at.Before(all[day+1].At) {
				day++
			}
			all[day].add(f)
			return nil
		}, `SELECT at, placed, completed, charged, refunded FROM activity
			WHERE account_id = $1 AND at >= $2 AND at < $3 ORDER BY at`, accountID, db.At(begin(0)), db.At(begin(days)))
	})
	if err != nil {
		return nil, fmt.Errorf("activity of %s: %w", accountID, err)
	}
	return all, nil
}

// Count counts what is not yet counted for the last time, and reports whether more
// is left: after a pause, and at first, it goes forward in steps.
func (s *Store) Count(ctx context.Context) (found int, err error) {
	var now, done time.Time
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		now = tx.Now
		return tx.QueryRow(`SELECT until FROM activity_done WHERE id = 1`).Scan(db.Time(&done))
	})
	if err != nil {
		return 0, fmt.Errorf("count activity: %w", err)
	}
	end := now.Truncate(Quarter).Add(Quarter)
	from, to := done, end
	if first := end.Add(-kept); from.Before(first) {
		from = first
	}
	if from.Add(stretch).Before(end) {
		to = from.Add(stretch)
	}
	counted, err := s.count(ctx, from, to)
	if err != nil {
		return 0, err
	}
	if err := s.write(ctx, counted); err != nil {
		return 0, err
	}
	final := to
	if still := end.Add(-open * Quarter); still.Before(final) {
		final = still
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(`UPDATE activity_done SET until = $1 WHERE id = 1 AND until < $1`, db.At(final)); err != nil {
			return err
		}
		// A quarter a pass keeps up with one that is made in many passes.
		_, err := tx.Exec(`DELETE FROM activity WHERE at = (SELECT MIN(at) FROM activity WHERE at < $1)`, db.At(end.Add(-kept)))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count activity: %w", err)
	}
	if to.Before(end) {
		return 1, nil
	}
	return 0, nil
}

// key is an account's quarter; at is in microseconds.
type key struct {
	accountID string
	at        int64
}

func (s *Store) write(ctx context.Context, counted map[key]Figures) error {
	rows := make([][]any, 0, len(counted))
	for k, f := range counted {
		rows = append(rows, []any{k.accountID, db.At(clock.FromMicros(k.at)), f.Placed, f.Completed, f.Charged, f.Refunded})
	}
	sortRows(rows)
	for len(rows) > 0 {
		some := rows[:min(len(rows), rowsMost)]
		rows = rows[len(some):]
		err := s.db.Write(ctx, func(tx *db.Tx) error {
			return tx.ExecMany(`
				INSERT INTO activity (account_id, at, placed, completed, charged, refunded) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (account_id, at) DO UPDATE SET
					placed = CASE WHEN excluded.placed > activity.placed THEN excluded.placed ELSE activity.placed END,
					completed = CASE WHEN excluded.completed > activity.completed THEN excluded.completed ELSE activity.completed END,
					charged = CASE WHEN excluded.charged > activity.charged THEN excluded.charged ELSE activity.charged END,
					refunded = CASE WHEN excluded.refunded > activity.refunded THEN excluded.refunded ELSE activity.refunded END`, some)
		})
		if err != nil {
			return fmt.Errorf("write activity: %w", err)
		}
	}
	return nil
}

// Package report counts what the panel earned, for the operator's charts.
//
// It reads orders and books nothing. A day's figures are counted by a worker, so
// that a page costs the same with ten orders and with a million.
package report

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
	oneDay = 24 * time.Hour
	// moves is for how many days the figures of a day may still change: providers
	// take orders back, and are asked for the last time after seven days.
	moves = 9
	// every is how often today is counted, and often how often the days before are.
	every = time.Minute
	often = 6 * time.Hour
	// rest is how many times as long as the counting took it then rests at least: a
	// day of very many orders is counted less often.
	rest = 60
)

// Day is what the orders brought that ended on a day of UTC.
type Day struct {
	At    time.Time // its beginning
	Ended int64     // orders, and runs and posts of others
	Paid  money.Amount
	Cost  money.Amount // what providers took for them
}

// Margin is what stayed with the panel.
func (d Day) Margin() money.Amount { return d.Paid - d.Cost }

// Store keeps the figures.
type Store struct{ db *db.DB }

// NewStore returns the figures of d.
func NewStore(d *db.DB) *Store { return &Store{db: d} }

// Loop counts the days that may have changed.
func (s *Store) Loop() worker.Loop {
	var next time.Time
	return worker.Loop{Name: "report", Every: every, Pass: func(ctx context.Context) (int, error) {
		began := clock.System()
		if began.Before(next) {
			return 0, nil
		}
		err := s.Count(ctx)
		ended := clock.System()
		next = ended.Add(rest * ended.Sub(began))
		return 0, err
	}}
}

// Count counts today, and the days before that may still change and were counted
// long ago.
func (s *Store) Count(ctx context.Context) error {
	var due []time.Time
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		due = nil
		counted := map[int64]time.Time{}
		today := tx.Now.UTC().Truncate(oneDay)
		err := tx.Each(func(r db.Scanner) error {
			var day, at time.Time
			err := r.Scan(db.Time(&day), db.Time(&at))
			counted[day.Unix()] = at
			return err
		}, `SELECT day, counted_at FROM day_totals WHERE day >= $1`, db.At(today.Add(-moves*oneDay)))
		for back := range moves + 1 {
			day := today.Add(-time.Duration(back) * oneDay)
			if back == 0 || tx.Now.Sub(counted[day.Unix()]) >= often {
				due = append(due, day)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("days to count: %w", err)
	}
	for _, day := range due {
		if err := s.count(ctx, day); err != nil {
			return fmt.Errorf("count %s: %w", day.Format(time.DateOnly), err)
		}
	}
	return nil
}

// taken is what a provider took for an order: by its own word, else by the price
// that the order was sold at for what was delivered; nothing where no provider had it.
const taken = `CASE
	WHEN o.provider_charge IS NOT NULL THEN o.provider_charge
	WHEN o.accepted_at IS NULL THEN 0
	WHEN o.state <> 'completed' AND o.remains IS NOT NULL THEN o.cost * (o.quantity - o.remains) / 1000
	ELSE o.cost * o.quantity / 1000 END`

// count counts a day. Parents of runs and posts are left out: what they were paid
// is their parts'.
func (s *Store) count(ctx context.Context, day time.Time) error {
	d := Day{At: day}
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`
			SELECT COUNT(*), COALESCE(CAST(SUM(o.charge - o.refunded) AS BIGINT), 0), COALESCE(CAST(SUM(`+taken+`) AS BIGINT), 0)
			FROM services s JOIN orders o ON o.service_id = s.id AND o.finished_at >= $1 AND o.finished_at < $2
			WHERE o.mode = 'live' AND o.kind IN ('single', 'run', 'post')`, db.At(day), db.At(day.Add(oneDay))).Scan(&d.Ended, &d.Paid, &d.Cost)
	})
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`
			INSERT INTO day_totals (day, ended, paid, cost, counted_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (day) DO UPDATE SET ended = excluded.ended, paid = excluded.paid, cost = excluded.cost, counted_at = excluded.counted_at`,
			db.At(day), d.Ended, d.Paid, d.Cost, db.At(tx.Now))
		return err
	})
}

// Days returns the last days, the oldest first, those without orders too.
func (s *Store) Days(ctx context.Context, days int) (all []Day, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		today := tx.Now.UTC().Truncate(oneDay)
		all = make([]Day, days)
		for i := range all {
			all[i].At = today.Add(-time.Duration(days-1-i) * oneDay)
		}
		return tx.Each(func(r db.Scanner) error {
			var d Day
			if err := r.Scan(db.Time(&d.At), &d.Ended, &d.Paid, &d.Cost); err != nil {
				return err
			}
			if i := int(d.At.Sub(all[0].At) / oneDay); i >= 0 && i < days {
				all[i] = d
			}
			return nil
		}, `SELECT day, ended, paid, cost FROM day_totals WHERE day >= $1`, db.At(all[0].At))
	})
	if err != nil {
		return nil, fmt.Errorf("days: %w", err)
	}
	return all, nil
}

package order

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// sample is how many of a service's newest ended orders are measured.
	sample = 1000
	// overlap is how far back of the last measuring an end counts as new: it is
	// stamped when its transaction begins and seen when that is through.
	overlap = time.Minute
	// factsEvery is the pause between two measurings.
	factsEvery = 5 * time.Minute
	// factsChunk is how many services one write takes.
	factsChunk = 200
)

// Facts is the loop that measures services from their orders.
func Facts(d *db.DB) worker.Loop {
	return worker.Loop{
		Name: "facts", Every: factsEvery,
		Pass: func(ctx context.Context) (int, error) { return 0, MeasureFacts(ctx, d) },
	}
}

// MeasureFacts measures the services of which live orders have ended since the
// last time. A drip-feed counts by its runs.
func MeasureFacts(ctx context.Context, d *db.DB) error {
	var due []int64
	known := map[int64]catalog.Facts{}
	err := d.Read(ctx, func(tx *db.Tx) (err error) {
		if known, err = catalog.AllFacts(tx); err != nil {
			return err
		}
		// A value with LIMIT stays one look into the index per service; of EXISTS the
		// planner may make a join with all orders there are.
		due, err = db.All(tx, func(r db.Scanner) (serviceID int64, err error) {
			err = r.Scan(&serviceID)
			return serviceID, err
		}, `SELECT v.id FROM services v LEFT JOIN service_facts f ON f.service_id = v.id
			WHERE (SELECT o.id FROM orders o WHERE o.service_id = v.id AND o.finished_at > COALESCE(f.measured_at, 0) - $1
				AND o.mode = 'live' AND o.kind IN ('single', 'run') LIMIT 1) IS NOT NULL
			ORDER BY v.id`, overlap.Microseconds())
		return err
	})
	if err != nil {
		return fmt.Errorf("find services to measure: %w", err)
	}
	for chunk := range slices.Chunk(due, factsChunk) {
		if err := measureSome(ctx, d, chunk, known); err != nil {
			return err
		}
	}
	return nil
}

// measureSome reads each service's orders by itself, so that no read is long,
// and writes all that came of it at once: the catalogue moves once.
func measureSome(ctx context.Context, d *db.DB, serviceIDs []int64, known map[int64]catalog.Facts) error {
	measured := map[int64]catalog.Facts{}
	shown := false
	for _, serviceID := range serviceIDs {
		err := d.Read(ctx, func(tx *db.Tx) (err error) {
			measured[serviceID], err = measure(tx, serviceID)
			return err
		})
		if err != nil {
			return err
		}
		shown = shown || differ(known[serviceID], measured[serviceID])
	}
	return d.Write(ctx, func(tx *db.Tx) error {
		if shown {
			if err := epoch.MoveCatalog(tx); err != nil {
				return err
			}
		}
		return catalog.SaveFacts(tx, measured)
	})
}

// differ reports whether customers are shown something else than before.
func differ(before, after catalog.Facts) bool {
	if before.Orders < catalog.EnoughOrders && after.Orders < catalog.EnoughOrders {
		return false
	}
	same := func(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }
	return before.Orders != after.Orders || before.Completed != after.Completed || before.Partial != after.Partial ||
		before.Canceled != after.Canceled || !same(before.StartHalf, after.StartHalf) || !same(before.StartMost, after.StartMost) ||
		!same(before.CompleteHalf, after.CompleteHalf) || !same(before.CompleteMost, after.CompleteMost)
}

// measure looks at a service's newest ended orders.
func measure(tx *db.Tx, serviceID int64) (catalog.Facts, error) {
	f := catalog.Facts{MeasuredAt: tx.Now}
	var starts, ends []int64
	count := map[State]int64{}
	err := tx.Each(func(r db.Scanner) error {
		var state State
		var created, started, finished time.Time
		if err := r.Scan(&state, db.Time(&created), db.Time(&started), db.Time(&finished)); err != nil {
			return err
		}
		f.Orders++
		count[state]++
		if !started.IsZero() {
			starts = append(starts, seconds(created, started))
		}
		if state == Completed {
			ends = append(ends, seconds(created, finished))
		}
		return nil
	}, `SELECT state, created_at, started_at, finished_at FROM orders
		WHERE service_id = $1 AND finished_at IS NOT NULL AND mode = 'live' AND kind IN ('single', 'run')
		ORDER BY finished_at DESC, id DESC LIMIT $2`, serviceID, sample)
	if err != nil {
		return f, fmt.Errorf("measure service %d: %w", serviceID, err)
	}
	if f.Orders == 0 {
		return f, nil
	}
	f.StartHalf, f.StartMost = percentile(starts, 50), percentile(starts, 90)
	f.CompleteHalf, f.CompleteMost = percentile(ends, 50), percentile(ends, 90)
	f.Completed = share(count[Completed], f.Orders)
	f.Partial = share(count[Partial], f.Orders)
	f.Canceled = share(count[Canceled], f.Orders)
	return f, nil
}

// seconds are whole seconds between two times, none where a clock was set back.
func seconds(from, to time.Time) int64 { return max(int64(to.Sub(from)/time.Second), 0) }

// share is a part of the whole in thousandths, to the nearest.
func share(part, whole int64) int64 { return (part*2000 + whole) / (2 * whole) }

// percentile returns the smallest value that p of a hundred values do not
// exceed; nil where there are too few to say.
func percentile(values []int64, p int) *int64 {
	if len(values) < catalog.EnoughOrders {
		return nil
	}
	slices.Sort(values)
	return &values[(len(values)*p+99)/100-1]
}

package fulfil

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// statusMost is how many orders one call of status asks about.
	statusMost = 100
	// statusLease is how long a claimed check belongs to its node.
	statusLease = time.Minute
)

// Follower asks providers about the orders they have and moves those on.
type Follower struct {
	db        *db.DB
	providers *provider.Store
	guard     *outbound.Guard
	timeout   time.Duration
	log       *slog.Logger
}

// NewFollower returns a follower that does nothing until its loop runs.
func NewFollower(o Options) *Follower {
	return &Follower{db: o.DB, providers: o.Providers, guard: o.Guard, timeout: o.Timeout, log: o.Log}
}

// Run starts the loop in g.
func (f *Follower) Run(g *worker.Group) {
	g.Go(worker.Loop{Name: "follow", Every: time.Second, Pass: f.Pass, Backlog: f.backlog})
}

// Pass asks every provider about up to 100 due orders, paused providers too:
// what they have goes on there. A provider that does not answer delays no other.
func (f *Follower) Pass(ctx context.Context) (found int, err error) {
	providers, err := f.providers.List(ctx)
	if err != nil {
		return 0, fmt.Errorf("list providers: %w", err)
	}
	counts, errs := make([]int, len(providers)), make([]error, len(providers))
	var wg sync.WaitGroup
	for i, p := range providers {
		wg.Go(func() { counts[i], errs[i] = f.follow(ctx, p) })
	}
	wg.Wait()
	for i, p := range providers {
		found += counts[i]
		if errs[i] != nil {
			err = fmt.Errorf("follow %s: %w", p.Name, errs[i])
		}
	}
	return found, err
}

// follow makes one call of status for a provider's due orders.
func (f *Follower) follow(ctx context.Context, p provider.Provider) (int, error) {
	checks, err := f.claim(ctx, p.ID)
	if err != nil || len(checks) == 0 {
		return 0, err
	}
	client, err := f.providers.Client(p, f.guard, f.timeout)
	if err != nil {
		return 0, err
	}
	ids := make([]string, len(checks))
	for i, o := range checks {
		ids[i] = o.UpstreamID
	}
	reports, err := client.Status(ctx, ids)
	if err != nil {
		return 0, err // the claim runs out, and they are asked about again
	}
	if err := f.apply(ctx, checks, reports); err != nil {
		return 0, err
	}
	return len(checks), nil
}

// claim takes the orders that are due for a check; their next check moves to the
// end of the claim, so that no other node asks beside this one.
func (f *Follower) claim(ctx context.Context, providerID string) (checks []*order.Order, err error) {
	due := false
	err = f.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM orders WHERE provider_id = $1 AND next_check_at <= $2)`,
			providerID, db.At(tx.Now)).Scan(&due)
	})
	if err != nil || !due {
		return nil, err
	}
	err = f.db.Write(ctx, func(tx *db.Tx) error {
		checks, err = order.ClaimChecks(tx, providerID, statusMost, statusLease)
		return err
	})
	return checks, err
}

// apply moves the orders on of which something new was said; the others only
// get the time of their next check, all in one write.
func (f *Follower) apply(ctx context.Context, checks []*order.Order, reports map[string]provider.Report) error {
	var unchanged []*order.Order
	var wg sync.WaitGroup
	errs := make([]error, len(checks))
	gate := make(chan struct{}, 16) // writes at once: SQLite groups them, PostgreSQL has that many connections
	for i, o := range checks {
		report, answered := reports[o.UpstreamID]
		if !answered || !news(o, report) {
			unchanged = append(unchanged, o)
			continue
		}
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			errs[i] = f.db.Write(ctx, func(tx *db.Tx) error { return Apply(tx, o.ID, report) })
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			// One order that can't be moved must not stop the others.
			f.log.LogAttrs(ctx, slog.LevelError, "order not moved on", slog.String("order", checks[i].ID), slog.Any("error", err))
		}
	}
	return f.db.Write(ctx, func(tx *db.Tx) error { return order.Reschedule(tx, unchanged, NextCheck) })
}

func (f *Follower) backlog(ctx context.Context) (b worker.Backlog, err error) {
	err = f.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*), MIN(next_check_at) FROM orders WHERE next_check_at <= $1`,
			db.At(tx.Now)).Scan(&b.Count, db.Time(&b.Oldest))
	})
	return b, err
}

// NextCheck reports when to ask the provider about the order again. Zero means
// never: it has ended, and was looked at often enough since.
//
// The gaps grow from 3 s to 20 s during the first five minutes, then double until
// they reach an hour.
func NextCheck(o *order.Order, now time.Time) time.Time {
	if o.State.Final() {
		return order.NextRecheck(o.FinishedAt, now)
	}
	const (
		young    = 5 * time.Minute
		smallest = firstCheck
		middle   = 20 * time.Second
		largest  = time.Hour
	)
	age := max(now.Sub(o.AcceptedAt), 0)
	if age < young {
		return now.Add(smallest + time.Duration(int64(middle-smallest)*age.Milliseconds()/young.Milliseconds()))
	}
	return now.Add(min(middle+(age-young), largest))
}

package fulfil

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// statusCalls is how many calls one batch may become when it is halved.
	statusCalls = 32
	// missesMost is how often in a row nothing may be said of an order before a
	// person is asked.
	missesMost = 5
	// statusTimeout is the longest a call of status takes; statusMargin is added to
	// it for the time that a claimed check belongs to its node.
	statusTimeout = 20 * time.Second
	statusMargin  = 10 * time.Second
)

// Follower asks providers about the orders they have and moves those on.
type Follower struct {
	db        *db.DB
	providers *provider.Store
	guard     *outbound.Guard
	timeout   time.Duration
	log       *slog.Logger

	busy     turns // providers that are being asked
	mu       sync.Mutex
	failures map[string]int64 // by provider, in a row
	missed   map[string]int   // by order, how often nothing was said of it
	calls    sync.WaitGroup
}

// NewFollower returns a follower that does nothing until its loop runs.
func NewFollower(o Options) *Follower {
	return &Follower{
		db: o.DB, providers: o.Providers, guard: o.Guard, timeout: o.Timeout, log: o.Log,
		failures: map[string]int64{}, missed: map[string]int{},
	}
}

// Run starts the loop in g.
func (f *Follower) Run(g *worker.Group) {
	f.db.OnCommit(order.HintsBell, g.Go(worker.Loop{Name: "follow", Every: time.Second, Pass: f.Pass, Backlog: f.backlog}))
}

// Drain waits for the calls under way.
func (f *Follower) Drain() { f.calls.Wait() }

// Pass starts one call for up to 100 due orders of every provider that is not
// being asked already, paused providers too: what they have goes on there. A
// provider that does not answer delays no other.
func (f *Follower) Pass(ctx context.Context) (claimed int, err error) {
	providers, err := f.providers.List(ctx)
	if err != nil {
		return 0, fmt.Errorf("list providers: %w", err)
	}
	for _, p := range providers {
		if p.Kind == provider.Manual || !f.busy.take(p.ID) {
			continue
		}
		client, claimErr := f.providers.Client(p, f.guard, f.timeout)
		var checks []*order.Order
		if claimErr == nil {
			checks, claimErr = f.claim(ctx, p.ID, client.StatusMost())
		}
		if claimErr != nil {
			err = errors.Join(err, fmt.Errorf("follow %s: %w", p.Name, claimErr))
		}
		if len(checks) == 0 {
			f.busy.give(p.ID)
			continue
		}
		claimed += len(checks)
		f.calls.Go(func() {
			defer f.busy.give(p.ID)
			f.follow(context.WithoutCancel(ctx), p, client, checks)
		})
	}
	return claimed, err
}

// follow asks about the claimed orders and applies what is said. When that fails,
// the claim runs out and the orders are asked about again.
func (f *Follower) follow(ctx context.Context, p provider.Provider, client *provider.Client, checks []*order.Order) {
	calls := statusCalls
	err := f.ask(ctx, client, checks, &calls)
	f.mu.Lock()
	f.failures[p.ID]++
	if err == nil {
		f.failures[p.ID] = 0
	}
	f.mu.Unlock()
	if err != nil {
		f.log.LogAttrs(ctx, slog.LevelWarn, "status not learnt", slog.String("provider", p.Name),
			slog.Int("orders", len(checks)), slog.Any("error", err))
	}
}

// Failures counts, by provider, the calls in a row from which nothing was learnt.
func (f *Follower) Failures() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.failures)
}

// ask makes a call of status. An answer that is useless as a whole is asked for
// again in halves: one id that the provider chokes on must not hold up the others.
func (f *Follower) ask(ctx context.Context, client *provider.Client, checks []*order.Order, calls *int) error {
	if *calls == 0 {
		return nil // those left over are asked about when their claim has run out
	}
	*calls--
	ids := make([]string, len(checks))
	for i, o := range checks {
		ids[i] = o.UpstreamID
	}
	reports, err := client.Status(ctx, ids)
	switch half := len(checks) / 2; {
	case err == nil:
		return f.apply(ctx, checks, reports)
	case len(reports) > 0: // learnt before it failed; the others' claim runs out
		told := slices.DeleteFunc(slices.Clone(checks), func(o *order.Order) bool {
			_, answered := reports[o.UpstreamID]
			return !answered
		})
		return errors.Join(err, f.apply(ctx, told, reports))
	case !errors.Is(err, provider.ErrAnswer):
		return err
	case half > 0:
		return errors.Join(f.ask(ctx, client, checks[:half], calls), f.ask(ctx, client, checks[half:], calls))
	}
	f.miss(ctx, checks[0], "it answers nothing of use: "+cut(err.Error()))
	return f.db.Write(ctx, func(tx *db.Tx) error { return order.Reschedule(tx, checks, NextCheck) })
}

// miss counts that nothing was said of an order, and asks for a person when that
// happens again and again.
func (f *Follower) miss(ctx context.Context, o *order.Order, why string) {
	f.mu.Lock()
	f.missed[o.ID]++
	often := f.missed[o.ID] >= missesMost
	if often {
		delete(f.missed, o.ID)
	}
	f.mu.Unlock()
	if !often {
		return
	}
	err := f.db.Write(ctx, func(tx *db.Tx) error { return raiseReported(tx, o.ID, o.UpstreamID, reported+why) })
	if err != nil {
		f.log.LogAttrs(ctx, slog.LevelError, "attention not stored", slog.String("order", o.ID), slog.Any("error", err))
	}
}

// heard forgets the misses of an order.
func (f *Follower) heard(o *order.Order) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.missed, o.ID)
}

// claim takes the orders that are due for a check; their next check moves to the
// end of the claim, so that no other node asks beside this one.
func (f *Follower) claim(ctx context.Context, providerID string, most int) (checks []*order.Order, err error) {
	due := false
	err = f.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM orders WHERE provider_id = $1 AND next_check_at <= $2)`,
			providerID, db.At(tx.Now)).Scan(&due)
	})
	if err != nil || !due {
		return nil, err
	}
	err = f.db.Write(ctx, func(tx *db.Tx) error {
		checks, err = order.ClaimChecks(tx, providerID, most, min(f.timeout, statusTimeout)+statusMargin)
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
		if !answered {
			f.miss(ctx, o, "its answers leave the order out")
		} else {
			f.heard(o)
		}
		if !answered || !news(o, report) {
			unchanged = append(unchanged, o)
			continue
		}
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			errs[i] = f.db.Write(ctx, func(tx *db.Tx) error { return Apply(tx, o.ID, o.UpstreamID, report) })
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			// One order that can't be moved must not stop the others.
			f.log.LogAttrs(ctx, slog.LevelError, "order not moved on", slog.String("order", checks[i].ID), slog.Any("error", err))
			unchanged = append(unchanged, checks[i])
		}
	}
	return f.db.Write(ctx, func(tx *db.Tx) error { return order.Reschedule(tx, unchanged, NextCheck) })
}

func (f *Follower) backlog(ctx context.Context) (b worker.Backlog, err error) {
	err = f.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*), MIN(next_check_at) FROM orders WHERE next_check_at <= $1 AND provider_id <> 'sandbox'`,
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

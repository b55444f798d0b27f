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
	// movesMost is how many orders are moved on at once. PostgreSQL's pool has 16
	// connections, and most are for those who wait for an answer; at SQLite's one writer
	// those who wait share a commit.
	movesMost       = 6
	movesMostSQLite = 64
)

// errCalls says that a batch was halved as often as it may be.
var errCalls = errors.New("too many calls for one batch")

// Follower asks providers about the orders they have and moves those on.
type Follower struct {
	db        *db.DB
	providers *provider.Store
	guard     *outbound.Guard
	timeout   time.Duration
	log       *slog.Logger

	busy     turns         // providers that are being asked
	gate     chan struct{} // orders that are being moved on
	mu       sync.Mutex
	failures map[string]int64 // by provider, in a row
	missed   map[string]int   // by order, how often nothing was said of it
	calls    sync.WaitGroup
}

// NewFollower returns a follower that does nothing until its loop runs.
func NewFollower(o Options) *Follower {
	moves := movesMost
	if o.DB.Engine() == db.SQLite {
		moves = movesMostSQLite
	}
	return &Follower{
		db: o.DB, providers: o.Providers, guard: o.Guard, timeout: o.Timeout, log: o.Log,
		gate: make(chan struct{}, moves), failures: map[string]int64{}, missed: map[string]int{},
	}
}

// Run starts the loop in g.
func (f *Follower) Run(g *worker.Group) {
	f.db.OnCommit(order.HintsBell, g.Go(worker.Loop{Name: "follow", Every: time.Second, Pass: f.Pass, Backlog: f.backlog}))
}

// Drain waits for the calls under way as the forwarder's does. What is not stored until
// then is asked again.
func (f *Follower) Drain() bool { return drained(&f.calls, f.timeout+drainMargin, func() {}) }

// Pass starts to ask every provider that is not being asked already about its due
// orders, up to 100 in a call, paused providers too: what they have goes on there. A
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
			f.askOn(ctx, p, client, checks)
		})
	}
	return claimed, err
}

// askOn asks a provider about the claimed orders, and about the next ones for as long
// as there are more than one call can name: waiting for the loop's next pass, a
// provider with many orders would never be caught up with. One that did not answer
// the first call with something of use is left alone until that pass.
func (f *Follower) askOn(ctx context.Context, p provider.Provider, client *provider.Client, checks []*order.Order) {
	for f.follow(context.WithoutCancel(ctx), p, client, checks) && len(checks) == client.StatusMost() && ctx.Err() == nil {
		var err error
		if p, err = f.providers.Find(ctx, p.ID); err != nil || p.Kind == provider.Manual {
			return // the next pass meets the same failure, and the loop tells of it
		}
		if client, err = f.providers.Client(p, f.guard, f.timeout); err != nil {
			return
		}
		if checks, err = f.claim(ctx, p.ID, client.StatusMost()); err != nil || len(checks) == 0 {
			return
		}
	}
}

// follow asks about the claimed orders and applies what is said. When that fails,
// the claim runs out and the orders are asked about again. It reports whether one
// call was enough.
func (f *Follower) follow(ctx context.Context, p provider.Provider, client *provider.Client, checks []*order.Order) (atOnce bool) {
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
	return err == nil && calls == statusCalls-1
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
		return errCalls // those left over are asked about when their claim has run out
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
		if err = f.ask(ctx, client, checks[:half], calls); errors.Is(err, errCalls) {
			return err
		}
		return errors.Join(err, f.ask(ctx, client, checks[half:], calls))
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
	err := f.db.Write(ctx, func(tx *db.Tx) error { return raiseReported(tx, o, reported+why) })
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
			f.gate <- struct{}{}
			defer func() { <-f.gate }()
			errs[i] = f.db.Write(ctx, func(tx *db.Tx) error { return Apply(tx, o, report) })
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

// Package worker runs the loops that do what waits in the database. A row with a
// due time is the job, so there is nothing here but a rhythm and a heartbeat.
//
// It knows no domain: a loop brings its own look for due rows.
package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/fault"
)

const (
	// maxBackoff bounds the pause after failures.
	maxBackoff = 30 * time.Second
	// awayBackoff bounds it while the database is away: it comes back at once for all,
	// and a node is not ready before its loops have noticed.
	awayBackoff = 5 * time.Second
)

// Loop is work that comes again.
type Loop struct {
	// Name is for people and metrics.
	Name string
	// Every is the pause between two passes that found nothing.
	Every time.Duration
	// Pass does what is due and returns how much it found. It is run again at
	// once while it finds something.
	Pass func(ctx context.Context) (found int, err error)
	// Backlog reports what is due and not done. nil: the loop has none.
	Backlog func(ctx context.Context) (Backlog, error)
}

// Backlog is work that is due.
type Backlog struct {
	Count  int64
	Oldest time.Time // when the oldest became due; zero: nothing is due
}

// Heartbeat is how a loop is doing.
type Heartbeat struct {
	Name        string
	Every       time.Duration
	LastRun     time.Time
	LastSuccess time.Time
	LastError   string // for the operator; never on an open page
	Runs        int64
	Failures    int64
	Backlog     Backlog
	BacklogErr  string
}

// Late reports whether the loop has not succeeded for much longer than its rhythm.
func (h Heartbeat) Late(now time.Time) bool {
	return now.Sub(h.LastSuccess) > max(10*h.Every, 15*time.Second)
}

// Group runs loops until it is stopped.
type Group struct {
	log *slog.Logger
	now clock.Clock

	ctx    context.Context //nolint:containedctx // ends all loops
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	loops []*running
}

type running struct {
	Loop

	wake chan struct{}

	mu   sync.Mutex
	beat Heartbeat
}

// NewGroup returns a group without loops.
func NewGroup(log *slog.Logger, now clock.Clock) *Group {
	ctx, cancel := context.WithCancel(context.Background())
	return &Group{log: log, now: now, ctx: ctx, cancel: cancel}
}

// Go starts a loop and returns a function that wakes it, for work that has just
// become due in this process. Waking never blocks.
func (g *Group) Go(l Loop) (wake func()) {
	r := &running{Loop: l, wake: make(chan struct{}, 1)}
	r.beat = Heartbeat{Name: l.Name, Every: l.Every, LastSuccess: g.now()}
	g.mu.Lock()
	g.loops = append(g.loops, r)
	g.mu.Unlock()
	g.wg.Go(func() { g.run(r) })
	return func() {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// Stop ends the loops after the pass that each is in.
func (g *Group) Stop() {
	g.cancel()
	g.wg.Wait()
}

func (g *Group) run(r *running) {
	backoff := time.Duration(0)
	for g.ctx.Err() == nil {
		found, err := g.pass(r)
		pause := r.Every
		switch {
		case err != nil:
			backoff = min(max(2*backoff, r.Every), longest(err))
			pause = backoff
		case found > 0:
			backoff, pause = 0, 0
		default:
			backoff = 0
		}
		if pause == 0 {
			continue
		}
		wake := r.wake
		if err != nil {
			wake = nil // new work does not mend what failed
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-wake:
		case <-g.ctx.Done():
		}
		timer.Stop()
	}
}

// longest bounds the pause after a failure.
func longest(err error) time.Duration {
	if fault.Is(err, fault.Unavailable) {
		return awayBackoff
	}
	return maxBackoff
}

func (g *Group) pass(r *running) (found int, err error) {
	found, err = r.Pass(g.ctx)
	if g.ctx.Err() != nil {
		return 0, nil //nolint:nilerr // what failed because of the stop is no failure
	}
	now := g.now()
	r.mu.Lock()
	r.beat.LastRun = now
	r.beat.Runs++
	if err == nil {
		r.beat.LastSuccess, r.beat.LastError = now, ""
	} else {
		r.beat.LastError = err.Error()
		r.beat.Failures++
	}
	r.mu.Unlock()
	if err != nil {
		g.log.LogAttrs(g.ctx, slog.LevelError, "worker pass failed", slog.String("loop", r.Name), slog.Any("error", err))
	}
	return found, err
}

// Heartbeats reports on every loop, with its backlog as it is now.
func (g *Group) Heartbeats(ctx context.Context) []Heartbeat {
	g.mu.Lock()
	loops := append([]*running(nil), g.loops...)
	g.mu.Unlock()
	all := make([]Heartbeat, len(loops))
	for i, r := range loops {
		r.mu.Lock()
		all[i] = r.beat
		r.mu.Unlock()
		if r.Backlog == nil {
			continue
		}
		var err error
		if all[i].Backlog, err = r.Backlog(ctx); err != nil {
			all[i].BacklogErr = err.Error()
		}
	}
	return all
}

// Package status gathers what everybody may know of how the panel does: whether
// its workers are in time, what waits, how fast the API answers. It names no
// provider and no error, and asks once for all who look within some seconds.
package status

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/requestlog"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// kept is how long a report is given out.
	kept = 5 * time.Second
	// patience bounds how long one is waited for.
	patience = 3 * time.Second
	// Back is how far the measured requests go back.
	Back = 15 * time.Minute
)

// Part is what some workers do together, in words that a customer knows.
type Part string

// The parts.
const (
	Orders     Part = "orders"    // sent, followed and settled
	Wishes     Part = "wishes"    // cancels and refills
	Webhooks   Part = "webhooks"  // events on their way to resellers
	Mails      Part = "mails"     // on their way to customers
	Catalogue  Part = "catalogue" // prices and availability
	Sandbox    Part = "sandbox"   // orders of test keys
	Background Part = "background"
)

// parts are the loops of each part, by their names; any other is in the background.
//
//nolint:gochecknoglobals // a table
var parts = []struct {
	part  Part
	loops []string
}{
	{Orders, []string{"forward", "ask-again", "follow", "recover", "give-up", "drip-feed", "queued", "classified", "hints"}},
	{Wishes, []string{"cancel", "refill"}},
	{Webhooks, []string{"webhook-deliveries", "webhook-events", "webhook-changes", "webhook-purge"}},
	{Mails, []string{"mail", "mail-forget"}},
	{Catalogue, []string{"announced-rates", "sync", "balance", "facts"}},
	{Sandbox, []string{"sandbox"}},
	{Background, nil},
}

func partOf(loop string) int {
	for i, p := range parts {
		if slices.Contains(p.loops, loop) {
			return i
		}
	}
	return len(parts) - 1
}

// Work is how a part does.
type Work struct {
	Part    Part
	Late    bool          // some worker has not succeeded for much longer than its rhythm
	Waiting int64         // pieces of work that are due
	Oldest  time.Duration // for how long the oldest of them is
}

// Report is how the panel does at a moment.
type Report struct {
	At       time.Time
	Since    time.Time // the start of this process
	Database bool      // it answers
	Work     []Work    // of this process; a part without a worker is missing
	Latency  requestlog.Latency
	// Announced is what the operator says now.
	Announced []announce.Announcement
}

// Late reports whether something is late.
func (r Report) Late() bool { return slices.ContainsFunc(r.Work, func(w Work) bool { return w.Late }) }

// Deps are what a board asks.
type Deps struct {
	Heartbeats func(context.Context) []worker.Heartbeat
	Requests   *requestlog.Store
	Announced  *announce.Store
	Now        clock.Clock
	Log        *slog.Logger
}

// Board has the panel's report.
type Board struct {
	Deps

	since time.Time

	mu   sync.Mutex
	last Report
}

// NewBoard returns the board of a process that starts now.
func NewBoard(d Deps) *Board { return &Board{Deps: d, since: d.Now()} }

// Report returns how the panel does, at most some seconds ago. Whatever does not
// answer is missing in it.
func (b *Board) Report(ctx context.Context) Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Now()
	if age := now.Sub(b.last.At); !b.last.At.IsZero() && age >= 0 && age < kept {
		return b.last
	}
	// Others wait for the same: it must not end because one of them has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	b.last = b.gather(ctx, now)
	return b.last
}

func (b *Board) gather(ctx context.Context, now time.Time) Report {
	r := Report{At: now, Since: b.since}
	var err error
	if r.Latency, err = b.Requests.Latency(ctx, Back); err == nil {
		r.Announced, err = b.Announced.Current(ctx)
	}
	if r.Database = err == nil; !r.Database {
		b.Log.LogAttrs(ctx, slog.LevelError, "the status page got no answer of the database", slog.Any("error", err))
		return r
	}
	all := make([]Work, len(parts))
	there := make([]bool, len(parts))
	for _, h := range b.Heartbeats(ctx) {
		i := partOf(h.Name)
		w := &all[i]
		there[i] = true
		w.Late = w.Late || h.Late(now)
		w.Waiting += h.Backlog.Count
		if !h.Backlog.Oldest.IsZero() {
			w.Oldest = max(w.Oldest, now.Sub(h.Backlog.Oldest))
		}
	}
	for i := range all {
		if all[i].Part = parts[i].part; there[i] {
			r.Work = append(r.Work, all[i])
		}
	}
	return r
}

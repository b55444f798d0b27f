package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

const (
	// followed is how many orders are sent and asked about, livedThrough how many go
	// through their whole life.
	followed     = 4_000
	livedThrough = 30_000
	// lifeSlots is how many calls of add the provider takes at once.
	lifeSlots = 64
	// askedInCall is how many orders one call of status names.
	askedInCall = 100
	// lifeWithin bounds the wait for what becomes of them.
	lifeWithin = 5 * time.Minute
	// stallsAfter is how long nothing is asked before it is looked why.
	stallsAfter = 3 * time.Second
)

// life is a panel with a provider in memory.
type life struct {
	*bench

	server     *app.Server
	upstream   *upstream
	engine     string
	url        string // of the database
	providerID string
	place      func(context.Context, order.Request) error
}

// life measures what happens to orders after they were placed.
//
// Forwarding begins with orders that wait for a provider which is let go, and ends
// when each is on record as sent. Following moves the panel's clock on, so that all
// are due to be asked about at once, and ends when the answer to each is on record:
// once with news, once without, once with the end of the order. The whole life begins
// with the first add and ends when the last of the orders is completed; the three
// seconds after which an order is first asked about are in it.
func (b *bench) life(ctx context.Context, e engine) error {
	url, err := e.newDatabase(ctx, "bench_life")
	if err != nil {
		return err
	}
	u, err := newUpstream(ctx)
	if err != nil {
		return err
	}
	defer u.close()
	return serving(ctx, settings(url), func(server *app.Server) error {
		l := &life{bench: b, server: server, upstream: u, engine: e.name, url: url}
		return l.measure(ctx)
	})
}

func (l *life) measure(ctx context.Context) error {
	core := l.server.Core
	p, err := core.Providers.Create(ctx, provider.New{
		Name: "Provider", URL: l.upstream.url, Key: "key", Settings: provider.Settings{Slots: lifeSlots},
	}, "bench")
	if err != nil {
		return err
	}
	l.providerID = p.ID
	if err := addService(ctx, core, p.ID); err != nil {
		return err
	}
	buyer, _, err := addCustomer(ctx, core, 0)
	if err != nil {
		return err
	}
	if err := core.Providers.SetState(ctx, p.ID, provider.Paused, "bench", "bench"); err != nil {
		return err
	}
	if l.place, err = placerFor(ctx, l.server, buyer); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{l.floors, l.forward, l.follow, l.whole} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return l.settled(ctx)
}

func (l *life) named(what string) string { return what + ", " + l.engine }

// floors measures a client that makes the same calls and does nothing else.
func (l *life) floors(ctx context.Context) error {
	bare, err := newUpstream(ctx)
	if err != nil {
		return err
	}
	defer bare.close()
	l.say(l.named("a bare client of the provider"))
	sent, err := bareAdds(ctx, bare.url, followed, lifeSlots)
	if err != nil {
		return err
	}
	asked, err := bareChecks(ctx, bare.url, 10*followed, askedInCall)
	l.floor("bare client, 64 connections", sent)
	l.floor("bare client, 100 in a call", asked)
	return err
}

// forward measures how many orders a second are sent.
func (l *life) forward(ctx context.Context) error {
	l.say(l.named("forwarding"))
	if err := l.placeMany(ctx, "f", followed); err != nil {
		return err
	}
	l.upstream.mark()
	l.upstream.says("Pending") // who is asked about meanwhile has no news yet
	if err := l.server.Core.Providers.SetState(ctx, l.providerID, provider.Active, "", "bench"); err != nil {
		return err
	}
	ended, err := l.until(ctx, `SELECT NOT EXISTS (SELECT 1 FROM orders WHERE accepted_at IS NULL)`, nil)
	if err != nil {
		return err
	}
	if taken := l.upstream.added.Load(); taken != followed {
		return fmt.Errorf("%d of %d orders are at the provider", taken, followed)
	}
	l.add(l.named("orders sent"), followed/ended.Sub(l.upstream.began()).Seconds(), "bare client, 64 connections", nil)
	if l.server.Core.DB.Engine() != db.Postgres {
		return nil
	}
	return vacuum(ctx, l.url)
}

// follow measures how many orders a second are asked about.
func (l *life) follow(ctx context.Context) error {
	for _, step := range []struct{ what, word, done string }{
		{"orders checked, of each something new", "In progress", `SELECT NOT EXISTS (SELECT 1 FROM orders WHERE state = 'processing')`},
		{"orders checked, nothing new", "In progress", `SELECT NOT EXISTS (SELECT 1 FROM orders WHERE next_check_at <= $1)`},
		{"orders checked, all completed", "Completed", `SELECT NOT EXISTS (SELECT 1 FROM orders WHERE finished_at IS NULL)`},
	} {
		l.say(l.named(step.what))
		l.upstream.mark()
		l.upstream.says(step.word)
		// An answer that was on its way when the clock was moved leaves its order due an hour
		// later: those are brought forward too, and the wait for it counts.
		forward := func() { l.server.Core.DB.AdvanceClock(time.Hour) }
		forward()
		ended, err := l.until(ctx, step.done, forward)
		if err != nil {
			return err
		}
		// Some may have been asked about just before the clock was moved.
		asked := l.upstream.asked.Load()
		if asked < followed/2 {
			return fmt.Errorf("%s: the provider was asked about %d of %d orders", step.what, asked, followed)
		}
		l.add(l.named(step.what), float64(asked)/ended.Sub(l.upstream.began()).Seconds(), "bare client, 100 in a call", nil)
	}
	return nil
}

// whole measures how many orders a second come to their end.
func (l *life) whole(ctx context.Context) error {
	l.say(l.named("the whole life of orders"))
	began := clock.System()
	if err := l.placeMany(ctx, "w", livedThrough); err != nil {
		return err
	}
	ended, err := l.until(ctx, `SELECT NOT EXISTS (SELECT 1 FROM orders WHERE finished_at IS NULL)`, nil)
	if err != nil {
		return err
	}
	var m *mark
	if l.server.Core.DB.Engine() == db.SQLite {
		m = least(0.2)
	}
	l.add(l.named("orders placed, sent, followed and completed"), livedThrough/ended.Sub(began).Seconds(), floorSync, m)
	return nil
}

// placeMany places orders from many goroutines.
func (l *life) placeMany(ctx context.Context, prefix string, n int64) error {
	var next atomic.Int64
	placed, err := together(ctx, producers, lifeWithin, func(ctx context.Context, _, _ int) error {
		i := next.Add(1)
		if i > n {
			return errNoMore
		}
		request, err := order.ParseRequest(fields(prefix + strconv.FormatInt(i, 10)))
		if err != nil {
			return err
		}
		return l.place(ctx, request)
	})
	if err == nil && placed.calls != n {
		err = fmt.Errorf("%d of %d orders were placed", placed.calls, n)
	}
	return err
}

// until waits for a query to answer true and returns when it did. Its parameter, if
// it has one, is the panel's time. Since mark, the provider was called. Where nothing
// was asked for a while, stalled is called; nil does nothing.
func (l *life) until(ctx context.Context, query string, stalled func()) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, lifeWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	asked, since := int64(0), clock.System()
	for {
		done := false
		err := l.server.Core.DB.Read(ctx, func(tx *db.Tx) error {
			var args []any
			if strings.Contains(query, "$1") {
				args = []any{db.At(tx.Now)}
			}
			return tx.QueryRow(query, args...).Scan(&done)
		})
		if err != nil {
			return time.Time{}, fmt.Errorf("wait for orders: %w", err)
		}
		now := clock.System()
		if done && !l.upstream.began().IsZero() {
			return now, nil
		}
		if n := l.upstream.asked.Load(); n != asked {
			asked, since = n, now
		}
		if stalled != nil && now.Sub(since) > stallsAfter {
			stalled()
			since = now
		}
		<-tick.C
	}
}

// settled proves that every order was completed, was sent once, and was paid for.
func (l *life) settled(ctx context.Context) error {
	const all = followed + livedThrough
	var completed int64
	err := l.server.Core.DB.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*) FROM orders WHERE state = 'completed'`).Scan(&completed)
	})
	if err != nil {
		return fmt.Errorf("count orders: %w", err)
	}
	if sent := l.upstream.added.Load(); completed != all || sent != all {
		return fmt.Errorf("of %d orders %d were completed; %d were sent", all, completed, sent)
	}
	return booked(ctx, l.server.Core.DB, all, 1)
}

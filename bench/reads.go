package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/app"
)

// read is a question whose answer is measured.
type read struct {
	name  string
	forms []string // the same question about other orders; each answer is as long
	mark  *mark
}

// readsOf are the questions about a panel with many orders.
func readsOf(e engine, c *crowded) []read {
	const different = 50
	ones, hundreds := make([]string, different), make([]string, different)
	for i := range different {
		ones[i] = form(c.key, "status", "order", c.completed[i])
		hundreds[i] = form(c.key, "status", "orders", strings.Join(c.completed[i*10:i*10+100], ","))
	}
	return []read{
		{"services, 5,000 of them", []string{form(c.key, "services")}, least(0.6)},
		{"balance", []string{form(c.key, "balance")}, either(e, least(0.4), least(0.2))},
		{"status of one order", ones, nil},
		{"status of 100 orders", hundreds, least(0.12)},
	}
}

// reads measures reading over HTTP, each beside a handler that sends the same bytes.
func (b *bench) reads(ctx context.Context, e engine) error {
	c, err := b.crowdOf(ctx, e, crowdFew)
	if err != nil {
		return err
	}
	return serving(ctx, settings(c.url), func(server *app.Server) error {
		for _, r := range readsOf(e, c) {
			if err := b.read(ctx, e, server.URL()+"/api/v2", r); err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
		}
		return nil
	})
}

func (b *bench) read(ctx context.Context, e engine, address string, r read) error {
	b.say(r.name + ", " + e.name)
	panel := newCaller(address, producers)
	defer panel.close()
	// What the panel keeps in memory is there before it is measured, and what it finds out
	// after its start, such as how long a service takes, is in the answer.
	_, err := together(ctx, producers, b.length/rounds, func(ctx context.Context, worker, n int) error {
		return panel.weigh(ctx, r.forms[(worker+n)%len(r.forms)], 0)
	})
	if err != nil {
		return err
	}
	header, body, err := panel.ask(ctx, r.forms[0])
	if err != nil {
		return err
	}
	bare, err := newBareServer(ctx, header, body)
	if err != nil {
		return err
	}
	defer bare.close()
	beside := newCaller(bare.url, producers)
	defer beside.close()
	by := func(c *caller) func(time.Duration) (tally, error) {
		return func(length time.Duration) (tally, error) {
			return together(ctx, producers, length, func(ctx context.Context, worker, n int) error {
				return c.weigh(ctx, r.forms[(worker+n)%len(r.forms)], int64(len(body)))
			})
		}
	}
	rates, err := inTurn(b.length, by(beside), by(panel))
	if err != nil {
		return err
	}
	floor := fmt.Sprintf("bare handler, the same %d bytes", len(body))
	b.floor(floor, rates[0])
	b.add(r.name+", "+e.name, rates[1], floor, r.mark)
	return nil
}

package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// crowd measures a panel with a million orders in a process of its own: how it
// starts, each action beside a panel with ten thousand, and what memory it takes
// while 256 connections ask for all kinds of things.
func (b *bench) crowd(ctx context.Context, e engine) error {
	small, err := b.crowdOf(ctx, e, crowdFew)
	if err != nil {
		return err
	}
	large, err := b.crowdOf(ctx, e, crowdMany)
	if err != nil {
		return err
	}
	b.say("start with 1,000,000 orders, " + e.name)
	servesMany, err := b.started(ctx, "start until ready, 1,000,000 orders, "+e.name, large.url)
	if err != nil {
		return err
	}
	memory, err := servesMany.atRest(b.length)
	if err != nil {
		return errors.Join(err, servesMany.stop())
	}
	b.note(row{Name: "memory at rest, 1,000,000 orders, " + e.name, Value: memory, Unit: megabytes})
	servesFew, err := b.serve(ctx, small.url)
	if err != nil {
		return errors.Join(err, servesMany.stop())
	}
	err = b.crowdSides(ctx, e, servesFew, small, servesMany, large)
	return errors.Join(err, servesFew.stop(), servesMany.stop())
}

func (b *bench) crowdSides(ctx context.Context, e engine, servesFew *served, small *crowded, servesMany *served, large *crowded) error {
	few, err := newSide(ctx, servesFew, small)
	if err != nil {
		return err
	}
	defer few.close()
	many, err := newSide(ctx, servesMany, large)
	if err != nil {
		return err
	}
	defer many.close()
	if err := b.actions(ctx, e, few, many); err != nil {
		return err
	}
	b.say("memory under load with 1,000,000 orders, " + e.name)
	mixed, err := many.mixed(ctx, b)
	if err != nil {
		return err
	}
	memory, err := many.memory("VmHWM")
	b.add("requests of all kinds, 1,000,000 orders, "+e.name, mixed.rate, "", nil)
	b.note(row{Name: "most memory, 1,000,000 orders and load, " + e.name, Value: memory, Unit: megabytes, Mark: mostValue(300)})
	return err
}

// mixed asks on 256 connections for what a busy panel is asked for: of ten requests
// four are questions about orders, two place one.
func (s *side) mixed(ctx context.Context, b *bench) (tally, error) {
	forms := func(worker, n int) string {
		pick := (worker*31 + n*7) % (len(s.completed) - 100)
		switch (worker + n) % 10 {
		case 0, 1:
			return addForm(s.key, "m-"+strconv.Itoa(worker)+"-"+strconv.Itoa(n))
		case 2, 3, 4:
			return form(s.key, "status", "order", s.completed[pick])
		case 5:
			return form(s.key, "status", "orders", strings.Join(s.completed[pick:pick+100], ","))
		case 6:
			return form(s.key, "services")
		case 7:
			return form(s.key, "orders")
		case 8:
			return form(s.key, "transactions")
		}
		return form(s.key, "balance")
	}
	return together(ctx, producers, 3*b.length, func(ctx context.Context, worker, n int) error {
		return s.weigh(ctx, forms(worker, n), 0)
	})
}

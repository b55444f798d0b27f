package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
)

// orderQueue lists what people have to deliver.
type orderQueue struct {
	storage
	output

	Limit int `default:"50" help:"How many at most."`
}

// Run prints the work queue, the oldest first.
func (c *orderQueue) Run(ctx context.Context, t terminal) error {
	if c.Limit < 1 {
		return &usageError{"--limit must be 1 or more"}
	}
	return c.use(ctx, func(core *app.Core) error {
		orders, err := core.Settler.Queue(ctx, c.Limit)
		if err != nil {
			return err
		}
		names, err := newNames(ctx, core)
		if err != nil {
			return err
		}
		var all []orderView
		for _, o := range orders {
			v, err := names.view(ctx, o)
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return list(t, c.JSON, all, table[orderView]{
			none: "The work queue is empty.",
			head: []string{"ID", "PROVIDER", "SERVICE", "LINK", "QUANTITY", "STATE", "FIELDS", "SINCE"},
			row: func(o orderView) []string {
				return []string{
					o.ID, o.Provider, o.ProviderService, short(o.Link), strconv.FormatInt(o.Quantity, 10), o.State,
					short(fieldsText(o.Fields)), orEmpty(o.AcceptedAt),
				}
			},
		})
	})
}

// orderWork moves an order of a manual provider on.
type orderWork struct {
	storage

	ID         string `arg:"" help:"The order's id, ord_…."`
	State      string `enum:"in_progress,completed,partial,canceled," default:"" placeholder:"STATE" help:"in_progress, completed, partial (with --remains; that share is refunded) or canceled (refunded)."`
	StartCount *int64 `help:"The count before the work began."`
	Remains    *int64 `help:"How many of the quantity are not delivered."`
}

// Run moves the order and says what it is then.
func (c *orderWork) Run(ctx context.Context, t terminal) error {
	if c.State == "" && c.StartCount == nil && c.Remains == nil {
		return &usageError{"say what to note: --state, --start-count or --remains"}
	}
	return c.use(ctx, func(core *app.Core) error {
		o, err := core.Settler.Work(ctx, c.ID, fulfil.Work{
			State: order.State(c.State), StartCount: c.StartCount, Remains: c.Remains, Actor: actor,
		})
		if err != nil {
			return unknownOrder(c.ID, err)
		}
		fmt.Fprintf(t.out, "%s is %s; %s of its charge of %s %s is refunded.\n", o.ID, o.State, o.Refunded, o.Charge, core.Currency)
		return nil
	})
}

// orderRefill ends a refill by hand.
type orderRefill struct {
	storage

	ID        string `arg:"" help:"The refill's id, ref_…."`
	Completed bool   `xor:"what" help:"It was delivered."`
	Rejected  string `xor:"what" placeholder:"REASON" help:"There will be none; the customer reads the reason."`
}

// Run ends the refill.
func (c *orderRefill) Run(ctx context.Context, t terminal) error {
	if !c.Completed && c.Rejected == "" {
		return &usageError{"say what became of the refill: --completed or --rejected REASON"}
	}
	return c.use(ctx, func(core *app.Core) error {
		r, err := core.Settler.WorkRefill(ctx, c.ID, c.Completed, c.Rejected, actor)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "Refill %s of %s is %s.\n", r.ID, r.OrderID, r.State)
		return nil
	})
}

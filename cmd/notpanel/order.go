package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
)

// orderCommands are the commands about orders.
type orderCommands struct {
	List   orderList   `cmd:"" help:"List orders of all accounts, newest first."`
	Show   orderShow   `cmd:"" help:"Show all that is known of an order."`
	Settle orderSettle `cmd:"" help:"Say what became of an order that waits for a person."`
	Queue  orderQueue  `cmd:"" help:"List the orders that people deliver: those of manual providers."`
	Work   orderWork   `cmd:"" help:"Say how far an order of a manual provider is."`
	Refill orderRefill `cmd:"" help:"Say what became of a refill that waits for a person."`
	Pause  orderPause  `cmd:"" help:"Stop a drip-feed from sending more runs; the one under way goes on."`
	Resume orderResume `cmd:"" help:"Let a paused drip-feed send its runs again."`
}

// orderList lists orders.
type orderList struct {
	storage
	output

	State     *order.State `enum:"pending,queued,held,submitting,uncertain,processing,in_progress,completed,partial,canceled,failed,refunded" placeholder:"STATE" help:"Only orders in this state, such as uncertain or held."`
	Account   string       `help:"Only this account's: e-mail address or id."`
	Attention bool         `help:"Only orders that wait for a person: uncertain, held, or with a note that says why."`
	Test      bool         `help:"The orders of test keys; without it only live ones are listed."`
	Limit     int          `default:"50" help:"How many at most."`
}

// Run prints the orders that the flags ask for.
func (c *orderList) Run(ctx context.Context, t terminal) error {
	if c.Limit < 1 {
		return &usageError{"--limit must be 1 or more"}
	}
	return c.use(ctx, func(core *app.Core) error {
		all, err := c.find(ctx, core)
		if err != nil {
			return err
		}
		return list(t, c.JSON, all, table[orderView]{
			none: "There is no such order.",
			head: []string{"ID", "ACCOUNT", "MODE", "NUMBER", "SERVICE", "QUANTITY", "PAID", "STATE", "ATTENTION", "CREATED"},
			row: func(o orderView) []string {
				return []string{
					o.ID, o.Account, o.Mode, strconv.FormatInt(o.Number, 10), strconv.FormatInt(o.Service, 10),
					strconv.FormatInt(o.Quantity, 10), o.Paid, o.State, short(o.Attention), orEmpty(o.CreatedAt),
				}
			},
		})
	})
}

// find reads the orders page by page.
func (c *orderList) find(ctx context.Context, core *app.Core) (all []orderView, err error) {
	f := order.Filter{Attention: c.Attention, Test: c.Test}
	if c.State != nil {
		f.State = *c.State
	}
	if c.Account != "" {
		owner, err := core.Accounts.Find(ctx, c.Account)
		if err != nil {
			return nil, err
		}
		f.AccountID = owner.ID
	}
	names, err := newNames(ctx, core)
	if err != nil {
		return nil, err
	}
	for len(all) < c.Limit {
		f.Limit = min(page, c.Limit-len(all))
		some, next, err := core.Orders.Search(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, o := range some {
			v, err := names.view(ctx, o)
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
		if next == "" {
			break
		}
		f.BeforeID = next
	}
	return all, nil
}

// orderShow shows an order.
type orderShow struct {
	storage
	output

	ID string `arg:"" help:"The order's id, ord_…."`
}

// Run prints the order's fields, its timeline and its submissions.
func (c *orderShow) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		v, err := wholeOrder(ctx, core, c.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return t.json(v)
		}
		return printOrder(t, v)
	})
}

// wholeOrder reads an order and its trail from one snapshot.
func wholeOrder(ctx context.Context, core *app.Core, orderID string) (v wholeOrderView, err error) {
	var o *order.Order
	var steps []order.Step
	var submissions []*fulfil.Submission
	err = core.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if o, err = order.Get(tx, orderID); err != nil {
			return err
		}
		if steps, err = order.Timeline(tx, orderID); err != nil {
			return err
		}
		submissions, err = fulfil.Submissions(tx, orderID)
		return err
	})
	if err != nil {
		return v, unknownOrder(orderID, err)
	}
	names, err := newNames(ctx, core)
	if err != nil {
		return v, err
	}
	if v.orderView, err = names.view(ctx, o); err != nil {
		return v, err
	}
	v.Timeline, v.Submissions = viewSteps(steps), viewSubmissions(submissions, names.providers)
	v.Balances, err = balancesBeside(ctx, core, o, submissions)
	return v, err
}

// balancesBeside returns what the panel's account held before and after the
// newest submission of an order whose outcome was ever unknown.
func balancesBeside(ctx context.Context, core *app.Core, o *order.Order, submissions []*fulfil.Submission) ([]balanceView, error) {
	const each = 3
	all := []balanceView{}
	if !o.EverUnknown || len(submissions) == 0 {
		return all, nil
	}
	newest := submissions[0]
	for _, u := range submissions {
		if u.BeganAt.After(newest.BeganAt) {
			newest = u
		}
	}
	samples, err := core.Providers.BalancesAround(ctx, newest.ProviderID, newest.BeganAt, each)
	if err != nil {
		return nil, err
	}
	for _, b := range samples {
		all = append(all, balanceView{At: when(b.At), Balance: b.Balance.String()})
	}
	return all, nil
}

// unknownOrder says how an order is named where err is that there is none.
func unknownOrder(orderID string, err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	return fault.Newf(fault.NotFound, "no order %s: name it by its id (ord_…), which `notpanel order list` shows", orderID)
}

// orderSettle ends an order's waiting for a person.
type orderSettle struct {
	storage

	ID          string `arg:"" help:"The order's id, ord_…."`
	AcceptedAs  string `xor:"how" placeholder:"ID" help:"The provider has it, under this id of its own."`
	NotAccepted bool   `xor:"how" help:"The provider does not have it: send it again."`
	Cancel      bool   `xor:"how" help:"Cancel it and refund it in full, whatever the provider has."`
}

// Run settles the order and prints what it is then.
func (c *orderSettle) Run(ctx context.Context, t terminal) error {
	s := fulfil.Settlement{UpstreamID: c.AcceptedAs, Actor: actor}
	switch {
	case c.AcceptedAs != "":
		s.How = fulfil.AcceptedAs
	case c.NotAccepted:
		s.How = fulfil.WasNotAccepted
	case c.Cancel:
		s.How = fulfil.CancelIt
	default:
		return &usageError{"say what became of the order: --accepted-as ID, --not-accepted or --cancel"}
	}
	return c.use(ctx, func(core *app.Core) error {
		o, err := core.Settler.Settle(ctx, c.ID, s)
		if err != nil {
			return unknownOrder(c.ID, err)
		}
		fmt.Fprintf(t.out, "%s is %s; %s of its charge of %s %s is refunded.\n", o.ID, o.State, o.Refunded, o.Charge, core.Currency)
		return nil
	})
}

// orderPause pauses a drip-feed.
type orderPause struct {
	storage

	ID string `arg:"" help:"The drip-feed's id, ord_…."`
}

// Run pauses it and says how many runs there were.
func (c *orderPause) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		o, err := order.Pause(ctx, core.DB, c.ID, actor)
		if err != nil {
			return unknownOrder(c.ID, err)
		}
		fmt.Fprintf(t.out, "%s is paused after %d of %d runs.\n", o.ID, o.Run, o.Runs)
		return nil
	})
}

// orderResume resumes a drip-feed.
type orderResume struct {
	storage

	ID string `arg:"" help:"The drip-feed's id, ord_…."`
}

// Run resumes it and says when the next run is due.
func (c *orderResume) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		o, err := order.Resume(ctx, core.DB, c.ID, actor)
		if err != nil {
			return unknownOrder(c.ID, err)
		}
		fmt.Fprintf(t.out, "%s goes on: run %d of %d is due at %s.\n", o.ID, min(o.Run+1, o.Runs), o.Runs, orEmpty(when(o.NextRunAt)))
		return nil
	})
}

package main

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider"
)

// serviceAdd adds a service of a manual provider.
type serviceAdd struct {
	storage
	output

	Provider    string `required:"" help:"Name or id of a manual provider: its people deliver the orders."`
	There       string `required:"" help:"What the people call it; new for that provider."`
	Category    string `required:"" help:"Category; it is made if it is new."`
	Name        string `required:"" help:"Name that customers see."`
	Type        string `default:"Default" help:"Type, such as Default, Package or Custom Comments."`
	Description string `help:"Description in Markdown."`
	Rate        amount `required:"" help:"Price per 1,000."`
	Cost        amount `default:"0" help:"What it costs per 1,000."`
	Min         int64  `required:"" help:"Smallest quantity."`
	Max         int64  `required:"" help:"Largest quantity."`
	Refill      bool   `help:"What was lost again is refilled."`
	Cancel      bool   `help:"Running orders can be canceled."`
	Dripfeed    bool   `help:"Orders can be delivered in runs."`
}

// Run adds the service and prints it.
func (c *serviceAdd) Run(ctx context.Context, t terminal) error {
	of, known := catalog.ParseType(c.Type)
	if !known {
		return &usageError{"--type must be one of the types that `docs/api-v2.md` lists, such as Default"}
	}
	return c.use(ctx, func(core *app.Core) error {
		p, err := core.Providers.Find(ctx, c.Provider)
		if err != nil {
			return err
		}
		if p.Kind != provider.Manual {
			return fault.Newf(fault.Conflict, "%s has a list of its own: `notpanel provider import %q --only N` brings a service in", p.Name, p.Name)
		}
		v, err := core.Catalog.Create(ctx, p.ID, catalog.Offer{
			ProviderService: c.There, Category: c.Category, Name: c.Name, Type: of, Description: c.Description,
			Rate: money.Amount(c.Rate), Cost: money.Amount(c.Cost), Min: c.Min, Max: c.Max,
			Refill: c.Refill, Cancel: c.Cancel, Dripfeed: c.Dripfeed,
		}, actor)
		if err != nil {
			return err
		}
		viewer, err := newServiceViewer(ctx, core)
		if err != nil {
			return fmt.Errorf("service %d is added; print it: %w", v.ID, err)
		}
		return printServices(t, c.JSON, []serviceView{viewer.view(v)})
	})
}

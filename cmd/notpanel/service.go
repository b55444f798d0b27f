package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
)

// serviceCommands are the commands about the catalogue.
type serviceCommands struct {
	List serviceList `cmd:"" help:"List all services, whatever their state."`
	Set  serviceSet  `cmd:"" help:"Change a service; what is not given stays."`

	Source sourceCommands `cmd:"" help:"Add, remove, list and order the sources of a service."`
	Pin    servicePin     `cmd:"" help:"Keep fields of a service as they are, whatever its provider says."`
	Follow serviceFollow  `cmd:"" help:"Let fields of a service follow its provider again."`
	Markup serviceMarkup  `cmd:"" help:"Give a service a mark-up of its own."`
}

// serviceView is a service in JSON. Rate and cost are per 1,000.
type serviceView struct {
	Service         int64  `json:"service"`
	Category        string `json:"category"`
	Name            string `json:"name"`
	Type            string `json:"type"`
	Description     string `json:"description"`
	Rate            string `json:"rate"`
	Cost            string `json:"cost"`
	Currency        string `json:"currency"`
	Min             int64  `json:"min"`
	Max             int64  `json:"max"`
	Increment       int64  `json:"increment"`
	Cancel          bool   `json:"cancel"`
	State           string `json:"state"`
	PauseReason     string `json:"pause_reason"`
	ProviderID      string `json:"provider_id"`
	Provider        string `json:"provider"`
	ProviderService string `json:"provider_service"`
}

func viewService(s *catalog.Service, providers map[string]string, currency string) serviceView {
	return serviceView{
		Service: s.ID, Category: s.Category, Name: s.Name, Type: string(s.Type), Description: s.Description,
		Rate: s.Rate.String(), Cost: s.Source.Cost.String(), Currency: currency, Min: s.Min, Max: s.Max, Increment: s.Increment,
		Cancel: s.Cancel, State: string(s.State), PauseReason: s.PauseReason,
		ProviderID: s.Source.ProviderID, Provider: providers[s.Source.ProviderID], ProviderService: s.Source.ProviderService,
	}
}

// printServices prints services as list does.
func printServices(t terminal, asJSON bool, all []serviceView) error {
	return list(t, asJSON, all, table[serviceView]{
		none: "There are no services: `notpanel provider import N --markup 20%` brings in a provider's.",
		head: []string{"SERVICE", "CATEGORY", "NAME", "RATE", "COST", "MIN", "MAX", "STEP", "STATE", "PROVIDER", "THERE"},
		row: func(s serviceView) []string {
			state := s.State
			if s.PauseReason != "" {
				state += " (" + s.PauseReason + ")"
			}
			return []string{
				strconv.FormatInt(s.Service, 10), short(s.Category), short(s.Name), s.Rate, s.Cost,
				strconv.FormatInt(s.Min, 10), strconv.FormatInt(s.Max, 10), strconv.FormatInt(s.Increment, 10),
				state, s.Provider, s.ProviderService,
			}
		},
	})
}

// serviceList lists services.
type serviceList struct {
	storage
	output
}

// Run prints the catalogue in its order.
func (c *serviceList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		services, err := core.Catalog.List(ctx)
		if err != nil {
			return err
		}
		names, err := providerNames(ctx, core)
		if err != nil {
			return err
		}
		var all []serviceView
		for _, s := range services {
			all = append(all, viewService(s, names, core.Currency))
		}
		return printServices(t, c.JSON, all)
	})
}

// serviceSet changes a service.
type serviceSet struct {
	storage
	output

	ID        int64          `arg:"" help:"The service's number."`
	Name      *string        `help:"Name that customers see."`
	Rate      *amount        `help:"Price per 1,000."`
	Min       *int64         `help:"Smallest quantity."`
	Max       *int64         `help:"Largest quantity."`
	Increment *int64         `help:"Quantities must be a multiple of this."`
	State     *catalog.State `enum:"active,paused,retired" placeholder:"STATE" help:"active, paused or retired."`
}

// Run changes the service and prints it as it is then.
func (c *serviceSet) Run(ctx context.Context, t terminal) error {
	change := catalog.Change{
		Name: c.Name, Rate: (*money.Amount)(c.Rate), Min: c.Min, Max: c.Max, Increment: c.Increment, State: c.State,
	}
	if change == (catalog.Change{}) {
		return &usageError{"nothing to change: give --name, --rate, --min, --max, --increment or --state"}
	}
	return c.use(ctx, func(core *app.Core) error {
		changed, err := core.Catalog.Set(ctx, c.ID, change, actor)
		if err != nil {
			return err
		}
		names, err := providerNames(ctx, core)
		if err != nil {
			return fmt.Errorf("service %d is changed; print it: %w", c.ID, err)
		}
		if changed.Rate < changed.Source.Cost {
			fmt.Fprintf(t.err, "warning: service %d is sold at %s, below its cost of %s\n", c.ID, changed.Rate, changed.Source.Cost)
		}
		v := viewService(changed, names, core.Currency)
		if c.JSON {
			return t.json(v)
		}
		return printServices(t, false, []serviceView{v})
	})
}

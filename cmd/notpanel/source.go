package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider"
)

// sourceCommands are the commands about where a service's orders go.
type sourceCommands struct {
	Add    sourceAdd    `cmd:"" help:"Give a service another source."`
	Remove sourceRemove `cmd:"" help:"Take a source from a service that has another."`
	Prefer sourcePrefer `cmd:"" help:"Change the place of a source in the order of preference."`
	List   sourceList   `cmd:"" help:"List the sources of a service, the first choice first."`
}

// sourceView is a source in JSON. Costs are per 1,000.
type sourceView struct {
	Preference      int64   `json:"preference"`
	ProviderID      string  `json:"provider_id"`
	Provider        string  `json:"provider"`
	ProviderService string  `json:"provider_service"`
	Cost            string  `json:"cost"`
	CostThere       *string `json:"cost_there"` // in the provider's currency, where that is another
	GoneAt          *string `json:"gone_at"`
}

// printSources prints a service's sources.
func printSources(ctx context.Context, t terminal, core *app.Core, asJSON bool, serviceID int64) error {
	sources, err := core.Catalog.Sources(ctx, serviceID)
	if err != nil {
		return err
	}
	names, err := providerNames(ctx, core)
	if err != nil {
		return err
	}
	var all []sourceView
	for _, s := range sources {
		v := sourceView{
			Preference: s.Preference, ProviderID: s.ProviderID, Provider: names[s.ProviderID], ProviderService: s.ProviderService,
			Cost: s.Cost.String(), GoneAt: when(s.GoneAt),
		}
		if s.Foreign != nil {
			text := s.Foreign.String()
			v.CostThere = &text
		}
		all = append(all, v)
	}
	return list(t, asJSON, all, table[sourceView]{
		head: []string{"PREFERENCE", "PROVIDER", "THERE", "COST", "COST THERE", "GONE SINCE"},
		row: func(v sourceView) []string {
			return []string{strconv.FormatInt(v.Preference, 10), v.Provider, v.ProviderService, v.Cost, orEmpty(v.CostThere), orEmpty(v.GoneAt)}
		},
	})
}

// sourceAdd adds a source.
type sourceAdd struct {
	asking

	ID         int64   `arg:"" help:"The service's number."`
	Provider   string  `required:"" help:"Name or id."`
	There      string  `required:"" help:"The service's number at the provider."`
	Preference int64   `help:"1 is the first choice; without it the source becomes the last."`
	Cost       *amount `help:"Cost per 1,000 in the provider's currency. Without it the provider is asked, and its service must have the type of ours."`
}

// Run adds the source and prints all that the service has.
func (c *sourceAdd) Run(ctx context.Context, t terminal) error {
	if c.Preference < 0 {
		return &usageError{"--preference must be 1 or more"}
	}
	return c.useImporter(ctx, func(core *app.Core, im provider.Importer) error {
		added, err := c.source(ctx, core, im)
		if err != nil {
			return err
		}
		if err := core.Catalog.AddSource(ctx, added, actor); err != nil {
			return err
		}
		return printSources(ctx, t, core, c.JSON, c.ID)
	})
}

func (c *sourceAdd) source(ctx context.Context, core *app.Core, im provider.Importer) (added catalog.ServiceSource, err error) {
	added = catalog.ServiceSource{ServiceID: c.ID, Preference: c.Preference, ProviderService: c.There}
	if c.Cost != nil {
		p, err := core.Providers.Find(ctx, c.Provider)
		if err != nil {
			return added, err
		}
		added.ProviderID = p.ID
		added.Cost, added.Foreign, err = im.ForeignCost(ctx, p, money.Amount(*c.Cost))
		return added, err
	}
	offer, p, err := im.Offer(ctx, c.Provider, c.There, actor)
	if err != nil {
		return added, err
	}
	services, err := core.Catalog.List(ctx)
	if err != nil {
		return added, err
	}
	for _, v := range services {
		if v.ID == c.ID && v.Type != offer.Type {
			return added, fault.Newf(fault.Conflict, "service %d is of the type %s and %s of %s of the type %s: orders of one can't go to the other",
				c.ID, v.Type, c.There, p.Name, offer.Type)
		}
		if v.ID == c.ID && v.BillsMin() && v.Min != offer.Min {
			return added, fault.Newf(fault.Conflict, "a package of service %d holds %d and one of %s of %s holds %d: orders of one can't go to the other",
				c.ID, v.Min, c.There, p.Name, offer.Min)
		}
	}
	added.ProviderID, added.Cost, added.Foreign = p.ID, offer.Cost, offer.Foreign
	return added, nil
}

// sourceRemove removes a source.
type sourceRemove struct {
	storage
	output

	ID       int64  `arg:"" help:"The service's number."`
	Provider string `required:"" help:"Name or id."`
	There    string `help:"The service's number at the provider, where the service has several sources of it."`
}

// Run removes the source and prints those that are left.
func (c *sourceRemove) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		p, err := core.Providers.Find(ctx, c.Provider)
		if err != nil {
			return err
		}
		if err := core.Catalog.RemoveSource(ctx, c.ID, p.ID, c.There, actor); err != nil {
			return err
		}
		return printSources(ctx, t, core, c.JSON, c.ID)
	})
}

// sourcePrefer moves a source.
type sourcePrefer struct {
	storage
	output

	ID         int64  `arg:"" help:"The service's number."`
	Preference int64  `arg:"" help:"Its new place: 1 is the first choice."`
	Provider   string `required:"" help:"Name or id."`
	There      string `help:"The service's number at the provider, where the service has several sources of it."`
}

// Run moves the source and prints all in their new order.
func (c *sourcePrefer) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		p, err := core.Providers.Find(ctx, c.Provider)
		if err != nil {
			return err
		}
		if err := core.Catalog.PreferSource(ctx, c.ID, p.ID, c.There, c.Preference, actor); err != nil {
			return err
		}
		return printSources(ctx, t, core, c.JSON, c.ID)
	})
}

// sourceList lists sources.
type sourceList struct {
	storage
	output

	ID int64 `arg:"" help:"The service's number."`
}

// Run prints the sources.
func (c *sourceList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error { return printSources(ctx, t, core, c.JSON, c.ID) })
}

// servicePin pins fields.
type servicePin struct {
	storage

	ID     int64    `arg:"" help:"The service's number."`
	Fields []string `arg:"" help:"Such as name, rate, min, max or state."`
}

// Run pins the fields and prints what is pinned then.
func (c *servicePin) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		v, err := core.Catalog.Pin(ctx, c.ID, c.Fields, actor)
		if err != nil {
			return err
		}
		printPinned(t, v)
		return nil
	})
}

// serviceFollow lets fields follow.
type serviceFollow struct {
	storage

	ID     int64    `arg:"" help:"The service's number."`
	Fields []string `arg:"" help:"Such as name, rate, min, max or state."`
}

// Run lets the fields follow and prints what is pinned then.
func (c *serviceFollow) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		v, err := core.Catalog.Follow(ctx, c.ID, c.Fields, actor)
		if err != nil {
			return err
		}
		printPinned(t, v)
		return nil
	})
}

func printPinned(t terminal, v *catalog.Service) {
	pinned := "nothing"
	if len(v.Pinned) > 0 {
		pinned = strings.Join(v.Pinned, ", ")
	}
	fmt.Fprintf(t.out, "Of service %d these are pinned: %s. What is not follows its provider with the next sync.\n", v.ID, pinned)
}

// serviceMarkup sets a mark-up.
type serviceMarkup struct {
	storage

	ID      int64    `arg:"" help:"The service's number."`
	Percent *percent `arg:"" optional:"" placeholder:"25%" help:"What is added to its cost; without it, the provider's mark-up holds again."`
}

// Run sets the mark-up and prints the rate.
func (c *serviceMarkup) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		v, err := core.Catalog.SetMarkup(ctx, c.ID, (*money.Percent)(c.Percent), actor)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "Service %d costs %s and sells at %s %s per 1,000.\n", v.ID, v.Source.Cost, v.Rate, core.Currency)
		return nil
	})
}

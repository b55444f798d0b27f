package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
)

// serviceCommands are the commands about the catalogue.
type serviceCommands struct {
	List serviceList `cmd:"" help:"List all services, whatever their state."`
	Set  serviceSet  `cmd:"" help:"Change a service; what is not given stays. What is set no longer follows the provider."`
	Text serviceText `cmd:"" help:"Say what a service is called in a language."`
	Add  serviceAdd  `cmd:"" help:"Add a service that people deliver, those of a manual provider."`

	Source sourceCommands `cmd:"" help:"Add, remove, list and order the sources of a service."`
	Pin    servicePin     `cmd:"" help:"Keep fields of a service as they are, whatever its provider says."`
	Follow serviceFollow  `cmd:"" help:"Let fields of a service follow its provider again."`
	Markup serviceMarkup  `cmd:"" help:"Give a service a mark-up of its own."`
}

// serviceView is a service in JSON. Rate and cost are per 1,000.
type serviceView struct {
	Service         int64    `json:"service"`
	Category        string   `json:"category"`
	Name            string   `json:"name"`
	Type            string   `json:"type"`
	Description     string   `json:"description"`
	Rate            string   `json:"rate"`
	AnnouncedRate   *string  `json:"announced_rate"`
	AnnouncedAt     *string  `json:"announced_at"`
	Cost            string   `json:"cost"`
	Currency        string   `json:"currency"`
	Min             int64    `json:"min"`
	Max             int64    `json:"max"`
	Increment       int64    `json:"increment"`
	Dripfeed        bool     `json:"dripfeed"`
	Refill          bool     `json:"refill"`
	RefillDays      int64    `json:"refill_days"`
	RefillMost      int64    `json:"refill_most"`
	Cancel          bool     `json:"cancel"`
	Posts           int64    `json:"posts"`
	LinkHosts       []string `json:"link_hosts"`
	LinkForm        string   `json:"link_form"`
	Overlap         string   `json:"overlap"`
	Pinned          []string `json:"pinned"`
	State           string   `json:"state"`
	PauseReason     string   `json:"pause_reason"`
	ProviderID      string   `json:"provider_id"`
	Provider        string   `json:"provider"`
	ProviderService string   `json:"provider_service"`
}

// serviceViewer knows what services name.
type serviceViewer struct {
	providers map[string]string
	announced map[int64]catalog.Announced
	currency  string
}

func newServiceViewer(ctx context.Context, core *app.Core) (v serviceViewer, err error) {
	v.currency = core.Currency
	if v.providers, err = providerNames(ctx, core); err != nil {
		return v, err
	}
	v.announced, err = core.Catalog.Announced(ctx)
	return v, err
}

func (v serviceViewer) view(s *catalog.Service) serviceView {
	view := serviceView{
		Service: s.ID, Category: s.Category, Name: s.Name, Type: string(s.Type), Description: s.Description,
		Rate: s.Rate.String(), Cost: s.Source.Cost.String(), Currency: v.currency, Min: s.Min, Max: s.Max, Increment: s.Increment,
		Dripfeed: s.Dripfeed, Refill: s.Refill, RefillDays: s.RefillDays, RefillMost: s.RefillMost, Cancel: s.Cancel, Posts: s.Posts,
		LinkHosts: append([]string{}, s.LinkHosts...), LinkForm: string(s.LinkForm), Overlap: string(s.Overlap),
		Pinned: append([]string{}, s.Pinned...), State: string(s.State), PauseReason: s.PauseReason,
		ProviderID: s.Source.ProviderID, Provider: v.providers[s.Source.ProviderID], ProviderService: s.Source.ProviderService,
	}
	if a, ok := v.announced[s.ID]; ok {
		view.AnnouncedRate, view.AnnouncedAt = new(a.Rate.String()), when(a.EffectiveAt)
	}
	return view
}

// printServices prints services as list does.
func printServices(t terminal, asJSON bool, all []serviceView) error {
	return list(t, asJSON, all, table[serviceView]{
		none: "There are no services: `notpanel provider import N --markup 20%` brings in a provider's.",
		head: []string{"SERVICE", "CATEGORY", "NAME", "RATE", "COST", "MIN", "MAX", "STEP", "STATE", "PROVIDER", "THERE"},
		row: func(s serviceView) []string {
			state, rate := s.State, s.Rate
			if s.PauseReason != "" {
				state += " (" + s.PauseReason + ")"
			}
			if s.AnnouncedRate != nil {
				rate += " (" + *s.AnnouncedRate + " from " + *s.AnnouncedAt + ")"
			}
			return []string{
				strconv.FormatInt(s.Service, 10), short(s.Category), short(s.Name), rate, s.Cost,
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
		viewer, err := newServiceViewer(ctx, core)
		if err != nil {
			return err
		}
		var all []serviceView
		for _, s := range services {
			all = append(all, viewer.view(s))
		}
		return printServices(t, c.JSON, all)
	})
}

// serviceSet changes a service.
type serviceSet struct {
	storage
	output
	announcement `embed:""`

	ID          int64             `arg:"" help:"The service's number."`
	Name        *string           `help:"Name that customers see."`
	Description *string           `help:"Description that customers see, in Markdown."`
	Rate        *amount           `help:"Price per 1,000."`
	Min         *int64            `help:"Smallest quantity."`
	Max         *int64            `help:"Largest quantity."`
	Increment   *int64            `help:"Quantities must be a multiple of this."`
	Dripfeed    *bool             `negatable:"" help:"Orders may be delivered in runs."`
	Refill      *bool             `negatable:"" help:"What was lost again may be refilled."`
	RefillDays  *int64            `placeholder:"DAYS" help:"Refills are had so long after the order's end; 0: always."`
	RefillMost  *int64            `placeholder:"N" help:"Refills of one order."`
	Cancel      *bool             `negatable:"" help:"Running orders can be canceled."`
	Posts       *int64            `placeholder:"N" help:"Posts of a subscription that names no number; 0: it has to."`
	LinkHosts   *string           `placeholder:"A,B" help:"Hosts whose links are taken, with all below them; empty: any."`
	LinkForm    *catalog.LinkForm `enum:"query,path,host" placeholder:"FORM" help:"What of a link tells two targets apart: query, path or host."`
	Overlap     *catalog.Overlap  `enum:"allow,queue,refuse" placeholder:"RULE" help:"A second order on an open one's target: allow, queue or refuse."`
	State       *catalog.State    `enum:"active,paused,retired" placeholder:"STATE" help:"active, paused or retired."`
}

func (c *serviceSet) change() catalog.Change {
	change := catalog.Change{
		Name: c.Name, Description: c.Description, Rate: (*money.Amount)(c.Rate), Min: c.Min, Max: c.Max, Increment: c.Increment,
		Dripfeed: c.Dripfeed, Refill: c.Refill, RefillDays: c.RefillDays, RefillMost: c.RefillMost, Cancel: c.Cancel, Posts: c.Posts,
		LinkForm: c.LinkForm, Overlap: c.Overlap, State: c.State,
	}
	if c.LinkHosts != nil {
		hosts := slices.DeleteFunc(strings.Split(*c.LinkHosts, ","), func(host string) bool { return strings.TrimSpace(host) == "" })
		change.LinkHosts = &hosts
	}
	return change
}

// Run changes the service and prints it as it is then.
func (c *serviceSet) Run(ctx context.Context, t terminal) error {
	change := c.change()
	if change == (catalog.Change{}) {
		return &usageError{"nothing to change: give --name, --rate, --min, --max or another of the flags that --help lists"}
	}
	set := func(core *app.Core) (*catalog.Service, error) { return core.Catalog.Set(ctx, c.ID, change, actor) }
	if c.given() {
		at, err := c.announced(change)
		if err != nil {
			return err
		}
		set = func(core *app.Core) (*catalog.Service, error) {
			return core.Catalog.Announce(ctx, c.ID, *change.Rate, at, actor)
		}
	}
	return c.use(ctx, func(core *app.Core) error {
		changed, err := set(core)
		if err != nil {
			return err
		}
		viewer, err := newServiceViewer(ctx, core)
		if err != nil {
			return fmt.Errorf("service %d is changed; print it: %w", c.ID, err)
		}
		if changed.Rate < changed.Source.Cost {
			fmt.Fprintf(t.err, "warning: service %d is sold at %s, below its cost of %s\n", c.ID, changed.Rate, changed.Source.Cost)
		}
		v := viewer.view(changed)
		if c.JSON {
			return t.json(v)
		}
		return printServices(t, false, []serviceView{v})
	})
}

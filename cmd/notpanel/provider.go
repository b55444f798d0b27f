package main

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/plain"
	"github.com/notpanel/notpanel/internal/provider"
)

// providerCommands are the commands about providers.
type providerCommands struct {
	Add     providerAdd     `cmd:"" help:"Add a provider that orders can be forwarded to."`
	Import  providerImport  `cmd:"" help:"Bring a provider's services into the catalogue, or up to date."`
	List    providerList    `cmd:"" help:"List all providers."`
	Balance providerBalance `cmd:"" help:"Ask a provider what the panel's account there holds."`
	Pause   providerPause   `cmd:"" help:"Send a provider no more orders; those it has are still followed."`
	Resume  providerResume  `cmd:"" help:"Send a paused provider orders again."`
}

// providerView is a provider in JSON; its key never leaves the panel.
type providerView struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	URL         string  `json:"url"`
	Currency    string  `json:"currency"`
	State       string  `json:"state"`
	PauseReason string  `json:"pause_reason"`
	CreatedAt   *string `json:"created_at"`
}

func viewProvider(p provider.Provider) providerView {
	return providerView{
		ID: p.ID, Name: p.Name, URL: p.URL, Currency: p.Currency,
		State: string(p.State), PauseReason: p.PauseReason, CreatedAt: when(p.CreatedAt),
	}
}

// providerAdd adds a provider.
type providerAdd struct {
	storage
	output

	Name string `required:"" help:"Its name; it must be new."`
	URL  string `name:"url" required:"" help:"The full address of its API, such as https://provider.example/api/v2."`
	Key  string `required:"" help:"The panel's API key there. Give - and write the key to standard input: every user of this machine can read a command line."`
}

// Run stores the provider with its key sealed.
func (c *providerAdd) Run(ctx context.Context, t terminal) (err error) {
	key := c.Key
	if key == "-" {
		if key, err = t.secret(ctx, "The provider's key"); err != nil {
			return err
		}
	}
	return c.use(ctx, func(core *app.Core) error {
		p, err := core.Providers.Add(ctx, c.Name, c.URL, key, actor)
		if err != nil {
			return err
		}
		if c.JSON {
			return t.json(viewProvider(p))
		}
		fmt.Fprintf(t.out, "%s is %s.\n`notpanel provider import %q --markup 20%%` brings its services into the catalogue.\n", p.Name, p.ID, p.Name)
		return nil
	})
}

// providerImport brings services in.
type providerImport struct {
	storage
	output
	config.Outbound `embed:""`

	Provider string  `arg:"" help:"Name or id."`
	Markup   percent `required:"" placeholder:"20%" help:"What is added to the provider's prices, in percent."`
}

// Run imports and prints what was done and what was left out, and why.
func (c *providerImport) Run(ctx context.Context, t terminal) error {
	allow, err := c.Allow()
	if err != nil {
		return err
	}
	return c.use(ctx, func(core *app.Core) error {
		next, done := t.progress()
		next("importing the services of " + c.Provider)
		report, err := provider.Importer{
			Providers: core.Providers, Catalog: core.Catalog, Guard: outbound.NewOperator(allow),
			Timeout: c.ProviderTimeout, Currency: core.Currency,
		}.Import(ctx, c.Provider, money.Percent(c.Markup), actor)
		done()
		if err != nil {
			return err
		}
		if c.JSON {
			return t.json(report)
		}
		fmt.Fprintf(t.out, "%d added, %d changed, %d paused, %d resumed, %d left out.\n",
			report.Added, report.Changed, report.Paused, report.Resumed, len(report.LeftOut))
		if len(report.LeftOut) == 0 {
			return nil
		}
		return list(t, false, report.LeftOut, table[provider.LeftOut]{
			head: []string{"LEFT OUT", "NAME", "REASON"},
			row:  func(l provider.LeftOut) []string { return []string{l.Service, short(l.Name), l.Reason} },
		})
	})
}

// providerList lists providers.
type providerList struct {
	storage
	output
}

// Run prints every provider, oldest first.
func (c *providerList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		providers, err := core.Providers.List(ctx)
		if err != nil {
			return err
		}
		var all []providerView
		for _, p := range providers {
			all = append(all, viewProvider(p))
		}
		return list(t, c.JSON, all, table[providerView]{
			none: "There are no providers: `notpanel provider add --name N --url U --key -` adds one.",
			head: []string{"ID", "NAME", "URL", "CURRENCY", "STATE", "REASON"},
			row: func(p providerView) []string {
				return []string{p.ID, p.Name, p.URL, p.Currency, p.State, p.PauseReason}
			},
		})
	})
}

// providerBalance asks a provider.
type providerBalance struct {
	storage
	output
	config.Outbound `embed:""`

	Provider string `arg:"" help:"Name or id."`
}

// Run prints the balance as the provider writes it.
func (c *providerBalance) Run(ctx context.Context, t terminal) error {
	allow, err := c.Allow()
	if err != nil {
		return err
	}
	return c.use(ctx, func(core *app.Core) error {
		p, err := core.Providers.Find(ctx, c.Provider)
		if err != nil {
			return err
		}
		client, err := core.Providers.Client(p, outbound.NewOperator(allow), c.ProviderTimeout)
		if err != nil {
			return err
		}
		b, err := client.Balance(ctx)
		if err != nil {
			return fmt.Errorf("ask %s: %w", p.Name, err)
		}
		if c.JSON {
			return t.json(struct {
				Provider string `json:"provider"`
				Balance  string `json:"balance"`
				Currency string `json:"currency"`
			}{p.Name, b.Amount, b.Currency})
		}
		fmt.Fprintf(t.out, "%s: %s\n", p.Name, printable(b.Amount+" "+b.Currency))
		return nil
	})
}

// providerPause pauses a provider.
type providerPause struct {
	storage

	Provider string `arg:"" help:"Name or id."`
	Reason   string `help:"Why, for those who look later."`
}

// Validate refuses a reason that no list could show.
func (c *providerPause) Validate() error { return plain.Line("--reason", c.Reason) }

// Run pauses the provider.
func (c *providerPause) Run(ctx context.Context, t terminal) error {
	return c.setProvider(ctx, t, c.Provider, provider.Paused, c.Reason)
}

// providerResume resumes a provider.
type providerResume struct {
	storage

	Provider string `arg:"" help:"Name or id."`
}

// Run resumes the provider.
func (c *providerResume) Run(ctx context.Context, t terminal) error {
	return c.setProvider(ctx, t, c.Provider, provider.Active, "")
}

func (s *storage) setProvider(ctx context.Context, t terminal, idOrName string, to provider.State, reason string) error {
	return s.use(ctx, func(core *app.Core) error {
		p, err := core.Providers.Find(ctx, idOrName)
		if err != nil {
			return err
		}
		if p.State == to {
			fmt.Fprintf(t.out, "%s is %s already.\n", p.Name, to)
			return nil
		}
		if err := core.Providers.SetState(ctx, p.ID, to, reason, actor); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "%s is %s.\n", p.Name, to)
		return nil
	})
}

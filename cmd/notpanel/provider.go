package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/plain"
	"github.com/notpanel/notpanel/internal/provider"
)

// providerCommands are the commands about providers.
type providerCommands struct {
	Add      providerAdd      `cmd:"" help:"Add a provider that orders can be forwarded to."`
	Set      providerSet      `cmd:"" help:"Change a provider: its address, key, profile, headers and settings."`
	Import   providerImport   `cmd:"" help:"Bring a provider's services into the catalogue, or up to date."`
	Sync     providerSync     `cmd:"" help:"Bring what is sold of a provider up to date; adds nothing."`
	List     providerList     `cmd:"" help:"List all providers."`
	Balance  providerBalance  `cmd:"" help:"Ask a provider what the panel's account there holds."`
	Texts    providerTexts    `cmd:"" help:"List the refusals of a provider that wait for a decision."`
	Classify providerClassify `cmd:"" help:"Decide what a provider's refusal means, then and later."`
	Webhook  providerWebhook  `cmd:"" help:"Let a native provider tell the panel when something happens to an order, so that it is looked at at once."`
	Pause    providerPause    `cmd:"" help:"Send a provider no more orders; those it has are still followed."`
	Resume   providerResume   `cmd:"" help:"Send a paused provider orders again."`
}

// providerView is a provider in JSON; its key and the values of its headers never
// leave the panel.
type providerView struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	URL         string           `json:"url"`
	Kind        string           `json:"kind"`
	Profile     provider.Profile `json:"profile"`
	Headers     []string         `json:"headers"`
	Currency    string           `json:"currency"`
	State       string           `json:"state"`
	PauseReason string           `json:"pause_reason"`
	Slots       int64            `json:"slots"`
	UnknownRow  int64            `json:"unknown_in_a_row"` // from three on nothing is sent until it answers for its balance
	Markup      *string          `json:"markup"`
	SyncEvery   string           `json:"sync_every"`
	SyncedAt    *string          `json:"synced_at"`
	Alarm       string           `json:"alarm"`
	Balance     *string          `json:"balance"`
	BalanceAt   *string          `json:"balance_at"`
	BalanceLow  *string          `json:"balance_low"`
	CreatedAt   *string          `json:"created_at"`
}

// trouble is what an operator should know of a provider, one thing after the other.
func (p providerView) trouble() string {
	all := []string{p.PauseReason, p.Alarm}
	if p.UnknownRow > 0 {
		all = append(all, fmt.Sprintf("%d orders in a row with an unknown outcome", p.UnknownRow))
	}
	return strings.Join(slices.DeleteFunc(all, func(text string) bool { return text == "" }), "; ")
}

func viewProvider(core *app.Core, p provider.Provider) (providerView, error) {
	headers, err := core.Providers.HeaderNames(p)
	if err != nil {
		return providerView{}, err
	}
	v := providerView{
		ID: p.ID, Name: p.Name, URL: p.URL, Kind: string(p.Kind), Profile: p.Profile, Headers: append([]string{}, headers...),
		Currency: p.Currency, State: string(p.State), PauseReason: p.PauseReason, Slots: p.Slots, UnknownRow: p.UnknownRow, SyncEvery: p.SyncEvery.String(),
		SyncedAt: when(p.SyncedAt), Alarm: p.Alarm, Balance: sum(p.Balance), BalanceAt: when(p.BalanceAt), BalanceLow: sum(p.BalanceLow),
		CreatedAt: when(p.CreatedAt),
	}
	if p.Markup != nil {
		markup := money.Amount(*p.Markup).String() + "%" // both count in millionths
		v.Markup = &markup
	}
	return v, nil
}

// sum is an amount in JSON, null for none.
func sum(a *money.Amount) *string {
	if a == nil {
		return nil
	}
	text := a.String()
	return &text
}

// providerAdd adds a provider.
type providerAdd struct {
	storage
	output
	providerShape

	Name string `required:"" help:"Its name; it must be new."`
	Kind string `enum:"classic,native,manual" default:"classic" help:"classic: the v2 API as most panels speak it. native: a panel like this one. manual: people do the work, nothing is called. It stays as it is."`
	URL  string `name:"url" help:"The full address of its API, such as https://provider.example/api/v2."`
	Key  string `help:"The panel's API key there. Give - and write the key to standard input: every user of this machine can read a command line."`
}

// Run stores the provider with its key and headers sealed.
func (c *providerAdd) Run(ctx context.Context, t terminal) (err error) {
	if kind := provider.Kind(c.Kind); kind != provider.Manual && (c.URL == "" || c.Key == "") {
		return &usageError{"--url and --key are needed, unless with --kind manual"}
	}
	if err := c.readSecrets(ctx, t, &c.Key); err != nil {
		return err
	}
	n := provider.New{Name: c.Name, URL: c.URL, Key: c.Key, Kind: provider.Kind(c.Kind)}
	if n.Headers, err = c.headers(); err != nil {
		return err
	}
	if c.Profile != "" {
		if n.Profile, err = readProfile(c.Profile); err != nil {
			return err
		}
	}
	change := c.change()
	if change.Slots != nil {
		n.Slots = *change.Slots
	}
	if change.Markup != nil {
		n.Markup = *change.Markup
	}
	if change.SyncEvery != nil {
		n.SyncEvery = *change.SyncEvery
	}
	if change.BalanceLow != nil {
		n.BalanceLow = *change.BalanceLow
	}
	return c.use(ctx, func(core *app.Core) error {
		p, err := core.Providers.Create(ctx, n, actor)
		if err != nil {
			return err
		}
		if c.JSON {
			return printProvider(t, core, p)
		}
		fmt.Fprintf(t.out, "%s is %s.\n", p.Name, p.ID)
		if p.Kind != provider.Manual {
			fmt.Fprintf(t.out, "`notpanel provider import %q --markup 20%%` brings its services into the catalogue.\n", p.Name)
		}
		return nil
	})
}

func printProvider(t terminal, core *app.Core, p provider.Provider) error {
	v, err := viewProvider(core, p)
	if err != nil {
		return err
	}
	return t.json(v)
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
			v, err := viewProvider(core, p)
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return list(t, c.JSON, all, table[providerView]{
			none: "There are no providers: `notpanel provider add --name N --url U --key -` adds one.",
			head: []string{"ID", "NAME", "KIND", "URL", "CURRENCY", "STATE", "TROUBLE"},
			row: func(p providerView) []string {
				return []string{p.ID, p.Name, p.Kind, p.URL, p.Currency, p.State, p.trouble()}
			},
		})
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

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider"
)

// providerShape is what add and set both take.
type providerShape struct {
	Profile     string         `placeholder:"JSON" help:"In what its API differs from the classic v2 API: JSON, or @FILE. docs/providers.md lists the fields."`
	Header      []string       `sep:"none" placeholder:"NAME: VALUE" help:"A header for each request. It can be repeated. Give NAME: - and write the value to standard input."`
	Slots       *int64         `placeholder:"8" help:"How many orders are sent to it at once, per node."`
	Markup      optionalShare  `placeholder:"20%" help:"What is added to its prices where a service has no markup of its own, in percent; or none."`
	SyncEvery   *time.Duration `placeholder:"6h" help:"How often its list is read by itself; 0 is never."`
	SameAccount bool           `help:"The new address and key are of the same account there: orders with an unknown outcome are asked for again."`

	BalanceLow optionalSum `placeholder:"25.00" help:"Below which balance, in its currency, the operator is told; or none."`
}

// readSecrets takes the one secret that is given as - from standard input.
func (c *providerShape) readSecrets(ctx context.Context, t terminal, key *string) (err error) {
	type place struct {
		what string
		put  func(string)
	}
	var places []place
	if *key == "-" {
		places = append(places, place{"The provider's key", func(v string) { *key = v }})
	}
	for i, line := range c.Header {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(value) == "-" {
			places = append(places, place{"The header's value", func(v string) { c.Header[i] = name + ": " + v }})
		}
	}
	switch len(places) {
	case 0:
		return nil
	case 1:
		value, err := t.secret(ctx, places[0].what)
		if err == nil {
			places[0].put(value)
		}
		return err
	}
	return &usageError{"one secret can come from standard input: set the others with `notpanel provider set`, one at a time"}
}

func (c *providerShape) headers() (all []provider.Header, err error) {
	for _, line := range c.Header {
		h, err := provider.ParseHeader(line)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

// change is what the settings given change.
func (c *providerShape) change() (change provider.Change) {
	if c.Markup.given {
		change.Markup = &c.Markup.value
	}
	change.SameAccount = c.SameAccount
	if c.BalanceLow.given {
		change.BalanceLow = &c.BalanceLow.value
	}
	change.Slots, change.SyncEvery = c.Slots, c.SyncEvery
	return change
}

// readProfile reads a profile, or the file that @ names.
func readProfile(text string) (provider.Profile, error) {
	if name, ok := strings.CutPrefix(text, "@"); ok {
		file, err := os.Open(name) //nolint:gosec // the operator names it
		if err != nil {
			return provider.Profile{}, fmt.Errorf("read the profile: %w", err)
		}
		const most = 64 << 10
		content, err := io.ReadAll(io.LimitReader(file, most))
		if err := errors.Join(err, file.Close()); err != nil {
			return provider.Profile{}, fmt.Errorf("read the profile: %w", err)
		}
		text = string(content)
	}
	return provider.ParseProfile(text)
}

// optionalSum is an amount, or none.
type optionalSum struct {
	given bool
	value *money.Amount
}

// UnmarshalText reads a plain decimal or none.
func (o *optionalSum) UnmarshalText(text []byte) error {
	o.given = true
	if string(text) == "none" {
		return nil
	}
	var a amount
	if err := a.UnmarshalText(text); err != nil {
		return err
	}
	o.value = (*money.Amount)(&a)
	return nil
}

// optionalShare is a percentage, or none.
type optionalShare struct {
	given bool
	value *money.Percent
}

// UnmarshalText reads 20%, 12.5 or none.
func (o *optionalShare) UnmarshalText(text []byte) error {
	o.given = true
	if string(text) == "none" {
		return nil
	}
	var p percent
	if err := p.UnmarshalText(text); err != nil {
		return err
	}
	o.value = (*money.Percent)(&p)
	return nil
}

// providerSet changes a provider.
type providerSet struct {
	storage
	output
	providerShape

	Provider   string   `arg:"" help:"Name or id."`
	URL        string   `name:"url" help:"The full address of its API."`
	Key        string   `help:"The panel's API key there. Give - and write the key to standard input."`
	DropHeader []string `placeholder:"NAME" help:"A header to send no more. It can be repeated."`
}

// Run changes what was given and leaves the rest.
func (c *providerSet) Run(ctx context.Context, t terminal) (err error) {
	if err := c.readSecrets(ctx, t, &c.Key); err != nil {
		return err
	}
	change := c.change()
	change.Drop = c.DropHeader
	if change.SetHeaders, err = c.headers(); err != nil {
		return err
	}
	if c.URL != "" {
		change.URL = &c.URL
	}
	if c.Key != "" {
		change.Key = &c.Key
	}
	if c.Profile != "" {
		profile, err := readProfile(c.Profile)
		if err != nil {
			return err
		}
		change.Profile = &profile
	}
	if reflect.ValueOf(change).IsZero() {
		return &usageError{"nothing to change: give a setting, such as --url, --key or --slots; --help lists them"}
	}
	return c.use(ctx, func(core *app.Core) error {
		p, err := core.Providers.Find(ctx, c.Provider)
		if err != nil {
			return err
		}
		if p, err = core.Providers.Set(ctx, p.ID, change, actor); err != nil {
			return err
		}
		if c.JSON {
			return printProvider(t, core, p)
		}
		fmt.Fprintf(t.out, "%s is set.\n", p.Name)
		return nil
	})
}

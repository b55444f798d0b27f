package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/provider"
)

// asking is what each command has that asks a provider.
type asking struct {
	storage
	output
	config.Outbound `embed:""`
}

// useImporter is use with what asks providers.
func (a *asking) useImporter(ctx context.Context, do func(*app.Core, provider.Importer) error) error {
	allow, err := a.Allow()
	if err != nil {
		return err
	}
	return a.use(ctx, func(core *app.Core) error {
		return do(core, provider.Importer{
			Providers: core.Providers, Catalog: core.Catalog, Guard: outbound.NewOperator(allow),
			Timeout: a.ProviderTimeout, Currency: core.Currency,
		})
	})
}

// providerImport brings services in.
type providerImport struct {
	asking

	Provider string   `arg:"" help:"Name or id."`
	Markup   *percent `placeholder:"20%" help:"What is added to the provider's prices, in percent; it is kept for syncs. Without it the one that is kept."`
	DryRun   bool     `help:"Show what would be added, changed, paused, resumed and left out, and change nothing."`
	Category []string `placeholder:"C" sep:"none" help:"Only this category of the provider's; may be repeated."`
	Only     []string `placeholder:"ID" help:"Only these services, by their numbers at the provider."`
	Counts   string   `name:"currency" placeholder:"EUR" help:"Confirm the currency that the provider counts in, where it says none or another than before."`
}

// Run imports and prints the differences and what was left out, and why.
func (c *providerImport) Run(ctx context.Context, t terminal) error {
	return c.useImporter(ctx, func(_ *app.Core, im provider.Importer) error {
		next, done := t.progress()
		next("reading the services of " + c.Provider)
		report, err := im.Run(ctx, c.Provider, provider.ImportOptions{
			Markup: (*money.Percent)(c.Markup), DryRun: c.DryRun, Categories: c.Category, Only: c.Only, Currency: c.Counts,
			Progress: func(done, of int) { next(fmt.Sprintf("importing: %d of %d", done, of)) },
		}, actor)
		done()
		if err != nil {
			return err
		}
		return printReport(t, c.JSON, report)
	})
}

// providerSync syncs a provider now.
type providerSync struct {
	asking

	Provider     string `arg:"" help:"Name or id."`
	AcceptShrink bool   `help:"Pause what an earlier sync found missing, if it still is and no more than that."`
}

// Run syncs and prints the differences.
func (c *providerSync) Run(ctx context.Context, t terminal) error {
	return c.useImporter(ctx, func(_ *app.Core, im provider.Importer) error {
		next, done := t.progress()
		next("reading the services of " + c.Provider)
		report, err := im.Sync(ctx, c.Provider, c.AcceptShrink, actor)
		done()
		if err != nil {
			return err
		}
		return printReport(t, c.JSON, report)
	})
}

// printReport prints what an import did or would do.
func printReport(t terminal, asJSON bool, r provider.ImportReport) error {
	if asJSON {
		if r.Differences == nil {
			r.Differences = []catalog.Difference{}
		}
		return t.json(r)
	}
	if r.DryRun {
		fmt.Fprint(t.out, "Nothing was changed; this would be: ")
	}
	fmt.Fprintf(t.out, "%d added, %d changed, %d paused, %d resumed, %d left out.\n", r.Added, r.Changed, r.Paused, r.Resumed, len(r.LeftOut))
	if r.NotSold > 0 {
		fmt.Fprintf(t.out, "%s of the provider's not sold here: `notpanel provider import` adds them.\n", count(r.NotSold, "service"))
	}
	if r.Shrunk != nil {
		fmt.Fprintf(t.out, "ALARM: %d of %d services are no longer listed. Nothing was paused for it: if it stays so, `notpanel provider sync --accept-shrink` pauses them.\n",
			r.Shrunk.Vanished, r.Shrunk.Listed)
	}
	if len(r.Differences) > 0 {
		if err := list(t, false, r.Differences, differenceTable()); err != nil {
			return err
		}
	}
	if len(r.LeftOut) == 0 {
		return nil
	}
	return list(t, false, r.LeftOut, table[provider.LeftOut]{
		head: []string{"LEFT OUT", "NAME", "REASON"},
		row:  func(l provider.LeftOut) []string { return []string{l.Service, short(l.Name), l.Reason} },
	})
}

func differenceTable() table[catalog.Difference] {
	return table[catalog.Difference]{
		head: []string{"WHAT", "SERVICE", "THERE", "NAME", "DIFFERENCE"},
		row: func(d catalog.Difference) []string {
			number := ""
			if d.Service != 0 {
				number = strconv.FormatInt(d.Service, 10)
			}
			return []string{d.Kind, number, d.ProviderService, short(d.Name), differenceText(d)}
		},
	}
}

// differenceText tells the fields of a difference: of a new service what it sells
// at, of another each field before and after.
func differenceText(d catalog.Difference) string {
	var said []string
	for _, f := range d.Fields {
		switch {
		case d.Kind != catalog.DifferenceAdded:
			said = append(said, f.Field+": "+orNone(short(f.Before))+" → "+orNone(short(f.After)))
		case f.Field == "category" || f.Field == "rate" || f.Field == "cost" || f.Field == "min" || f.Field == "max" ||
			f.Field == "state" && f.After != string(catalog.Active):
			said = append(said, f.Field+": "+short(f.After))
		}
	}
	if d.Reason != "" {
		said = append(said, d.Reason)
	}
	return strings.Join(said, "; ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// providerBalance asks a provider.
type providerBalance struct {
	asking

	Provider string `arg:"" help:"Name or id."`
}

// Run prints the balance as the provider writes it, and keeps it.
func (c *providerBalance) Run(ctx context.Context, t terminal) error {
	return c.useImporter(ctx, func(core *app.Core, im provider.Importer) error {
		p, err := core.Providers.Find(ctx, c.Provider)
		if err != nil {
			return err
		}
		b, err := core.Providers.ReadBalance(ctx, p, im.Guard, im.Timeout)
		if err != nil {
			return err
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

package main

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
)

// priceCommands are the commands about what customers pay less or otherwise.
type priceCommands struct {
	Tier   priceTier   `cmd:"" help:"Set what a tier pays less than the list price."`
	Set    priceSet    `cmd:"" help:"Give an account a rate of its own for a service."`
	Remove priceRemove `cmd:"" help:"Let an account pay what its tier pays again."`
	List   priceList   `cmd:"" help:"List the tiers' discounts and the accounts' own rates."`
}

// priceTier sets a tier's discount.
type priceTier struct {
	storage

	Tier    account.Tier `arg:"" enum:"standard,reseller,agency" help:"standard, reseller or agency."`
	Percent percent      `arg:"" help:"What it pays less, in percent; 0 is nothing."`
}

// Run sets the discount and says so.
func (c *priceTier) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		discount := catalog.Discount{Tier: c.Tier, Percent: money.Percent(c.Percent)}
		if err := core.Catalog.SetDiscount(ctx, discount, actor); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "%s pays %s %% less than the list price.\n", c.Tier, money.Amount(c.Percent))
		below, all, err := core.Catalog.BelowCost(ctx, c.Tier)
		if err != nil {
			return err
		}
		if below > 0 {
			fmt.Fprintf(t.err, "warning: %s pays less than their cost for %d of %d services\n", c.Tier, below, all)
		}
		return nil
	})
}

// priceSet gives an account a rate of its own.
type priceSet struct {
	storage
	output

	Account string `arg:"" help:"E-mail address or id."`
	Service int64  `arg:"" help:"The service's number."`
	Rate    amount `arg:"" help:"Its price per 1,000."`
}

// Run sets the rate and says so.
func (c *priceSet) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		a, err := core.Accounts.Find(ctx, c.Account)
		if err != nil {
			return err
		}
		own := catalog.OwnRate{AccountID: a.ID, Service: c.Service, Rate: money.Amount(c.Rate)}
		service, err := core.Catalog.SetOwnRate(ctx, own, actor)
		if err != nil {
			return err
		}
		if own.Rate < service.Source.Cost {
			fmt.Fprintf(t.err, "warning: %s pays %s for service %d, below its cost of %s\n", a.Email, own.Rate, c.Service, service.Source.Cost)
		}
		if c.JSON {
			return t.json(viewOwn(own, a.Email, core.Currency))
		}
		fmt.Fprintf(t.out, "%s pays %s %s per 1,000 of service %d.\n", a.Email, own.Rate, core.Currency, c.Service)
		return nil
	})
}

// priceRemove takes an account's own rate away.
type priceRemove struct {
	storage

	Account string `arg:"" help:"E-mail address or id."`
	Service int64  `arg:"" help:"The service's number."`
}

// Run removes the rate and says so.
func (c *priceRemove) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		a, err := core.Accounts.Find(ctx, c.Account)
		if err != nil {
			return err
		}
		if err := core.Catalog.RemoveOwnRate(ctx, a.ID, c.Service, actor); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "%s pays for service %d what its tier pays.\n", a.Email, c.Service)
		return nil
	})
}

// priceView is a tier's discount or an account's own rate in JSON; what the other
// of the two has is null.
type priceView struct {
	Tier      *string `json:"tier"`
	Percent   *string `json:"percent"`
	AccountID *string `json:"account_id"`
	Account   *string `json:"account"`
	Service   *int64  `json:"service"`
	Rate      *string `json:"rate"`
	Currency  string  `json:"currency"`
}

func viewOwn(o catalog.OwnRate, email, currency string) priceView {
	return priceView{AccountID: &o.AccountID, Account: &email, Service: &o.Service, Rate: new(o.Rate.String()), Currency: currency}
}

// priceList lists discounts and own rates.
type priceList struct {
	storage
	output
}

// Run prints the tiers first, then the accounts.
func (c *priceList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		discounts, own, err := core.Catalog.Prices(ctx)
		if err != nil {
			return err
		}
		var all []priceView
		for _, d := range discounts {
			all = append(all, priceView{Tier: new(string(d.Tier)), Percent: new(money.Amount(d.Percent).String()), Currency: core.Currency})
		}
		known := newEmails(core)
		for _, o := range own {
			email, err := known.of(ctx, o.AccountID)
			if err != nil {
				return err
			}
			all = append(all, viewOwn(o, email, core.Currency))
		}
		return list(t, c.JSON, all, table[priceView]{
			none: "There are no prices but the list's: `notpanel price tier T PERCENT` and `notpanel price set ACCOUNT SERVICE RATE` make some.",
			head: []string{"TIER", "LESS %", "ACCOUNT", "SERVICE", "RATE"},
			row: func(p priceView) []string {
				return []string{orEmpty(p.Tier), orEmpty(p.Percent), orEmpty(p.Account), orEmpty(p.Service), orEmpty(p.Rate)}
			},
		})
	})
}

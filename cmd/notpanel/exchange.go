package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
)

// exchangeCommands are the commands about other currencies.
type exchangeCommands struct {
	Set  exchangeSet  `cmd:"" help:"Say what one unit of a currency is worth in the panel's; what is bought in it is priced anew."`
	List exchangeList `cmd:"" help:"List what currencies are worth."`
}

// exchangeRate is an exchange rate on the command line.
type exchangeRate money.Exchange

// UnmarshalText reads a plain decimal.
func (r *exchangeRate) UnmarshalText(text []byte) error {
	parsed, err := money.ParseExchange(string(text))
	if err != nil {
		return fmt.Errorf("%q is no exchange rate such as 1.0842: %w", text, err)
	}
	*r = exchangeRate(parsed)
	return nil
}

// exchangeSet sets a rate.
type exchangeSet struct {
	storage
	output

	Currency string       `arg:"" help:"The other currency, such as EUR."`
	Rate     exchangeRate `arg:"" help:"What one unit of it is worth in the panel's currency, such as 1.0842."`
}

// Validate refuses what is no currency.
func (c *exchangeSet) Validate() error {
	c.Currency = strings.ToUpper(c.Currency)
	if len(c.Currency) < 3 || len(c.Currency) > 8 || strings.Trim(c.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return &usageError{"a currency has three to eight letters or digits, such as EUR"}
	}
	return nil
}

// Run stores the rate and prints what it changed.
func (c *exchangeSet) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		next, done := t.progress()
		next("pricing anew what is bought in " + c.Currency)
		taken, err := core.Catalog.SetExchange(ctx, c.Currency, money.Exchange(c.Rate), actor)
		done()
		if err != nil {
			return err
		}
		if c.JSON {
			if taken.Differences == nil {
				taken.Differences = []catalog.Difference{}
			}
			return t.json(taken)
		}
		fmt.Fprintf(t.out, "One %s is worth %s %s: %s priced anew.\n", c.Currency, money.Exchange(c.Rate), core.Currency, count(len(taken.Differences), "source"))
		if len(taken.Differences) == 0 {
			return nil
		}
		return list(t, false, taken.Differences, differenceTable())
	})
}

// exchangeList lists rates.
type exchangeList struct {
	storage
	output
}

// exchangeView is an exchange rate in JSON.
type exchangeView struct {
	Currency  string  `json:"currency"`
	Rate      string  `json:"rate"`
	UpdatedAt *string `json:"updated_at"`
}

// Run prints every rate.
func (c *exchangeList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		rates, err := core.Catalog.ExchangeRates(ctx)
		if err != nil {
			return err
		}
		var all []exchangeView
		for _, r := range rates {
			all = append(all, exchangeView{r.Currency, r.Rate.String(), when(r.UpdatedAt)})
		}
		return list(t, c.JSON, all, table[exchangeView]{
			none: "No exchange rate is stored: `notpanel exchange set EUR 1.0842` stores one.",
			head: []string{"CURRENCY", "IN " + core.Currency, "SINCE"},
			row:  func(v exchangeView) []string { return []string{v.Currency, v.Rate, orEmpty(v.UpdatedAt)} },
		})
	})
}

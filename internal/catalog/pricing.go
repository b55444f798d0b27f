package catalog

import (
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// Pricing is how a provider's costs become list prices. Amounts are per 1,000 in
// the panel's currency; the zero value of each leaves it out.
type Pricing struct {
	Markup *money.Percent // nil: nobody has said
	More   money.Amount   // added to the raised cost
	Step   money.Amount   // the rate is rounded up to a multiple of it
	Least  money.Amount   // the rate is never below it
}

// Check says what is wrong with a pricing.
func (p Pricing) Check() error {
	switch {
	case p.Markup != nil && *p.Markup < 0:
		return fault.New(fault.Invalid, "markup must not be negative: it would sell below cost").Because(fault.BadField, "markup")
	case p.More < 0 || p.More > money.Max:
		return fault.New(fault.Invalid, "what is added to a rate must not be negative").Because(fault.BadField, "more")
	case p.Step < 0 || p.Step > money.Max:
		return fault.New(fault.Invalid, "the step of rates must not be negative").Because(fault.BadField, "step")
	case p.Least < 0 || p.Least > money.Max:
		return fault.New(fault.Invalid, "the least rate must not be negative").Because(fault.BadField, "least")
	}
	return nil
}

// Rate is the list price of what costs that. Every rounding is upwards: nothing is
// sold below what the terms say. Without a mark-up it is not known.
func (p Pricing) Rate(cost money.Amount) (rate money.Amount, known bool, err error) {
	if p.Markup == nil {
		return 0, false, nil
	}
	if rate, err = money.Markup(cost, *p.Markup); err != nil {
		return 0, false, err
	}
	rate = max(rate+p.More, p.Least)
	if p.Step > 0 {
		if over := rate % p.Step; over > 0 {
			rate += p.Step - over
		}
	}
	if rate > money.Max {
		return 0, false, money.ErrOverflow
	}
	return rate, true, nil
}

// providerPricing reads how a provider's costs become rates.
func providerPricing(tx *db.Tx, providerID string) (p Pricing, err error) {
	err = tx.QueryRow(`SELECT markup, rate_more, rate_step, rate_least FROM providers WHERE id = $1`, providerID).
		Scan(&p.Markup, &p.More, &p.Step, &p.Least)
	if err != nil {
		return p, fmt.Errorf("provider's mark-up: %w", err)
	}
	return p, nil
}

// followedRate is what a service sells at when it costs that: its own mark-up
// stands in the place of its provider's; the rest of the provider's terms hold.
// Without either it is not known.
func followedRate(v *Service, cost money.Amount, provided Pricing) (rate money.Amount, known bool, err error) {
	if v.Markup != nil {
		provided.Markup = v.Markup
	}
	return provided.Rate(cost)
}

package site

import (
	"context"
	"net/http"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// tier is a tier with what it changes.
type tier struct {
	name     string
	discount string
	requests string // a minute
	pays     string // for the example; "" without one
}

// prices is what the page of prices shows.
type prices struct {
	text    content.Page
	tiers   []tier
	service catalog.Listing // of the example
	terms   string          // how the example's charge comes about; "" where nothing is sold
	result  string
	units   string
}

// Pricing is the page of prices.
func (s *Site) Pricing(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	now, err := s.Catalogue(ctx)
	if err != nil {
		return err
	}
	p := prices{}
	if p.text, err = s.Texts.Page(ctx, lang(r), content.Pricing); err != nil {
		return err
	}
	v, _, found := shown(now)
	units := int64(0)
	if found {
		units = exampleQuantity(v)
		if p.service, err = now.Listing(v.ID, lang(r), catalog.Customer{}); err != nil {
			return err
		}
		charge, err := money.Charge(v.Rate, units)
		if err != nil {
			return err
		}
		p.units, p.result = ui.Int(ctx, units), ui.Amount(ctx, charge)
		p.terms = p.units + " × " + ui.Amount(ctx, v.Rate) + " ÷ " + ui.Int(ctx, 1000)
	}
	for _, t := range []account.Tier{account.Standard, account.Reseller, account.Agency} {
		one := s.tier(ctx, now, t)
		if found {
			if one.pays, err = pays(ctx, now, v, t, units); err != nil {
				return err
			}
		}
		p.tiers = append(p.tiers, one)
	}
	return ui.Render(w, r, http.StatusOK, pricingPage(p))
}

func (s *Site) tier(ctx context.Context, now *catalog.Snapshot, t account.Tier) tier {
	one := tier{name: ui.T(ctx, "site.tier."+string(t)), discount: ui.T(ctx, "site.pricing.list_price"), requests: ui.T(ctx, "site.pricing.no_limit")}
	if d := now.Discount(t); d > 0 {
		one.discount = ui.T(ctx, "site.pricing.discount", "Percent", percent(ctx, d))
	}
	if n := s.Limits[string(t)]; n > 0 {
		one.requests = ui.Int(ctx, n)
	}
	return one
}

func pays(ctx context.Context, now *catalog.Snapshot, v *catalog.Service, t account.Tier, units int64) (string, error) {
	rate, err := now.Price(v, catalog.Customer{Tier: string(t)})
	if err != nil {
		return "", err
	}
	charge, err := money.Charge(rate, units)
	return ui.Amount(ctx, charge), err
}

// exampleQuantity is a quantity that is not the one of the rate itself, where the
// service takes it.
func exampleQuantity(v *catalog.Service) int64 {
	const usual = 2500
	if v.Takes(usual) {
		return usual
	}
	return v.Least()
}

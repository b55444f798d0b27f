package catalogue

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// NewService shows the form of a service that people deliver.
func (p *Pages) NewService(w http.ResponseWriter, r *http.Request) error {
	return p.showNew(w, r, http.StatusOK, ui.NewForm(url.Values{"type": {string(catalog.Default)}, "cost": {"0"}}))
}

func (p *Pages) showNew(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	all, _, err := p.providerNames(r.Context())
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(one provider.Provider) bool { return one.Kind != provider.Manual })
	categories, err := p.deps.Catalog.Categories(r.Context())
	if err != nil {
		return err
	}
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "catalogue.new")}, newForm(all, categories, f))
}

// CreateService adds a service that no list names.
func (p *Pages) CreateService(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	rate, ok := amountIn(ctx, f, "rate")
	if !ok {
		f.Refuse("rate", ui.T(ctx, "catalogue.error_amount"))
	}
	cost, _ := amountIn(ctx, f, "cost")
	of, known := catalog.ParseType(f.Value("type"))
	if !known {
		f.Refuse("type", ui.T(ctx, "catalogue.error_type"))
	}
	const most = 1 << 40
	o := catalog.Offer{
		ProviderService: strings.TrimSpace(f.Value("number")), Category: strings.TrimSpace(f.Value("category")), Name: strings.TrimSpace(f.Value("name")),
		Type: of, Description: lines(f.Value("description")), Rate: rate, Cost: cost,
		Min: wholeIn(ctx, f, "min", 1, most), Max: wholeIn(ctx, f, "max", 1, most),
		Refill: f.Value("refill") == yes, Cancel: f.Value("cancel") == yes, Dripfeed: f.Value("dripfeed") == yes,
	}
	for field, text := range map[string]string{"name": o.Name, "category": o.Category, "number": o.ProviderService} {
		if text == "" {
			f.Refuse(field, ui.T(ctx, "catalogue.error_name"))
		}
	}
	if f.OK() && rate < cost && f.Value("below") != yes {
		f.Refuse("below", ui.T(ctx, "catalogue.error_below", "Rate", ui.Amount(ctx, rate), "Cost", ui.Amount(ctx, cost)))
	}
	if !f.OK() {
		return p.showNew(w, r, http.StatusUnprocessableEntity, f)
	}
	by, err := p.deps.Providers.Find(ctx, f.Value("provider"))
	if fault.Is(err, fault.NotFound) || err == nil && by.Kind != provider.Manual {
		f.Refuse("provider", ui.T(ctx, "catalogue.error_manual"))
		return p.showNew(w, r, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	v, err := p.deps.Catalog.Create(ctx, by.ID, o, p.by(r))
	if err != nil {
		return refusal.Again(w, r, f, err, p.showNew)
	}
	return ui.Finish(w, r, ui.T(ctx, "catalogue.created"), servicePath(v.ID), "")
}

package catalogue

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// AskSource shows the form of another source.
func (p *Pages) AskSource(w http.ResponseWriter, r *http.Request) error {
	e, err := p.sourcing(r.Context())
	if err != nil {
		return err
	}
	return p.ask(e)(w, r)
}

// AddSource gives a service another source.
func (p *Pages) AddSource(w http.ResponseWriter, r *http.Request) error {
	e, err := p.sourcing(r.Context())
	if err != nil {
		return err
	}
	return p.send(e)(w, r)
}

func (p *Pages) sourcing(ctx context.Context) (e edit, err error) {
	all, _, err := p.providerNames(ctx)
	return edit{
		title: "catalogue.add_source", done: "catalogue.source_added",
		form: func(v *catalog.Service, f *ui.Form) templ.Component { return sourceForm(v, all, f) },
		do: func(ctx context.Context, v *catalog.Service, f *ui.Form, by string) error {
			number := strings.TrimSpace(f.Value("number"))
			if number == "" {
				f.Refuse("number", ui.T(ctx, "catalogue.error_number"))
			}
			cost, known := amountIn(ctx, f, "cost")
			if !f.OK() {
				return nil
			}
			var said *money.Amount
			if known {
				said = &cost
			}
			added, err := p.newSource(ctx, v, catalog.Source{ProviderID: f.Value("provider"), ProviderService: number}, said, by)
			if err != nil {
				return inWords(err)
			}
			return p.deps.Catalog.AddSource(ctx, added, by)
		},
	}, err
}

// newSource is a source at a cost that a person says, or that the provider is asked
// for: then its service has to be of the same type.
func (p *Pages) newSource(
	ctx context.Context, v *catalog.Service, at catalog.Source, cost *money.Amount, by string,
) (added catalog.ServiceSource, err error) {
	number := at.ProviderService
	added = catalog.ServiceSource{ServiceID: v.ID, ProviderService: number}
	if cost != nil {
		of, err := p.deps.Providers.Find(ctx, at.ProviderID)
		if err != nil {
			return added, err
		}
		added.ProviderID = of.ID
		added.Cost, added.Foreign, err = p.deps.Importer.ForeignCost(ctx, of, *cost)
		return added, err
	}
	offer, of, err := p.deps.Importer.Offer(ctx, at.ProviderID, number, by)
	if err != nil {
		return added, err
	}
	if v.Type != offer.Type {
		return added, fault.Newf(fault.Conflict, "the service is of the type %s and %s of %s of the type %s: orders of one can't go to the other", v.Type, number, of.Name, offer.Type)
	}
	if v.BillsMin() && v.Min != offer.Min {
		return added, fault.Newf(fault.Conflict, "a package of the service holds %d and one of %s of %s holds %d: orders of one can't go to the other",
			v.Min, number, of.Name, offer.Min)
	}
	added.ProviderID, added.Cost, added.Foreign = of.ID, offer.Cost, offer.Foreign
	return added, nil
}

// AskRemoveSource asks whether a source is to go.
func (p *Pages) AskRemoveSource(w http.ResponseWriter, r *http.Request) error {
	v, err := p.named(r)
	if err != nil {
		return err
	}
	e, err := p.removing(r.Context())
	if err != nil {
		return err
	}
	return p.show(e, v)(w, r, http.StatusOK, ui.NewForm(url.Values{
		"provider": {cut(r.URL.Query().Get("provider"))}, "number": {cut(r.URL.Query().Get("number"))},
	}))
}

// RemoveSource takes a source from a service that has another.
func (p *Pages) RemoveSource(w http.ResponseWriter, r *http.Request) error {
	e, err := p.removing(r.Context())
	if err != nil {
		return err
	}
	return p.send(e)(w, r)
}

func (p *Pages) removing(ctx context.Context) (e edit, err error) {
	_, names, err := p.providerNames(ctx)
	return edit{
		title: "catalogue.remove_source", done: "catalogue.source_removed",
		form: func(v *catalog.Service, f *ui.Form) templ.Component {
			return removeSourceForm(v, names[f.Value("provider")], f)
		},
		do: func(ctx context.Context, v *catalog.Service, f *ui.Form, by string) error {
			return p.deps.Catalog.RemoveSource(ctx, v.ID, f.Value("provider"), f.Value("number"), by)
		},
	}, err
}

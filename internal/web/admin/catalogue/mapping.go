package catalogue

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// mapping is the form of which categories go into which.
type mapping struct {
	Provider provider.Provider
	Theirs   []string
	Ours     []catalog.Category
	More     int // that the form has no room for
}

// AskMapping shows which of our categories the provider's go into.
func (p *Pages) AskMapping(w http.ResponseWriter, r *http.Request) error {
	m, err := p.mapping(r)
	if err != nil {
		return err
	}
	into, err := p.deps.Providers.Mapping(r.Context(), m.Provider.ID)
	if err != nil {
		return err
	}
	values := url.Values{}
	for i, theirs := range m.Theirs {
		values.Set("into_"+strconv.Itoa(i), into[theirs])
	}
	return p.showMapping(m)(w, r, http.StatusOK, ui.NewForm(values))
}

func (p *Pages) showMapping(m mapping) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "import.mapping")}, mappingForm(m, f))
	}
}

func (p *Pages) mapping(r *http.Request) (m mapping, err error) {
	ctx := r.Context()
	if m.Provider, err = p.deps.Providers.Find(ctx, r.PathValue("id")); err != nil {
		return m, err
	}
	l, found, err := p.deps.Providers.Listed(ctx, m.Provider.ID)
	if err != nil {
		return m, err
	}
	if !found || l.State != provider.ListRead {
		return m, fault.New(fault.NotFound, "The list was not read yet")
	}
	all, err := p.deps.Providers.Listings(ctx, l)
	if err != nil {
		return m, err
	}
	m.Theirs = provider.Categories(all)
	if len(m.Theirs) > mostCategories {
		m.More, m.Theirs = len(m.Theirs)-mostCategories, m.Theirs[:mostCategories]
	}
	m.Ours, err = p.deps.Catalog.Categories(ctx)
	return m, err
}

// SetMapping sets it.
func (p *Pages) SetMapping(w http.ResponseWriter, r *http.Request) error {
	m, err := p.mapping(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	into := map[string]string{}
	for i, theirs := range m.Theirs {
		// A list that was read anew since has other places.
		if f.Value("theirs_"+strconv.Itoa(i)) == theirs {
			into[theirs] = f.Value("into_" + strconv.Itoa(i))
		}
	}
	if err := p.deps.Providers.SetMapping(r.Context(), m.Provider.ID, into, p.by(r)); err != nil {
		return refusal.Again(w, r, f, err, p.showMapping(m))
	}
	return ui.Finish(w, r, ui.T(r.Context(), "catalogue.set_done"), importPath+"/"+m.Provider.ID, "")
}

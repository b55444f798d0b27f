package catalogue

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// categoryRow is a category with how many services it has.
type categoryRow struct {
	catalog.Category

	Services, Sold int64
}

// Categories lists the categories in the catalogue's order.
func (p *Pages) Categories(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	all, err := p.deps.Catalog.Categories(ctx)
	if err != nil {
		return err
	}
	now, err := p.deps.Snapshot(ctx)
	if err != nil {
		return err
	}
	rows := make([]categoryRow, len(all))
	at := map[string]int{}
	for i, c := range all {
		rows[i], at[c.ID] = categoryRow{Category: c}, i
	}
	for _, v := range now.Services {
		if i, ok := at[v.CategoryID]; ok {
			rows[i].Services++
			if v.State == catalog.Active {
				rows[i].Sold++
			}
		}
	}
	return ui.Render(w, r, http.StatusOK, categoriesPage(rows, p.may(r, staff.CatalogueChange)))
}

// NewCategory shows the form of a category.
func (p *Pages) NewCategory(w http.ResponseWriter, r *http.Request) error {
	return p.showNewCategory(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showNewCategory(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "catalogue.category_new")}, newCategoryForm(f))
}

// AddCategory makes a category.
func (p *Pages) AddCategory(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	if _, err := p.deps.Catalog.AddCategory(r.Context(), f.Value("name"), p.by(r)); err != nil {
		return refusal.Again(w, r, f, ofName(r.Context(), f, err), p.showNewCategory)
	}
	return ui.Finish(w, r, ui.T(r.Context(), "catalogue.category_added"), categoriesPath, "")
}

// ofName says beside the field what is wrong with a name.
func ofName(ctx context.Context, f *ui.Form, err error) error {
	if strings.TrimSpace(f.Value("name")) == "" {
		return fault.New(fault.Invalid, ui.T(ctx, "catalogue.error_name")).Because(fault.BadField, "name")
	}
	if fault.From(err).Reason == catalog.CategoryTaken {
		return fault.New(fault.Conflict, ui.T(ctx, "catalogue.error_category_taken")).Because(fault.BadField, "name")
	}
	return err
}

// AskCategory shows the form of a category's names.
func (p *Pages) AskCategory(w http.ResponseWriter, r *http.Request) error {
	c, err := p.category(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	values := url.Values{"name": {c.Name}}
	for _, l := range p.deps.Languages {
		values.Set("name_"+l.Code, c.Texts[l.Code])
	}
	return p.showCategory(c)(w, r, http.StatusOK, ui.NewForm(values))
}

func (p *Pages) showCategory(c catalog.Category) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "catalogue.category_rename")}, categoryForm(c, p.deps.Languages, f))
	}
}

// SetCategory sets a category's names.
func (p *Pages) SetCategory(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	c, err := p.category(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	if err := p.deps.Catalog.RenameCategory(ctx, c.ID, f.Value("name"), p.by(r)); err != nil {
		return refusal.Again(w, r, f, ofName(ctx, f, err), p.showCategory(c))
	}
	for _, l := range p.deps.Languages {
		if said := strings.TrimSpace(f.Value("name_" + l.Code)); f.Values.Has("name_"+l.Code) && said != c.Texts[l.Code] {
			if _, err := p.deps.Catalog.SetCategoryText(ctx, c.ID, l.Code, said, p.by(r)); err != nil {
				return refusal.Again(w, r, f, err, p.showCategory(c))
			}
		}
	}
	return ui.Finish(w, r, ui.T(ctx, "catalogue.set_done"), categoriesPath, "")
}

// MoveCategory sets a category one place up or down.
func (p *Pages) MoveCategory(w http.ResponseWriter, r *http.Request) error {
	if err := p.deps.Catalog.MoveCategory(r.Context(), r.PathValue("id"), ui.Sent(r).Value("to") == "up", p.by(r)); err != nil {
		return err
	}
	return ui.See(w, r, categoriesPath)
}

// namesIn lists what a category is called elsewhere.
func namesIn(c catalog.Category) string {
	var all []string
	for code, name := range c.Texts {
		all = append(all, code+": "+name)
	}
	return strings.Join(sorted(all), " · ")
}

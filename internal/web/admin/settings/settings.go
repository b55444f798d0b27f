// Package settings is where staff say whose panel it is and how it looks, whether
// people may sign up and whom it warns, and where they close it for maintenance.
//
// It translates: package panel decides what a setting may be and keeps it, and the
// route table in web says who comes here.
package settings

import (
	"context"
	"net/http"
	"slices"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/admin"
	"github.com/notpanel/notpanel/internal/web/proof"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// The pages.
const (
	homePath        = "/admin/settings"
	usualPath       = homePath + "/usual"
	logoPath        = homePath + "/logo"
	maintenancePath = homePath + "/maintenance"
)

// Deps are what the pages ask.
type Deps struct {
	People *identity.People
	Store  *panel.Store
	Live   *panel.Live
	// CanMail reports whether a mail reaches its reader.
	CanMail func() bool
}

// Pages answers for the settings.
type Pages struct{ deps Deps }

// New returns the pages.
func New(d Deps) *Pages { return &Pages{deps: d} }

// view is what the page shows.
type view struct {
	Now     *panel.Current
	Usual   brand.Brand
	CanMail bool
	Done    string
}

// Home shows what holds and where each of it comes from.
func (p *Pages) Home(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := p.deps.Live.Refresh(ctx); err != nil {
		return err
	}
	v := view{Now: p.deps.Live.Now(), Usual: p.deps.Live.Usual(), CanMail: p.deps.CanMail()}
	if what := r.URL.Query().Get("done"); slices.Contains(dones(), what) {
		v.Done = ui.T(ctx, "settings.done_"+what)
	}
	return ui.Render(w, r, http.StatusOK, homePage(v))
}

// dones are what the page says was done.
func dones() []string { return []string{"saved", "usual", "closed", "opened"} }

// by is who changes something, for as long as they may.
func (p *Pages) by(r *http.Request) panel.By {
	actor := admin.Actor(p.deps.People, r)
	return panel.By{ID: actor.AccountID, May: staff.Still(actor, staff.SettingsChange)}
}

// shown shows a form beside what holds now, with what it asks of its sender.
func (p *Pages) shown(title string, form func(now *panel.Current, asked proof.Asked, f *ui.Form) templ.Component) ui.ShowForm {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		asked, err := proof.Fresh(p.deps.People, r)
		if err != nil {
			return err
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), title)}, form(p.deps.Live.Now(), asked, f))
	}
}

// open shows a form as it holds now.
func (p *Pages) open(w http.ResponseWriter, r *http.Request, show ui.ShowForm) error {
	if err := p.deps.Live.Refresh(r.Context()); err != nil {
		return err
	}
	return show(w, r, http.StatusOK, ui.NewForm(nil))
}

// save stores a change of who has proved who they are, and makes it hold here at once.
func (p *Pages) save(w http.ResponseWriter, r *http.Request, f *ui.Form, show ui.ShowForm, values map[panel.Key]*string, done string) error {
	ctx := r.Context()
	err := proof.Check(p.deps.People, r)
	if err == nil {
		err = p.deps.Store.Save(ctx, panel.Change{Seen: seen(f), Values: values}, p.by(r))
	}
	if refreshed := p.deps.Live.Refresh(ctx); refreshed != nil && err == nil {
		return refreshed
	}
	if err == nil {
		return ui.Finish(w, r, ui.T(ctx, "settings.done_"+done), homePath, "?done="+done)
	}
	if !p.told(ctx, f, err) && !refusal.Into(ctx, f, err) {
		return err
	}
	return show(w, r, refusal.Status(err), f)
}

// told writes into a form what somebody else has saved since it was shown. What was
// typed stays, and goes in its place when it is sent again.
func (p *Pages) told(ctx context.Context, f *ui.Form, err error) bool {
	moved := because(err, panel.Moved)
	if moved == nil {
		return false
	}
	now := p.deps.Live.Now()
	f.Error = ui.T(ctx, "settings.moved")
	for _, name := range moved {
		key := panel.Key(name)
		for _, field := range fields(key) {
			f.Refuse(field, ui.T(ctx, "settings.moved_field", "Who", who(ctx, now.Settings[key]), "Value", valueText(ctx, now, key, field)))
		}
	}
	f.Values.Set("seen", ui.Plain(now.Version))
	return true
}

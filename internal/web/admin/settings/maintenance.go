package settings

import (
	"net/http"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/web/proof"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// AskClose says what closing the panel does, and asks what customers read meanwhile.
func (p *Pages) AskClose(w http.ResponseWriter, r *http.Request) error {
	return p.open(w, r, p.closeForm())
}

func (p *Pages) closeForm() ui.ShowForm {
	return p.shown("settings.close_title", func(now *panel.Current, asked proof.Asked, f *ui.Form) templ.Component {
		return closeForm(now, asked, f)
	})
}

// Close closes the panel, or says something else while it is closed. What is not its
// form, which always has the field, closes nothing.
func (p *Pages) Close(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	says, err := panel.Tidy(panel.Maintenance, f.Value("maintenance"))
	if err != nil || !f.Values.Has("maintenance") {
		f.Refuse("maintenance", ui.T(r.Context(), "settings.error_maintenance", "Most", panel.MaxSays))
		return p.closeForm()(w, r, http.StatusUnprocessableEntity, f)
	}
	return p.save(w, r, f, p.closeForm(), map[panel.Key]*string{panel.Maintenance: &says}, "closed")
}

// AskOpen asks before the panel opens again.
func (p *Pages) AskOpen(w http.ResponseWriter, r *http.Request) error {
	return p.open(w, r, p.openForm())
}

func (p *Pages) openForm() ui.ShowForm {
	return p.shown("settings.open_title", func(now *panel.Current, asked proof.Asked, f *ui.Form) templ.Component {
		return openForm(now, asked, f)
	})
}

// Open opens the panel again.
func (p *Pages) Open(w http.ResponseWriter, r *http.Request) error {
	return p.save(w, r, ui.Sent(r), p.openForm(), map[panel.Key]*string{panel.Maintenance: nil}, "opened")
}

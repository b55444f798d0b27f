package settings

import (
	"net/http"
	"slices"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/web/proof"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// ofEnvironment are the settings that the environment has too.
func ofEnvironment() []panel.Key {
	return []panel.Key{panel.Name, panel.LegalName, panel.Support, panel.Contact, panel.Logo, panel.Accent}
}

// usualKey is the setting that a path names.
func usualKey(r *http.Request) (panel.Key, error) {
	key := panel.Key(r.PathValue("name"))
	if !slices.Contains(ofEnvironment(), key) {
		return "", fault.New(fault.NotFound, "There is no such setting")
	}
	return key, nil
}

// AskUsual asks before a setting goes back to what the environment says.
func (p *Pages) AskUsual(w http.ResponseWriter, r *http.Request) error {
	key, err := usualKey(r)
	if err != nil {
		return err
	}
	return p.open(w, r, p.usualForm(key))
}

func (p *Pages) usualForm(key panel.Key) ui.ShowForm {
	return p.shown("settings.usual_title", func(now *panel.Current, asked proof.Asked, f *ui.Form) templ.Component {
		return usualForm(key, now, p.deps.Live.Usual(), asked, f)
	})
}

// SetUsual lets a setting go back to what the environment says.
func (p *Pages) SetUsual(w http.ResponseWriter, r *http.Request) error {
	key, err := usualKey(r)
	if err != nil {
		return err
	}
	return p.save(w, r, ui.Sent(r), p.usualForm(key), map[panel.Key]*string{key: nil}, "usual")
}

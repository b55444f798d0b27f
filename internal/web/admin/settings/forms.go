package settings

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/web/proof"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Group is a form of some settings.
type Group string

// The groups, as their paths name them.
const (
	Contact Group = "contact" // whose panel it is
	Accent  Group = "accent"
	SignUp  Group = "signup"
	Alerts  Group = "alerts"
)

// Groups returns them all.
func Groups() []Group { return []Group{Contact, Accent, SignUp, Alerts} }

func (g Group) path() string { return homePath + "/" + string(g) }

func (g Group) keys() []panel.Key {
	switch g {
	case Contact:
		return []panel.Key{panel.Name, panel.LegalName, panel.Support, panel.Contact}
	case Accent:
		return []panel.Key{panel.Accent}
	case SignUp:
		return []panel.Key{panel.SignUp}
	case Alerts:
		return []panel.Key{panel.Alerts}
	}
	return nil
}

// fields are the fields of a form that a setting is written in.
func fields(key panel.Key) []string {
	if key == panel.Accent {
		return []string{"light", "dark"}
	}
	return []string{string(key)}
}

// value reads what a form says of a setting.
func value(f *ui.Form, key panel.Key) string {
	if key == panel.Accent {
		return panel.AccentValue(f.Value("light"), f.Value("dark"))
	}
	return f.Value(string(key))
}

// seen is the version that a form was shown with; a form that names none has seen
// nothing.
func seen(f *ui.Form) int64 {
	n, err := strconv.ParseInt(f.Value("seen"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// because returns the arguments of a refusal for a reason; nil for every other error.
func because(err error, reason fault.Reason) []string {
	f, is := errors.AsType[*fault.Error](err)
	if !is || f.Reason != reason {
		return nil
	}
	return f.Args
}

// Ask shows the form of a group.
func (p *Pages) Ask(g Group) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error { return p.open(w, r, p.form(g)) }
}

func (p *Pages) form(g Group) ui.ShowForm {
	return p.shown("settings.form_title_"+string(g), func(now *panel.Current, asked proof.Asked, f *ui.Form) templ.Component {
		return groupForm(g, now, asked, f)
	})
}

// Set saves the form of a group. What it says as it holds already is no change: so what
// comes from the environment stays from there.
func (p *Pages) Set(g Group) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		f := ui.Sent(r)
		now, values := p.deps.Live.Now(), map[panel.Key]*string{}
		for _, key := range g.keys() {
			typed := value(f, key)
			tidy, err := panel.Tidy(key, typed)
			if err != nil {
				refuse(r, f, key, err)
				continue
			}
			if tidy != now.Value(key) {
				values[key] = &tidy
			}
		}
		if !f.OK() {
			return p.form(g)(w, r, http.StatusUnprocessableEntity, f)
		}
		return p.save(w, r, f, p.form(g), values, "saved")
	}
}

// refuse says beside its field why a value is none.
func refuse(r *http.Request, f *ui.Form, key panel.Key, why error) {
	ctx := r.Context()
	if key != panel.Accent {
		f.Refuse(string(key), ui.T(ctx, "settings.error_"+string(key)))
		return
	}
	_, inDark, err := brand.NewAccent(f.Value("light"), f.Value("dark"))
	if err == nil {
		err = why
	}
	field := "light"
	if inDark && f.Value("dark") != "" {
		field = "dark"
	}
	pair, unreadable := errors.AsType[*brand.ContrastError](err)
	if !unreadable {
		f.Refuse(field, ui.T(ctx, "settings.error_colour"))
		return
	}
	f.Refuse(field, ui.T(ctx, "settings.error_contrast_"+themeOf(pair.InDark), "Accent", pair.Accent.String(), "Ground", pair.Ground.String(),
		"Contrast", contrast(ctx, pair.Contrast), "Enough", contrast(ctx, brand.Enough)))
}

func themeOf(inDark bool) string {
	if inDark {
		return "dark"
	}
	return "light"
}

package dashboard

import (
	"context"
	_ "embed"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/notpanel/notpanel/internal/web/refusal"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// zonesText lists the time zones to choose from, one on a line: the names in
// zone.tab of the IANA time zone database.
//
//go:embed zones.txt
var zonesText string

// system is the theme that follows the machine's.
const system = "system"

// zones are the zones in groups by the part of the world, which their names begin
// with.
//
//nolint:gochecknoglobals // read once from a file
var zones = sync.OnceValue(func() (groups []ui.OptionGroup) {
	for line := range strings.Lines(zonesText) {
		name := strings.TrimSpace(line)
		part, place, within := strings.Cut(name, "/")
		if !within {
			part, place = "", name
		}
		if last := len(groups) - 1; last < 0 || groups[last].Label != part {
			groups = append(groups, ui.OptionGroup{Label: part})
		}
		g := &groups[len(groups)-1]
		g.Options = append(g.Options, ui.Option{Value: name, Label: strings.NewReplacer("_", " ", "/", ", ").Replace(place)})
	}
	return groups
})

// zoneGroups are the zones with the panel's own first, and the present one where it
// is an old name of another.
func zoneGroups(ctx context.Context, present string) []ui.OptionGroup {
	first := ui.OptionGroup{Options: []ui.Option{{Value: "", Label: ui.T(ctx, "account.zone_none")}}}
	known := present == ""
	for _, g := range zones() {
		for _, o := range g.Options {
			known = known || o.Value == present
		}
	}
	if !known {
		first.Options = append(first.Options, ui.Option{Value: present, Label: present})
	}
	return append([]ui.OptionGroup{first}, zones()...)
}

// AskPreferences shows the form of language, time zone and theme.
func (d *Dashboard) AskPreferences(w http.ResponseWriter, r *http.Request) error {
	who := d.person(r)
	values := url.Values{"language": {ui.Of(r.Context()).Language.Code}, "time_zone": {who.TimeZone}, "theme": {system}}
	if who.Theme != "" {
		values.Set("theme", who.Theme)
	}
	return d.showPreferences(w, r, http.StatusOK, ui.NewForm(values))
}

func (d *Dashboard) showPreferences(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	groups := zoneGroups(r.Context(), d.person(r).TimeZone)
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "account.preferences")}, preferencesForm(f, groups))
}

// SetPreferences stores language, time zone and theme.
func (d *Dashboard) SetPreferences(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	p := account.Preferences{Language: f.Value("language"), TimeZone: f.Value("time_zone"), Theme: f.Value("theme")}
	if p.Theme == system {
		p.Theme = ""
	}
	if err := d.deps.SetPreferences(r.Context(), d.person(r).AccountID, p); err != nil {
		return refusal.Again(w, r, f, err, d.showPreferences)
	}
	return accountDone(w, r, "preferences")
}

// isReason reports whether the domain refused for a reason.
func isReason(err error, reason fault.Reason) bool {
	f, is := errors.AsType[*fault.Error](err)
	return is && f.Reason == reason
}

// sameAddress reports whether two spellings are one e-mail address.
func sameAddress(a, b string) bool { return strings.EqualFold(strings.TrimSpace(a), b) }

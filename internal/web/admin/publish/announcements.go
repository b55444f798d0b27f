package publish

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/web/ui"
)

func announcementPath(announcementID string) string { return announcementsPath + "/" + announcementID }

// textField is the field of an announcement's text in a language.
func textField(lang string) string { return "text_" + lang }

// announcementsView is a page of announcements.
type announcementsView struct {
	All         []announce.Announcement
	First, Next string
	Done        string
}

// Announcements lists what everybody was told, and will be, the newest first.
func (p *Pages) Announcements(w http.ResponseWriter, r *http.Request) error {
	all, err := p.deps.Announcements.All(r.Context(), from(r), pageRows+1)
	if err != nil {
		return err
	}
	v := announcementsView{First: first(from(r), announcementsPath), Done: doneText(r, "announced", "ended")}
	v.All, v.Next = page(all, announcementsPath, func(a announce.Announcement) string { return a.ID })
	return ui.Render(w, r, http.StatusOK, announcementList(v))
}

// NewAnnouncement shows the form of one.
func (p *Pages) NewAnnouncement(w http.ResponseWriter, r *http.Request) error {
	return p.showNewAnnouncement(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showNewAnnouncement(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "publish.announce")}, announcementForm(p.others(), p.languageName(english), f))
}

// others are the panel's languages but English.
func (p *Pages) others() (all []ui.Option) {
	for _, l := range p.deps.Languages {
		if l.Value != english {
			all = append(all, l)
		}
	}
	return all
}

// Announce tells everybody something from a moment on.
func (p *Pages) Announce(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	n := announce.New{Level: announce.Level(f.Value("level")), Texts: map[string]string{}}
	if n.Level != announce.Info && n.Level != announce.Warning {
		f.Refuse("level", ui.T(ctx, "publish.error_level"))
	}
	n.Texts[english] = line(ctx, f, textField(english), announce.MaxText, true)
	for _, l := range p.others() {
		if text := line(ctx, f, textField(l.Value), announce.MaxText, false); text != "" {
			n.Texts[l.Value] = text
		}
	}
	n.Starts, n.Ends = moment(ctx, f, "starts", false), moment(ctx, f, "ends", true)
	ends(ctx, f, "ends", n.Starts, n.Ends, announce.Longest)
	if !f.OK() {
		return p.showNewAnnouncement(w, r, http.StatusUnprocessableEntity, f)
	}
	if _, err := p.deps.Announcements.Add(ctx, n, p.actor(r)); err != nil {
		return refused(w, r, f, err, "publish.conflict_announce", p.showNewAnnouncement)
	}
	return finish(w, r, announcementsPath, "announced")
}

// saying is an announcement's text in a language.
type saying struct{ Lang, Name, Text string }

// announcementView is what the page of an announcement shows.
type announcementView struct {
	announce.Announcement

	Sayings []saying // English first
}

// Announcement shows one in all its languages, with the button that ends it.
func (p *Pages) Announcement(w http.ResponseWriter, r *http.Request) error {
	return p.showAnnouncement(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showAnnouncement(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	a, err := p.deps.Announcements.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := announcementView{Announcement: a}
	for _, lang := range slices.SortedFunc(maps.Keys(a.Texts), englishFirst) {
		v.Sayings = append(v.Sayings, saying{lang, p.languageName(lang), a.Texts[lang]})
	}
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "publish.announcement")}, announcementPage(v, f))
}

func englishFirst(a, b string) int {
	switch {
	case a == english:
		return -1
	case b == english:
		return 1
	}
	return strings.Compare(a, b)
}

// EndAnnouncement shows one no more.
func (p *Pages) EndAnnouncement(w http.ResponseWriter, r *http.Request) error {
	if _, err := p.deps.Announcements.End(r.Context(), r.PathValue("id"), p.actor(r)); err != nil {
		return refused(w, r, ui.Sent(r), err, "publish.conflict_end", p.showAnnouncement)
	}
	return finish(w, r, announcementsPath, "ended")
}

// run is how far an announcement is: its word in the language files.
func run(a announce.Announcement, now time.Time) string {
	switch {
	case a.Current(now):
		return "running"
	case now.Before(a.Starts):
		return "to_come"
	}
	return "over"
}

func levelOptions(ctx context.Context) []ui.Option {
	return []ui.Option{
		{Value: string(announce.Info), Label: ui.T(ctx, "publish.level_info"), Help: ui.T(ctx, "publish.level_info_help")},
		{Value: string(announce.Warning), Label: ui.T(ctx, "publish.level_warning"), Help: ui.T(ctx, "publish.level_warning_help")},
	}
}

// alsoIn names the other languages of an announcement by their codes.
func alsoIn(ctx context.Context, a announce.Announcement) string {
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(a.Texts)), func(lang string) bool { return lang == english })
	if len(others) == 0 {
		return ui.T(ctx, "publish.english_only")
	}
	return ui.T(ctx, "publish.also_in", "Languages", strings.Join(others, ", "))
}

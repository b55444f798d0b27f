// Package publish is where staff write to everybody: announcements, posts of the
// blog and giveaways.
//
// It translates: packages announce, blog and giveaway decide what may be said and
// what a draw books, and the route table in web says who comes here.
package publish

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/blog"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/plain"
	"github.com/notpanel/notpanel/internal/web/admin"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// The pages.
const (
	announcementsPath = "/admin/announcements"
	postsPath         = "/admin/posts"
	giveawaysPath     = "/admin/giveaways"
)

// pageRows is how many rows a page of a list has.
const pageRows = 50

// MaxPostForm bounds the form of a post, in bytes: in a form a letter may take
// three times the room that it has in the text.
const MaxPostForm = 3*blog.MaxBody + 16<<10

// english is the language that every announcement is in.
const english = "en"

// Deps are what the pages ask.
type Deps struct {
	People        *identity.People
	Accounts      *account.Store // to read who won, and who decided
	Announcements *announce.Store
	Blog          *blog.Store
	Giveaways     *giveaway.Store
	// Languages are those of the panel, each by its code, English among them.
	Languages []ui.Option
}

// Pages answers for what staff write to everybody.
type Pages struct{ deps Deps }

// New returns the pages.
func New(d Deps) *Pages { return &Pages{deps: d} }

// actor is the account of who asks, as the audit log names it.
func (p *Pages) actor(r *http.Request) string { return admin.Actor(p.deps.People, r).AccountID }

// languages are the panel's, and the one that a text has already where the panel
// does not have it.
func (p *Pages) languages(has string) []ui.Option {
	for _, l := range p.deps.Languages {
		if has == "" || l.Value == has {
			return p.deps.Languages
		}
	}
	return append([]ui.Option{{Value: has, Label: has}}, p.deps.Languages...)
}

// languageName is what a language calls itself.
func (p *Pages) languageName(code string) string {
	for _, l := range p.deps.Languages {
		if l.Value == code {
			return l.Label
		}
	}
	return code
}

// preview makes of Markdown what the public page shows.
func preview(ctx context.Context, markdown string) (string, error) {
	_, host, _ := strings.Cut(ui.Of(ctx).Panel.URL, "://")
	doc, err := content.Render([]byte(markdown), content.Options{Host: host})
	if err != nil {
		return "", fmt.Errorf("preview: %w", err)
	}
	return doc.HTML, nil
}

// page cuts one row more than a page has off a list, and returns how the next begins.
func page[T any](all []T, path string, key func(T) string) (rows []T, next string) {
	if len(all) <= pageRows {
		return all, ""
	}
	return all[:pageRows], path + "?from=" + key(all[pageRows-1])
}

// first is the path of a list's first page, "" on it.
func first(from, path string) string {
	if from == "" {
		return ""
	}
	return path
}

// from is where a page of a list begins; a list has nothing behind what is no id.
func from(r *http.Request) string {
	const most = 40
	asked := plain.Readable(r.URL.Query().Get("from"))
	return asked[:min(len(asked), most)]
}

// localTime is how a browser writes a moment into a form.
const localTime = "2006-01-02T15:04"

// moment reads a moment in the reader's zone; one that need not be there is zero.
func moment(ctx context.Context, f *ui.Form, field string, needed bool) (at time.Time) {
	text := strings.TrimSpace(f.Value(field))
	if text == "" && !needed {
		return at
	}
	at, err := time.ParseInLocation(localTime, text, ui.Of(ctx).Zone)
	if err != nil { // some browsers write seconds
		at, err = time.ParseInLocation(localTime+":05", text, ui.Of(ctx).Zone)
	}
	if err != nil {
		f.Refuse(field, ui.T(ctx, "publish.error_time"))
	}
	return at
}

// ends refuses an end that has passed, stands before the beginning or too far off.
func ends(ctx context.Context, f *ui.Form, field string, starts, end time.Time, longest time.Duration) {
	now := ui.Of(ctx).Now
	if starts.Before(now) {
		starts = now
	}
	switch {
	case end.IsZero(): // said already
	case !end.After(now):
		f.Refuse(field, ui.T(ctx, "publish.error_passed"))
	case !end.After(starts):
		f.Refuse(field, ui.T(ctx, "publish.error_order"))
	case end.Sub(starts) > longest:
		f.Refuse(field, ui.T(ctx, "publish.error_longest", "Days", int(longest.Hours()/24)))
	}
}

// line reads one line of a form, of at most so many characters.
func line(ctx context.Context, f *ui.Form, field string, most int, needed bool) string {
	text := strings.TrimSpace(f.Value(field))
	switch {
	case text == "" && needed:
		f.Refuse(field, ui.T(ctx, "publish.error_empty"))
	case utf8.RuneCountInString(text) > most:
		f.Refuse(field, ui.T(ctx, "publish.error_long", "Most", most))
	case plain.Line(field, text) != nil:
		f.Refuse(field, ui.T(ctx, "publish.error_line"))
	}
	return text
}

// body reads a text in Markdown of at most so many bytes.
func body(ctx context.Context, f *ui.Form, most int) string {
	text := strings.TrimSpace(strings.ReplaceAll(f.Value("body"), "\r\n", "\n"))
	switch {
	case text == "":
		f.Refuse("body", ui.T(ctx, "publish.error_empty"))
	case len(text) > most || !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		f.Refuse("body", ui.T(ctx, "publish.error_body", "KB", most>>10))
	}
	return text
}

// refused shows a form once more with why the domain refused it. A conflict of a
// deed has words of its own: for each deed it means one thing.
func refused(w http.ResponseWriter, r *http.Request, f *ui.Form, err error, conflict string, show ui.ShowForm) error {
	if fault.Is(err, fault.Conflict) && fault.From(err).Reason == "" {
		f.Error = ui.T(r.Context(), conflict)
		return show(w, r, http.StatusUnprocessableEntity, f)
	}
	return refusal.Again(w, r, f, err, show)
}

// done is the query by which a page says what a form has just done.
func done(what string) string { return "?done=" + what }

// doneText is what a page says of the form that led to it; "" is nothing.
func doneText(r *http.Request, known ...string) string {
	for _, what := range known {
		if r.URL.Query().Get("done") == what {
			return ui.T(r.Context(), "publish.done_"+what)
		}
	}
	return ""
}

// finish ends a form of a dialog.
func finish(w http.ResponseWriter, r *http.Request, path, what string) error {
	return ui.Finish(w, r, ui.T(r.Context(), "publish.done_"+what), path, done(what))
}

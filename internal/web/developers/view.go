package developers

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/web/docs"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// view is what the frame of the pages shows.
type view struct {
	menu     []docs.Chapter
	page     *docs.Page // nil: none of them, it is a search
	query    string     // what is searched for
	endpoint string
	support  string
	// code is the language of the samples; asked tells that the address names it,
	// and else a browser with scripts shows what its reader chose before.
	code  string
	asked bool
}

// usualCode is the language of samples of who has chosen none.
const usualCode = "curl"

func (p *Pages) view(r *http.Request) (v view, err error) {
	now := p.edition()
	v = view{endpoint: now.settings.Endpoint(), support: now.settings.Support, code: usualCode}
	if v.menu, err = now.docs.Menu(ui.Of(r.Context()).Language.Code); err != nil {
		return v, err
	}
	if code := r.URL.Query().Get("code"); slices.Contains(docs.CodeLanguages(), code) {
		v.code, v.asked = code, true
	}
	return v, nil
}

// frame is what the page's document says of itself. What was searched for is in
// no search engine.
func (v view) frame(ctx context.Context) ui.Page {
	p := ui.Page{Title: ui.T(ctx, "developers.search_title"), Wide: true}
	if v.page != nil {
		p.Title, p.Description = ui.T(ctx, "developers.title", "Page", v.page.Title), v.page.Description
	}
	return p
}

// here reports whether a link of the menu leads to the page that is shown.
func (v view) here(l docs.Link) bool { return v.page != nil && v.page.Slug == l.Slug }

// picked names the page that is shown, for the menu that is folded on a phone.
func (v view) picked(ctx context.Context) string {
	if v.page == nil {
		return ui.T(ctx, "developers.search_title")
	}
	return v.page.Title
}

// language is the one that the page's text is in, which may not be the reader's.
func (v view) language() templ.Attributes {
	if v.page == nil {
		return nil
	}
	return templ.Attributes{"lang": v.page.Language}
}

// chosenCode names the language of samples that the address asks for.
func (v view) chosenCode() string {
	if v.asked {
		return v.code
	}
	return ""
}

// headed are the sections of a page that have a heading.
func headed(p *docs.Page) (all []docs.Section) {
	for _, s := range p.Sections {
		if s.ID != "" {
			all = append(all, s)
		}
	}
	return all
}

// samples are those of a section, in the order of its text.
func samples(s docs.Section) (all []docs.Sample) {
	for _, b := range s.Blocks {
		all = append(all, b.Samples...)
	}
	return all
}

// indexPath is the search box's index in the reader's language.
func indexPath(ctx context.Context) string {
	return docs.Root + "/search.json?lang=" + ui.Of(ctx).Language.Code
}

// headingURL is the address of a heading, to be copied.
func headingURL(ctx context.Context, p *docs.Page, id string) string {
	return ui.Of(ctx).Panel.URL + p.Path + "#" + id
}

func sampleID(s docs.Sample) string { return "sample-" + s.ID }

func codeID(s docs.Sample, c docs.Code) string { return sampleID(s) + "-" + c.Language }

// tab marks the language that is shown, and lets a script change it.
func (v view) tab(c docs.Code) templ.Attributes {
	a := templ.Attributes{
		"x-on:click.prevent":  "pick('" + c.Language + "')",
		"x-bind:aria-current": "$store.sample.language === '" + c.Language + "'",
	}
	if c.Language == v.code {
		a["aria-current"] = "true"
	}
	return a
}

// shown hides a sample in a language that was not chosen.
func (v view) shown(c docs.Code) templ.Attributes {
	a := templ.Attributes{"x-bind:hidden": "$store.sample.language !== '" + c.Language + "'"}
	if c.Language != v.code {
		a["hidden"] = true
	}
	return a
}

// statusLine is how HTTP says a status.
func statusLine(status int) string { return strconv.Itoa(status) + " " + http.StatusText(status) }

// statusKind tells an answer from a refusal.
func statusKind(status int) string {
	if status < http.StatusBadRequest {
		return "ok"
	}
	return "refused"
}

// requestID is the field that is made anew whenever an order is tried.
const requestID = "request_id"

// typed are the fields of a sample that may be changed before it is tried.
func typed(s docs.Sample) (all []docs.Field) {
	for _, f := range s.Fields {
		if s.Action != "add" || f.Name != requestID {
			all = append(all, f)
		}
	}
	return all
}

// input is a field of a request to try.
func input(s docs.Sample, f docs.Field) ui.Input {
	i := ui.Input{
		Name: "try-" + s.ID + "-" + f.Name, Label: f.Name, Value: f.Value, Autocomplete: "off",
		Attrs: templ.Attributes{"data-field": f.Name, "spellcheck": "false", "autocapitalize": "off"},
	}
	if _, err := strconv.Atoi(f.Value); err == nil {
		i.Mode = "numeric"
	}
	return i
}

// isLong reports that a value has lines of its own.
func isLong(f docs.Field) bool { return strings.Contains(f.Value, "\n") }

// keyInput takes the test key. It is no password to the browser, which would offer
// to store it; the style sheet hides its characters.
func keyInput(ctx context.Context, s docs.Sample) ui.Input {
	return ui.Input{
		Name: "try-" + s.ID + "-key", Label: ui.T(ctx, "developers.try_key"), Help: ui.T(ctx, "developers.try_key_help"),
		Autocomplete: "off", Placeholder: "np_test_…",
		Attrs: templ.Attributes{
			"data-secret": true, "x-ref": "key", "x-on:input": "typed", "spellcheck": "false", "autocapitalize": "off",
			"data-1p-ignore": true, "data-lpignore": "true",
		},
	}
}

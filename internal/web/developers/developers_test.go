package developers_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/web/developers"
	"github.com/notpanel/notpanel/internal/web/docs"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const host = "https://panel.example"

// serve answers for the documentation of a panel, in the language that lang names.
func serve(t *testing.T, change ...func(*docs.Settings)) http.Handler {
	t.Helper()
	languages, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := docs.Settings{
		Panel: "Example Panel", BaseURL: host, Support: "help@panel.example", Currency: "USD",
		Limits: docs.Limits{Address: 300, Key: 100, Tiers: []docs.Tier{{Name: "Standard", PerMinute: 300}}},
	}
	for _, c := range change {
		c(&s)
	}
	pages := developers.New(func() docs.Settings { return s })
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /developers": pages.Overview, "GET /developers.md": pages.OverviewMarkdown, "GET /developers/search.json": pages.Index,
		"GET /developers/{slug}": pages.Page, "GET /llms.txt": pages.LLMs, "GET /openapi.json": pages.OpenAPI,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			l, _ := languages.Find(r.URL.Query().Get("lang"))
			v := &ui.View{
				Language: l, Languages: languages.All(), Zone: time.UTC, Now: clock.System(), Path: r.URL.Path, Return: r.URL.RequestURI(),
				Panel: ui.Panel{Name: s.Panel, URL: s.BaseURL, Support: s.Support, Currency: s.Currency},
			}
			if err := handle(w, r.WithContext(ui.With(r.Context(), v))); err != nil {
				status := fault.From(err).Code.HTTPStatus()
				if fault.Is(err, fault.NotFound) {
					status = http.StatusNotFound
				}
				http.Error(w, err.Error(), status)
			}
		})
	}
	return mux
}

func get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	h.ServeHTTP(w, r)
	return w
}

// want asks for a page that has to be there.
func want(t *testing.T, h http.Handler, path, contentType string) string {
	t.Helper()
	w := get(h, path)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != contentType {
		t.Fatalf("%s: %d %s\n%s", path, w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	return w.Body.String()
}

const (
	page     = "text/html; charset=utf-8"
	markdown = "text/markdown; charset=utf-8"
)

// unfilled is what no reader may see: a template's directive, and a text's key.
var unfilled = regexp.MustCompile(`\{\{|<no value>|>\s*(?:developers|nav|frame|pager)\.[a-z_]+`)

// Each page is there in every language, with its samples in all of theirs, the
// menu that marks it, and a title and description of its own.
func TestPagesInEveryLanguage(t *testing.T) {
	t.Parallel()
	h := serve(t)
	for _, language := range docs.Languages() {
		d := docs.New(docs.Settings{Panel: "Example Panel", BaseURL: host, Currency: "USD"})
		for _, slug := range docs.Slugs() {
			p, err := d.Page(language, slug)
			if err != nil {
				t.Fatal(err)
			}
			body := want(t, h, p.Path+"?lang="+language, page)
			if found := unfilled.FindString(body); found != "" {
				t.Errorf("%s in %s shows %q", p.Path, language, found)
			}
			for _, part := range []string{
				"<h1>" + html.EscapeString(p.Title) + "</h1>", `aria-current="page">` + html.EscapeString(p.Title) + "<", `<html lang="` + language + `"`,
				`<article class="docs-text" lang="` + language + `"`, `content="` + html.EscapeString(p.Description) + `"`, `href="` + p.Path + `.md"`,
				`mailto:help@panel.example`,
			} {
				if !strings.Contains(body, part) {
					t.Errorf("%s in %s has no %s", p.Path, language, part)
				}
			}
			for _, s := range p.Sections {
				if s.ID != "" && (!strings.Contains(body, `<h2 id="`+s.ID+`"`) || !strings.Contains(body, `data-copy-text="`+host+p.Path+"#"+s.ID+`"`)) {
					t.Errorf("%s in %s has no heading %s to link to", p.Path, language, s.ID)
				}
				for _, b := range s.Blocks {
					for _, sample := range b.Samples {
						for _, c := range sample.Code {
							if strings.Count(body, `id="sample-`+sample.ID+"-"+c.Language+`"`) != 1 {
								t.Errorf("%s in %s: not one sample %s in %s", p.Path, language, sample.ID, c.Language)
							}
						}
					}
				}
			}
		}
	}
}

// An id stands once in a page, and what a label or a button points to is there.
func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	h := serve(t)
	for _, slug := range docs.Slugs() {
		body := want(t, h, docs.Path(slug), page)
		seen := map[string]bool{}
		for _, found := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if seen[found[1]] {
				t.Errorf("%q has two %s", slug, found[1])
			}
			seen[found[1]] = true
		}
		for _, found := range regexp.MustCompile(` (?:for|aria-describedby|data-copy)="#?([^"]*)"`).FindAllStringSubmatch(body, -1) {
			if !seen[found[1]] {
				t.Errorf("%q points to %s, which is not there", slug, found[1])
			}
		}
	}
}

// The address chooses the language of the samples; what is no such language
// chooses nothing.
func TestTheAddressChoosesTheLanguageOfSamples(t *testing.T) {
	t.Parallel()
	h := serve(t)
	shown := regexp.MustCompile(`<div class="sample-code"( hidden)?[^>]*><div id="sample-balance-(curl|go|javascript|python|php)"`)
	for query, want1 := range map[string]string{"": "curl", "?code=go": "go", "?code=php": "php", "?code=cobol": "curl", "?code=%22%3E": "curl"} {
		var visible []string
		for _, found := range shown.FindAllStringSubmatch(want(t, h, "/developers/balance"+query, page), -1) {
			if found[1] == "" {
				visible = append(visible, found[2])
			}
		}
		if strings.Join(visible, " ") != want1 {
			t.Errorf("%q shows %v, want %s", query, visible, want1)
		}
	}
}

// A page that is not there is not found, in any form.
func TestPagesThatAreNotThere(t *testing.T) {
	t.Parallel()
	h := serve(t)
	for _, path := range []string{"/developers/none", "/developers/none.md", "/developers/.md", "/developers/overview", "/developers/errors.md.md", "/developers/%2e%2e", "/developers/web-hooks"} {
		if w := get(h, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// Programs read each page as Markdown, in the reader's language.
func TestMarkdownPages(t *testing.T) {
	t.Parallel()
	h := serve(t)
	for _, language := range docs.Languages() {
		for _, slug := range docs.Slugs() {
			body := want(t, h, docs.Path(slug)+".md?lang="+language, markdown)
			if !strings.HasPrefix(body, "# ") || strings.Contains(body, "{{") || strings.Contains(body, "```sample") {
				t.Errorf("%q in %s:\n%s", slug, language, body)
			}
		}
	}
	if body := want(t, h, "/developers.md?lang=tr", markdown); !strings.HasPrefix(body, "# Genel bakış\n") {
		t.Errorf("in Turkish it begins with %.60q", body)
	}
}

func TestLLMs(t *testing.T) {
	t.Parallel()
	body := want(t, serve(t), "/llms.txt", "text/plain; charset=utf-8")
	for _, slug := range docs.Slugs() {
		if !strings.Contains(body, "("+host+docs.Path(slug)+".md)") {
			t.Errorf("it does not name %q", slug)
		}
	}
}

// The search's index is kept as long as it is the same, and each language has its
// own.
func TestSearchIndexIsKept(t *testing.T) {
	t.Parallel()
	h := serve(t)
	tags := map[string]bool{}
	for _, language := range docs.Languages() {
		path := "/developers/search.json?lang=" + language
		w := get(h, path)
		var entries []struct{ Title, URL string }
		if err := json.Unmarshal(w.Body.Bytes(), &entries); err != nil || len(entries) < 40 || w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d entries, %v, %v", language, len(entries), err, w.Header())
		}
		tag := w.Header().Get("ETag")
		if again := get(h, path, "If-None-Match", `"other", `+tag); tags[tag] || again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s, %s: %d with %d bytes", language, tag, again.Code, again.Body.Len())
		}
		if other := get(h, path, "If-None-Match", `"other"`); other.Code != http.StatusOK {
			t.Errorf("%s: another's is answered with %d", language, other.Code)
		}
		tags[tag] = true
	}
}

// Without scripts the server finds, and says what it was asked for as text.
func TestSearchPage(t *testing.T) {
	t.Parallel()
	h := serve(t)
	body := want(t, h, "/developers?q=Retry-After", page)
	if !strings.Contains(body, `<a href="/developers/rate-limits#when-you-are-refused">`) || !strings.Contains(body, `value="Retry-After"`) ||
		!strings.Contains(body, `content="noindex"`) {
		t.Error(body)
	}
	for _, empty := range []string{"/developers?q=", "/developers?q=%20%20", "/developers?q"} {
		if body := want(t, h, empty, page); !strings.Contains(body, "<h1>Overview</h1>") {
			t.Errorf("%s is not the overview", empty)
		}
	}
	hostile := `"><script>alert(1)</script>{{.}}`
	body = want(t, h, "/developers?q=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%7B%7B.%7D%7D", page)
	if strings.Contains(body, "<script>alert") || !strings.Contains(body, html.EscapeString(hostile)) {
		t.Error(body)
	}
	if w := get(h, "/developers?q="+strings.Repeat("a", 2000)); w.Code != http.StatusBadRequest {
		t.Errorf("a long search: %d", w.Code)
	}
	if w := get(h, "/developers?q=%ff%00"); w.Code != http.StatusOK {
		t.Errorf("bytes that are no text: %d", w.Code)
	}
}

// A call can be tried where it needs nothing that a test key has not, and its
// fields can be changed, but the request_id, which is made anew.
func TestTrials(t *testing.T) {
	t.Parallel()
	h := serve(t)
	body := want(t, h, "/developers/add-order", page)
	for _, part := range []string{`data-action="add"`, `data-field="link"`, `data-field="quantity"`, `data-field="comments"`, `<textarea class="textarea" id="try-add-comments-comments"`} {
		if !strings.Contains(body, part) {
			t.Errorf("no %s", part)
		}
	}
	if strings.Contains(body, `data-field="request_id"`) {
		t.Error("the request_id can be typed")
	}
	for _, found := range regexp.MustCompile(`<input[^>]*data-secret[^>]*>`).FindAllString(body, -1) {
		if !strings.Contains(found, `autocomplete="off"`) || !strings.Contains(found, `value=""`) || strings.Contains(found, `type="password"`) {
			t.Errorf("the browser may keep the key: %s", found)
		}
	}
	if body := want(t, h, "/developers/cancel", page); strings.Contains(body, "data-secret") {
		t.Error("orders of the pages can be canceled")
	}
}

// Where the operator names no address the pages lead to the contact page.
func TestHelpWithoutAnAddress(t *testing.T) {
	t.Parallel()
	body := want(t, serve(t, func(s *docs.Settings) { s.Support = "" }), "/developers/errors", page)
	if _, help, _ := strings.Cut(body, "docs-help"); !strings.Contains(help, `href="/contact"`) || strings.Contains(help, "mailto:") {
		t.Error(help)
	}
}

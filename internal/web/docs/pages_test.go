package docs

import (
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/apiv2"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ratelimit"
)

func usual(t *testing.T) *Docs {
	t.Helper()
	return New(settingsOf(usualLimits(t)))
}

func page(t *testing.T, d *Docs, slug string) *Page {
	t.Helper()
	return pageIn(t, d, English, slug)
}

func pageIn(t *testing.T, d *Docs, language, slug string) *Page {
	t.Helper()
	p, err := d.Page(language, slug)
	must(t, err)
	return p
}

// inEvery runs a test for each language that has pages.
func inEvery(t *testing.T, f func(t *testing.T, language string)) {
	t.Helper()
	for _, language := range Languages() {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			f(t, language)
		})
	}
}

// html is all text of a page, headings too.
func (p *Page) html() string {
	var all strings.Builder
	for _, s := range p.Sections {
		all.WriteString(`<h2 id="` + s.ID + `">` + s.Heading + "</h2>\n")
		for _, b := range s.Blocks {
			all.WriteString(b.HTML)
		}
	}
	return all.String()
}

// listing is code on lines of its own, where a mark means something.
var listing = regexp.MustCompile(`(?s)<pre .*?</pre>`)

// Each page can be read from the first to the last, with a title and a description
// that a search engine shows whole, and a heading's id is there once.
func TestPagesAreComplete(t *testing.T) {
	t.Parallel()
	inEvery(t, pagesAreComplete)
}

func pagesAreComplete(t *testing.T, language string) {
	t.Helper()
	d := usual(t)
	var last *Page
	titles := map[string]bool{}
	for _, slug := range Slugs() {
		p := pageIn(t, d, language, slug)
		if p.Title == "" || titles[p.Title] || len(p.Description) < 30 || len(p.Description) > 160 || p.Language != language || p.Chapter == "" {
			t.Errorf("%q: title %q, description %q, chapter %q", slug, p.Title, p.Description, p.Chapter)
		}
		titles[p.Title] = true
		if (p.Prev == nil) != (last == nil) || last != nil && (p.Prev.Path != last.Path || last.Next == nil || last.Next.Path != p.Path) {
			t.Errorf("%q follows %+v", slug, p.Prev)
		}
		last = p
		ids := regexp.MustCompile(` id="([^"]*)"`).FindAllString(p.html(), -1)
		if slices.Sort(ids); len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Errorf("%q: headings %v", slug, ids)
		}
		if strings.Contains(p.html(), "{{") || strings.Contains(p.html(), "<no value>") || strings.Contains(listing.ReplaceAllString(p.html(), ""), "!") {
			t.Errorf("%q has an unfilled or loud place:\n%s", slug, p.html())
		}
	}
	if last.Next != nil {
		t.Errorf("the last page leads to %+v", last.Next)
	}
	menu, err := d.Menu(language)
	must(t, err)
	var listed []string
	for _, c := range menu {
		if c.Title == "" {
			t.Error("a chapter has no title")
		}
		for _, l := range c.Pages {
			listed = append(listed, l.Slug)
		}
	}
	if diff := cmp.Diff(Slugs(), listed); diff != "" {
		t.Error(diff)
	}
	if _, err := d.Page(English, "web-hooks"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a page that is not there: %v", err)
	}
}

// Links within the documentation lead to a page and to a heading that it has; others
// lead to the keys page or to the description for programs.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	inEvery(t, linksLeadSomewhere)
}

func linksLeadSomewhere(t *testing.T, language string) {
	t.Helper()
	d := usual(t)
	for _, slug := range Slugs() {
		p := pageIn(t, d, language, slug)
		for _, found := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(p.html(), -1) {
			u, err := url.Parse(found[1])
			must(t, err)
			to := slug
			if u.Path != "" {
				to = strings.TrimPrefix(strings.TrimPrefix(u.Path, Root), "/")
			}
			target, err := d.Page(language, to)
			switch {
			case u.Path == "/dashboard/api", u.Path == OpenAPI:
			case err != nil || u.Path != "" && !strings.HasPrefix(u.Path, Root):
				t.Errorf("%q links %s", slug, found[1])
			case u.Fragment != "" && !strings.Contains(target.html(), ` id="`+u.Fragment+`"`):
				t.Errorf("%q links %s, and there is no such heading", slug, found[1])
			}
		}
	}
}

// Each sample is shown, and each action has a sample that shows it.
func TestEverySampleAndActionIsShown(t *testing.T) {
	t.Parallel()
	inEvery(t, everySampleAndActionIsShown)
}

func everySampleAndActionIsShown(t *testing.T, language string) {
	t.Helper()
	d := usual(t)
	shown, actions := map[string]bool{}, map[string]bool{}
	for _, slug := range Slugs() {
		for _, s := range pageIn(t, d, language, slug).Sections {
			for _, b := range s.Blocks {
				for _, sample := range b.Samples {
					shown[sample.ID], actions[sample.Action] = true, true
					hasAnswer := sample.Answer.Text != "" && sample.Answer.HTML != ""
					if len(sample.Code) != len(spoken()) || hasAnswer != (sample.Action != "") {
						t.Errorf("%s is not whole", sample.ID)
					}
				}
			}
		}
	}
	ids := slices.Concat(SampleIDs(), ReceiverIDs())
	slices.Sort(ids)
	if diff := cmp.Diff(ids, slices.Sorted(maps.Keys(shown))); diff != "" {
		t.Errorf("samples (-there +shown):\n%s", diff)
	}
	for _, action := range apiv2.Actions() {
		if !actions[action] {
			t.Errorf("no sample shows %s", action)
		}
	}
}

// What a reader of another language finds no translation of is English.
func TestOtherLanguagesFallBackToEnglish(t *testing.T) {
	t.Parallel()
	d := usual(t)
	for _, lang := range []string{"", "xx", "../en", English} {
		p, err := d.Page(lang, "errors")
		if err != nil || p.Language != English {
			t.Errorf("%q: %v", lang, err)
		}
	}
}

// The pages say the panel's own name, address, currency and limits.
func TestPagesSayTheSettings(t *testing.T) {
	t.Parallel()
	limits := ratelimit.Limits{Address: 1234, Key: 77, Tiers: map[string]int64{"standard": 55, "reseller": 0}}
	d := New(Settings{
		Panel: "Acorn", BaseURL: "https://acorn.example", Currency: "EUR",
		Limits: LimitsOf(limits, Tier{Name: "Standard"}, Tier{Name: "Reseller"}),
	})
	text := page(t, d, "rate-limits").html()
	for _, want := range []string{">1,234<", ">77<", "55 (Standard), no limit (Reseller)"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	s, err := d.Sample("headers")
	must(t, err)
	if diff := cmp.Diff([]Field{{"X-RateLimit-Limit", "55"}, {"X-RateLimit-Remaining", "54"}, {"X-RateLimit-Reset", "1772443860"}, {"X-RateLimit-Tier-Remaining", "54"}}, s.Answer.Headers); diff != "" {
		t.Error(diff)
	}
	for _, c := range s.Code {
		if !strings.Contains(c.Text, "https://acorn.example/api/v2") {
			t.Error(c.Text)
		}
	}
	if s, err = d.Sample("balance"); err != nil || !strings.Contains(s.Answer.Text, `"EUR"`) || strings.Contains(s.Answer.HTML, "USD") {
		t.Errorf("%+v, %v", s.Answer, err)
	}
	if !strings.Contains(page(t, d, "").html(), "Acorn API") {
		t.Error("the overview does not name the panel")
	}
	unlimited := New(Settings{Panel: "Acorn", BaseURL: "https://acorn.example", Currency: "EUR"})
	if s, err = unlimited.Sample("headers"); err != nil || len(s.Answer.Headers) > 0 {
		t.Errorf("without limits: %+v, %v", s.Answer.Headers, err)
	}
}

// The search finds sections by their words, the best first, and its index is small.
func TestSearch(t *testing.T) {
	t.Parallel()
	d := usual(t)
	for query, want := range map[string]string{
		"drip-feed": "/developers/add-order#drip-feed", "request_id": "/developers/add-order#request-id", "rotate": "/developers/authentication#make-rotate-and-revoke",
		"Retry-After": "/developers/rate-limits#when-you-are-refused", "balance": "/developers/balance", "Insufficient balance": "/developers/errors#placing-an-order",
		"CLASSIC": "/developers/classic", "timeline": "/developers/order-status#order", "etag": "/developers/services#keep-the-list", "refund partial": "",
	} {
		hits, err := d.Search(English, query)
		must(t, err)
		switch {
		case len(hits) == 0 || len(hits) > maxHits:
			t.Errorf("%q finds %d sections", query, len(hits))
		case want != "" && hits[0].URL != want && !slices.ContainsFunc(hits[:min(3, len(hits))], func(h Hit) bool { return h.URL == want }):
			t.Errorf("%q finds %s first, and not %s", query, hits[0].URL, want)
		case hits[0].Snippet == "" || strings.Contains(hits[0].Snippet, "<"):
			t.Errorf("%q: %q", query, hits[0].Snippet)
		}
	}
	for _, query := range []string{"", "  ", "xyzzy", "<script>", strings.Repeat("a ", 1000), "\xff"} {
		if hits, err := d.Search(English, query); err != nil || len(hits) > 0 && !strings.HasPrefix(query, "a") {
			t.Errorf("%q finds %v, %v", query, hits, err)
		}
	}
	index, err := d.Index(English)
	must(t, err)
	var entries []entry
	must(t, json.Unmarshal(index, &entries))
	if len(index) > 20<<10 || len(entries) < 40 {
		t.Errorf("the index has %d sections in %d bytes", len(entries), len(index))
	}
}

// Programs read the pages as Markdown, with samples and whole addresses.
func TestMarkdownForm(t *testing.T) {
	t.Parallel()
	inEvery(t, markdownForm)
	d := usual(t)
	text, err := d.Markdown(English, "rate-limits")
	must(t, err)
	for _, want := range []string{"```sh\ncurl ", "Status 429, `X-RateLimit-Limit: 100`", "```json\n{\n  \"error\": \"Rate limit exceeded\"\n}\n```", "(https://panel.example/developers/services#keep-the-list)"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	llms, err := d.LLMs()
	must(t, err)
	if !strings.HasPrefix(llms, "# Example Panel API\n\n> ") || strings.Count(llms, "](https://panel.example/developers") != len(Slugs()) ||
		!strings.Contains(llms, "\n- [Errors](https://panel.example/developers/errors.md): ") ||
		!strings.Contains(llms, "\n- [OpenAPI 3.1](https://panel.example/openapi.json): ") {
		t.Error(llms)
	}
	if _, err := d.Markdown(English, "none"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a page that is not there: %v", err)
	}
}

func markdownForm(t *testing.T, language string) {
	t.Helper()
	d := usual(t)
	for _, slug := range Slugs() {
		text, err := d.Markdown(language, slug)
		must(t, err)
		p := pageIn(t, d, language, slug)
		if !strings.HasPrefix(text, "# "+p.Title+"\n\n"+p.Description+"\n\n") || strings.Contains(text, "```sample") ||
			strings.Contains(text, "](/") || strings.Contains(text, "{#") || strings.Contains(text, "{{") {
			t.Errorf("%q:\n%s", slug, text)
		}
		for _, s := range p.Sections {
			if s.Heading != "" && !strings.Contains(text, "\n## "+s.Heading+"\n") {
				t.Errorf("%q: no heading %q", slug, s.Heading)
			}
		}
	}
}

package content_test

import (
	"bytes"
	"fmt"
	"html"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/fault"
)

// bare is a panel whose operator has said nothing, full one that has said all.
func bare() content.Values { return content.Values{Brand: brand.Default, Currency: "USD"} }

func full() content.Values {
	return content.Values{
		Brand: func() brand.Brand {
			return brand.Brand{
				Name: "Ad*shop* & <b>Söhne</b>", LegalName: "1. Adshop_Ltd [x](y)", Support: "help_me-now@panel.example",
				Contact: []string{"1. High Street", "# 2", "- Springfield"},
			}
		},
		Currency: "EUR",
		Date:     func(lang string, day time.Time) string { return lang + day.Format(" 2. January 2006") },
	}
}

// logs is a log that tests read; slog writes to it under its lock.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}

func open(t *testing.T, folder string, v content.Values) (*content.Site, *logs) {
	t.Helper()
	l := &logs{}
	s, err := content.Open(t.Context(), folder, v, slog.New(slog.NewTextHandler(l, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, l
}

func page(t *testing.T, s *content.Site, lang, name string) content.Page {
	t.Helper()
	p, err := s.Page(t.Context(), lang, name)
	if err != nil {
		t.Fatalf("%s/%s: %v", lang, name, err)
	}
	return p
}

// shape is what languages share of a text: its headings' places and levels.
func shape(p content.Page) (all []string) {
	for _, h := range p.Headings {
		all = append(all, fmt.Sprint(h.Level, " ", h.ID))
	}
	for _, q := range p.Questions {
		all = append(all, "? "+q.ID)
	}
	return all
}

var hrefs = regexp.MustCompile(`href="([^"]*)"`)

// linked returns where a page's links lead.
func linked(p content.Page) (all []string) {
	for _, m := range hrefs.FindAllStringSubmatch(p.HTML, -1) {
		all = append(all, html.UnescapeString(m[1]))
	}
	return all
}

// Each language has every text, with the same sections and the same links, so
// that who changes the language stays in place; every variable is known, with all
// settings and with none.
func TestLanguagesSayTheSame(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]content.Values{"bare": bare(), "full": full()} {
		s, log := open(t, "", v)
		for _, text := range content.Names() {
			first := page(t, s, "en", text)
			for _, lang := range content.Languages() {
				p := page(t, s, lang, text)
				if p.Lang != lang || p.Name != text || p.Own || p.Title == "" || p.Description == "" || p.Updated.IsZero() {
					t.Errorf("%s/%s, %s: %s %s %q %q %s", lang, text, name, p.Lang, p.Name, p.Title, p.Description, p.Updated)
				}
				if n := len([]rune(p.Description)); n > 180 {
					t.Errorf("%s/%s, %s: its description has %d characters", lang, text, name, n)
				}
				if diff := cmp.Diff(shape(first), shape(p)); diff != "" {
					t.Errorf("%s/%s, %s: %s", lang, text, name, diff)
				}
				a, b := slices.Sorted(slices.Values(linked(first))), slices.Sorted(slices.Values(linked(p)))
				if diff := cmp.Diff(a, b); diff != "" {
					t.Errorf("%s/%s, %s: other links: %s", lang, text, name, diff)
				}
				if !p.Updated.Equal(first.Updated) {
					t.Errorf("%s/%s is of %s, English of %s", lang, text, p.Updated, first.Updated)
				}
			}
		}
		if said := log.take(); said != "" {
			t.Error(said)
		}
	}
}

// No page shows a mark of the template or of Markdown, whatever the operator is
// called, and what they are called is shown as it is.
func TestPagesShowNoMarks(t *testing.T) {
	t.Parallel()
	tags := regexp.MustCompile(`<[^>]*>`)
	code := regexp.MustCompile(`(?s)<code>.*?</code>`)
	for name, v := range map[string]content.Values{"bare": bare(), "full": full()} {
		s, _ := open(t, "", v)
		for _, lang := range content.Languages() {
			var all strings.Builder
			for _, text := range content.Names() {
				p := page(t, s, lang, text)
				for _, bad := range []string{"{{", "}}", "<no value>", "&lt;no value", "{#", "**", "](", "<h1", "<b>"} {
					shown := strings.NewReplacer("Ad*shop*", "", "[x](y)", "").Replace(html.UnescapeString(code.ReplaceAllString(p.HTML, "")))
					if name == "full" {
						shown = strings.ReplaceAll(shown, "<b>Söhne</b>", "")
					}
					if strings.Contains(shown, bad) {
						t.Errorf("%s/%s, %s shows %q", lang, text, name, bad)
					}
				}
				if strings.Contains(p.Description, `\`) || strings.Contains(p.Title, `\`) {
					t.Errorf("%s/%s: %q, %q", lang, text, p.Title, p.Description)
				}
				all.WriteString(html.UnescapeString(tags.ReplaceAllString(p.HTML, "")))
			}
			want := map[string][]string{
				"full": {"Ad*shop* & <b>Söhne</b>", "1. Adshop_Ltd [x](y)", "help_me-now@panel.example", "1. High Street\n# 2\n- Springfield", "EUR", lang + " 27. November 2026"},
				"bare": {"notpanel", "USD", "2026-11-27", map[string]string{"en": "the operator of notpanel", "tr": "notpanel işletmecisi"}[lang]},
			}[name]
			for _, w := range want {
				if !strings.Contains(all.String(), w) {
					t.Errorf("%s, %s lacks %q", lang, name, w)
				}
			}
		}
	}
}

// A text links to nothing that the site has not.
func TestLinksLeadToPages(t *testing.T) {
	t.Parallel()
	routes := []string{
		"/", "/services", "/pricing", "/faq", "/terms", "/privacy", "/refund", "/acceptable-use", "/contact",
		"/developers", "/login", "/signup", "/dashboard", "/dashboard/api",
		"/developers/getting-started", "/developers/classic", "/developers/rate-limits", "/developers/add-order#request-id",
		"/developers/order-status", "/developers/order-status#order", "/developers/balance#transactions", "/developers/services#changes",
		"/developers/webhooks#deliveries", "/status", "/why",
	}
	for _, v := range []content.Values{bare(), full()} {
		s, _ := open(t, "", v)
		for _, lang := range content.Languages() {
			for _, text := range content.Names() {
				for _, to := range linked(page(t, s, lang, text)) {
					if v.Brand().Support != "" && to == "mailto:"+v.Brand().Support {
						continue
					}
					if !slices.Contains(routes, to) {
						t.Errorf("%s/%s links to %s", lang, text, to)
					}
				}
			}
		}
	}
}

// A panel without an address to write to names none, and with one each page says
// it that says to write.
func TestSupportIsLeftOutWhereThereIsNone(t *testing.T) {
	t.Parallel()
	without, _ := open(t, "", bare())
	with, _ := open(t, "", full())
	for _, lang := range content.Languages() {
		for _, text := range content.Names() {
			if strings.Contains(page(t, without, lang, text).HTML, "mailto:") {
				t.Errorf("%s/%s writes to nobody", lang, text)
			}
		}
		for _, text := range []string{content.Contact, content.FAQ, content.Refund, content.Privacy, content.Terms, content.AcceptableUse} {
			if !strings.Contains(page(t, with, lang, text).HTML, "mailto:help_me-now@panel.example") {
				t.Errorf("%s/%s does not say where to write", lang, text)
			}
		}
	}
}

// The FAQ is known question by question, each with a place, and with an answer
// that is also on the page.
func TestQuestions(t *testing.T) {
	t.Parallel()
	s, _ := open(t, "", full())
	for _, lang := range content.Languages() {
		p := page(t, s, lang, content.FAQ)
		if n := len(p.Questions); n < 12 || n > 16 {
			t.Errorf("%s has %d questions", lang, n)
		}
		for _, q := range p.Questions {
			if !strings.HasSuffix(q.Text, "?") || q.ID == "" || len(q.Answer) < 40 || !strings.Contains(p.HTML, q.Answer) || !strings.Contains(p.HTML, `id="`+q.ID+`"`) {
				t.Errorf("%s: %+v", lang, q)
			}
			if strings.Contains(q.Answer, "<h") {
				t.Errorf("%s: the answer to %q has a heading in it", lang, q.Text)
			}
		}
	}
}

// An FAQ of the operator's is taken apart by its question marks, wherever the
// headings stand, and code is no heading.
func TestQuestionsOfAnOwnFAQ(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, "en/faq.md", "# Questions?\n\nBefore.\n\n## One?\n\nFirst.\n\n### More\n\n```sh\n# no heading?\n```\n\n"+
		"## No question\n\nBetween.\n\n### ¿*Two*? {#second}\n\nSecond.\n\n## هل؟\n\nThird.\n")
	s, _ := open(t, folder, bare())
	p := page(t, s, "en", content.FAQ)
	var got []string
	for _, q := range p.Questions {
		got = append(got, q.ID+" "+q.Text)
	}
	if diff := cmp.Diff([]string{"one One?", "second ¿Two?", "section هل؟"}, got); diff != "" {
		t.Fatal(diff)
	}
	if a := p.Questions[0].Answer; !strings.Contains(a, "First.") || !strings.Contains(a, "no heading?") || strings.Contains(a, "Between") {
		t.Errorf("the first answer is %s", a)
	}
	if a := p.Questions[2].Answer; a != "<p>Third.</p>" {
		t.Errorf("the last answer is %s", a)
	}
}

func write(t *testing.T, folder, file, text string) {
	t.Helper()
	file = filepath.Join(folder, file)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The operator's file takes the place of the program's text, in its language
// alone; a change counts from the next request on, and so does taking it away.
func TestOwnTexts(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, "en/terms.md", "\ufeff---\r\nupdated: 2026-12-24\r\ndescription: Ours, of {{.Name}}\r\n---\r\n# Our terms\r\n\r\nFrom {{.Operator}}, {{.Updated}}. <script>alert(1)</script>\r\n")
	s, log := open(t, folder, bare())
	if said := log.take(); !strings.Contains(said, "tr/terms.md") {
		t.Errorf("nobody says that Turkish readers get another text: %s", said)
	}
	p := page(t, s, "en", content.Terms)
	if !p.Own || p.Title != "Our terms" || p.Description != "Ours, of notpanel" || p.Updated.Format(time.DateOnly) != "2026-12-24" ||
		!strings.Contains(p.HTML, "From the operator of notpanel, 2026-12-24.") || strings.Contains(p.HTML, "<script") {
		t.Errorf("%+v", p)
	}
	if p := page(t, s, "tr", content.Terms); p.Own || p.Lang != "tr" {
		t.Errorf("Turkish readers get %s, the operator's: %v", p.Lang, p.Own)
	}
	// Another language of the operator's, and English for one that nobody has.
	write(t, folder, "de/terms.md", "# Unsere Bedingungen\n")
	if p := page(t, s, "de", content.Terms); p.Lang != "de" || p.Title != "Unsere Bedingungen" || p.Updated.IsZero() {
		t.Errorf("%+v", p)
	}
	for _, lang := range []string{"fr", "", "../en", "EN", "a/b"} {
		if p := page(t, s, lang, content.Terms); p.Lang != "en" || p.Title != "Our terms" {
			t.Errorf("%q gets %s %q", lang, p.Lang, p.Title)
		}
	}
	write(t, folder, "en/terms.md", "# Newer terms\n")
	if p := page(t, s, "en", content.Terms); p.Title != "Newer terms" {
		t.Errorf("after a change: %q", p.Title)
	}
	if err := os.Remove(filepath.Join(folder, "en/terms.md")); err != nil {
		t.Fatal(err)
	}
	if p := page(t, s, "en", content.Terms); p.Own || p.Title != "Terms of service" {
		t.Errorf("after its end: %q", p.Title)
	}
	if _, err := s.Page(t.Context(), "en", "../terms"); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v; want NotFound", err)
	}
}

// A file that can't be used is told of once, by its name and with the reason, and
// readers get the program's text.
func TestOwnTextsThatCantBeUsed(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "secret.md")
	if err := os.WriteFile(outside, []byte("# Secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, why string }{
		"an unknown variable":           {"# T\n{{.Jurisdiction}}", "Jurisdiction"},
		"one where nothing is set":      {"# T\n{{if .Support}}{{.Phone}}{{end}}", "Phone"},
		"one where something is":        {"# T\n{{if not .Support}}{{.Phone}}{{end}}", "Phone"},
		"one in the head":               {"---\ndescription: {{.Phone}}\n---\n# T", "Phone"},
		"a variable that does not end":  {"# T\n{{.Name", "unclosed action"},
		"no title":                      {"Text alone", "no title"},
		"nothing":                       {"", "no title"},
		"an unknown line in its head":   {"---\ntitle: X\n---\n# T", "title"},
		"a head that does not end":      {"---\nupdated: 2026-01-01\n# T", "no end"},
		"a day that is none":            {"---\nupdated: 1.2.2026\n---\n# T", "must be a day"},
		"another encoding":              {"# T\xfcrk\xe7e", "UTF-8"},
		"too much":                      {"# T\n" + strings.Repeat("a", content.MaxOwn), "larger than 256 KiB"},
		"a template that writes on":     {"# T\n{{range 100000}}{{printf \"%1000d\" 1}}{{end}}", "too long"},
		"a link that leaves the folder": {"", "terms.md"},
		"a folder":                      {"", "no file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			file := filepath.Join(folder, "en", "terms.md")
			var err error
			switch name {
			case "a link that leaves the folder":
				write(t, folder, "en/faq.md.txt", "")
				err = os.Symlink(outside, file)
			case "a folder":
				err = os.MkdirAll(file, 0o700)
			default:
				write(t, folder, "en/terms.md", c.text)
			}
			if err != nil {
				t.Fatal(err)
			}
			s, log := open(t, folder, bare())
			said := log.take()
			if !strings.Contains(said, "level=ERROR") || !strings.Contains(said, "en/terms.md") || !strings.Contains(said, c.why) {
				t.Errorf("the log says %s", said)
			}
			for range 3 {
				if p := page(t, s, "en", content.Terms); p.Own || p.Title != "Terms of service" {
					t.Errorf("readers get %q", p.Title)
				}
			}
			if said := log.take(); said != "" {
				t.Errorf("and again: %s", said)
			}
		})
	}
}

// At the start the operator is told of what can't be what they wanted.
func TestStartTellsOfMisnamedFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, "en/term.md", "# T\n")
	write(t, folder, "English/terms.md", "# T\n")
	write(t, folder, "en/notes.txt", "")
	write(t, folder, ".git/config", "")
	_, log := open(t, folder, bare())
	said := log.take()
	for _, want := range []string{"file=en/term.md", "file=English"} {
		if !strings.Contains(said, want) {
			t.Errorf("nobody says %s: %s", want, said)
		}
	}
	if n := strings.Count(said, "\n"); n != 2 {
		t.Errorf("%d lines: %s", n, said)
	}
	if _, err := content.Open(t.Context(), filepath.Join(folder, "none"), bare(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a folder that is not there was taken")
	}
}

// Many readers at once, while the operator saves, all get a whole text.
func TestPagesWhileTheyChange(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, "en/faq.md", "# Ours\n\n## Why?\n\nSo.\n")
	s, _ := open(t, folder, bare())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				p, err := s.Page(t.Context(), "en", content.FAQ)
				if err != nil || p.Title != "Ours" || len(p.Questions) != 1 || p.Questions[0].Text != "Why?" {
					t.Errorf("%+v, %v", p, err)
				}
			}
		})
	}
	for i := range 20 {
		next := filepath.Join(folder, "next")
		if err := os.WriteFile(next, []byte("# Ours\n\n## Why?\n\nSo."+strings.Repeat("!", i)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(folder, "en/faq.md")); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
}

package site_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/e2e/browser"
	"github.com/notpanel/notpanel/e2e/browser/site"
)

func TestMain(m *testing.M) { browser.Main(m) }

// Every page of the demo is good in every view, and every link leads somewhere.
func TestEveryPageIsGood(t *testing.T) {
	t.Parallel()
	b := browser.Shared(t)
	program, err := browser.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	demo, err := browser.StartDemo(t.Context(), program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := demo.Stop(); err != nil {
			t.Error(err)
		}
	})
	report, err := site.Check(t.Context(), b, site.Options{Base: demo.URL, Pages: site.Pages(), SignIns: site.SignIns(demo), Crosswise: true})
	browser.Need(t, err)
	for _, page := range report {
		if len(page.Findings) > 0 {
			t.Error(page)
		}
	}
	t.Log(report.Summary())
}

// goodPage is one in which nothing is to be found; %s stands in its main part.
const goodPage = `<!doctype html><html lang="en"><head><meta name="viewport" content="width=device-width, initial-scale=1"><title>Page</title>
<link rel="icon" href="/icon.svg"><link rel="stylesheet" href="/app.css"></head><body><main><h1>Page</h1>%s</main></body></html>`

// styles set a good page, and what the bad ones need.
const styles = `html { color-scheme: light dark; background: Canvas; color: CanvasText } * { transition: color 5s }
	.wide { width: 900px } .scroller { overflow-x: auto } .beside { position: absolute; left: 300px; width: 200px }
	.hidden { overflow: hidden; } .hidden .wide, .scroller .wide { display: block }
	@media (prefers-color-scheme: dark) { .pale { color: #444; background: #333 } }
	@font-face { font-family: heavy; src: url(/heavy.woff2) } .heavy { font-family: heavy }`

// serve serves pages whose main part is given by their path.
func serve(t *testing.T, parts map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		part, found := parts[r.URL.Path]
		_, err := r.Cookie("session")
		switch {
		case r.URL.Path == "/app.css":
			w.Header().Set("Content-Type", "text/css")
			fmt.Fprint(w, styles)
		case r.URL.Path == "/icon.svg":
			w.Header().Set("Content-Type", "image/svg+xml")
			fmt.Fprint(w, `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><g id="dot"><path d="M0 0h8v8z"/></g></svg>`)
		case r.URL.Path == "/heavy.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(bytes.Repeat([]byte("0;"), 60_000))
		case r.URL.Path == "/heavy.woff2":
			_, _ = w.Write(make([]byte, 60_000))
		case r.URL.Path == "/error.js":
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, `console.error("no price")`)
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/", http.StatusSeeOther)
		case r.URL.Path == "/in":
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "1", Path: "/"})
			fmt.Fprintf(w, goodPage, "in")
		case strings.HasPrefix(r.URL.Path, "/own") && err != nil:
			http.Redirect(w, r, "/asked", http.StatusSeeOther)
		case !found:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, goodPage, "There is no such page.")
		default:
			w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'self'")
			fmt.Fprintf(w, goodPage, part)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// check looks at all parts as anonymous pages.
func check(t *testing.T, o site.Options) site.Report {
	t.Helper()
	report, err := site.Check(t.Context(), browser.Shared(t), o)
	browser.Need(t, err)
	return report
}

// Each thing that the check is for is found on a page that has it, and named.
func TestWhatIsWrongIsFound(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		part string
		want []string // beginnings of all findings
	}{
		"/good": {`<p>Good: <a href="/good#part">part</a>, <a href="/moved">moved</a>, <a href="https://example.com/x#y">another site</a>,
			<a href="mailto:help@example.com">mail</a></p><p id="part">Part</p><svg width="8" height="8" aria-hidden="true"><use href="/icon.svg#dot"/></svg>
			<div class="scroller" tabindex="0"><p class="wide">Scrolls in itself</p></div><div class="hidden"><p class="wide">Is cut off</p></div>`, nil},
		"/console":  {`<script src="/error.js"></script>`, []string{"console error: no price [390 light, 1280 light]"}},
		"/policy":   {`<p style="color: red">Red</p>`, []string{"policy violation: Applying inline style", "policy violation: style-src-attr blocked kInlineViolation at /policy:2 [390 light, 1280 light]"}},
		"/handler":  {`<p onclick="go()">Go</p>`, []string{`handler: main > p has onclick="go()" [390 light, 390 dark, 1280 light, 1280 dark]`}},
		"/wide":     {`<p class="wide">Wide</p>`, []string{"sideways: it is 908 px wide in a window of 390", "sideways: main > p.wide reaches from 8 to 908 px in a window of 390 [390 light, 390 dark]"}},
		"/beside":   {`<p class="beside">Beside</p>`, []string{"sideways: it is 50", "sideways: main > p.beside reaches from 300 to 500 px in a window of 390 [390 light, 390 dark]"}},
		"/picture":  {`<img src="/icon.svg">`, []string{"axe: image-alt (critical): "}},
		"/label":    {`<input name="name">`, []string{"axe: label (critical): "}},
		"/contrast": {`<p class="pale">Pale in the dark</p>`, []string{"axe: color-contrast (serious): "}},
		"/dead":     {`<p><a href="/nowhere">Dead</a></p>`, []string{"link: /nowhere answers 404 (p > a)"}},
		"/parts":    {`<p><a href="#missing">No such part</a> <a href="#">Top</a></p>`, []string{"link: #missing leads to no such part of its page (p > a)", "link: # leads nowhere (p > a)"}},
		"/mail":     {`<p><a href="mailto:nobody">Mail</a></p>`, []string{"link: mailto:nobody names no mailbox (p > a)"}},
		"/foreign":  {`<img src="https://pictures.example/a.png" alt="Foreign">`, []string{"policy violation: Loading the image", "policy violation: img-src blocked https://pictures.example/a.png", "foreign request: GET https://pictures.example/a.png"}},
		"/heavy":    {`<p class="heavy">Heavy</p><script src="/heavy.js"></script>`, []string{"weight: document, styles and scripts have 12", "weight: fonts have 60"}},
	}
	parts := map[string]string{"/": "Home"}
	var pages []site.Page
	for path, c := range cases {
		parts[path] = c.part
		pages = append(pages, site.Page{Path: path})
	}
	report := check(t, site.Options{Base: serve(t, parts), Pages: pages})
	for _, page := range report {
		wanted := slices.Clone(cases[page.Page.Path].want)
		for _, finding := range page.Findings {
			at := slices.IndexFunc(wanted, func(w string) bool { return strings.HasPrefix(finding.String(), w) })
			if at < 0 {
				t.Errorf("%s: found %s", page.Page.Path, finding)
			} else {
				wanted = slices.Delete(wanted, at, at+1)
			}
		}
		for _, missed := range wanted {
			t.Errorf("%s: not found: %s", page.Page.Path, missed)
		}
		if page.Views != 4 {
			t.Errorf("%s: %d views, want 4", page.Page.Path, page.Views)
		}
	}
}

// Of a page in two languages, half of the views of each show all of them.
func TestHalfOfTheViewsShowBothSchemesAtBothWidths(t *testing.T) {
	t.Parallel()
	pages := []site.Page{{Path: "/wide"}, {Path: "/wide", Language: "tr"}, {Path: "/pale"}, {Path: "/pale", Language: "tr"}}
	base := serve(t, map[string]string{"/wide": `<p class="wide">Wide</p>`, "/pale": `<p class="pale">Pale in the dark</p>`})
	report := check(t, site.Options{Base: base, Pages: pages, Crosswise: true})
	for i, in := range []string{"390 light", "390 dark", "1280 dark", "390 dark"} {
		found := report[i].Findings
		if len(found) == 0 || slices.ContainsFunc(found, func(f site.Finding) bool { return !slices.Equal(f.In, []string{in}) }) {
			t.Errorf("%s in %q: found %v, want it in %s alone", report[i].Page.Path, report[i].Page.Language, found, in)
		}
		if report[i].Views != 2 {
			t.Errorf("%d views of %s, want 2", report[i].Views, report[i].Page.Path)
		}
	}
}

// Contrast is judged in the colours that a view comes to, not on the way there.
func TestContrastIsJudgedInEachScheme(t *testing.T) {
	t.Parallel()
	report := check(t, site.Options{Base: serve(t, map[string]string{"/": `<p class="pale">Pale in the dark</p>`}), Pages: []site.Page{{Path: "/"}}})
	if f := report[0].Findings; len(f) != 1 || !slices.Equal(f[0].In, []string{"390 dark", "1280 dark"}) {
		t.Errorf("found %v, want it in the dark alone", f)
	}
}

// A page that asks for a sign-in is looked at by somebody who has signed in, and
// is not mistaken for the page that asks.
func TestPagesBehindASignIn(t *testing.T) {
	t.Parallel()
	base := serve(t, map[string]string{"/asked": `<p>Who are you?</p>`, "/own": `<p>Own</p>`, "/own/list": `<p><a href="/own">Own</a></p>`})
	const member site.Access = "member"
	signIns := map[site.Access]site.SignIn{member: func(tab *browser.Tab) error { return tab.Open("/in") }}
	report := check(t, site.Options{Base: base, SignIns: signIns, Pages: []site.Page{
		{Path: "/own", Access: member}, {Path: "/own/list", Access: member}, {Path: "/own"}, {Path: "/lost", Status: http.StatusNotFound},
	}})
	for i, want := range []string{"", "", "it leads to /asked [390 light, 390 dark, 1280 light, 1280 dark]", ""} {
		var got []string
		for _, f := range report[i].Findings {
			got = append(got, f.String())
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("%v: %q, want %q", report[i].Page, got, want)
		}
	}
	if _, err := site.Check(t.Context(), browser.Shared(t), site.Options{Base: base, Pages: []site.Page{{Path: "/", Access: member}}}); err == nil {
		t.Error("nobody knows how to sign in, and yet it looked")
	}
}

// Every view has its picture.
func TestPictures(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	report := check(t, site.Options{Base: serve(t, map[string]string{"/": "Home", "/faq/buy": "FAQ"}), Folder: folder, Pages: []site.Page{{Path: "/"}, {Path: "/faq/buy", Language: "tr"}}})
	if n := report.Findings(); n > 0 {
		t.Errorf("%d findings: %v", n, report)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
		content, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil || !bytes.HasPrefix(content, []byte("\x89PNG")) {
			t.Errorf("%s is no picture (%v)", f.Name(), err)
		}
	}
	want := "faq-buy.tr.1280.dark.png faq-buy.tr.1280.light.png faq-buy.tr.390.dark.png faq-buy.tr.390.light.png home.en.1280.dark.png home.en.1280.light.png home.en.390.dark.png home.en.390.light.png"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("the pictures are %s, want %s", got, want)
	}
}

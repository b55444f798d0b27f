package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// shared is the one browser of a test binary. Run starts nothing: the first page does.
//
//nolint:gochecknoglobals // like the tests of a binary, it is one
var shared struct {
	sync.Mutex

	ending  bool // somebody will end it
	browser *Browser
}

// Main runs a package's tests and ends the program.
func Main(m *testing.M) { os.Exit(Run(m.Run)) }

// Run is Main for packages with something of their own to clean up. It runs the
// tests, ends the browser that they used and returns the exit code.
func Run(tests func() int) (code int) {
	shared.Lock()
	shared.ending = true
	shared.Unlock()
	code = tests()
	shared.Lock()
	defer shared.Unlock()
	if shared.browser != nil {
		if err := shared.browser.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "end the browser:", err)
		}
	}
	return code
}

// Shared returns the browser of this test binary. Where there is none the test is
// skipped; with CI=true it fails.
func Shared(t testing.TB) *Browser {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.ending {
		t.Fatal("nobody would end the browser: TestMain must call browser.Main or browser.Run")
	}
	if shared.browser == nil {
		b, err := Start(context.WithoutCancel(t.Context()))
		Need(t, err)
		shared.browser = b
	}
	return shared.browser
}

// Need fails the test on an error. One that says that this machine lacks
// something skips it, unless CI=true.
func Need(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Page is a visitor's tab for a test. Every step ends the test when it fails.
type Page struct {
	t        testing.TB
	tab      *Tab
	expected []string
}

// New opens a tab for the site at a URL, with neither cookies nor storage. When
// the test ends, every problem that was not expected fails it, and so does one
// that was expected and did not come.
func New(t testing.TB, base string) *Page {
	t.Helper()
	tab, err := Shared(t).Tab(base)
	if err != nil {
		t.Fatal(err)
	}
	p := &Page{t: t, tab: tab}
	t.Cleanup(func() {
		defer tab.Close()
		p.judge()
	})
	return p
}

// judge compares the problems with those that were expected.
func (p *Page) judge() {
	p.t.Helper()
	if err := p.tab.Settle(); err != nil && !p.t.Failed() {
		p.t.Error(err)
	}
	problems, _ := p.tab.Taken()
	met := make([]bool, len(p.expected))
	for _, problem := range problems {
		known := false
		for i, text := range p.expected {
			if strings.Contains(problem.String(), text) {
				known, met[i] = true, true
			}
		}
		if !known {
			p.t.Errorf("on %s: %s", problem.At, problem)
		}
	}
	for i, text := range p.expected {
		if !met[i] {
			p.t.Errorf("expected, but did not happen: %s", text)
		}
	}
}

// Expect says that problems whose line holds the text belong to the test.
func (p *Page) Expect(text string) { p.expected = append(p.expected, text) }

// Tab returns the tab, for what has no method here.
func (p *Page) Tab() *Tab { return p.tab }

// must ends the test and says what the page showed.
func (p *Page) must(err error) {
	p.t.Helper()
	if err == nil {
		return
	}
	where, askErr := Ask[string](p.tab, "see where it is", `location.href + "\n" + (document.body?.innerText ?? "").slice(0, 800)`)
	if askErr != nil {
		where = askErr.Error()
	}
	p.t.Fatalf("%v\non %s", err, where)
}

// Open goes to a path of the site and waits until the page is whole.
func (p *Page) Open(path string) { p.t.Helper(); p.must(p.tab.Open(path)) }

// Click clicks with the mouse, once the element is seen, enabled and uncovered.
func (p *Page) Click(css string) { p.t.Helper(); p.must(p.tab.Click(css)) }

// Submit clicks on what leads to another page and waits until that is whole.
func (p *Page) Submit(css string) { p.t.Helper(); p.must(p.tab.Submit(css)) }

// Fill clicks into a field and types in place of what was there.
func (p *Page) Fill(css, text string) { p.t.Helper(); p.must(p.tab.Fill(css, text)) }

// Choose picks the option of a select element by its text.
func (p *Page) Choose(css, option string) { p.t.Helper(); p.must(p.tab.Choose(css, option)) }

// Upload picks a file for a field that takes one.
func (p *Page) Upload(css, file string) { p.t.Helper(); p.must(p.tab.Upload(css, file)) }

// Press presses keys where the focus is: letters, and the others of package kb.
func (p *Page) Press(keys string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	p.must(p.tab.Press(keys, modifiers...))
}

// Wait waits until the element is there to be seen.
func (p *Page) Wait(css string) { p.t.Helper(); p.must(p.tab.Wait(css)) }

// WaitText waits until the element's text holds a text.
func (p *Page) WaitText(css, text string) { p.t.Helper(); p.must(p.tab.WaitText(css, text)) }

// Gone waits until no such element is seen.
func (p *Page) Gone(css string) { p.t.Helper(); p.must(p.tab.Gone(css)) }

// Text waits for the element and returns its text as it is seen.
func (p *Page) Text(css string) string {
	p.t.Helper()
	value, err := p.tab.Text(css)
	p.must(err)
	return value
}

// Value waits for the field and returns what stands in it.
func (p *Page) Value(css string) string {
	p.t.Helper()
	value, err := p.tab.Value(css)
	p.must(err)
	return value
}

// Path returns the path and the query of the page that is shown.
func (p *Page) Path() string {
	p.t.Helper()
	value, err := Ask[string](p.tab, "see where it is", `location.pathname + location.search`)
	p.must(err)
	return value
}

// Eval returns the text that an expression gives. The page's policy does not hold
// for it: to act, click.
func (p *Page) Eval(expression string) string {
	p.t.Helper()
	value, err := Ask[string](p.tab, "evaluate "+expression, `(async () => String(await (`+expression+`)))()`)
	p.must(err)
	return value
}

// Screenshot writes the whole page into a PNG file.
func (p *Page) Screenshot(file string) { p.t.Helper(); p.must(p.tab.Screenshot(file)) }

// Viewport sets the size in CSS pixels; mobile is as on a phone.
func (p *Page) Viewport(width, height int, mobile bool) {
	p.t.Helper()
	p.must(p.tab.Viewport(width, height, mobile))
}

// Scheme is what the visitor's system prefers: "light" or "dark".
func (p *Page) Scheme(scheme string) {
	p.t.Helper()
	p.must(p.tab.Media("prefers-color-scheme", scheme))
}

// ReducedMotion makes the visitor one who wants little motion.
func (p *Page) ReducedMotion() { p.t.Helper(); p.must(p.tab.Media("prefers-reduced-motion", "reduce")) }

// Language sets what the browser asks for, such as "tr".
func (p *Page) Language(tag string) { p.t.Helper(); p.must(p.tab.Language(tag)) }

// JavaScript turns scripts on and off, from the next page on.
func (p *Page) JavaScript(on bool) { p.t.Helper(); p.must(p.tab.JavaScript(on)) }

// Cookies returns the cookies that the site would get.
func (p *Page) Cookies() []*network.Cookie {
	p.t.Helper()
	value, err := p.tab.Cookies()
	p.must(err)
	return value
}

// Authenticator gives the tab a passkey device that says yes at once.
func (p *Page) Authenticator() webauthn.AuthenticatorID {
	p.t.Helper()
	value, err := p.tab.Authenticator()
	p.must(err)
	return value
}

// Passkeys counts those that the device keeps.
func (p *Page) Passkeys(device webauthn.AuthenticatorID) int {
	p.t.Helper()
	value, err := p.tab.Passkeys(device)
	p.must(err)
	return value
}

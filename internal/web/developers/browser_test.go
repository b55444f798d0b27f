package developers_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/notpanel/notpanel/e2e/browser"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
)

func TestMain(m *testing.M) {
	os.Exit(browser.Run(func() int {
		code := m.Run()
		if err := demo.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "end the demo:", err)
			return 1
		}
		return code
	}))
}

// shared is the panel of the tests in a browser.
type shared struct {
	sync.Once

	panel  *app.Demo
	folder string
	err    error
}

// Started by the first test that needs it.
var demo shared

// startPanel starts a demo in this process, or returns the one that another test
// has started.
func startPanel(t *testing.T) *app.Demo {
	t.Helper()
	browser.Shared(t) // without a browser nobody needs the panel
	demo.Do(func() { demo.err = demo.start(context.WithoutCancel(t.Context())) })
	if demo.err != nil {
		t.Fatal(demo.err)
	}
	return demo.panel
}

func (s *shared) start(ctx context.Context) (err error) {
	if s.folder, err = os.MkdirTemp("", "notpanel-developers-*"); err != nil {
		return err
	}
	s.panel, err = app.StartDemo(ctx, app.DemoOptions{
		Dir: s.folder, Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Progress: func(string) {},
		Limits: config.Limits{LimitKey: 100, LimitTiers: "standard=300,reseller=1200,agency=6000"},
	})
	return err
}

func (s *shared) stop() error {
	if s.panel == nil {
		return nil
	}
	return errors.Join(s.panel.Stop(context.Background()), os.RemoveAll(s.folder))
}

// testOrders are those that the demo's customer has placed with a test key.
func testOrders(t *testing.T, d *app.Demo) []*order.Order {
	t.Helper()
	customer, err := d.Core.Accounts.Find(t.Context(), "customer@example.com")
	if err != nil {
		t.Fatal(err)
	}
	orders, _, err := d.Core.Orders.Own(t.Context(), order.Scope{AccountID: customer.ID, Mode: ledger.Test}, order.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return orders
}

// nowhere wants a text to be in nothing that outlives the page, and in no element.
func nowhere(t *testing.T, p *browser.Page, text string) {
	t.Helper()
	kept := p.Eval(`JSON.stringify([location.href, document.cookie, {...localStorage}, {...sessionStorage}, history.state,
		document.documentElement.outerHTML, [...document.querySelectorAll("input, textarea")].map((e) => e.value),
		(await indexedDB.databases()).length, (await caches.keys()).length, performance.getEntriesByType("resource").map((e) => e.name)])`)
	if strings.Contains(kept, text) {
		t.Errorf("%s… is kept: %s", text[:12], kept)
	}
	for _, c := range p.Cookies() {
		if strings.Contains(c.Name+c.Value, text) {
			t.Errorf("the cookie %s holds it", c.Name)
		}
	}
}

// paste puts a text into a field at once.
func paste(p *browser.Page, css, text string) {
	p.Click(css)
	p.Eval(fmt.Sprintf(`(document.activeElement.select(), document.execCommand("insertText", false, %q))`, text))
}

const trial = "#sample-add .trial"

// A reader places a real test order from the page. The key stays in the page's
// memory, and a live key is not even used.
func TestTryingACall(t *testing.T) {
	t.Parallel()
	d := startPanel(t)
	keys := d.Ready().Keys
	p := browser.New(t, d.URL())
	p.Viewport(1280, 900, false)
	p.Open("/developers/add-order")
	p.Click(trial + " > summary")

	p.Click(trial + " [type=submit]")
	p.WaitText(trial, "Paste a test key first")
	paste(p, trial+" [data-secret]", keys.Native)
	p.WaitText(trial, "This is a live key")
	nowhere(t, p, keys.Native)
	p.Click(trial + " [type=submit]")
	p.Fill(trial+" [data-secret]", "np_test_short")
	p.Click(trial + " [type=submit]")
	p.WaitText(trial, "This is no test key")
	if placed := testOrders(t, d); len(placed) > 0 {
		t.Fatalf("orders were placed without a test key: %d", len(placed))
	}
	if sent := p.Eval(`performance.getEntriesByType("resource").filter((e) => e.name.includes("/api/")).length`); sent != "0" {
		t.Fatalf("%s requests were sent without a test key", sent)
	}

	paste(p, trial+" [data-secret]", keys.Test)
	p.WaitText(trial+" .trial-key", keys.Test[:12])
	nowhere(t, p, keys.Test)
	const link = "https://example.com/tried?a='b'&c=<i>#sim=complete"
	p.Fill(trial+" [data-field=link]", link)
	p.Fill(trial+" [data-field=quantity]", "2000")
	p.Click(trial + " [type=submit]")
	p.WaitText(trial+" .trial-status", "200 OK")
	placed := testOrders(t, d)
	if len(placed) != 1 || placed[0].Link != link || placed[0].Quantity != 2000 {
		t.Fatalf("placed: %+v", placed)
	}
	p.WaitText(trial+" .trial-answer pre", `"order": "`+placed[0].ID+`"`)
	p.WaitText(trial+" .trial-answer .sample-headers", "X-Request-Id:")
	p.WaitText(trial+" .trial-answer .sample-headers", "X-RateLimit-Remaining:")
	p.Click(trial + " .trial-curl summary")
	curl := p.Text(trial + " .trial-curl pre")
	if !strings.Contains(curl, "key=YOUR_API_KEY") || !strings.Contains(curl, `'link=https://example.com/tried?a='\''b'\''&c=<i>#sim=complete'`) {
		t.Errorf("curl: %s", curl)
	}
	nowhere(t, p, keys.Test)

	// A second try is a second order: its request_id is another.
	p.Click(trial + " [type=submit]")
	p.Eval(fmt.Sprintf(`new Promise((done) => {
		const look = () => document.querySelector(%q).textContent.includes(%q) ? requestAnimationFrame(look) : done(true);
		look();
	})`, trial+" .trial-answer pre", placed[0].ID))
	if placed := testOrders(t, d); len(placed) != 2 {
		t.Errorf("%d orders after two tries", len(placed))
	}

	// The other samples of the page have the key; what is refused is shown too.
	const other = "#sample-add-max-charge .trial"
	p.Click(other + " > summary")
	p.WaitText(other+" .trial-key", keys.Test[:12])
	p.Fill(other+" [data-field=max_charge]", "0.000001")
	p.Click(other + " [type=submit]")
	p.Expect("status 400: POST /api/v2")
	p.WaitText(other+" .trial-status", "400 Bad Request")
	p.WaitText(other+" .trial-answer pre", "above max_charge")

	// The key is forgotten when asked, and on the next page, and on the way back.
	p.Click(other + " .trial-key button")
	p.Wait(other + " [data-secret]")
	paste(p, other+" [data-secret]", keys.Test)
	p.WaitText(other+" .trial-key", keys.Test[:12])
	p.Submit(".docs-beside a[href='/developers/balance']")
	nowhere(t, p, keys.Test)
	p.Click("#sample-balance .trial > summary")
	p.Wait("#sample-balance [data-secret]")
}

// What an answer holds stands there as text, whatever it is.
func TestAnAnswerIsText(t *testing.T) {
	t.Parallel()
	d := startPanel(t)
	p := browser.New(t, d.URL())
	p.Viewport(1280, 900, false)
	p.Open("/developers/services")
	p.Click("#sample-services .trial > summary")
	paste(p, "#sample-services [data-secret]", d.Ready().Keys.Test)
	p.Wait("#sample-services .trial-key")
	p.Click("#sample-services .trial [type=submit]")
	p.WaitText("#sample-services .trial-answer pre", `"increment"`)
	if marks := p.Eval(`new Set([...document.querySelectorAll("#sample-services .trial-answer code *")].map((e) => e.localName)).size`); marks != "1" {
		t.Errorf("kinds of elements in the answer: %s", marks)
	}
}

// The language of samples is chosen once, for every page; an address may ask for
// another.
func TestTheLanguageOfSamplesIsRemembered(t *testing.T) {
	t.Parallel()
	d := startPanel(t)
	p := browser.New(t, d.URL())
	p.Viewport(1280, 900, false)
	p.Open("/developers/balance")
	p.Wait("#sample-balance-curl")
	p.Click("#sample-balance .tabs a:nth-child(2)")
	p.Wait("#sample-transactions-go")
	p.Gone("#sample-balance-curl")
	p.Open("/developers/add-order")
	p.Wait("#sample-add-go")
	p.Gone("#sample-add-curl")
	if now := p.Text("#sample-add .tabs a[aria-current]"); now != "Go" {
		t.Errorf("the tab is %s", now)
	}
	p.Open("/developers/refill?code=php")
	p.Wait("#sample-refill-php")
	p.Open("/developers/cancel")
	p.Wait("#sample-cancel-php")
	p.Eval(`localStorage.setItem("sample-language", "cobol")`)
	p.Open("/developers/cancel")
	p.Wait("#sample-cancel-curl")
}

// Without scripts the tabs are links, the search is a form, and nothing is offered
// that needs them.
func TestReadingWithoutScripts(t *testing.T) {
	t.Parallel()
	d := startPanel(t)
	p := browser.New(t, d.URL())
	p.JavaScript(false)
	p.Open("/developers/balance")
	p.Submit("#sample-balance .tabs a:nth-child(4)")
	p.Wait("#sample-balance-python")
	p.Gone("#sample-balance-curl")
	p.Gone("#sample-balance .trial")
	if path := p.Path(); path != "/developers/balance?code=python" {
		t.Errorf("it leads to %s", path)
	}
	p.Fill("#docs-search", "drip-feed")
	p.Press(kb.Enter)
	p.WaitText(".search-results", "Drip-feed")
	p.Submit(".search-results a[href='/developers/add-order#drip-feed']")
	p.Wait("#drip-feed")
	p.Viewport(390, 844, true)
	p.Open("/developers")
	p.Click(".docs-fold summary")
	p.Submit(".docs-fold a[href='/developers/errors']")
	p.WaitText("h1", "Errors")
}

// The search finds as it is typed and leads there by the keyboard alone.
func TestSearchingByKeyboard(t *testing.T) {
	t.Parallel()
	d := startPanel(t)
	p := browser.New(t, d.URL())
	p.Viewport(1280, 900, false)
	p.Open("/developers")
	p.Press("/")
	if at := p.Eval("document.activeElement.id"); at != "docs-search" {
		t.Errorf("the focus is in %q", at)
	}
	p.Fill("#docs-search", "DRIP")
	p.WaitText(".docs-found", "Drip-feed")
	p.Press(kb.Escape)
	p.Gone(".docs-found")
	p.Fill("#docs-search", "statement")
	p.WaitText(".docs-found [aria-selected=true]", "Statement")
	p.Press(kb.Enter)
	p.WaitText("h1", "Balance")
	if at := p.Eval("location.hash"); at != "#transactions" {
		t.Errorf("it leads to %s", at)
	}
	p.Fill("#docs-search", "Einschreiben")
	p.WaitText(".docs-found", "No heading has that")
	p.Press(kb.Enter)
	p.WaitText(".docs-head", "No page has “Einschreiben”")

	p.Language("tr")
	p.Open("/developers")
	p.Fill("#docs-search", "IPTAL")
	p.WaitText(".docs-found [aria-selected=true]", "İptal")
	p.Fill("#docs-search", "siparis")
	p.WaitText(".docs-found", "Sipariş")
}

// A heading's sign copies its address and goes there.
func TestAnchors(t *testing.T) {
	t.Parallel()
	d := startPanel(t)
	p := browser.New(t, d.URL())
	p.Viewport(1280, 900, false)
	p.Open("/developers/add-order")
	p.Click("#drip-feed .anchor")
	p.WaitText("[data-toasts]", "Copied")
	if at := p.Eval("location.hash"); at != "#drip-feed" {
		t.Errorf("the address ends with %s", at)
	}
	want := d.URL() + "/developers/add-order#drip-feed"
	if p.Eval(`document.querySelector("#drip-feed .anchor").dataset.copyText`) != want {
		t.Errorf("it copies no %s", want)
	}
}

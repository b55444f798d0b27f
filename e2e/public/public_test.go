package public_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/e2e/browser"
)

// demo is started by the first test that needs it.
var demo = struct {
	sync.Mutex

	*browser.Demo
}{}

func TestMain(m *testing.M) {
	code := browser.Run(m.Run)
	if demo.Demo != nil {
		if err := demo.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the demo:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// visitor opens a tab at the demo.
func visitor(t *testing.T) *browser.Page {
	t.Helper()
	browser.Shared(t) // tells, before anything is built, that there is none
	demo.Lock()
	defer demo.Unlock()
	if demo.Demo == nil {
		program, err := browser.Build(t.Context(), t.TempDir())
		browser.Need(t, err)
		demo.Demo, err = browser.StartDemo(context.WithoutCancel(t.Context()), program)
		browser.Need(t, err)
	}
	return browser.New(t, demo.URL)
}

const rows = ".row-link"

// names are the services that a page lists.
func names(p *browser.Page) string {
	return p.Eval(`Array.from(document.querySelectorAll("` + rows + `"), (e) => e.textContent).join("; ")`)
}

// With scripts the list follows what is typed, and the address with it; what was
// chosen before stays, and Back leads out of the list.
func TestListFollowsWhatIsTyped(t *testing.T) {
	t.Parallel()
	p := visitor(t)
	p.Open("/pricing")
	p.Open("/services?cancel=1")
	p.Fill("[name=q]", "banner")
	p.WaitText("[role=status]", "2 services")
	if got := names(p); got != "Banner impressions, run of site; Banner impressions, one country" {
		t.Errorf("the list has %s", got)
	}
	if got := p.Eval("location.search"); got != "?q=banner&cancel=1" && got != "?cancel=1&q=banner" {
		t.Errorf("the address has %s", got)
	}
	p.Fill("[name=q]", "no such service")
	p.Wait(".empty")
	p.Eval("history.back()")
	p.WaitText("h1", "Pricing")
}

// Without scripts the button does what typing does with them, and a filter is
// chosen from its menu.
func TestListIsSearchedWithoutScripts(t *testing.T) {
	t.Parallel()
	p := visitor(t)
	p.JavaScript(false)
	p.Viewport(390, 844, true)
	p.Open("/services")
	p.Click(".chip-menu > summary")
	p.Submit(`.chip-menu .menu-sheet a[href*="category="]`)
	if got := names(p); got != "Banner impressions, run of site; Banner impressions, one country; Newsletter sponsor line" {
		t.Errorf("the category has %s", got)
	}
	p.Fill("[name=q]", "sponsor")
	p.Submit(".search-form button")
	if got := names(p); got != "Newsletter sponsor line" {
		t.Errorf("the list has %s", got)
	}
	p.Submit(rows)
	if !strings.HasPrefix(p.Path(), "/services/") || p.Text("h1") != "Newsletter sponsor line" {
		t.Errorf("the row leads to %s", p.Path())
	}
}

// The first page's sample is copied by one click.
func TestSampleIsCopied(t *testing.T) {
	t.Parallel()
	p := visitor(t)
	p.Open("/")
	p.Click(`[data-copy="#sample code"]`)
	p.WaitText("[data-toasts]", "Copied")
}

package pages_test

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/e2e/browser"
)

const settingsPage = "/admin/settings"

// An operator gives the panel a name, a logo and a colour, and sees them on the public
// first page, in light and in dark.
func TestSettings(t *testing.T)          { t.Parallel(); testSettings(t, true) }
func TestSettingsNoScripts(t *testing.T) { t.Parallel(); testSettings(t, false) }
func TestMaintenance(t *testing.T)       { t.Parallel(); testMaintenance(t) }

func testSettings(t *testing.T, scripts bool) {
	t.Helper()
	w := operate(t, scripts)
	w.Open(settingsPage)
	w.WaitText("#whose", "Set neither here nor in the environment (NOTPANEL_LEGAL_NAME).")
	w.follow("[href='" + settingsPage + "/contact']")
	w.Fill("[name=name]", "Paper and Ink")
	w.Fill("[name=contact]", "1 High Street\nSpringfield")
	w.send("/contact")
	w.done("Saved.")
	w.WaitText("#whose", "Paper and Ink")
	w.WaitText("#whose", "Set here by "+chief)

	w.follow("[href='" + settingsPage + "/accent']")
	w.Expect("status 422: POST " + settingsPage + "/accent")
	w.Fill("[name=light]", "#ffd400")
	w.send("/accent")
	w.WaitText("#light-error", "Take a darker colour")
	w.Fill("[name=light]", "#8a1f5c")
	w.Fill("[name=dark]", "#f2a7d0")
	w.send("/accent")
	w.done("Saved.")

	w.follow("[href='" + settingsPage + "/logo']")
	w.Upload("[name=logo]", drawnLogo(t))
	w.send("/logo")
	w.done("Saved.")
	w.Wait("#looks .picture")

	w.Open("/")
	if name := w.Eval("document.querySelector('.brand img').alt + ' ' + document.querySelector('.brand img').naturalHeight"); name != "Paper and Ink 112" {
		t.Errorf("the head shows %q", name)
	}
	if title := w.Eval("document.title"); !strings.Contains(title, "Paper and Ink") {
		t.Errorf("the page is called %q", title)
	}
	for scheme, want := range map[string]string{"light": "rgb(138, 31, 92)", "dark": "rgb(242, 167, 208)"} {
		w.Scheme(scheme)
		w.Open("/")
		if got := w.Eval("getComputedStyle(document.querySelector('.btn-primary')).backgroundColor"); got != want {
			t.Errorf("in %s the button is %s, want %s", scheme, got, want)
		}
	}
	w.Open("/contact")
	w.WaitText("#main", "Springfield")
	w.Open(settingsPage)
	w.follow("[href='" + settingsPage + "/usual/name']")
	w.WaitText("[data-dialog-page]", "Paper and Ink")
	w.send("/usual/name")
	w.done("The environment's value holds again.")
}

// drawnLogo is a picture's file.
func drawnLogo(t *testing.T) string {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, 448, 112))
	for x := 8; x < 440; x++ {
		for y := 24; y < 88; y++ {
			m.Set(x, y, color.NRGBA{R: 0x8a, G: 0x1f, B: 0x5c, A: 0xff})
		}
	}
	name := filepath.Join(t.TempDir(), "logo.png")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, m); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// testMaintenance closes the panel: a visitor reads the operator's sentence and nothing
// else, staff a line across their pages, until it is opened.
func testMaintenance(t *testing.T) {
	t.Helper()
	w := operate(t, true)
	w.Open(settingsPage)
	w.follow("[href='" + settingsPage + "/maintenance']")
	w.WaitText("[data-dialog-page]", "New orders, cancels and refills are refused")
	w.Fill("[name=maintenance]", "Back at noon.")
	w.send("/maintenance")
	w.done("The panel is closed for maintenance.")
	w.WaitText(".test-line", "customers see no pages")
	stranger := browser.New(t, w.panel.at)
	stranger.Expect("status 503: GET /")
	stranger.Open("/")
	stranger.WaitText("#main", "Back at noon.")
	stranger.Gone("nav [href='/services']")
	w.Open(settingsPage)
	w.follow("[href='" + settingsPage + "/maintenance/end']")
	w.send("/maintenance/end")
	w.done("The panel is open again.")
	w.Gone(".test-line")
	stranger.Open("/")
	stranger.Wait(".btn-primary")
}

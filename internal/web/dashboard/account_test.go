package dashboard

import (
	"context"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/web/ui"
)

func english(t *testing.T) context.Context {
	t.Helper()
	languages, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	return ui.With(t.Context(), &ui.View{Language: languages.English()})
}

// Every zone that can be chosen can be kept, and what was kept under an old name can
// still be chosen.
func TestZonesToChooseFrom(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, g := range zones() {
		for _, o := range g.Options {
			known[o.Value] = true
			if err := (account.Preferences{TimeZone: o.Value}).Check(); err != nil {
				t.Errorf("%s: %v", o.Value, err)
			}
		}
	}
	for _, want := range []string{"UTC", "Europe/Istanbul", "America/Argentina/Buenos_Aires", "Asia/Kolkata"} {
		if !known[want] {
			t.Errorf("%s can't be chosen", want)
		}
	}
	for present, first := range map[string]int{"": 1, "Europe/Istanbul": 1, "Asia/Calcutta": 2} {
		if got := zoneGroups(english(t), present)[0].Options; len(got) != first || got[first-1].Value != present && first == 2 {
			t.Errorf("with %q the list begins with %v", present, got)
		}
	}
}

func TestDevicesHaveNames(t *testing.T) {
	t.Parallel()
	ctx := english(t)
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36":                                   "Chrome on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0":               "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36":        "Samsung Internet on Android",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:133.0) Gecko/20100101 Firefox/133.0":                                                    "Firefox on macOS",
		"curl/8.11.0": "curl", "": "Unknown device", "Shop/2": "Shop/2", strings.Repeat("ş", 50): strings.Repeat("ş", 40),
	} {
		if got := deviceName(ctx, agent); got != want {
			t.Errorf("%s: %q, want %q", agent, got, want)
		}
	}
}

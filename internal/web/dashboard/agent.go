package dashboard

import (
	"context"
	"strings"

	"github.com/notpanel/notpanel/internal/web/ui"
)

// sign is what a browser or a system is known by in what a browser calls itself.
type sign struct{ mark, name string }

// browsers and systems, those first whose own text also holds another's mark.
func browsers() []sign {
	return []sign{
		{"Edg", "Edge"},
		{"OPR/", "Opera"},
		{"SamsungBrowser", "Samsung Internet"},
		{"YaBrowser", "Yandex"},
		{"Vivaldi", "Vivaldi"},
		{"FxiOS", "Firefox"},
		{"Firefox", "Firefox"},
		{"CriOS", "Chrome"},
		{"HeadlessChrome", "Chrome"},
		{"Chrome", "Chrome"},
		{"Safari", "Safari"},
		{"curl", "curl"},
	}
}

func systems() []sign {
	return []sign{
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Android", "Android"},
		{"CrOS", "ChromeOS"},
		{"Windows", "Windows"},
		{"Macintosh", "macOS"},
		{"Linux", "Linux"},
	}
}

func nameIn(agent string, all []sign) string {
	for _, s := range all {
		if strings.Contains(agent, s.mark) {
			return s.name
		}
	}
	return ""
}

// deviceName is what people call the device of a browser, as far as the browser
// tells.
func deviceName(ctx context.Context, agent string) string {
	const most = 40 // characters of what nobody knows
	browser, system := nameIn(agent, browsers()), nameIn(agent, systems())
	switch {
	case browser != "" && system != "":
		return ui.T(ctx, "account.device", "Browser", browser, "System", system)
	case browser+system != "":
		return browser + system
	case agent == "":
		return ui.T(ctx, "account.device_unknown")
	}
	return string([]rune(agent)[:min(len([]rune(agent)), most)])
}

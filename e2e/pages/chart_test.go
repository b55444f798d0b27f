package pages_test

import (
	"regexp"
	"strings"
	"testing"
)

// The chart of a key's requests shows all of them as the height of a day, speaks the
// reader's language, and the page says that the key was used.
func TestKeyPageShowsItsUse(t *testing.T) {
	t.Parallel()
	w := walk(t, true)
	w.follow("[href='" + keysPage + "/keys/new']")
	w.Fill("[name=password]", password)
	w.send("/keys")
	value := w.Text("#key-value")
	for range 5 {
		w.balance(value)
	}
	w.panel.visitor().post("/api/v2", "key", value, "action", "add", "service", "77")
	w.close()
	at := keysPage + "/keys/" + w.keys()[0].ID
	shown := ""
	for range 100 { // it is counted within seconds
		w.Open(at)
		shown = w.Text("#main")
		if strings.Contains(shown, "5 answered and 1 refused") && !regexp.MustCompile(`Last use\s+never`).MatchString(shown) {
			break
		}
	}
	if !strings.Contains(shown, "5 answered and 1 refused") || regexp.MustCompile(`Last use\s+never`).MatchString(shown) {
		t.Errorf("the page does not show its use:\n%s", shown)
	}
	w.Wait("#usage-chart canvas")
	if legend := w.Eval(`Array.from(document.querySelectorAll("#usage-chart .u-label"), (e) => e.textContent).join(" ")`); legend != "Day Refused Answered" {
		t.Errorf("the legend has %q", legend)
	}
}

package signin

import (
	"slices"
	"testing"

	"github.com/notpanel/notpanel/internal/web/ui"
)

// In the outbox links to the panel are paths; every other address stays text.
func TestOutboxLinksOwnPathsAlone(t *testing.T) {
	t.Parallel()
	const panel = "http://127.0.0.1:8080"
	for text, want := range map[string][]ui.Piece{
		"Nothing.": {{Text: "Nothing."}},
		"Go:\n" + panel + "/verify-email?token=a_b-c\n": {{Text: "Go:\n"}, {Text: panel + "/verify-email?token=a_b-c", Path: "/verify-email?token=a_b-c"}, {Text: "\n"}},
		"At " + panel:                     {{Text: "At " + panel}},
		"At https://evil.example/":        {{Text: "At https://evil.example/"}},
		"At " + panel + ".evil.example/":  {{Text: "At " + panel + ".evil.example/"}},
		"At " + panel + "//evil.example/": {{Text: "At " + panel + "//evil.example/"}},
	} {
		if got := linked(text, panel); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

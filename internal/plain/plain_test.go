package plain_test

import (
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/plain"
)

// What a terminal obeys is refused by the name of its field; all else is a name.
func TestLineRefusesWhatSteersATerminal(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", "Shop", "Łódź & Söhne", "店", "نام\u200cکاربری", "👨\u200d👩", "a\u00a0b"} {
		if err := plain.Line("name", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"a\x00b", "\x1b[2J", "two\nlines", "tab\there", "\r", "\x7f", "\u0080", "\u009b31m", "\u009f",
		"\u202a", "\u202e", "\u2066", "\u2069", "\u200f", "\u2028", "\xff", "\x9b31m",
	} {
		err := plain.Line("reason", bad)
		if !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), "reason must be one line") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// What can't be refused is kept without what steers a terminal.
func TestReadableLeavesOutWhatSteersATerminal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Łódź 店 a\u00a0b":                   "Łódź 店 a\u00a0b",
		"\x1b[2Ja\u009bb\u0085c\x7f\x00\nd": "[2Jabcd",
		"\u202eoilof\u2066 \u200fx\u2029":   "oilof x",
		"a\xffb\x9b":                        "ab",
	} {
		got := plain.Readable(text)
		if got != want || plain.Line("text", got) != nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}

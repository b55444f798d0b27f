// Package plain says which texts may be kept as a name or a reason: one line
// that every screen shows as it was written. Of what nobody can be asked to mend it
// leaves out the rest.
//
// It knows nothing of whose names they are.
package plain

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/fault"
)

// Line refuses a text that a terminal could obey or that could pass for another:
// with control characters, line ends among them, with marks that turn the
// direction of writing, or not in UTF-8. The fault names the field.
func Line(field, text string) error {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, steers) {
		return fault.Newf(fault.Invalid,
			"%s must be one line of readable text, without control characters or marks that turn the direction of writing", field)
	}
	return nil
}

// Readable is a text without what Line refuses.
func Readable(text string) string {
	return strings.Map(func(r rune) rune {
		if steers(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

// steers reports control characters, C1 and DEL among them, the marks of
// direction (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069) and the
// two separators that end a line.
func steers(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

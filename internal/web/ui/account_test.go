package ui

import (
	"slices"
	"strings"
	"testing"
)

func TestPiecesOfATextWithLinks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]Piece{
		"":                       nil,
		"No link.":               {{"No link.", ""}},
		"See [this](/a).":        {{"See ", ""}, {"this", "/a"}, {".", ""}},
		"[a](/a) and [b](/b)":    {{"a", "/a"}, {" and ", ""}, {"b", "/b"}},
		"[open, (not) a link":    {{"[open, (not) a link", ""}},
		"[half](/a":              {{"[half](/a", ""}},
		"Before [half](/a again": {{"Before [half](/a again", ""}},
	} {
		if got := Pieces(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// A QR code is drawn with its three finder patterns; a text that is too long is an
// error.
func TestQRCodeIsDrawn(t *testing.T) {
	t.Parallel()
	q, err := NewQR("otpauth://totp/Panel:ann@example.com?secret=JBSWY3DPEHPK3PXP&issuer=Panel")
	if err != nil {
		t.Fatal(err)
	}
	if q.size < 21 || !strings.HasPrefix(q.path, "M0 0h7v1h-7z") {
		t.Errorf("%d modules, drawn %.40s", q.size, q.path)
	}
	if _, err := NewQR(strings.Repeat("x", 5000)); err == nil {
		t.Error("a text that does not fit was drawn")
	}
}

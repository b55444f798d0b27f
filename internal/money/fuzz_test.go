package money_test

import (
	"testing"

	"github.com/notpanel/notpanel/internal/money"
)

func seeds(f *testing.F) {
	f.Helper()
	for _, s := range []string{"0", "12", "0.5", "-3.25", "1e99", "1e-99", "0e99", "-0", "1000000000", "+-5", ".", "é", "99999999999999999999"} {
		f.Add(s)
	}
}

func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		a, err := money.Parse(s)
		if err != nil {
			return
		}
		back, err := money.Parse(a.String())
		if err != nil || back != a {
			t.Fatalf("Parse(%q) prints as %q, which reads as %d, %v", s, a, back, err)
		}
		if up, err := money.ParseUp(s); len(s) <= 64 && (err != nil || up != a) {
			t.Fatalf("Parse(%q) = %d, ParseUp = %d, %v", s, a, up, err)
		}
	})
}

func FuzzParseUp(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		a, err := money.ParseUp(s)
		if err == nil && (a > money.Max || a < -money.Max) {
			t.Fatalf("ParseUp(%q) = %d, out of range", s, a)
		}
	})
}

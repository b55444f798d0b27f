package apikey

import (
	"bytes"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// vector is the value of the bytes 00, 01 … 1f, from the documentation.
const vector = "np_live_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1fIRFH"

func countingBytes() (raw [randomBytes]byte) {
	for i := range raw {
		raw[i] = byte(i)
	}
	return raw
}

func TestEncodeValueGivesTheDocumentedVector(t *testing.T) {
	t.Parallel()
	if got := encodeValue(Live, countingBytes()); got != vector {
		t.Errorf("encodeValue = %s, want %s", got, vector)
	}
}

func TestEncodeValueOfTheEnds(t *testing.T) {
	t.Parallel()
	zeros, ones := encodeValue(Test, [randomBytes]byte{}), encodeValue(Test, [randomBytes]byte(bytes.Repeat([]byte{0xff}, randomBytes)))
	if !strings.HasPrefix(zeros, "np_test_"+strings.Repeat("0", randomDigits)) {
		t.Errorf("all zero bits: %s", zeros)
	}
	for _, value := range []string{zeros, ones} {
		if len(value) != len(vector) || !WellFormed(value) {
			t.Errorf("%s is not well formed", value)
		}
	}
}

// mathBig spells the same number with math/big, whose digits are 0-9a-zA-Z.
func mathBig(raw []byte) string {
	swapped := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, new(big.Int).SetBytes(raw).Text(62))
	return strings.Repeat("0", randomDigits-len(swapped)) + swapped
}

func TestValuesSpellTheirBytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), randomBytes, randomBytes).Draw(t, "raw")
		value := encodeValue(Live, [randomBytes]byte(raw))
		if got, want := value[len("np_live_"):][:randomDigits], mathBig(raw); got != want {
			t.Fatalf("%x is spelled %s, want %s", raw, got, want)
		}
		if !WellFormed(value) {
			t.Fatalf("%s is not well formed", value)
		}
	})
}

func TestNewValueIsWellFormedAndNeverRepeats(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^np_(live|test)_[0-9A-Za-z]{49}$`)
	seen := map[string]bool{}
	for range 1000 {
		for _, mode := range []Mode{Live, Test} {
			value := NewValue(mode)
			if !form.MatchString(value) || !WellFormed(value) || !strings.HasPrefix(value, "np_"+string(mode)+"_") {
				t.Fatalf("NewValue(%s) = %s", mode, value)
			}
			if seen[value] {
				t.Fatalf("%s was made twice", value)
			}
			seen[value] = true
		}
	}
}

func TestWellFormedFindsSlips(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"empty":            "",
		"prefix only":      "np_live_",
		"one short":        vector[:len(vector)-1],
		"one long":         vector + "0",
		"without prefix":   vector[len("np_live_"):],
		"other mode":       strings.Replace(vector, "live", "test", 1),
		"unknown mode":     strings.Replace(vector, "live", "demo", 1),
		"upper case":       strings.ToUpper(vector),
		"leading space":    " " + vector,
		"trailing newline": vector + "\n",
		"bad digit":        vector[:20] + "-" + vector[21:],
		"two swapped":      vector[:20] + vector[21:22] + vector[20:21] + vector[22:],
		"two bytes a rune": vector[:20] + "é" + vector[22:],
	} {
		if WellFormed(value) {
			t.Errorf("%s: %q passes", name, value)
		}
	}
	for i := len("np_live_"); i < len(vector); i++ {
		other := byte('x')
		if vector[i] == other {
			other = 'y'
		}
		if slip := vector[:i] + string(other) + vector[i+1:]; WellFormed(slip) {
			t.Errorf("character %d mistyped: %s passes", i, slip)
		}
	}
	if !WellFormed(vector) {
		t.Error("the vector does not pass")
	}
}

func TestDisplayPrefixShowsFourCharacters(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		vector:                    "np_live_003a",
		"np_test_AbCdEfGh":        "np_test_AbCd",
		"np_live_ab":              "np_live_ab",
		"np_live_":                "np_live_",
		"":                        "",
		"hunter2hunter2":          "",
		"someone-elses-np_live_x": "",
	} {
		if got := DisplayPrefix(value); got != want {
			t.Errorf("DisplayPrefix(%q) = %q, want %q", value, got, want)
		}
	}
}

func FuzzWellFormed(f *testing.F) {
	for _, s := range []string{vector, "", "np_live_", "np_test_é", vector[1:], vector + vector} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !WellFormed(s) {
			return
		}
		if len(s) != len(vector) {
			t.Fatalf("%q passes with %d bytes", s, len(s))
		}
		if changed := s[:len(s)-1] + string(alphabet[(strings.IndexByte(alphabet, s[len(s)-1])+1)%62]); WellFormed(changed) {
			t.Fatalf("both %q and %q pass", s, changed)
		}
		if shown := DisplayPrefix(s); !strings.HasPrefix(s, shown) || len(shown) != 12 {
			t.Fatalf("DisplayPrefix(%q) = %q", s, shown)
		}
	})
}

package secret

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSealedValuesOpenAtTheirPlace(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		table, column, row := rapid.String().Draw(t, "table"), rapid.String().Draw(t, "column"), rapid.String().Draw(t, "row")
		sealed := r.Seal(plain, table, column, row)
		got, err := r.Open(sealed, table, column, row)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("Open = %q, %v; want %q", got, err, plain)
		}
	})
}

func TestSealedFormNamesVersionAndKeyAndNeverRepeats(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	one, two := r.Seal([]byte("secret"), "t", "c", "r"), r.Seal([]byte("secret"), "t", "c", "r")
	if one == two {
		t.Error("the same value seals alike")
	}
	if !strings.HasPrefix(one, "v1."+r.Fingerprint()+".") || strings.Count(one, ".") != 2 {
		t.Errorf("sealed as %q", one)
	}
}

func TestOpenRefusesAnotherPlace(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	sealed := r.Seal([]byte("secret"), "providers", "key", "prv_1")
	for _, place := range [][3]string{
		{"gateways", "key", "prv_1"},
		{"providers", "headers", "prv_1"},
		{"providers", "key", "prv_2"},
		{"providers", "key", ""},
		{"providersk", "ey", "prv_1"},
		{"providers", "keyprv", "_1"},
		{"", "", ""},
	} {
		plain, err := r.Open(sealed, place[0], place[1], place[2])
		if plain != nil || !errors.Is(err, ErrWrongPlace) {
			t.Errorf("%v: %q, %v; want ErrWrongPlace", place, plain, err)
		}
	}
}

func TestOpenRefusesWhatWasChanged(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	sealed := r.Seal([]byte("secret"), "t", "c", "r")
	for i := range sealed {
		changed := []byte(sealed)
		if changed[i]++; changed[i] == '.' {
			changed[i]++
		}
		if plain, err := r.Open(string(changed), "t", "c", "r"); err == nil {
			t.Errorf("byte %d changed: opens as %q", i, plain)
		}
	}
	for cut := range len(sealed) {
		if plain, err := r.Open(sealed[:cut], "t", "c", "r"); err == nil {
			t.Errorf("cut at %d: opens as %q", cut, plain)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	before, after := setup(t)
	id := before.Fingerprint()
	for name, c := range map[string]struct {
		sealed string
		want   error
	}{
		"empty":            {"", ErrNotSealed},
		"plain text":       {"hunter2", ErrNotSealed},
		"version only":     {"v1", ErrNotSealed},
		"no value":         {"v1." + id, ErrNotSealed},
		"other version":    {"v2." + id + ".AAAA", ErrNotSealed},
		"not base64":       {"v1." + id + ".?", ErrNotSealed},
		"too short":        {"v1." + id + ".AAAA", ErrWrongPlace},
		"empty value":      {"v1." + id + ".", ErrWrongPlace},
		"of a later key":   {after.Seal([]byte("x"), "t", "c", "r"), ErrUnknownKey},
		"of no key at all": {"v1..AAAA", ErrUnknownKey},
	} {
		_, err := before.Open(c.sealed, "t", "c", "r")
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
			continue
		}
		if c.sealed != "" && strings.Contains(err.Error(), c.sealed) {
			t.Errorf("%s: the error repeats the value", name)
		}
	}
}

func TestTheOldKeyOpensAndTheCurrentOneSeals(t *testing.T) {
	t.Parallel()
	before, after := setup(t)
	sealed := before.Seal([]byte("secret"), "t", "c", "r")
	plain, err := after.Open(sealed, "t", "c", "r")
	if err != nil || string(plain) != "secret" {
		t.Fatalf("Open = %q, %v", plain, err)
	}
	if !after.Stale(sealed) || before.Stale(sealed) {
		t.Error("Stale does not tell old from current")
	}
	anew := after.Seal(plain, "t", "c", "r")
	if after.Stale(anew) {
		t.Error("sealed anew under the old key")
	}
	if _, err := before.Open(anew, "t", "c", "r"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("the old key opens what the new one sealed: %v", err)
	}
}

package secret

import (
	"slices"
	"strings"
	"testing"
)

// setup returns a ring of one key, and the ring after that key became the old one.
func setup(t *testing.T) (before, after *Ring) {
	t.Helper()
	first, second := counted(0x00), counted(0x80)
	before, err := NewRing(first, nil)
	if err != nil {
		t.Fatal(err)
	}
	after, err = NewRing(second, &first)
	if err != nil {
		t.Fatal(err)
	}
	return before, after
}

// What is stored must be recognised by every later release: these values were
// computed with another program (Python's hmac and cryptography).
func TestStoredFormsNeverChange(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	const apiKey = "np_live_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1fIRFH"
	for name, c := range map[string]struct{ got, want string }{
		"fingerprint": {r.Fingerprint(), "dd630a267d515202"},
		"check":       {r.Check(), "dd630a267d515202.5b65c4e86119ed29b47b7cd9745ac5aa"},
		"API key":     {r.HashAPIKey(apiKey)[0], "c5e48d9cec09229ade89229fde2ca37d913064b1ce0fe04f5c97c31d447549a1"},
		"token":       {r.HashToken("token"), "510ec02375fc8aadd5374735f79bbd9c7542d21806cbc5cc9a644ac008f2246e"},
	} {
		if c.got != c.want {
			t.Errorf("%s = %s, want %s", name, c.got, c.want)
		}
	}
	const sealed = "v1.dd630a267d515202.AAECAwQFBgcICQoLCfZp7U4n/I1sVL5jDyAYe2lAK5o4XEixgJAC5w"
	plain, err := r.Open(sealed, "providers", "key", "prv_1")
	if err != nil || string(plain) != "provider key" {
		t.Errorf("Open = %q, %v", plain, err)
	}
}

func TestAnAPIKeyCostsOneHMACOrTwoWhileThereIsAnOldSecret(t *testing.T) {
	t.Parallel()
	before, after := setup(t)
	for _, value := range []string{"", "np_live_x", strings.Repeat("x", 4096)} {
		one, two := before.APIKeyHashes(), after.APIKeyHashes()
		old, both := before.HashAPIKey(value), after.HashAPIKey(value)
		if before.APIKeyHashes() != one+1 || after.APIKeyHashes() != two+2 {
			t.Errorf("a value of %d bytes: %d and %d more HMACs, want 1 and 2", len(value),
				before.APIKeyHashes()-one, after.APIKeyHashes()-two)
		}
		if len(old) != 1 || len(both) != 2 || both[1] != old[0] || both[0] == old[0] {
			t.Errorf("hashes %v, then %v; want the current one first, the old one second", old, both)
		}
	}
	before.HashToken("t")
	before.TokenHashes("t")
	if before.APIKeyHashes() != 3 {
		t.Error("tokens are counted as API keys")
	}
}

func TestHashesDifferByPurposeAndValue(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	all := []string{r.HashAPIKey("a")[0], r.HashAPIKey("b")[0], r.HashAPIKey("")[0], r.HashToken("a"), r.HashToken("b")}
	slices.Sort(all)
	if len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("two hashes are equal: %v", all)
	}
}

func TestTokensOfTheOldKeyAreRecognised(t *testing.T) {
	t.Parallel()
	before, after := setup(t)
	stored := before.HashToken("token")
	if after.HashToken("token") == stored {
		t.Error("new tokens are stored under the old key")
	}
	if got := after.TokenHashes("token"); len(got) != 2 || got[0] != after.HashToken("token") || got[1] != stored {
		t.Errorf("TokenHashes = %v", got)
	}
}

func TestCheckKnowsItsOwnKeyAndTheOldOne(t *testing.T) {
	t.Parallel()
	before, after := setup(t)
	for name, c := range map[string]struct {
		ring  *Ring
		check string
		want  bool
	}{
		"own":              {before, before.Check(), true},
		"old":              {after, before.Check(), true},
		"new":              {after, after.Check(), true},
		"of a later key":   {before, after.Check(), false},
		"empty":            {before, "", false},
		"fingerprint":      {before, before.Fingerprint(), false},
		"other check part": {before, before.Fingerprint() + after.Check()[len(after.Fingerprint()):], false},
	} {
		if got := c.ring.Matches(c.check); got != c.want {
			t.Errorf("%s: Matches = %v", name, got)
		}
	}
	if CheckFingerprint(after.Check()) != after.Fingerprint() || CheckFingerprint("") != "" {
		t.Error("a check does not name its key")
	}
	if !after.Has(after.Fingerprint()) || !after.Has(before.Fingerprint()) || before.Has(after.Fingerprint()) || before.Has("") {
		t.Error("a ring does not know which keys it has")
	}
}

func TestARingRefusesAnOldKeyThatIsTheCurrentOne(t *testing.T) {
	t.Parallel()
	k, same := counted(7), counted(7)
	if _, err := NewRing(k, &same); err == nil {
		t.Error("accepted")
	}
	r, err := NewRing(k, &Key{})
	if err != nil || len(r.HashAPIKey("x")) != 1 {
		t.Errorf("the zero Key counts as an old key: %v", err)
	}
}

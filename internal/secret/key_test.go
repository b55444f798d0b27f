package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// counted returns the key whose bytes count up from first.
func counted(first byte) Key {
	var raw [Size]byte
	for i := range raw {
		raw[i] = first + byte(i)
	}
	return FromBytes(raw)
}

func TestParseWantsExactly32Bytes(t *testing.T) {
	t.Parallel()
	encode := func(n int) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, n)) }
	if k, err := Parse(encode(Size)); err != nil || k.Reveal() != encode(Size) {
		t.Errorf("32 bytes: %v", err)
	}
	for name, in := range map[string]string{
		"empty":               "",
		"31 bytes":            encode(31),
		"33 bytes":            encode(33),
		"64 bytes":            encode(64),
		"hex":                 strings.Repeat("fb", 32),
		"URL alphabet":        strings.ReplaceAll(encode(Size), "+", "-"),
		"no padding":          strings.TrimRight(encode(Size), "="),
		"quoted":              `"` + encode(Size) + `"`,
		"bits in the padding": encode(Size)[:42] + "t=",
		"passphrase":          "correct horse battery staple",
	} {
		_, err := Parse(in)
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
			continue
		}
		if in != "" && strings.Contains(err.Error(), in) {
			t.Errorf("%s: the error repeats the value", name)
		}
	}
}

func TestGenerateNeverRepeats(t *testing.T) {
	t.Parallel()
	one, two := Generate(), Generate()
	if one.Reveal() == two.Reveal() {
		t.Error("two keys are equal")
	}
}

// holder has the key where fmt can't call the key's methods.
type holder struct {
	key  Key
	ring *Ring
}

func TestNothingPrintsTheKey(t *testing.T) {
	t.Parallel()
	k := counted(0xa0)
	old := counted(0x10)
	r, err := NewRing(k, &old)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	values := []any{k, &k, r, holder{k, r}, &holder{k, r}, []Key{k}, map[string]any{"k": k, "r": r}, struct{ K Key }{k}}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%t"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Errorf("json of %T: %v", v, err)
		}
		out.Write(text)
		for _, log := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(log).Info("started", slog.Any("value", v))
		}
	}
	fmt.Fprint(&out, errors.Join(fmt.Errorf("key %v ring %v", k, r)))
	current, previous := k.bytes(), old.bytes()
	for name, raw := range map[string][]byte{
		"current": current[:], "old": previous[:],
		"apikey": r.current.apiKey, "token": r.current.token, "old apikey": r.old.apiKey,
	} {
		for form, secret := range forms(raw) {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s is printed as %s", name, form)
			}
		}
	}
}

// forms spells the beginning of a secret in the ways that Go prints bytes.
func forms(raw []byte) map[string]string {
	head := raw[:6]
	return map[string]string{
		"base64":   base64.RawStdEncoding.EncodeToString(head),
		"hex":      hex.EncodeToString(head),
		"HEX":      strings.ToUpper(hex.EncodeToString(head)),
		"Go":       strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", head), "[]byte{"), "}"),
		"raw":      string(head),
		"quoted":   strings.Trim(fmt.Sprintf("%q", head), `"`),
		"decimals": strings.Trim(fmt.Sprintf("%d", head), "[]"),
	}
}

func TestTheZeroKeyIsNone(t *testing.T) {
	t.Parallel()
	if _, err := NewRing(Key{}, nil); err == nil {
		t.Error("a ring without a key")
	}
	if s := fmt.Sprint(Key{}, (*Ring)(nil)); strings.Contains(s, "PANIC") {
		t.Error(s)
	}
	if (Key{}).Reveal() != "" {
		t.Error("the zero key reveals something")
	}
}

// Package secret owns the panel's own key: it reads or makes the key, hashes
// what is only ever compared, and seals what must be read again.
//
// It knows no database: its callers store what it returns. Nothing that it
// returns or prints tells the key, except Key.Reveal.
package secret

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
)

// Size is the number of bytes of a key.
const Size = 32

// ErrMalformed answers a text that is not a key. It never repeats the text.
var ErrMalformed = errors.New("the secret key must be the base64 form of exactly 32 bytes: `openssl rand -base64 32` makes one")

// Key is the panel's secret key: everything that is sealed or hashed depends on
// it. The zero Key is none.
type Key struct {
	// A function, because fmt can't call our methods on a field that is not
	// exported, and would print bytes held there, behind a pointer too.
	bytes func() [Size]byte
}

// FromBytes returns the key of these bytes.
func FromBytes(raw [Size]byte) Key { return Key{bytes: func() [Size]byte { return raw }} }

// Generate returns a fresh random key.
func Generate() Key {
	var raw [Size]byte
	_, _ = rand.Read(raw[:]) // never fails: the runtime stops the program instead
	return FromBytes(raw)
}

// Parse reads the standard base64 of exactly 32 bytes, or returns ErrMalformed.
func Parse(base64Std string) (Key, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(base64Std)
	if err != nil || len(raw) != Size {
		return Key{}, ErrMalformed
	}
	return FromBytes([Size]byte(raw)), nil
}

// Reveal returns the key in the form that Parse reads. It is for the key's file
// and for showing a new key on the command line, once.
func (k Key) Reveal() string {
	if k.bytes == nil {
		return ""
	}
	raw := k.bytes()
	return base64.StdEncoding.EncodeToString(raw[:])
}

// redacted stands for a key wherever one is printed.
const redacted = "secret.Key(redacted)"

// String hides the key.
func (k Key) String() string { return redacted }

// GoString hides the key.
func (k Key) GoString() string { return redacted }

// Format hides the key from every verb.
func (k Key) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// LogValue hides the key.
func (k Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the key, from JSON too.
func (k Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

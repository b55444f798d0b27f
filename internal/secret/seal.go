package secret

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// sealVersion begins every sealed value.
const sealVersion = "v1"

// Errors of Open.
var (
	// ErrNotSealed answers a text that is no sealed value.
	ErrNotSealed = errors.New("not a sealed value")
	// ErrWrongPlace answers a value that was changed, or that was sealed for
	// another table, column or row.
	ErrWrongPlace = errors.New("the sealed value was changed or belongs elsewhere")
	// ErrUnknownKey answers a value sealed under a key that is not in the ring.
	ErrUnknownKey = errors.New("sealed under another secret key")
)

// Seal encrypts plain under the current key for one place in the database. Only
// Open with the same place reads it again. It prints as "v1.<key>.<base64>".
func (r *Ring) Seal(plain []byte, table, column, row string) string {
	box := r.current.seal.Seal(nil, nil, plain, place(table, column, row)) //nolint:gosec // the AEAD makes the nonce itself, at random
	return sealVersion + "." + r.current.id + "." + sealedText().EncodeToString(box)
}

// Open decrypts what Seal made under the current key or the old one. Its errors
// never hold anything of the value.
func (r *Ring) Open(sealed, table, column, row string) ([]byte, error) {
	version, rest, _ := strings.Cut(sealed, ".")
	keyID, text, found := strings.Cut(rest, ".")
	box, err := sealedText().DecodeString(text)
	if version != sealVersion || !found || err != nil {
		return nil, fmt.Errorf("%s.%s: %w", table, column, ErrNotSealed)
	}
	for _, d := range r.keys() {
		if d.id != keyID {
			continue
		}
		plain, err := d.seal.Open(nil, nil, box, place(table, column, row))
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", table, column, ErrWrongPlace)
		}
		return plain, nil
	}
	return nil, fmt.Errorf("%s.%s: %w", table, column, ErrUnknownKey)
}

// Stale reports whether sealed was made under another key than the current one
// and so is to be sealed anew.
func (r *Ring) Stale(sealed string) bool {
	return !strings.HasPrefix(sealed, sealVersion+"."+r.current.id+".")
}

func sealedText() *base64.Encoding { return base64.RawStdEncoding.Strict() }

// place spells table, column and row so that no two places spell alike: each
// part follows its length.
func place(parts ...string) []byte {
	var out []byte
	for _, p := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(p))) //nolint:gosec // names and ids are short
		out = append(out, p...)
	}
	return out
}

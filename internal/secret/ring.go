package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
)

// Ring hashes and seals under the current key, and still recognises and opens
// what was made under the old one.
type Ring struct {
	current, old *derived // old: nil without an old key
	apiKeyHashes atomic.Int64
}

// NewRing returns the ring of a current key and, while everything is sealed
// anew, the old one. Nil or the zero Key is no old key.
func NewRing(current Key, old *Key) (*Ring, error) {
	if current.bytes == nil {
		return nil, errors.New("there is no secret key")
	}
	r := &Ring{}
	var err error
	if r.current, err = derive(current.bytes()); err != nil {
		return nil, err
	}
	if old == nil || old.bytes == nil {
		return r, nil
	}
	if old.bytes() == current.bytes() {
		return nil, errors.New("the old secret key is the same as the current one")
	}
	if r.old, err = derive(old.bytes()); err != nil {
		return nil, err
	}
	return r, nil
}

// keys returns the current key and, where there is one, the old.
func (r *Ring) keys() []*derived {
	if r.old == nil {
		return []*derived{r.current}
	}
	return []*derived{r.current, r.old}
}

// Fingerprint names the current key in messages, logs and backups. It is public.
func (r *Ring) Fingerprint() string { return r.current.id }

// Check returns what the database stores to recognise the current key by. It is
// public too.
func (r *Ring) Check() string { return r.current.check }

// Matches reports whether check was made by the current key or by the old one.
// A stored check that matches and differs from Check is the old key's, and is to
// be replaced once everything is sealed anew.
func (r *Ring) Matches(check string) bool {
	matches := false
	for _, d := range r.keys() {
		matches = hmac.Equal([]byte(d.check), []byte(check)) || matches
	}
	return matches
}

// Has reports whether the current key or the old one has the fingerprint.
func (r *Ring) Has(fingerprint string) bool {
	return slices.ContainsFunc(r.keys(), func(d *derived) bool { return d.id == fingerprint })
}

// CheckFingerprint returns the fingerprint of the key that made check, for the
// message that names both.
func CheckFingerprint(check string) string {
	fingerprint, _, _ := strings.Cut(check, ".")
	return fingerprint
}

// HashAPIKey returns the hashes under which a value sent as an API key may be
// stored: one, or two while there is an old key. The current one is first.
func (r *Ring) HashAPIKey(value string) []string {
	keys := r.keys()
	hashes := make([]string, len(keys))
	for i, d := range keys {
		r.apiKeyHashes.Add(1)
		hashes[i] = hash(d.apiKey, value)
	}
	return hashes
}

// APIKeyHashes counts the HMACs that HashAPIKey has made: a refused value costs
// one, or two while there is an old key, whatever is wrong with it.
func (r *Ring) APIKeyHashes() int64 { return r.apiKeyHashes.Load() }

// HashToken returns the hash under which a session or mailed token is stored.
func (r *Ring) HashToken(value string) string { return hash(r.current.token, value) }

// TokenHashes returns the hashes under which a token that comes in may be
// stored, the current key's first.
func (r *Ring) TokenHashes(value string) []string {
	keys := r.keys()
	hashes := make([]string, len(keys))
	for i, d := range keys {
		hashes[i] = hash(d.token, value)
	}
	return hashes
}

func hash(key []byte, value string) string {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(value)) // a hash never fails
	return hex.EncodeToString(h.Sum(nil))
}

// String names the current key by its fingerprint and hides the rest.
func (r *Ring) String() string {
	if r == nil {
		return "secret.Ring(none)"
	}
	return "secret.Ring(" + r.Fingerprint() + ")"
}

// GoString is String.
func (r *Ring) GoString() string { return r.String() }

// Format prints String for every verb.
func (r *Ring) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(r.String())) }

// LogValue is String.
func (r *Ring) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalText is String, for JSON too.
func (r *Ring) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

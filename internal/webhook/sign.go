package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	table        = "webhook_endpoints"
	secretPrefix = "whsec_"
	secretSize   = 32
)

// NewSecret returns a fresh secret: whsec_ and 32 random bytes in base64.
func NewSecret() string {
	raw := make([]byte, secretSize)
	_, _ = rand.Read(raw) // it never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(raw)
}

// secretBytes are what signatures are made with.
func secretBytes(value string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(value, secretPrefix))
	if err != nil || len(raw) != secretSize {
		return nil, fmt.Errorf("a webhook secret is %s and base64 of %d bytes", secretPrefix, secretSize)
	}
	return raw, nil
}

func (s *Store) seal(endpointID, value string) string {
	return s.ring.Seal([]byte(value), table, "secret", endpointID)
}

func (s *Store) open(endpointID, column, sealed string) (string, error) {
	plain, err := s.ring.Open(sealed, table, column, endpointID)
	if err != nil {
		return "", fmt.Errorf("secret of %s: %w", endpointID, err)
	}
	return string(plain), nil
}

// secrets are those that sign a delivery of now, the newest first.
func (s *Store) secrets(e *Endpoint, now time.Time) (keys [][]byte, err error) {
	sealed := []struct{ column, value string }{{"secret", e.sealed}}
	if e.sealedBefore != "" && now.Before(e.PreviousUntil) {
		sealed = append(sealed, struct{ column, value string }{"previous_secret", e.sealedBefore})
	}
	for _, one := range sealed {
		value, err := s.open(e.ID, one.column, one.value)
		if err != nil {
			return nil, err
		}
		raw, err := secretBytes(value)
		if err != nil {
			return nil, err
		}
		keys = append(keys, raw)
	}
	return keys, nil
}

// sign sets the headers of an attempt: ours and those of Standard Webhooks, both
// made with every key.
func sign(h http.Header, keys [][]byte, eventID string, at time.Time, body []byte) {
	seconds := strconv.FormatInt(at.Unix(), 10)
	own, standard := []string{"t=" + seconds}, make([]string, len(keys))
	for i, key := range keys {
		own = append(own, "v1="+hex.EncodeToString(mac(key, seconds, string(body))))
		standard[i] = "v1," + base64.StdEncoding.EncodeToString(mac(key, eventID, seconds, string(body)))
	}
	h.Set("X-NotPanel-Signature", strings.Join(own, ","))
	h.Set("Webhook-Id", eventID)
	h.Set("Webhook-Timestamp", seconds)
	h.Set("Webhook-Signature", strings.Join(standard, " "))
}

// mac signs parts with dots between them.
func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(strings.Join(parts, "."))) // it never fails
	return h.Sum(nil)
}

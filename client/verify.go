package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Why a delivery is refused, for [errors.Is].
var (
	// ErrBadSecret: a text is no secret of a webhook: it was cut off or mistyped.
	ErrBadSecret = errors.New("notpanel: a webhook's secret is whsec_ and 44 characters of base64")
	// ErrNoSignature: a header is missing or is none that the panel writes.
	ErrNoSignature = errors.New("notpanel: the delivery has no signature")
	// ErrBadSignature: it was signed with another secret, or changed on its way.
	ErrBadSignature = errors.New("notpanel: the delivery's signature is not right")
	// ErrBadTime: it is rightly signed, but too old, or ahead of this machine's clock.
	ErrBadTime = errors.New("notpanel: the delivery's time is too far off")
	// ErrBadEvent: it is rightly signed, but its body can't be read.
	ErrBadEvent = errors.New("notpanel: the delivery's body can't be read")
)

// What holds of verification unless an option says otherwise.
const (
	DefaultTolerance = 5 * time.Minute
	// maxDelivery bounds the body of a delivery that VerifyRequest reads, in bytes.
	maxDelivery = 1 << 20
)

const (
	secretPrefix = "whsec_"
	secretBytes  = 32
)

// Verifier tells the panel's deliveries from those of others. It may be used by many
// goroutines at once. Its secrets are in no error, and in nothing that printing it shows.
type Verifier struct {
	secrets   func() [][]byte // a function, so that no dump of the struct shows them
	tolerance time.Duration
	clock     func() time.Time
}

// VerifierOption changes how a [Verifier] works.
type VerifierOption func(*Verifier)

// WithTolerance sets how far the time of a delivery may be off, either way; usually it
// is [DefaultTolerance]. The time is that of the attempt, so late repeats are in time.
func WithTolerance(d time.Duration) VerifierOption {
	return func(v *Verifier) { v.tolerance = d }
}

// WithClock sets where the time of now comes from, for tests.
func WithClock(now func() time.Time) VerifierOption {
	return func(v *Verifier) { v.clock = now }
}

// NewVerifier returns a verifier for the secrets of endpoints, each as
// [Webhooks.Add] or [Webhooks.Rotate] gave it. One that matches is enough: while a
// rotation lasts, give both, or the new one as soon as you have it.
func NewVerifier(secrets []string, options ...VerifierOption) (*Verifier, error) {
	var keys [][]byte
	for _, s := range secrets {
		key, err := secretKey(s)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, ErrBadSecret
	}
	v := &Verifier{secrets: func() [][]byte { return keys }, tolerance: DefaultTolerance, clock: now}
	for _, option := range options {
		option(v)
	}
	return v, nil
}

func secretKey(secret string) ([]byte, error) {
	text, prefixed := strings.CutPrefix(strings.TrimSpace(secret), secretPrefix)
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || !prefixed || len(key) != secretBytes {
		return nil, ErrBadSecret
	}
	return key, nil
}

// VerifyRequest reads the body of a request, at most 1 MiB, verifies it and returns
// what it tells. Nothing may have read the body before. Answer with a status of 2xx
// within 10 seconds, or the delivery comes again.
func (v *Verifier) VerifyRequest(r *http.Request) (Event, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxDelivery+1))
	if err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrBadEvent, err)
	}
	if len(body) > maxDelivery {
		return Event{}, fmt.Errorf("%w: it has more than %d bytes", ErrBadEvent, maxDelivery)
	}
	return v.Verify(body, r.Header)
}

// Verify verifies a delivery and returns what it tells. body must be the bytes as they
// came: JSON that was read and written anew is other bytes. The signature is Standard
// Webhooks' where the delivery has one, else X-NotPanel-Signature.
//
// The errors are [ErrNoSignature], [ErrBadSignature], [ErrBadTime] and [ErrBadEvent].
func (v *Verifier) Verify(body []byte, header http.Header) (Event, error) {
	s, err := readSignatures(header)
	if err != nil {
		return Event{}, err
	}
	if !v.matches(s, body) {
		return Event{}, ErrBadSignature
	}
	seconds, err := strconv.ParseInt(s.time, 10, 64)
	if err != nil {
		return Event{}, fmt.Errorf("%w: its time is no number", ErrNoSignature)
	}
	if off := v.clock().Sub(time.Unix(seconds, 0)).Abs(); off > v.tolerance {
		return Event{}, fmt.Errorf("%w, by %v", ErrBadTime, off.Round(time.Second))
	}
	return parseEvent(body)
}

// matches reports whether one of the secrets made one of the signatures. All of them
// are looked at, so that the time it takes tells nothing.
func (v *Verifier) matches(s signatures, body []byte) bool {
	found := false
	for _, secret := range v.secrets() {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(s.prefix))
		mac.Write(body)
		sum := mac.Sum(nil)
		for _, signature := range s.all {
			found = hmac.Equal(signature, sum) || found
		}
	}
	return found
}

// signatures are what the headers of a delivery say of its origin.
type signatures struct {
	time   string   // in Unix seconds, as it was signed
	prefix string   // what was signed before the body
	all    [][]byte // two while a rotation lasts
}

func readSignatures(header http.Header) (signatures, error) {
	var s signatures
	if standard := header.Get("Webhook-Signature"); standard != "" {
		s = standardSignatures(header.Get("Webhook-Id"), header.Get("Webhook-Timestamp"), standard)
	} else if own := header.Get("X-NotPanel-Signature"); own != "" {
		s = ownSignatures(own)
	}
	if s.time == "" || len(s.all) == 0 {
		return signatures{}, ErrNoSignature
	}
	return s, nil
}

// standardSignatures reads those of Standard Webhooks: v1,<base64> v1,<base64>.
// Versions that are not known are passed over.
func standardSignatures(id, at, text string) signatures {
	if id == "" || at == "" {
		return signatures{}
	}
	s := signatures{time: at, prefix: id + "." + at + "."}
	for one := range strings.FieldsSeq(text) {
		if encoded, known := strings.CutPrefix(one, "v1,"); known {
			signature, _ := base64.StdEncoding.DecodeString(encoded) // what is malformed matches nothing
			s.all = append(s.all, signature)
		}
	}
	return s
}

// ownSignatures reads X-NotPanel-Signature: t=<Unix seconds>,v1=<hex>,v1=<hex>.
func ownSignatures(text string) signatures {
	var s signatures
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case name == "t" && s.time != "" && s.time != value:
			return signatures{} // two times: which was signed?
		case name == "t":
			s.time = value
		case name == "v1":
			signature, _ := hex.DecodeString(value) // what is malformed matches nothing
			s.all = append(s.all, signature)
		}
	}
	s.prefix = s.time + "."
	return s
}

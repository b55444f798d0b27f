// Package webhooktest is a reseller's server that takes deliveries, as tests want
// it: slow, failing, dead or well.
package webhooktest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Got is a request that arrived.
type Got struct {
	Header http.Header
	Body   string
	Event  Event
}

// Event is what a delivery's body says.
type Event struct {
	ID       string         `json:"id"`
	Type     string         `json:"type"`
	Created  string         `json:"created_at"`
	Sequence int64          `json:"sequence"`
	Data     map[string]any `json:"data"`
}

// Receiver is a server for deliveries.
type Receiver struct {
	URL string

	server *httptest.Server
	mu     sync.Mutex
	got    []Got
	more   chan struct{}
	answer http.HandlerFunc
}

// New starts a receiver that answers 200.
func New(t testing.TB) *Receiver {
	t.Helper()
	return At(t, "127.0.0.1:0")
}

// At starts a receiver on an address of this machine, for those that are dead until
// then, and for many that are not to be taken for one server.
func At(t testing.TB, address string) *Receiver {
	t.Helper()
	var c net.ListenConfig
	l, err := c.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r := &Receiver{more: make(chan struct{}, 1)}
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	_ = r.server.Listener.Close()
	r.server.Listener = l
	r.server.Start()
	r.URL = r.server.URL + "/hook"
	t.Cleanup(r.Close)
	return r
}

// Close ends the receiver: connections are refused from then on.
func (r *Receiver) Close() { r.server.Close() }

// Answer sets what comes after a delivery was noted; nil is 200.
func (r *Receiver) Answer(h http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = h
}

// Status lets every delivery be answered with a status.
func (r *Receiver) Status(code int) {
	r.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
}

func (r *Receiver) serve(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	g := Got{Header: q.Header, Body: string(body)}
	_ = json.Unmarshal(body, &g.Event) // what is no JSON shows in Body
	r.mu.Lock()
	r.got = append(r.got, g)
	answer := r.answer
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
	if answer != nil {
		answer(w, q)
	}
}

// All returns what has arrived, in that order.
func (r *Receiver) All() []Got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Got(nil), r.got...)
}

// Wait returns what has arrived once there are n, and fails the test if that takes
// longer than a test should.
func (r *Receiver) Wait(t testing.TB, n int) []Got {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		if all := r.All(); len(all) >= n {
			return all
		}
		select {
		case <-r.more:
		case <-ctx.Done():
			t.Fatalf("%d deliveries arrived, want %d", len(r.All()), n)
		}
	}
}

// Errors of Verify.
var (
	ErrSignature = errors.New("no signature fits")
	ErrSecret    = errors.New("no secret of webhooks")
)

// Verify checks both signatures of a delivery with a secret, each by itself.
func (g Got) Verify(secret string) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSecret, err)
	}
	at, own, _ := strings.Cut(strings.TrimPrefix(g.Header.Get("X-NotPanel-Signature"), "t="), ",")
	if at != g.Header.Get("Webhook-Timestamp") {
		return fmt.Errorf("%w: two times", ErrSignature)
	}
	want := "v1=" + hex.EncodeToString(sum(key, at+"."+g.Body))
	standard := "v1," + base64.StdEncoding.EncodeToString(sum(key, g.Header.Get("Webhook-Id")+"."+at+"."+g.Body))
	if !oneOf(own, ",", want) || !oneOf(g.Header.Get("Webhook-Signature"), " ", standard) {
		return ErrSignature
	}
	return nil
}

// Signatures is how many signatures the delivery has.
func (g Got) Signatures() int { return len(strings.Fields(g.Header.Get("Webhook-Signature"))) }

func oneOf(list, between, want string) bool {
	for one := range strings.SplitSeq(list, between) {
		if hmac.Equal([]byte(one), []byte(want)) {
			return true
		}
	}
	return false
}

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = io.WriteString(h, text) // it never fails
	return h.Sum(nil)
}

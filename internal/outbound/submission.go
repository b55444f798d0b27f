package outbound

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

// Errors of a submission's client. Nothing was sent where they appear.
var (
	// ErrTooLate answers a call whose first byte would have left too late.
	ErrTooLate = errors.New("too late to send")
	// ErrSpent answers a second call on one submission.
	ErrSpent = errors.New("a submission is one call")
	// ErrUnasked answers a server that spoke before it was asked.
	ErrUnasked = errors.New("the server answered before the request was sent")
)

// Submission watches one call that must not be made twice: whether a byte of it
// went out, and that none goes out late.
type Submission struct {
	now    clock.Clock
	start  time.Time
	within time.Duration

	mu     sync.Mutex
	begun  bool
	sender *gatedConn // the one connection that was let through
	shut   bool       // nothing goes out unless it has begun to
}

// NewSubmission returns the watch of a call that was recorded at start. Start
// comes from the clock, with its monotonic reading, and was taken before the
// transaction that recorded the submission began: the first byte leaves within
// that long of it or not at all.
func NewSubmission(now clock.Clock, start time.Time, within time.Duration) *Submission {
	return &Submission{now: now, start: start, within: within}
}

// Sent reports whether a byte of the request may have left, TLS handshakes aside.
// Once the client's call has returned, the answer is final.
func (s *Submission) Sent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sender != nil
}

// begin reports whether this is the first call.
func (s *Submission) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.begun
	s.begun = true
	return first
}

// pass lets one connection through and notes that, or says why not.
func (s *Submission) pass(c *gatedConn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.sender == c:
		return nil
	case s.sender != nil:
		return ErrSpent
	case s.shut || s.late():
		s.shut = true
		return ErrTooLate
	}
	s.sender = c
	return nil
}

// end shuts the gate: a call of which no byte has left by now never sends one. It
// reports whether one has.
func (s *Submission) end() (sent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
	return s.sender != nil
}

// late compares both clocks. The monotonic one may stand still while the machine
// sleeps; the wall clock may be set. Either is reason enough not to send.
func (s *Submission) late() bool {
	now := s.now()
	return outside(now.Sub(s.start), now.Round(0).Sub(s.start.Round(0)), s.within)
}

// outside decides for an elapsed time on each clock. A wall clock that was set
// far back says nothing about the time that passed.
func outside(monotonic, wall, within time.Duration) bool {
	return monotonic > within || wall > within || wall < -within
}

// SubmissionClient returns the client of one call: a connection of its own over
// HTTP/1.1 that is not kept, no redirects, no compression. The request is sent at
// most once, whatever happens to it.
func (g *Guard) SubmissionClient(s *Submission, timeout time.Duration) *http.Client {
	t := g.Transport()
	t.DisableKeepAlives = true
	t.DisableCompression = true
	t.DialContext = s.gated(g.DialPlain)
	t.DialTLSContext = s.gated(g.DialTLS)
	return &http.Client{Transport: &once{submission: s, base: &unswitched{t}}, CheckRedirect: noRedirect, Timeout: timeout}
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// gated puts the gate on what dial returns: above TLS, so that a handshake
// doesn't count as sent. A connection that takes longer than the gate is open
// would be of no use.
func (s *Submission) gated(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, s.within)
		defer cancel()
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &gatedConn{Conn: conn, submission: s}, nil
	}
}

// gatedConn asks the submission before its first Write. It must offer no other
// way to write, such as ReadFrom: net/http would take it.
type gatedConn struct {
	net.Conn

	submission *Submission
}

// Write sends p if the submission lets it out.
func (c *gatedConn) Write(p []byte) (int, error) {
	if err := c.submission.pass(c); err != nil {
		return 0, err
	}
	return c.Conn.Write(p) //nolint:wrapcheck // net/http compares errors of connections
}

// once makes the one call of a submission.
type once struct {
	submission *Submission
	base       http.RoundTripper
}

// RoundTrip sends the request at most once. When it returns, whether the request
// was sent is decided: a time-out may come between the connection and the first
// byte, and the byte must not follow it.
func (o *once) RoundTrip(r *http.Request) (*http.Response, error) {
	if !o.submission.begin() {
		closeBody(r)
		return nil, ErrSpent
	}
	response, err := o.base.RoundTrip(unrepeatable(r))
	sent := o.submission.end()
	if err == nil && !sent {
		_ = response.Body.Close()
		return nil, ErrUnasked
	}
	return response, err //nolint:wrapcheck // http.Client looks at the error
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// unrepeatable returns r without what makes net/http send a request again.
func unrepeatable(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.GetBody = nil
	r.Header.Del("Idempotency-Key")
	r.Header.Del("X-Idempotency-Key")
	r.Header.Del("Expect") // nothing is left half sent
	return r
}

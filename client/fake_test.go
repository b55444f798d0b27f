package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notpanel/notpanel/client"
)

// The vector of the form of keys, as the panel documents it, and a test key.
const (
	liveKey = "np_live_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1fIRFH"
	testKey = "np_test_PlayFEeNU9s72tX2bhHtXHLZaIaTH9DQOZ7BTrMnTfZ0slyXM"
)

// fake is a panel that answers what a test wants. Its connections are pipes, so that
// inside a bubble of synctest time goes on by itself while all wait.
type fake struct {
	answers []http.HandlerFunc // one a request, the last for all that follow

	mu     sync.Mutex
	asked  []asked
	dialed int
	// refuse says of each connection, counted from 1, whether it can't be made.
	refuse func(n int) bool
}

// asked is a request as it came over the wire.
type asked struct {
	at     time.Time
	method string
	path   string
	header http.Header
	form   url.Values
}

// pipes is a listener and a dialer over net.Pipe.
type pipes struct {
	fake   *fake
	server chan net.Conn
	done   chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.server:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	p.fake.mu.Lock()
	p.fake.dialed++
	refused := p.fake.refuse != nil && p.fake.refuse(p.fake.dialed)
	p.fake.mu.Unlock()
	if refused {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	select {
	case p.server <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inBubble runs a test with a client of a fake panel, in fake time.
func inBubble(t *testing.T, f *fake, options []client.Option, test func(t *testing.T, c *client.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{fake: f, server: make(chan net.Conn), done: make(chan struct{})}
		server := &http.Server{Handler: f, ReadHeaderTimeout: time.Hour}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = server.Serve(p)
		}()
		transport := &http.Transport{DialContext: p.dial, MaxIdleConnsPerHost: 4}
		c, err := client.New(liveKey, "http://127.0.0.1/", append([]client.Option{client.WithHTTPClient(&http.Client{Transport: transport})}, options...)...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			transport.CloseIdleConnections()
			_ = server.Close()
			<-ended
		}()
		test(t, c)
	})
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	f.mu.Lock()
	f.asked = append(f.asked, asked{time.Now(), r.Method, r.URL.String(), r.Header, form})
	answer := f.answers[min(len(f.asked), len(f.answers))-1]
	f.mu.Unlock()
	answer(w, r)
}

// requests are those that came so far.
func (f *fake) requests() []asked {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// one is the only request that came.
func (f *fake) one(t *testing.T) asked {
	t.Helper()
	all := f.requests()
	if len(all) != 1 {
		t.Fatalf("%d requests came, not 1", len(all))
	}
	return all[0]
}

// says answers with a status, a body and headers, as name and value.
func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Request-Id", "req_01")
		for i := 0; i < len(headers); i += 2 {
			w.Header()[headers[i]] = []string{headers[i+1]} // spelled as it is
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// loses carries the request out, and the connection ends before the answer.
func loses(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// hangs never answers.
func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// breaks ends the connection in the middle of the answer.
func breaks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"order":"ord_`)
	panic(http.ErrAbortHandler)
}

const placedBody = `{"order":"ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9","status":"pending","charge":"2.00","currency":"USD"}`

// placed is a good answer to add.
func placed() http.HandlerFunc { return says(http.StatusOK, placedBody) }

// pauses are the times between the requests that came.
func (f *fake) pauses() (all []time.Duration) {
	requests := f.requests()
	for i := 1; i < len(requests); i++ {
		all = append(all, requests[i].at.Sub(requests[i-1].at))
	}
	return all
}

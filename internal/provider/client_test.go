package provider

import (
	"bufio"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/outbound"
)

// upstreamKey is a key that must never be seen anywhere but in a request's body.
const upstreamKey = "canary-7f3a9c1e5b2d8046"

// impatient bounds the calls that a test lets run out; patient ones never do.
const (
	impatient = 1500 * time.Millisecond
	patient   = 30 * time.Second
)

// loopback is the guard of an operator who allows this machine.
func loopback(t *testing.T) *outbound.Guard {
	t.Helper()
	allow, err := outbound.ParseAllow("127.0.0.0/8, ::1")
	if err != nil {
		t.Fatal(err)
	}
	return outbound.NewOperator(allow)
}

func client(t *testing.T, address string, timeout time.Duration) *Client {
	t.Helper()
	return &Client{url: address, key: upstreamKey, guard: loopback(t), timeout: timeout}
}

// watch is a submission that was recorded just now.
func watch() *outbound.Submission {
	return outbound.NewSubmission(clock.System, clock.System(), 5*time.Second)
}

// ordered is the order that the tests send.
var ordered = AddRequest{Service: "101", RequestID: "for-native-only", Fields: []Field{{"link", orderedLink}, {"quantity", "1000"}}}

const orderedLink = "https://example.com/été?a=1&b=2#top"

// secretive fails the test where the key or the address shows.
func secretive(t *testing.T, what string, shown any) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %q", shown, shown, shown)
	for _, secret := range []string{upstreamKey, url.QueryEscape(upstreamKey), "/secret-path"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows %s: %s", what, secret, text)
		}
	}
}

// upstream is a server that reads whole requests and then misbehaves.
type upstream struct {
	address  string
	requests atomic.Int64
	mu       sync.Mutex
	last     url.Values
}

// raw starts an upstream that answers on the bare connection, which is closed
// after reply.
func raw(t *testing.T, reply func(net.Conn)) *upstream {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{address: "http://" + listener.Addr().String() + "/secret-path/api/v2"}
	var served sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		served.Wait()
	})
	served.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer func() { _ = conn.Close() }()
				if u.read(conn) {
					reply(conn)
				}
			})
		}
	})
	return u
}

// read takes one whole request off a connection.
func (u *upstream) read(conn net.Conn) bool {
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return false
	}
	if err := r.ParseForm(); err != nil {
		return false
	}
	u.requests.Add(1)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last = r.PostForm
	return true
}

func says(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, strings.ReplaceAll(text, "\n", "\r\n")) }
}

// A lost answer says in the same few words how it was lost.
func TestAddSaysWhyItIsUnknown(t *testing.T) {
	t.Parallel()
	hang := func(t *testing.T) func(net.Conn) {
		t.Helper()
		return func(net.Conn) { <-t.Context().Done() }
	}
	for name, c := range map[string]struct {
		reply   func(*testing.T) func(net.Conn)
		outcome Outcome
		id      string
		text    string
		timeout time.Duration
	}{
		"killed": {outcome: Unknown, text: "no answer: connection broken", reply: fixed("")},
		"reset": {outcome: Unknown, text: "no answer: connection broken", reply: func(*testing.T) func(net.Conn) {
			return func(c net.Conn) {
				if tcp, ok := c.(*net.TCPConn); ok {
					_ = tcp.SetLinger(0)
				}
			}
		}},
		"body cut short": {outcome: Unknown, id: "77", text: "the answer was cut short", reply: fixed("HTTP/1.1 200 OK\nContent-Length: 500\n\n{\"order\":77}")},
		"never answers":  {outcome: Unknown, text: "no answer: timeout", timeout: impatient, reply: hang},
		"hangs in the body": {outcome: Unknown, id: "77", text: "the answer was cut short", timeout: impatient, reply: func(t *testing.T) func(net.Conn) {
			t.Helper()
			return func(c net.Conn) {
				says("HTTP/1.1 200 OK\nContent-Length: 500\n\n{\"order\":77}")(c)
				<-t.Context().Done()
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := raw(t, c.reply(t))
			if c.timeout == 0 {
				c.timeout = patient
			}
			w := watch()
			got := client(t, u.address, c.timeout).Add(t.Context(), w, ordered)
			if got.Outcome != c.outcome || got.UpstreamID != c.id || (c.text != "" && got.Text != c.text) {
				t.Errorf("%v, id %q, %q", got.Outcome, got.UpstreamID, got.Text)
			}
			if n := u.requests.Load(); n != 1 {
				t.Errorf("the provider saw %d requests", n)
			}
			if !w.Sent() {
				t.Error("it was sent and nobody knows")
			}
			secretive(t, "the answer", got)
		})
	}
}

func fixed(text string) func(*testing.T) func(net.Conn) {
	return func(*testing.T) func(net.Conn) { return says(text) }
}

// A redirect is not followed, wherever it leads and however it says so: the order
// may have been taken before it.
func TestAddFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{300, 301, 302, 303, 305, 307, 308} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			var elsewhere, here atomic.Int64
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				elsewhere.Add(1)
				_, _ = io.WriteString(w, `{"order":77}`)
			}))
			t.Cleanup(other.Close)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				here.Add(1)
				w.Header().Set("Location", other.URL)
				w.WriteHeader(status)
				_, _ = io.WriteString(w, `{"error":"Bad link"}`)
			}))
			t.Cleanup(server.Close)
			c := client(t, server.URL, patient)
			got := c.Add(t.Context(), watch(), ordered)
			if got.Outcome != Unknown || here.Load() != 1 || elsewhere.Load() != 0 {
				t.Errorf("%v, %d requests here and %d elsewhere", got.Outcome, here.Load(), elsewhere.Load())
			}
			if _, err := c.Balance(t.Context()); err == nil {
				t.Error("a redirect is taken for a balance")
			}
			if elsewhere.Load() != 0 {
				t.Error("a read followed the redirect, with the key")
			}
		})
	}
}

// Where no byte could leave the order may be sent again: refused connections,
// failed handshakes, addresses that are not allowed, and calls that come late.
func TestAddNotSent(t *testing.T) {
	t.Parallel()
	plain := httptest.NewUnstartedServer(http.NotFoundHandler())
	plain.Config.ErrorLog = log.New(io.Discard, "", 0)
	plain.Start()
	t.Cleanup(plain.Close)
	unknownTLS := httptest.NewUnstartedServer(http.NotFoundHandler())
	unknownTLS.Config.ErrorLog = log.New(io.Discard, "", 0)
	unknownTLS.StartTLS()
	t.Cleanup(unknownTLS.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	late := outbound.NewSubmission(clock.System, clock.System().Add(-time.Minute), 5*time.Second)
	spent := watch()
	client(t, closed.URL, patient).Add(t.Context(), spent, ordered)
	for name, c := range map[string]struct {
		address string
		guard   *outbound.Guard
		ended   bool
		watch   *outbound.Submission
		text    string
	}{
		"refused":         {address: closed.URL, text: "connection refused"},
		"no TLS there":    {address: strings.Replace(plain.URL, "http:", "https:", 1), text: "TLS"},
		"certificate":     {address: unknownTLS.URL, text: "TLS"},
		"not allowed":     {address: plain.URL, guard: outbound.NewOperator(nil), text: "not allowed"},
		"private network": {address: "http://10.255.255.1/", text: "not allowed"},
		"late":            {address: plain.URL, watch: late, text: "too late"},
		"a second call":   {address: plain.URL, watch: spent},
		"canceled before": {address: plain.URL, ended: true},
		"not an address":  {address: "http://[::1", text: "the request could not be made"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := client(t, c.address, patient)
			if c.guard != nil {
				client.guard = c.guard
			}
			w := watch()
			if c.watch != nil {
				w = c.watch
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.ended {
				cancel()
			}
			got := client.Add(ctx, w, ordered)
			if got.Outcome != NotSent || (c.text != "" && got.Text != c.text) || got.Text == "" {
				t.Errorf("%v, %q", got.Outcome, got.Text)
			}
			if w.Sent() {
				t.Error("it counts as sent")
			}
			secretive(t, "the answer", got)
		})
	}
}

// A server whose certificate is trusted is spoken to; a request carries the order
// and the key in its body and nothing that invites a repeat.
func TestAddRequest(t *testing.T) {
	t.Parallel()
	var got *http.Request
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = r
		_, _ = io.WriteString(w, `{"order":"77"}`)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	allow, err := outbound.ParseAllow("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, server.URL+"/api/v2", patient)
	c.guard = outbound.New(outbound.Policy{Allow: allow, Roots: roots})
	if a := c.Add(t.Context(), watch(), ordered); a.Outcome != Accepted || a.Status != 200 || a.Kept != `{"order":"77"}` {
		t.Fatalf("%+v", a)
	}
	want := url.Values{"key": {upstreamKey}, "action": {"add"}, "service": {"101"}, "link": {orderedLink}, "quantity": {"1000"}}
	if got.PostForm.Encode() != want.Encode() || got.URL.RawQuery != "" || got.Method != http.MethodPost || got.URL.Path != "/api/v2" {
		t.Errorf("%s %s with %v", got.Method, got.URL, got.PostForm)
	}
	if got.ProtoMajor != 1 {
		t.Errorf("HTTP/%d, which repeats by itself", got.ProtoMajor)
	}
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key", "Authorization", "Cookie", "Accept-Encoding", "Expect", "Referer"} {
		if v := got.Header.Get(name); v != "" {
			t.Errorf("%s: %s", name, v)
		}
	}
	if v := got.Header.Get("Content-Type"); v != "application/x-www-form-urlencoded" {
		t.Errorf("Content-Type %s", v)
	}
}

// A server that repeats our key does not get it into what is stored and logged.
func TestKeyIsTakenOutOfAnswers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		switch r.PostForm.Get("action") {
		case "add":
			_, _ = fmt.Fprintf(w, `{"error":"Bad link, key %s","echo":"%[1]s"}`, r.PostForm.Get("key"))
		case "status":
			_, _ = fmt.Fprintf(w, `{"7":{"error":"%s"},"8":{"status":"%[1]s"}}`, r.PostForm.Get("key"))
		default:
			_, _ = fmt.Fprintf(w, `{"error":"Invalid API key %s"}`, r.PostForm.Get("key"))
		}
	}))
	t.Cleanup(server.Close)
	c := client(t, server.URL+"/secret-path", patient)
	added := c.Add(t.Context(), watch(), ordered)
	if added.Outcome != Refused || added.Text != "Bad link, key [key]" || !strings.Contains(added.Kept, `"echo":"[key]"`) {
		t.Errorf("%+v", added)
	}
	secretive(t, "add", added)
	reports, err := c.Status(t.Context(), []string{"7", "8"})
	if err != nil || reports["7"].Err != "[key]" {
		t.Errorf("%+v, %v", reports, err)
	}
	secretive(t, "status", reports)
	_, err = c.Balance(t.Context())
	secretive(t, "balance", err)
	_, err = c.Services(t.Context())
	secretive(t, "services", err)
	if err == nil || !strings.Contains(err.Error(), "Invalid API key [key]") {
		t.Errorf("%v", err)
	}
}

// A short key is not looked for in answers: it would be met in numbers by chance.
func TestShortKeyChangesNoAnswer(t *testing.T) {
	t.Parallel()
	u := raw(t, says("HTTP/1.0 200 OK\n\n{\"order\":23501}"))
	c := client(t, u.address, patient)
	c.key = "235"
	if got := c.Add(t.Context(), watch(), ordered); got.Outcome != Accepted || got.UpstreamID != "23501" {
		t.Errorf("%+v", got)
	}
}

// What is kept of an answer is bounded and storable.
func TestKept(t *testing.T) {
	t.Parallel()
	u := raw(t, says("HTTP/1.0 200 OK\n\n\x00\xff"+strings.Repeat("é", keptAnswer)))
	got := client(t, u.address, patient).Add(t.Context(), watch(), ordered)
	if got.Outcome != Unknown || len(got.Kept) > keptAnswer+9 || strings.ContainsRune(got.Kept, 0) || !strings.HasPrefix(got.Kept, "\uFFFD\uFFFDé") {
		t.Errorf("%v, kept %d bytes: %.20q", got.Outcome, len(got.Kept), got.Kept)
	}
}

// A read that fails says which call and what class of failure, and no more.
func TestReadsFail(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, c := range map[string]struct {
		reply   func(net.Conn)
		address string
		want    string
	}{
		"refused":   {address: closed.URL + "/secret-path", want: "balance: connection refused"},
		"killed":    {reply: says(""), want: "balance: connection broken"},
		"cut short": {reply: says("HTTP/1.1 200 OK\nContent-Length: 500\n\n{\"balance\":1}"), want: "balance: connection broken"},
		"500":       {reply: says("HTTP/1.0 500 X\n\n{\"balance\":1}"), want: "balance: the provider answered with status 500"},
		"error":     {reply: says("HTTP/1.0 403 X\n\n{\"error\":\"Invalid API key\"}"), want: "the provider answered: Invalid API key"},
		"HTML":      {reply: says("HTTP/1.0 200 X\n\n<h1>Hello</h1>"), want: errUnreadable.Error()},
		"too long": {reply: func(c net.Conn) {
			says("HTTP/1.0 200 X\n\n")(c)
			_, _ = io.WriteString(c, strings.Repeat(" ", maxAnswer+1))
		}, want: "balance: the answer is larger than 1048576 bytes"},
		"not an address": {address: "http://[::1", want: "the provider's address is malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.address == "" {
				c.address = raw(t, c.reply).address
			}
			_, err := client(t, c.address, patient).Balance(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			secretive(t, "the error", err)
		})
	}
}

// A read runs out when its own time-out does.
func TestReadTimesOut(t *testing.T) {
	t.Parallel()
	u := raw(t, func(net.Conn) { <-t.Context().Done() })
	_, err := client(t, u.address, impatient).Services(t.Context())
	if err == nil || err.Error() != "services: timeout" {
		t.Errorf("%v", err)
	}
}

// A read ends with its caller.
func TestReadEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	u := raw(t, func(net.Conn) {
		cancel()
		<-t.Context().Done()
	})
	_, err := client(t, u.address, patient).Services(ctx)
	if err == nil || err.Error() != "services: canceled" {
		t.Errorf("%v", err)
	}
}

// The reads send what the classic dialect calls for.
func TestReadRequests(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"balance":  `{"balance":"1.5","currency":"USD"}`,
		"services": `[{"service":1,"name":"V","rate":"1","min":1,"max":2}]`,
		"status":   `{"7":{"status":"Completed"}}`,
	}
	asked := map[string]url.Values{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked[r.PostForm.Get("action")] = r.PostForm
		_, _ = io.WriteString(w, answers[r.PostForm.Get("action")])
	}))
	t.Cleanup(server.Close)
	c := client(t, server.URL, patient)
	if b, err := c.Balance(t.Context()); err != nil || b != (Balance{"1.5", "USD"}) {
		t.Errorf("%+v, %v", b, err)
	}
	if s, err := c.Services(t.Context()); err != nil || len(s) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if r, err := c.Status(t.Context(), []string{"7", "8"}); err != nil || r["7"].Word != WordCompleted || len(r) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	for action, want := range map[string]url.Values{"balance": {}, "services": {}, "status": {"orders": {"7,8"}}} {
		want.Set("key", upstreamKey)
		want.Set("action", action)
		if got := asked[action]; got.Encode() != want.Encode() {
			t.Errorf("%s sends %v", action, got)
		}
	}
}

package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/notpanel/notpanel/internal/clock"
)

const window = 5 * time.Second

// soon is a submission that was recorded just now.
func soon() *Submission {
	start := clock.System()
	return NewSubmission(func() time.Time { return start }, start, window)
}

// late is a submission that was recorded so long ago that nothing may leave.
func late() *Submission {
	start := clock.System()
	return NewSubmission(func() time.Time { return start.Add(window + 1) }, start, window)
}

// each runs a test against a server that speaks in clear and one with TLS.
func each(t *testing.T, handler http.HandlerFunc, test func(t *testing.T, server *httptest.Server, g *Guard)) {
	t.Helper()
	for name, begin := range map[string]func(*httptest.Server){
		"http":  (*httptest.Server).Start,
		"https": (*httptest.Server).StartTLS,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(handler)
			server.EnableHTTP2 = true
			server.Config.ErrorLog = quiet()
			begin(server)
			t.Cleanup(server.Close)
			test(t, server, trusting(server))
		})
	}
}

func TestSubmissionIsSentOnceOverAConnectionOfItsOwn(t *testing.T) {
	t.Parallel()
	each(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.ProtoMajor != 1 || r.ProtoMinor != 1:
			t.Errorf("spoken: %s", r.Proto)
		case !r.Close:
			t.Error("the connection is to be kept")
		case r.Header.Get("Accept-Encoding") != "":
			t.Error("compression was asked for")
		case r.Header.Get("Idempotency-Key")+r.Header.Get("X-Idempotency-Key")+r.Header.Get("Expect") != "":
			t.Errorf("headers %v", r.Header)
		case string(body) != "key=k&action=add":
			t.Errorf("body %q", body)
		}
		_, _ = io.WriteString(w, `{"order":1}`)
	}, func(t *testing.T, server *httptest.Server, g *Guard) {
		s := soon()
		request := form(t, server.URL)
		request.Header.Set("Idempotency-Key", "1")
		request.Header.Set("X-Idempotency-Key", "1")
		request.Header.Set("Expect", "100-continue")
		got, err := call(g.SubmissionClient(s, patience), request)
		if err != nil || got.body != `{"order":1}` || !s.Sent() {
			t.Errorf("answer %q, %v, sent %v", got.body, err, s.Sent())
		}
		if request.Header.Get("Idempotency-Key") == "" || request.GetBody == nil {
			t.Error("the caller's request was changed")
		}
	})
}

func TestOneSubmissionIsOneCall(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	g, s := trusting(server), soon()
	if _, err := call(g.SubmissionClient(s, patience), form(t, server.URL)); err != nil {
		t.Errorf("first call: %v", err)
	}
	_, err := call(g.SubmissionClient(s, patience), form(t, server.URL))
	if !errors.Is(err, ErrSpent) || connections.Load() != 1 {
		t.Errorf("second call: %v, %d connections", err, connections.Load())
	}
}

func TestUnrepeatableLeavesNetHTTPNoWayToRepeat(t *testing.T) {
	t.Parallel()
	r := form(t, "http://provider.example")
	r.Header.Set("Idempotency-Key", "1")
	r.Header["X-Idempotency-Key"] = nil // net/http takes the empty header for one too
	got := unrepeatable(r)
	_, one := got.Header["Idempotency-Key"]
	_, other := got.Header["X-Idempotency-Key"]
	if got.GetBody != nil || one || other {
		t.Errorf("GetBody %v, headers %v", got.GetBody != nil, got.Header)
	}
}

func TestARefusedConnectionIsNotSent(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	for _, scheme := range []string{"http://", "https://"} {
		s := soon()
		_, err := call(NewOperator(loopback()).SubmissionClient(s, patience), form(t, scheme+address))
		if Class(err) != classRefused || s.Sent() {
			t.Errorf("%s: %v, sent %v", scheme, err, s.Sent())
		}
	}
}

func TestAForbiddenAddressIsNotSent(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for _, scheme := range []string{"http", "https"} {
		s := soon()
		_, err := call(NewOperator(nil).SubmissionClient(s, patience), form(t, scheme+"://127.0.0.1:"+d.port))
		if Class(err) != classNotAllowed || s.Sent() || d.knock.Load() != 0 {
			t.Errorf("%s: %v, sent %v, %d connections", scheme, err, s.Sent(), d.knock.Load())
		}
	}
}

func TestAFailedHandshakeIsNotSent(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	secure := httptest.NewUnstartedServer(handler)
	secure.Config.ErrorLog = quiet()
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(handler)
	defer plain.Close()
	hangUp := newDoor(t)
	for name, address := range map[string]string{
		"unknown CA":                secure.URL,
		"server without TLS":        strings.Replace(plain.URL, "http:", "https:", 1),
		"server that only hangs up": "https://127.0.0.1:" + hangUp.port,
	} {
		s := soon()
		_, err := call(NewOperator(loopback()).SubmissionClient(s, patience), form(t, address))
		if Class(err) != classTLS || s.Sent() {
			t.Errorf("%s: %v, class %q, sent %v", name, err, Class(err), s.Sent())
		}
	}
	if asked.Load() != 0 {
		t.Errorf("%d requests arrived", asked.Load())
	}
}

// listener accepts connections, in clear or with TLS, and hands each to serve.
type listener struct {
	net.Listener

	guard *Guard
	url   string
}

func listen(t *testing.T, secure bool, serve func(net.Conn)) listener {
	t.Helper()
	lender := httptest.NewTLSServer(nil) // lends its certificate
	t.Cleanup(lender.Close)
	inner, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := listener{inner, trusting(lender), "http://" + inner.Addr().String()}
	if secure {
		certificates := lender.TLS.Certificates
		l.Listener = tls.NewListener(inner, &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12})
		l.url = "https://" + inner.Addr().String()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if secured, ok := conn.(*tls.Conn); ok {
				_ = secured.Handshake()
			}
			serve(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l
}

// schemes runs a test in clear and with TLS.
func schemes(t *testing.T, test func(t *testing.T, secure bool)) {
	t.Helper()
	for name, secure := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, secure)
		})
	}
}

// everything reads all that a client sends until it hangs up.
func everything(read chan<- string) func(net.Conn) {
	return func(conn net.Conn) {
		sent, _ := io.ReadAll(conn)
		read <- string(sent)
	}
}

// A process that was stopped after it connected, and woken later, sends nothing.
func TestNothingLeavesLate(t *testing.T) {
	t.Parallel()
	schemes(t, func(t *testing.T, secure bool) {
		read := make(chan string, 1)
		l := listen(t, secure, everything(read))
		s := late()
		_, err := call(l.guard.SubmissionClient(s, patience), form(t, l.url))
		if !errors.Is(err, ErrTooLate) || Class(err) != classTooLate || s.Sent() {
			t.Errorf("%v, class %q, sent %v", err, Class(err), s.Sent())
		}
		if got := <-read; got != "" {
			t.Errorf("the server read %q", got)
		}
	})
}

// Files take another way through net/http when a connection offers one.
func TestNothingOfAFileLeavesLate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "body")
	content := strings.Repeat("x", 1<<20)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 1)
	l := listen(t, false, everything(read))
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.url, f)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = int64(len(content))
	_, err = call(l.guard.SubmissionClient(late(), patience), request)
	if !errors.Is(err, ErrTooLate) {
		t.Errorf("%v, want ErrTooLate", err)
	}
	if got := <-read; got != "" {
		t.Errorf("the server read %d bytes", len(got))
	}
}

// stalled is a request that net/http has spelled and not yet handed to the
// connection: begun is closed when it stands there, and it waits for release.
func stalled(t *testing.T, address string) (request *http.Request, begun, release chan struct{}) {
	t.Helper()
	begun, release = make(chan struct{}), make(chan struct{})
	trace := &httptrace.ClientTrace{WroteHeaders: func() {
		close(begun)
		<-release
	}}
	request = form(t, address)
	return request.WithContext(httptrace.WithClientTrace(request.Context(), trace)), begun, release
}

// The moment of the time-out is the moment of the first byte. Whichever wins,
// what Sent says when the call returns is what the server sees, then and later.
func TestSentIsRightWhenTheTimeoutMeetsTheFirstByte(t *testing.T) {
	t.Parallel()
	schemes(t, func(t *testing.T, secure bool) {
		read := make(chan string, 1)
		l := listen(t, secure, everything(read))
		for range 50 {
			s := soon()
			request, begun, release := stalled(t, l.url)
			ctx, cancel := context.WithCancel(request.Context())
			go func() {
				<-begun
				go close(release)
				cancel()
			}()
			_, err := call(l.guard.SubmissionClient(s, patience), request.WithContext(ctx))
			sent := s.Sent()
			if got := <-read; err == nil || (got != "" && !sent) || s.Sent() != sent {
				t.Fatalf("%v, sent %v, then %v, and the server read %q", err, sent, s.Sent(), got)
			}
			isOver(t, s)
		}
	})
}

func TestAnEndedSubmissionLetsNoConnectionThrough(t *testing.T) {
	t.Parallel()
	s := soon()
	if s.end() {
		t.Error("sent before anything was written")
	}
	read := make(chan string, 1)
	here, there := net.Pipe()
	go everything(read)(there)
	conn := &gatedConn{Conn: here, submission: s}
	if n, err := conn.Write([]byte("late")); n != 0 || !errors.Is(err, ErrTooLate) || s.Sent() {
		t.Errorf("Write = %d, %v, sent %v", n, err, s.Sent())
	}
	_ = here.Close()
	if got := <-read; got != "" {
		t.Errorf("read %q", got)
	}
}

func TestOnlyOneConnectionIsLetThrough(t *testing.T) {
	t.Parallel()
	s := soon()
	first := &gatedConn{Conn: discard{}, submission: s}
	second := &gatedConn{Conn: discard{}, submission: s}
	for range 2 { // the second part of a request follows the first, however late
		if _, err := first.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		s.now = func() time.Time { return s.start.Add(time.Hour) }
	}
	if _, err := second.Write([]byte("x")); !errors.Is(err, ErrSpent) {
		t.Errorf("another connection: %v, want ErrSpent", err)
	}
}

// discard is a connection that takes everything.
type discard struct{ net.Conn }

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Sent is noted before the byte leaves: a process killed in between must not
// believe that nothing was sent.
func TestSentIsNotedBeforeTheWrite(t *testing.T) {
	t.Parallel()
	s := soon()
	seen := false
	conn := &gatedConn{Conn: spy{onWrite: func() { seen = s.Sent() }}, submission: s}
	_, _ = conn.Write([]byte("x"))
	if !seen {
		t.Error("the write came first")
	}
}

type spy struct {
	net.Conn

	onWrite func()
}

func (s spy) Write(p []byte) (int, error) {
	s.onWrite()
	return len(p), nil
}

func TestAServerThatSpeaksFirstIsNotAnswering(t *testing.T) {
	t.Parallel()
	schemes(t, func(t *testing.T, secure bool) {
		read := make(chan string, 1)
		ready := make(chan chan struct{}, 1)
		l := listen(t, secure, func(conn net.Conn) {
			<-<-ready
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"order\":1}")
			everything(read)(conn)
		})
		request, begun, release := stalled(t, l.url)
		ready <- begun
		s := soon()
		_, err := call(l.guard.SubmissionClient(s, patience), request)
		isOver(t, s)
		close(release)
		if got := <-read; err == nil || got != "" || s.Sent() {
			t.Errorf("%v, sent %v, the server read %q", err, s.Sent(), got)
		}
	})
}

// isOver fails when a connection could still send for a call that has ended.
func isOver(t *testing.T, s *Submission) {
	t.Helper()
	conn := &gatedConn{Conn: discard{}, submission: s}
	if n, err := conn.Write([]byte("x")); n != 0 || err == nil {
		t.Errorf("after the call: Write = %d, %v", n, err)
	}
}

// The order may exist once the server has read it, whatever it does then; and
// net/http must not ask again by itself.
func TestAKilledConnectionIsSentOnceAndAnError(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(net.Conn){
		"closed": func(net.Conn) {},
		"reset": func(conn net.Conn) {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
		},
		"half an answer":   func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Le") },
		"request time-out": func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 4") },
		"another protocol": func(conn net.Conn) { _, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.6\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schemes(t, func(t *testing.T, secure bool) {
				var requests atomic.Int64
				l := listen(t, secure, func(conn net.Conn) {
					readRequest(conn)
					requests.Add(1)
					kill(conn)
				})
				s := soon()
				_, err := call(l.guard.SubmissionClient(s, patience), form(t, l.url))
				if err == nil || !s.Sent() {
					t.Errorf("%v, sent %v", err, s.Sent())
				}
				if n := requests.Load(); n != 1 {
					t.Errorf("the server saw %d requests", n)
				}
			})
		})
	}
}

// readRequest reads until the form's last word.
func readRequest(conn net.Conn) {
	var got strings.Builder
	part := make([]byte, 4096)
	for !strings.HasSuffix(got.String(), "action=add") {
		n, err := conn.Read(part)
		got.Write(part[:n])
		if err != nil {
			return
		}
	}
}

func TestATimeoutAfterTheRequestIsSent(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	s := soon()
	_, err := call(trusting(server).SubmissionClient(s, 2*time.Second), form(t, server.URL))
	if Class(err) != classTimeout || !s.Sent() {
		t.Errorf("%v, sent %v", err, s.Sent())
	}
}

func TestBothClocksDecideWhatIsLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		monotonic, wall time.Duration
		late            bool
	}{
		"at once":                         {0, 0, false},
		"in time":                         {window, window, false},
		"both too late":                   {window + 1, window + 1, true},
		"stopped while the clock was set": {window + 1, 0, true},
		"machine slept":                   {time.Second, time.Hour, true},
		"clock set forward":               {time.Second, window + 1, true},
		"clock set back a little":         {time.Second, -time.Second, false},
		"clock set back as far as it may": {time.Second, -window, false},
		"clock set back":                  {time.Second, -window - 1, true},
	} {
		if got := outside(c.monotonic, c.wall, window); got != c.late {
			t.Errorf("%s: late %v", name, got)
		}
	}
}

// moved returns t with each of its two readings moved by itself, as a machine
// that sleeps and a person who sets the clock move them.
func moved(t *testing.T, from time.Time, monotonic, wall time.Duration) time.Time {
	t.Helper()
	to := from.Add(wall)
	// A time.Time with both readings keeps the monotonic one, in nanoseconds, in
	// its second word. No function of package time changes it alone.
	layout := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&to))
	layout.ext += int64(monotonic - wall)
	if to.Sub(from) != monotonic || to.Round(0).Sub(from.Round(0)) != wall {
		t.Fatal("time.Time is laid out in another way now")
	}
	return to
}

func TestLateReadsBothClocks(t *testing.T) {
	t.Parallel()
	start := clock.System()
	for name, c := range map[string]struct {
		now  time.Time
		late bool
	}{
		"in time":                 {start.Add(window), false},
		"too late":                {start.Add(window + 1), true},
		"machine slept":           {moved(t, start, time.Second, time.Hour), true},
		"stopped, clock set back": {moved(t, start, time.Hour, time.Second), true},
		"clock set far back":      {moved(t, start, time.Second, -time.Hour), true},
		"clock set back a little": {moved(t, start, time.Second, -time.Second), false},
		"wall clock only":         {start.Round(0).Add(window - time.Second), false},
		"wall clock only, late":   {start.Round(0).Add(window + time.Second), true},
	} {
		s := NewSubmission(func() time.Time { return c.now }, start, window)
		if got := s.late(); got != c.late {
			t.Errorf("%s: late %v", name, got)
		}
	}
}

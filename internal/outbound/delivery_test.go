package outbound

import (
	"crypto/tls"
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

// short is the time-out of deliveries to receivers that never come to an end, and
// long enough for a handshake on a busy machine.
const short = 3 * time.Second

// atReceiver returns the client of deliveries to a receiver, as in production but
// for where receiver.example is and which authority is known.
func atReceiver(t *testing.T, r *receivers, server *httptest.Server, timeout time.Duration) *http.Client {
	t.Helper()
	l := &line{to: server.Listener.Addr().String()}
	return r.guard(l, newFakeDNS(t, map[string][]string{"receiver.example": {publicAddress}}, nil)).deliveryClient(timeout)
}

const receiver = "https://receiver.example/"

// raw starts a receiver that has its connections in its own hands once it has
// read a request. It tells when the other side has closed one.
func raw(t *testing.T, r *receivers, answer func(conn net.Conn)) (server *httptest.Server, closed <-chan struct{}) {
	t.Helper()
	ends := make(chan struct{}, 8)
	return r.serve(t, func(w http.ResponseWriter, request *http.Request) {
		_, _ = io.Copy(io.Discard, request.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		answer(conn)
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
		ends <- struct{}{}
	}), ends
}

func TestADeliveryIsAPlainRequest(t *testing.T) {
	t.Parallel()
	r := newReceivers(t)
	server := r.serve(t, func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		if request.ProtoMajor != 1 || request.Method != http.MethodPost || string(body) != `{"type":"ping"}` {
			t.Errorf("%s %s %q", request.Proto, request.Method, body)
		}
		if request.TLS.Version < tls.VersionTLS12 || request.TLS.ServerName != "receiver.example" {
			t.Errorf("TLS %x for %q", request.TLS.Version, request.TLS.ServerName)
		}
		for _, name := range []string{"Accept-Encoding", "Cookie", "Referer", "Authorization"} {
			if v, sent := request.Header[name]; sent {
				t.Errorf("%s: %v", name, v)
			}
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		_, _ = io.WriteString(w, "thanks")
	})
	client := atReceiver(t, r, server, DeliveryTimeout)
	for range 2 {
		if got, err := deliver(t, client, receiver); err != nil || got.body != "thanks" {
			t.Errorf("%q, %v", got.body, err)
		}
	}
	if client.Timeout != DeliveryTimeout || NewCustomer().DeliveryClient().Timeout != 10*time.Second {
		t.Error("a delivery has another time-out than 10 s")
	}
}

func TestADeliveryWantsTLS12(t *testing.T) {
	t.Parallel()
	r := newReceivers(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = r.tls.Clone()
	server.TLS.MinVersion, server.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	if _, err := deliver(t, atReceiver(t, r, server, patience), receiver); Class(err) != classTLS {
		t.Errorf("%v, class %q", err, Class(err))
	}
}

// What a receiver packs is not unpacked, so that 4 KiB read are 4 KiB.
func TestAnAnswerIsNotUnpackedAndReadTo4KiB(t *testing.T) {
	t.Parallel()
	r := newReceivers(t)
	server, closed := raw(t, r, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
		_, _ = io.Copy(conn, zeros{}) // ends when the client has closed
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, receiver, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := atReceiver(t, r, server, patience).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, truncated, err := ReadBody(response.Body, DeliveryAnswer)
	if len(body) != 4<<10 || !truncated || err != nil || response.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%d bytes, truncated %v, %v, %v", len(body), truncated, err, response.Header)
	}
	_ = response.Body.Close()
	<-closed // nobody reads an endless answer to its end
}

// However a receiver keeps us waiting, the time-out ends it, and the connection.
func TestNoReceiverHoldsADeliveryLongerThanTheTimeout(t *testing.T) {
	t.Parallel()
	drip := func(conn net.Conn, head, drop string) {
		_, err := io.WriteString(conn, head)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for err == nil {
			<-tick.C
			_, err = io.WriteString(conn, drop)
		}
	}
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, answer := range map[string]func(net.Conn){
		"silence":               func(net.Conn) {},
		"half a status line":    func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 20") },
		"drops of a header":     func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\nX-Slow: ", "x") },
		"drops of headers":      func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\n", "X: y\r\n") },
		"drops of a body":       func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n", "x") },
		"a body that stays out": func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n") },
		"drops of chunks":       func(c net.Conn) { drip(c, chunked, "1\r\nx\r\n") },
		"drops of a trailer":    func(c net.Conn) { drip(c, chunked+"0\r\nX-Trailer: ", "x") },
		"drops of 100":          func(c net.Conn) { drip(c, "", "HTTP/1.1 100 Continue\r\n\r\n") },
		"drops of 103":          func(c net.Conn) { drip(c, "", "HTTP/1.1 103 Early Hints\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceivers(t)
			server, closed := raw(t, r, answer)
			begin := time.Now()
			_, err := deliver(t, atReceiver(t, r, server, short), receiver)
			if Class(err) != classTimeout || time.Since(begin) > patience {
				t.Errorf("%v, class %q, after %s", err, Class(err), time.Since(begin))
			}
			<-closed
		})
	}
}

// A receiver that never ends its handshake is a time-out too.
func TestASilentHandshakeEndsWithTheTimeout(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }() // the kernel accepts, and nobody speaks
	l := &line{to: silent.Addr().String()}
	g := behind(NewCustomer(), l, newFakeDNS(t, map[string][]string{"receiver.example": {publicAddress}}, nil))
	if _, err := deliver(t, g.deliveryClient(short), receiver); Class(err) != classTimeout {
		t.Errorf("%v, class %q", err, Class(err))
	}
}

// What comes before and behind the answer counts as its headers do.
func TestHeadersAndTrailersOfAnAnswerAreBounded(t *testing.T) {
	t.Parallel()
	const end = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	hint := func(n int) string {
		return "HTTP/1.1 103 Early Hints\r\nLink: " + strings.Repeat("x", n) + "\r\n\r\n"
	}
	trailer := func(n int) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: " + strings.Repeat("x", n) + "\r\n\r\n"
	}
	for name, c := range map[string]struct {
		says string
		ok   bool
	}{
		"headers of 60 KiB":       {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + strings.Repeat("x", 60<<10) + "\r\n\r\n", true},
		"headers of 70 KiB":       {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n", false},
		"three hints":             {strings.Repeat(hint(100), 3) + end, true},
		"hints of 80 KiB":         {strings.Repeat(hint(8<<10), 10) + end, false},
		"ten thousand empty ones": {strings.Repeat(hint(0), 10_000) + end, false},
		"trailer of 1 KiB":        {trailer(1 << 10), true},
		"trailer of 70 KiB":       {trailer(70 << 10), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceivers(t)
			server, _ := raw(t, r, func(conn net.Conn) { _, _ = io.WriteString(conn, c.says) })
			client := atReceiver(t, r, server, patience)
			_, err := deliver(t, client, receiver)
			client.CloseIdleConnections()
			if (err == nil) != c.ok || err != nil && Class(err) == classTimeout {
				t.Errorf("%v, class %q", err, Class(err))
			}
		})
	}
}

// After 101 net/http would leave the connection to the caller, without any
// time-out: whoever reads on waits for ever.
func TestNobodyIsHeldBySwitchingProtocols(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"with an upgrade":    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"without an upgrade": "HTTP/1.1 101 Switching Protocols\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceivers(t)
			server, closed := raw(t, r, func(conn net.Conn) { _, _ = io.WriteString(conn, says) })
			l := &line{to: server.Listener.Addr().String()}
			g := r.guard(l, newFakeDNS(t, map[string][]string{"receiver.example": {publicAddress}}, nil))
			s := soon()
			for kind, client := range map[string]*http.Client{
				"delivery": g.DeliveryClient(), "ordinary": g.Client(patience), "submission": g.SubmissionClient(s, patience),
			} {
				_, err := deliver(t, client, receiver)
				if !errors.Is(err, ErrSwitched) || Class(err) != classOther || !strings.Contains(Strip(err).Error(), ErrSwitched.Error()) {
					t.Errorf("%s: %v, class %q", kind, err, Class(err))
				}
				<-closed
			}
			if !s.Sent() {
				t.Error("the submission counts as not sent")
			}
		})
	}
}

// Of many receivers a few connections are kept.
func TestManyReceiversPinFewConnections(t *testing.T) {
	t.Parallel()
	const many = 3 * idleDeliveries
	r, books := newReceivers(t), &connections{changed: make(chan struct{}, 1)}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS, server.Config.ErrorLog, server.Config.ConnState = r.tls, quiet(), books.note
	server.StartTLS()
	t.Cleanup(server.Close)
	names := map[string][]string{}
	for i := range many {
		names[fmt.Sprintf("r%d.example", i)] = []string{publicAddress}
	}
	l := &line{to: server.Listener.Addr().String()}
	client := r.guard(l, newFakeDNS(t, names, nil)).DeliveryClient()
	for name := range names {
		if _, err := deliver(t, client, "https://"+name+"/"); err != nil {
			t.Fatal(err)
		}
	}
	if open := books.wait(t, many, idleDeliveries); open != idleDeliveries {
		t.Errorf("%d connections are open, want %d", open, idleDeliveries)
	}
}

// connections counts those of a server.
type connections struct {
	changed chan struct{}

	mu         sync.Mutex
	made, open int
}

func (c *connections) note(_ net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.made++
		c.open++
	case http.StateClosed:
		c.open--
	case http.StateActive, http.StateIdle, http.StateHijacked:
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// wait returns when made connections were seen and no more than open are left.
func (c *connections) wait(t *testing.T, made, open int) (left int) {
	t.Helper()
	limit := time.After(patience)
	for {
		c.mu.Lock()
		done := c.made >= made && c.open <= open
		left = c.open
		c.mu.Unlock()
		if done {
			return left
		}
		select {
		case <-c.changed:
		case <-limit:
			return left
		}
	}
}

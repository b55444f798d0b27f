package providertest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// HostileAnswer is what a provider does when it is sent an order, and what that
// must be taken for.
type HostileAnswer struct {
	Name string
	// Behaviour answers the request. Some take the connection over.
	Behaviour http.HandlerFunc
	// Status and Body are the answer where it comes whole; the status is 0 where it
	// does not.
	Status int
	Body   string
	// Outcome and Class are what the answer must be taken for, as package provider
	// names them; the class is "" unless it is a refusal.
	Outcome, Class string
	// UpstreamID is the id of an acceptance; otherwise a hint for people.
	UpstreamID string
	// Hangs says that it ends only when the client gives up.
	Hangs bool
}

// Hostile returns every answer. None of them may lead to a second order, or to a
// refund that is not due.
func Hostile() (all []HostileAnswer) {
	for _, w := range wholeAnswers() {
		all = append(all, HostileAnswer{
			Name: w.name, Behaviour: answering(w.status, w.body), Status: w.status, Body: w.body,
			Outcome: w.outcome, Class: w.class, UpstreamID: w.upstreamID,
		})
	}
	return append(append(all, brokenConnections()...), oddTransports()...)
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		WriteStatus(status, body)(w, r, nil)
	}
}

// taking answers on the bare connection, which is closed behind it.
func taking(answer func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer func() { _ = conn.Close() }()
		answer(conn)
	}
}

// saying answers with bytes; lines end with \n here and with \r\n on the wire.
func saying(text string) http.HandlerFunc {
	return taking(func(c net.Conn) { _, _ = io.WriteString(c, strings.ReplaceAll(text, "\n", "\r\n")) })
}

// hanging says something and then nothing, until the client has gone.
func hanging(text string) http.HandlerFunc {
	return taking(func(c net.Conn) {
		_, _ = io.WriteString(c, strings.ReplaceAll(text, "\n", "\r\n"))
		_, _ = bufio.NewReader(c).ReadByte()
	})
}

// reset ends the connection with a reset in place of an answer.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// brokenConnections are answers that don't arrive whole.
func brokenConnections() []HostileAnswer {
	const ok = "HTTP/1.1 200 OK\n"
	return []HostileAnswer{
		{Name: "closed without a word", Behaviour: saying(""), Outcome: unknown},
		{Name: "reset", Behaviour: taking(reset), Outcome: unknown},
		{Name: "closed in the head", Behaviour: saying(ok + "Content-"), Outcome: unknown},
		{Name: "closed behind the head", Behaviour: saying(ok + "Content-Length: 12\n\n"), Outcome: unknown},
		{Name: "body cut behind an id", Behaviour: saying(ok + "Content-Length: 500\n\n{\"order\":77}"), Outcome: unknown, UpstreamID: "77"},
		{Name: "body cut in the id", Behaviour: saying(ok + "Content-Length: 500\n\n{\"order\":7"), Outcome: unknown},
		{Name: "refusal cut short", Behaviour: saying(ok + "Content-Length: 500\n\n{\"error\":\"Bad link\"}"), Outcome: unknown},
		{Name: "403 cut short", Behaviour: saying("HTTP/1.1 403 Forbidden\nContent-Length: 500\n\n<html>"), Outcome: unknown},
		{Name: "429 cut short", Behaviour: saying("HTTP/1.1 429 Too Many Requests\nContent-Length: 500\n\n"), Outcome: unknown},
		{Name: "chunks cut short", Behaviour: saying(ok + "Transfer-Encoding: chunked\n\nc\n{\"order\":77}\n"), Outcome: unknown, UpstreamID: "77"},
		{Name: "chunk's size is garbage", Behaviour: saying(ok + "Transfer-Encoding: chunked\n\nxyz\n{\"order\":77}\n0\n\n"), Outcome: unknown},
		{Name: "refusal in garbled chunks", Behaviour: saying(ok + "Transfer-Encoding: chunked\n\n14\n{\"error\":\"Bad link\"}\n-1\n"), Outcome: unknown},
		{Name: "chunk of a huge size", Behaviour: saying(ok + "Transfer-Encoding: chunked\n\nffffffffffffffffff\n{}"), Outcome: unknown},
		{Name: "two lengths", Behaviour: saying(ok + "Content-Length: 12\nContent-Length: 20\n\n{\"order\":77}"), Outcome: unknown},
		{Name: "length that is none", Behaviour: saying(ok + "Content-Length: many\n\n{\"order\":77}"), Outcome: unknown},
		{Name: "negative length", Behaviour: saying(ok + "Content-Length: -1\n\n{\"order\":77}"), Outcome: unknown},
		{Name: "another protocol", Behaviour: saying("SSH-2.0-OpenSSH_9.2\n"), Outcome: unknown},
		{Name: "HTTP/2 unasked", Behaviour: saying("PRI * HTTP/2.0\n\nSM\n\n"), Outcome: unknown},
		{Name: "status of letters", Behaviour: saying("HTTP/1.1 OK\n\n{\"order\":77}"), Outcome: unknown},
		{Name: "switching protocols", Behaviour: saying("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: x\n\n{\"error\":\"Bad link\"}"), Outcome: unknown},
		{Name: "never answers", Behaviour: hanging(""), Outcome: unknown, Hangs: true},
		{Name: "goes on for ever", Behaviour: hanging("HTTP/1.1 102 Processing\n\n"), Outcome: unknown, Hangs: true},
		{Name: "hangs behind an id", Behaviour: hanging(ok + "Content-Length: 500\n\n{\"order\":77}"), Outcome: unknown, UpstreamID: "77", Hangs: true},
		{Name: "hangs behind a refusal", Behaviour: hanging(ok + "Content-Length: 500\n\n{\"error\":\"Bad link\"}"), Outcome: unknown, Hangs: true},
	}
}

// oddTransports are answers that arrive, in ways that few expect.
func oddTransports() []HostileAnswer {
	const zeros = 64 << 20
	return []HostileAnswer{
		{Name: "HTTP/1.0 without a length", Behaviour: saying("HTTP/1.0 200 OK\n\n{\"order\":77}"), Outcome: accepted, UpstreamID: "77"},
		{Name: "hints before the answer", Behaviour: saying("HTTP/1.1 103 Early Hints\n\nHTTP/1.1 100 Continue\n\nHTTP/1.1 201 Created\nContent-Length: 12\n\n{\"order\":77}"), Outcome: accepted, UpstreamID: "77"},
		{Name: "more than its length", Behaviour: saying("HTTP/1.1 200 OK\nContent-Length: 12\n\n{\"order\":77}{\"error\":\"Bad link\"}"), Outcome: accepted, UpstreamID: "77"},
		{Name: "two answers", Behaviour: saying("HTTP/1.1 200 OK\nContent-Length: 12\n\n{\"order\":77}HTTP/1.1 200 OK\nContent-Length: 12\n\n{\"order\":78}"), Outcome: accepted, UpstreamID: "77"},
		{Name: "head too long", Behaviour: saying("HTTP/1.1 200 OK\nX: " + strings.Repeat("x", 100<<10) + "\nContent-Length: 12\n\n{\"order\":77}"), Outcome: unknown},
		{Name: "too many headers", Behaviour: saying("HTTP/1.1 200 OK\n" + strings.Repeat("X-A: b\n", 20_000) + "Content-Length: 12\n\n{\"order\":77}"), Outcome: unknown},
		{Name: "too long", Behaviour: answering(http.StatusOK, `{"order":77}`+strings.Repeat(" ", 1<<20)), Outcome: unknown, UpstreamID: "77"},
		{Name: "refusal that is too long", Behaviour: answering(http.StatusOK, `{"error":"Bad link"}`+strings.Repeat(" ", 1<<20)), Outcome: unknown},
		{Name: "gzip unasked", Behaviour: gzipped([]byte(`{"order":77}`)), Outcome: unknown},
		{Name: "gzip bomb", Behaviour: gzipped(make([]byte, zeros)), Outcome: unknown},
		{Name: "UTF-16 with a mark", Behaviour: answering(http.StatusOK, wide("\ufeff"+`{"order":77}`)), Outcome: unknown},
		{Name: "UTF-16 that refuses", Behaviour: answering(http.StatusOK, wide(`{"error":"Bad link"}`)), Outcome: unknown},
		{Name: "redirect to itself", Behaviour: redirecting(http.StatusTemporaryRedirect), Outcome: unknown},
		{Name: "redirect for good", Behaviour: redirecting(http.StatusPermanentRedirect), Outcome: unknown},
		{Name: "redirect to see other", Behaviour: redirecting(http.StatusSeeOther), Outcome: unknown},
		{Name: "unavailable, come again", Behaviour: saying("HTTP/1.1 503 Service Unavailable\nRetry-After: 0\nContent-Length: 0\n\n"), Outcome: unknown},
		{Name: "request time-out and closed", Behaviour: saying("HTTP/1.1 408 Request Timeout\nConnection: close\nContent-Length: 0\n\n"), Outcome: unknown},
		{Name: "misdirected", Behaviour: saying("HTTP/1.1 421 Misdirected Request\nContent-Length: 0\n\n"), Outcome: unknown},
		{Name: "too many requests and closed", Behaviour: saying("HTTP/1.1 429 Too Many Requests\nConnection: close\nRetry-After: 1\nContent-Length: 0\n\n"), Outcome: refused, Class: tryLater},
		{Name: "asks for a password", Behaviour: saying("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic\nContent-Length: 0\n\n"), Outcome: refused, Class: sourcePaused},
		{Name: "sets cookies and wants one", Behaviour: saying("HTTP/1.1 307 Temporary Redirect\nSet-Cookie: a=b\nLocation: ?again\nContent-Length: 0\n\n"), Outcome: unknown},
		{Name: "one byte at a time", Behaviour: dripping(`{"order":77}`), Outcome: accepted, UpstreamID: "77"},
	}
}

// dripping sends each byte in a chunk of its own.
func dripping(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := range len(body) {
			_, _ = io.WriteString(w, body[i:i+1])
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// gzipped answers compressed, whether that was asked for or not.
func gzipped(plain []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(plain)
		_ = z.Close()
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", strconv.Itoa(packed.Len()))
		_, _ = w.Write(packed.Bytes())
	}
}

// redirecting sends the client to where providers are.
func redirecting(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/api/v2", status) }
}

// wide is a text in UTF-16, the low byte first.
func wide(text string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		b.WriteByte(byte(unit)) //nolint:gosec // the low byte
		b.WriteByte(byte(unit >> 8))
	}
	return b.String()
}

// Absent is an address where an order is surely not sent.
type Absent struct {
	Name string
	URL  func(t testing.TB) string
}

// Absents returns addresses at which nobody is reached; no byte of an order may
// have left there, and the order may be sent again.
func Absents() []Absent {
	return []Absent{
		{"connection refused", func(t testing.TB) string {
			t.Helper()
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			_ = listener.Close()
			return "http://" + listener.Addr().String() + "/api/v2"
		}},
		{"no TLS there", func(t testing.TB) string {
			t.Helper()
			return "https" + strings.TrimPrefix(New(t).URL, "http")
		}},
		{"a port that is none", func(testing.TB) string { return "http://127.0.0.1:99999/api/v2" }},
		{"an address that is not allowed", func(testing.TB) string { return "http://10.255.255.1/api/v2" }},
	}
}

//go:build linux

package e2e_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// What a link's query makes of the answer to an order on its way to the near
// panel: the first one's, or the first so many as times says.
const (
	cutAfter = "cut"   // the line is cut after so many bytes of the answer
	keepTail = "tail"  // the line is cut so many bytes before its end
	unsent   = "lost"  // the request never arrives
	stalled  = "stall" // the answer waits until the line is mended
	times    = "times"
)

// line is what lies between two panels: it carries each request on a connection
// of its own and breaks as links say.
type line struct {
	url    string
	mended chan struct{} // closed: what stalls goes on
	mend   func()

	mu   sync.Mutex
	to   *panel
	adds map[string]int // by link
}

// newLine lays a line to a panel.
func newLine(t testing.TB, to *panel) *line {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	l := &line{url: "http://" + listener.Addr().String(), to: to, adds: map[string]int{}, mended: make(chan struct{})}
	l.mend = sync.OnceFunc(func() { close(l.mended) })
	var calls sync.WaitGroup
	calls.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			calls.Go(func() { l.carry(conn) })
		}
	})
	t.Cleanup(func() {
		l.mend()
		_ = listener.Close()
		calls.Wait()
	})
	return l
}

// leads makes the line end at another panel.
func (l *line) leads(to *panel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.to = to
}

// sent is how often an order for a link came along.
func (l *line) sent(at string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.adds[at]
}

// carry takes one request to the far end and its answer back.
func (l *line) carry(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	fault, to := l.passing(body)
	if fault.Has(unsent) {
		return
	}
	answer, err := relayed(request, body, to)
	if err != nil {
		return
	}
	if fault.Has(stalled) {
		<-l.mended
	}
	if n, err := strconv.Atoi(fault.Get(cutAfter)); err == nil {
		answer = answer[:min(n, len(answer)-1)]
	}
	if n, err := strconv.Atoi(fault.Get(keepTail)); err == nil {
		answer = answer[:max(len(answer)-n, 0)]
	}
	_, _ = conn.Write(answer) // who asked may be gone
}

// passing notes a request and returns what is to go wrong with it.
func (l *line) passing(body []byte) (fault url.Values, to string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to = strings.TrimPrefix(l.to.url, "http://")
	fields, err := url.ParseQuery(string(body))
	if err != nil || fields.Get("action") != "add" {
		return nil, to
	}
	at := fields.Get("link")
	l.adds[at]++
	link, err := url.Parse(at)
	if err != nil {
		return nil, to
	}
	often := 1
	if n, err := strconv.Atoi(link.Query().Get(times)); err == nil {
		often = n
	}
	if l.adds[at] > often {
		return nil, to
	}
	return link.Query(), to
}

// relayed makes a request at the far end and returns all bytes of the answer.
func relayed(request *http.Request, body []byte, to string) ([]byte, error) {
	var dialer net.Dialer
	far, err := dialer.DialContext(request.Context(), "tcp", to)
	if err != nil {
		return nil, err
	}
	defer func() { _ = far.Close() }()
	request.Body, request.ContentLength, request.Close = io.NopCloser(bytes.NewReader(body)), int64(len(body)), true
	if err := request.Write(far); err != nil {
		return nil, err
	}
	return io.ReadAll(far)
}

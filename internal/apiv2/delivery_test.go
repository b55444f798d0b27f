package apiv2_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// line is a panel behind real connections, of which one can be held: its answer
// is written only when its client has gone.
type line struct {
	*panel

	server *httptest.Server
	hold   atomic.Bool
	placed chan struct{} // an answer is ready and held
}

func newLine(t *testing.T, p *panel) *line {
	t.Helper()
	l := &line{panel: p, placed: make(chan struct{}, 1)}
	l.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.hold.Load() {
			w = &heldWriter{ResponseWriter: w, gone: r.Context().Done(), ready: l.placed}
		}
		p.api.ServeHTTP(w, r)
	}))
	t.Cleanup(l.server.Close)
	return l
}

// heldWriter waits with the answer until the client has gone.
type heldWriter struct {
	http.ResponseWriter

	gone  <-chan struct{}
	ready chan<- struct{}
	asked int
}

// Header is asked for once when the request comes and once more for its answer.
func (w *heldWriter) Header() http.Header {
	if w.asked++; w.asked == 2 {
		w.ready <- struct{}{}
		<-w.gone
	}
	return w.ResponseWriter.Header()
}

func (w *heldWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// send writes a form to a connection of its own.
func (l *line) send(form string) net.Conn {
	l.Helper()
	conn, err := net.Dial("tcp", l.server.Listener.Addr().String())
	must(l, err)
	form = l.fill(form)
	_, err = fmt.Fprintf(conn, "POST /api/v2 HTTP/1.1\r\nHost: panel.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(form), form)
	must(l, err)
	return conn
}

// answer sends a form and reads the order's number in the answer.
func (l *line) answer(form string) int {
	l.Helper()
	conn := l.send(form)
	defer conn.Close()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(l, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(l, err)
	number, ok := strings.CutPrefix(strings.TrimSuffix(string(body), "}"), `{"order":`)
	n, err := strconv.Atoi(number)
	if !ok || err != nil || response.StatusCode != http.StatusOK {
		l.Fatalf("%d %s", response.StatusCode, body)
	}
	return n
}

// cut sends a form and goes away when the answer is ready and before it is sent.
func (l *line) cut(form string) {
	l.Helper()
	l.hold.Store(true)
	conn := l.send(form)
	<-l.placed
	l.hold.Store(false)
	must(l, conn.Close())
}

// same is an order without a request id.
const same = "key=<classic>&action=add&service=1&quantity=100&link=https://example.com/a"

// An order whose answer was cut off is answered again to the same request, and
// charged once; one whose answer arrived is not.
func TestCutAnswerIsGivenAgain(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			l := newLine(t, newClassicPanel(t, engine))
			first := l.answer(same)
			if second := l.answer(same); second != first+1 {
				t.Errorf("after an answer that arrived the same request is order %d, want a second one", second)
			}
			l.cut(same) // order first+2
			if again := l.answer(same); again != first+2 {
				t.Errorf("after an answer that was cut off the same request is order %d, want %d", again, first+2)
			}
			if next := l.answer(same); next != first+3 {
				t.Errorf("once it had arrived the same request is order %d, want %d", next, first+3)
			}
			l.cut(same)
			if other := l.answer(same + "b"); other != first+5 {
				t.Errorf("another link is order %d, want one of its own", other)
			}
			if other := l.answer(strings.Replace(same, "<classic>", "<capped>", 1)); other != first+6 {
				t.Errorf("with another key it is order %d, want one of its own", other)
			}
			l.audit()
		})
	}
}

// The panel that comes up after a cut answer gives it again.
func TestCutAnswerIsGivenAgainAfterRestart(t *testing.T) {
	t.Parallel()
	p := newClassicPanel(t, db.SQLite)
	l := newLine(t, p)
	first := l.answer(same + "x")
	l.cut(same)
	p.placer.Close()
	restarted := newLine(t, serving(t, dbtest.Connect(t, "sqlite:"+p.d.SQLitePath()), p.seeds))
	if again := restarted.answer(same); again != first+1 {
		t.Errorf("order %d, want %d", again, first+1)
	}
	restarted.audit()
}

// Within its key's window an equal order is the same one, although its answer
// arrived; with a request id that counts alone.
func TestReplayWindow(t *testing.T) {
	t.Parallel()
	l := newLine(t, newClassicPanel(t, db.SQLite))
	window := strings.Replace(same, "<classic>", "<windowed>", 1)
	first := l.answer(window)
	if again := l.answer(window); again != first {
		t.Errorf("within the window it is order %d, want %d", again, first)
	}
	if named := l.answer(window + "&request_id=mine"); named != first+1 {
		t.Errorf("with a request id it is order %d, want %d", named, first+1)
	}
	l.audit()
}

// A client that hangs up is for nobody: no line of it is an error.
func TestHangUpIsNoError(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			p := newPanel(t, engine)
			gone, hangUp := context.WithCancel(t.Context())
			hangUp()
			for _, form := range []string{"action=balance", "action=status&order=1", "action=services", "action=orders", "action=add&request_id=gone&service=1&quantity=10&link=https%3A%2F%2Fexample.com"} {
				r := httptest.NewRequestWithContext(gone, http.MethodPost, "/api/v2", strings.NewReader(p.fill("key=<live>&"+form)))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				p.api.ServeHTTP(httptest.NewRecorder(), r)
			}
			if said := p.log.String(); strings.Contains(said, "level=ERROR") {
				t.Error(said)
			}
		})
	}
}

//go:build linux

package e2e_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/provider/simulator"
)

const (
	upstreamKey = "key-of-the-panel-at-its-provider"
	// nativeUpstreamKey is the same account's, in the native dialect.
	nativeUpstreamKey = "native-key-of-the-panel-at-its-provider"
	// pace is how long the simulated provider works on an order: done when the
	// panel first asks.
	pace = time.Second
)

// Words in the query of a link that steer the upstream around the simulator. The
// simulator's own are in the fragment.
const (
	holdAnswer = "hold" // the order is recorded; the answer waits for release
	loseFirst  = "lose" // the first sending is swallowed, later ones are not
)

// upstream is a simulated provider that counts what arrives.
type upstream struct {
	*httptest.Server

	sim     *simulator.Simulator
	release chan struct{} // closed: answers are held no longer
	open    func()

	mu     sync.Mutex
	adds   map[string]int // by link
	flying map[string]int // calls under way, by link
	most   map[string]int // the most of them at a time
}

// newUpstream starts a provider on this machine.
func newUpstream(t testing.TB) *upstream {
	t.Helper()
	return newSlowUpstream(t, pace)
}

// newSlowUpstream starts a provider that takes its time.
func newSlowUpstream(t testing.TB, pace time.Duration) *upstream {
	t.Helper()
	sim, err := simulator.New(simulator.Options{Key: upstreamKey, NativeKey: nativeUpstreamKey, Pace: pace})
	must(t, err)
	u := &upstream{sim: sim, release: make(chan struct{}), adds: map[string]int{}, flying: map[string]int{}, most: map[string]int{}}
	u.open = sync.OnceFunc(func() { close(u.release) })
	u.Server = httptest.NewServer(u)
	t.Cleanup(func() {
		u.open()
		must(t, u.sim.Close())
		u.Close()
	})
	return u
}

// ServeHTTP implements http.Handler.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	fields, err := url.ParseQuery(string(body))
	if err != nil || fields.Get("action") != "add" {
		u.sim.ServeHTTP(w, r)
		return
	}
	link, err := url.Parse(fields.Get("link"))
	if err != nil {
		u.sim.ServeHTTP(w, r)
		return
	}
	times, left := u.arrived(fields.Get("link"))
	defer left()
	switch {
	case link.Query().Has(loseFirst) && times == 1:
		select {
		case <-r.Context().Done():
		case <-u.release:
		}
		panic(http.ErrAbortHandler)
	case link.Query().Has(holdAnswer):
		u.hold(w, r)
	default:
		u.sim.ServeHTTP(w, r)
	}
}

// hold lets the simulator have the order, and its answer wait.
func (u *upstream) hold(w http.ResponseWriter, r *http.Request) {
	recorder := httptest.NewRecorder()
	var dropped any
	func() {
		defer func() { dropped = recover() }()
		u.sim.ServeHTTP(recorder, r)
	}()
	select {
	case <-u.release:
	case <-r.Context().Done():
	}
	maps.Copy(w.Header(), recorder.Header())
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes()) // who asked may be gone
	if dropped != nil {
		_ = http.NewResponseController(w).Flush()
		panic(dropped)
	}
}

func (u *upstream) arrived(link string) (times int, left func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.adds[link]++
	u.flying[link]++
	u.most[link] = max(u.most[link], u.flying[link])
	return u.adds[link], func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.flying[link]--
	}
}

// sideBySide is how many calls for a link were ever under way at a time.
func (u *upstream) sideBySide(link string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.most[link]
}

// sent is how often an order for a link has arrived.
func (u *upstream) sent(link string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.adds[link]
}

// has returns the orders for a link that the provider holds.
func (u *upstream) has(link string) (found []simulator.Order) {
	for _, o := range u.sim.Orders() {
		if o.Link == link {
			found = append(found, o)
		}
	}
	return found
}

// sentTwice returns the links that arrived more than once.
func (u *upstream) sentTwice() (links []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for link, times := range u.adds {
		if times > 1 {
			links = append(links, link)
		}
	}
	return links
}

// link makes a link that differs from others in its path.
func link(path, query, word string) string {
	return "https://example.com/" + strings.ReplaceAll(path, "#", "") + "?" + query + "#sim=" + word
}

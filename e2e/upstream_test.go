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

	t       testing.TB
	sim     *simulator.Simulator
	pace    time.Duration
	release chan struct{} // closed: answers are held no longer
	open    func()

	mu     sync.Mutex
	heldAt time.Time       // while its clock stands still
	behind time.Duration   // how far its clock is behind ours
	wished map[string]bool // the numbers there that somebody asked to cancel
	adds   map[string]int  // by link
	flying map[string]int  // calls under way, by link
	most   map[string]int  // the most of them at a time
}

// newUpstream starts a provider on this machine.
func newUpstream(t testing.TB) *upstream {
	t.Helper()
	return newSlowUpstream(t, pace)
}

// newSlowUpstream starts a provider that takes its time.
func newSlowUpstream(t testing.TB, pace time.Duration) *upstream {
	t.Helper()
	u := &upstream{
		t: t, pace: pace, release: make(chan struct{}),
		wished: map[string]bool{}, adds: map[string]int{}, flying: map[string]int{}, most: map[string]int{},
	}
	sim, err := simulator.New(simulator.Options{Key: upstreamKey, NativeKey: nativeUpstreamKey, Pace: pace, Clock: u.now})
	must(t, err)
	u.sim = sim
	u.open = sync.OnceFunc(func() { close(u.release) })
	u.Server = httptest.NewServer(u)
	t.Cleanup(func() {
		u.open()
		must(t, u.sim.Close())
		u.Close()
	})
	return u
}

// now is the provider's time.
func (u *upstream) now() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.heldAt.IsZero() {
		return u.heldAt
	}
	return time.Now().Add(-u.behind)
}

// pause stops the provider's clock: its orders stay as they are, however busy the
// machine is.
func (u *upstream) pause() {
	now := u.now()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.heldAt = now
}

// halfway moves a clock that stands still to where what was accepted there is in
// progress.
func (u *upstream) halfway() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.heldAt = u.heldAt.Add(u.pace / 2)
}

// goOn lets the clock run again from where it stands.
func (u *upstream) goOn() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.behind, u.heldAt = time.Since(u.heldAt), time.Time{}
}

// wishes counts the orders that somebody asked to cancel.
func (u *upstream) wishes() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.wished)
}

// fund pays in so much there that no test spends it.
func (u *upstream) fund() {
	form := strings.NewReader(url.Values{"balance": {"10000000"}}.Encode())
	request := httptest.NewRequestWithContext(u.t.Context(), http.MethodPost, "/sim/balance", form)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.RemoteAddr = "127.0.0.1:1"
	answer := httptest.NewRecorder()
	u.sim.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		u.t.Fatalf("pay in: %d %s", answer.Code, answer.Body)
	}
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
		if fields.Get("action") == "cancel" {
			u.wish(fields)
		}
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

// wish notes the orders of a wish to cancel that is answered.
func (u *upstream) wish(fields url.Values) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for number := range strings.SplitSeq(fields.Get("order")+","+fields.Get("orders"), ",") {
		if number != "" {
			u.wished[number] = true
		}
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

// calls is how many orders are on their way to it.
func (u *upstream) calls() (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, flying := range u.flying {
		n += flying
	}
	return n
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

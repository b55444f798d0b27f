package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

// manner is how a receiver takes deliveries.
type manner int

const (
	well     manner = iota // 200 after answersIn
	slow                   // 200 after slowAnswer
	flapping               // flaps times 503, flaps times as well
	silent                 // no answer at all
	refusing               // nobody listens
)

const (
	// answersIn is how long a receiver takes that is well: a server some hundred
	// kilometres away, and a little work.
	answersIn  = 20 * time.Millisecond
	slowAnswer = 8 * time.Second
	flaps      = 10
)

// arrival is a delivery that was taken.
type arrival struct {
	id   string
	body []byte
}

// receiver is a reseller's server, on an address of its own as theirs are.
type receiver struct {
	address string
	server  *http.Server

	mu       sync.Mutex
	takes    manner
	answer   time.Duration // of one that is well
	changed  chan struct{} // closed when it takes deliveries otherwise
	requests int
	arrivals []arrival       // the first of each event
	seen     map[string]bool // by event
	first    chan time.Time  // when each request came
	want     int
	complete chan struct{} // closed with the last of want
	last     time.Time     // when that was
}

// newReceivers starts receivers at 127.0.from.1 and on. The whole of 127.0.0.0/8 is
// this machine on Linux.
func newReceivers(ctx context.Context, n, from int, answer time.Duration) (all []*receiver, err error) {
	for i := range n {
		r := &receiver{address: fmt.Sprintf("127.0.%d.%d:0", from, i+1), answer: answer, changed: make(chan struct{})}
		r.expect(0)
		if err := r.listen(ctx); err != nil {
			return all, err
		}
		all = append(all, r)
	}
	return all, nil
}

func closeAll(all []*receiver) {
	for _, r := range all {
		r.close()
	}
}

func (r *receiver) url() string { return "http://" + r.address + "/hook" }

func (r *receiver) listen(ctx context.Context) error {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", r.address)
	if err != nil {
		return fmt.Errorf("start a receiver: %w", err)
	}
	r.address = l.Addr().String()
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Second}
	go func() { _ = r.server.Serve(l) }()
	return nil
}

func (r *receiver) close() { _ = r.server.Close() }

// expect forgets what arrived and waits for so many events.
func (r *receiver) expect(want int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrivals, r.seen, r.first, r.requests = nil, map[string]bool{}, make(chan time.Time, 1), 0
	r.want, r.complete = want, make(chan struct{})
}

// take changes how deliveries are taken.
func (r *receiver) take(ctx context.Context, as manner) error {
	r.mu.Lock()
	before := r.takes
	r.takes = as
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
	switch {
	case as == refusing:
		r.close()
	case before == refusing:
		return r.listen(ctx)
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	select {
	case r.first <- clock.System():
	default:
	}
	r.requests++
	takes, n, changed, wait := r.takes, r.requests, r.changed, r.answer
	r.mu.Unlock()
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	switch {
	case takes == slow:
		wait = slowAnswer
	case takes == flapping && n/flaps%2 == 0:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case takes == silent:
		select {
		case <-changed:
		case <-q.Context().Done():
		}
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	r.note(q.Header.Get("Webhook-Id"), body)
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-changed:
		case <-q.Context().Done():
		}
	}
}

func (r *receiver) note(eventID string, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[eventID] {
		return
	}
	r.seen[eventID] = true
	r.arrivals = append(r.arrivals, arrival{eventID, body})
	if len(r.arrivals) == r.want {
		r.last = clock.System()
		close(r.complete)
	}
}

// count is how many events have arrived.
func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.arrivals)
}

// wholeWithin bounds the wait for what should arrive.
const wholeWithin = 3 * time.Minute

// whole waits until receivers have all that they should and returns when the last
// of it came.
func whole(ctx context.Context, all []*receiver) (last time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, wholeWithin)
	defer cancel()
	for _, r := range all {
		select {
		case <-r.complete:
		case <-ctx.Done():
			return last, fmt.Errorf("%d of %d events arrived at %s within %s", r.count(), r.want, r.address, wholeWithin)
		}
		if r.last.After(last) {
			last = r.last
		}
	}
	return last, nil
}

// inOrder proves of whole receivers that each order's events came one after the
// other, from the first on.
func inOrder(all []*receiver) error {
	var errs []error
	for _, r := range all {
		next := map[string]int64{}
		for _, a := range r.arrivals {
			var e struct {
				ID       string
				Sequence int64
				Data     struct{ Order string }
			}
			if err := json.Unmarshal(a.body, &e); err != nil {
				return fmt.Errorf("%s got %q: %w", r.address, a.body, err)
			}
			if next[e.Data.Order]++; e.ID != a.id || e.Sequence != next[e.Data.Order] {
				errs = append(errs, fmt.Errorf("%s got event %d of %s as number %d", r.address, e.Sequence, e.Data.Order, next[e.Data.Order]))
			}
		}
	}
	return errors.Join(errs...)
}

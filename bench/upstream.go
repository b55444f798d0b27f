package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

// upstream is a provider in memory: it takes every order, and says of all of them
// the same.
type upstream struct {
	*bareServer

	word  atomic.Pointer[string] // what it says of orders
	added atomic.Int64           // orders that it took
	asked atomic.Int64           // orders that it was asked about

	mu    sync.Mutex
	first time.Time // when the first call came since mark; zero: none has
}

func newUpstream(ctx context.Context) (u *upstream, err error) {
	u = &upstream{}
	u.says("In progress")
	u.bareServer, err = serveAt(ctx, u)
	return u, err
}

// says is what it answers from now on about every order.
func (u *upstream) says(word string) { u.word.Store(&word) }

// mark forgets what was counted and when the first call came.
func (u *upstream) mark() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.first = time.Time{}
	u.asked.Store(0)
}

// began is when the first call came since mark.
func (u *upstream) began() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.first
}

// ServeHTTP implements http.Handler.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	answer := u.answer(r.PostForm)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(answer)) //nolint:gosec // JSON, and no browser reads it
}

func (u *upstream) answer(form url.Values) string {
	switch form.Get("action") {
	case "add":
		u.called()
		return `{"order":` + strconv.FormatInt(u.added.Add(1), 10) + `}`
	case "status":
		u.called()
		return u.states(strings.Split(form.Get("orders"), ","))
	case "refill":
		return `{"refill":"` + strconv.FormatInt(u.added.Add(1), 10) + `"}`
	case "balance":
		return `{"balance":"1000.00","currency":"USD"}`
	}
	return `{"error":"Incorrect request"}`
}

func (u *upstream) called() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.first.IsZero() {
		u.first = clock.System()
	}
}

func (u *upstream) states(ids []string) string {
	state := `{"charge":"0.33","start_count":"100","status":"` + *u.word.Load() + `","remains":"0","currency":"USD"}`
	var b strings.Builder
	for i, id := range ids {
		b.WriteString([]string{"{", ","}[min(i, 1)] + `"` + id + `":` + state)
	}
	u.asked.Add(int64(len(ids)))
	return b.String() + "}"
}

// bareAdds sends so many orders as the panel does, with a client that does nothing
// else, and returns how many a second.
func bareAdds(ctx context.Context, address string, n, atOnce int) (float64, error) {
	c := newCaller(address, atOnce)
	defer c.close()
	before := clock.System()
	var next atomic.Int64
	t, err := together(ctx, atOnce, time.Minute, func(ctx context.Context, _, _ int) error {
		i := next.Add(1)
		if i > int64(n) {
			return errNoMore
		}
		id := strconv.FormatInt(i, 10)
		_, body, err := c.ask(ctx, form("key", "add", "service", "1", "link", "https://example.com/p/"+id, "quantity", "1000"))
		if err == nil && !strings.HasPrefix(string(body), `{"order":`) {
			err = fmt.Errorf("the provider answers %s", body)
		}
		return err
	})
	if t.calls != int64(n) {
		err = errors.Join(err, fmt.Errorf("%d of %d orders were sent", t.calls, n))
	}
	return float64(n) / clock.System().Sub(before).Seconds(), err
}

// bareChecks asks about so many orders, as many at a time as the panel does and one
// call after the other, with a client that does nothing else, and returns how many
// orders a second.
func bareChecks(ctx context.Context, address string, n, inCall int) (float64, error) {
	c := newCaller(address, 1)
	defer c.close()
	before := clock.System()
	for from := 1; from <= n; from += inCall {
		ids := make([]string, 0, inCall)
		for i := from; i < from+inCall && i <= n; i++ {
			ids = append(ids, strconv.Itoa(i))
		}
		_, body, err := c.ask(ctx, form("key", "status", "orders", strings.Join(ids, ",")))
		if err != nil {
			return 0, err
		}
		if told := strings.Count(string(body), `"status":`); told != len(ids) {
			return 0, fmt.Errorf("the provider tells of %d orders, want %d", told, len(ids))
		}
	}
	return float64(n) / clock.System().Sub(before).Seconds(), nil
}

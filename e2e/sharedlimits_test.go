//go:build linux

package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/ratelimit/redistest"
)

// Three nodes with Redis let exactly a key's limit through together. When Redis goes
// away each counts by itself, says so, and fails no request; when it is back they
// share again.
func TestNodesShareLimitsInRedis(t *testing.T) {
	t.Parallel()
	const limit = 60
	server := redistest.Start(t)
	w := newWorld(t, db.Postgres)
	c := w.customer(money.Unit)
	var nodes []*panel
	for range 3 {
		nodes = append(nodes, w.serve("NOTPANEL_REDIS_URL="+server.URL(), "NOTPANEL_LIMIT_KEY=60"))
	}
	for _, n := range nodes {
		if got := n.limitsState(); got == "own" {
			t.Errorf("limits are %q at first", got)
		}
	}
	share := func(when string) {
		t.Helper()
		for range 10 {
			minute, away := time.Now().Unix()/60, aloneSoFar(nodes)
			passed, refused, other := askedAtOnce(t, nodes, c.key, 40)
			if time.Now().Unix()/60 != minute || other > 0 || aloneSoFar(nodes) != away {
				c.key = w.newKey(c) // a minute ended, or a busy machine kept Redis: with another key, from nothing
				continue
			}
			if passed != limit || refused != 3*40-limit {
				t.Errorf("%s: %d went through and %d were refused, want %d and %d", when, passed, refused, limit, 3*40-limit)
			}
			return
		}
		t.Errorf("%s: no run within one minute", when)
	}
	share("with Redis")

	server.Stop()
	c.key = w.newKey(c)
	if _, _, other := askedAtOnce(t, nodes, c.key, 40); other > 0 {
		t.Errorf("without Redis %d requests failed", other)
	}
	for _, n := range nodes {
		if got := n.limitsState(); got != "alone" {
			t.Errorf("limits are %q without Redis", got)
		}
	}
	server.Restart()
	eventually(t, "the nodes share again", func() bool {
		askedAtOnce(t, nodes, c.key, 1)
		for _, n := range nodes {
			if n.limitsState() != "shared" {
				return false
			}
		}
		return true
	})
	c.key = w.newKey(c)
	share("after Redis came back")
}

// askedAtOnce asks each node so often for the services, all at once.
func askedAtOnce(t *testing.T, nodes []*panel, key string, times int) (passed, refused, other int64) {
	t.Helper()
	var wg sync.WaitGroup
	var ok, many, rest atomic.Int64
	for _, n := range nodes {
		for range times {
			wg.Go(func() {
				switch a, err := n.try(t.Context(), form(key, "services")); {
				case err != nil:
					rest.Add(1)
				case a.status == http.StatusOK:
					ok.Add(1)
				case a.status == http.StatusTooManyRequests:
					many.Add(1)
				default:
					rest.Add(1)
				}
			})
		}
	}
	wg.Wait()
	return ok.Load(), many.Load(), rest.Load()
}

// aloneSoFar is how often the nodes have found Redis away.
func aloneSoFar(nodes []*panel) (times int) {
	for _, n := range nodes {
		times += strings.Count(n.stderr.String(), "this node counts requests by itself")
	}
	return times
}

// limitsState is what readiness says of the limits; no panel is less ready for it.
func (n *panel) limitsState() string {
	n.t.Helper()
	request, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, n.ops+"/readyz", http.NoBody)
	must(n.t, err)
	response, err := n.client.Do(request)
	must(n.t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(n.t, err)
	var state struct{ Limits string }
	must(n.t, json.Unmarshal(body, &state))
	if response.StatusCode != http.StatusOK {
		n.t.Errorf("readiness: %d %s", response.StatusCode, body)
	}
	return state.Limits
}

//go:build linux

package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// hook is an endpoint and the server behind it.
type hook struct {
	*webhooktest.Receiver

	account string
	address string
	secret  string
	healthy bool
	dead    bool // nobody listens yet
}

// hookCrowd is twenty endpoints of four customers, on addresses of their own: ten
// are well, five take 8 s, three are dead and two fail every few requests, until
// they recover.
type hookCrowd struct {
	t         *testing.T
	w         *world
	from      *source
	customers []*customer
	hooks     []*hook
	recovered chan struct{}

	placed atomic.Int64
}

const (
	crowdAccounts = 4
	crowdHooks    = 20
	crowdOrders   = 200
)

func newHookCrowd(t *testing.T, w *world) *hookCrowd {
	c := &hookCrowd{t: t, w: w, from: w.source("Upstream", newSlowUpstream(t, time.Millisecond).URL), recovered: make(chan struct{})}
	for range crowdAccounts {
		c.customers = append(c.customers, w.customer(10_000*money.Unit))
	}
	network := map[db.Engine]int{db.SQLite: 7, db.Postgres: 8}[w.db.Engine()]
	for i := range crowdHooks {
		h := &hook{account: c.customers[i%crowdAccounts].account.ID, healthy: i < 10, dead: i >= 15 && i < 18}
		address := fmt.Sprintf("127.0.%d.%d:0", network, i+1)
		if h.dead {
			h.address = unused(t, address)
		} else {
			h.Receiver = webhooktest.At(t, address)
			h.address = strings.TrimSuffix(strings.TrimPrefix(h.URL, "http://"), "/hook")
		}
		switch {
		case h.healthy || h.dead:
		case i < 15:
			h.Answer(c.slow)
		default:
			h.Answer(c.flapping())
		}
		c.hooks = append(c.hooks, h)
	}
	return c
}

// unused returns an address where nobody listens now.
func unused(t *testing.T, address string) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", address)
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}

// slow answers after 8 s, less than a delivery may take.
func (c *hookCrowd) slow(_ http.ResponseWriter, r *http.Request) {
	timer := time.NewTimer(8 * time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.recovered:
	case <-r.Context().Done():
	}
}

// flapping fails every other ten requests.
func (c *hookCrowd) flapping() http.HandlerFunc {
	var requests atomic.Int64
	return func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1)/10%2 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
}

// register adds the endpoints over the API.
func (c *hookCrowd) register(n *panel) {
	c.t.Helper()
	for i, h := range c.hooks {
		a := n.call(form(c.customers[i%crowdAccounts].key, "webhook.add", "url", "http://"+h.address+"/hook"))
		h.secret = decode[struct{ Secret string }](c.t, a.body).Secret
		if a.status != http.StatusOK || h.secret == "" {
			c.t.Fatalf("webhook.add: status %d, %s", a.status, a.body)
		}
	}
}

// order places all orders, those again that were placed already, until the panel
// has answered them all or is gone.
func (c *hookCrowd) order(ctx context.Context, n *panel) {
	var working sync.WaitGroup
	next := make(chan int)
	for range 8 {
		working.Go(func() {
			for i := range next {
				name := fmt.Sprintf("hooks-%03d", i)
				a, err := n.try(ctx, adding(c.customers[i%crowdAccounts].key, c.from, name, link(name, "", "complete")))
				if err == nil && a.status != http.StatusOK {
					c.t.Errorf("add: status %d, %s", a.status, a.body)
				}
				if err == nil {
					c.placed.Add(1)
				}
			}
		})
	}
	for i := range crowdOrders {
		if !n.running() {
			break
		}
		next <- i
	}
	close(next)
	working.Wait()
}

// recover lets every receiver be well.
func (c *hookCrowd) recover() {
	c.t.Helper()
	close(c.recovered)
	for _, h := range c.hooks {
		if h.dead {
			h.Receiver = webhooktest.At(c.t, h.address)
		} else {
			h.Answer(nil)
		}
	}
}

// happened is what the endpoints of an account are to be told.
type happened struct {
	account, orderID string
	sequence         int64
}

// events are those of the database, by their ids.
func (c *hookCrowd) events() map[string]happened {
	c.t.Helper()
	all := map[string]happened{}
	c.w.read(func(tx *db.Tx) error {
		clear(all)
		return tx.Each(func(s db.Scanner) error {
			var eventID string
			var e happened
			err := s.Scan(&eventID, &e.account, db.String(&e.orderID), &e.sequence)
			all[eventID] = e
			return err
		}, `SELECT id, account_id, order_id, sequence FROM webhook_events`)
	})
	return all
}

// waiting counts what is still to be told to some endpoints.
func (c *hookCrowd) waiting() int64 {
	return c.w.count(`SELECT COUNT(*) FROM webhook_events WHERE fanned_at IS NULL`) +
		c.w.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending'`)
}

// told checks that an endpoint got each event of its account, of each order in
// order, signed. It returns how many came more than once.
func (c *hookCrowd) told(h *hook, events map[string]happened) (again int) {
	c.t.Helper()
	seen, last := map[string]bool{}, map[string]int64{}
	for _, g := range h.All() {
		if err := g.Verify(h.secret); err != nil {
			c.t.Errorf("%s: %v", h.address, err)
		}
		if seen[g.Event.ID] {
			again++
			continue
		}
		seen[g.Event.ID] = true
		e, is := events[g.Event.ID]
		if !is || e.account != h.account || e.sequence != g.Event.Sequence {
			c.t.Errorf("%s got %s, which is not its", h.address, g.Body)
		}
		if last[e.orderID]++; e.orderID != "" && e.sequence != last[e.orderID] {
			c.t.Errorf("%s got event %d of %s as number %d", h.address, e.sequence, e.orderID, last[e.orderID])
		}
	}
	for eventID, e := range events {
		if e.account == h.account && !seen[eventID] {
			c.t.Errorf("%s never got event %d of %s", h.address, e.sequence, e.orderID)
		}
	}
	return again
}

// complete reports whether every endpoint that is well got all that happened.
func (c *hookCrowd) complete(events map[string]happened) bool {
	want := map[string]int{}
	for _, e := range events {
		want[e.account]++
	}
	for _, h := range c.hooks {
		if !h.healthy {
			continue
		}
		seen := map[string]bool{}
		for _, g := range h.All() {
			seen[g.Event.ID] = true
		}
		if len(seen) < want[h.account] {
			return false
		}
	}
	return true
}

// A sender that is killed among receivers that are slow, dead or failing loses
// nothing: those that are well get everything at once after the restart, the others
// when they recover, each order's events in order.
func TestKilledWhileWebhooksAreDelivered(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		c := newHookCrowd(t, w)
		env := []string{"NOTPANEL_DEV=1", "NOTPANEL_WEBHOOK_BACKOFF=0.0005"}
		n := w.serve(env...)
		c.register(n)
		ordered := make(chan struct{})
		go func() {
			defer close(ordered)
			c.order(t.Context(), n)
		}()
		eventually(t, "half of the orders are placed, and some told", func() bool {
			return c.placed.Load() >= crowdOrders/2 && len(c.hooks[0].All()) > 0
		})
		n.kill()
		<-ordered
		if c.waiting() == 0 || w.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'delivered'`) == 0 {
			t.Error("the kill came before the first delivery or after the last")
		}
		w.endLeases()
		taken := c.endLeases()
		n = w.serve(env...)
		c.order(t.Context(), n)
		w.settles()
		events := c.events()
		eventually(t, "the healthy endpoints have everything", func() bool { return c.complete(events) })
		if c.waiting() == 0 {
			t.Error("the others have everything too, before they recovered")
		}
		c.recover()
		eventually(t, "nothing waits", func() bool { return c.waiting() == 0 })
		events = c.events()
		again := 0
		for _, h := range c.hooks {
			again += c.told(h, events)
		}
		if n := w.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'delivered'`); n != int64(len(events)*crowdHooks/crowdAccounts) {
			t.Errorf("%d deliveries of %d events to five endpoints each", n, len(events))
		}
		if orders := w.count(`SELECT COUNT(*) FROM orders`); orders != crowdOrders || len(events) < 2*crowdOrders-8 { // of those uncertain since the kill nothing more is told
			t.Errorf("%d orders, %d events", orders, len(events))
		}
		t.Logf("%d events; %d deliveries were taken when the sender was killed; %d came again", len(events), taken, again)
	})
}

// endLeases makes it half a minute later for deliveries whose sender is gone, and
// returns how many it had taken.
func (c *hookCrowd) endLeases() (taken int64) {
	c.t.Helper()
	c.w.write(func(tx *db.Tx) (err error) {
		taken, err = tx.Exec(`UPDATE webhook_deliveries SET due_at = $1 WHERE due_at > $1`, db.At(tx.Now))
		return err
	})
	return taken
}

//go:build linux

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// spoiled are the simulator's words for an order that it takes without saying so.
var spoiled = []string{"timeout-accepted", "500-accepted", "500-json-accepted", "garbage", "drop-body", "complete"}

// A panel that dies after the provider took the order and before it learnt that
// does not send it again: nobody knows, so a person is asked.
func TestKilledWhileTheProviderAnswers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		from, c := w.source("Upstream", up.URL), w.customer(100*money.Unit)
		n := w.serve("NOTPANEL_PROVIDER_TIMEOUT=60s")
		orders := map[string]string{} // by link
		for _, word := range spoiled {
			at := link(word, holdAnswer, word)
			orders[at] = n.place(adding(c.key, from, word, at)).Order
		}
		for at := range orders {
			eventually(t, "the provider has taken the order", func() bool { return len(up.has(at)) == 1 })
		}
		n.kill()
		up.open()

		// Until the call has surely ended, its order stays as it was.
		again := w.serve()
		next := link("next", "", "complete")
		after := again.place(adding(c.key, from, "next", next)).Order
		w.reaches(after, order.Completed)
		for _, orderID := range orders {
			if o := w.order(orderID); o.State != order.Submitting {
				t.Errorf("%s is %s before its call has surely ended, want submitting", orderID, o.State)
			}
		}
		if ended := w.endLeases(); ended != int64(len(orders)) {
			t.Errorf("%d calls were under way, want %d", ended, len(orders))
		}
		for at, orderID := range orders {
			o := w.reaches(orderID, order.Uncertain)
			all := w.submissions(orderID)
			if len(all) != 1 || all[0].Outcome != fulfil.Unknown || o.Refunded != 0 {
				t.Errorf("%s: %d submissions, the last %s; refunded %s", at, len(all), all[len(all)-1].Outcome, o.Refunded)
			}
			w.chargedOnce(o.RequestID, orderID, charge)
		}
		// The forwarder has worked since; it must have left them alone.
		last := again.place(adding(c.key, from, "last", link("last", "", "complete"))).Order
		w.reaches(last, order.Completed)
		for at := range orders {
			if len(up.has(at)) != 1 || up.sent(at) != 1 {
				t.Errorf("%s: the provider holds %d orders after %d sendings, want 1 after 1", at, len(up.has(at)), up.sent(at))
			}
		}
		w.holds(c.wallet, 100*money.Unit-charge*money.Amount(len(orders)+2))
	})
}

// load is a crowd of clients that place orders, each with a request id and a
// link of its own, until they are told to stop or nobody answers.
type load struct {
	customer *customer
	choose   func(requestID string) (from *source, at string) // what stands under a request id

	next     atomic.Int64
	answered atomic.Int64
	again    atomic.Int64 // calls that were repeated because nobody answered

	mu    sync.Mutex
	acks  map[string]string // request id → answer that was received
	sent  []string          // request ids, answered or not
	wrong []string          // answers that should not be
}

func newLoad(c *customer, from *source) *load {
	return &load{customer: c, acks: map[string]string{}, choose: func(requestID string) (*source, string) {
		return from, link(requestID, "", "complete")
	}}
}

// client places orders at one panel after the other, until all have failed.
func (l *load) client(ctx context.Context, until int64, panels ...*panel) {
	for ctx.Err() == nil {
		one := l.next.Add(1)
		if one > until {
			return
		}
		if !l.place(ctx, l.begin(one), panels...) {
			return
		}
	}
}

// patient places orders at one panel and asks again until it is answered.
func (l *load) patient(ctx context.Context, until int64, n *panel) {
	for {
		one := l.next.Add(1)
		if one > until {
			return
		}
		requestID := l.begin(one)
		for !l.place(ctx, requestID, n) && ctx.Err() == nil {
			l.again.Add(1)
		}
	}
}

// begin notes a request id that is about to be sent.
func (l *load) begin(one int64) (requestID string) {
	requestID = fmt.Sprintf("load-%05d", one)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, requestID)
	return requestID
}

// place sends one order and reports whether anybody answered.
func (l *load) place(ctx context.Context, requestID string, panels ...*panel) bool {
	for _, n := range panels {
		if answered, err := l.ask(ctx, requestID, n); answered && err == nil {
			return true
		}
		// dead or draining; who is next?
	}
	return false
}

// ask sends one order to a panel and notes what is answered. One that is told to come
// again, or that nobody hears, is not answered.
func (l *load) ask(ctx context.Context, requestID string, n *panel) (answered bool, err error) {
	from, at := l.choose(requestID)
	a, err := n.try(ctx, adding(l.customer.key, from, requestID, at))
	if err != nil || a.status == http.StatusServiceUnavailable {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, twice := l.acks[requestID]; a.status != http.StatusOK || twice && before != a.body {
		l.wrong = append(l.wrong, fmt.Sprintf("%s: status %d, %s, before %s", requestID, a.status, a.body, before))
	}
	l.acks[requestID] = a.body
	l.answered.Add(1)
	return true, nil
}

// run lets clients place orders and calls after once some were answered.
func (l *load) run(t testing.TB, clients int, until, some int64, after func(), panels ...*panel) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	enough := l.answered.Load() + some
	var working sync.WaitGroup
	for range clients {
		working.Go(func() { l.client(ctx, until, panels...) })
	}
	eventually(t, "some orders are answered", func() bool { return l.answered.Load() >= enough })
	after()
	working.Wait()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatal("the clients did not come to an end")
	}
}

// repeat sends every request again, answered or not. A panel that is busy may tell some of
// them to come again, as those do then.
func (l *load) repeat(t testing.TB, n *panel) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var working sync.WaitGroup
	var later atomic.Int64
	work := make(chan string)
	for range 16 {
		working.Go(func() {
			for requestID := range work {
				answered, err := l.ask(ctx, requestID, n)
				for ; !answered && err == nil && pause(ctx); answered, err = l.ask(ctx, requestID, n) {
					later.Add(1)
				}
				if !answered {
					t.Errorf("%s got no answer from a panel that serves: %v", requestID, err)
				}
			}
		})
	}
	for _, requestID := range l.sent {
		work <- requestID
	}
	close(work)
	working.Wait()
	if later.Load() > 0 {
		t.Logf("of %d requests that were repeated some were told to come again, %d times", len(l.sent), later.Load())
	}
}

// booked compares what clients were told with what is in the ledger: each
// answered order once, each order charged once, none that nobody asked for.
func (l *load) booked(w *world) {
	w.t.Helper()
	for _, text := range l.wrong {
		w.t.Error(text)
	}
	type row struct {
		orderID, requestID string
		charges            int64
		sum                money.Amount
	}
	var rows []row
	w.read(func(tx *db.Tx) (err error) {
		rows, err = db.All(tx, func(s db.Scanner) (r row, err error) {
			err = s.Scan(&r.orderID, &r.requestID, &r.charges, &r.sum)
			return r, err
		}, `SELECT o.id, o.request_id, COUNT(t.id), CAST(COALESCE(SUM(t.amount), 0) AS BIGINT)
			FROM orders o LEFT JOIN transfers t ON t.kind = 'order' AND t.ref = o.id GROUP BY o.id, o.request_id`)
		return err
	})
	orders, sent := map[string]string{}, map[string]bool{}
	for _, requestID := range l.sent {
		sent[requestID] = true
	}
	for _, r := range rows {
		if orders[r.requestID] != "" {
			w.t.Errorf("%s has two orders", r.requestID)
		}
		orders[r.requestID] = r.orderID
		if r.charges != 1 || r.sum != charge {
			w.t.Errorf("%s: %d charges of %s, want 1 of %s", r.requestID, r.charges, r.sum, charge)
		}
		if !sent[r.requestID] {
			w.t.Errorf("%s was never sent", r.requestID)
		}
	}
	for requestID, ack := range l.acks {
		if orders[requestID] == "" || !strings.Contains(ack, orders[requestID]) {
			w.t.Errorf("%s was answered %s and is %q in the database", requestID, ack, orders[requestID])
		}
	}
	if n := w.count(`SELECT COUNT(*) FROM transfers WHERE kind = $1`, string(ledger.OrderCharge)); n != int64(len(rows)) {
		w.t.Errorf("%d charges for %d orders", n, len(rows))
	}
}

// settles waits until every order has ended or waits for a person. How soon
// providers are asked is not what is tested here, so it sees to that.
func (w *world) settles() (uncertain int64) {
	w.t.Helper()
	looks := 0
	eventually(w.t, "all orders rest", func() bool {
		if looks++; looks%100 == 0 {
			w.write(func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE orders SET next_check_at = $1 WHERE state IN ('processing', 'in_progress') AND next_check_at > $2`,
					db.At(tx.Now), db.At(tx.Now.Add(5*time.Second)))
				return err
			})
		}
		return w.count(`SELECT COUNT(*) FROM orders WHERE state NOT IN ('completed', 'uncertain')`) == 0
	})
	return w.count(`SELECT COUNT(*) FROM orders WHERE state = 'uncertain'`)
}

// A panel that is killed while many place orders has booked whole orders only,
// and every order that it answered. Whoever asks again gets the same.
func TestKilledWhileManyPlaceOrders(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const rounds, perRound, enough = 3, 120, 50
		up := newUpstream(t)
		c := w.customer(10_000 * money.Unit)
		l := newLoad(c, w.source("Upstream", up.URL))
		for range rounds {
			n := w.serve()
			l.run(t, 16, l.next.Load()+perRound, enough, n.kill, n)
			l.booked(w)
			w.audit()
			w.endLeases() // nobody is left to end these calls
		}
		n := w.serve()
		l.repeat(t, n)
		l.booked(w)
		if orders := w.count(`SELECT COUNT(*) FROM orders`); orders != int64(len(l.sent)) {
			t.Errorf("%d orders for %d requests, all of which were repeated", orders, len(l.sent))
		}
		w.holds(c.wallet, 10_000*money.Unit-charge*money.Amount(len(l.sent)))
		if uncertain := w.settles(); uncertain > rounds*8 {
			t.Errorf("%d orders are uncertain, more than were under way at %d kills", uncertain, rounds)
		}
		if twice := up.sentTwice(); len(twice) > 0 {
			t.Errorf("sent more than once: %s", twice)
		}
	})
}

// With two nodes, clients of the one that is killed go on at the other and see
// nothing of it but an answer that takes longer.
func TestKilledBesideAnotherNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.Postgres)
	const orders, enough = 200, 60
	up := newUpstream(t)
	c := w.customer(10_000 * money.Unit)
	l := newLoad(c, w.source("Upstream", up.URL))
	one, two := w.serve(), w.serve()
	l.run(t, 16, orders, enough, one.kill, one, two)
	if l.answered.Load() != orders {
		t.Errorf("%d orders were answered, want %d", l.answered.Load(), orders)
	}
	l.booked(w)
	w.holds(c.wallet, 10_000*money.Unit-charge*orders)
	l.repeat(t, two)
	l.booked(w)
	eventually(t, "the other node has sent the rest", func() bool {
		return w.count(`SELECT COUNT(*) FROM orders WHERE state = 'pending'`) == 0
	})
	w.endLeases()
	w.settles()
	if twice := up.sentTwice(); len(twice) > 0 {
		t.Errorf("sent more than once: %s", twice)
	}
}

// A panel that is asked to end finishes what it has begun: every order that was
// answered is there, none is charged without being there, and the next start
// goes on.
func TestEndedWhileManyPlaceOrders(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const orders, enough = 200, 60
		up := newUpstream(t)
		c := w.customer(10_000 * money.Unit)
		l := newLoad(c, w.source("Upstream", up.URL))
		n := w.serve()
		l.run(t, 16, orders, enough, n.terminate, n)
		l.booked(w)
		w.audit()
		if under := w.count(`SELECT COUNT(*) FROM submissions WHERE outcome = 'sending'`); under != 0 {
			t.Errorf("%d calls to the provider were left without their outcome", under)
		}
		t.Logf("%d of %d requests were answered before the end", len(l.acks), len(l.sent))

		n = w.serve()
		l.repeat(t, n)
		l.run(t, 16, orders, 0, func() {}, n)
		l.booked(w)
		if placed := w.count(`SELECT COUNT(*) FROM orders`); placed != orders {
			t.Errorf("%d orders, want %d", placed, orders)
		}
		w.holds(c.wallet, 10_000*money.Unit-charge*orders)
		if uncertain := w.settles(); uncertain != 0 {
			t.Errorf("%d orders are uncertain after an end in order", uncertain)
		}
		if twice := up.sentTwice(); len(twice) > 0 || len(up.sim.Orders()) != orders {
			t.Errorf("the provider holds %d orders, sent more than once: %s", len(up.sim.Orders()), twice)
		}
	})
}

// An end waits for the calls under way, so that no outcome is lost.
func TestEndedWhileTheProviderAnswers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		from, c, n := w.source("Upstream", up.URL), w.customer(10*money.Unit), w.serve("NOTPANEL_PROVIDER_TIMEOUT=20s")
		at := link("drain", holdAnswer, "complete")
		orderID := n.place(adding(c.key, from, "drain", at)).Order
		eventually(t, "the provider has taken the order", func() bool { return len(up.has(at)) == 1 })
		n.signal(syscall.SIGTERM)
		eventually(t, "the panel says that it is ending", func() bool { return strings.Contains(n.stderr.String(), `"msg":"stopping`) })
		if !n.running() {
			t.Error("the panel ended while a call was under way")
		}
		up.open()
		if code := n.wait(); code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
		if o := w.order(orderID); o.State != order.Processing || o.UpstreamID != strconv.FormatInt(up.has(at)[0].ID, 10) {
			t.Errorf("the order is %s under the id %q", o.State, o.UpstreamID)
		}
		w.serve()
		w.reaches(orderID, order.Completed)
	})
}

// One file has one panel.
func TestASecondPanelOnTheSameFileIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	n := w.serve()
	second := start(t, launch{args: []string{"serve"}, env: w.env("NOTPANEL_LISTEN=127.0.0.1:0", "NOTPANEL_OPS_LISTEN=")})
	if code := second.wait(); code != 1 || !strings.Contains(second.stderr.String(), "another panel serves") {
		t.Errorf("exit code %d, %s", code, second.stderr)
	}
	n.kill()
	// The lock went with its process, however it ended.
	w.serve().terminate()
}

// A start that fails sends nothing: who would learn the outcome?
func TestAStartThatFailsSendsNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		from, c, n := w.source("Upstream", up.URL), w.customer(10*money.Unit), w.serve()
		w.command("provider", "pause", "Upstream")
		at := link("waits", "", "complete")
		orderID := n.place(adding(c.key, from, "waits", at)).Order
		n.terminate()
		w.command("provider", "resume", "Upstream")
		for range 5 {
			taken := strings.TrimPrefix(up.URL, "http://")
			p := start(t, launch{args: []string{"serve"}, env: w.env("NOTPANEL_LISTEN="+taken, "NOTPANEL_OPS_LISTEN=")})
			if code := p.wait(); code != 1 || !strings.Contains(p.stderr.String(), "NOTPANEL_LISTEN") {
				t.Errorf("exit code %d, %s", code, p.stderr)
			}
		}
		if all := w.submissions(orderID); len(all) != 0 || up.sent(at) != 0 {
			t.Errorf("%d submissions, %d sendings", len(all), up.sent(at))
		}
		w.serve()
		w.reaches(orderID, order.Completed)
	})
}

// ready asks whether the panel is ready.
func (n *panel) ready(ctx context.Context) (status int, body string) {
	n.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.ops+"/readyz", http.NoBody)
	must(n.t, err)
	a, err := n.do(request)
	must(n.t, err)
	return a.status, a.body
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		n := w.serve()
		eventually(t, "the panel is ready", func() bool {
			status, body := n.ready(t.Context())
			return status == http.StatusOK && strings.HasPrefix(body, `{"ready":true,"draining":false,"database":true,`)
		})
		n.terminate()
	})
}

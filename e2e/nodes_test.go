//go:build linux

package e2e_test

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/secret"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// Three nodes that are started at the same moment on an empty database make its
// tables once, and all of them serve.
func TestThreeNodesBeginOnNothing(t *testing.T) {
	t.Parallel()
	key := secret.Generate()
	ring, err := secret.NewRing(key, nil)
	must(t, err)
	w := &world{t: t, url: emptyPostgres(t), secretKey: key.Reveal(), ring: ring}
	t.Cleanup(w.audit)
	nodes, _ := w.cluster(3)
	w.db = dbtest.Connect(t, w.url)
	w.accounts, w.keys = account.NewStore(w.db), apikey.NewStore(w.db, ring)
	w.catalog, w.providers = catalog.NewStore(w.db), provider.NewStore(w.db, ring)
	if twice := w.count(`SELECT COUNT(*) - COUNT(DISTINCT version_id) FROM goose_db_version`); twice != 0 {
		t.Errorf("%d steps were made more than once", twice)
	}
	from, c := w.source("Upstream", newUpstream(t).URL), w.customer(100*money.Unit)
	for i, n := range nodes {
		orderID := n.place(adding(c.key, from, strconv.Itoa(i), link(strconv.Itoa(i), "", "complete"))).Order
		w.reaches(orderID, order.Completed)
	}
	w.holds(c.wallet, 100*money.Unit-3*charge)
}

// While each of three nodes is ended and replaced, one after the other, customers who
// go to whoever serves get an answer to every order, pay once for each, and the
// provider is left without one of which nobody knows.
func TestNodesAreReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.Postgres)
	const clients, rounds, rest = 12, 2, 100 * time.Millisecond
	up := newUpstream(t)
	must(t, up.sim.SetBalance(1_000_000*money.Unit))
	c := w.customer(1_000_000 * money.Unit)
	l := newLoad(c, w.source("Upstream", up.URL))
	fleet := &fleet{nodes: []*panel{w.serve(), w.serve(), w.serve()}}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var working sync.WaitGroup
	var lost atomic.Int64
	for range clients {
		working.Go(func() {
			next := time.NewTicker(rest)
			defer next.Stop()
			for ; ctx.Err() == nil; <-next.C {
				requestID := l.begin(l.next.Add(1))
				if !l.place(context.WithoutCancel(ctx), requestID, fleet.round()...) {
					lost.Add(1)
				}
			}
		})
	}
	for range rounds {
		for i := range fleet.nodes {
			before := l.answered.Load()
			eventually(t, "some orders are answered", func() bool { return l.answered.Load() >= before+50 })
			fleet.replace(i, w.serve).terminate()
		}
	}
	stop()
	working.Wait()
	t.Logf("%d orders were answered while %d nodes were replaced", l.answered.Load(), rounds*len(fleet.nodes))
	if answered := l.answered.Load(); lost.Load() != 0 || answered != int64(len(l.sent)) {
		t.Errorf("%d of %d orders were answered, %d by nobody", answered, len(l.sent), lost.Load())
	}
	l.booked(w)
	w.holds(c.wallet, 1_000_000*money.Unit-charge*money.Amount(len(l.sent)))
	if uncertain := w.settles(); uncertain != 0 {
		t.Errorf("%d orders are uncertain after ends in order", uncertain)
	}
	if twice := up.sentTwice(); len(twice) > 0 || len(up.sim.Orders()) != len(l.sent) {
		t.Errorf("the provider holds %d of %d orders, sent more than once: %s", len(up.sim.Orders()), len(l.sent), twice)
	}
}

// fleet are nodes that are replaced while clients go from one to the other.
type fleet struct {
	mu    sync.Mutex
	nodes []*panel
	next  int
}

// round returns all nodes, beginning with another one each time.
func (f *fleet) round() (all []*panel) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	for i := range f.nodes {
		all = append(all, f.nodes[(f.next+i)%len(f.nodes)])
	}
	return all
}

// replace puts a new node in the place of one and returns that.
func (f *fleet) replace(i int, serve func(env ...string) *panel) (old *panel) {
	fresh := serve()
	f.mu.Lock()
	defer f.mu.Unlock()
	old, f.nodes[i] = f.nodes[i], fresh
	return old
}

// What a node had begun when it was killed is gone on with by another: the rest of a
// mass order and a delivery by nobody before the dead one's lease has run out, the next
// run of a drip-feed and staff's work for many at once. Each line, run and refund is
// made once; the delivery that was under way comes again, as the same event.
func TestAnotherNodeGoesOnWithWhatAKilledOneBegan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.Postgres)
	const lines, runs, orders = 300, 3, 300 + 1
	from, c, feeding := w.source("Upstream", newUpstream(t).URL), w.customer(10_000*money.Unit), w.customer(100*money.Unit)
	must(t, w.providers.SetState(t.Context(), from.provider.ID, provider.Paused, "test", "test")) // what is placed waits
	one := w.serve("NOTPANEL_DEV=1")
	told := webhooktest.New(t)
	release := holdFirst(told)
	defer release()
	if a := one.call(form(c.key, "webhook.add", "url", told.URL, "events", "order.created")); a.status != http.StatusOK {
		t.Fatalf("webhook.add: status %d, %s", a.status, a.body)
	}
	one.place(adding(c.key, from, "first", link("first", "", "complete")))
	drip := one.place(adding(feeding.key, from, "drip", link("drip", "", "complete"), "service", strconv.FormatInt(from.services["113"], 10),
		"runs", strconv.Itoa(runs), "interval", "60")).Order
	w.hasRuns(drip, 1)
	eventually(t, "the delivery is under way", func() bool { return len(told.All()) == 1 })
	w.placeSlowly()
	massID := w.massOrder(c, from, lines)
	placed := `SELECT COUNT(DISTINCT number) FROM mass_lines WHERE mass_id = $1`
	eventually(t, "some lines are placed", func() bool { return w.count(placed, massID) > 0 })
	inMidst := `SELECT COUNT(*) FROM mass_orders WHERE id = $1 AND state = 'placing' AND lease_until IS NOT NULL`
	eventually(t, "the node stops in the midst of a step", func() bool {
		one.freeze()
		if w.count(inMidst, massID) == 1 {
			return true
		}
		one.thaw()
		return false
	})
	one.kill()
	release()
	if n := w.count(placed, massID); n == lines {
		t.Error("all lines were placed before the node was killed")
	}
	first := told.All()[0].Event.ID
	held := []*held{w.heldMass(massID), w.heldDelivery(first, told)}
	two := w.serve("NOTPANEL_DEV=1")
	w.dueNow(drip)
	w.goesOn(held)
	w.hasRuns(drip, 2)
	eventually(t, "the mass order is done", func() bool {
		return w.count(`SELECT COUNT(*) FROM mass_orders WHERE id = $1 AND state = 'done'`, massID) == 1
	})
	charges := w.count(`SELECT COUNT(*) FROM transfers WHERE kind = 'order' AND debit = $1`, c.wallet)
	if n := w.count(placed, massID); n != lines || charges != orders {
		t.Errorf("%d of %d lines became orders, with %d charges beside that of the first", n, lines, charges-1)
	}
	w.holds(c.wallet, 10_000*money.Unit-charge*orders)
	eventually(t, "all deliveries have arrived", func() bool {
		return w.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'delivered'`) == orders
	})
	if times := arrivals(told); len(times) != orders || times[first] < 2 {
		t.Errorf("%d of %d events have arrived, the one that was under way %d times", len(times), orders, times[first])
	}

	third := w.serve("NOTPANEL_DEV=1")
	workID := w.cancelAll(c)
	open := `SELECT COUNT(*) FROM bulk_items WHERE work_id = $1 AND outcome = ''`
	eventually(t, "some orders are canceled", func() bool { return w.count(open, workID) < orders })
	two.kill()
	eventually(t, "all orders are canceled", func() bool { return w.count(open, workID) == 0 })
	if n := w.count(`SELECT COUNT(*) FROM orders WHERE account_id = $1 AND state = 'canceled'`, c.account.ID); n != orders {
		t.Errorf("%d of %d orders are canceled", n, orders)
	}
	if refunds := w.count(`SELECT COUNT(*) FROM transfers WHERE kind = 'refund' AND credit = $1`, c.wallet); refunds != orders {
		t.Errorf("%d refunds for %d orders", refunds, orders)
	}
	w.holds(c.wallet, 10_000*money.Unit)
	w.hasRuns(drip, 2)
	third.terminate()
}

// held is work that a dead node had taken.
type held struct {
	what  string
	until int64       // the dead one's lease
	taken func() bool // whether somebody else has taken it
	seen  bool
}

// heldMass is a mass order of which a node was placing some lines.
func (w *world) heldMass(massID string) *held {
	w.t.Helper()
	until := w.count(`SELECT COALESCE(lease_until, 0) FROM mass_orders WHERE id = $1`, massID)
	return &held{what: "the mass order", until: until, taken: func() bool {
		return w.count(`SELECT COUNT(*) FROM mass_orders WHERE id = $1 AND COALESCE(lease_until, 0) = $2`, massID, until) == 0
	}}
}

// heldDelivery is a delivery that a node was making.
func (w *world) heldDelivery(eventID string, r *webhooktest.Receiver) *held {
	w.t.Helper()
	until := w.count(`SELECT COALESCE(due_at, 0) FROM webhook_deliveries WHERE event_id = $1`, eventID)
	before := arrivals(r)[eventID]
	return &held{what: "the delivery", until: until, taken: func() bool { return arrivals(r)[eventID] > before }}
}

// arrivals is how often each event has come to a receiver.
func arrivals(r *webhooktest.Receiver) (times map[string]int) {
	times = map[string]int{}
	for _, g := range r.All() {
		times[g.Event.ID]++
	}
	return times
}

// goesOn waits until others have taken all that a dead node held, and fails the test
// where they did before its lease had run out.
func (w *world) goesOn(all []*held) {
	w.t.Helper()
	eventually(w.t, "another node goes on", func() bool {
		left := 0
		for _, h := range all {
			switch {
			case h.seen:
			case !h.taken():
				left++
			default:
				h.seen = true
				w.read(func(tx *db.Tx) error {
					if until := time.UnixMicro(h.until); tx.Now.Before(until) {
						w.t.Errorf("%s was taken %s before the dead node's lease had run out", h.what, until.Sub(tx.Now))
					}
					return nil
				})
			}
		}
		return left == 0
	})
}

// holdFirst lets the first answer of a receiver wait for release.
func holdFirst(r *webhooktest.Receiver) (release func()) {
	held := make(chan struct{})
	var deliveries atomic.Int64
	r.Answer(func(http.ResponseWriter, *http.Request) {
		if deliveries.Add(1) == 1 {
			<-held
		}
	})
	return sync.OnceFunc(func() { close(held) })
}

// placeSlowly lets each order that is placed take some milliseconds, so that a mass
// order is found in its midst.
func (w *world) placeSlowly() {
	w.t.Helper()
	w.write(func(tx *db.Tx) error {
		for _, statement := range []string{
			`CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END $body$`,
			`CREATE TRIGGER dawdle BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION dawdle()`,
		} {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// hasRuns waits until a drip-feed has so many runs.
func (w *world) hasRuns(orderID string, runs int64) {
	w.t.Helper()
	eventually(w.t, "the drip-feed has "+strconv.FormatInt(runs, 10)+" runs", func() bool {
		return w.count(`SELECT COUNT(*) FROM orders WHERE parent_id = $1`, orderID) == runs
	})
}

// dueNow makes it time for the next run of a drip-feed.
func (w *world) dueNow(orderID string) {
	w.t.Helper()
	w.write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE orders SET next_run_at = $2 WHERE id = $1 AND next_run_at IS NOT NULL`, orderID, db.At(tx.Now))
		return err
	})
}

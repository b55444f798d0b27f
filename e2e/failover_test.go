//go:build linux

package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/db/pgtest"
	"github.com/notpanel/notpanel/internal/money"
)

// failovers is how often the primary is killed. A few show that it works, more
// that it always does.
var failovers = flag.Int("failovers", 2, "how often TestPrimaryKilledUnderLoad kills the primary")

// patientNode is the environment of a node that waits long for a provider: on a busy
// machine an order would otherwise be uncertain for no other reason.
const patientNode = "NOTPANEL_PROVIDER_TIMEOUT=60s"

// failoverSeed fixes when each kill comes.
const failoverSeed = 8

// newCluster makes a world whose database is a primary with two synchronous
// standbys. All of it, the schema too, goes by the address with three hosts.
func newCluster(t testing.TB) (*world, *pgtest.Cluster) {
	t.Helper()
	return newClusterOf(t, pgtest.Options{})
}

func newClusterOf(t testing.TB, opts pgtest.Options) (*world, *pgtest.Cluster) {
	t.Helper()
	if !pgtest.Available() {
		dbtest.NewURL(t, db.Postgres) // skips, or fails where it must not
	}
	cluster, err := pgtest.StartCluster(t.Context(), opts)
	must(t, err)
	t.Cleanup(func() { must(t, cluster.Stop()) })
	must(t, cluster.Primary().CreateDatabase(t.Context(), "panel"))
	url := cluster.URL("panel")
	d, err := db.Open(t.Context(), url, db.Options{})
	must(t, err)
	_, err = d.Migrate(t.Context())
	must(t, err)
	must(t, d.Close())
	return newWorldAt(t, url), cluster
}

// failover is a load on nodes whose primary is killed again and again.
type failover struct {
	*world

	cluster *pgtest.Cluster
	nodes   []*panel
	load    *load
	credits *credits
	random  *rand.Rand
}

// The primary is killed while many place orders at three nodes and money is
// credited: whatever was answered is there, once, at the standby that is promoted.
// The nodes say that they have no database, go on by themselves once there is a
// primary, send every order, none of them twice, and leave none to a person; and the
// books are right.
func TestPrimaryKilledUnderLoad(t *testing.T) { //nolint:paralleltest // it has the machine to itself: nodes, servers and clients enough for it
	w, cluster := newCluster(t)
	up := newUpstream(t)
	must(t, up.sim.SetBalance(1_000_000*money.Unit))
	f := &failover{
		world: w, cluster: cluster, load: newLoad(w.customer(100_000*money.Unit), w.source("Upstream", up.URL)),
		credits: &credits{w: w, to: w.customer(0)}, random: rand.New(rand.NewPCG(failoverSeed, failoverSeed)),
	}
	for range 3 {
		f.nodes = append(f.nodes, w.serve(patientNode))
	}
	for round := range *failovers {
		f.round(round + 1)
	}
	l := f.load
	l.repeat(t, f.nodes[0])
	l.booked(w)
	if orders := w.count(`SELECT COUNT(*) FROM orders`); orders != int64(len(l.sent)) {
		t.Errorf("%d orders for %d requests, all of which were repeated", orders, len(l.sent))
	}
	w.holds(l.customer.wallet, 100_000*money.Unit-charge*money.Amount(len(l.sent)))
	t.Logf("%d orders, %d credits, %d lost primaries", len(l.sent), len(f.credits.acks), *failovers)
	if uncertain := f.rests(up); uncertain != 0 {
		t.Errorf("%d orders are uncertain, though no node died", uncertain)
	}
	if twice := up.sentTwice(); len(twice) > 0 {
		t.Errorf("sent more than once: %s", twice)
	}
	for i, n := range f.nodes {
		if !n.running() {
			t.Errorf("node %d has ended", i+1)
		}
	}
}

// round kills the primary under load, promotes a standby, and proves what is there.
func (f *failover) round(number int) {
	f.t.Helper()
	stop := f.begin()
	defer stop()
	f.some(40 + int64(f.random.IntN(80)))

	killed := time.Now()
	must(f.t, f.cluster.KillPrimary(f.t.Context()))
	for i, n := range f.nodes {
		eventually(f.t, fmt.Sprintf("node %d says that it has no database", i+1), func() bool {
			status, body := n.ready(f.t.Context())
			return status == http.StatusServiceUnavailable && strings.Contains(body, `"database":false`)
		})
	}
	promoting := time.Now()
	must(f.t, f.cluster.Promote(f.t.Context()))
	promoted := time.Now()
	placing := f.placeAgain(number, promoted)
	ready := f.readyAgain(promoted)
	f.t.Logf("round %d: no primary for %s, promoted in %s; after that the nodes placed again in %s and were ready in %s",
		number, milliseconds(promoting.Sub(killed)), milliseconds(promoted.Sub(promoting)), placing, ready)

	must(f.t, f.cluster.Rebuild(f.t.Context()))
	f.some(40)
	stop()
	f.heal()
	f.load.booked(f.world)
	f.credits.booked()
	f.audit()
}

// begin lets clients place orders, each at the nodes in an order of its own, and
// money be credited. Whoever is stopped waits for the answer to what they have asked.
func (f *failover) begin() (stop func()) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 5*within)
	end := make(chan struct{})
	var working sync.WaitGroup
	for i := range 9 {
		order := slices.Concat(f.nodes[i%len(f.nodes):], f.nodes[:i%len(f.nodes)])
		working.Go(func() { f.load.stubborn(ctx, end, order...) })
	}
	working.Go(func() { f.credits.give(ctx, end) })
	return sync.OnceFunc(func() {
		close(end)
		working.Wait()
		if ctx.Err() != nil {
			f.t.Error("the clients did not come to an end")
		}
		cancel()
	})
}

// some waits until more orders were answered.
func (f *failover) some(more int64) {
	f.t.Helper()
	enough := f.load.answered.Load() + more
	eventually(f.t, "some orders are answered", func() bool { return f.load.answered.Load() >= enough })
}

// placeAgain waits until each node has placed a new order, and returns how long
// after the promotion that was.
func (f *failover) placeAgain(number int, promoted time.Time) (after []string) {
	f.t.Helper()
	after = make([]string, len(f.nodes))
	ctx, cancel := context.WithTimeout(f.t.Context(), within)
	defer cancel()
	var asking sync.WaitGroup
	for i, n := range f.nodes {
		requestID := f.load.begin(int64(90_000 + 10*number + i))
		asking.Go(func() {
			for !f.load.place(ctx, requestID, n) && pause(ctx) {
			}
			after[i] = milliseconds(time.Since(promoted))
		})
	}
	asking.Wait()
	if ctx.Err() != nil {
		f.t.Fatalf("not within %s of the promotion: every node places again", within)
	}
	return after
}

// readyAgain is placeAgain for what a balancer looks at.
func (f *failover) readyAgain(promoted time.Time) (after []string) {
	f.t.Helper()
	for i, n := range f.nodes {
		eventually(f.t, fmt.Sprintf("node %d is ready", i+1), func() bool {
			status, _ := n.ready(f.t.Context())
			return status == http.StatusOK
		})
		after = append(after, milliseconds(time.Since(promoted)))
	}
	return after
}

// heal waits until the tests' own connections lead to the new primary.
func (w *world) heal() {
	w.t.Helper()
	eventually(w.t, "the tests reach the primary", func() bool {
		return w.db.Read(w.t.Context(), func(tx *db.Tx) error { return tx.QueryRow(`SELECT 1`).Scan(new(int)) }) == nil
	})
}

// rests waits until nothing is to be sent, and settles. No lease is made to run out:
// where a node could not know whether its claim of an order was committed, it has to
// see to that order itself.
func (f *failover) rests(up *upstream) (uncertain int64) {
	f.t.Helper()
	eventually(f.t, "all that was pending is sent", func() bool {
		return f.count(`SELECT COUNT(*) FROM orders WHERE state = 'pending'`) == 0
	})
	for _, n := range f.nodes {
		eventually(f.t, "the calls under way have ended", func() bool { return up.calls() == 0 && n.running() })
	}
	return f.settles()
}

// stubborn places orders until the end. One that nobody answers is asked for again,
// everywhere, until somebody does.
func (l *load) stubborn(ctx context.Context, end <-chan struct{}, panels ...*panel) {
	for !over(end) && pause(ctx) {
		requestID := l.begin(l.next.Add(1))
		for !l.place(ctx, requestID, panels...) && pause(ctx) {
			l.again.Add(1)
		}
	}
}

// over reports whether something has been closed.
func over(end <-chan struct{}) bool {
	select {
	case <-end:
		return true
	default:
		return false
	}
}

// pause is a client's patience before it asks again. It is false at the end.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(50 * time.Millisecond):
		return true
	}
}

func milliseconds(d time.Duration) string { return d.Round(time.Millisecond).String() }

// credits is money that is credited, one by one, each until it is answered.
type credits struct {
	w    *world
	to   *customer
	acks []string // refs
	sent int
}

// creditOf is what each of them is.
const creditOf = money.Unit

func (c *credits) give(ctx context.Context, end <-chan struct{}) {
	for !over(end) {
		one := account.NewCredit{Account: c.to.account.ID, Amount: creditOf, Reason: "a gift", Ref: account.CreditRef()}
		c.sent++
		for again := true; again; {
			_, err := c.w.accounts.CreditOnce(ctx, one, "test")
			if err == nil {
				c.acks = append(c.acks, one.Ref)
			}
			again = pause(ctx) && err != nil
		}
	}
}

// booked fails the test unless each answered credit is there, once.
func (c *credits) booked() {
	c.w.t.Helper()
	there := map[string]int{}
	c.w.read(func(tx *db.Tx) error {
		return tx.Each(func(s db.Scanner) error {
			var ref string
			err := s.Scan(&ref)
			there[ref]++
			return err
		}, `SELECT ref FROM transfers WHERE kind = 'credit' AND credit = $1`, c.to.wallet)
	})
	for _, ref := range c.acks {
		if there[ref] != 1 {
			c.w.t.Errorf("the credit %s was answered and is there %d times", ref, there[ref])
		}
	}
	if len(there) > c.sent {
		c.w.t.Errorf("%d credits are there, %d were sent", len(there), c.sent)
	}
	c.w.holds(c.to.wallet, creditOf*money.Amount(len(there)))
}

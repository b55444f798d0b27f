//go:build linux

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// An order that is canceled the moment it was placed is either never sent and
// paid back, or sent once and paid for.
func TestCancelAgainstSending(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const orders = 48
		up := newUpstream(t)
		from, c, n := w.source("Upstream", up.URL), w.customer(1_000*money.Unit), w.serve()
		ids, answers, calls := make([]placed, orders), make([]answer, orders), make([]func(), orders)
		errs := make([]error, orders)
		for i := range calls {
			name := "cancel-" + strconv.Itoa(i)
			calls[i] = func() {
				a, err := n.try(t.Context(), adding(c.key, from, name, link(name, "", "complete")))
				if errs[i] = err; err != nil {
					return
				}
				ids[i] = placed{Order: strings.Split(a.body, `"`)[3]}
				answers[i], errs[i] = n.try(t.Context(), form(c.key, "cancel", "order", ids[i].Order))
			}
		}
		together(calls...)
		canceled := 0
		for i, p := range ids {
			must(t, errs[i])
			eventually(t, p.Order+" has ended", func() bool { return w.order(p.Order).State.Final() })
			at, o := link("cancel-"+strconv.Itoa(i), "", "complete"), w.order(p.Order)
			wished := answers[i].status == http.StatusOK
			switch o.State {
			case order.Canceled:
				canceled++
				if !wished || o.Refunded != charge || up.sent(at) != 0 && len(up.has(at)) != 0 {
					t.Errorf("canceled (%s), refunded %s, %d sendings", answers[i].body, o.Refunded, up.sent(at))
				}
			case order.Completed:
				if o.Refunded != 0 || up.sent(at) != 1 || len(up.has(at)) != 1 {
					t.Errorf("completed, refunded %s, %d sendings", o.Refunded, up.sent(at))
				}
			default:
				t.Errorf("%s is %s", p.Order, o.State)
			}
		}
		t.Logf("%d of %d were canceled", canceled, orders)
		w.holds(c.wallet, 1_000*money.Unit-charge*money.Amount(orders-canceled))
	})
}

// Orders that a provider could take for one go one after the other, whoever
// sends them; behind one of which nobody knows the others wait.
func TestEqualOrdersGoOneAfterTheOther(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const orders = 6
		up := newUpstream(t)
		from, c := w.source("Upstream", up.URL), w.customer(100*money.Unit)
		nodes := []*panel{w.serve()}
		if w.db.Engine() == db.Postgres {
			nodes = append(nodes, w.serve())
		}
		equal := link("equal", "", "slow:50ms")
		var ids []string
		for i := range orders {
			ids = append(ids, nodes[i%len(nodes)].place(adding(c.key, from, "equal-"+strconv.Itoa(i), equal)).Order)
		}
		for _, orderID := range ids {
			w.reaches(orderID, order.Completed)
		}
		if up.sent(equal) != orders || up.sideBySide(equal) != 1 {
			t.Errorf("%d sendings, up to %d at a time; want %d, one at a time", up.sent(equal), up.sideBySide(equal), orders)
		}

		unknown := link("unknown", loseFirst, "complete")
		first := nodes[0].place(adding(c.key, from, "unknown-1", unknown)).Order
		w.reaches(first, order.Uncertain)
		second := nodes[0].place(adding(c.key, from, "unknown-2", unknown)).Order
		other := nodes[0].place(adding(c.key, from, "other", link("other", "", "complete"))).Order
		w.reaches(other, order.Completed)
		if o := w.order(second); o.State != order.Pending || up.sent(unknown) != 1 {
			t.Errorf("behind an uncertain order: %s after %d sendings", o.State, up.sent(unknown))
		}
		w.command("order", "settle", first, "--cancel")
		w.reaches(second, order.Completed)
		w.holds(c.wallet, 100*money.Unit-charge*(orders+2))
	})
}

// A database that drops the panel's connections in the middle of everything
// costs time. No answer is wrong, nothing is booked or sent twice.
func TestTheDatabaseDropsConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.Postgres)
	const orders, drops = 240, 15
	up := newUpstream(t)
	c := w.customer(10_000 * money.Unit)
	l := newLoad(c, w.source("Upstream", up.URL))
	n := w.serve()
	connection := connect(t, w.url)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var working sync.WaitGroup
	for range 16 {
		working.Go(func() { l.patient(ctx, orders, n) })
	}
	dropped := int64(0)
	for i := range int64(drops) {
		eventually(t, "some more orders are answered", func() bool { return l.answered.Load() >= i*orders/drops/2 })
		dropped += drop(t, connection)
	}
	working.Wait()
	w.db = dbtest.Connect(t, w.url) // ours were dropped too
	t.Logf("%d connections were dropped, %d calls were asked again", dropped, l.again.Load())
	if answered := l.answered.Load(); answered != orders || dropped == 0 {
		t.Errorf("%d of %d orders were answered, %d connections were dropped", answered, orders, dropped)
	}
	l.booked(w)
	l.repeat(t, n)
	l.booked(w)
	w.holds(c.wallet, 10_000*money.Unit-charge*orders)
	eventually(t, "all orders are sent", func() bool {
		return w.count(`SELECT COUNT(*) FROM orders WHERE state = 'pending'`) == 0
	})
	n.terminate() // it stores the outcomes that it still has
	w.endLeases()
	n = w.serve()
	t.Logf("%d orders are uncertain", w.settles())
	if twice := up.sentTwice(); len(twice) > 0 || len(up.sim.Orders()) > orders {
		t.Errorf("the provider holds %d orders, sent more than once: %s", len(up.sim.Orders()), twice)
	}
	n.terminate()
}

// connect opens a connection of its own, outside of any pool.
func connect(t testing.TB, address string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	c, err := pgx.Connect(ctx, address)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close(context.WithoutCancel(t.Context()))) })
	return c
}

// drop ends every other connection to the database, whatever it does.
func drop(t testing.TB, c *pgx.Conn) (dropped int64) {
	t.Helper()
	must(t, c.QueryRow(t.Context(), `SELECT COUNT(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&dropped))
	return dropped
}

// A node that is frozen in the middle of a transaction holds what it has locked
// for some seconds only. Whoever needs that is told to come again, nobody else
// waits long, and then all is placed.
func TestAFrozenTransactionIsEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.Postgres)
	from, n := w.source("Upstream", newUpstream(t).URL), w.serve()
	locked, other := w.customer(10*money.Unit), w.customer(10*money.Unit)
	thaw := w.freezeWallet(locked)
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var calls []func()
	loads := []*load{newLoad(locked, from), newLoad(other, from)}
	for _, l := range loads {
		calls = append(calls, func() { l.patient(ctx, 1, n) })
	}
	together(calls...)
	for _, l := range loads {
		for _, text := range l.wrong {
			t.Error(text)
		}
		t.Logf("asked again %d times", l.again.Load())
		w.holds(l.customer.wallet, 10*money.Unit-charge)
	}
	if err := thaw(); err == nil {
		t.Error("the frozen transaction was not ended")
	}
}

// freezeWallet locks a customer's wallet in a transaction that does nothing more
// until thaw is called, which returns what became of it.
func (w *world) freezeWallet(c *customer) (thaw func() error) {
	w.t.Helper()
	locked, hold, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	tell, release := sync.OnceFunc(func() { close(locked) }), sync.OnceFunc(func() { close(hold) })
	w.t.Cleanup(release)
	go func() {
		ended <- w.db.Write(context.WithoutCancel(w.t.Context()), func(tx *db.Tx) error {
			var walletID string
			err := tx.QueryRow(`SELECT id FROM wallets WHERE id = $1 FOR NO KEY UPDATE`, c.wallet).Scan(&walletID)
			tell()
			<-hold
			return err
		})
	}()
	<-locked
	return func() error {
		release()
		return <-ended
	}
}

// Whoever is first makes the tables and the key; the others find them. All of
// them begin at the same moment on nothing.
func TestManyBeginAtOnceOnNothing(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			const many = 6
			folder := t.TempDir() // the key's file is made here, or beside the database
			address := "sqlite:" + filepath.Join(folder, "panel.db")
			if engine == db.Postgres {
				address = emptyPostgres(t)
			}
			env := []string{"NOTPANEL_DATABASE_URL=" + address, "NOTPANEL_LISTEN=127.0.0.1:0", "NOTPANEL_OPS_LISTEN=127.0.0.1:0"}
			var all []*process
			for i := range many {
				args := []string{"account", "create", "--email", fmt.Sprintf("user-%d@example.com", i)}
				if i == 0 {
					args = []string{"serve"}
				}
				all = append(all, start(t, launch{args: args, env: env, dir: folder, stdin: password + "\n"}))
			}
			n := serving(t, all[0])
			for _, p := range all[1:] {
				if code := p.wait(); code != 0 {
					t.Errorf("%s: exit code %d, %s", p.name, code, p.stderr)
				}
			}
			made := decode[issued](t, finish(t, launch{args: []string{"key", "create", "--account", "user-1@example.com", "--json"}, env: env, dir: folder}))
			if a := n.call(form(made.Key, "balance")); a.status != http.StatusOK {
				t.Errorf("a key of the command line at the panel: status %d, %s", a.status, a.body)
			}
			finish(t, launch{args: []string{"audit"}, env: env, dir: folder})
			n.terminate()
		})
	}
}

// finish runs a command that must succeed.
func finish(t testing.TB, l launch) string {
	t.Helper()
	p := start(t, l)
	if code := p.wait(); code != 0 {
		t.Fatalf("%s: exit code %d, %s", p.name, code, p.stderr)
	}
	return p.stdout.String()
}

// emptyPostgres makes a database without tables and returns its address.
func emptyPostgres(t testing.TB) string {
	t.Helper()
	address := dbtest.NewURL(t, db.Postgres)
	u, err := url.Parse(address)
	must(t, err)
	name := "empty_" + strings.TrimPrefix(u.Path, "/")
	_, err = connect(t, address).Exec(t.Context(), "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	must(t, err)
	u.Path = name
	return u.String()
}

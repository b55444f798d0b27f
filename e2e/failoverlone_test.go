//go:build linux

package e2e_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/pgtest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// waiting are the backends whose commit waits for a standby.
const waiting = ` FROM pg_stat_activity WHERE wait_event = 'SyncRep'`

// An order that reached no standby is lost with its primary, however its wait came to
// an end: so nobody was told that it exists, it was not sent, and whoever asks again
// places it.
func TestOrderThatOnlyTheLostPrimaryHad(t *testing.T) {
	t.Parallel()
	w, cluster := newCluster(t)
	up := newUpstream(t)
	c, from := w.customer(100*money.Unit), w.source("Upstream", up.URL)
	n := w.serve()
	ends := []struct {
		name  string
		ended string // what is done to the waiting backends
		there int64  // whether the order can be read at the primary after that
	}{
		{"killed", `SELECT COUNT(*)` + waiting, 0},
		{"canceled", `SELECT COUNT(pg_cancel_backend(pid))` + waiting, 1},
		{"terminated", `SELECT COUNT(pg_terminate_backend(pid))` + waiting, 1},
	}
	for _, end := range ends {
		at := link(end.name, "", "complete")
		must(t, cluster.Disconnect(t.Context()))
		old := lookAt(t, cluster.Primary())
		answered := w.ask(n, adding(c.key, from, end.name, at))
		eventually(t, "a commit waits, and the order is "+end.name, func() bool {
			waits := count(t, old, end.ended)
			return waits > 0 && end.there == 0 || len(answered) > 0
		})
		if there := count(t, old, `SELECT COUNT(*) FROM orders WHERE request_id = '`+end.name+`'`); there != end.there {
			t.Errorf("%s: the primary shows %d orders, want %d", end.name, there, end.there)
		}
		must(t, old.Close())
		must(t, cluster.KillPrimary(t.Context()))
		must(t, cluster.Promote(t.Context()))
		if a := <-answered; a.status != http.StatusServiceUnavailable {
			t.Errorf("%s: the order that is lost was answered %d, %s", end.name, a.status, a.body)
		}
		w.heal()
		if there := w.count(`SELECT COUNT(*) FROM orders WHERE request_id = $1`, end.name); there != 0 || up.sent(at) != 0 {
			t.Errorf("%s: the new primary has %d orders, and %d were sent; want none", end.name, there, up.sent(at))
		}
		must(t, cluster.Rebuild(t.Context()))

		var again answer
		eventually(t, end.name+": the order is placed", func() bool {
			again = <-w.ask(n, adding(c.key, from, end.name, at))
			return again.status == http.StatusOK
		})
		orderID := decode[placed](t, again.body).Order
		w.chargedOnce(end.name, orderID, charge)
		w.reaches(orderID, order.Completed)
	}
	w.holds(c.wallet, 100*money.Unit-charge*money.Amount(len(ends)))
	if twice := up.sentTwice(); len(twice) > 0 {
		t.Errorf("sent more than once: %s", twice)
	}
}

// ask makes a call whose answer may take long.
func (w *world) ask(n *panel, fields url.Values) <-chan answer {
	w.t.Helper()
	answered := make(chan answer, 1)
	go func() {
		a, err := n.try(context.WithoutCancel(w.t.Context()), fields)
		if err != nil {
			w.t.Errorf("the node does not answer: %v", err)
		}
		answered <- a
	}()
	return answered
}

// lookAt opens a server of the cluster by itself.
func lookAt(t testing.TB, server *pgtest.Server) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), server.URL("panel"), db.Options{})
	must(t, err)
	return d
}

func count(t testing.TB, d *db.DB, query string) (n int64) {
	t.Helper()
	must(t, d.Read(context.WithoutCancel(t.Context()), func(tx *db.Tx) error { return tx.QueryRow(query).Scan(&n) }))
	return n
}

//go:build linux

package e2e_test

import (
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/db/pgtest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// Commands and a node that starts find the primary behind the address of all three
// servers, whichever it is by now; the backup is PostgreSQL's own program's, which
// reads that address too.
func TestCommandsFindThePrimary(t *testing.T) {
	t.Parallel()
	w, cluster := newClusterOf(t, pgtest.Options{Durable: true})
	up := newUpstream(t)
	c, from := w.customer(10*money.Unit), w.source("Upstream", up.URL)
	must(t, cluster.KillPrimary(t.Context()))
	if said := w.refused("account", "credit", c.account.Email, "1", "--reason", "a gift"); !strings.Contains(said, "reach PostgreSQL") {
		t.Errorf("without a primary: %s", said)
	}
	must(t, cluster.Promote(t.Context()))
	must(t, cluster.Rebuild(t.Context())) // the first host is a standby now

	_, doctor, complaint := w.try("", "doctor")
	if !strings.Contains(doctor, "2 standbys stream, 2 of them in step") || strings.Contains(doctor, "this server is a standby") {
		t.Errorf("doctor: %s%s", doctor, complaint)
	}
	w.command("account", "credit", c.account.Email, "1", "--reason", "a gift")
	w.heal()
	w.holds(c.wallet, 11*money.Unit)
	folder := t.TempDir()
	w.command("backup", folder)
	w.command("backup", "--verify", folder)
	orderID := w.serve().place(adding(c.key, from, "after", link("after", "", "complete"))).Order
	w.reaches(orderID, order.Completed)
}

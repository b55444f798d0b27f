//go:build linux

package e2e_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/bulk"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/massorder"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/staff"
)

// A panel that is killed again and again in the midst of a mass order, and then of
// staff's cancelling all of it, places each line once and gives each charge back once.
func TestKilledDuringWorkForMany(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const lines = massorder.MaxLines
		up := newUpstream(t)
		from, c := w.source("Upstream", up.URL), w.customer(10_000*money.Unit)
		must(t, w.providers.SetState(t.Context(), from.provider.ID, provider.Paused, "test", "test")) // what is placed waits
		massID := w.massOrder(c, from, lines)
		placed := `SELECT COUNT(*) FROM orders WHERE account_id = $1`
		n, kills := w.killedUntil(func() int64 { return w.count(placed, c.account.ID) }, lines)
		eventually(t, "the mass order is done", func() bool {
			return w.count(`SELECT COUNT(*) FROM mass_orders WHERE id = $1 AND state = 'done'`, massID) == 1
		})
		distinct := w.count(`SELECT COUNT(DISTINCT number) FROM mass_lines WHERE mass_id = $1`, massID)
		charges := w.count(`SELECT COUNT(*) FROM transfers WHERE kind = 'order' AND debit = $1`, c.wallet)
		n.terminate()
		if n := w.count(placed, c.account.ID); n != lines || distinct != lines || charges != lines {
			t.Errorf("%d lines became %d orders, %d of them named by the lines, with %d charges", lines, n, distinct, charges)
		}
		w.holds(c.wallet, 10_000*money.Unit-lines*charge)

		workID := w.cancelAll(c)
		done := `SELECT COUNT(*) FROM bulk_items WHERE work_id = $1 AND outcome = 'done'`
		_, more := w.killedUntil(func() int64 { return w.count(done, workID) }, lines)
		refunds := w.count(`SELECT COUNT(*) FROM transfers WHERE kind = 'refund' AND credit = $1`, c.wallet)
		if n := w.count(`SELECT COUNT(*) FROM orders WHERE account_id = $1 AND state = 'canceled'`, c.account.ID); n != lines || refunds != lines {
			t.Errorf("%d orders were canceled with %d refunds, want %d with as many", n, refunds, lines)
		}
		w.holds(c.wallet, 10_000*money.Unit)
		if kills == 0 || more == 0 {
			t.Errorf("it was killed %d and %d times, want at least once in each work", kills, more)
		}
	})
}

// massOrder begins a mass order that the next panel to serve places.
func (w *world) massOrder(c *customer, from *source, lines int) (massID string) {
	w.t.Helper()
	store := massorder.NewStore(w.db)
	all := make([]massorder.Line, lines)
	for i := range all {
		price := charge
		all[i] = massorder.Line{Number: int64(i) + 1, Charge: &price, Fields: map[string]string{
			"service": from.service(), "link": link("mass-"+strconv.Itoa(i), "", "complete"), "quantity": strconv.Itoa(quantity),
		}}
	}
	massID, err := store.Add(w.t.Context(), c.account.ID, all)
	must(w.t, err)
	must(w.t, store.Begin(w.t.Context(), c.account.ID, massID, false))
	return massID
}

// cancelAll begins staff's cancelling of all orders of a customer.
func (w *world) cancelAll(c *customer) (workID string) {
	w.t.Helper()
	owner, err := w.accounts.Create(w.t.Context(), "owner@example.com", password, account.Owner, "test")
	must(w.t, err)
	orderIDs, more, err := order.NewStore(w.db).Fitting(w.t.Context(), order.Filter{AccountID: c.account.ID}, bulk.MaxOrders)
	must(w.t, err)
	if more {
		w.t.Fatal("the customer has more orders than one work may have")
	}
	workID = bulk.NewID()
	must(w.t, bulk.NewStore(w.db).Begin(context.WithoutCancel(w.t.Context()), workID, staff.Actor{AccountID: owner.ID}, staff.OrdersChange,
		fulfil.Deed{Kind: fulfil.Cancel}, orderIDs))
	return workID
}

// killedUntil serves until a number has come to what it is to be, and kills the panel
// whenever a fifth more of it is done. It returns the panel that did the rest, and how
// often one was killed.
func (w *world) killedUntil(number func() int64, whole int64) (n *panel, kills int) {
	w.t.Helper()
	for next := whole / 5; ; next += whole / 5 {
		n = w.serve()
		eventually(w.t, "the work goes on", func() bool { return number() >= min(next, whole) })
		if number() >= whole {
			return n, kills
		}
		n.kill()
		kills++
		w.write(func(tx *db.Tx) error { // what the dead one had taken is not its any more
			_, err := tx.Exec(`UPDATE mass_orders SET lease_until = NULL`)
			return err
		})
	}
}

//go:build linux

package e2e_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// The three things that a person may find out about an uncertain order, each
// with its money, and never two orders at the provider.
func TestTheWaysToSettle(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		c, n := w.customer(100*money.Unit), w.serve()
		uncertain := func(name, query, word string) (orderID, at string) {
			at = link(name, query, word)
			return n.place(adding(c.key, w.source(name, up.URL), name, at)).Order, at
		}
		taken, takenAt := uncertain("taken", "", "500-accepted")
		lost, lostAt := uncertain("lost", loseFirst, "complete")
		given, givenAt := uncertain("given", "", "garbage")
		held, heldAt := uncertain("held", "", "refuse-unknown")
		for _, orderID := range []string{taken, lost, given} {
			w.reaches(orderID, order.Uncertain)
		}
		w.reaches(held, order.Held)
		upstreamID := strconv.FormatInt(up.has(takenAt)[0].ID, 10)

		// It was accepted as that.
		w.command("order", "settle", taken, "--accepted-as", upstreamID)
		w.reaches(taken, order.Completed)
		// It was not: it is sent again, and now arrives.
		w.command("order", "settle", lost, "--not-accepted")
		w.reaches(lost, order.Completed)
		// Whatever it was, the customer has the money back.
		w.command("order", "settle", given, "--cancel")
		w.command("order", "settle", held, "--cancel")
		for _, orderID := range []string{given, held} {
			if o := w.order(orderID); o.State != order.Canceled || o.Refunded != charge {
				t.Errorf("%s is %s, refunded %s; want canceled, %s", orderID, o.State, o.Refunded, charge)
			}
		}
		for orderID, refunds := range map[string]int64{taken: 0, lost: 0, given: 1, held: 1} {
			if sum, transfers := w.moved(ledger.OrderRefund, orderID); transfers != refunds || sum != charge*money.Amount(refunds) {
				t.Errorf("%s: %d refunds of %s, want %d", orderID, transfers, sum, refunds)
			}
		}
		w.holds(c.wallet, 100*money.Unit-2*charge)
		for at, want := range map[string][2]int{takenAt: {1, 1}, lostAt: {1, 2}, givenAt: {1, 1}, heldAt: {0, 1}} {
			if len(up.has(at)) != want[0] || up.sent(at) != want[1] {
				t.Errorf("%s: the provider holds %d orders after %d sendings, want %d after %d", at, len(up.has(at)), up.sent(at), want[0], want[1])
			}
		}
		if all := w.submissions(lost); len(all) != 2 || all[0].Outcome != fulfil.NotAccepted || all[1].Outcome != fulfil.Accepted {
			t.Errorf("submissions of the order that was lost: %+v", all)
		}
	})
}

// What cannot be said of an order is refused, and nothing moves.
func TestSettlingIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		from, c := w.source("Upstream", up.URL), w.customer(100*money.Unit)
		n := w.serve("NOTPANEL_PROVIDER_TIMEOUT=60s")
		done := n.place(adding(c.key, from, "done", link("done", "", "complete"))).Order
		w.reaches(done, order.Completed)
		at := link("under-way", holdAnswer, "complete")
		under := n.place(adding(c.key, from, "under-way", at)).Order
		eventually(t, "the provider has taken the order", func() bool { return len(up.has(at)) == 1 })
		refuses := func(orderID, want string, how ...string) {
			t.Helper()
			if said := w.refused(append([]string{"order", "settle", orderID}, how...)...); !strings.Contains(said, want) {
				t.Errorf("settle %s: %s\nwant %q in it", how, said, want)
			}
		}
		refuses(done, "is completed", "--not-accepted")
		refuses(under, "is submitting", "--not-accepted")
		refuses(under, "is submitting", "--cancel")
		refuses("ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9", "no order", "--cancel")

		n.kill()
		w.endLeases()
		w.serve()
		w.reaches(under, order.Uncertain)
		// The provider's id of another order cannot be this one's.
		refuses(under, done, "--accepted-as", w.order(done).UpstreamID)
		// As if its call had a minute left: nobody can say now that it did not arrive.
		var until time.Time
		w.write(func(tx *db.Tx) error {
			until = tx.Now.Add(time.Minute)
			_, err := tx.Exec(`UPDATE submissions SET lease_until = $1 WHERE order_id = $2`, db.At(until), under)
			return err
		})
		refuses(under, "may still be under way", "--not-accepted")
		refuses(under, until.UTC().Format("15:04:05 MST"), "--cancel")
		w.holds(c.wallet, 100*money.Unit-2*charge)
		// That it did arrive can be said at any time.
		w.command("order", "settle", under, "--accepted-as", strconv.FormatInt(up.has(at)[0].ID, 10))
		w.reaches(under, order.Completed)
		refuses(under, "is completed", "--cancel")
		if up.sent(at) != 1 {
			t.Errorf("the order was sent %d times", up.sent(at))
		}
	})
}

// An acceptance that comes after the order was given up moves no money: it is
// kept, and a person is told that the provider has it.
func TestAnAcceptanceAfterTheSettlementIsKept(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		from, c := w.source("Upstream", up.URL), w.customer(10*money.Unit)
		n := w.serve("NOTPANEL_PROVIDER_TIMEOUT=60s")
		at := link("late", holdAnswer, "complete")
		orderID := n.place(adding(c.key, from, "late", at)).Order
		eventually(t, "the provider has taken the order", func() bool { return len(up.has(at)) == 1 })
		// As if this node had been cut off for longer than the lease.
		w.endLeases()
		w.reaches(orderID, order.Uncertain)
		w.command("order", "settle", orderID, "--cancel")
		w.holds(c.wallet, 10*money.Unit)
		up.open()
		eventually(t, "a person is told", func() bool { return w.order(orderID).Attention != "" })
		o, all := w.order(orderID), w.submissions(orderID)
		if o.State != order.Canceled || !strings.Contains(o.Attention, "exists twice") || o.UpstreamID != "" {
			t.Errorf("the order is %s, %q, under the id %q", o.State, o.Attention, o.UpstreamID)
		}
		if len(all) != 1 || all[0].Outcome != fulfil.Late || all[0].UpstreamID != strconv.FormatInt(up.has(at)[0].ID, 10) {
			t.Errorf("submissions: %+v", all)
		}
		w.holds(c.wallet, 10*money.Unit)
		if listed := w.command("order", "list", "--attention"); !strings.Contains(listed, orderID) {
			t.Errorf("the list of those that need a person lacks it:\n%s", listed)
		}
	})
}

// A customer's wish to cancel an order of which nobody knows is kept, and
// carried out once it is settled that the provider does not have it.
func TestACancelWishIsCarriedOutWhenSettled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		c, n := w.customer(10*money.Unit), w.serve()
		at := link("wish", "", "timeout-lost")
		orderID := n.place(adding(c.key, w.source("Upstream", up.URL), "wish", at)).Order
		w.reaches(orderID, order.Uncertain)
		for range 2 {
			if a := n.call(form(c.key, "cancel", "order", orderID)); a.body != `{"cancel":"`+orderID+`"}` {
				t.Errorf("cancel: status %d, %s", a.status, a.body)
			}
		}
		if o := w.order(orderID); o.State != order.Uncertain || o.CancelWishAt.IsZero() {
			t.Errorf("the order is %s with a wish of %s", o.State, o.CancelWishAt)
		}
		w.command("order", "settle", orderID, "--not-accepted")
		if o := w.order(orderID); o.State != order.Canceled || o.Refunded != charge {
			t.Errorf("the order is %s, refunded %s", o.State, o.Refunded)
		}
		w.holds(c.wallet, 10*money.Unit)
		if up.sent(at) != 1 {
			t.Errorf("the order was sent %d times", up.sent(at))
		}
	})
}

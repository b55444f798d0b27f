//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// crowd is how many equal requests arrive at once.
const crowd = 64

// allAtOnce sends the same request many times at once, in turn to each panel,
// and returns the only answer there must be.
func allAtOnce(t *testing.T, fields url.Values, panels ...*panel) answer {
	t.Helper()
	answers, errs := make([]answer, crowd), make([]error, crowd)
	calls := make([]func(), crowd)
	for i := range calls {
		calls[i] = func() { answers[i], errs[i] = panels[i%len(panels)].try(t.Context(), fields) }
	}
	together(calls...)
	for i, a := range answers {
		must(t, errs[i])
		if a.status != http.StatusOK || a.body != answers[0].body {
			t.Errorf("answer %d: status %d, %s\nanswer 0: %s", i, a.status, a.body, answers[0].body)
		}
	}
	return answers[0]
}

// chargedOnce fails the test unless a request id made one order and one charge.
func (w *world) chargedOnce(requestID, orderID string, want money.Amount) {
	w.t.Helper()
	if n := w.count(`SELECT COUNT(*) FROM orders WHERE request_id = $1`, requestID); n != 1 {
		w.t.Errorf("%d orders with request_id %s, want 1", n, requestID)
	}
	if sum, transfers := w.moved(ledger.OrderCharge, orderID); sum != want || transfers != 1 {
		w.t.Errorf("%d charges of %s, want 1 of %s", transfers, sum, want)
	}
}

// A client may send its order as often as it likes, at the same moment and to
// any node: it is placed and charged once, and every answer is the same.
func TestTheSameRequestAtOnceIsOneOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		from := w.source("Upstream", newUpstream(t).URL)
		c := w.customer(100 * money.Unit)
		n := w.serve()
		fields := adding(c.key, from, "same", link("same", "", "complete"))
		first := decode[placed](t, allAtOnce(t, fields, n).body)
		w.chargedOnce("same", first.Order, charge)
		w.holds(c.wallet, 100*money.Unit-charge)
	})
}

func TestTheSameRequestAtOnceToTwoNodesIsOneOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.Postgres)
	from := w.source("Upstream", newUpstream(t).URL)
	c := w.customer(100 * money.Unit)
	one, two := w.serve(), w.serve()
	const rounds = 5
	for i := range rounds {
		requestID := "same-" + strconv.Itoa(i)
		first := allAtOnce(t, adding(c.key, from, requestID, link(requestID, "", "complete")), one, two)
		w.chargedOnce(requestID, decode[placed](t, first.body).Order, charge)
	}
	w.holds(c.wallet, 100*money.Unit-rounds*charge)
	if n := w.count(`SELECT COUNT(*) FROM orders`); n != rounds {
		t.Errorf("%d orders, want %d", n, rounds)
	}
}

// What happened to the catalogue since does not change what a request became,
// and a request id belongs to its mode.
func TestARequestIDKeepsItsAnswer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		from := w.source("Upstream", up.URL)
		c := w.customer(100 * money.Unit)
		n := w.serve()
		fields := adding(c.key, from, "kept", link("kept", "", "complete"))
		first := n.call(fields)
		orderID := decode[placed](t, first.body).Order

		n.refuses(adding(c.key, from, "kept", link("another", "", "complete")),
			http.StatusBadRequest, "request_id was already used with different parameters")
		n.refuses(adding(c.key, from, "kept", link("kept", "", "complete"), "max_charge", "5"),
			http.StatusBadRequest, "request_id was already used with different parameters")

		w.command("service", "set", from.service(), "--state", "paused")
		if repeat := n.call(fields); repeat.status != http.StatusOK || repeat.body != first.body {
			t.Errorf("the repeat after the pause: status %d, %s\nwant %s", repeat.status, repeat.body, first.body)
		}
		n.refuses(adding(c.key, from, "late", link("late", "", "complete")), http.StatusBadRequest, "Service not found")
		w.command("service", "set", from.service(), "--state", "active", "--rate", "30")
		if repeat := n.call(fields); repeat.body != first.body {
			t.Errorf("the repeat after a new price: %s\nwant %s", repeat.body, first.body)
		}
		w.chargedOnce("kept", orderID, charge)

		played := n.place(adding(c.testKey, from, "kept", link("played", "", "complete")))
		if played.Order == orderID || played.Charge != "3.00" {
			t.Errorf("the test key's order: %+v", played)
		}
		w.holds(c.playMoney, 997*money.Unit)
		w.holds(c.wallet, 100*money.Unit-charge)
		n.refuses(form(c.testKey, "status", "order", orderID), http.StatusBadRequest, "Order not found")
		n.refuses(form(c.key, "status", "order", played.Order), http.StatusBadRequest, "Order not found")
		w.reaches(orderID, order.Completed)
		w.reaches(played.Order, order.Completed)
		if n := up.sent(link("played", "", "complete")); n != 0 {
			t.Errorf("a provider was sent the test key's order %d times", n)
		}
	})
}

// Two orders of 6.00 on a balance of 10.00 at the same moment: one is placed.
func TestTwoOrdersOnABalanceForOne(t *testing.T) {
	t.Parallel()
	each(t, func(_ *testing.T, w *world) {
		n := w.serve()
		w.race(n, n)
	})
}

func TestTwoOrdersOnABalanceForOneAtTwoNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.Postgres)
	w.race(w.serve(), w.serve())
}

func (w *world) race(nodes ...*panel) {
	w.t.Helper()
	const rounds, left = 20, 4 * money.Unit
	from := w.source("Upstream", newUpstream(w.t).URL)
	c := w.customer(left)
	for round := range rounds {
		_, err := w.accounts.Credit(w.t.Context(), c.account.ID, 6*money.Unit, "again", "test")
		must(w.t, err)
		answers, errs, calls := make([]answer, len(nodes)), make([]error, len(nodes)), make([]func(), len(nodes))
		for i, n := range nodes {
			name := fmt.Sprintf("race-%d-%d", round, i)
			fields := adding(c.key, from, name, link(name, "", "complete"))
			fields.Set("quantity", "250")
			calls[i] = func() { answers[i], errs[i] = n.try(w.t.Context(), fields) }
		}
		together(calls...)
		won, lost := 0, 0
		for i, a := range answers {
			must(w.t, errs[i])
			switch {
			case a.status == http.StatusOK && decode[placed](w.t, a.body).Charge == "6.00":
				won++
			case a.status == http.StatusBadRequest && a.body == `{"error":"Insufficient balance"}`:
				lost++
			default:
				w.t.Errorf("round %d: status %d, %s", round, a.status, a.body)
			}
		}
		if won != 1 || lost != 1 {
			w.t.Errorf("round %d: %d placed and %d refused, want one of each", round, won, lost)
		}
		if balance := nodes[0].balance(c.key); balance != left.String() {
			w.t.Fatalf("round %d: the balance is %s, want %s", round, balance, left)
		}
	}
	if n := w.count(`SELECT COUNT(*) FROM orders`); n != rounds {
		w.t.Errorf("%d orders, want %d", n, rounds)
	}
}

//go:build linux

package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// outcome is a word that steers the simulator, and what comes of it.
type outcome struct {
	word     string
	state    order.State // where the order stays
	seen     string      // what its customer sees then
	refunded money.Amount
	remains  string // as the customer sees it
	held     int    // orders that the provider has then
	last     fulfil.Outcome
}

var outcomes = []outcome{
	{"complete", order.Completed, "completed", 0, `"0"`, 1, fulfil.Accepted},
	{"slow:1s", order.Completed, "completed", 0, `"0"`, 1, fulfil.Accepted},
	{"partial:40", order.Partial, "partial", charge * 60 / 100, `"60"`, 1, fulfil.Accepted},
	{"partial:0", order.Partial, "partial", charge, `"100"`, 1, fulfil.Accepted},
	{"cancel", order.Canceled, "canceled", charge, `"100"`, 1, fulfil.Accepted},
	{"refuse", order.Failed, "failed", charge, `null`, 0, fulfil.Refused},
	{"refuse-unknown", order.Held, "pending", 0, `null`, 0, fulfil.Refused},
	{"timeout-accepted", order.Uncertain, "processing", 0, `null`, 1, fulfil.Unknown},
	{"timeout-lost", order.Uncertain, "processing", 0, `null`, 0, fulfil.Unknown},
	{"slow:10s", order.Uncertain, "processing", 0, `null`, 1, fulfil.Unknown},
	{"500-accepted", order.Uncertain, "processing", 0, `null`, 1, fulfil.Unknown},
	{"500-json-accepted", order.Uncertain, "processing", 0, `null`, 1, fulfil.Unknown},
	{"garbage", order.Uncertain, "processing", 0, `null`, 1, fulfil.Unknown},
	{"drop-body", order.Uncertain, "processing", 0, `null`, 1, fulfil.Unknown},
}

// Each way in which a provider can answer leads to its state, with exact money,
// and to one sending.
func TestEachOutcomeEndsWhereItShould(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		c := w.customer(100 * money.Unit)
		n := w.serve()
		// Each has a provider of its own, so that one's trouble is not another's.
		orders := map[string]string{}
		for _, o := range outcomes {
			from := w.source(o.word, up.URL)
			orders[o.word] = n.place(adding(c.key, from, o.word, link("outcome", "", o.word))).Order
		}
		balance := 100*money.Unit - charge*money.Amount(len(outcomes))
		for _, o := range outcomes {
			w.ended(n, up, c, o, orders[o.word])
			balance += o.refunded
		}
		w.holds(c.wallet, balance)
		if twice := up.sentTwice(); len(twice) > 0 {
			t.Errorf("sent more than once: %s", twice)
		}
	})
}

// ended waits for an order's rest and compares all that is known of it.
func (w *world) ended(n *panel, up *upstream, c *customer, want outcome, orderID string) {
	w.t.Helper()
	o := w.reaches(orderID, want.state)
	if o.Refunded != want.refunded {
		w.t.Errorf("%s: refunded %s, want %s", want.word, o.Refunded, want.refunded)
	}
	if sum, transfers := w.moved(ledger.OrderCharge, orderID); sum != charge || transfers != 1 {
		w.t.Errorf("%s: %d charges of %s, want 1 of %s", want.word, transfers, sum, charge)
	}
	refunds := int64(min(want.refunded, 1))
	if sum, transfers := w.moved(ledger.OrderRefund, orderID); sum != want.refunded || transfers != refunds {
		w.t.Errorf("%s: %d refunds of %s, want %d of %s", want.word, transfers, sum, refunds, want.refunded)
	}
	all := w.submissions(orderID)
	if len(all) != 1 || all[0].Outcome != want.last || !all[0].Sent {
		w.t.Errorf("%s: %d submissions, the last %+v; want 1 that is %s", want.word, len(all), all[len(all)-1], want.last)
	}
	body := n.call(form(c.key, "status", "order", orderID)).body
	shown := `{"status":"` + want.seen + `","charge":"` + (charge - want.refunded).String() + `",`
	if !strings.HasPrefix(body, shown) || !strings.Contains(body, `"remains":`+want.remains+`,`) {
		w.t.Errorf("%s: status %s\nwant %s… and remains %s", want.word, body, shown, want.remains)
	}
	at := link("outcome", "", want.word)
	eventually(w.t, want.word+" is at the provider", func() bool { return len(up.has(at)) >= want.held })
	if held := len(up.has(at)); held != want.held || up.sent(at) != 1 {
		w.t.Errorf("%s: the provider holds %d orders after %d sendings, want %d after 1", want.word, held, up.sent(at), want.held)
	}
}

// A provider without our money gets no more orders until the operator has seen
// to it; what waited is sent then, and what was refused may be canceled.
func TestAProviderWithoutFundsIsPaused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		from, c, n := w.source("Poor", up.URL), w.customer(100*money.Unit), w.serve()
		refused := link("refused", "", "no-funds")
		poor := n.place(adding(c.key, from, "refused", refused)).Order
		w.pausedFor(from, "Not enough funds")
		waits := link("waits", "", "complete")
		next := n.place(adding(c.key, from, "waits", waits)).Order
		if o := w.reaches(poor, order.Pending); o.Refunded != 0 || o.GiveUpAt.IsZero() == false {
			t.Errorf("refunded %s, given up at %s; want nothing of both while the source is paused", o.Refunded, o.GiveUpAt)
		}

		// Funds are still missing: the same again, and no order twice at once.
		w.command("provider", "resume", "Poor")
		eventually(t, "the order is refused again", func() bool { return up.sent(refused) == 2 })
		w.pausedFor(from, "Not enough funds")

		a := n.call(form(c.key, "cancel", "order", poor))
		if a.status != http.StatusOK || a.body != `{"cancel":"`+poor+`"}` {
			t.Errorf("cancel: status %d, %s", a.status, a.body)
		}
		w.command("provider", "resume", "Poor")
		w.reaches(next, order.Completed)
		w.reaches(poor, order.Canceled)
		w.holds(c.wallet, 100*money.Unit-charge)
		if len(up.has(refused)) != 0 || len(up.has(waits)) != 1 || up.sent(waits) != 1 {
			t.Errorf("the provider holds %d refused and %d others after %d sendings",
				len(up.has(refused)), len(up.has(waits)), up.sent(waits))
		}
	})
}

// pausedFor waits until a source is paused, and why.
func (w *world) pausedFor(from *source, why string) {
	w.t.Helper()
	var p provider.Provider
	eventually(w.t, from.provider.Name+" is paused", func() bool {
		var err error
		p, err = w.providers.Find(w.t.Context(), from.provider.ID)
		must(w.t, err)
		return p.State == provider.Paused
	})
	if !strings.Contains(p.PauseReason, why) {
		w.t.Errorf("paused because %q, want %q in it", p.PauseReason, why)
	}
}

// A provider of which not even the address answers has nothing: the order waits
// and is sent once it is back.
func TestAProviderThatIsAwayGetsTheOrderLater(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		from, c, n := w.source("Away", up.URL), w.customer(10*money.Unit), w.serve()
		gone := freeAddress(t)
		must(t, w.providers.SetAddress(t.Context(), from.provider.ID, "http://"+gone+"/api/v2", upstreamKey, "test"))
		at := link("away", "", "complete")
		orderID := n.place(adding(c.key, from, "away", at)).Order
		eventually(t, "the order was tried and put back", func() bool {
			o := w.order(orderID)
			return o.State == order.Pending && o.Tries > 0
		})
		must(t, w.providers.SetAddress(t.Context(), from.provider.ID, up.URL+"/api/v2", upstreamKey, "test"))
		w.reaches(orderID, order.Completed)
		all := w.submissions(orderID)
		if all[0].Outcome != fulfil.NotSent || all[0].Sent || all[len(all)-1].Outcome != fulfil.Accepted {
			t.Errorf("the first submission is %+v, the last %+v", all[0], all[len(all)-1])
		}
		if len(up.has(at)) != 1 || up.sent(at) != 1 {
			t.Errorf("the provider holds %d orders after %d sendings", len(up.has(at)), up.sent(at))
		}
		w.holds(c.wallet, 10*money.Unit-charge)
	})
}

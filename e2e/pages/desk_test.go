package pages_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// desk is an operator's, with two customers whose orders get into trouble.
type desk struct {
	*walker

	sim   *app.Simulator
	other *walker // orders for the second customer
}

// atDesk opens the desk of a panel that sells one service.
func atDesk(t *testing.T, scripts bool) desk {
	t.Helper()
	sim := simulate(t, 10*time.Millisecond)
	w := operate(t, scripts)
	w.panel.sellFrom(sim, "Wholesale", listings())
	other := *w
	other.account = w.panel.account("bob@example.com", account.Customer)
	w.panel.credit(w.account, 10*money.Unit)
	w.panel.credit(other.account, 10*money.Unit)
	return desk{walker: w, sim: sim, other: &other}
}

// testDesk settles what waits for a person from the desk's first page: an order of
// which nobody knows whether the provider has it, and orders that it refused in words
// that nobody knew.
func testDesk(t *testing.T, scripts bool) {
	d := atDesk(t, scripts)
	d.Open("/admin")
	d.WaitText("#main", "Nothing waits for a person")
	d.settleUncertain()
	d.classifyForAll()
	d.Open("/admin")
	d.WaitText("#main", "Nothing waits for a person")
	d.panel.proved()
}

// waits opens the first page once so many orders stand there that may be settled.
func (d desk) waits(orders int) {
	d.t.Helper()
	d.until("orders to settle at /admin: "+strconv.Itoa(orders), func() bool {
		d.Open("/admin")
		return d.Eval("String(document.querySelectorAll(`#main tbody [href$='/settle']`).length)") == strconv.Itoa(orders)
	})
}

// becomes waits for the state of an order.
func (d desk) becomes(o *order.Order, want order.State) {
	d.t.Helper()
	d.until("order "+strconv.FormatInt(o.Number, 10)+" is "+string(want), func() bool { return d.placed(o.ID).State == want })
}

// settleUncertain says of an order without an answer that the provider has it. Nothing
// is sent again: the order goes on there.
func (d desk) settleUncertain() {
	t := d.t
	t.Helper()
	o := d.order("a#sim=garbage")
	d.waits(1)
	d.WaitText("#main tbody tr", "Order 1")
	d.WaitText("#main tbody tr", "Nobody knows whether the provider has it")
	d.follow("#main tbody [href='/admin/orders/" + o.ID + "/settle']")
	d.WaitText("[data-dialog-page]", "Settle order 1")
	for _, sought := range []string{ann, "Wholesale", "113", "https://example.com/a", "1,000"} {
		d.WaitText("[data-dialog-page]", sought)
	}
	d.Expect("status 422: POST /admin/orders/" + o.ID + "/settle")
	d.Click("[name=how][value=accepted]")
	d.send("/settle")
	d.WaitText("#upstream_id-error", "Write the provider's id")
	d.Fill("[name=upstream_id]", strconv.FormatInt(d.sim.Orders()[0].ID, 10))
	d.send("/settle")
	d.done("Order 1 is Processing.")
	if got := d.Path(); d.scripts && got != "/admin" {
		t.Errorf("the dialog leads to %s, not to what else waits", got)
	}
	d.Open("/admin/orders/" + o.ID)
	d.WaitText("#timeline", chief)
	d.becomes(o, order.Completed)
	if all := d.sim.Orders(); len(all) != 1 {
		t.Errorf("the provider has %d orders", len(all))
	}
	d.panel.booked(d.account, 8*money.Unit)
}

// classifyForAll decides once what words mean: the orders of both customers that they
// held follow, and one that is refused so later is never held.
func (d desk) classifyForAll() {
	t := d.t
	t.Helper()
	held := []*order.Order{d.order("b#sim=refuse-unknown"), d.other.order("c#sim=refuse-unknown"), d.order("d#sim=refuse-unknown")}
	d.until("one line for what three orders wait for", func() bool {
		d.Open("/admin")
		return strings.Contains(d.Text("#main"), "Holds 3 orders")
	})
	d.waits(0)
	d.WaitText("#main", "Unknown words of Wholesale")
	d.follow("#main tbody [href^='/admin/texts/decide']")
	d.WaitText("body", "Orders that it holds now: 3.")
	d.Click("[name=as][value=refuse]")
	d.send("/admin/texts")
	d.done("3 held orders move on by themselves")
	held = append(held, d.other.order("e#sim=refuse-unknown"))
	for _, o := range held {
		d.becomes(o, order.Failed)
		if got := d.placed(o.ID); got.Refunded != got.Charge {
			t.Errorf("order %d: %s of %s went back", got.Number, got.Refunded, got.Charge)
		}
	}
	d.panel.booked(d.account, 8*money.Unit)
	d.panel.booked(d.other.account, 10*money.Unit)
}

func TestTheDeskSettlesWhatWaits(t *testing.T) {
	t.Parallel()
	testDesk(t, true)
}

func TestTheDeskSettlesWhatWaitsWithoutScripts(t *testing.T) {
	t.Parallel()
	testDesk(t, false)
}

package pages_test

import (
	"strconv"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

const ordersPage = "/dashboard/orders"

// sellSomething sells a service of a provider that is paused: orders stay as the test
// puts them.
func (p *panel) sellSomething() {
	t := p.t
	t.Helper()
	upstream, err := p.Core.Providers.Add(t.Context(), "Upstream", "https://provider.example/api/v2", "key", "a test")
	if err == nil {
		err = p.Core.Providers.SetState(t.Context(), upstream.ID, provider.Paused, "a test", "a test")
	}
	if err == nil {
		_, err = p.Core.Catalog.Import(t.Context(), upstream.ID, []catalog.Offer{{
			ProviderService: "1", Category: "Adverts", Name: "Banner " + hostile, Type: catalog.Default, Cost: money.Unit, Rate: 2 * money.Unit,
			Min: 10, Max: 100_000, Cancel: true, Refill: true,
		}}, "a test")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// order places an order of the walker's account.
func (w *walker) order(requestID string) *order.Order {
	t := w.t
	t.Helper()
	fields := map[string]string{"service": "1", "request_id": requestID, "link": "https://example.com/" + requestID, "quantity": "1000"}
	request, err := order.ParseRequest(func(name string) string { return fields[name] })
	if err != nil {
		t.Fatal(err)
	}
	epochs, err := w.panel.Epochs.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := w.panel.Cache.At(t.Context(), epochs.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	buyer := order.Buyer{Scope: order.Scope{AccountID: w.account.ID, Mode: ledger.Live}}
	err = w.panel.Core.DB.Read(t.Context(), func(tx *db.Tx) (err error) {
		buyer.WalletID, err = ledger.WalletID(tx, w.account.ID, ledger.Live)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	placed, err := w.panel.Placer.Place(t.Context(), buyer, request, snapshot)
	if err != nil {
		t.Fatal(err)
	}
	return w.placed(placed.OrderID)
}

func (w *walker) placed(orderID string) (o *order.Order) {
	w.t.Helper()
	err := w.panel.Core.DB.Read(w.t.Context(), func(tx *db.Tx) (err error) {
		o, err = order.Get(tx, orderID)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// move walks an order through states with remains, as its provider's answers do.
func (w *walker) move(o *order.Order, remains int64, states ...order.State) {
	w.t.Helper()
	for _, to := range states {
		err := w.panel.Core.DB.Write(w.t.Context(), func(tx *db.Tx) error {
			locked, book, err := order.Lock(tx, o.ID)
			if err != nil {
				return err
			}
			if to == order.InProgress || to.Final() {
				locked.Remains = &remains
			}
			return order.Transition(tx, book, locked, order.Change{To: to, Actor: "panel", Reason: hostile})
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// again loads the page anew where nothing else would: without scripts. With them the
// page must be the one that was opened.
func (w *walker) again(path string) {
	w.t.Helper()
	if !w.scripts {
		w.Open(path)
		return
	}
	if got := w.Eval("String(window.opened)"); got != "once" {
		w.t.Errorf("%s was loaded anew", path)
	}
}

func (w *walker) openOnce(path string) {
	w.t.Helper()
	w.Open(path)
	if w.scripts {
		w.Eval("window.opened = 'once'")
	}
}

// testOrders goes the way of a customer with some orders: watches one on the list and
// one on its page, finds one, has one refilled, cancels another. What the pages say is
// what is booked.
func testOrders(t *testing.T, scripts bool) {
	w := walk(t, scripts)
	w.Open(ordersPage)
	w.WaitText("#main", "No orders yet")
	w.panel.sellSomething()
	if _, err := w.panel.Core.Accounts.Credit(t.Context(), w.account.ID, 10*money.Unit, "seed", "a test"); err != nil {
		t.Fatal(err)
	}
	one, two, three := w.order("one"), w.order("two"), w.order("three")
	w.watchList(one)
	w.watchPage(one)
	w.Open(ordersPage)
	w.Fill("[name=q]", "example.com/two")
	w.Submit("form[role=search] [type=submit]")
	if got := w.Eval("String(document.querySelectorAll('#main tbody tr').length)"); got != "1" {
		t.Errorf("%s orders are found", got)
	}
	w.Submit("#main .row-link")
	w.WaitText("h1", "Order 2")
	w.cancel(two)
	w.ask(three)
	w.panel.booked(w.account, 6*money.Unit)
}

// watchList sees an order move on the list.
func (w *walker) watchList(o *order.Order) {
	w.t.Helper()
	part := func(what string) string { return "#order-" + what + "-" + strconv.FormatInt(o.Number, 10) }
	w.openOnce(ordersPage)
	w.WaitText(part("state"), "Pending")
	w.move(o, 350, order.Submitting, order.Processing, order.InProgress)
	if w.scripts {
		w.WaitText(part("state"), "In progress")
	}
	w.again(ordersPage)
	w.WaitText(part("delivered"), "650 / 1,000")
}

// watchPage sees it complete on its own page, and has it refilled.
func (w *walker) watchPage(o *order.Order) {
	t := w.t
	t.Helper()
	path := ordersPage + "/" + strconv.FormatInt(o.Number, 10)
	w.openOnce(path)
	w.WaitText("#timeline", "Delivery began")
	w.move(o, 0, order.Completed)
	if w.scripts {
		w.WaitText("#timeline", "Delivered in full")
	}
	w.again(path)
	w.WaitText("#timeline", "Delivered in full")
	w.WaitText("#main", "1,000 of 1,000 delivered")
	w.Submit("form[action='" + path + "/refill'] button")
	w.WaitText("#refills", "Pending")
	w.Gone("form[action='" + path + "/refill']")
	if made := w.Eval("String(document.querySelectorAll('#main script, #main img').length)"); made != "0" {
		t.Errorf("names made %s elements", made)
	}
}

// cancel cancels an order that waits.
func (w *walker) cancel(o *order.Order) {
	t := w.t
	t.Helper()
	w.follow("[href='" + ordersPage + "/2/cancel']")
	w.WaitText("body", "Cancel order 2?")
	w.WaitText("body", "$2.00 goes back to your balance")
	w.send("/2/cancel")
	w.done("The order is canceled and refunded.")
	w.WaitText("#timeline", "$2.00 went back to your balance")
	w.Gone("[href='" + ordersPage + "/2/cancel']")
	if got := w.placed(o.ID); got.State != order.Canceled || got.Refunded != 2*money.Unit {
		t.Errorf("it is %s, %s given back", got.State, got.Refunded)
	}
}

// ask asks for the cancel of an order that runs; it is delivered all the same.
func (w *walker) ask(o *order.Order) {
	t := w.t
	t.Helper()
	w.move(o, 0, order.Submitting, order.Processing)
	path := ordersPage + "/3"
	w.Open(path)
	w.follow("[href='" + path + "/cancel']")
	w.WaitText("body", "can only be asked for")
	w.send("/3/cancel")
	w.done("The cancel is on record.")
	w.WaitText("#main", "cancel asked for")
	if got := w.placed(o.ID); got.State != order.Processing || got.CancelState != order.CancelWished {
		t.Errorf("it is %s, the wish is %q", got.State, got.CancelState)
	}
	w.openOnce(path)
	w.move(o, 0, order.Completed)
	if w.scripts {
		w.WaitText("#main", "Delivered in full")
	}
	w.again(path)
	w.WaitText("#main", "Delivered in full")
}

func TestOrdersAreWatched(t *testing.T) {
	t.Parallel()
	testOrders(t, true)
}

func TestOrdersAreWatchedWithoutScripts(t *testing.T) {
	t.Parallel()
	testOrders(t, false)
}

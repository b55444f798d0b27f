package pages_test

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

const (
	newOrder = "/dashboard/orders/new"
	massPage = "/dashboard/orders/mass"
)

// sell sells services of some types at 2.00 per 1,000, of a provider that can't be
// reached, and gives the account money.
func (w *walker) sell(balance money.Amount, kinds ...catalog.Type) {
	t := w.t
	t.Helper()
	ctx := t.Context()
	upstream, err := w.panel.Core.Providers.Add(ctx, "Upstream", "http://127.0.0.1:1", "key", "a test")
	if err != nil {
		t.Fatal(err)
	}
	var offers []catalog.Offer
	for _, kind := range kinds {
		offers = append(offers, catalog.Offer{
			ProviderService: "101 " + string(kind), Category: "Adverts", Name: string(kind) + " impressions", Type: kind, Cost: money.Unit, Rate: 2 * money.Unit,
			Min: 10, Max: 100_000, Dripfeed: true, Cancel: true,
		})
	}
	if _, err := w.panel.Core.Catalog.Import(ctx, upstream.ID, offers, "a test"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.panel.Core.Accounts.Credit(ctx, w.account.ID, balance, "seed", "a test"); err != nil {
		t.Fatal(err)
	}
}

// ordered wants so many orders and what is left, and an audit that finds nothing.
func (w *walker) ordered(orders int, left money.Amount) []*order.Order {
	t := w.t
	t.Helper()
	all, _, err := w.panel.Core.Orders.Own(t.Context(), order.Scope{AccountID: w.account.ID, Mode: ledger.Live}, order.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	live, _, err := w.panel.Core.Accounts.Balances(t.Context(), w.account.ID)
	if err != nil || len(all) != orders || live != left {
		t.Errorf("%d orders and %s left, want %d and %s (%v)", len(all), live, orders, left, err)
	}
	if _, err := order.Audit(context.WithoutCancel(t.Context()), w.panel.Core.DB, func(text string) { t.Error(text) }); err != nil {
		t.Error(err)
	}
	return all
}

// total makes the page show the total of the form as it is.
func (w *walker) total(text string) {
	w.t.Helper()
	if !w.scripts {
		w.Submit("#order-total [type=submit]")
	}
	w.WaitText("#order-total", text)
}

// testOrder goes the way of a customer who orders by page: searches, mistypes, sees
// the total, places by Enter, and sends many lines of which two are bad.
func testOrder(t *testing.T, scripts bool) {
	w := walk(t, scripts)
	w.sell(20*money.Unit, catalog.Default, catalog.CustomComments)
	w.Open("/dashboard")
	if scripts {
		w.Press("n")
		w.WaitText("#main h1", "New order")
	} else {
		w.Submit("#main [href='" + newOrder + "']")
	}
	w.search()
	w.place()
	w.comments()
	w.many()
}

// search finds a service by a word of its name, and keeps it at hand.
func (w *walker) search() {
	t := w.t
	t.Helper()
	w.Fill("[name=q]", "default")
	if !w.scripts {
		w.Submit("form[role=search] [type=submit]")
	}
	w.WaitText("#found-services", "1 service")
	w.Submit("#found-services a.row-link")
	w.WaitText("#main", "Default impressions")
	w.Submit("form[action$='/favourite'] [type=submit]")
	w.Wait("[aria-pressed=true]")
	w.Open(newOrder)
	w.WaitText("#found-services tbody:nth-of-type(1)", "Favourites")
	w.Submit("#found-services tbody:nth-of-type(1) a.row-link")
}

// place mistypes, sees the total as it changes and places the order by Enter. Loaded
// anew the page orders nothing.
func (w *walker) place() {
	t := w.t
	t.Helper()
	w.Fill("[name=link]", "https://example.com/page")
	w.Fill("[name=quantity]", "1")
	w.total("Between 10 and 100,000.")
	w.Expect("status 422: POST " + newOrder)
	if !w.scripts {
		w.Expect("status 422: POST " + newOrder)
	}
	w.Submit("#order-total [type=submit]")
	w.WaitText("#quantity-error", "Between 10 and 100,000.")
	if link, focus := w.Value("[name=link]"), w.Eval("document.activeElement.name"); link != "https://example.com/page" || focus != "quantity" {
		t.Errorf("%q came back, and %q has the focus", link, focus)
	}
	w.ordered(0, 20*money.Unit)
	w.Fill("[name=quantity]", "1000")
	w.total("Place order · $2.00")
	w.WaitText("#order-total", "$18.00")
	if w.scripts {
		w.Click(".buy-fields summary")
		w.Fill("[name=runs]", "3")
		w.Fill("[name=interval]", "60")
		w.total("Place order · $6.00")
		w.WaitText("#order-total", "Run 3:")
		w.Fill("[name=runs]", "")
		w.Fill("[name=interval]", "")
		w.total("Place order · $2.00")
	}
	w.Click("[name=quantity]")
	w.Press(kb.Enter)
	w.WaitText("#placed", "Order 1")
	w.WaitText("#placed", "$2.00")
	if link := w.Value("[name=link]"); link != "" {
		t.Errorf("the form holds %q still", link)
	}
	w.Open(w.Path())
	w.WaitText("#placed", "Order 1")
	if all := w.ordered(1, 18*money.Unit); all[0].Quantity != 1000 || all[0].Link != "https://example.com/page" {
		t.Errorf("%+v", all[0])
	}
}

// comments orders by lines, again from an order.
func (w *walker) comments() {
	t := w.t
	t.Helper()
	w.Open(newOrder + "?again=1")
	w.WaitText("#order-total", "Place order · $2.00")
	w.Open(newOrder + "?service=2")
	w.Fill("[name=link]", "https://example.com/post")
	w.Fill("[name=comments]", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10, and more")
	w.total("Place order · $0.02")
	w.Submit("#order-total [type=submit]")
	w.WaitText("#placed", "Order 2")
	if all := w.ordered(2, 17_980_000); all[0].Quantity != 10 {
		t.Errorf("%+v", all[0])
	}
}

// many sends lines of which two are bad. The others are placed once, though the
// page is loaded anew.
func (w *walker) many() {
	t := w.t
	t.Helper()
	w.Submit("[href='" + massPage + "']")
	w.Fill("[name=lines]", "1 | https://example.com/a | 1000\n1 | nowhere | 1000\n1 | https://example.com/c | 1\n1 | https://example.com/d | 500")
	w.Submit("form[enctype] [type=submit]")
	w.WaitText("#main", "Place 2 orders · $3.00")
	w.WaitText("#lines tbody tr:nth-child(2)", "Link: Write an address")
	w.WaitText("#lines tbody tr:nth-child(3)", "Quantity: Between 10 and 100,000.")
	w.ordered(2, 17_980_000)
	w.Submit("form[action$='/place'] [type=submit]")
	w.WaitText("#main", "2 orders were placed · $3.00")
	w.WaitText("#lines tbody tr:nth-child(4)", "Order 4")
	w.Open(w.Path())
	w.WaitText("#main", "Mend 2 refused lines")
	w.ordered(4, 14_980_000)
}

func TestCustomerOrders(t *testing.T) {
	t.Parallel()
	testOrder(t, true)
}

func TestCustomerOrdersWithoutScripts(t *testing.T) {
	t.Parallel()
	testOrder(t, false)
}

// On a phone, in Turkish: the bar leads to the form, the form to the order's page, and
// what is canceled there stands in the statement.
func TestCustomerOrdersOnAPhoneInTurkish(t *testing.T) {
	t.Parallel()
	w := walk(t, true)
	w.sell(20*money.Unit, catalog.Default)
	w.Viewport(390, 844, true)
	w.Language("tr")
	w.Open("/dashboard")
	w.Submit(".desk-bar [href='" + newOrder + "']")
	w.Submit("#found-services a.row-link")
	w.Fill("[name=link]", "https://example.com/page")
	w.Fill("[name=quantity]", "1000")
	w.total("Sipariş ver · $2,00")
	w.Submit("#order-total [type=submit]")
	w.WaitText("#placed", "Sipariş 1")
	w.ordered(1, 18*money.Unit)
	w.cancelInTurkish()
	w.ordered(1, 20*money.Unit)
}

// cancelInTurkish goes on from the order that was placed to the statement.
func (w *walker) cancelInTurkish() {
	t := w.t
	t.Helper()
	w.Submit("#placed [href='" + ordersPage + "/1']")
	w.WaitText("h1", "Sipariş 1")
	w.WaitText("#main .state", "Bekliyor")
	w.WaitText("#timeline", "Sipariş verildi")
	w.WaitText("#money", "$2,00")
	w.follow("[href='" + ordersPage + "/1/cancel']")
	w.WaitText("#dialog", "1 numaralı sipariş iptal edilsin mi?")
	w.WaitText("#dialog", "$2,00 bakiyenize geri döner")
	w.send("/1/cancel")
	w.done("Sipariş iptal edildi ve ücreti iade edildi.")
	w.WaitText("#main .state", "İptal edildi")
	w.WaitText("#money", "−$2,00")
	w.Open(walletPage)
	w.WaitText("#statement tbody tr:first-child", "1 numaralı siparişin iadesi")
	if amounts := w.Eval("[...document.querySelectorAll('#statement tbody tr:first-child .money')].map(e => e.innerText).join(' ')"); amounts != "$2,00 $20,00" {
		t.Errorf("the statement says %s", amounts)
	}
	if sideways := w.Eval("String(document.documentElement.scrollWidth > innerWidth)"); sideways != "false" {
		t.Error("the statement scrolls sideways")
	}
}

package pages_test

import (
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/e2e/browser"
	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider"
)

// operator walks through the pages of staff, of a panel with a simulated provider.
func operator(t *testing.T, scripts bool) (w *walker, sim *app.Simulator) {
	t.Helper()
	sim = simulate(t, 10*time.Millisecond)
	panel := startWith(t, func(s *config.Serve) { s.StaffWithoutSecondFactor = true })
	w = &walker{Page: browser.New(t, panel.at), t: t, panel: panel, account: panel.account(ann, account.Owner), scripts: scripts}
	w.JavaScript(scripts)
	w.Open("/login?next=/admin/providers")
	signIn(w.Page, ann, password)
	return w, sim
}

// testCatalogue goes the way of an operator's first morning: a provider, its list,
// a price, and a refusal in words that nobody knew.
func testCatalogue(t *testing.T, scripts bool) {
	w, sim := operator(t, scripts)
	w.WaitText("#main", "There are no providers yet")
	w.addProvider(sim.URL() + "/api/v2")
	w.importList()
	w.reprice()
	w.classify()
}

func (w *walker) addProvider(address string) {
	w.t.Helper()
	w.follow(".page-head [href='/admin/providers/new']")
	w.Fill("[name=name]", "Wholesale")
	w.Fill("[name=url]", address)
	w.Expect("status 422: POST /admin/providers")
	w.Fill("[name=key]", "not the key")
	w.send("/admin/providers")
	w.WaitText("[role=alert]", "It gave no good answer")
	w.Fill("[name=key]", simulatedKey)
	w.send("/admin/providers")
	w.done("The provider is added")
	all, err := w.panel.Core.Providers.List(w.t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "Wholesale" || all[0].Profile.PackagePrice != provider.PriceFlat {
		w.t.Fatalf("%+v, %v", all, err)
	}
}

// importList reads the list, looks at it by a mark-up and takes it.
func (w *walker) importList() {
	w.t.Helper()
	w.Open("/admin/import")
	w.Submit("form[action$='/read'] [type=submit]")
	w.Wait("[name=markup]")
	w.WaitText("#main", "Say the mark-up")
	w.Fill("[name=markup]", "50")
	w.Submit("#terms form[method=get] [type=submit]")
	w.WaitText("#differences", "Banner impressions, run of site")
	w.WaitText("#differences", "$0.525")
	if n := w.services(); n != 0 {
		w.t.Errorf("to look at it brought %d services", n)
	}
	w.Submit("#take [value=all]")
	w.WaitText("#main", "Taken: ")
	if n := w.services(); n == 0 {
		w.t.Error("nothing is sold")
	}
}

func (w *walker) services() int {
	w.t.Helper()
	all, err := w.panel.Core.Catalog.List(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return len(all)
}

// reprice sets a price, below cost by mistake first, and a visitor sees it.
func (w *walker) reprice() {
	w.t.Helper()
	w.Open("/admin/services?q=run+of+site")
	w.Submit("td a[href='/admin/services/1']")
	w.follow(".page-head [href='/admin/services/1/price']")
	w.Click("[name=how][value=fixed]")
	w.Fill("[name=rate]", "0.30")
	w.Expect("status 422: POST /admin/services/1/price")
	w.send("/price")
	w.WaitText("#below-error", "is below the cost of $0.35")
	if rate := w.Value("[name=rate]"); rate != "0.30" {
		w.t.Errorf("%q came back", rate)
	}
	w.Fill("[name=rate]", "0.77")
	w.send("/price")
	w.done("The price is set")
	w.WaitText("#history", "$0.77")
	w.WaitText("#history", ann)
	w.WaitText("#fields", "pinned")
	if body := w.panel.visitor().get("/services/1").body; !strings.Contains(body, "$0.77") {
		w.t.Error("a visitor does not see the price")
	}
}

// classify decides what a refusal means that holds an order, which then moves on by
// itself and gives the money back.
func (w *walker) classify() {
	w.t.Helper()
	customer := w.panel.account("customer@example.com", account.Customer)
	w.panel.offerTopups()
	if _, err := w.panel.Core.Payments.Request(w.t.Context(), customer.ID, 5*money.Unit, "R"); err != nil {
		w.t.Fatal(err)
	}
	w.panel.approve(customer, 5*money.Unit)
	key, _, err := w.panel.Core.Keys.Issue(w.t.Context(), apikey.NewKey{AccountID: customer.ID, Name: "Shop", Dialect: apikey.Native, Mode: apikey.Live}, "a test")
	if err != nil {
		w.t.Fatal(err)
	}
	v := w.panel.visitor()
	if got := v.post("/api/v2", "key", key, "action", "add", "request_id", "r1", "service", "1", "quantity", "1000", "link", "https://example.com/a#sim=refuse-unknown"); !strings.Contains(got.body, `"order"`) {
		w.t.Fatalf("order: %s", got.body)
	}
	w.reload("/admin/texts", "a.row-link")
	w.WaitText("tbody tr", "Wholesale")
	w.follow("a.row-link")
	w.WaitText("body", "Orders that it holds now: 1.")
	w.Click("[name=as][value=refuse]")
	w.send("/admin/texts")
	w.done("1 held order moves on by itself")
	deadline := time.NewTicker(100 * time.Millisecond)
	defer deadline.Stop()
	for !strings.Contains(v.post("/api/v2", "key", key, "action", "order", "request_id", "r1").body, `"failed"`) {
		select {
		case <-deadline.C:
		case <-w.t.Context().Done():
			w.t.Fatal("the order did not move on")
		}
	}
	w.panel.booked(customer, 5*money.Unit)
}

// reload opens a page until it has an element: what it shows comes by itself.
func (w *walker) reload(path, css string) {
	w.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		w.Open(path)
		if w.Eval("String(document.querySelectorAll('"+css+"').length)") != "0" {
			return
		}
		select {
		case <-tick.C:
		case <-w.t.Context().Done():
			w.t.Fatalf("%s has no %s", path, css)
		}
	}
}

func TestOperatorImportsRepricesAndClassifies(t *testing.T) {
	t.Parallel()
	testCatalogue(t, true)
}

func TestOperatorImportsRepricesAndClassifiesWithoutScripts(t *testing.T) {
	t.Parallel()
	testCatalogue(t, false)
}

package pages_test

import (
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
)

// testRates blocks a target, checks a link against the list and sets a discount: what
// each does is seen before it is saved.
func testRates(t *testing.T, scripts bool) {
	w := operate(t, scripts)
	w.panel.sellSomething()
	w.Open("/admin/blocked")
	w.follow("#main .page-head [href='/admin/blocked/new']")
	w.Fill("[name=target]", "https://www.Shop.example/Copies/")
	w.Fill("[name=reason]", hostile)
	w.follow("form[method=post][action='/admin/blocked'] [type=submit]")
	w.WaitText("[data-dialog-page]", "shop.example/copies")
	w.WaitText("[data-dialog-page]", "https://m.shop.example/copies")
	w.follow("form[method=post][action='/admin/blocked'] [type=submit]")
	w.done("It is blocked from the next request on.")
	w.Open("/admin/blocked?q=http%3A%2F%2Fm.shop.example%2FCOPIES%2F1")
	w.WaitText("#main", "This stops it:")

	w.Open("/admin/tiers")
	w.follow("[href='/admin/tiers/agency']")
	w.Fill("[name=percent]", "60")
	w.send("/agency")
	w.WaitText("[data-dialog-page]", "below")
	w.Expect("status 422: POST /admin/tiers/agency")
	w.send("/agency")
	w.WaitText("#below-error", "Tick this if you mean it")
	w.Click("[name=below]")
	w.send("/agency")
	w.done("Agency pays 60 % less")
	all, _, err := w.panel.Core.Catalog.Prices(t.Context())
	if err != nil || len(all) != 1 || all[0] != (catalog.Discount{Tier: account.Agency, Percent: money.Percent(60 * money.Unit)}) {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestPricesAndTheBlockList(t *testing.T) {
	t.Parallel()
	testRates(t, true)
}

func TestPricesAndTheBlockListWithoutScripts(t *testing.T) {
	t.Parallel()
	testRates(t, false)
}

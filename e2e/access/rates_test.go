package access_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/staff"
)

// stopped reports whether nobody can order for a link.
func (b *bureau) stopped(link string) bool {
	b.t.Helper()
	all, err := b.Core.Catalog.BlockList(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, one := range all {
		target, err := catalog.ReadTarget(one.Pattern)
		if err != nil {
			b.t.Fatal(err)
		}
		if target.Stops(catalog.ReadLink(link)) {
			return true
		}
	}
	return false
}

// What an entry of the block-list stops is shown before it is saved, and what was shown
// is what is saved; who wrote it and who took it off stands in the log.
func TestATargetIsBlockedOnceItWasSeen(t *testing.T) {
	t.Parallel()
	eachBureau(t, func(t *testing.T, b *bureau) {
		const at = "/admin/blocked"
		v, clerk := b.hired("clerk@example.com", staff.CatalogueSee, staff.CatalogueChange)
		wants(t, "the empty list", v.ask(http.MethodGet, at, nil), http.StatusOK, "Nothing is blocked")
		wants(t, "no target", v.ask(http.MethodPost, at, form("target", "*.shop.example", "reason", "Policy")), http.StatusUnprocessableEntity, "This is no target")
		kept := v.ask(http.MethodPost, at, form("target", "shop.example/a b", "reason", ""))
		wants(t, "no reason", kept, http.StatusUnprocessableEntity, "Write why.")
		if !strings.Contains(kept.body, `value="shop.example/a b"`) {
			t.Error("what was typed is gone")
		}
		asked := v.ask(http.MethodPost, at, form("target", "https://www.Shop.example/Name/", "reason", "<b>Policy</b>"))
		wants(t, "the question", asked, http.StatusOK, "https://shop.example/name/more")
		wants(t, "the question", asked, http.StatusOK, "https://shop.example/name-2")
		if b.stopped("https://shop.example/name") || strings.Contains(asked.body, "<b>Policy") {
			t.Error("it was saved before it was seen, or its reason is markup")
		}
		other := v.ask(http.MethodPost, at, form("target", "other.example", "reason", "Policy", "sure", "shop.example/name"))
		wants(t, "another target than shown", other, http.StatusOK, "Nobody can order for other.example")
		if b.stopped("https://other.example/") {
			t.Error("what was not shown was saved")
		}
		sure := form("target", "shop.example/name", "reason", "<b>Policy</b>", "sure", "shop.example/name")
		leads(t, "save", v.ask(http.MethodPost, at, sure), at+"?done=added")
		if !b.stopped("https://m.shop.example/NAME/1") || b.stopped("https://shop.example/") {
			t.Error("it does not stop what was said")
		}
		wants(t, "the list", v.ask(http.MethodGet, at, nil), http.StatusOK, "&lt;b&gt;Policy")
		wants(t, "with who did it", v.ask(http.MethodGet, at, nil), http.StatusOK, clerk.Email)
		wants(t, "a link that is stopped", v.ask(http.MethodGet, at+"?q="+url.QueryEscape("https://shop.example/%6eame"), nil), http.StatusOK, "This stops it")
		wants(t, "a link that is not", v.ask(http.MethodGet, at+"?q=shop.example", nil), http.StatusOK, "Nothing on the list stops this link")
		wants(t, "the same once more", v.ask(http.MethodPost, at, form("target", "shop.example/name", "reason", "Law")), http.StatusOK, "on the list already")
		wants(t, "a part of it", v.ask(http.MethodPost, at, form("target", "shop.example/name/x", "reason", "Law")), http.StatusOK, "stops all of this already")

		reader, _ := b.hired("reader@example.com", staff.CatalogueSee)
		if got := reader.ask(http.MethodGet, at, nil); got.status != http.StatusOK || strings.Contains(got.body, at+"/new") || strings.Contains(got.body, at+"/remove") {
			t.Errorf("who may not change it: %d, with what they may not do", got.status)
		}
		wants(t, "a reader adds", reader.ask(http.MethodPost, at, sure), http.StatusForbidden, "permission")

		wants(t, "remove", v.ask(http.MethodGet, at+"/remove?target=shop.example%2Fname", nil), http.StatusOK, "Take this off the list?")
		leads(t, "removed", v.ask(http.MethodPost, at+"/remove", form("target", "shop.example/name")), at+"?done=removed")
		if got := v.ask(http.MethodPost, at+"/remove", form("target", "shop.example/name")); got.status != http.StatusNotFound || b.stopped("https://shop.example/name") {
			t.Errorf("once more: %d", got.status)
		}
		for _, action := range []string{"block.add", "block.remove"} {
			if acts := b.acts(action); len(acts) != 1 || acts[0].Actor != clerk.ID || acts[0].Target != "shop.example/name" || acts[0].Detail != "<b>Policy</b>" {
				t.Errorf("%s: %+v", action, acts)
			}
		}
		b.proved()
	})
}

var hiddenSure = regexp.MustCompile(`name="sure" value="([^"]+)"`)

// acts are the details of what the log says of an action, the newest first.
func (d *desk) acts(action string) (details []string) {
	d.p.t.Helper()
	all, _, err := d.p.Core.Accounts.Log(d.p.t.Context(), account.LogQuery{Action: action, Limit: 100})
	if err != nil {
		d.p.t.Fatal(err)
	}
	for _, a := range all {
		details = append(details, a.Actor+" "+a.Target+": "+a.Detail)
	}
	return details
}

// stocked is a desk whose panel sells at a mark-up of 20 %: for 1.20 what costs 1.00,
// and for 2.40 what costs 2.00.
func stocked(t *testing.T, engine db.Engine) *desk {
	t.Helper()
	d := newDesk(t, engine, newWholesale(t, onePage))
	terms, _ := d.read("20")
	if got := d.ask(http.MethodPost, d.list, terms); got.status != http.StatusSeeOther {
		t.Fatalf("take: %d %s", got.status, got.body)
	}
	return d
}

// A discount is saved once its effect was seen, what it sells below cost needs a word
// for it, and what somebody else changed meanwhile is shown first.
func TestADiscountIsSavedOnceItsEffectWasSeen(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, engine db.Engine) {
		const at = "/admin/tiers/agency"
		d := stocked(t, engine)
		discount := func() money.Percent {
			t.Helper()
			all, _, err := d.p.Core.Catalog.Prices(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range all {
				if one.Tier == account.Agency {
					return one.Percent
				}
			}
			return 0
		}
		for _, wrong := range []string{"", "-1", "101", "x"} {
			wants(t, "a discount of "+wrong, d.ask(http.MethodPost, at, form("percent", wrong)), http.StatusUnprocessableEntity, "between 0 and 100")
		}
		seen := d.ask(http.MethodPost, at, form("percent", "10"))
		for _, text := range []string{"$1.20", "$1.08", "$2.16", "7.4 %", "Save 10 %"} {
			wants(t, "the effect", seen, http.StatusOK, text)
		}
		sure := hiddenSure.FindStringSubmatch(seen.body)
		if sure == nil || discount() != 0 || strings.Contains(seen.body, "<script>alert") {
			t.Fatalf("it was saved unseen, or has no name: %d", discount())
		}
		leads(t, "save", d.ask(http.MethodPost, at, form("percent", "10", "sure", sure[1])), "/admin/tiers?done=agency")
		wants(t, "the page", d.ask(http.MethodGet, "/admin/tiers", nil), http.StatusOK, "10 %")
		wants(t, "the same form again", d.ask(http.MethodPost, at, form("percent", "10", "sure", sure[1])), http.StatusUnprocessableEntity, "changed it since")

		seen = d.ask(http.MethodPost, at, form("percent", "20"))
		wants(t, "below cost", seen, http.StatusOK, "2 of 2 services are sold below their cost")
		sure = hiddenSure.FindStringSubmatch(seen.body)
		below := form("percent", "20", "sure", sure[1])
		wants(t, "without a word", d.ask(http.MethodPost, at, below), http.StatusUnprocessableEntity, "Tick this if you mean it")
		if err := d.p.Core.Catalog.SetDiscount(t.Context(), catalog.Discount{Tier: account.Agency, Percent: money.Percent(5 * money.Unit)}, "test"); err != nil {
			t.Fatal(err)
		}
		below.Set("below", "on")
		wants(t, "after somebody else", d.ask(http.MethodPost, at, below), http.StatusUnprocessableEntity, "it pays 5 % less now")
		if got := discount(); got != money.Percent(5*money.Unit) {
			t.Errorf("the discount is %d", got)
		}
		seen = d.ask(http.MethodPost, at, form("percent", "20"))
		below.Set("sure", hiddenSure.FindStringSubmatch(seen.body)[1])
		leads(t, "with a word", d.ask(http.MethodPost, at, below), "/admin/tiers?done=agency")
		wants(t, "the page says it", d.ask(http.MethodGet, "/admin/tiers", nil), http.StatusOK, "2 of 2")
		by := d.owner.ID
		if got := d.acts("price.tier"); !slices.Equal(got, []string{by + " agency: 5.00 % → 20.00 %", "test agency: 10.00 % → 5.00 %", by + " agency: 0.00 % → 10.00 %"}) {
			t.Errorf("the log says %q", got)
		}
		if got := d.ask(http.MethodGet, "/admin/tiers/gold", nil); got.status != http.StatusNotFound {
			t.Errorf("no tier: %d", got.status)
		}
	})
}

// An account's own rate is set, changed and removed on its page, beside what its tier
// pays; the log has what it was.
func TestAnOwnRateIsKeptBesideTheTiersPrice(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, engine db.Engine) {
		d := stocked(t, engine)
		customer := d.p.account("customer@example.com", account.Customer)
		at := "/admin/accounts/" + customer.ID
		leads(t, "tier", d.ask(http.MethodPost, at+"/tier", form("tier", "agency")), at+"?done=tier")
		if err := d.p.Core.Catalog.SetDiscount(t.Context(), catalog.Discount{Tier: account.Agency, Percent: money.Percent(10 * money.Unit)}, "test"); err != nil {
			t.Fatal(err)
		}
		leads(t, "set", d.ask(http.MethodPost, at+"/rates", form("service", "1", "rate", "1.05")), at+"?done=rate")
		page := d.ask(http.MethodGet, at, nil)
		for _, text := range []string{"$1.05", "$1.08", "$1.20", at + "/rates/new?rate=1.05&amp;service=1"} {
			wants(t, "the page", page, http.StatusOK, text)
		}
		change := d.ask(http.MethodGet, at+"/rates/new?rate=1.05&service=1", nil)
		wants(t, "change", change, http.StatusOK, `value="1.05"`)
		wants(t, "below cost", d.ask(http.MethodPost, at+"/rates", form("service", "1", "rate", "0.5")), http.StatusUnprocessableEntity, "costs you $1.00")
		leads(t, "changed", d.ask(http.MethodPost, at+"/rates", form("service", "1", "rate", "1.01")), at+"?done=rate")
		leads(t, "removed", d.ask(http.MethodPost, at+"/rates/1/remove", nil), at+"?done=rate_removed#rates")
		if own, err := d.p.Core.Catalog.OwnRates(t.Context(), customer.ID); err != nil || len(own) != 0 {
			t.Errorf("%+v, %v", own, err)
		}
		by := d.owner.ID + " " + customer.ID + ": service 1: "
		got := slices.Concat(d.acts("price.remove"), d.acts("price.set"))
		if !slices.Equal(got, []string{by + "1.01 → none", by + "1.05 → 1.01", by + "none → 1.05"}) {
			t.Errorf("the log says %q", got)
		}
	})
}

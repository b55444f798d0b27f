package access_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
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

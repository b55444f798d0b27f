package admin

import (
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// page is a page of the menu with what it needs.
type page struct {
	needs staff.Permission // "": any staff
	link  ui.Link
}

func pages() []page {
	return []page{
		{"", ui.Link{Label: "nav.admin_home", Path: homePath, Icon: "overview", Key: "h", Bar: true}},
		{staff.OrdersSee, ui.Link{Label: "nav.orders", Path: "/admin/orders", Icon: "orders", Key: "o", Bar: true}},
		{staff.CatalogueSee, ui.Link{Label: "nav.admin_services", Path: "/admin/services", Icon: "services", Key: "s", Bar: true}},
		{staff.CatalogueSee, ui.Link{Label: "nav.tiers", Path: "/admin/tiers", Icon: "star"}},
		{staff.CatalogueSee, ui.Link{Label: "nav.blocked", Path: "/admin/blocked", Icon: "shield"}},
		{staff.ProvidersSee, ui.Link{Label: "nav.providers", Path: "/admin/providers", Icon: "device", Key: "p"}},
		{staff.TextsDecide, ui.Link{Label: "nav.texts", Path: "/admin/texts", Icon: "book", Key: "x"}},
		{staff.AccountsSee, ui.Link{Label: "nav.admin_accounts", Path: "/admin/accounts", Icon: "account", Key: "a", Bar: true}},
		{staff.TopupsDecide, ui.Link{Label: "nav.admin_topups", Path: "/admin/topups", Icon: "wallet", Key: "t", Bar: true}},
		{staff.ContentChange, ui.Link{Label: "nav.announcements", Path: "/admin/announcements", Icon: "horn", Key: "n"}},
		{staff.ContentChange, ui.Link{Label: "nav.posts", Path: "/admin/posts", Icon: "pen", Key: "b"}},
		{staff.ContentChange, ui.Link{Label: "nav.admin_giveaways", Path: "/admin/giveaways", Icon: "gift", Key: "w"}},
		{staff.StaffChange, ui.Link{Label: "nav.admin_staff", Path: "/admin/staff", Icon: "shield"}},
		{staff.AccountsSee, ui.Link{Label: "nav.admin_limits", Path: "/admin/limits", Icon: "key"}},
		{staff.LogSee, ui.Link{Label: "nav.admin_log", Path: "/admin/log", Icon: "book"}},
		{staff.SettingsChange, ui.Link{Label: "nav.admin_settings", Path: "/admin/settings", Icon: "settings"}},
	}
}

// Links are the pages of staff that a set of permissions opens.
func Links(may staff.Set) (all []ui.Link) {
	for _, p := range pages() {
		if p.needs == "" || may.Has(p.needs) {
			all = append(all, p.link)
		}
	}
	return all
}

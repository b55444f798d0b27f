package web

import (
	"slices"

	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/admin/office"
	adminorders "github.com/notpanel/notpanel/internal/web/admin/orders"
	"github.com/notpanel/notpanel/internal/web/admin/publish"
	"github.com/notpanel/notpanel/internal/web/admin/settings"
)

// adminRoutes are the pages of staff.
func (s *Server) adminRoutes() []Route {
	return []Route{
		{"GET /admin", Staff, s.Admin.Home},
		{"POST /admin/view/end", Viewing, s.Admin.EndView},
	}
}

// adminOrderRoutes are those of the orders of all accounts. Deeds for many are
// guarded by the permission of each: who reaches them holds one for orders.
func (s *Server) adminOrderRoutes() []Route {
	all := []Route{
		{"GET /admin/orders", Needs(staff.OrdersSee), s.AdminOrders.List},
		{"GET /admin/orders/{id}", Needs(staff.OrdersSee), s.AdminOrders.Order},
		{"GET /admin/orders/bulk", Needs(staff.OrdersChange), s.AdminOrders.AskMany},
		{"POST /admin/orders/bulk/ask", Needs(staff.OrdersChange), s.AdminOrders.AskMany},
		{"POST /admin/orders/bulk", Needs(staff.OrdersChange), s.AdminOrders.DoMany},
		{"GET /admin/bulk", Needs(staff.OrdersChange), s.AdminOrders.Works},
		{"GET /admin/bulk/{id}", Needs(staff.OrdersChange), s.AdminOrders.Work},
		{"POST /admin/bulk/{id}/stop", Needs(staff.OrdersChange), s.AdminOrders.Stop},
	}
	for _, d := range adminorders.Deeds() {
		path := " /admin/orders/{id}/" + d.Name
		all = append(all, Route{"GET" + path, Needs(d.Needs), s.AdminOrders.Ask(d.Name)}, Route{"POST" + path, Needs(d.Needs), s.AdminOrders.Do(d.Name)})
	}
	return all
}

// officeRoutes are where staff keep the panel itself: accounts, top-ups, staff, log.
func (s *Server) officeRoutes() []Route {
	see, change, credit := Needs(staff.AccountsSee), Needs(staff.AccountsChange), Needs(staff.AccountsCredit)
	decide, people, log := Needs(staff.TopupsDecide), Needs(staff.StaffChange), Needs(staff.LogSee)
	all := []Route{
		{"GET /admin/accounts", see, s.Office.Accounts},
		{"GET /admin/accounts/{id}", see, s.Office.Account},
		{"GET /admin/accounts/{id}/statement", see, s.Office.Statement},
		{"GET /admin/accounts/{id}/credit", credit, s.Office.AskCredit},
		{"POST /admin/accounts/{id}/credit", credit, s.Office.Credit},
		{"GET /admin/accounts/{id}/tier", change, s.Office.AskTier},
		{"POST /admin/accounts/{id}/tier", change, s.Office.SetTier},
		{"POST /admin/accounts/{id}/notes", change, s.Office.AddNote},
		{"POST /admin/accounts/{id}/view", Needs(staff.AccountsView), s.Office.View},
		{"GET /admin/accounts/{id}/rates/new", change, s.Office.NewRate},
		{"POST /admin/accounts/{id}/rates", change, s.Office.SetRate},
		{"POST /admin/accounts/{id}/rates/{service}/remove", change, s.Office.RemoveRate},
		{"GET /admin/accounts/{id}/keys/{key}/revoke", change, s.Office.AskRevokeKey},
		{"POST /admin/accounts/{id}/keys/{key}/revoke", change, s.Office.RevokeKey},

		{"GET /admin/topups", decide, s.Office.Topups},
		{"GET /admin/topups/new", decide, s.Office.NewTopup},
		{"POST /admin/topups/new", decide, s.Office.AddTopup},
		{"GET /admin/topups/offer", Needs(staff.SettingsChange), s.Office.AskOffer},
		{"POST /admin/topups/offer", Needs(staff.SettingsChange), s.Office.SetOffer},
		{"GET /admin/topups/{id}", decide, s.Office.Topup},
		{"POST /admin/topups/{id}/approve", decide, s.Office.Approve},
		{"GET /admin/topups/{id}/reject", decide, s.Office.AskReject},
		{"POST /admin/topups/{id}/reject", decide, s.Office.Reject},

		{"GET /admin/staff", people, s.Office.Staff},
		{"GET /admin/staff/roles/new", people, s.Office.Role},
		{"POST /admin/staff/roles", people, s.Office.SetRole},
		{"GET /admin/staff/roles/{id}", people, s.Office.Role},
		{"POST /admin/staff/roles/{id}", people, s.Office.SetRole},
		{"GET /admin/staff/roles/{id}/remove", people, s.Office.AskRemoveRole},
		{"POST /admin/staff/roles/{id}/remove", people, s.Office.RemoveRole},
		{"GET /admin/staff/members/new", people, s.Office.AskAppoint},
		{"POST /admin/staff/members", people, s.Office.Appoint},
		{"GET /admin/staff/members/{id}", people, s.Office.Member},
		{"POST /admin/staff/members/{id}", people, s.Office.SetMember},
		{"GET /admin/staff/members/{id}/dismiss", people, s.Office.AskDismiss},
		{"POST /admin/staff/members/{id}/dismiss", people, s.Office.Dismiss},

		{"GET /admin/limits", see, s.Office.Limits},
		{"GET /admin/log", log, s.Office.Log},
		{"GET /admin/log.csv", log, s.Office.ExportLog},
		{"POST /admin/log/verify", log, s.Office.Verify},
	}
	for _, deed := range office.Deeds() {
		at := " /admin/accounts/{id}/" + deed
		all = append(all, Route{"GET" + at, change, s.Office.Ask(deed)}, Route{"POST" + at, change, s.Office.Do(deed)})
	}
	return all
}

// settingsRoutes are where staff say what holds for the whole panel.
func (s *Server) settingsRoutes() []Route {
	may, p := Needs(staff.SettingsChange), s.Settings
	all := []Route{
		{"GET /admin/settings", may, p.Home},
		{"GET /admin/settings/logo", may, p.AskLogo},
		{"POST /admin/settings/logo", may, p.SetLogo},
		{"GET /admin/settings/usual/{name}", may, p.AskUsual},
		{"POST /admin/settings/usual/{name}", may, p.SetUsual},
		{"GET /admin/settings/maintenance", may, p.AskClose},
		{"POST /admin/settings/maintenance", may, p.Close},
		{"GET /admin/settings/maintenance/end", may, p.AskOpen},
		{"POST /admin/settings/maintenance/end", may, p.Open},
	}
	for _, g := range settings.Groups() {
		at := " /admin/settings/" + string(g)
		all = append(all, Route{"GET" + at, may, p.Ask(g)}, Route{"POST" + at, may, p.Set(g)})
	}
	return all
}

// publishRoutes are where staff write to everybody.
func (s *Server) publishRoutes() []Route {
	may, p := Needs(staff.ContentChange), s.Publish
	all := []Route{
		{"GET /admin/announcements", may, p.Announcements},
		{"GET /admin/announcements/new", may, p.NewAnnouncement},
		{"POST /admin/announcements", may, p.Announce},
		{"GET /admin/announcements/{id}", may, p.Announcement},
		{"POST /admin/announcements/{id}/end", may, p.EndAnnouncement},

		{"GET /admin/posts", may, p.Posts},
		{"GET /admin/posts/new", may, p.NewPost},
		{"POST /admin/posts", may, p.CreatePost},
		{"GET /admin/posts/{id}", may, p.Post},
		{"POST /admin/posts/{id}", may, p.EditPost},

		{"GET /admin/giveaways", may, p.Giveaways},
		{"GET /admin/giveaways/new", may, p.NewGiveaway},
		{"POST /admin/giveaways", may, p.OpenGiveaway},
		{"GET /admin/giveaways/{id}", may, p.Giveaway},
		{"GET /admin/giveaways/{id}/draw", may, p.AskDraw},
		{"POST /admin/giveaways/{id}/draw", may, p.Draw},
		{"GET /admin/giveaways/{id}/cancel", may, p.AskCancel},
		{"POST /admin/giveaways/{id}/cancel", may, p.Cancel},
	}
	for _, deed := range publish.PostDeeds() {
		at := " /admin/posts/{id}/" + deed
		all = append(all, Route{"GET" + at, may, p.AskPost(deed)}, Route{"POST" + at, may, p.DoPost(deed)})
	}
	return all
}

// catalogueRoutes are those of the catalogue and its providers, for staff.
func (s *Server) catalogueRoutes() []Route {
	see, change, c := Needs(staff.CatalogueSee), Needs(staff.CatalogueChange), s.Catalogue
	return slices.Concat([]Route{
		{"GET /admin/services", see, c.Services},
		{"GET /admin/services/new", change, c.NewService},
		{"POST /admin/services", change, c.CreateService},
		{"POST /admin/picked-services", change, c.Bulk},
		{"GET /admin/services/{id}", see, c.Service},
		{"GET /admin/services/{id}/price", change, c.AskPrice},
		{"POST /admin/services/{id}/price", change, c.SetPrice},
		{"GET /admin/services/{id}/announce", change, c.AskAnnounce},
		{"POST /admin/services/{id}/announce", change, c.Announce},
		{"POST /admin/services/{id}/announce/withdraw", change, c.WithdrawRate},
		{"GET /admin/services/{id}/limits", change, c.AskLimits},
		{"POST /admin/services/{id}/limits", change, c.SetLimits},
		{"GET /admin/services/{id}/rules", change, c.AskRules},
		{"POST /admin/services/{id}/rules", change, c.SetRules},
		{"GET /admin/services/{id}/texts", change, c.AskTexts},
		{"POST /admin/services/{id}/texts", change, c.SetTexts},
		{"GET /admin/services/{id}/translate", change, c.AskTranslate},
		{"POST /admin/services/{id}/translate", change, c.Translate},
		{"GET /admin/services/{id}/state", change, c.AskState},
		{"POST /admin/services/{id}/state", change, c.SetState},
		{"POST /admin/services/{id}/pin", change, c.Pin},
		{"POST /admin/services/{id}/follow", change, c.Follow},
		{"GET /admin/services/{id}/sources/new", change, c.AskSource},
		{"POST /admin/services/{id}/sources", change, c.AddSource},
		{"POST /admin/services/{id}/sources/move", change, c.MoveSource},
		{"GET /admin/services/{id}/sources/remove", change, c.AskRemoveSource},
		{"POST /admin/services/{id}/sources/remove", change, c.RemoveSource},

		{"GET /admin/categories", see, c.Categories},
		{"GET /admin/categories/new", change, c.NewCategory},
		{"POST /admin/categories", change, c.AddCategory},
		{"GET /admin/categories/{id}", change, c.AskCategory},
		{"POST /admin/categories/{id}", change, c.SetCategory},
		{"POST /admin/categories/{id}/move", change, c.MoveCategory},

		{"GET /admin/import", change, c.Import},
		{"GET /admin/import/{id}", change, c.List},
		{"POST /admin/import/{id}", change, c.Take},
		{"POST /admin/import/{id}/read", change, c.ReadList},
		{"POST /admin/import/{id}/exchange", change, c.SetExchange},
		{"GET /admin/import/{id}/categories", change, c.AskMapping},
		{"POST /admin/import/{id}/categories", change, c.SetMapping},
	}, s.priceRoutes(), s.providerRoutes())
}

// priceRoutes are those of what tiers pay less and of what nobody may order for.
func (s *Server) priceRoutes() []Route {
	see, change, c := Needs(staff.CatalogueSee), Needs(staff.CatalogueChange), s.Catalogue
	return []Route{
		{"GET /admin/tiers", see, c.Tiers},
		{"GET /admin/tiers/{tier}", change, c.AskDiscount},
		{"POST /admin/tiers/{tier}", change, c.SetDiscount},

		{"GET /admin/blocked", see, c.Blocked},
		{"GET /admin/blocked/new", change, c.AskBlock},
		{"POST /admin/blocked", change, c.Block},
		{"GET /admin/blocked/remove", change, c.AskUnblock},
		{"POST /admin/blocked/remove", change, c.Unblock},
	}
}

func (s *Server) providerRoutes() []Route {
	see, change, c := Needs(staff.ProvidersSee), Needs(staff.ProvidersChange), s.Catalogue
	return []Route{
		{"GET /admin/providers", see, c.Providers},
		{"GET /admin/providers/new", change, c.NewProvider},
		{"POST /admin/providers", change, c.AddProvider},
		{"GET /admin/providers/{id}", see, c.Provider},
		{"GET /admin/providers/{id}/settings", change, c.AskSettings},
		{"POST /admin/providers/{id}/settings", change, c.SetSettings},
		{"GET /admin/providers/{id}/access", change, c.AskAccess},
		{"POST /admin/providers/{id}/access", change, c.SetAccess},
		{"GET /admin/providers/{id}/pause", change, c.AskPause},
		{"POST /admin/providers/{id}/pause", change, c.Pause},
		{"POST /admin/providers/{id}/resume", change, c.Resume},
		{"POST /admin/providers/{id}/balance", change, c.ReadBalance},
		{"POST /admin/providers/{id}/sync", change, c.Sync},
		{"GET /admin/providers/{id}/webhook", change, c.AskHook},
		{"POST /admin/providers/{id}/webhook", change, c.SetHook},

		{"GET /admin/texts", Needs(staff.TextsDecide), c.Texts},
		{"GET /admin/texts/decide", Needs(staff.TextsDecide), c.AskDecide},
		{"POST /admin/texts", Needs(staff.TextsDecide), c.Decide},
	}
}

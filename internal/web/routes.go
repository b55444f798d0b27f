package web

import (
	"slices"

	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/web/docs"
	"github.com/notpanel/notpanel/internal/web/site"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Routes is every page and action of the panel with who may use it. A test asks
// each of them as everybody and compares.
func (s *Server) Routes() []Route {
	return slices.Concat([]Route{
		{"GET /{$}", Anyone, s.Site.Home},
		{"GET /services", Anyone, s.Site.Services},
		{"GET /services/{id}", Anyone, s.Site.Service},
		{"GET /pricing", Anyone, s.Site.Pricing},
		{"GET /faq", Anyone, s.Site.Text(content.FAQ)},
		{"GET /terms", Anyone, s.Site.Text(content.Terms)},
		{"GET /privacy", Anyone, s.Site.Text(content.Privacy)},
		{"GET /refund", Anyone, s.Site.Text(content.Refund)},
		{"GET /acceptable-use", Anyone, s.Site.Text(content.AcceptableUse)},
		{"GET /contact", Anyone, s.Site.Contact},
		{"GET /robots.txt", Anyone, s.Site.Robots},
		{"GET /sitemap.xml", Anyone, s.Site.Sitemap},
		{"GET /favicon.svg", Anyone, s.Site.Favicon},
		{"GET /card.png", Anyone, s.Site.CardPicture},
		{"GET " + site.AssetPrefix + "{name}", Anyone, s.Site.BrandAsset},

		{"POST /preferences", Anyone, s.setPreferences},

		{"GET /developers", Anyone, s.Developers.Overview},
		{"GET /developers.md", Anyone, s.Developers.OverviewMarkdown},
		{"GET /developers/search.json", Anyone, s.Developers.Index},
		{"GET /developers/{slug}", Anyone, s.Developers.Page},
		{"GET /llms.txt", Anyone, s.Developers.LLMs},
		{"GET " + docs.OpenAPI, Anyone, s.Developers.OpenAPI},
		{"GET /login", Visitor, s.SignIn.Login},
		{"POST /login", Visitor, s.SignIn.SignIn},
		{"POST /login/passkey", Visitor, s.SignIn.SignInWithPasskey},
		{"POST /login/passkey/options", Visitor, s.SignIn.PasskeyOptions},
		{"GET /login/second-factor", Visitor, s.SignIn.Factor},
		{"POST /login/second-factor", Visitor, s.SignIn.SecondFactor},
		{"POST /login/second-factor/options", Visitor, s.SignIn.FactorOptions},
		{"POST /login/second-factor/cancel", Visitor, s.SignIn.CancelFactor},
		{"POST /logout", Enrol, s.SignIn.SignOut},
		{"GET /signup", Visitor, s.SignIn.SignUp},
		{"POST /signup", Visitor, s.SignIn.Register},
		{"GET /verify-email", Anyone, s.SignIn.Verify},
		{"POST /verify-email", Anyone, s.SignIn.SpendVerify},
		{"GET /forgot-password", Anyone, s.SignIn.Forgot},
		{"POST /forgot-password", Anyone, s.SignIn.AskReset},
		{"GET /reset-password", Anyone, s.SignIn.Reset},
		{"POST /reset-password", Anyone, s.SignIn.SpendReset},
		{"GET /change-email", Anyone, s.SignIn.Change},
		{"POST /change-email", Anyone, s.SignIn.SpendChange},
		{"GET /_outbox", Dev, s.SignIn.Outbox},

		{"GET /dashboard/account", Enrol, s.Dashboard.Account},
		{"GET /dashboard/account/app", Enrol, s.Dashboard.BeginApp},
		{"POST /dashboard/account/app", Enrol, s.Dashboard.ProveForApp},
		{"POST /dashboard/account/app/confirm", Enrol, s.Dashboard.ConfirmApp},
		{"GET /dashboard/account/app/remove", Person, s.Dashboard.AskRemoveApp},
		{"POST /dashboard/account/app/remove", Person, s.Dashboard.RemoveApp},
		{"GET /dashboard/account/recovery-codes", Person, s.Dashboard.AskCodes},
		{"POST /dashboard/account/recovery-codes", Person, s.Dashboard.RenewCodes},
		{"GET /dashboard/account/passkeys/new", Enrol, s.Dashboard.NewPasskey},
		{"POST /dashboard/account/passkeys/new", Enrol, s.Dashboard.ProveForPasskey},
		{"POST /dashboard/account/passkeys", Enrol, s.Dashboard.AddPasskey},
		{"GET /dashboard/account/passkeys/{id}/rename", Person, s.Dashboard.AskRenamePasskey},
		{"POST /dashboard/account/passkeys/{id}/rename", Person, s.Dashboard.RenamePasskey},
		{"GET /dashboard/account/passkeys/{id}/remove", Person, s.Dashboard.AskRemovePasskey},
		{"POST /dashboard/account/passkeys/{id}/remove", Person, s.Dashboard.RemovePasskey},
		{"GET /dashboard/account/email", Person, s.Dashboard.AskEmail},
		{"POST /dashboard/account/email", Person, s.Dashboard.SetEmail},
		{"GET /dashboard/account/password", Person, s.Dashboard.AskPassword},
		{"POST /dashboard/account/password", Person, s.Dashboard.SetPassword},
		{"GET /dashboard/account/preferences", Person, s.Dashboard.AskPreferences},
		{"POST /dashboard/account/preferences", Person, s.Dashboard.SetPreferences},
		{"POST /dashboard/account/sessions/revoke-others", Person, s.Dashboard.RevokeOthers},
		{"POST /dashboard/account/sessions/{id}/revoke", Person, s.Dashboard.RevokeSession},

		{"GET /dashboard", Member, s.Dashboard.Overview},
		{"GET /dashboard/wallet", Member, s.Dashboard.Wallet},
		{"GET /dashboard/wallet/topups/new", Member, s.Dashboard.NewTopup},
		{"POST /dashboard/wallet/topups", Member, s.Dashboard.AskTopup},
		{"POST /dashboard/wallet/topups/{id}/withdraw", Member, s.Dashboard.WithdrawTopup},
	}, s.siteRoutes(), s.buyRoutes(), s.orderRoutes(), s.walletRoutes(), s.leavingRoutes(), s.keyRoutes(), s.noticeRoutes(), []Route{
		{"GET /_ui", Dev, s.gallery},
	}, s.adminRoutes(), s.adminOrderRoutes(), s.officeRoutes(), s.catalogueRoutes(), s.publishRoutes(), s.settingsRoutes())
}

// siteRoutes are those of what the operator writes and gives away, and of how the
// panel does.
func (s *Server) siteRoutes() []Route {
	return []Route{
		{"GET /why", Anyone, s.Site.Text(content.Why)},
		{"GET /about", Anyone, s.Site.Text(content.About)},
		{"GET /blog", Anyone, s.Site.Blog},
		{"GET " + site.FeedPath, Anyone, s.Site.Feed},
		{"GET /blog/{slug}", Anyone, s.Site.Post},
		{"GET /giveaway", Anyone, s.Site.Giveaways},
		{"GET /giveaway/{id}", Anyone, s.Site.Giveaway},
		{"GET /giveaway/{id}/proof.json", Anyone, s.Site.GiveawayProof},
		{"POST /giveaway/{id}/enter", Member, s.Site.EnterGiveaway},
		{"GET /status", Anyone, s.Site.Status},
		{"POST /dashboard/announcements/{id}/dismiss", Member, s.Dashboard.DismissAnnouncement},
	}
}

// buyRoutes are where customers order.
func (s *Server) buyRoutes() []Route {
	return []Route{
		{"GET /dashboard/orders/new", Member, s.Buy.NewOrder},
		{"POST /dashboard/orders/new", Member, s.Buy.Place},
		{"POST /dashboard/orders/new/total", Member, s.Buy.Total},
		{"POST /dashboard/orders/new/favourite", Member, s.Buy.Favourite},
		{"GET /dashboard/orders/new/placed/{number}", Member, s.Buy.Placed},
		{"GET /dashboard/orders/mass", Member, s.Buy.Mass},
		{"POST /dashboard/orders/mass", Member, s.Buy.Check},
		{"GET /dashboard/orders/mass/batches/{id}", Member, s.Buy.Batch},
		{"POST /dashboard/orders/mass/batches/{id}/place", Member, s.Buy.PlaceBatch},
		{"GET /dashboard/orders/mass/batches/{id}/result.csv", Member, s.Buy.Result},
	}
}

// walletRoutes are those of the statement, its receipts and the threshold.
func (s *Server) walletRoutes() []Route {
	return []Route{
		{"GET /dashboard/wallet/statement.csv", Member, s.Dashboard.StatementCSV},
		{"GET /dashboard/wallet/receipts/{line}", Member, s.Dashboard.Receipt},
		{"GET /dashboard/wallet/threshold", Member, s.Dashboard.AskThreshold},
		{"POST /dashboard/wallet/threshold", Member, s.Dashboard.SetThreshold},
	}
}

// leavingRoutes are those by which people take their data, and go.
func (s *Server) leavingRoutes() []Route {
	return []Route{
		{"GET /dashboard/account/export", Person, s.Dashboard.AskExport},
		{"POST /dashboard/account/export", Person, s.Dashboard.Export},
		{"GET /dashboard/account/close", Person, s.Dashboard.AskClose},
		{"POST /dashboard/account/close", Person, s.Dashboard.Close},
	}
}

// keyRoutes are those of API keys and their webhooks.
func (s *Server) keyRoutes() []Route {
	return []Route{
		{"GET /dashboard/api", Member, s.Dashboard.Keys},
		{"GET /dashboard/api/keys/new", Member, s.Dashboard.NewKey},
		{"POST /dashboard/api/keys", Member, s.Dashboard.CreateKey},
		{"GET /dashboard/api/keys/{id}", Member, s.Dashboard.Key},
		{"GET /dashboard/api/keys/{id}/settings", Member, s.Dashboard.EditKey},
		{"POST /dashboard/api/keys/{id}/settings", Member, s.Dashboard.SetKey},
		{"GET /dashboard/api/keys/{id}/rotate", Member, s.Dashboard.AskRotate},
		{"POST /dashboard/api/keys/{id}/rotate", Member, s.Dashboard.RotateKey},
		{"GET /dashboard/api/keys/{id}/revoke", Member, s.Dashboard.AskRevoke},
		{"POST /dashboard/api/keys/{id}/revoke", Member, s.Dashboard.RevokeKey},
		{"GET /dashboard/api/keys/{id}/webhooks/new", Member, s.Dashboard.NewWebhook},
		{"POST /dashboard/api/keys/{id}/webhooks", Member, s.Dashboard.AddWebhook},
		{"GET /dashboard/api/webhooks/{id}", Member, s.Dashboard.Webhook},
		{"GET /dashboard/api/webhooks/{id}/events", Member, s.Dashboard.EditEvents},
		{"POST /dashboard/api/webhooks/{id}/events", Member, s.Dashboard.SetEvents},
		{"GET /dashboard/api/webhooks/{id}/rotate", Member, s.Dashboard.AskRotateSecret},
		{"POST /dashboard/api/webhooks/{id}/rotate", Member, s.Dashboard.RotateSecret},
		{"POST /dashboard/api/webhooks/{id}/test", Member, s.Dashboard.TestWebhook},
		{"POST /dashboard/api/webhooks/{id}/disable", Member, s.Dashboard.DisableWebhook},
		{"POST /dashboard/api/webhooks/{id}/enable", Member, s.Dashboard.EnableWebhook},
		{"GET /dashboard/api/webhooks/{id}/remove", Member, s.Dashboard.AskRemoveWebhook},
		{"POST /dashboard/api/webhooks/{id}/remove", Member, s.Dashboard.RemoveWebhook},
		{"GET /dashboard/api/webhooks/{id}/replay", Member, s.Dashboard.AskReplay},
		{"POST /dashboard/api/webhooks/{id}/replay", Member, s.Dashboard.ReplayFailed},
		{"GET /dashboard/api/deliveries/{id}", Member, s.Dashboard.Delivery},
		{"POST /dashboard/api/deliveries/{id}/replay", Member, s.Dashboard.Replay},
	}
}

// orderRoutes are those of orders that were placed.
func (s *Server) orderRoutes() []Route {
	return []Route{
		{"GET /dashboard/orders", Member, s.Orders.List},
		{"GET /dashboard/orders/export.csv", Member, s.Orders.Export},
		{"GET /dashboard/orders/{number}", Member, s.Orders.Order},
		{"GET /dashboard/orders/{number}/cancel", Member, s.Orders.AskCancel},
		{"POST /dashboard/orders/{number}/cancel", Member, s.Orders.CancelOrder},
		{"POST /dashboard/orders/{number}/refill", Member, s.Orders.AskRefill},
		{"POST /dashboard/orders/{number}/pause", Member, s.Orders.Pause},
		{"POST /dashboard/orders/{number}/resume", Member, s.Orders.Resume},
		{"GET /dashboard/drip-feeds", Member, s.Orders.DripFeeds},
		{"GET /dashboard/subscriptions", Member, s.Orders.Subscriptions},
		{"GET /dashboard/refills", Member, s.Orders.Refills},
		{"GET /dashboard/events", Member, s.Orders.Events},
	}
}

// noticeRoutes are those of what people are told, and how.
func (s *Server) noticeRoutes() []Route {
	return []Route{
		{"GET /dashboard/notices", Member, s.Dashboard.Notices},
		{"POST /dashboard/notices/read", Member, s.Dashboard.MarkNoticesRead},
		{"GET /dashboard/account/notices", Person, s.Dashboard.NoticeChoices},
		{"POST /dashboard/account/notices", Person, s.Dashboard.SetNoticeChoices},
		{"POST /dashboard/account/notices/telegram", Person, s.Dashboard.LinkChat},
		{"POST /dashboard/account/notices/telegram/unlink", Person, s.Dashboard.UnlinkChat},
	}
}

// FrameLinks are the links in the head of the public pages.
func FrameLinks() []ui.Link {
	return []ui.Link{
		{Label: "nav.services", Path: "/services"},
		{Label: "nav.pricing", Path: "/pricing"},
		{Label: "nav.why", Path: "/why"},
		{Label: "nav.faq", Path: "/faq"},
	}
}

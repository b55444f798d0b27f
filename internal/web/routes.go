package web

import (
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/web/site"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Routes is every page and action of the panel with who may use it. A test asks
// each of them as everybody and compares.
func (s *Server) Routes() []Route {
	return []Route{
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

		{"GET /dashboard", Member, s.Dashboard.Overview},
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

		{"GET /_ui", Dev, s.gallery},
	}
}

// FrameLinks are the links in the head of the public pages.
func FrameLinks() []ui.Link {
	return []ui.Link{
		{Label: "nav.services", Path: "/services"},
		{Label: "nav.pricing", Path: "/pricing"},
		{Label: "nav.faq", Path: "/faq"},
	}
}

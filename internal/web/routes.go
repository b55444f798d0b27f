package web

import "github.com/notpanel/notpanel/internal/web/ui"

// Routes is every page and action of the panel with who may use it. A test asks
// each of them as everybody and compares.
func (s *Server) Routes() []Route {
	return []Route{
		{"POST /preferences", Anyone, s.setPreferences},

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

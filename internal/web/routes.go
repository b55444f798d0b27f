package web

import "github.com/notpanel/notpanel/internal/web/ui"

// Routes is every page and action of the panel with who may use it. A test asks
// each of them as everybody and compares.
func (s *Server) Routes() []Route {
	return []Route{
		{"POST /preferences", Anyone, s.setPreferences},

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

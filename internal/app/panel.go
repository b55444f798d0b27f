package app

import (
	"context"
	"log/slog"
	"strings"

	"github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/web"
	"github.com/notpanel/notpanel/internal/web/site"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// openPanel reads what the operator says of the panel, over what the environment says.
func (s *Server) openPanel(ctx context.Context) error {
	usual, err := s.settings.Branding()
	if err != nil {
		return err
	}
	if s.panel, err = panel.NewLive(ctx, s.Core.DB, usual, s.log); err != nil {
		return err
	}
	if b := s.panel.Brand(); b.Support == "" && len(b.Contact) == 0 {
		s.log.LogAttrs(ctx, slog.LevelWarn, "the contact page names nobody: set it at /admin/settings, or by NOTPANEL_SUPPORT_EMAIL or NOTPANEL_CONTACT")
	}
	return nil
}

// shownPanel is what pages show of the panel now.
func (s *Server) shownPanel() ui.Panel {
	now := s.panel.Now()
	p := ui.Panel{
		Currency: s.Core.Currency, URL: strings.TrimSuffix(s.URL(), "/"), Dev: s.settings.Dev, Links: web.FrameLinks(),
		NoSignUp: !now.SignUp, Closed: now.Closed, Says: now.Says,
	}
	site.Show(now.Brand, &p)
	return p
}

// signUpOpen reports whether people may make accounts now.
func (s *Server) signUpOpen() bool { return s.panel.Now().SignUp }

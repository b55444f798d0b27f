package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/notify"
	"github.com/notpanel/notpanel/internal/panel"
	"github.com/notpanel/notpanel/internal/provider"
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
	s.Core.Providers.TellLow = s.tellLow
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

// tellLow queues a warning of a provider's low balance to whom the operator has named
// for it, in the language of who named them.
func (s *Server) tellLow(tx *db.Tx, l provider.Low) error {
	now := s.panel.Now()
	if now.Alerts == "" {
		return nil
	}
	if unreachable := notify.CheckAddress(now.Alerts); unreachable != nil {
		return nil //nolint:nilerr // the alarm stands at the desk all the same
	}
	language := ""
	err := tx.QueryRow(`SELECT language FROM accounts WHERE id = $1`, now.Settings[panel.Alerts].ChangedBy).Scan(&language)
	if err != nil && !errors.Is(err, db.ErrNoRows) { // none is of the command line
		return fmt.Errorf("language of a warning: %w", err)
	}
	return s.Core.Mails.Queue(tx, notify.Mail{To: now.Alerts, Language: language, Template: notify.ProviderLow, Data: map[string]string{
		"name": l.Name, "balance": l.Balance.String() + " " + l.Currency, "threshold": l.Mark.String() + " " + l.Currency,
		"link": strings.TrimSuffix(s.URL(), "/") + "/admin/providers/" + l.ProviderID,
	}})
}

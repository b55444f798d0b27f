package app

import (
	"context"
	"net/http"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clientaddr"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/web"
	"github.com/notpanel/notpanel/internal/web/dashboard"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// forgotPath is where a forgotten password is set anew.
const forgotPath = "/forgot-password"

// newPages builds what people see. The address that the panel listens at must be
// known.
func (s *Server) newPages(clients *clientaddr.Finder) (pages *web.Server, err error) {
	panel := ui.Panel{
		Name: s.brand.Name, LegalName: s.brand.LegalName, Support: s.brand.Support, Currency: s.Core.Currency, URL: strings.TrimSuffix(s.URL(), "/"), Dev: s.settings.Dev, Links: web.FrameLinks(),
	}
	s.people, err = identity.New(s.Core.DB, s.Core.Ring, identity.Options{
		PublicURL: panel.URL, Name: panel.Name, Mailer: identityMails{s.Core.Mails, panel.URL + forgotPath}, Address: clients.Of, Log: s.log,
		StaffWithoutSecondFactor: s.settings.StaffWithoutSecondFactor,
		Failed:                   func(w http.ResponseWriter, r *http.Request, err error) { pages.SessionFailed(w, r, err) },
	})
	if err != nil {
		return nil, err
	}
	pages, err = web.New(web.Deps{
		Languages: s.languages, Panel: panel, Now: clock.System, Log: s.log,
		People: s.people, Accounts: s.Core.Accounts, Balances: s.Core.Accounts.Balances,
		Dashboard: dashboard.New(dashboard.Deps{
			People: s.people, Keys: s.Core.Keys, Requests: s.Core.Requests, Limits: s.limiter, Orders: s.Core.Orders,
			Snapshot: s.snapshot, Balances: s.Core.Accounts.Balances,
		}),
	})
	return pages, err
}

// snapshot returns what is sold now.
func (s *Server) snapshot(ctx context.Context) (*catalog.Snapshot, error) {
	epochs, err := s.Epochs.Current(ctx)
	if err != nil {
		return nil, err
	}
	return s.Cache.At(ctx, epochs.Catalog)
}

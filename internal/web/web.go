// Package web is the panel's face for people: it knows which pages there are, who
// may see them, and what every answer carries.
//
// The pages themselves are in site, dashboard and admin; what they are made of is
// in ui. None of them knows SQL: they ask the domain.
package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/ratelimit"
	"github.com/notpanel/notpanel/internal/web/admin"
	"github.com/notpanel/notpanel/internal/web/admin/catalogue"
	"github.com/notpanel/notpanel/internal/web/admin/office"
	adminorders "github.com/notpanel/notpanel/internal/web/admin/orders"
	"github.com/notpanel/notpanel/internal/web/admin/publish"
	"github.com/notpanel/notpanel/internal/web/admin/settings"
	"github.com/notpanel/notpanel/internal/web/buy"
	"github.com/notpanel/notpanel/internal/web/dashboard"
	"github.com/notpanel/notpanel/internal/web/developers"
	"github.com/notpanel/notpanel/internal/web/orders"
	"github.com/notpanel/notpanel/internal/web/signin"
	"github.com/notpanel/notpanel/internal/web/site"
	"github.com/notpanel/notpanel/internal/web/static"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// maxForm bounds what a form may send, in bytes, but for those that upload.
const maxForm = 64 << 10

// Deps are what the pages ask.
type Deps struct {
	Languages *locale.Set
	Panel     func() ui.Panel // as it is now
	Now       clock.Clock
	Log       *slog.Logger
	People    *identity.People
	Accounts  *account.Store
	SignIn    *signin.Pages
	Site      *site.Site
	Dashboard *dashboard.Dashboard
	Office    *office.Pages
	// Buy is where customers order.
	Buy *buy.Pages
	// Orders are those that were placed, and the streams of open pages.
	Orders *orders.Pages
	Admin  *admin.Admin
	// Catalogue is staff's: services, imports, providers and their refusals.
	Catalogue *catalogue.Pages
	// AdminOrders are the orders of all accounts.
	AdminOrders *adminorders.Pages
	// Publish is where staff write to everybody.
	Publish *publish.Pages
	// Settings is where staff say what holds for the whole panel.
	Settings *settings.Pages
	// Developers is the API's documentation.
	Developers *developers.Pages
	// Visits counts the requests of each address, but those for files.
	Visits *ratelimit.Limiter
	// Address tells where a request comes from.
	Address func(*http.Request) netip.Addr
	// Announced returns what the operator tells an account.
	Announced func(ctx context.Context, accountID string) ([]announce.Announcement, error)
	// Balances returns what an account's live and test wallets hold.
	Balances func(ctx context.Context, accountID string) (live, test money.Amount, err error)
	// Unread returns how many notices an account has not read, as far as they are counted.
	Unread func(ctx context.Context, accountID string) (int64, error)
	// Waits says that the panel was brought back from a backup and sends nothing yet;
	// nil is never.
	Waits func() bool
}

// Server answers for the pages.
type Server struct {
	Deps

	routes *http.ServeMux // without the files
	pages  http.Handler
}

// New returns the pages.
func New(d Deps) (*Server, error) {
	s := &Server{Deps: d}
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(d.Panel().URL); err != nil {
		return nil, fmt.Errorf("the public URL is no origin: %w", err)
	}
	protection.SetDenyHandler(http.HandlerFunc(s.refuseCrossSite))
	s.routes = http.NewServeMux()
	for _, r := range s.Routes() {
		s.routes.Handle(r.Pattern, public(r, bounded(r, s.guarded(r))))
	}
	s.routes.HandleFunc("/", s.unknown)
	files := http.NewServeMux()
	files.Handle("GET "+static.Prefix, static.Handler())
	files.Handle("/", s.limited(protection.Handler(d.People.LoadAndSave(s.routes))))
	s.pages = s.outer(files)
	return s, nil
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.pages.ServeHTTP(w, r) }

// SessionFailed answers a request whose session could not be read or kept.
func (s *Server) SessionFailed(w http.ResponseWriter, r *http.Request, err error) {
	s.showError(w, r, fault.Wrap(fault.Unavailable, "Temporarily unavailable", err))
}

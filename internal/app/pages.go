package app

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/activity"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clientaddr"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/closing"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/desk"
	"github.com/notpanel/notpanel/internal/favourite"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/massorder"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/status"
	"github.com/notpanel/notpanel/internal/web"
	"github.com/notpanel/notpanel/internal/web/admin"
	"github.com/notpanel/notpanel/internal/web/admin/catalogue"
	"github.com/notpanel/notpanel/internal/web/admin/office"
	adminorders "github.com/notpanel/notpanel/internal/web/admin/orders"
	"github.com/notpanel/notpanel/internal/web/admin/publish"
	"github.com/notpanel/notpanel/internal/web/admin/settings"
	"github.com/notpanel/notpanel/internal/web/buy"
	"github.com/notpanel/notpanel/internal/web/dashboard"
	"github.com/notpanel/notpanel/internal/web/developers"
	"github.com/notpanel/notpanel/internal/web/docs"
	"github.com/notpanel/notpanel/internal/web/download"
	"github.com/notpanel/notpanel/internal/web/orders"
	"github.com/notpanel/notpanel/internal/web/signin"
	"github.com/notpanel/notpanel/internal/web/site"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// forgotPath is where a forgotten password is set anew.
const forgotPath = "/forgot-password"

// newPages builds what people see. The address that the panel listens at must be
// known.
func (s *Server) newPages(ctx context.Context, clients *clientaddr.Finder) (pages *web.Server, err error) {
	panelURL := strings.TrimSuffix(s.URL(), "/")
	s.people, err = identity.New(s.Core.DB, s.Core.Ring, identity.Options{
		PublicURL: panelURL, Name: func() string { return s.panel.Brand().Name }, SignUpOpen: s.signUpOpen,
		Mailer: identityMails{s.Core.Mails, panelURL + forgotPath}, Address: clients.Of, Log: s.log,
		StaffWithoutSecondFactor: s.settings.StaffWithoutSecondFactor,
		Failed:                   func(w http.ResponseWriter, r *http.Request, err error) { pages.SessionFailed(w, r, err) },
	})
	if err != nil {
		return nil, err
	}
	documentation, err := s.documentation()
	if err != nil {
		return nil, err
	}
	public, err := s.newSite(ctx)
	if err != nil {
		return nil, err
	}
	_, telegramOn, err := s.settings.TelegramBot()
	if err != nil {
		return nil, err
	}
	visits, err := s.settings.PageLimits()
	if err != nil {
		return nil, err
	}
	ofCatalogue, err := s.newCatalogue(panelURL)
	if err != nil {
		return nil, err
	}
	downloads := download.NewLimit()
	s.orders = orders.New(orders.Deps{
		People: s.people, Orders: s.Core.Orders, Accounts: s.Core.Accounts, Keys: s.Core.Keys, Snapshot: s.snapshot, Downloads: downloads, Now: clock.System, Log: s.log,
		Cancel: order.NewCanceller(s.Core.DB, s.wakeActs), Refill: order.NewRefiller(s.Core.DB, s.wakeActs),
	})
	pages, err = web.New(web.Deps{ //nolint:contextcheck // the forms of pages have their requests'
		Announced: s.Core.Announcements.CurrentFor, Waits: s.waits.Load,
		Visits: s.newLimiter(visits, "pages"), Address: clients.Of,
		Languages: s.languages, Panel: s.shownPanel, Now: clock.System, Log: s.log,
		People: s.people, Accounts: s.Core.Accounts, Balances: s.Core.Accounts.Balances, Unread: s.Core.Notices.Unread,
		SignIn: signin.New(s.people, s.mails, s.signUpOpen),
		Site:   public,
		Orders: s.orders,
		Dashboard: dashboard.New(dashboard.Deps{
			People: s.people, Keys: s.Core.Keys, Requests: s.Core.Requests, Webhooks: s.Core.Webhooks, LastUse: s.keys.LastUse, Limits: s.limiter, Orders: s.Core.Orders,
			Latest: s.orders.Latest, Payments: s.Core.Payments, Announcements: s.Core.Announcements, Giveaways: s.Core.Giveaways, Activity: activity.NewStore(s.Core.DB),
			Notices: s.Core.Notices, Telegram: telegramOn,
			Snapshot: s.snapshot, Balances: s.Core.Accounts.Balances,
			LowBalance: s.Core.Accounts.LowBalance, SetLowBalance: s.Core.Accounts.SetLowBalance, Brand: s.panel.Brand, Downloads: downloads,
			IsLastOwner: s.Core.Accounts.IsLastOwner,
			Closer: &closing.Closer{
				DB: s.Core.DB, People: s.people, Keys: s.Core.Keys, Currency: s.Core.Currency, Tell: tellOfClosing(s.Core.Mails, s.Core.Currency),
			},
			SetPreferences: s.Core.Accounts.SetPreferences, CanMail: s.mails.CanSend,
		}),
		Buy: buy.New(buy.Deps{
			People: s.people, Placer: s.Placer, Orders: s.Core.Orders, Favourites: favourite.NewStore(s.Core.DB),
			Masses: massorder.NewStore(s.Core.DB), Runner: s.masses, Now: clock.System,
			Snapshot: s.snapshot, Balances: s.Core.Accounts.Balances, Wallet: s.wallet,
		}),
		Developers: developers.New(documentation),
		Office:     s.newOffice(downloads),
		Publish:    s.newPublish(),
		Settings:   settings.New(settings.Deps{People: s.people, Store: s.Core.Panel, Live: s.panel, CanMail: s.mails.CanSend}),
		Catalogue:  ofCatalogue,
		AdminOrders: adminorders.New(adminorders.Deps{
			People: s.people, Accounts: s.Core.Accounts, Orders: s.Core.Orders, Settler: s.Core.Settler, Bulk: s.Core.Bulk, Providers: s.Core.Providers,
			Catalog: s.Core.Catalog, Snapshot: s.snapshot,
			Wake: func() {
				s.wake()
				s.wakeActs()
			},
		}),
		Admin: admin.New(admin.Deps{
			People: s.people, Accounts: s.Core.Accounts, Orders: s.Core.Orders, Payments: s.Core.Payments, Providers: s.Core.Providers, Report: s.Core.Report, Heartbeats: s.workers.Heartbeats,
		}),
	})
	return pages, err
}

// newOffice builds the pages where staff keep the panel itself.
func (s *Server) newOffice(downloads *download.Limit) *office.Pages {
	c := s.Core
	return office.New(office.Deps{
		People: s.people, Accounts: c.Accounts, Keys: c.Keys, Webhooks: c.Webhooks, Orders: c.Orders, Payments: c.Payments, Catalog: c.Catalog, Staff: c.Staff,
		Desk:     desk.New(desk.Stores{Accounts: c.Accounts, Catalog: c.Catalog, Keys: c.Keys, Orders: c.Orders, Payments: c.Payments}),
		Snapshot: s.snapshot, Downloads: downloads, Denied: s.limiter.DeniedAddresses, LimitsShared: s.limitsShared,
		VerifyLog: func(ctx context.Context, differs func(string)) (int64, error) {
			return account.VerifyLog(ctx, c.DB, differs)
		},
	})
}

// newCatalogue builds the pages of what is sold and where it is bought.
func (s *Server) newCatalogue(address string) (*catalogue.Pages, error) {
	limits, err := s.settings.RateLimits()
	if err != nil {
		return nil, err
	}
	return catalogue.New(catalogue.Deps{
		People: s.people, Accounts: s.Core.Accounts, Catalog: s.Core.Catalog, Providers: s.Core.Providers, Importer: s.importer(),
		Snapshot: s.snapshot, ReadLists: s.wakeLists, URL: address, Languages: s.wordings(), Limits: limits.Tiers,
	}), nil
}

// newPublish builds the pages where staff write to everybody.
func (s *Server) newPublish() *publish.Pages {
	c := s.Core
	var languages []ui.Option
	for _, l := range s.languages.All() {
		languages = append(languages, ui.Option{Value: l.Code, Label: l.Name})
	}
	return publish.New(publish.Deps{
		People: s.people, Accounts: c.Accounts, Announcements: c.Announcements, Blog: c.Blog, Giveaways: c.Giveaways, Languages: languages,
	})
}

// wordings are the languages that services and categories are named in.
func (s *Server) wordings() (all []catalogue.Language) {
	for _, l := range s.languages.All() {
		all = append(all, catalogue.Language{Code: l.Code, Name: l.Name})
	}
	return all
}

// documentation is what the API's documentation says of this panel.
func (s *Server) documentation() (func() docs.Settings, error) {
	limits, err := s.settings.RateLimits()
	if err != nil {
		return nil, err
	}
	shown := docs.LimitsOf(limits, docs.Tier{Name: "Standard"}, docs.Tier{Name: "Reseller"}, docs.Tier{Name: "Agency"})
	return func() docs.Settings {
		p := s.shownPanel()
		return docs.Settings{Panel: p.Name, BaseURL: p.URL, Support: p.Support, Currency: p.Currency, Limits: shown}
	}, nil
}

// newSite builds the public pages with the operator's looks and texts.
func (s *Server) newSite(ctx context.Context) (*site.Site, error) {
	address, err := url.Parse(s.URL())
	if err != nil {
		return nil, fmt.Errorf("the panel's address: %w", err)
	}
	limits, err := s.settings.RateLimits()
	if err != nil {
		return nil, err
	}
	s.texts, err = content.Open(ctx, s.settings.ContentDir, content.Values{
		Brand: s.panel.Brand, Currency: s.Core.Currency, Host: address.Host,
		Date: func(lang string, day time.Time) string {
			l, _ := s.languages.Find(lang)
			return l.Day(day)
		},
	}, s.log)
	if err != nil {
		return nil, err
	}
	return site.New(site.Deps{
		Catalogue: s.snapshot, Texts: s.texts, Brand: s.panel.Brand, Asset: s.panel.Asset, Limits: limits.Tiers, Languages: s.languages, Paths: developers.Paths(),
		Blog: s.Core.Blog, Giveaways: s.Core.Giveaways, Status: s.board().Report, Member: s.member,
	}), nil
}

// board has what the status page says.
func (s *Server) board() *status.Board {
	return status.NewBoard(status.Deps{
		Heartbeats: s.workers.Heartbeats, Requests: s.Core.Requests, Announced: s.Core.Announcements, Now: clock.System, Log: s.log,
	})
}

// member is the account of who asks; found is false where nobody is signed in.
func (s *Server) member(r *http.Request) (accountID string, found bool) {
	who, found := s.people.Current(r.Context())
	return who.AccountID, found
}

// snapshot returns what is sold now.
func (s *Server) snapshot(ctx context.Context) (*catalog.Snapshot, error) {
	epochs, err := s.Epochs.Current(ctx)
	if err != nil {
		return nil, err
	}
	return s.Cache.At(ctx, epochs.Catalog)
}

// wallet returns the id of an account's live wallet.
func (s *Server) wallet(ctx context.Context, accountID string) (walletID string, err error) {
	err = s.Core.DB.Read(ctx, func(tx *db.Tx) error {
		walletID, err = ledger.WalletID(tx, accountID, ledger.Live)
		return err
	})
	return walletID, err
}

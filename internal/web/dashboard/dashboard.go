// Package dashboard is what a customer sees behind the sign-in: the overview, the
// wallet, the API keys with what they were used for and their webhooks, the notices,
// and the account.
//
// It translates: the domain decides what may be done, and the route table in web
// who comes here at all.
package dashboard

import (
	"context"
	"net/http"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/activity"
	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/closing"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/notice"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/ratelimit"
	"github.com/notpanel/notpanel/internal/requestlog"
	"github.com/notpanel/notpanel/internal/web/download"
	"github.com/notpanel/notpanel/internal/web/orders"
	"github.com/notpanel/notpanel/internal/webhook"
)

// Deps are what the pages ask.
type Deps struct {
	People   *identity.People
	Keys     *apikey.Store
	Requests *requestlog.Store
	Webhooks *webhook.Store
	// LastUse returns a use of a key that is not stored yet.
	LastUse func(keyID string) (at time.Time, ok bool)
	Limits  *ratelimit.Limiter
	Orders  *order.Store
	// Latest returns an account's newest orders as their pages show them.
	Latest func(ctx context.Context, accountID string, most int) (orders.Latest, error)
	// Activity is what accounts ordered and paid, day by day.
	Activity *activity.Store
	// Payments are the money that comes by transfer.
	Payments      *payment.Store
	Announcements *announce.Store
	// Giveaways are read for the copy of one's data.
	Giveaways *giveaway.Store
	// Snapshot returns what is sold now.
	Snapshot func(context.Context) (*catalog.Snapshot, error)
	// Balances returns what an account's live and test wallets hold.
	Balances func(ctx context.Context, accountID string) (live, test money.Amount, err error)
	// IsLastOwner reports whether nobody else owns the panel.
	IsLastOwner func(ctx context.Context, accountID string) (bool, error)
	// LowBalance returns the balance below which an account is told; 0 is never.
	LowBalance func(ctx context.Context, accountID string) (money.Amount, error)
	// SetLowBalance sets it; nil is the panel's default.
	SetLowBalance func(ctx context.Context, accountID string, low *money.Amount, actor string) (account.Account, error)
	// Downloads bounds how many long tables a reader takes at a time.
	Downloads *download.Limit
	// Closer ends accounts by their owners' wish.
	Closer *closing.Closer
	// Brand returns whose panel it is now, for what is printed.
	Brand func() brand.Brand
	// SetPreferences stores how an account wants its pages and mails.
	SetPreferences func(ctx context.Context, accountID string, p account.Preferences) error
	// Notices are what accounts are told, and how they want it.
	Notices *notice.Store
	// Telegram reports whether there is a bot.
	Telegram bool
	// CanMail reports whether a mail reaches its reader.
	CanMail func() bool
}

// Dashboard answers for the pages behind the sign-in.
type Dashboard struct {
	deps    Deps
	exports chan struct{} // places for those that are written
}

// New returns the pages.
func New(d Deps) *Dashboard { return &Dashboard{deps: d, exports: make(chan struct{}, exportsMost)} }

// person is who is signed in. The route table lets nobody else come here.
func (d *Dashboard) person(r *http.Request) identity.Person {
	who, _ := d.deps.People.Current(r.Context())
	return who
}

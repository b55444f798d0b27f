// Package buy is where customers order in the browser: one order by a form that
// fits its service, or many by lines and files.
//
// It translates between pages and the placer, which decides by the same rules as for
// the API; the totals that a page shows are quotes by those rules. Who may come to a
// page stands in the route table in web.
package buy

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/favourite"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/massorder"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// The pages, as they lead to each other.
const (
	newPath    = "/dashboard/orders/new"
	totalPath  = newPath + "/total"
	starPath   = newPath + "/favourite"
	placedPath = newPath + "/placed/"
	massPath   = "/dashboard/orders/mass"
	batchPath  = massPath + "/batches/"
	orderPath  = "/dashboard/orders/"
	topupPath  = "/dashboard/wallet/topups/new"
)

// MaxForm is what the form of one order may send, in bytes: long lists fit. More comes
// as a file.
const MaxForm = 512 << 10

// Deps are what the pages ask.
type Deps struct {
	People     *identity.People
	Placer     *order.Placer
	Orders     *order.Store
	Favourites *favourite.Store
	Masses     *massorder.Store
	Runner     *massorder.Runner
	Now        clock.Clock
	// Snapshot returns what is sold now.
	Snapshot func(context.Context) (*catalog.Snapshot, error)
	// Balances returns what an account's live and test wallets hold.
	Balances func(ctx context.Context, accountID string) (live, test money.Amount, err error)
	// Wallet returns the id of an account's live wallet.
	Wallet func(ctx context.Context, accountID string) (walletID string, err error)
}

// Pages answers for the pages of this package.
type Pages struct{ deps Deps }

// New returns the pages.
func New(d Deps) *Pages { return &Pages{deps: d} }

// errSuspended refuses what an account may not do that is suspended.
var errSuspended = fault.New(fault.Forbidden, "Account suspended").Because(identity.IsSuspended)

// visit is one request with what it needs of its reader and of what is sold.
type visit struct {
	who      identity.Person
	snapshot *catalog.Snapshot
	lang     string
	balance  money.Amount
}

func (p *Pages) visit(r *http.Request) (v visit, err error) {
	ctx := r.Context()
	v.who, _ = p.deps.People.Current(ctx)
	v.lang = ui.Of(ctx).Language.Code
	if v.snapshot, err = p.deps.Snapshot(ctx); err != nil {
		return v, err
	}
	v.balance, _, err = p.deps.Balances(ctx, v.who.AccountID)
	return v, err
}

func (v visit) customer() catalog.Customer {
	return catalog.Customer{AccountID: v.who.AccountID, Tier: string(v.who.Tier)}
}

func (v visit) scope() order.Scope {
	return order.Scope{AccountID: v.who.AccountID, Mode: ledger.Live}
}

// buyer is who pays. Who is suspended may look, not order.
func (p *Pages) buyer(ctx context.Context, v visit) (b order.Buyer, err error) {
	if v.who.State != account.Active {
		return b, errSuspended
	}
	b = order.Buyer{Scope: v.scope(), Tier: string(v.who.Tier)}
	b.WalletID, err = p.deps.Wallet(ctx, v.who.AccountID)
	return b, err
}

// newRequestID is what a form is known by: sent twice, it orders once.
func newRequestID() string { return "web_" + rand.Text() }

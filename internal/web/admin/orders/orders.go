// Package orders is what staff see of the orders of all accounts, and what they do
// to one of them or to many.
//
// It translates: package fulfil decides what may be done to an order, and the route
// table in web says which permission each page and action needs.
package orders

import (
	"context"
	"net/http"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/bulk"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/admin"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	// Path is where the list is.
	Path     = "/admin/orders"
	bulkPath = Path + "/bulk"
	workPath = "/admin/bulk"
	// listed is how many orders a page shows.
	listed = 50
)

// Deps are what the pages ask.
type Deps struct {
	People    *identity.People
	Accounts  *account.Store
	Orders    *order.Store
	Settler   *fulfil.Settler
	Bulk      *bulk.Store
	Providers *provider.Store
	Catalog   *catalog.Store
	// Snapshot returns what is sold now.
	Snapshot func(context.Context) (*catalog.Snapshot, error)
	// Wake is called after a deed: an order may have to be sent, or told of, now.
	Wake func()
}

// Pages answers for the pages.
type Pages struct{ deps Deps }

// New returns the pages.
func New(d Deps) *Pages { return &Pages{deps: d} }

func (p *Pages) actor(r *http.Request) staff.Actor { return admin.Actor(p.deps.People, r) }

// may reports whether who asks holds a permission.
func (p *Pages) may(r *http.Request, needs staff.Permission) bool {
	return p.actor(r).Permissions.Has(needs)
}

// naming tells names of services and providers.
type naming struct {
	snapshot  *catalog.Snapshot
	providers map[string]string
	all       []provider.Provider
}

func (p *Pages) naming(ctx context.Context) (n naming, err error) {
	if n.snapshot, err = p.deps.Snapshot(ctx); err != nil {
		return n, err
	}
	if n.all, err = p.deps.Providers.List(ctx); err != nil {
		return n, err
	}
	n.providers = map[string]string{}
	for _, v := range n.all {
		n.providers[v.ID] = v.Name
	}
	return n, nil
}

// service is what a service is called; one that is not sold goes by its number.
func (n naming) service(ctx context.Context, serviceID int64) string {
	v, found := n.snapshot.Service(serviceID)
	if !found {
		return ui.T(ctx, "orders.service", "Number", serviceID)
	}
	return n.snapshot.Wording(v, n.snapshot.Language(ui.Of(ctx).Language.Code)).Name
}

func (n naming) provider(providerID string) string {
	if name := n.providers[providerID]; name != "" {
		return name
	}
	return providerID
}

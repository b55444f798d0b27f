// Package admin is the first page of staff: what needs a person now, and what the
// panel earned. Their other pages are in packages of their own.
//
// It translates: the domain decides what may be done, and the route table in web
// says which permission each page and action needs.
package admin

import (
	"context"
	"net/http"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/report"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/ui"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	homePath     = "/admin"
	accountsPath = homePath + "/accounts"
)

// Deps are what the pages ask.
type Deps struct {
	People    *identity.People
	Accounts  *account.Store
	Orders    *order.Store
	Payments  *payment.Store
	Providers *provider.Store
	Report    *report.Store
	// Heartbeats are the workers of this node.
	Heartbeats func(context.Context) []worker.Heartbeat
}

// Admin answers for the pages of staff.
type Admin struct{ deps Deps }

// New returns the pages.
func New(d Deps) *Admin { return &Admin{deps: d} }

// Actor is who of the staff asks. The route table lets nobody else come here.
func Actor(people *identity.People, r *http.Request) staff.Actor {
	who, _ := people.Current(r.Context())
	return staff.Actor{AccountID: who.AccountID, Permissions: who.Permissions}
}

// EndView ends looking at the pages as a customer, and leads back to the account
// where the reader may see it.
func (a *Admin) EndView(w http.ResponseWriter, r *http.Request) error {
	accountID, err := a.deps.People.EndView(r.Context())
	if err != nil {
		return err
	}
	if who, _ := a.deps.People.Current(r.Context()); accountID != "" && who.Viewer != nil && who.Viewer.Permissions.Has(staff.AccountsSee) {
		return ui.See(w, r, accountsPath+"/"+accountID)
	}
	return ui.See(w, r, homePath)
}

// Package admin is what staff see: what needs a person now, and the orders of all
// accounts with what may be done to them.
//
// It translates: the domain decides what may be done, and the route table in web
// says which permission each page and action needs.
package admin

import (
	"context"
	"net/http"

	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/order"
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
	People *identity.People
	Orders *order.Store
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

// home is what the first page shows.
type home struct {
	Waiting order.Waiting
	Late    []worker.Heartbeat
}

// Home shows what needs a person now.
func (a *Admin) Home(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	var h home
	var err error
	if h.Waiting, err = a.deps.Orders.Waiting(ctx); err != nil {
		return err
	}
	for _, beat := range a.deps.Heartbeats(ctx) {
		if beat.Late(ui.Of(ctx).Now) {
			h.Late = append(h.Late, beat)
		}
	}
	return ui.Render(w, r, http.StatusOK, homePage(h))
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

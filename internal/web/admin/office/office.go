// Package office is where staff keep the panel itself: the accounts of customers,
// what they pay in by transfer, who helps to run the panel, the audit log and the
// settings.
//
// It translates: the route table in web says which permission each page and action
// needs, package desk how far who holds it reaches.
package office

import (
	"context"
	"net/http"
	"sync"

	"github.com/notpanel/notpanel/internal/web/proof"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/desk"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/admin"
	"github.com/notpanel/notpanel/internal/web/download"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
	"github.com/notpanel/notpanel/internal/webhook"
)

// The pages.
const (
	accountsPath = "/admin/accounts"
	topupsPath   = "/admin/topups"
	offerPath    = topupsPath + "/offer"
	staffPath    = "/admin/staff"
	rolesPath    = staffPath + "/roles"
	membersPath  = staffPath + "/members"
	logPath      = "/admin/log"
)

func accountPath(accountID string) string { return accountsPath + "/" + accountID }

// pageRows is how many rows a page of a list has.
const pageRows = 50

// Deps are what the pages ask.
type Deps struct {
	People   *identity.People
	Desk     *desk.Desk     // for every deed to an account
	Accounts *account.Store // to read
	Keys     *apikey.Store  // to read
	Webhooks *webhook.Store // to read
	Orders   *order.Store   // to read
	Payments *payment.Store // to read, and for the offer
	Catalog  *catalog.Store // to read
	Staff    *staff.Store
	// Snapshot returns what is sold now.
	Snapshot func(context.Context) (*catalog.Snapshot, error)
	// Downloads bounds how many long tables a reader takes at a time.
	Downloads *download.Limit
	// VerifyLog proves the audit log's chain and returns how many rows it has.
	VerifyLog func(ctx context.Context, differs func(text string)) (rows int64, err error)
}

// Pages answers for the office.
type Pages struct {
	deps Deps

	verifying sync.Mutex // one proof of the log at a time
}

// New returns the pages.
func New(d Deps) *Pages { return &Pages{deps: d} }

// actor is who of the staff asks.
func (p *Pages) actor(r *http.Request) staff.Actor { return admin.Actor(p.deps.People, r) }

func (p *Pages) person(r *http.Request) identity.Person {
	who, _ := p.deps.People.Current(r.Context())
	return who
}

// proofFor is what a form of now has to ask for.
func (p *Pages) proofFor(r *http.Request) (proof.Asked, error) { return proof.Fresh(p.deps.People, r) }

// prove makes sure of who sends a form.
func (p *Pages) prove(r *http.Request) error { return proof.Check(p.deps.People, r) }

// again shows a form once more with why it was refused.
func again(w http.ResponseWriter, r *http.Request, f *ui.Form, err error, show ui.ShowForm) error {
	return refusal.Again(w, r, f, err, show)
}

// done is the query by which a page says what a form has just done.
func done(what string) string { return "?done=" + what }

// doneText is what a page says of the form that led to it; "" is nothing.
func doneText(r *http.Request, prefix string, known ...string) string {
	for _, what := range known {
		if r.URL.Query().Get("done") == what {
			return ui.T(r.Context(), prefix+what)
		}
	}
	return ""
}

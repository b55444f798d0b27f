package access_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web"
)

// appoint makes an account with a role of its own that holds what is given.
func (p *panel) appoint(by account.Account, email string, may ...staff.Permission) account.Account {
	p.t.Helper()
	a := p.account(email, account.Customer)
	owner := staff.Actor{AccountID: by.ID, Permissions: staff.Everything()}
	role, err := p.Core.Staff.Create(p.t.Context(), "Role of "+email, staff.SetOf(may...), owner)
	if err == nil {
		_, err = p.Core.Staff.Appoint(p.t.Context(), a.ID, role.ID, owner)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// allBut are the permissions without one.
func allBut(one staff.Permission) (others []staff.Permission) {
	for _, p := range staff.All() {
		if p != one {
			others = append(others, p)
		}
	}
	return others
}

// A page or action of staff lets in who holds its permission and nothing else, and
// refuses who holds everything else.
func TestStaffReachNoFurtherThanTheirRole(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, func(s *config.Serve) { s.StaffWithoutSecondFactor = true })
	owner := p.account("owner@example.com", account.Owner)
	only, without := map[string]*visitor{}, map[string]*visitor{}
	for _, one := range staff.All() {
		access := string(web.Needs(one))
		p.appoint(owner, string(one)+"@example.com", one)
		p.appoint(owner, "not."+string(one)+"@example.com", allBut(one)...)
		only[access], without[access] = p.signedIn(string(one)+"@example.com"), p.signedIn("not."+string(one)+"@example.com")
	}
	for _, r := range routes(p) {
		if r.access != string(web.Staff) && !strings.HasPrefix(r.access, string(web.Staff)+":") {
			continue
		}
		to, _ := path(r, nil)
		if r.access == string(web.Staff) {
			letIn(t, "any staff: "+r.method+" "+to, r, p.signedIn("log.see@example.com").ask(r.method, to, url.Values{}))
			continue
		}
		letIn(t, "who holds it: "+r.method+" "+to, r, only[r.access].ask(r.method, to, url.Values{}))
		if got := without[r.access].ask(r.method, to, url.Values{}); got.status != http.StatusForbidden || !strings.Contains(got.body, "permission") {
			t.Errorf("who does not hold it: %s %s: %d", r.method, to, got.status)
		}
	}
}

// What a role holds counts at the next request, in a session that was there before.
func TestADismissedPersonIsACustomerAtOnce(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, func(s *config.Serve) { s.StaffWithoutSecondFactor = true })
	owner := p.account("owner@example.com", account.Owner)
	helper := p.appoint(owner, "helper@example.com", staff.OrdersSee)
	v := p.signedIn("helper@example.com")
	if got := v.ask(http.MethodGet, "/admin", nil); got.status != http.StatusOK {
		t.Fatalf("staff at /admin: %d", got.status)
	}
	if _, err := p.Core.Staff.Appoint(t.Context(), helper.ID, "", staff.Actor{AccountID: owner.ID}); err != nil {
		t.Fatal(err)
	}
	if got := v.ask(http.MethodGet, "/admin", nil); got.status != http.StatusForbidden {
		t.Errorf("a customer at /admin: %d", got.status)
	}
}

// Who looks at the pages as a customer sees what the customer sees, changes
// nothing, and reaches neither the customer's own account nor the desk.
func TestWhoLooksOnChangesNothing(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			p := start(t, engine, func(s *config.Serve) { s.StaffWithoutSecondFactor = true })
			owner := p.account("owner@example.com", account.Owner)
			customer := p.account("customer@example.com", account.Customer)
			ids := ownedBy(t, p, customer.ID)
			p.appoint(owner, "helper@example.com", staff.AccountsView, staff.AccountsSee)
			v := p.signedIn("helper@example.com")
			v.within(func(ctx context.Context) error { return p.People().View(ctx, customer.ID) })
			for _, r := range routes(p) {
				to, _ := path(r, ids)
				if to == "/admin/view/end" || r.access == string(web.Anyone) || r.access == string(web.Visitor) || r.access == string(web.Dev) {
					continue
				}
				got := v.ask(r.method, to, url.Values{})
				seen := r.access == string(web.Member) && r.method == http.MethodGet
				if seen && got.status >= http.StatusBadRequest && !strings.Contains(r.pattern, "{") || !seen && got.status != http.StatusForbidden {
					t.Errorf("%s %s (%s): %d", r.method, to, r.access, got.status)
				}
			}
			untouched(t, p, customer.ID, ids)
			if got := v.ask(http.MethodGet, "/dashboard", nil); !strings.Contains(got.body, "helper@example.com looks at the pages as customer@example.com") {
				t.Errorf("the page does not say who looks on: %d", got.status)
			}
			if got := v.ask(http.MethodPost, "/admin/view/end", url.Values{}); got.location != "/admin/accounts/"+customer.ID {
				t.Errorf("the end leads to %q (%d)", got.location, got.status)
			}
			if got := v.ask(http.MethodGet, "/dashboard", nil); strings.Contains(got.body, "customer@example.com") {
				t.Error("it has not ended")
			}
		})
	}
}

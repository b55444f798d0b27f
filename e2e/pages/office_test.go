package pages_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/e2e/browser"
	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/money"
)

const (
	chief  = "chief@example.com"
	helper = "helper@example.com"
)

// operate opens the desk as the owner of a panel with one customer, whose account the
// walker knows.
func operate(t *testing.T, scripts bool) *walker {
	t.Helper()
	panel := startWith(t, func(s *config.Serve) { s.StaffWithoutSecondFactor = true })
	panel.account(chief, account.Owner)
	w := &walker{Page: browser.New(t, panel.at), t: t, panel: panel, account: panel.account(ann, account.Customer), scripts: scripts}
	w.JavaScript(scripts)
	w.Open("/login")
	signIn(w.Page, chief, password)
	return w
}

// testOffice goes through an operator's morning: a top-up is approved with what came, an
// account is credited and suspended, somebody is appointed. What the pages say is what
// is booked, and what holds.
func testOffice(t *testing.T, scripts bool) {
	w := operate(t, scripts)
	w.approveOne()
	w.creditOne()
	w.suspendOne()
	w.appointOne()
}

// approveOne approves a top-up of 25.00, of which 24.50 came.
func (w *walker) approveOne() {
	t := w.t
	t.Helper()
	w.panel.offerTopups()
	if _, err := w.panel.Core.Payments.Request(t.Context(), w.account.ID, 25*money.Unit, hostile); err != nil {
		t.Fatal(err)
	}
	w.Open("/admin/topups")
	w.WaitText("#main tbody tr", ann)
	w.follow("#main tbody a.row-link")
	if asked := w.Value("[name=amount]"); asked != "25.00" {
		t.Errorf("the form has %q", asked)
	}
	w.Fill("[name=amount]", "24.50")
	w.send("/approve")
	w.done("The top-up is credited.")
	w.WaitText("#main", "Nothing waits")
	w.panel.booked(w.account, 24_500_000)
}

// creditOne debits 4.50 after a look at what will be left.
func (w *walker) creditOne() {
	t := w.t
	t.Helper()
	at := "/admin/accounts/" + w.account.ID
	w.Open("/admin/accounts?q=ANN")
	w.Submit("#main tbody a.row-link")
	w.WaitText("#main h1", ann)
	w.follow("[href='" + at + "/credit']")
	w.Click("[name=way][value=take]")
	w.Fill("[name=amount]", "99")
	w.Fill("[name=reason]", "Paid back")
	w.Expect("status 422: POST " + at + "/credit")
	w.send("/credit")
	w.WaitText("#amount-error", "The balance is $24.50")
	w.Fill("[name=amount]", "4.50")
	w.send("/credit")
	w.WaitText("[data-dialog-page]", "$20.00")
	w.panel.booked(w.account, 24_500_000)
	w.send("/credit")
	w.done("It is booked.")
	w.WaitText("#statement tbody tr:first-child", "$20.00")
	w.panel.booked(w.account, 20*money.Unit)
}

// suspendOne suspends the customer, who is out at once, as is their key.
func (w *walker) suspendOne() {
	t := w.t
	t.Helper()
	value, _, err := w.panel.Core.Keys.Issue(t.Context(), apikey.NewKey{AccountID: w.account.ID, Name: "Shop", Dialect: apikey.Native, Mode: apikey.Live}, "a test")
	if err != nil {
		t.Fatal(err)
	}
	theirs := w.panel.visitor().signIn(ann, password)
	if got := w.balance(value); got.status != http.StatusOK || !strings.Contains(got.body, "20") {
		t.Errorf("before: %d %s", got.status, got.body)
	}
	at := "/admin/accounts/" + w.account.ID
	w.Open(at)
	w.follow("[href='" + at + "/suspend']")
	w.WaitText("[data-dialog-page]", ann+" is signed out everywhere")
	w.Fill("[name=reason]", "Chargeback")
	w.send("/suspend")
	w.done("The account is suspended.")
	w.WaitText("#standing", "suspended")
	if got := theirs.get("/dashboard"); got.status != http.StatusSeeOther || !strings.HasPrefix(got.to(), "/login") {
		t.Errorf("their next page: %d to %q", got.status, got.to())
	}
	if got := w.balance(value); !strings.Contains(strings.ToLower(got.body), "suspended") {
		t.Errorf("their key: %d %s", got.status, got.body)
	}
}

// appointOne makes a role and gives it to somebody, who then sees what it opens and no
// more.
func (w *walker) appointOne() {
	t := w.t
	t.Helper()
	w.panel.account(helper, account.Customer)
	w.Open("/admin/staff")
	w.follow("#roles [href='/admin/staff/roles/new']")
	w.Fill("[name=name]", "Cashier")
	w.Click("[name=may][value='topups.decide']")
	w.send("/roles")
	w.done("The role is made.")
	w.WaitText("#roles", "Cashier")
	w.follow("[href='/admin/staff/members/new']")
	w.Fill("[name=email]", helper)
	w.send("/members")
	w.done("The role is given.")
	w.WaitText("#members", helper)
	theirs := w.panel.visitor().signIn(helper, password)
	if got := theirs.get("/admin/topups"); got.status != http.StatusOK || strings.Contains(got.body, `href="/admin/accounts"`) {
		t.Errorf("what the role opens: %d, with a link to more: %t", got.status, strings.Contains(got.body, `href="/admin/accounts"`))
	}
	for _, more := range []string{"/admin/accounts", "/admin/staff", "/admin/log", "/admin/topups/offer"} {
		if got := theirs.get(more); got.status != http.StatusForbidden {
			t.Errorf("%s: %d", more, got.status)
		}
	}
}

func TestAnOperatorsMorning(t *testing.T) {
	t.Parallel()
	testOffice(t, true)
}

func TestAnOperatorsMorningWithoutScripts(t *testing.T) {
	t.Parallel()
	testOffice(t, false)
}

// Who looks at the pages as a customer comes from the account's page and back to it.
func TestAnOperatorSeesWhatTheCustomerSees(t *testing.T) {
	t.Parallel()
	w := operate(t, true)
	at := "/admin/accounts/" + w.account.ID
	w.Open(at)
	w.Submit("form[action='" + at + "/view'] [type=submit]")
	w.WaitText(".test-line", chief+" looks at the pages as "+ann)
	if got := w.Path(); got != "/dashboard" {
		t.Errorf("it leads to %s", got)
	}
	w.Submit(".test-line [type=submit]")
	if got := w.Path(); got != at {
		t.Errorf("the end leads to %s", got)
	}
}

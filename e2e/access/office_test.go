package access_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/staff"
)

// bureau is a panel with an owner and a customer.
type bureau struct {
	*panel

	owner, customer account.Account
}

// eachBureau runs a test on both engines, without second factors.
func eachBureau(t *testing.T, test func(t *testing.T, b *bureau)) {
	t.Helper()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			b := &bureau{panel: start(t, engine, func(s *config.Serve) { s.StaffWithoutSecondFactor = true })}
			b.owner = b.account("owner@example.com", account.Owner)
			b.customer = b.account("customer@example.com", account.Customer)
			test(t, b)
		})
	}
}

// hired is a browser of somebody with a role that holds what is given.
func (b *bureau) hired(email string, may ...staff.Permission) (*visitor, account.Account) {
	b.t.Helper()
	a := b.appoint(b.owner, email, may...)
	return b.signedIn(email), a
}

func (b *bureau) live(of account.Account) money.Amount {
	b.t.Helper()
	live, _, err := b.Core.Accounts.Balances(b.t.Context(), of.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return live
}

// acts are the rows of the audit log with an action, the newest first.
func (b *bureau) acts(action string) []account.Act {
	b.t.Helper()
	all, _, err := b.Core.Accounts.Log(b.t.Context(), account.LogQuery{Action: action, Limit: 100})
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

func (b *bureau) proved() {
	b.t.Helper()
	differs := func(text string) { b.t.Error(text) }
	for _, prove := range []func() error{
		func() error { _, err := account.VerifyLog(b.t.Context(), b.Core.DB, differs); return err },
		func() error { return account.VerifyActs(b.t.Context(), b.Core.DB, differs) },
		func() error { _, err := ledger.Audit(b.t.Context(), b.Core.DB, differs); return err },
		func() error { _, err := payment.Audit(b.t.Context(), b.Core.DB, differs); return err },
	} {
		if err := prove(); err != nil {
			b.t.Error(err)
		}
	}
}

func form(fields ...string) url.Values {
	f := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		f.Add(fields[i], fields[i+1])
	}
	return f
}

// wants wants an answer's status and a text in it.
func wants(t *testing.T, what string, got answer, status int, text string) {
	t.Helper()
	if got.status != status || !strings.Contains(got.body, text) {
		_, main, _ := strings.Cut(got.body, "<main")
		t.Errorf("%s: %d to %q without %q, want %d\n%s", what, got.status, got.location, text, status, main[:min(len(main), 1500)])
	}
}

// leads wants an answer that leads to a page.
func leads(t *testing.T, what string, got answer, to string) {
	t.Helper()
	if got.status != http.StatusSeeOther || got.location != to {
		wants(t, what, got, http.StatusSeeOther, to)
	}
}

var hiddenRef = regexp.MustCompile(`name="ref" value="(trf_[0-9A-Z]{26})"`)

// A credit is asked about with the balance after it and booked once, however often the
// button is pressed; the log names who did it and why.
func TestACreditIsConfirmedAndBookedOnce(t *testing.T) {
	t.Parallel()
	eachBureau(t, func(t *testing.T, b *bureau) {
		v, clerk := b.hired("clerk@example.com", staff.AccountsSee, staff.AccountsCredit)
		at := "/admin/accounts/" + b.customer.ID
		filled := form("way", "give", "amount", "25.5", "reason", "Goodwill for order 12")
		asked := v.ask(http.MethodPost, at+"/credit", filled)
		wants(t, "the question", asked, http.StatusOK, "$25.50")
		ref := hiddenRef.FindStringSubmatch(asked.body)
		if ref == nil || b.live(b.customer) != 0 {
			t.Fatalf("the question has no name, or was booked: %s", b.live(b.customer))
		}
		filled.Set("ref", ref[1])
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { leads(t, "confirmed", v.ask(http.MethodPost, at+"/credit", filled), at+"?done=credit") })
		}
		all.Wait()
		if got := b.live(b.customer); got != 25_500_000 {
			t.Errorf("the wallet holds %s", got)
		}
		acts := b.acts("account.credit")
		if len(acts) != 1 || acts[0].Actor != clerk.ID || acts[0].Target != b.customer.ID || !strings.HasSuffix(acts[0].Detail, "25.50 Goodwill for order 12") {
			t.Errorf("%+v", acts)
		}
		filled.Set("amount", "99")
		wants(t, "the same form with more", v.ask(http.MethodPost, at+"/credit", filled), http.StatusUnprocessableEntity, "Begin again")
		wants(t, "too much", v.ask(http.MethodPost, at+"/credit", form("way", "take", "amount", "26", "reason", "Error")), http.StatusUnprocessableEntity, "The balance is $25.50")
		wants(t, "no reason", v.ask(http.MethodPost, at+"/credit", form("way", "take", "amount", "2")), http.StatusUnprocessableEntity, "Write why.")

		b.Core.DB.AdvanceClock(11 * time.Minute)
		filled = form("way", "take", "amount", "5", "reason", "Error", "ref", account.CreditRef())
		wants(t, "after eleven minutes", v.ask(http.MethodPost, at+"/credit", filled), http.StatusUnprocessableEntity, `name="password"`)
		filled.Set("password", "a wrong one")
		wants(t, "a wrong password", v.ask(http.MethodPost, at+"/credit", filled), http.StatusUnprocessableEntity, "not right")
		if got := b.live(b.customer); got != 25_500_000 {
			t.Errorf("without a proof the wallet holds %s", got)
		}
		filled.Set("password", password)
		leads(t, "with the password", v.ask(http.MethodPost, at+"/credit", filled), at+"?done=credit")
		if got := b.live(b.customer); got != 20_500_000 {
			t.Errorf("the wallet holds %s", got)
		}
		own := v.ask(http.MethodPost, "/admin/accounts/"+clerk.ID+"/credit", form("way", "give", "amount", "1", "reason", "For me", "ref", account.CreditRef()))
		wants(t, "their own", own, http.StatusUnprocessableEntity, "Nobody does this to their own account")
		if got := b.live(clerk); got != 0 {
			t.Errorf("the clerk has %s", got)
		}
		b.proved()
	})
}

// What staff do to an account holds at once and is recorded with who did it.
func TestDeedsToAnAccount(t *testing.T) {
	t.Parallel()
	eachBureau(t, func(t *testing.T, b *bureau) {
		v, clerk := b.hired("clerk@example.com", staff.AccountsSee, staff.AccountsChange)
		at := "/admin/accounts/" + b.customer.ID
		value, key, err := b.Core.Keys.Issue(t.Context(), apikey.NewKey{AccountID: b.customer.ID, Name: "Shop", Dialect: apikey.Native, Mode: apikey.Live}, "test")
		if err != nil {
			t.Fatal(err)
		}
		ask := func() answer {
			return b.nobody().ask(http.MethodPost, "/api/v2", form("key", value, "action", "add", "service", "1", "link", "https://example.com/", "quantity", "1"))
		}
		theirs := b.signedIn(b.customer.Email)
		if got := ask(); strings.Contains(got.body, "suspended") {
			t.Fatalf("before: %s", got.body)
		}
		wants(t, "without a reason", v.ask(http.MethodPost, at+"/suspend", form("reason", " ")), http.StatusUnprocessableEntity, "Write why.")
		leads(t, "suspend", v.ask(http.MethodPost, at+"/suspend", form("reason", "Chargeback")), at+"?done=suspend")
		leads(t, "the customer's next page", theirs.ask(http.MethodGet, "/dashboard", nil), "/login")
		if got := ask(); !strings.Contains(strings.ToLower(got.body), "suspended") {
			t.Errorf("the key: %d %s", got.status, got.body)
		}
		wants(t, "the page", v.ask(http.MethodGet, at, nil), http.StatusOK, "suspended")
		leads(t, "resume", v.ask(http.MethodPost, at+"/resume", form("reason", "Paid")), at+"?done=resume")
		theirs = b.signedIn(b.customer.Email)
		leads(t, "sign out", v.ask(http.MethodPost, at+"/sign-out", nil), at+"?done=sign_out")
		leads(t, "signed out", theirs.ask(http.MethodGet, "/dashboard", nil), "/login")
		leads(t, "tier", v.ask(http.MethodPost, at+"/tier", form("tier", "agency")), at+"?done=tier")
		leads(t, "note", v.ask(http.MethodPost, at+"/notes", form("note", "<b>Called</b> twice.")), at+"?done=note#notes")
		leads(t, "revoke", v.ask(http.MethodPost, at+"/keys/"+key.ID+"/revoke", nil), at+"?done=key")
		wants(t, "verify again", v.ask(http.MethodPost, at+"/verify", nil), http.StatusUnprocessableEntity, "confirmed already")
		wants(t, "no second factor", v.ask(http.MethodPost, at+"/reset-2fa", nil), http.StatusUnprocessableEntity, "no second factor")
		wants(t, "no service", v.ask(http.MethodPost, at+"/rates", form("service", "1", "rate", "x")), http.StatusUnprocessableEntity, "Write a rate")
		a, err := b.Core.Accounts.Find(t.Context(), b.customer.ID)
		k, errKey := b.Core.Keys.Own(t.Context(), b.customer.ID, key.ID)
		if err != nil || errKey != nil || a.State != account.Active || a.Tier != account.Agency || k.RevokedAt.IsZero() {
			t.Errorf("%+v, %+v, %v", a, k, err)
		}
		got := v.ask(http.MethodGet, at, nil)
		wants(t, "the page", got, http.StatusOK, "&lt;b&gt;Called&lt;/b&gt; twice.")
		for _, secret := range []string{value, "<b>Called"} {
			if strings.Contains(got.body, secret) {
				t.Errorf("the page shows %q", secret)
			}
		}
		for action, detail := range map[string]string{
			"account.suspended": b.customer.Email + ": Chargeback", "account.active": b.customer.Email + ": Paid", "account.sign_out": b.customer.Email, "account.tier.agency": b.customer.Email,
		} {
			if acts := b.acts(action); len(acts) != 1 || acts[0].Actor != clerk.ID || acts[0].Target != b.customer.ID || acts[0].Detail != detail {
				t.Errorf("%s: %+v", action, acts)
			}
		}
		wants(t, "an owner's", v.ask(http.MethodPost, "/admin/accounts/"+b.owner.ID+"/suspend", form("reason", "No")), http.StatusUnprocessableEntity, "more than your role")
		b.proved()
	})
}

// A top-up is approved once with what came, and not by who asked for it.
func TestATopupIsApprovedOnce(t *testing.T) {
	t.Parallel()
	eachBureau(t, func(t *testing.T, b *bureau) {
		v, clerk := b.hired("clerk@example.com", staff.TopupsDecide, staff.SettingsChange)
		leads(t, "offer", v.ask(http.MethodPost, "/admin/topups/offer", form("instructions", "Pay to **12 34**.", "least", "5", "most", "500")), "/admin/topups?done=offer")
		wants(t, "preview", v.ask(http.MethodPost, "/admin/topups/offer", form("instructions", "Pay **now** <script>x</script>", "least", "1", "most", "2", "preview", "1")), http.StatusOK, "<strong>now</strong>")
		wants(t, "bounds", v.ask(http.MethodPost, "/admin/topups/offer", form("instructions", "x", "least", "5", "most", "4")), http.StatusUnprocessableEntity, "at least the least")
		if offer, err := b.Core.Payments.Offer(t.Context()); err != nil || offer.Instructions != "Pay to **12 34**." || offer.Most != 500*money.Unit {
			t.Errorf("%+v, %v", offer, err)
		}
		ask := func(of account.Account, reference string) payment.Payment {
			t.Helper()
			p, err := b.Core.Payments.Request(t.Context(), of.ID, 25*money.Unit, reference)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		p, own, wrong := ask(b.customer, "INV-7"), ask(clerk, "INV-8"), ask(b.customer, "INV-9")
		wants(t, "the list", v.ask(http.MethodGet, "/admin/topups", nil), http.StatusOK, "INV-7")
		wants(t, "the form", v.ask(http.MethodGet, "/admin/topups/"+p.ID, nil), http.StatusOK, `value="25.00"`)
		booked, told := 0, 0
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				got := v.ask(http.MethodPost, "/admin/topups/"+p.ID+"/approve", form("amount", "24.5"))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case got.status == http.StatusSeeOther:
					booked++
				case strings.Contains(got.body, "Nothing was booked again"):
					told++
				}
			})
		}
		all.Wait()
		if booked != 1 || told != 3 || b.live(b.customer) != 24_500_000 {
			t.Errorf("%d booked, %d told, the wallet holds %s", booked, told, b.live(b.customer))
		}
		wants(t, "their own", v.ask(http.MethodPost, "/admin/topups/"+own.ID+"/approve", form("amount", "25")), http.StatusUnprocessableEntity, "their own account")
		leads(t, "reject", v.ask(http.MethodPost, "/admin/topups/"+wrong.ID+"/reject", form("reason", "Nothing came")), "/admin/topups?done=rejected")
		added := form("account", b.customer.Email, "amount", "5", "reference", "Line 3")
		leads(t, "add", v.ask(http.MethodPost, "/admin/topups/new", added), "/admin/topups?done=added")
		wants(t, "add again", v.ask(http.MethodPost, "/admin/topups/new", added), http.StatusUnprocessableEntity, "credited already")
		if got := b.live(b.customer); got != 29_500_000 || b.live(clerk) != 0 {
			t.Errorf("the wallets hold %s and %s", got, b.live(clerk))
		}
		if acts := b.acts("topup.approve"); len(acts) != 2 || acts[0].Actor != clerk.ID {
			t.Errorf("%+v", acts)
		}
		wants(t, "all", v.ask(http.MethodGet, "/admin/topups?show=all", nil), http.StatusOK, "Nothing came")
		b.proved()
	})
}

// Roles are made, given, changed and taken by the pages, as far as who does it reaches.
func TestStaffIsKeptByThePages(t *testing.T) {
	t.Parallel()
	eachBureau(t, func(t *testing.T, b *bureau) {
		v, _ := b.hired("chief@example.com", staff.StaffChange, staff.OrdersSee, staff.LogSee)
		leads(t, "make", v.ask(http.MethodPost, "/admin/staff/roles", form("name", "Reader", "may", "", "may", "orders.see")), "/admin/staff?done=role_made")
		wants(t, "the same name", v.ask(http.MethodPost, "/admin/staff/roles", form("name", "Reader", "may", "")), http.StatusUnprocessableEntity, "There is a role of that name")
		beyond := v.ask(http.MethodPost, "/admin/staff/roles", form("name", "Cashier", "may", "accounts.credit"))
		wants(t, "more than they hold", beyond, http.StatusUnprocessableEntity, "more than your role")
		if !strings.Contains(beyond.body, `value="Cashier"`) || !strings.Contains(beyond.body, `value="accounts.credit" checked`) {
			t.Error("what was chosen is gone")
		}
		var reader staff.Role
		roles, err := b.Core.Staff.Roles(t.Context())
		for _, one := range roles {
			if one.Name == "Reader" {
				reader = one
			}
		}
		if err != nil || len(roles) != 2 || reader.Permissions != staff.SetOf(staff.OrdersSee) {
			t.Fatalf("%+v, %v", roles, err)
		}
		leads(t, "appoint", v.ask(http.MethodPost, "/admin/staff/members", form("email", " CUSTOMER@example.com", "role", reader.ID)), "/admin/staff?done=appointed")
		wants(t, "nobody", v.ask(http.MethodPost, "/admin/staff/members", form("email", "zoe@example.com", "role", reader.ID)), http.StatusUnprocessableEntity, "There is no account")
		wants(t, "an owner", v.ask(http.MethodPost, "/admin/staff/members", form("email", b.owner.Email, "role", reader.ID)), http.StatusUnprocessableEntity, "command line")
		wants(t, "a role in use", v.ask(http.MethodPost, "/admin/staff/roles/"+reader.ID+"/remove", nil), http.StatusUnprocessableEntity, "Somebody has this role")
		helper := b.signedIn(b.customer.Email)
		wants(t, "the helper's desk", helper.ask(http.MethodGet, "/admin", nil), http.StatusOK, "What needs you")
		wants(t, "beyond the role", helper.ask(http.MethodGet, "/admin/log", nil), http.StatusForbidden, "permission")
		leads(t, "change", v.ask(http.MethodPost, "/admin/staff/roles/"+reader.ID, form("name", "Reader", "may", "orders.see", "may", "log.see")), "/admin/staff?done=role_changed")
		wants(t, "at once", helper.ask(http.MethodGet, "/admin/log", nil), http.StatusOK, "Changed a role")
		leads(t, "dismiss", v.ask(http.MethodPost, "/admin/staff/members/"+b.customer.ID+"/dismiss", nil), "/admin/staff?done=dismissed")
		if got := helper.ask(http.MethodGet, "/admin/log", nil); got.status != http.StatusForbidden {
			t.Errorf("after it: %d", got.status)
		}
		leads(t, "remove", v.ask(http.MethodPost, "/admin/staff/roles/"+reader.ID+"/remove", nil), "/admin/staff?done=role_removed")
		b.proved()
	})
}

// The log is searched, verified and downloaded; no cell of the file is a formula.
func TestTheLogIsReadAndDownloaded(t *testing.T) {
	t.Parallel()
	eachBureau(t, func(t *testing.T, b *bureau) {
		v, _ := b.hired("reader@example.com", staff.LogSee)
		owner := staff.Actor{AccountID: b.owner.ID}
		role, err := b.Core.Staff.Create(t.Context(), "=HYPERLINK(1)", "", owner)
		if err == nil {
			err = b.Core.Staff.Remove(t.Context(), role.ID, owner)
		}
		if err != nil {
			t.Fatal(err)
		}
		for path, text := range map[string]string{
			"/admin/log": "Removed a role", "/admin/log?actor=owner@example.com": "Made a role", "/admin/log?action=staff.role_remove": "=HYPERLINK(1)",
			"/admin/log?target=nobody@example.com": "Nothing is like this", "/admin/log?from=2999-01-01": "Nothing is like this",
		} {
			wants(t, path, v.ask(http.MethodGet, path, nil), http.StatusOK, text)
		}
		wants(t, "no day", v.ask(http.MethodGet, "/admin/log?from=tomorrow", nil), http.StatusUnprocessableEntity, "Write a day")
		wants(t, "verify", v.ask(http.MethodPost, "/admin/log/verify", nil), http.StatusOK, "The log is whole")
		got := v.ask(http.MethodGet, "/admin/log.csv?actor=owner@example.com", nil)
		lines := strings.Split(strings.TrimSpace(got.body), "\r\n")
		if got.status != http.StatusOK || len(lines) < 3 || !strings.Contains(got.body, `,'=HYPERLINK(1)`) || strings.Contains(got.body, ",=HYPERLINK") ||
			!strings.HasPrefix(got.header.Get("Content-Type"), "text/csv") {
			t.Errorf("%d %s", got.status, got.body)
		}
		err = b.Core.DB.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO audit_log (seq, at, actor, action, target, detail, hash) VALUES (999, 1, 'x', 'x', 'x', 'x', 'x')`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		wants(t, "a forged row", v.ask(http.MethodPost, "/admin/log/verify", nil), http.StatusOK, "row 999")
	})
}

// Accounts are found by what is known of them.
func TestAccountsAreFound(t *testing.T) {
	t.Parallel()
	eachBureau(t, func(t *testing.T, b *bureau) {
		v, _ := b.hired("clerk@example.com", staff.AccountsSee)
		for path, found := range map[string]bool{
			"": true, "?q=CUST": true, "?q=" + b.customer.ID: true, "?state=active&role=customer&tier=standard": true,
			"?state=suspended": false, "?role=owner": false, "?q=zoe": false, "?q=%00": true, "?q=%25": false, "?state=%27": true,
		} {
			got := v.ask(http.MethodGet, "/admin/accounts"+path, nil)
			if got.status != http.StatusOK || strings.Contains(got.body, b.customer.Email) != found {
				t.Errorf("%q: %d, want found %t", path, got.status, found)
			}
		}
		wants(t, "the account", v.ask(http.MethodGet, "/admin/accounts/"+b.customer.ID, nil), http.StatusOK, b.customer.Email)
		wants(t, "the statement", v.ask(http.MethodGet, "/admin/accounts/"+b.customer.ID+"/statement?before=x", nil), http.StatusOK, "Nothing has moved yet")
		for _, none := range []string{"1", "acc_00000000000000000000000000", "%00"} {
			if got := v.ask(http.MethodGet, "/admin/accounts/"+none, nil); got.status != http.StatusNotFound {
				t.Errorf("%s: %d", none, got.status)
			}
		}
	})
}

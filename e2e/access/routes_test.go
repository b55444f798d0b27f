package access_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/massorder"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/web"
	"github.com/notpanel/notpanel/internal/webhook"
)

var update = flag.Bool("update", false, "write the table of routes anew")

const tableFile = "testdata/routes.txt"

// route is a line of the table.
type route struct{ method, pattern, access string }

func routes(p *panel) (all []route) {
	for _, r := range p.Pages().Routes() {
		method, pattern, _ := strings.Cut(r.Pattern, " ")
		all = append(all, route{method, pattern, string(r.Access)})
	}
	return all
}

// Nobody changes who may see a page without this table telling so.
func TestRoutesAreInTheTable(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, nil)
	var b strings.Builder
	for _, r := range routes(p) {
		b.WriteString(r.method + " " + r.pattern + " " + r.access + "\n")
	}
	if *update {
		if err := os.WriteFile(filepath.FromSlash(tableFile), []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.FromSlash(tableFile))
	if err != nil || string(want) != b.String() {
		t.Errorf("the routes differ from %s (%v):\n%s", tableFile, err, b.String())
	}
}

// actor is somebody who asks.
type actor struct {
	name  string
	email string // "": nobody
	// owns says that the ids in the paths are theirs.
	owns bool
	// led is where each level leads them; "" lets them in, refused refuses them.
	led map[string]string
}

const (
	refused = "403"
	absent  = "404"
)

func actors() []actor {
	everybody := func(visitor, enrol, member, staff, dev string) map[string]string {
		viewing := "/dashboard"
		if enrol != "" {
			viewing = enrol
		}
		return map[string]string{
			string(web.Anyone): "", string(web.Visitor): visitor, string(web.Enrol): enrol, string(web.Member): member,
			string(web.Person): member, string(web.Viewing): viewing, string(web.Staff): staff, string(web.Dev): dev,
		}
	}
	return []actor{
		{"nobody", "", false, everybody("", "/login", "/login", "/login", absent)},
		{"another member", "other@example.com", false, everybody("/dashboard", "", "", refused, absent)},
		{"owner without a second factor", "owner@example.com", false, everybody("/dashboard", "", "/dashboard/account", "/dashboard/account", absent)},
		{"owner with a second factor", "chief@example.com", false, everybody("/dashboard", "", "", "", absent)},
		{"the member", "member@example.com", true, everybody("/dashboard", "", "", refused, absent)},
	}
}

// Each route lets in whom its access names, leads the others to where they can
// mend it, and shows another member's things to nobody.
func TestEveryRouteAsEverybody(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			p := start(t, engine, nil)
			member := p.account("member@example.com", account.Customer)
			p.account("other@example.com", account.Customer)
			p.account("owner@example.com", account.Owner)
			chiefs := enrolled(p)
			ids := ownedBy(t, p, member.ID)
			for _, a := range actors() {
				for i, r := range routes(p) {
					v := p.nobody()
					switch a.email {
					case "":
					case "chief@example.com":
						v = chiefs[i]
					default:
						v = p.signedIn(a.email) // anew: what a form did is no matter for the next
					}
					askAs(t, v, a, r, ids)
				}
				if !a.owns {
					untouched(t, p, member.ID, ids)
				}
			}
		})
	}
}

// ownedBy makes what the ids in the paths name, and returns them by the pattern
// that has them.
func ownedBy(t *testing.T, p *panel, accountID string) map[string]string {
	t.Helper()
	_, k, err := p.Core.Keys.Issue(t.Context(), apikey.NewKey{
		AccountID: accountID, Name: "Shop", Dialect: apikey.Native, Mode: apikey.Live,
	}, "test")
	if err != nil {
		t.Fatal(err)
	}
	orderID := orderOf(t, p, accountID) // before there is a webhook that would tell of it
	e, deliveryID := hookOf(t, p, webhook.Owner{AccountID: accountID, KeyID: k.ID})
	return map[string]string{
		"/dashboard/api/keys/": k.ID, "/dashboard/api/webhooks/": e.ID, "/dashboard/api/deliveries/": deliveryID,
		"/dashboard/wallet/topups/": topupOf(t, p, accountID), "/dashboard/orders/mass/batches/": massOf(t, p, accountID),
		"/dashboard/orders/": orderID,
	}
}

// massOf keeps a mass order that was checked.
func massOf(t *testing.T, p *panel, accountID string) (massID string) {
	t.Helper()
	charge := money.Unit
	massID, err := massorder.NewStore(p.Core.DB).Add(t.Context(), accountID, []massorder.Line{
		{Number: 1, Charge: &charge, Fields: map[string]string{"service": "1", "link": "https://example.com/Shop", "quantity": "100"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return massID
}

// topupOf makes a top-up that waits.
func topupOf(t *testing.T, p *panel, accountID string) (paymentID string) {
	t.Helper()
	offer := payment.Offer{Instructions: "Pay to the account 12 34.", Least: 5 * money.Unit, Most: 500 * money.Unit}
	if err := p.Core.Payments.SetOffer(t.Context(), offer, "test"); err != nil {
		t.Fatal(err)
	}
	waiting, err := p.Core.Payments.Request(t.Context(), accountID, 25*money.Unit, "Shop")
	if err != nil {
		t.Fatal(err)
	}
	return waiting.ID
}

// hookOf makes a webhook to an address that the panel dials never, and a delivery
// that failed there.
func hookOf(t *testing.T, p *panel, by webhook.Owner) (e *webhook.Endpoint, deliveryID string) {
	t.Helper()
	store := webhook.NewStore(p.Core.DB, p.Core.Ring)
	store.CheckURL = func(_ context.Context, raw string) (string, error) { return raw, nil }
	e, _, err := store.Add(t.Context(), by, "https://127.0.0.1/Shop", "order.created", "test")
	if err != nil {
		t.Fatal(err)
	}
	deliveryID, err = store.Test(t.Context(), by, e.ID)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := store.Await(t.Context(), by, deliveryID, 0, time.Minute); err != nil || d.State != webhook.Failed {
		t.Fatalf("%+v, %v", d, err)
	}
	return e, deliveryID
}

// path fills a pattern's wildcards: with the member's things below what only a
// member sees, else with something that may be there or not.
func path(r route, ids map[string]string) (filled string, owned bool) {
	filled = r.pattern
	for prefix, id := range ids {
		for _, wildcard := range []string{"{id}", "{number}"} {
			if rest, ok := strings.CutPrefix(filled, prefix+wildcard); ok {
				return prefix + id + rest, true
			}
		}
	}
	for _, wildcard := range []string{"{$}", "{path...}"} {
		filled = strings.ReplaceAll(filled, wildcard, "")
	}
	for strings.Contains(filled, "{") {
		before, rest, _ := strings.Cut(filled, "{")
		_, after, _ := strings.Cut(rest, "}")
		filled = before + "1" + after
	}
	return filled, false
}

// enrolled are browsers of people with a second factor, one for each route: what a
// form took from one is no matter for the next.
func enrolled(p *panel) (all []*visitor) {
	for i := range routes(p) {
		email := fmt.Sprintf("chief%d@example.com", i)
		p.account(email, account.Owner)
		v := p.signedIn(email)
		v.enrol()
		all = append(all, v)
	}
	return all
}

func askAs(t *testing.T, v *visitor, a actor, r route, ids map[string]string) {
	t.Helper()
	to, owned := path(r, ids)
	got := v.ask(r.method, to, url.Values{})
	level, _, _ := strings.Cut(r.access, ":") // a permission is held or not in TestStaffReachNoFurtherThanTheirRole
	led, known := a.led[level]
	if !known {
		t.Fatalf("%s: no level %q", r.pattern, r.access)
	}
	what := a.name + ": " + r.method + " " + to
	switch {
	case led == refused && got.status != http.StatusForbidden:
		t.Errorf("%s: %d, want 403", what, got.status)
	case led == absent && got.status != http.StatusNotFound:
		t.Errorf("%s: %d, want 404", what, got.status)
	case strings.HasPrefix(led, "/"):
		where, err := url.Parse(got.location)
		if err != nil || got.status != http.StatusSeeOther || where.Path != led || where.Host != "" {
			t.Errorf("%s: %d to %q, want to %s", what, got.status, got.location, led)
		}
	case led == "" && owned && !a.owns:
		if got.status != http.StatusNotFound || strings.Contains(got.body, "Shop") {
			t.Errorf("%s: %d, want 404 without a word of it", what, got.status)
		}
	case led == "":
		letIn(t, what, r, got)
	}
}

// letIn wants an answer of the page itself: not the sign-in, no refusal, nothing
// broken.
func letIn(t *testing.T, what string, r route, got answer) {
	t.Helper()
	ok := got.status < http.StatusInternalServerError && got.status != http.StatusForbidden
	if got.status == http.StatusSeeOther && r.access != string(web.Anyone) && r.access != string(web.Visitor) {
		ok = ok && !strings.HasPrefix(got.location, "/login")
	}
	if r.method == http.MethodGet && !strings.Contains(r.pattern, "{") {
		ok = ok && (got.status == http.StatusOK || got.status == http.StatusSeeOther)
	}
	if !ok {
		t.Errorf("%s: %d to %q", what, got.status, got.location)
	}
}

// untouched wants the member's things as they were made.
func untouched(t *testing.T, p *panel, accountID string, ids map[string]string) {
	t.Helper()
	k, err := p.Core.Keys.Own(t.Context(), accountID, ids["/dashboard/api/keys/"])
	if err != nil || !k.RevokedAt.IsZero() || !k.RotatedAt.IsZero() || k.Name != "Shop" {
		t.Errorf("the member's key: %+v, %v", k, err)
	}
	by := webhook.Owner{AccountID: accountID}
	all, _, err := p.Core.Webhooks.List(t.Context(), by)
	if err != nil || len(all) != 1 || all[0].State != webhook.Active || len(all[0].Events) != 1 || !all[0].PreviousUntil.IsZero() {
		t.Errorf("the member's webhooks: %+v, %v", all, err)
	}
	sent, err := p.Core.Webhooks.Deliveries(t.Context(), by, ids["/dashboard/api/webhooks/"], "", 10)
	if err != nil || len(sent) != 1 || sent[0].State != webhook.Failed || sent[0].Tries != 1 {
		t.Errorf("the member's deliveries: %+v, %v", sent, err)
	}
	mass, err := massorder.NewStore(p.Core.DB).Get(t.Context(), accountID, ids["/dashboard/orders/mass/batches/"])
	if err != nil || mass.State != massorder.Checked {
		t.Errorf("the member's mass order: %+v, %v", mass, err)
	}
	placed, err := p.Core.Orders.Whole(t.Context(), order.Scope{AccountID: accountID, Mode: ledger.Live}, order.Ref(ids["/dashboard/orders/"]))
	if err != nil || placed.State != order.Pending || !placed.CancelWishAt.IsZero() || len(placed.Refills) > 0 || len(placed.Steps) != 1 {
		t.Errorf("the member's order: %+v, %v", placed, err)
	}
	topup, err := p.Core.Payments.Find(t.Context(), ids["/dashboard/wallet/topups/"])
	if err != nil || topup.State != payment.Waiting || topup.AccountID != accountID || topup.DecidedBy != "" {
		t.Errorf("the member's top-up: %+v, %v", topup, err)
	}
}

// In development the pages for it are there, and anyone sees them.
func TestDevPagesAreThereInDevelopmentAlone(t *testing.T) {
	t.Parallel()
	p := start(t, db.SQLite, func(s *config.Serve) { s.Dev = true })
	found := 0
	for _, r := range routes(p) {
		if r.access == string(web.Dev) {
			found++
			if got := p.nobody().ask(r.method, r.pattern, nil); got.status != http.StatusOK {
				t.Errorf("%s: %d", r.pattern, got.status)
			}
		}
	}
	if found == 0 {
		t.Error("there are none")
	}
}

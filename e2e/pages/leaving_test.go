package pages_test

import (
	"archive/zip"
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/payment"
)

const (
	closePage  = "/dashboard/account/close"
	exportPath = "/dashboard/account/export"
)

// testClosing goes the way of who closes their account: looks, mistypes, does not say
// that the balance is given up, does, and is out.
func testClosing(t *testing.T, scripts bool) {
	w := walk(t, scripts)
	w.panel.credit(w.account, 3*money.Unit)
	w.panel.offerTopups()
	w.topUp("25", "INV-1")
	value, _, err := w.panel.Core.Keys.Issue(t.Context(), apikey.NewKey{AccountID: w.account.ID, Name: "Shop", Dialect: apikey.Native, Mode: apikey.Live}, "a test")
	if err != nil {
		t.Fatal(err)
	}
	w.Open("/dashboard/account")
	w.follow("#leaving [href='" + closePage + "']")
	for _, text := range []string{"1 API key is revoked", "1 top-up that waits is withdrawn", "Orders and the ledger are kept", "I give up the balance of $3.00"} {
		w.WaitText("[data-dialog-page]", text)
	}
	w.Expect("status 422: POST " + closePage)
	w.Fill("[name=password]", password)
	w.send("/account/close")
	w.WaitText("#give_up-error", "Say that you give up the balance")
	w.tick("[name=give_up]")
	w.Fill("[name=password]", another)
	w.send("/account/close")
	w.WaitText("#password-error", "The password is not right")
	if got := w.state(); got != account.Active {
		t.Errorf("nothing was confirmed, and the account is %s", got)
	}
	w.panel.credit(w.account, money.Unit) // the page still shows 3.00
	w.tick("[name=give_up]")
	w.Fill("[name=password]", password)
	w.send("/account/close")
	w.WaitText("[data-dialog-page]", "Your balance has changed meanwhile")
	w.WaitText("[data-dialog-page]", "I give up the balance of $4.00")
	if ticked := w.Eval("String(document.querySelector('[name=give_up]').checked)"); ticked != "false" {
		t.Error("another balance is given up already")
	}
	w.tick("[name=give_up]")
	w.Fill("[name=password]", password)
	w.send("/account/close")
	w.WaitText("main", "Your account is closed.")
	if got := w.Path(); got != "/login?done=closed" {
		t.Errorf("closed at %s", got)
	}

	w.Expect("status 422: POST /login")
	signIn(w.Page, ann, password)
	w.WaitText("main", "This account was closed by its owner.")
	w.Open("/dashboard")
	if got := w.Path(); got != "/login" {
		t.Errorf("a closed account is at %s", got)
	}
	if got := w.state(); got != account.Closed {
		t.Errorf("the account is %s", got)
	}
	if all := w.panel.topups(w.account); len(all) != 1 || all[0].State != payment.Withdrawn {
		t.Errorf("top-ups: %+v", all)
	}
	w.panel.booked(w.account, 4*money.Unit)
	if got := w.panel.visitor().post("/api/v2", "key", value, "action", "balance"); !strings.Contains(got.body, "Invalid API key") {
		t.Errorf("its key: %d %s", got.status, got.body)
	}
	mails := w.panel.visitor().get("/_outbox").body
	if !strings.Contains(mails, "Your account at notpanel is closed") || !strings.Contains(mails, "4.00 USD") {
		t.Error("no mail says that it is closed, with what is left")
	}
}

// tick ticks a box that is not.
func (w *walker) tick(css string) {
	w.t.Helper()
	if w.Eval("String(document.querySelector(\""+css+"\").checked)") != "true" {
		w.Click(css)
	}
}

func (w *walker) state() account.State {
	w.t.Helper()
	a, err := w.panel.Core.Accounts.Find(w.t.Context(), w.account.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.State
}

func TestAccountIsClosed(t *testing.T) {
	t.Parallel()
	testClosing(t, true)
}

func TestAccountIsClosedWithoutScripts(t *testing.T) {
	t.Parallel()
	testClosing(t, false)
}

// Who has signed in a while ago shows that it is them, gets one file with all that is
// theirs and nothing that opens anything, and a mail; the fourth in an hour is refused.
func TestCopyOfOnesData(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.account(ann, account.Customer)
	p.credit(a, 3*money.Unit)
	p.offerTopups()
	value, _, err := p.Core.Keys.Issue(t.Context(), apikey.NewKey{AccountID: a.ID, Name: "Shop", Dialect: apikey.Native, Mode: apikey.Live}, "a test")
	if err != nil {
		t.Fatal(err)
	}
	v := p.visitor().signIn(ann, password)
	v.post(walletPage+"/topups", "amount", "25", "reference", "INV-1")
	p.entersAndDismisses(a)
	p.Core.DB.AdvanceClock(11 * time.Minute)
	says(t, "the page", v.get(exportPath), http.StatusOK, `name="password"`)
	says(t, "a wrong password", v.post(exportPath, "password", another), http.StatusUnprocessableEntity, "The password is not right")
	got := v.post(exportPath, "password", password)
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/zip" || !strings.Contains(got.header.Get("Content-Disposition"), "account-data.zip") {
		t.Fatalf("%d %v: %.300s", got.status, got.header, got.body)
	}
	files := unzip(t, got.body)
	for name, wants := range map[string][]string{
		"account.json": {ann, a.ID, `"balance":"3.00"`, `"seen_at":"20`}, "sign-ins.jsonl": {`"outcome":"ok"`},
		"keys.jsonl": {`"name":"Shop"`, `"begins_with":"np_live_`}, "top-ups.jsonl": {`"reference":"INV-1"`, `"state":"waiting"`},
		"statement.csv": {"credit,,,3.00,3.00,USD"}, "notices.jsonl": {`"text":"$3.00 was credited to your wallet."`, `"read_at":null`}, "giveaways.jsonl": {`"title":"First orders"`, `"won":null`},
		"dismissed-announcements.jsonl": {`"announcement":"ann_`}, "orders.jsonl": nil, "test-orders.jsonl": nil, "webhooks.jsonl": nil,
	} {
		text, there := files[name]
		if !there {
			t.Errorf("no %s", name)
		}
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %s:\n%s", name, want, text)
			}
		}
	}
	for name, text := range files {
		for _, secret := range []string{value, "argon2", "whsec_", "not for the customer"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %s", name, secret)
			}
		}
	}
	if mails := p.visitor().get("/_outbox").body; strings.Count(mails, "Your data at notpanel was exported") != 1 {
		t.Error("one copy is to be one mail")
	}
	for range 2 {
		if got := v.post(exportPath); got.status != http.StatusOK {
			t.Errorf("another copy: %d", got.status)
		}
	}
	says(t, "the fourth", v.post(exportPath), http.StatusTooManyRequests, "A copy can be taken 3 times an hour")
}

// entersAndDismisses lets an account enter a giveaway and close an announcement.
func (p *panel) entersAndDismisses(a account.Account) {
	p.t.Helper()
	g, err := p.Core.Giveaways.Open(p.t.Context(), giveaway.Terms{
		Language: "en", Title: "First orders", Body: "Enter.", Prize: money.Unit, Places: 1, ClosesAt: clock.System().Add(24 * time.Hour),
	}, "a test")
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.Core.Giveaways.Enter(p.t.Context(), a.ID, g.ID); err != nil {
		p.t.Fatal(err)
	}
	said, err := p.Core.Announcements.Add(p.t.Context(), announce.New{
		Level: announce.Info, Ends: clock.System().Add(24 * time.Hour), Texts: map[string]string{"en": "New here"},
	}, "a test")
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.Core.Announcements.Dismiss(p.t.Context(), a.ID, said.ID); err != nil {
		p.t.Fatal(err)
	}
}

// unzip returns the files of an archive; all that are JSON by their names must be.
func unzip(t *testing.T, body string) map[string]string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
		if strings.Contains(f.Name, ".json") {
			for lines := bufio.NewScanner(strings.NewReader(string(text))); lines.Scan(); {
				if !json.Valid(lines.Bytes()) {
					t.Errorf("%s: no JSON: %s", f.Name, lines.Text())
				}
			}
		}
	}
	return files
}

// The last owner can't go, and is told what to do first.
func TestLastOwnerStays(t *testing.T) {
	t.Parallel()
	p := startWith(t, func(s *config.Serve) { s.StaffWithoutSecondFactor = true })
	a := p.account(ann, account.Owner)
	v := p.visitor().signIn(ann, password)
	says(t, "the form", v.get(closePage), http.StatusOK, "You are the panel&#39;s only owner")
	says(t, "closing all the same", v.post(closePage, "balance", "0", "password", password), http.StatusUnprocessableEntity, "only owner")
	if got, err := p.Core.Accounts.Find(t.Context(), a.ID); err != nil || got.State != account.Active {
		t.Errorf("%s, %v", got.State, err)
	}
}

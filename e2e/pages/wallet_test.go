package pages_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/payment"
)

const (
	walletPage = "/dashboard/wallet"
	newTopup   = walletPage + "/topups/new"
)

// offerTopups says that transfers of 5.00 to 500.00 are taken.
func (p *panel) offerTopups() {
	p.t.Helper()
	o := payment.Offer{Instructions: "Pay to **account 12 34**.", Least: 5 * money.Unit, Most: 500 * money.Unit}
	if err := p.Core.Payments.SetOffer(p.t.Context(), o, "a test"); err != nil {
		p.t.Fatal(err)
	}
}

// topups are those of an account, the newest first.
func (p *panel) topups(of account.Account) []payment.Payment {
	p.t.Helper()
	all, err := p.Core.Payments.Of(p.t.Context(), of.ID, "", 100)
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// approve credits the newest top-up of an account with what came.
func (p *panel) approve(of account.Account, came money.Amount) {
	p.t.Helper()
	if _, _, err := p.Core.Payments.Approve(p.t.Context(), p.topups(of)[0].ID, came, "a test"); err != nil {
		p.t.Fatal(err)
	}
}

// booked wants a balance, and payments that agree with the ledger.
func (p *panel) booked(of account.Account, want money.Amount) {
	p.t.Helper()
	live, _, err := p.Core.Accounts.Balances(p.t.Context(), of.ID)
	if err != nil || live != want {
		p.t.Errorf("the wallet holds %s, want %s (%v)", live, want, err)
	}
	if _, err := payment.Audit(p.t.Context(), p.Core.DB, func(text string) { p.t.Error(text) }); err != nil {
		p.t.Error(err)
	}
}

// topUp asks for a top-up and comes back to the wallet.
func (w *walker) topUp(amount, reference string) {
	w.t.Helper()
	w.Open(walletPage)
	w.follow("[href='" + newTopup + "']")
	w.Fill("[name=amount]", amount)
	w.Fill("[name=reference]", reference)
	w.send("/topups")
	w.done("Your top-up waits")
	w.WaitText("#topups tbody tr:first-child", reference)
	w.WaitText("#topups tbody tr:first-child", "waiting")
}

// testWallet goes the way of a customer who pays by transfer: asks, mistypes, waits,
// is credited, withdraws. What the pages say is what is booked.
func testWallet(t *testing.T, scripts bool) {
	w := walk(t, scripts)
	w.Open(walletPage)
	w.WaitText("#main", "Ask how to top up")
	w.WaitText("#statement", "Nothing has moved yet")
	w.panel.offerTopups()
	w.mistype()
	w.credited()
	w.withdraw()
	w.withdrawTooLate()
}

// mistype sends the form with wrong amounts, and finds what was typed in it.
func (w *walker) mistype() {
	t := w.t
	t.Helper()
	w.Open(walletPage)
	w.follow("[href='" + newTopup + "']")
	w.WaitText("body", "Pay to account 12 34.")
	w.Fill("[name=reference]", "INV-7")
	for wrong, want := range map[string]string{"a few": "Write an amount such as 25.00.", "4.99": "Write an amount between $5.00 and $500.00."} {
		w.Expect("status 422: POST " + walletPage + "/topups")
		w.Fill("[name=amount]", wrong)
		w.send("/topups")
		w.WaitText("#amount-error", want)
		if amount, reference := w.Value("[name=amount]"), w.Value("[name=reference]"); amount != wrong || reference != "INV-7" {
			t.Errorf("%q and %q came back", amount, reference)
		}
	}
	if all := w.panel.topups(w.account); len(all) != 0 {
		t.Errorf("asked for: %+v", all)
	}
}

// credited asks for a top-up of which the panel credits what came.
func (w *walker) credited() {
	t := w.t
	t.Helper()
	w.topUp("25", hostile)
	all := w.panel.topups(w.account)
	if len(all) != 1 || all[0].State != payment.Waiting || all[0].Asked != 25*money.Unit || all[0].Reference != hostile {
		t.Fatalf("asked for: %+v", all)
	}
	w.WaitText("#topups tbody tr", "$25.00")
	w.WaitText("#statement", "Nothing has moved yet")
	w.panel.booked(w.account, 0)
	w.panel.approve(w.account, 24_500_000)
	w.Open(walletPage)
	for _, text := range []string{hostile, "credited", "$24.50"} {
		w.WaitText("#topups tbody tr", text)
	}
	w.WaitText("#statement tbody tr", "Top-up: "+hostile)
	if amounts := w.Eval("[...document.querySelectorAll('#statement tbody .money')].map(e => e.innerText).join(' ')"); amounts != "$24.50 $24.50" {
		t.Errorf("the statement says %s", amounts)
	}
	if made := w.Eval("String(document.querySelectorAll('#main script, #main img').length)"); made != "0" {
		t.Errorf("the reference made %s elements", made)
	}
	w.panel.booked(w.account, 24_500_000)
}

// withdraw takes a top-up back that waits.
func (w *walker) withdraw() {
	t := w.t
	t.Helper()
	w.topUp("30.5", "INV-8")
	w.Submit("#topups form[action$='/withdraw'] [type=submit]")
	w.WaitText("#topups tbody tr:first-child", "withdrawn")
	w.Gone("#topups form")
	if all := w.panel.topups(w.account); w.Path() != walletPage || len(all) != 2 || all[0].State != payment.Withdrawn || all[0].Asked != 30_500_000 {
		t.Errorf("at %s: %+v", w.Path(), all)
	}
	w.panel.booked(w.account, 24_500_000)
}

// withdrawTooLate presses the button on a page from before the money came.
func (w *walker) withdrawTooLate() {
	t := w.t
	t.Helper()
	w.topUp("100", "INV-9")
	w.panel.approve(w.account, 0)
	w.Submit("#topups form[action$='/withdraw'] [type=submit]")
	w.WaitText("#topups tbody tr:first-child", "credited")
	w.WaitText("#statement tbody tr:first-child", "$124.50")
	if all := w.panel.topups(w.account); len(all) != 3 || all[0].State != payment.Credited || all[0].Amount != 100*money.Unit {
		t.Errorf("%+v", all)
	}
	w.panel.booked(w.account, 124_500_000)
}

func TestWalletIsToppedUp(t *testing.T) {
	t.Parallel()
	testWallet(t, true)
}

func TestWalletIsToppedUpWithoutScripts(t *testing.T) {
	t.Parallel()
	testWallet(t, false)
}

// What the operator and the customer write is text, or harmless Markdown, wherever
// it is shown; the reason of a rejection too.
func TestHostileTopupsAreText(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.account(ann, account.Customer)
	o := payment.Offer{Instructions: hostile + "\n\n[pay](javascript:alert(1))", Least: money.Unit, Most: 500 * money.Unit}
	if err := p.Core.Payments.SetOffer(t.Context(), o, "a test"); err != nil {
		t.Fatal(err)
	}
	v := p.visitor().signIn(ann, password)
	answers := map[string]answer{"form": v.get(newTopup), "wrong": v.post(walletPage+"/topups", "amount", hostile, "reference", hostile)}
	if got := v.post(walletPage+"/topups", "amount", "5", "reference", hostile); got.status != http.StatusSeeOther || got.to() != walletPage {
		t.Fatalf("%d to %q", got.status, got.to())
	}
	answers["waiting"] = v.get(walletPage)
	if _, err := p.Core.Payments.Reject(t.Context(), p.topups(a)[0].ID, "No "+hostile, "a test"); err != nil {
		t.Fatal(err)
	}
	answers["rejected"] = v.get(walletPage)
	answers["elsewhere"] = v.get(walletPage + "?before=" + `"><script>alert(1)</script>`)
	for name, got := range answers {
		for _, bad := range []string{"<script>alert", "<img src=x", `href="javascript:`} {
			if strings.Contains(got.body, bad) || got.status >= http.StatusInternalServerError {
				t.Errorf("%s: %d with %s", name, got.status, bad)
			}
		}
	}
	for name, want := range map[string]string{"wrong": "&lt;script&gt;", "waiting": "&lt;script&gt;", "rejected": "No &#34;&gt;&lt;script&gt;"} {
		if !strings.Contains(answers[name].body, want) {
			t.Errorf("%s: no %s", name, want)
		}
	}
	p.booked(a, 0)
}

// The sixth that waits, and one where none are taken any more, are refused in words.
func TestTopupRefusalsAreInWords(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.account(ann, account.Customer)
	p.offerTopups()
	v := p.visitor().signIn(ann, password)
	ask := func(reference string) answer {
		return v.post(walletPage+"/topups", "amount", "5", "reference", reference)
	}
	for range 2 { // a form that is sent again asks for no more
		for reference := range strings.FieldsSeq("one two three four five") {
			if got := ask(reference); got.status != http.StatusSeeOther {
				t.Fatalf("%s: %d", reference, got.status)
			}
		}
	}
	says(t, "the sixth", ask("six"), http.StatusUnprocessableEntity, "5 top-ups are waiting already")
	says(t, "no reference", ask(" "), http.StatusUnprocessableEntity, "Write what stands on your transfer.")
	says(t, "a long reference", ask(strings.Repeat("x", payment.MaxReference+1)), http.StatusUnprocessableEntity, "Write at most 140 characters.")
	if err := p.Core.Payments.SetOffer(t.Context(), payment.Offer{Least: money.Unit, Most: money.Unit}, "a test"); err != nil {
		t.Fatal(err)
	}
	says(t, "the closed form", v.get(newTopup), http.StatusOK, "Top-ups by transfer are not offered at the moment.")
	if all := p.topups(a); len(all) != payment.MaxWaiting {
		t.Errorf("%d top-ups", len(all))
	}
}

// An amount is typed as its language writes it; one that may be read as a thousand
// times another is asked for again.
func TestTopupIsReadInTheLanguage(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.account(ann, account.Customer)
	p.offerTopups()
	v := p.visitor().signIn(ann, password)
	v.header.Set("Accept-Language", "tr")
	ask := func(amount string) answer { return v.post(walletPage+"/topups", "amount", amount, "reference", amount) }
	says(t, "a thousand", ask("5.000"), http.StatusUnprocessableEntity, "25,00 gibi bir tutar yazın.")
	if got := ask("25,50"); got.status != http.StatusSeeOther {
		t.Errorf("with a comma: %d", got.status)
	}
	v.header.Set("Accept-Language", "en")
	says(t, "a comma in English", ask("25,50"), http.StatusUnprocessableEntity, "Write an amount such as 25.00.")
	if all := p.topups(a); len(all) != 1 || all[0].Asked != 25_500_000 {
		t.Errorf("asked for: %+v", all)
	}
}

// olderPage is the link to the page of the statement behind the one that is shown.
var olderPage = regexp.MustCompile(`href="(/dashboard/wallet\?before=\d+)#statement"`)

// A long statement comes in pages, the newest first, that fit together.
func TestStatementComesInPages(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.account(ann, account.Customer)
	const lines = 26
	for range lines {
		if _, err := p.Core.Accounts.Credit(t.Context(), a.ID, money.Unit, "not for the customer", "a test"); err != nil {
			t.Fatal(err)
		}
	}
	v := p.visitor().signIn(ann, password)
	first := v.get(walletPage)
	older := olderPage.FindStringSubmatch(first.body)
	if older == nil {
		t.Fatalf("no link to older lines: %s", first.body)
	}
	second := v.get(older[1])
	for name, c := range map[string]struct {
		body   string
		lines  int
		has    string
		hasNot string
	}{
		"first":  {first.body, lines - 1, "$26.00", "not for the customer"},
		"second": {second.body, 1, "$1.00", "$2.00"},
	} {
		if n := strings.Count(c.body, "Credited by the panel"); n != c.lines || !strings.Contains(c.body, c.has) || strings.Contains(c.body, c.hasNot) {
			t.Errorf("%s: %d lines, want %d with %s and without %s", name, n, c.lines, c.has, c.hasNot)
		}
	}
	if olderPage.MatchString(second.body) {
		t.Error("the last page leads on")
	}
}

// The balance follows what happens elsewhere while a page is open, in its head and where
// the page shows it large.
func TestBalanceFollowsTheWallet(t *testing.T) {
	t.Parallel()
	w := walk(t, true)
	w.Open(walletPage)
	w.WaitText(".desk-head [data-balance]", "$0.00")
	w.panel.credit(w.account, 25*money.Unit)
	w.WaitText(".desk-head [data-balance]", "$25.00")
	w.WaitText("#main [data-balance]", "$25.00")
	w.Open("/dashboard/account")
	w.panel.credit(w.account, 5*money.Unit)
	w.WaitText(".desk-head [data-balance]", "$30.00")
}

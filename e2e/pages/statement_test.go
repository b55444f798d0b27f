package pages_test

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
)

// table reads a downloaded file.
func table(t *testing.T, a answer) [][]string {
	t.Helper()
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") {
		t.Fatalf("%d of %s: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.body, "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// credit gives an account money.
func (p *panel) credit(of account.Account, amount money.Amount) {
	p.t.Helper()
	if _, err := p.Core.Accounts.Credit(p.t.Context(), of.ID, amount, "not for the customer", "a test"); err != nil {
		p.t.Fatal(err)
	}
}

// testStatement goes the way of who looks into the statement: some days of it, none,
// wrong ones, the file, a receipt to print, and the threshold.
func testStatement(t *testing.T, scripts bool) {
	w := walk(t, scripts)
	w.panel.offerTopups()
	w.topUp("25", "=1+1")
	w.panel.approve(w.account, 0)
	w.panel.credit(w.account, 3*money.Unit)
	today := time.Now().UTC().Format(time.DateOnly)

	w.Open(walletPage)
	w.Eval("document.querySelector('[name=from]').value = '" + today + "'")
	w.Submit(".filter-form [type=submit]")
	w.WaitText("#statement tbody", "Top-up: =1+1")
	if from := w.Value("[name=from]"); from != today || w.Path() != walletPage+"?from="+today+"&to=" {
		t.Errorf("the filter shows %q at %s", from, w.Path())
	}
	href := w.Eval("document.querySelector('#statement [download]').getAttribute('href')")
	if want := walletPage + "/statement.csv?from=" + today; href != want {
		t.Errorf("the file is at %s, want %s", href, want)
	}
	v := w.panel.visitor().signIn(ann, password)
	rows := table(t, v.get(href))
	for _, row := range rows[1:] {
		row[1] = ""
	}
	want := [][]string{
		{"line", "time", "kind", "order", "reference", "amount", "balance", "currency"},
		{"1", "", "deposit", "", "'=1+1", "25.00", "25.00", "USD"},
		{"2", "", "credit", "", "", "3.00", "28.00", "USD"},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}

	w.Open(walletPage + "?to=2020-01-01")
	w.WaitText("#statement", "Nothing moved on these days")
	w.Open(walletPage + "?from=2026-02-30&to=x")
	w.WaitText("#from-error", "Write a day such as")
	w.WaitText("#to-error", "Write a day such as")
	if typed := w.Eval("document.querySelector('[name=from]').getAttribute('value')"); typed != "2026-02-30" {
		t.Errorf("%q came back", typed)
	}
	w.Open(walletPage + "?from=2026-03-02&to=2026-03-01")
	w.WaitText("#to-error", "not before the first")

	w.Open(walletPage)
	w.Submit("#statement [href$='/receipts/1']")
	for _, text := range []string{"$25.00", "=1+1", "Top-up of the balance", ann, w.account.ID, "trf_"} {
		w.WaitText(".paper", text)
	}
	if shown := w.Eval("String(document.querySelector('[data-print]').hidden)"); shown != map[bool]string{true: "false", false: "true"}[scripts] {
		t.Errorf("the button to print is hidden: %s", shown)
	}
	w.threshold()
}

// threshold sets below what the account is told, and is told by mail.
func (w *walker) threshold() {
	t := w.t
	t.Helper()
	w.Open(walletPage)
	w.WaitText("#main", "You are told below $5.00")
	w.follow("[href='" + walletPage + "/threshold']")
	w.Expect("status 422: POST " + walletPage + "/threshold")
	w.Fill("[name=amount]", "-3")
	w.send("/threshold")
	w.WaitText("#amount-error", "Write an amount such as 25.00, or 0.")
	w.Fill("[name=amount]", "20")
	w.send("/threshold")
	w.done("You are told below the new amount.")
	w.Open(walletPage)
	w.WaitText("#main", "You are told below $20.00")
	w.panel.credit(w.account, -8*money.Unit) // 20.00 is not below
	w.panel.credit(w.account, -money.Unit)
	w.panel.credit(w.account, -money.Unit)
	var falls, mailed int64
	err := w.panel.Core.DB.Read(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`
			SELECT COUNT(*), COUNT(w.notice_id) FROM notices n LEFT JOIN notice_waiting w ON w.notice_id = n.id AND w.channel = 'mail'
			WHERE n.account_id = $1 AND n.kind = 'balance.low' AND n.data LIKE '%19000000%' AND n.data LIKE '%20000000%'`, w.account.ID).Scan(&falls, &mailed)
	})
	if err != nil {
		t.Fatal(err)
	}
	mails := w.panel.visitor().get("/_outbox").body // the round may have gone out already
	if sent := strings.Count(mails, "$19.00"); falls != 1 || mailed == 0 && sent == 0 {
		t.Errorf("%d notices of 19.00 below 20.00, %d wait to be mailed, %d were", falls, mailed, sent)
	}
	w.panel.booked(w.account, 18*money.Unit)
}

func TestStatementReceiptThreshold(t *testing.T) {
	t.Parallel()
	testStatement(t, true)
}

func TestStatementReceiptThresholdWithoutScripts(t *testing.T) {
	t.Parallel()
	testStatement(t, false)
}

// A receipt names who runs the panel, and there is none of what is another's, or
// was no money that came.
func TestReceiptsAreOnesOwn(t *testing.T) {
	t.Parallel()
	p := startWith(t, func(s *config.Serve) {
		s.Brand = config.Brand{Name: "Shop", LegalName: "Shop Ltd <b>", Contact: "1 High Street|Springfield"}
	})
	a := p.account(ann, account.Customer)
	p.account("bob@example.com", account.Customer)
	p.credit(a, 5*money.Unit)
	p.credit(a, -money.Unit)
	v := p.visitor().signIn(ann, password)
	got := v.get(walletPage + "/receipts/1")
	for _, text := range []string{"Shop Ltd &lt;b&gt;", "1 High Street", "Springfield", "$5.00", "Credited by the panel"} {
		says(t, "the receipt", got, http.StatusOK, text)
	}
	if strings.Contains(got.body, "not for the customer") {
		t.Error("the receipt has what staff wrote")
	}
	for _, path := range []string{"2", "3", "0", "-1", "x", "99999999999999999999"} {
		if got := v.get(walletPage + "/receipts/" + path); got.status != http.StatusNotFound {
			t.Errorf("receipt %s: %d, want none", path, got.status)
		}
	}
	other := p.visitor().signIn("bob@example.com", password)
	if got := other.get(walletPage + "/receipts/1"); got.status != http.StatusNotFound {
		t.Errorf("another's receipt: %d", got.status)
	}
}

// The days of a statement are those of the reader's zone, which may be another than
// in UTC.
func TestStatementDaysAreTheReaders(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.account(ann, account.Customer)
	if err := p.Core.Accounts.SetPreferences(t.Context(), a.ID, account.Preferences{TimeZone: "Pacific/Kiritimati"}); err != nil {
		t.Fatal(err)
	}
	p.credit(a, money.Unit)
	zone, err := time.LoadLocation("Pacific/Kiritimati")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Now().In(zone)
	v := p.visitor().signIn(ann, password)
	for name, c := range map[string]struct {
		query string
		lines int
	}{
		"its day":        {"from=" + day.Format(time.DateOnly) + "&to=" + day.Format(time.DateOnly), 1},
		"the day before": {"to=" + day.AddDate(0, 0, -1).Format(time.DateOnly), 0},
		"the day after":  {"from=" + day.AddDate(0, 0, 1).Format(time.DateOnly), 0},
	} {
		rows := table(t, v.get(walletPage+"/statement.csv?"+c.query))
		if len(rows)-1 != c.lines {
			t.Errorf("%s: %d lines, want %d", name, len(rows)-1, c.lines)
		}
		if c.lines > 0 && !strings.HasSuffix(rows[1][1], "+14:00") {
			t.Errorf("the time is %s, want it in the reader's zone", rows[1][1])
		}
	}
}

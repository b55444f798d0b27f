package pages_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/notice"
	"github.com/notpanel/notpanel/internal/telegram/telegramtest"
)

const (
	noticesPage = "/dashboard/notices"
	choicesPage = "/dashboard/account/notices"
)

// tell writes notices of completed orders to an account, numbered from 1.
func (p *panel) tell(to account.Account, n int) {
	p.t.Helper()
	err := p.Core.DB.Write(p.t.Context(), func(tx *db.Tx) error {
		for i := range n {
			told := notice.Told{AccountID: to.ID, Kind: notice.OrderCompleted, Subject: "ord_1", Data: notice.Data{Number: int64(i + 1)}}
			if _, err := notice.Tell(tx, told); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// unread is how many notices of an account are stored as unread.
func (p *panel) unread(of account.Account) int64 {
	p.t.Helper()
	n, err := p.Core.Notices.Unread(p.t.Context(), of.ID)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// chosen is what an account has chosen.
func (p *panel) chosen(of account.Account) notice.Choices {
	p.t.Helper()
	c, err := p.Core.Notices.Choices(p.t.Context(), of.ID)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// testNotices goes the way of a customer whose top-up ends and who chooses what to be
// told.
func testNotices(t *testing.T, scripts bool) {
	w := walk(t, scripts)
	w.Open("/dashboard")
	w.Gone(".bell-count")
	w.follow("a.bell")
	w.WaitText("#main", "Nothing has happened yet")

	w.panel.offerTopups()
	w.topUp("25", "INV-1")
	w.panel.approve(w.account, 0)
	w.Open("/dashboard")
	w.WaitText(".bell-count", "1")
	w.follow("a.bell")
	w.WaitText("#main tbody tr", "Your top-up has arrived: $25.00 (INV-1).")
	w.WaitText("#main tbody tr", "new")
	w.panel.tell(w.account, 12)
	w.Submit("form[action$='/read'] [type=submit]")
	// What came after the page was shown is still new.
	w.WaitText(".bell-count", "9+")
	if n := w.panel.unread(w.account); n != notice.UnreadMost {
		t.Errorf("%d are unread", n)
	}
	w.Submit("form[action$='/read'] [type=submit]")
	w.Gone(".bell-count")
	w.Gone(".fresh")
	if n := w.panel.unread(w.account); n != 0 || w.Path() != noticesPage {
		t.Errorf("%d are unread, at %s", n, w.Path())
	}
	w.Submit("tbody tr:last-child a.row-link")
	if w.Path() != walletPage {
		t.Errorf("the top-up's notice leads to %s", w.Path())
	}
	w.choose()
}

// choose finds the choices from the account, and changes two of them.
func (w *walker) choose() {
	t := w.t
	t.Helper()
	w.Open("/dashboard/account")
	w.follow("#notices a")
	w.WaitText("#main", "Mails about your sign-in, your password")
	w.Gone("#telegram")
	w.Click("[name=mail][value='order.completed']")
	w.Click("[name=web][value='balance.low']")
	w.Click("[name=key_orders]")
	w.Submit("main form [type=submit]")
	w.WaitText("#main", "Your choices are saved.")
	c := w.panel.chosen(w.account)
	for _, k := range notice.Kinds() {
		web, mail := k != notice.BalanceLow, k != notice.OrderPartial && k != notice.OrderCanceled && k != notice.OrderRefunded &&
			k != notice.RefillEnded && k != notice.CancelRejected
		if c.Wants(k, notice.Web) != web || c.Wants(k, notice.Mail) != mail || !c.Wants(k, notice.Telegram) {
			t.Errorf("%s: here %v, by mail %v, by Telegram %v", k, c.Wants(k, notice.Web), c.Wants(k, notice.Mail), c.Wants(k, notice.Telegram))
		}
	}
	if !c.KeyOrders {
		t.Error("of orders with a key it is not told")
	}
	if on := w.Eval("String(document.querySelector(\"[name=mail][value='order.completed']\").checked)"); on != "true" {
		t.Errorf("the box that was ticked is %s", on)
	}
}

func TestNoticesAreReadAndChosen(t *testing.T) {
	t.Parallel()
	testNotices(t, true)
}

func TestNoticesAreReadAndChosenWithoutScripts(t *testing.T) {
	t.Parallel()
	testNotices(t, false)
}

// A long list comes in pages that fit together.
func TestNoticesComeInPages(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.account(ann, account.Customer)
	p.tell(a, 30)
	v := p.visitor().signIn(ann, password)
	first := v.get(noticesPage)
	says(t, "first", first, http.StatusOK, "Order 30 is completed.")
	says(t, "first", first, http.StatusOK, "Order 6 is completed.")
	_, rest, found := strings.Cut(first.body, `href="`+noticesPage+`?before=`)
	before, _, _ := strings.Cut(rest, `"`)
	second := v.get(noticesPage + "?before=" + before)
	says(t, "second", second, http.StatusOK, "Order 5 is completed.")
	says(t, "second", second, http.StatusOK, "Order 1 is completed.")
	if !found || strings.Contains(first.body, "Order 5 is") || strings.Contains(second.body, "Order 6 is") {
		t.Error("the pages do not fit together")
	}
	for _, wrong := range []string{"'", "ntc_", "%00", "ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9"} {
		says(t, wrong, v.get(noticesPage+"?before="+wrong), http.StatusOK, "Order 30 is completed.")
		if got := v.post(noticesPage+"/read", "through", wrong); got.status != http.StatusSeeOther {
			t.Errorf("read through %s: %d", wrong, got.status)
		}
	}
	if n := p.unread(a); n != notice.UnreadMost {
		t.Errorf("%d are unread after nothing was read", n)
	}
}

// What others wrote is text in a notice.
func TestHostileNoticesAreText(t *testing.T) {
	t.Parallel()
	p := start(t)
	a := p.account(ann, account.Customer)
	err := p.Core.DB.Write(t.Context(), func(tx *db.Tx) error {
		_, err := notice.Tell(tx, notice.Told{
			AccountID: a.ID, Kind: notice.TopupRejected, Subject: "pay_1", Data: notice.Data{Name: hostile, Reason: hostile + " {{.Name}}"},
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := p.visitor().signIn(ann, password).get(noticesPage)
	says(t, "notices", got, http.StatusOK, "&lt;script&gt;")
	says(t, "notices", got, http.StatusOK, "{{.Name}}")
	if strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "<img src=x") {
		t.Error("what was written is mark-up")
	}
}

// Without a bot nobody reads of Telegram, and its paths are not there.
func TestNoBotNoTelegram(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.account(ann, account.Customer)
	v := p.visitor().signIn(ann, password)
	if got := v.get(choicesPage); strings.Contains(got.body, "Telegram") {
		t.Error("the page speaks of Telegram")
	}
	if got := v.post(choicesPage + "/telegram"); got.status != http.StatusNotFound {
		t.Errorf("a chat is linked: %d", got.status)
	}
}

// A customer links a chat, is told there, and unlinks it; the bot's token is in no log.
func TestChatIsLinkedOnThePages(t *testing.T) {
	api := telegramtest.Start(t)
	t.Setenv("NOTPANEL_TELEGRAM_BOT_TOKEN", telegramtest.Token)
	p := startWith(t, func(s *config.Serve) { s.TelegramAPI = api.URL })
	a := p.account(ann, account.Customer)
	v := p.visitor().signIn(ann, password)
	says(t, "choices", v.get(choicesPage), http.StatusOK, "No chat is linked")
	api.AwaitPoll() // by then the bot's name is known
	got := v.post(choicesPage + "/telegram")
	says(t, "link", got, http.StatusOK, "https://t.me/"+telegramtest.Name+"?start=")
	_, rest, _ := strings.Cut(got.body, "?start=")
	code, _, _ := strings.Cut(rest, `"`)
	if got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the code may be kept: %q", got.header.Get("Cache-Control"))
	}
	api.Write(77, "/start "+code)
	api.Await(1)
	says(t, "linked", v.get(choicesPage), http.StatusOK, "Linked with Person 77")
	p.tell(a, 2)
	p.Core.DB.AdvanceClock(6 * time.Second)
	if m := api.Await(2)[1]; m.ChatID != 77 || m.ParseMode != "" || !strings.HasPrefix(m.Text, "Order 1 is completed.\n\nOrder 2 is completed.\n\n"+p.URL()+noticesPage) {
		t.Errorf("told: %+v", m)
	}
	if got := v.post(choicesPage + "/telegram/unlink"); got.to() != choicesPage+"?done=unlinked" {
		t.Errorf("%d to %s", got.status, got.to())
	}
	got = v.get(choicesPage + "?done=unlinked")
	says(t, "unlinked", got, http.StatusOK, "No chat is linked")
	says(t, "unlinked", got, http.StatusOK, "Unlinked: nothing more is sent")
	_, secret, _ := strings.Cut(telegramtest.Token, ":")
	if text := p.log.String(); strings.Contains(text, secret) || strings.Contains(text, code) {
		t.Error("the log holds the bot's token or the code")
	}
}

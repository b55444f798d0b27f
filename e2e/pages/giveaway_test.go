package pages_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/money"
)

// giveaway opens one for an hour.
func (p *panel) giveaway() giveaway.Giveaway {
	p.t.Helper()
	g, err := p.Core.Giveaways.Open(p.t.Context(), giveaway.Terms{
		Language: "en", Title: "Thanks " + hostile, Body: "Enter once. " + hostile, Prize: 5 * money.Unit, Places: 1, ClosesAt: time.Now().Add(time.Hour),
	}, "a test")
	if err != nil {
		p.t.Fatal(err)
	}
	return g
}

// testGiveaway enters a giveaway, sees the entry, and after the draw the prize in the
// wallet.
func testGiveaway(t *testing.T, scripts bool) {
	w := walk(t, scripts)
	w.Open("/giveaway")
	w.WaitText("#main", "No giveaway is running")
	g := w.panel.giveaway()
	w.Open("/giveaway")
	w.WaitText("#main", g.Commitment)
	w.Submit("form[action='/giveaway/" + g.ID + "/enter'] [type=submit]")
	w.WaitText("#main", "You are in with entry 1")
	e, found, err := w.panel.Core.Giveaways.EntryOf(t.Context(), g.ID, w.account.ID)
	if err != nil || !found || w.Path() != "/giveaway/"+g.ID {
		t.Fatalf("at %s: %+v, %v", w.Path(), e, err)
	}
	w.WaitText("#main", e.Code)
	w.Gone("form[action$='/enter']")

	w.panel.Core.DB.AdvanceClock(2 * time.Hour)
	if _, _, err := w.panel.Core.Giveaways.Draw(t.Context(), g.ID, "a test"); err != nil {
		t.Fatal(err)
	}
	w.Open("/giveaway/" + g.ID)
	w.WaitText("#main", "You won place 1")
	w.WaitText("#draw tbody tr", e.Code)
	if made := w.Eval("String(document.querySelectorAll('#main script, #main img').length)"); made != "0" {
		t.Errorf("the operator's text made %s elements", made)
	}
	w.Open(walletPage)
	w.WaitText("#statement tbody tr", "Prize: Thanks "+hostile)
	w.WaitText("#statement tbody tr", "$5.00")
	w.panel.booked(w.account, 5*money.Unit)
	if _, err := giveaway.Audit(t.Context(), w.panel.Core.DB, func(text string) { t.Error(text) }); err != nil {
		t.Error(err)
	}
}

func TestGiveawayIsEnteredAndWon(t *testing.T) {
	t.Parallel()
	testGiveaway(t, true)
}

func TestGiveawayIsEnteredAndWonWithoutScripts(t *testing.T) {
	t.Parallel()
	testGiveaway(t, false)
}

// announce tells everybody something for an hour.
func (p *panel) announce(text string) announce.Announcement {
	p.t.Helper()
	a, err := p.Core.Announcements.Add(p.t.Context(), announce.New{
		Level: announce.Warning, Texts: map[string]string{"en": text, "tr": "Bakım var."}, Ends: time.Now().Add(time.Hour),
	}, "a test")
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// An announcement stands above each page behind the sign-in until it is read, and
// leads back to the page where it was; on the status page it stays.
func testAnnouncement(t *testing.T, scripts bool) {
	w := walk(t, scripts)
	text := "Maintenance " + hostile
	w.panel.announce(text)
	w.Open(walletPage)
	w.WaitText(".announcements", text)
	w.Submit(".announcements [type=submit]")
	w.WaitText("#main", "Nothing has moved yet")
	w.Gone(".announcements")
	if w.Path() != walletPage {
		t.Errorf("led to %s", w.Path())
	}
	w.Open("/dashboard")
	w.Gone(".announcements")
	w.Open("/status")
	w.WaitText(".announcements", text)
	w.Gone(".announcements form")
}

func TestAnnouncementIsReadAndDismissed(t *testing.T) {
	t.Parallel()
	testAnnouncement(t, true)
}

func TestAnnouncementIsReadAndDismissedWithoutScripts(t *testing.T) {
	t.Parallel()
	testAnnouncement(t, false)
}

// What one account has dismissed another still reads, in its own language; a form
// with another address leads nowhere else.
func TestDismissingIsOnesOwn(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.account(ann, account.Customer)
	p.account("ben@example.com", account.Customer)
	a := p.announce("Maintenance.")
	v, other := p.visitor().signIn(ann, password), p.visitor().signIn("ben@example.com", password)
	other.header.Set("Accept-Language", "tr")
	dismiss := "/dashboard/announcements/" + a.ID + "/dismiss"
	if got := v.post(dismiss, "next", "https://other.example/"); got.status != http.StatusSeeOther || strings.Contains(got.to(), "other.example") {
		t.Errorf("%d to %q", got.status, got.to())
	}
	if got := v.get("/dashboard"); strings.Contains(got.body, "Maintenance.") {
		t.Error("it is shown to who dismissed it")
	}
	says(t, "another", other.get("/dashboard"), http.StatusOK, "Bakım var.")
	if got := v.post("/dashboard/announcements/none/dismiss"); got.status != http.StatusNotFound {
		t.Errorf("none: %d", got.status)
	}
	if got := p.visitor().post(dismiss); got.status != http.StatusSeeOther {
		t.Errorf("a stranger: %d", got.status)
	}
}

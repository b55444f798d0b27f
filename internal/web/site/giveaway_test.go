package site_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/money"
)

// customer makes an account.
func (s *shop) customer(email string, role account.Role) string {
	s.Helper()
	a, err := account.NewStore(s.db).Create(s.Context(), email, "correct horse battery", role, staff)
	must(s, err)
	return a.ID
}

// giveaway opens one that takes entries for an hour.
func (s *shop) giveaway(change func(*giveaway.Terms)) giveaway.Giveaway {
	s.Helper()
	terms := giveaway.Terms{Language: "en", Title: "Thank you <all>", Body: "Enter *once*. <script>alert(1)</script>", Prize: 5 * money.Unit, Places: 2, ClosesAt: time.Now().Add(time.Hour)}
	change(&terms)
	g, err := s.giveaways.Open(s.Context(), terms, staff)
	must(s, err)
	return g
}

// The way of a giveaway through its pages: none, one to enter, entered, drawn with
// its proof.
func TestGiveawayPages(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(s *shop) {
		s.Helper()
		s.has(s.page(reader, "/giveaway"), "No giveaway is running", `href="/blog"`)
		g := s.giveaway(func(*giveaway.Terms) {})
		at := "/giveaway/" + g.ID
		page := s.page(reader, "/giveaway")
		s.has(page, "Thank you &lt;all&gt;", g.Commitment, "$5.00", "for each of 2 winners", `href="/login?next=`+at+`"`, "Enter <em>once</em>")
		s.lacks(page, "<script>alert", "No giveaway is running", `action="`+at+`/enter"`)
		s.gone(at + "/proof.json")

		s.member = s.customer("ann@example.com", account.Customer)
		s.has(s.page(reader, at), `method="post" action="`+at+`/enter"`)
		for range 2 {
			if w := s.ask(reader, at+"/enter"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != at {
				s.Errorf("entered: %d to %s", w.Code, w.Header().Get("Location"))
			}
		}
		e, found, err := s.giveaways.EntryOf(s.Context(), g.ID, s.member)
		if err != nil || !found || e.Number != 1 {
			s.Fatalf("%+v, %v", e, err)
		}
		entered := s.page(reader, at)
		s.has(entered, "You are in with entry 1", e.Code)
		s.lacks(entered, at+"/enter")

		s.db.AdvanceClock(2 * time.Hour)
		g, _, err = s.giveaways.Draw(s.Context(), g.ID, staff)
		must(s, err)
		s.has(s.page(reader, "/giveaway"), "No giveaway is running", `id="ended"`, at, "drawn")
		drawn := s.page(reader, at)
		s.has(drawn, g.Seed, g.EntriesHash, e.Code, "You won place 1", at+"/proof.json")
		s.member = ""
		s.lacks(s.page(reader, at), "You won", "ann@example.com", "acc_")
		s.proves(at + "/proof.json")
		s.has(s.page("tr", at), "Çekiliş sonucu", `lang="en"`)
	})
}

// proves wants a proof that holds, as a file, without a word of who entered.
func (s *shop) proves(path string) {
	s.Helper()
	w := s.ask(reader, path)
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") || w.Header().Get("Content-Type") != "application/json" {
		s.Fatalf("%s: %d %v", path, w.Code, w.Header())
	}
	s.lacks(w.Body.String(), "@", "acc_", "wal_")
	var p giveaway.Proof
	must(s, json.Unmarshal(w.Body.Bytes(), &p))
	if differs := p.Check(); len(differs) > 0 || p.Currency != "USD" || len(p.Winners) != 1 {
		s.Errorf("%+v: %q", p, differs)
	}
}

// Who can't enter reads why, in their language, on the giveaway's page.
func TestGiveawayRefusalsAreInWords(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(s *shop) {
		s.Helper()
		spent := s.giveaway(func(g *giveaway.Terms) { g.LeastSpent = 20 * money.Unit })
		later := s.giveaway(func(g *giveaway.Terms) { g.OpensAt = time.Now().Add(30 * time.Minute) })
		canceled := s.giveaway(func(*giveaway.Terms) {})
		_, err := s.giveaways.Cancel(s.Context(), canceled.ID, "A <mistake>.", staff)
		must(s, err)
		refused := func(g giveaway.Giveaway, lang, want string) {
			s.Helper()
			w := s.ask(lang, "/giveaway/"+g.ID+"/enter")
			if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), want) {
				s.Errorf("%d, want %q", w.Code, want)
			}
		}
		s.member = s.customer("ann@example.com", account.Customer)
		refused(spent, "en", "must have spent $20.00 on orders")
		refused(spent, "tr", "$20,00 harcamış olmak gerekir")
		refused(later, "en", "No entries are taken now")
		refused(canceled, "en", "No entries are taken now")
		s.has(s.page(reader, "/giveaway/"+spent.ID), "Customers who spent $20.00 on orders")
		s.has(s.page(reader, "/giveaway/"+canceled.ID), "A &lt;mistake&gt;.")
		s.lacks(s.page(reader, "/giveaway/"+later.ID), later.ID+"/enter")
		s.member = s.customer("owner@example.com", account.Owner)
		open := s.giveaway(func(*giveaway.Terms) {})
		refused(open, "en", "Who runs the panel can")
		for _, none := range []string{"/giveaway/1", "/giveaway/a%00", "/giveaway/gvw_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9", "/giveaway/1/enter"} {
			s.gone(none)
		}
		if w := s.ask(reader, "/giveaway?before=x"); w.Code != http.StatusBadRequest {
			s.Errorf("a page that is none: %d", w.Code)
		}
		all, err := s.giveaways.All(s.Context(), "", 10)
		must(s, err)
		for _, g := range all {
			if g.Entries != 0 {
				s.Errorf("%s has %d entries", g.Title, g.Entries)
			}
		}
	})
}

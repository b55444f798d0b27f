package access_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/blog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/staff"
)

// local is a moment as a browser's field sends it.
func local(at time.Time) string { return at.UTC().Format("2006-01-02T15:04") }

// actedOnce wants one row of the audit log with an action, by an account.
func (b *bureau) actedOnce(action, actor, target string) {
	b.t.Helper()
	if acts := b.acts(action); len(acts) != 1 || acts[0].Actor != actor || acts[0].Target != target {
		b.t.Errorf("%s: %+v", action, acts)
	}
}

// An announcement stands on the pages of customers from its beginning to its end, in
// their language, and the log names who made and who ended it.
func TestStaffAnnounceAndEnd(t *testing.T) {
	t.Parallel()
	eachBureau(t, func(t *testing.T, b *bureau) {
		v, clerk := b.hired("clerk@example.com", staff.ContentChange)
		customer := b.signedIn("customer@example.com")
		const list, said = "/admin/announcements", "Maintenance on <Sunday>."
		filled := form("text_en", said, "text_tr", "Pazar günü bakım var.", "level", "warning", "ends", local(time.Now().Add(-time.Hour)))
		wants(t, "an end that has passed", v.ask(http.MethodPost, list, filled), http.StatusUnprocessableEntity, "This moment has passed")
		filled.Set("ends", local(time.Now().Add(24*time.Hour)))
		filled.Set("text_en", "")
		wants(t, "no English text", v.ask(http.MethodPost, list, filled), http.StatusUnprocessableEntity, "Pazar günü bakım var.")
		filled.Set("text_en", said)
		leads(t, "announced", v.ask(http.MethodPost, list, filled), list+"?done=announced")
		all, err := b.Core.Announcements.All(t.Context(), "", 10)
		if err != nil || len(all) != 1 || all[0].Texts["tr"] != "Pazar günü bakım var." || all[0].Level != "warning" {
			t.Fatalf("stored: %+v, %v", all, err)
		}
		b.actedOnce("announcement.add", clerk.ID, all[0].ID)
		wants(t, "a customer's page", customer.ask(http.MethodGet, "/dashboard", nil), http.StatusOK, "Maintenance on &lt;Sunday&gt;.")
		wants(t, "in Turkish", customer.ask(http.MethodGet, "/dashboard", nil, "Accept-Language", "tr"), http.StatusOK, "Pazar günü bakım var.")
		wants(t, "the list", v.ask(http.MethodGet, list, nil), http.StatusOK, "Maintenance on &lt;Sunday&gt;.")
		wants(t, "one", v.ask(http.MethodGet, list+"/"+all[0].ID, nil), http.StatusOK, "End now")
		leads(t, "ended", v.ask(http.MethodPost, list+"/"+all[0].ID+"/end", form()), list+"?done=ended")
		wants(t, "ended twice", v.ask(http.MethodPost, list+"/"+all[0].ID+"/end", form()), http.StatusUnprocessableEntity, "has ended already")
		if got := customer.ask(http.MethodGet, "/dashboard", nil); strings.Contains(got.body, "Maintenance") {
			t.Error("it is still shown")
		}
		b.actedOnce("announcement.end", clerk.ID, all[0].ID)
		b.proved()
	})
}

var hiddenSeen = regexp.MustCompile(`name="seen" value="(\d+)"`)

// seen is the text of a post that its form begins with.
func (v *visitor) seen(path string) string {
	v.p.t.Helper()
	got := v.ask(http.MethodGet, path, nil)
	found := hiddenSeen.FindStringSubmatch(got.body)
	if found == nil {
		v.p.t.Fatalf("%s: %d without the text it begins with", path, got.status)
	}
	return found[1]
}

// Of two who edit a post, the second is told and sees both texts; nothing is
// overwritten that its writer has not seen, and what was written of a post that is gone
// is kept.
func TestTwoWhoEditAPost(t *testing.T) {
	t.Parallel()
	eachBureau(t, func(t *testing.T, b *bureau) {
		one, first := b.hired("first@example.com", staff.ContentChange)
		two, _ := b.hired("second@example.com", staff.ContentChange)
		p, err := b.Core.Blog.Create(t.Context(), blog.Text{Slug: "refunds", Language: "en", Title: "Refunds", Body: "At first."}, "test")
		if err != nil {
			t.Fatal(err)
		}
		at := "/admin/posts/" + p.ID
		filled := func(body, seen string) url.Values {
			return form("title", "Refunds", "slug", "refunds", "language", "en", "body", body, "seen", seen)
		}
		body := func() string {
			t.Helper()
			now, err := b.Core.Blog.Find(t.Context(), p.ID)
			if err != nil {
				t.Fatal(err)
			}
			return now.Body
		}
		begun := two.seen(at)
		leads(t, "the first", one.ask(http.MethodPost, at, filled("By <b>one</b>.", one.seen(at))), at+"?done=saved")
		preview := filled("By two.", begun)
		preview.Set("preview", "1")
		wants(t, "a preview keeps what it began with", two.ask(http.MethodPost, at, preview), http.StatusOK, `name="seen" value="`+begun+`"`)
		got := two.ask(http.MethodPost, at, filled("By two.", begun))
		for _, text := range []string{"Somebody has saved another text", "By two.", "By &lt;b&gt;one&lt;/b&gt;.", "What " + first.Email + " has saved", "Save mine in its place"} {
			wants(t, "the second", got, http.StatusUnprocessableEntity, text)
		}
		if got := body(); got != "By <b>one</b>." {
			t.Errorf("the post says %q", got)
		}
		wants(t, "a form that has seen none", two.ask(http.MethodPost, at, filled("By two.", "")), http.StatusUnprocessableEntity, "Somebody has saved another text")
		leads(t, "who has seen both", two.ask(http.MethodPost, at, filled("By both.", hiddenSeen.FindStringSubmatch(got.body)[1])), at+"?done=saved")
		if got := body(); got != "By both." {
			t.Errorf("the post says %q", got)
		}
		if _, err := b.Core.Blog.Delete(t.Context(), p.ID, "test"); err != nil {
			t.Fatal(err)
		}
		gone := two.ask(http.MethodPost, at, filled("Much work.", begun))
		wants(t, "a post that is gone", gone, http.StatusUnprocessableEntity, "deleted this post meanwhile")
		wants(t, "what was written of it", gone, http.StatusUnprocessableEntity, "Much work.")
		b.proved()
	})
}

// A post is seen by nobody else before it is published, keeps its address then, and
// a preview stores nothing.
func TestStaffWriteAndPublishAPost(t *testing.T) {
	t.Parallel()
	eachBureau(t, func(t *testing.T, b *bureau) {
		v, clerk := b.hired("clerk@example.com", staff.ContentChange)
		const list, public = "/admin/posts", "/blog/how-we-refund"
		read := func() answer { return b.nobody().ask(http.MethodGet, public, nil) }
		filled := form("title", "How we refund", "slug", "how-we-refund", "language", "en", "body", "By *itself*. <script>alert(1)</script>", "preview", "1")
		previewed := v.ask(http.MethodPost, list, filled)
		wants(t, "the preview", previewed, http.StatusOK, "By <em>itself</em>")
		wants(t, "what was typed", previewed, http.StatusOK, "By *itself*.")
		if _, err := b.Core.Blog.Find(t.Context(), "how-we-refund"); !fault.Is(err, fault.NotFound) || strings.Contains(previewed.body, "<script>alert") {
			t.Errorf("the preview stored something, or has the script: %v", err)
		}
		filled.Del("preview")
		filled.Set("slug", "How we refund")
		wants(t, "a bad address", v.ask(http.MethodPost, list, filled), http.StatusUnprocessableEntity, `id="slug-error"`)
		filled.Set("slug", "how-we-refund")
		created := v.ask(http.MethodPost, list, filled)
		p, err := b.Core.Blog.Find(t.Context(), "how-we-refund")
		if err != nil {
			t.Fatal(err, created.status)
		}
		at := list + "/" + p.ID
		leads(t, "a draft", created, at+"?done=drafted")
		wants(t, "the same address", v.ask(http.MethodPost, list, filled), http.StatusUnprocessableEntity, "Another post has this address")
		wants(t, "a draft in public", read(), http.StatusNotFound, "")
		wants(t, "at a moment that passed", v.ask(http.MethodPost, at+"/publish", form("at", local(time.Now().Add(-time.Hour)))), http.StatusUnprocessableEntity, "has passed")
		leads(t, "scheduled", v.ask(http.MethodPost, at+"/publish", form("at", local(time.Now().Add(time.Hour)))), at+"?done=scheduled")
		wants(t, "a scheduled one in public", read(), http.StatusNotFound, "")
		leads(t, "published", v.ask(http.MethodPost, at+"/publish", form()), at+"?done=published")
		wants(t, "in public", read(), http.StatusOK, "By <em>itself</em>")

		filled.Set("slug", "another")
		wants(t, "another address", v.ask(http.MethodPost, at, filled), http.StatusUnprocessableEntity, "can&#39;t change")
		filled.Set("slug", "how-we-refund")
		filled.Set("body", "At once.")
		filled.Set("seen", v.seen(at))
		leads(t, "edited", v.ask(http.MethodPost, at, filled), at+"?done=saved")
		wants(t, "the new text", read(), http.StatusOK, "At once.")
		wants(t, "deleted while published", v.ask(http.MethodPost, at+"/delete", form()), http.StatusUnprocessableEntity, "make it a draft first")
		leads(t, "unpublished", v.ask(http.MethodPost, at+"/unpublish", form()), at+"?done=unpublished")
		wants(t, "taken back", read(), http.StatusNotFound, "")
		leads(t, "deleted", v.ask(http.MethodPost, at+"/delete", form()), list+"?done=deleted")
		for _, action := range []string{"post.create", "post.edit", "post.unpublish", "post.delete"} {
			b.actedOnce(action, clerk.ID, p.ID)
		}
		long := form("title", "Long", "slug", "long", "language", "en", "body", strings.Repeat("ğ", blog.MaxBody/2))
		leads(t, "as long as may be", v.ask(http.MethodPost, list, long), list+"/"+b.newest()+"?done=drafted")
		b.proved()
	})
}

// newest is the id of the newest post.
func (b *bureau) newest() string {
	b.t.Helper()
	all, err := b.Core.Blog.All(b.t.Context(), "", 1)
	if err != nil || len(all) == 0 {
		b.t.Fatal(err)
	}
	return all[0].ID
}

// A giveaway is opened once however often the button is pressed, and only by who
// proves who they are; canceled it says why, to everybody.
func TestStaffOpenAndCancelAGiveaway(t *testing.T) {
	t.Parallel()
	eachBureau(t, func(t *testing.T, b *bureau) {
		v, clerk := b.hired("clerk@example.com", staff.ContentChange)
		const list = "/admin/giveaways"
		opened := id.New(id.Giveaway)
		filled := form("id", opened, "title", "Thank you", "body", "Enter *once*.", "language", "en", "prize", "12.5", "winners", "101",
			"closes_at", local(time.Now().Add(72*time.Hour)))
		wants(t, "too many winners", v.ask(http.MethodPost, list, filled), http.StatusUnprocessableEntity, "from 1 to 100")
		filled.Set("winners", "2")
		filled.Set("preview", "1")
		wants(t, "the preview", v.ask(http.MethodPost, list, filled), http.StatusOK, "$25.00")
		filled.Del("preview")
		b.Core.DB.AdvanceClock(11 * time.Minute)
		wants(t, "after eleven minutes", v.ask(http.MethodPost, list, filled), http.StatusUnprocessableEntity, `name="password"`)
		if all, err := b.Core.Giveaways.All(t.Context(), "", 10); err != nil || len(all) != 0 {
			t.Fatalf("without a proof: %+v, %v", all, err)
		}
		filled.Set("password", password)
		leads(t, "opened", v.ask(http.MethodPost, list, filled), list+"/"+opened+"?done=opened")
		leads(t, "opened twice", v.ask(http.MethodPost, list, filled), list+"/"+opened)
		g, err := b.Core.Giveaways.Find(t.Context(), opened)
		if err != nil || g.Prize != 12_500_000 || g.Places != 2 {
			t.Fatalf("%+v, %v", g, err)
		}
		b.actedOnce("giveaway.open", clerk.ID, g.ID)
		at := list + "/" + g.ID
		wants(t, "its commitment", v.ask(http.MethodGet, at, nil), http.StatusOK, g.Commitment)
		wants(t, "in public", b.nobody().ask(http.MethodGet, "/giveaway/"+g.ID, nil), http.StatusOK, g.Commitment)
		wants(t, "before its time", v.ask(http.MethodPost, at+"/draw", form()), http.StatusUnprocessableEntity, "entries are still taken")
		wants(t, "no reason", v.ask(http.MethodPost, at+"/cancel", form()), http.StatusUnprocessableEntity, `id="reason-error"`)
		b.Core.DB.AdvanceClock(11 * time.Minute)
		wants(t, "canceled without a proof", v.ask(http.MethodPost, at+"/cancel", form("reason", "A mistake")), http.StatusUnprocessableEntity, `name="password"`)
		leads(t, "canceled", v.ask(http.MethodPost, at+"/cancel", form("reason", "A mistake", "password", password)), at+"?done=canceled")
		b.actedOnce("giveaway.cancel", clerk.ID, g.ID)
		wants(t, "why", b.nobody().ask(http.MethodGet, "/giveaway/"+g.ID, nil), http.StatusOK, "A mistake")
		b.proved()
	})
}

// A draw is booked once however often its button is pressed; staff read who won.
func TestStaffDrawAGiveawayOnce(t *testing.T) {
	t.Parallel()
	eachBureau(t, func(t *testing.T, b *bureau) {
		v, clerk := b.hired("clerk@example.com", staff.ContentChange)
		var g giveaway.Giveaway
		won := money.Amount(0)
		for range 5 { // the panel's own worker may be faster
			g = b.drawnBy(v)
			won += g.Prize
			if g.DecidedBy == clerk.ID {
				break
			}
		}
		if g.State != giveaway.Drawn || g.DecidedBy != clerk.ID {
			t.Errorf("%s by %s", g.State, g.DecidedBy)
		}
		if got := b.live(b.customer); got != won {
			t.Errorf("the winner has %s, want %s", got, won)
		}
		if acts := b.acts("giveaway.draw"); acts[0].Actor != clerk.ID || acts[0].Target != g.ID || won == g.Prize && len(acts) != 1 {
			t.Errorf("%+v", acts)
		}
		page := v.ask(http.MethodGet, "/admin/giveaways/"+g.ID, nil)
		wants(t, "who won", page, http.StatusOK, "customer@example.com")
		wants(t, "the seed", page, http.StatusOK, g.Seed)
		if strings.Contains(page.body, "/admin/accounts/") {
			t.Error("who may not see accounts is led to one")
		}
		if got := b.nobody().ask(http.MethodGet, "/giveaway/"+g.ID, nil); strings.Contains(got.body, "customer@example.com") {
			t.Error("everybody reads who won")
		}
		if n, err := giveaway.Audit(t.Context(), b.Core.DB, func(text string) { t.Error(text) }); err != nil || n == 0 {
			t.Errorf("%d giveaways are proved, %v", n, err)
		}
		b.proved()
	})
}

// drawnBy opens a giveaway, lets the customer enter, and presses the button four
// times at once when its time is over.
func (b *bureau) drawnBy(v *visitor) giveaway.Giveaway {
	b.t.Helper()
	ctx := b.t.Context()
	g, err := b.Core.Giveaways.Open(ctx, giveaway.Terms{
		Language: "en", Title: "Thank you", Body: "Enter.", Prize: 5 * money.Unit, Places: 2, ClosesAt: time.Now().Add(time.Hour),
	}, "test")
	if err == nil {
		_, err = b.Core.Giveaways.Enter(ctx, b.customer.ID, g.ID)
	}
	if err == nil {
		_, err = b.exec(`UPDATE giveaways SET opens_at = 1, closes_at = 2 WHERE id = $1`, g.ID)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	at := "/admin/giveaways/" + g.ID
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			leads(b.t, "drawn", v.ask(http.MethodPost, at+"/draw", form("password", password)), at+"?done=drawn")
		})
	}
	all.Wait()
	if g, err = b.Core.Giveaways.Find(ctx, g.ID); err != nil {
		b.t.Fatal(err)
	}
	return g
}

// exec changes the database behind the panel's back.
func (b *bureau) exec(query string, args ...any) (n int64, err error) {
	err = b.Core.DB.Write(b.t.Context(), func(tx *db.Tx) error {
		n, err = tx.Exec(query, args...)
		return err
	})
	return n, err
}

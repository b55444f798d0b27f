package blog_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/blog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const staff = "cli:root"

func text(slug string) blog.Text {
	return blog.Text{Slug: slug, Language: "en", Title: "How we refund", Description: "In one sentence.", Body: "By itself."}
}

func create(t *testing.T, s *blog.Store, what blog.Text) blog.Post {
	t.Helper()
	p, err := s.Create(t.Context(), what, staff)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func publish(t *testing.T, s *blog.Store, p blog.Post, at time.Time) blog.Post {
	t.Helper()
	p, err := s.Publish(t.Context(), p.ID, at, staff)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// seen are the slugs that others see in a list, over all its pages.
func seen(t *testing.T, s *blog.Store, language string, limit int) (slugs []string) {
	t.Helper()
	for after := ""; ; {
		page, next, err := s.Page(t.Context(), blog.Query{Language: language, After: after, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page {
			slugs = append(slugs, p.Slug)
		}
		if next == "" {
			return slugs
		}
		after = next
	}
}

// hidden wants a post to be nowhere that others look.
func hidden(t *testing.T, s *blog.Store, slug string) {
	t.Helper()
	_, err := s.Shown(t.Context(), slug)
	slugs, errSlugs := s.Slugs(t.Context(), 100)
	if !fault.Is(err, fault.NotFound) || errSlugs != nil || slices.Contains(slugs, slug) || slices.Contains(seen(t, s, "", 50), slug) {
		t.Errorf("others see %s: %v, %v, %v", slug, err, slugs, errSlugs)
	}
}

// A draft is seen by nobody, a scheduled post from its moment on, and a published
// one until it is a draft again.
func TestWhoSeesAPost(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := blog.NewStore(d)
		draft := create(t, s, text("draft"))
		scheduled := publish(t, s, create(t, s, text("scheduled")), draft.CreatedAt.Add(time.Hour))
		now := publish(t, s, create(t, s, text("now")), time.Time{})
		if draft.State(draft.CreatedAt) != blog.Draft || scheduled.State(draft.CreatedAt) != blog.Scheduled || now.State(now.PublishedAt) != blog.Published {
			t.Errorf("%+v, %+v, %+v", draft, scheduled, now)
		}
		hidden(t, s, "draft")
		hidden(t, s, "scheduled")
		if got, err := s.Shown(t.Context(), "now"); err != nil || got.ID != now.ID || !got.Updated().IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		d.AdvanceClock(time.Hour)
		if got := seen(t, s, "", 50); !slices.Equal(got, []string{"scheduled", "now"}) {
			t.Errorf("after an hour: %v", got)
		}
		changed := text("now")
		changed.Body = "By itself, at once."
		if _, err := s.Edit(t.Context(), "now", changed, staff); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Shown(t.Context(), "now"); err != nil || got.Body != changed.Body || got.Updated().IsZero() {
			t.Errorf("edited: %+v, %v", got, err)
		}
		if _, err := s.Unpublish(t.Context(), "now", staff); err != nil {
			t.Fatal(err)
		}
		hidden(t, s, "now")
		logged(t, d, "post.create", 3)
		logged(t, d, "post.publish", 2)
		logged(t, d, "post.edit", 1)
		logged(t, d, "post.unpublish", 1)
	})
}

func logged(t *testing.T, d *db.DB, action string, want int64) {
	t.Helper()
	var rows int64
	err := d.Read(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*) FROM audit_log WHERE action = $1`, action).Scan(&rows)
	})
	_, errLog := account.VerifyLog(t.Context(), d, func(text string) { t.Error(text) })
	if err := errors.Join(err, errLog); err != nil || rows != want {
		t.Errorf("%d rows of %s, want %d, %v", rows, action, want, err)
	}
}

// What may not be done to a post is refused, and leaves it as it is.
func TestPostsKeepTheirAddress(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := blog.NewStore(d)
		first, other := create(t, s, text("first")), create(t, s, text("other"))
		moved := text("other")
		for name, act := range map[string]func() error{
			"a second of the address": func() error { _, err := s.Create(t.Context(), text("first"), staff); return err },
			"moved onto another":      func() error { _, err := s.Edit(t.Context(), first.ID, moved, staff); return err },
			"a draft unpublished":     func() error { _, err := s.Unpublish(t.Context(), first.ID, staff); return err },
		} {
			if err := act(); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if p, err := s.Edit(t.Context(), "other", text("third"), staff); err != nil || p.Slug != "third" {
			t.Errorf("a draft moves: %+v, %v", p, err)
		}
		publish(t, s, first, time.Time{})
		for name, act := range map[string]func() error{
			"moved when published":   func() error { _, err := s.Edit(t.Context(), "first", text("fourth"), staff); return err },
			"published again":        func() error { _, err := s.Publish(t.Context(), "first", time.Time{}, staff); return err },
			"deleted when published": func() error { _, err := s.Delete(t.Context(), "first", staff); return err },
		} {
			if err := act(); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := s.Delete(t.Context(), other.ID, staff); err != nil {
			t.Error(err)
		}
		if _, err := s.Find(t.Context(), other.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("deleted: %v", err)
		}
		if got := seen(t, s, "", 50); !slices.Equal(got, []string{"first"}) {
			t.Errorf("seen: %v", got)
		}
	})
}

// Of many who make a post of one address at the same time, one does.
func TestOnePostHasAnAddress(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := blog.NewStore(d)
		var made atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if _, err := s.Create(t.Context(), text("one"), staff); err == nil {
					made.Add(1)
				} else if !fault.Is(err, fault.Conflict) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		posts, err := s.All(t.Context(), "", 10)
		if err != nil || made.Load() != 1 || len(posts) != 1 {
			t.Errorf("%d made it, there are %d, %v", made.Load(), len(posts), err)
		}
	})
}

// Pages fit together, the newest first, also where posts appeared at one moment, and
// a language has its own.
func TestPages(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := blog.NewStore(d)
		var want, turkish []string
		var at time.Time
		for i := range 9 {
			what := text(fmt.Sprintf("post-%d", i))
			if i%3 == 0 {
				what.Language = "tr"
				turkish = append([]string{what.Slug}, turkish...)
			}
			p := create(t, s, what)
			if i%4 == 0 {
				at = p.CreatedAt.Add(time.Minute)
			}
			publish(t, s, p, at)
			want = append([]string{what.Slug}, want...)
		}
		if got := seen(t, s, "", 50); len(got) != 0 {
			t.Errorf("before their time: %v", got)
		}
		d.AdvanceClock(time.Hour)
		for _, limit := range []int{1, 2, 9, 50} {
			if got := seen(t, s, "", limit); !slices.Equal(got, want) {
				t.Errorf("pages of %d: %v, want %v", limit, got, want)
			}
		}
		if got := seen(t, s, "tr", 2); !slices.Equal(got, turkish) {
			t.Errorf("Turkish: %v, want %v", got, turkish)
		}
		if all, err := s.Languages(t.Context()); err != nil || !slices.Equal(all, []string{"en", "tr"}) {
			t.Errorf("languages: %v, %v", all, err)
		}
		for _, after := range []string{"x", "1", "-1.pst_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9", "1.pst_"} {
			if _, _, err := s.Page(t.Context(), blog.Query{After: after, Limit: 1}); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", after, err)
			}
		}
	})
}

// A post's texts have bounds, and the message names the field.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := blog.NewStore(dbtest.Open(t, db.SQLite))
	for name, change := range map[string]func(*blog.Text){
		"slug":        func(p *blog.Text) { p.Slug = "feed.xml" },
		"slug ":       func(p *blog.Text) { p.Slug = "../terms" },
		"slug  ":      func(p *blog.Text) { p.Slug = strings.Repeat("a", blog.MaxSlug+1) },
		"language":    func(p *blog.Text) { p.Language = "English" },
		"title":       func(p *blog.Text) { p.Title = "a\nb" },
		"title ":      func(p *blog.Text) { p.Title = " " },
		"description": func(p *blog.Text) { p.Description = "a\u202eb" },
		"body":        func(p *blog.Text) { p.Body = "\n" },
		"body ":       func(p *blog.Text) { p.Body = strings.Repeat("a", blog.MaxBody+1) },
	} {
		what := text("a")
		change(&what)
		if _, err := s.Create(t.Context(), what, staff); !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), strings.TrimSpace(name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file says what a post says, and comes back the same.
func TestFiles(t *testing.T) {
	t.Parallel()
	got, err := blog.Parse([]byte("---\r\nslug: how-we-refund\nlanguage: tr\ndescription: In one: sentence.\n---\n\n# How we refund\n\nBy *itself*.\n\n## And when\n"))
	want := blog.Text{Slug: "how-we-refund", Language: "tr", Title: "How we refund", Description: "In one: sentence.", Body: "By *itself*.\n\n## And when"}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if again, err := blog.Parse([]byte(got.File())); err != nil || again != got {
		t.Errorf("%+v, %v", again, err)
	}
	for source, says := range map[string]string{
		"# Title\n\ntext":                    "no head",
		"---\nslug: a\n# Title\n":            "no end",
		"---\nslug: a\nauthor: b\n---\n# T":  "author",
		"---\nslug: a\n---\ntext":            "no title",
		"---\nslug: A b\n---\n# T\n\ntext\n": "slug",
		"\xff":                               "UTF-8",
	} {
		if _, err := blog.Parse([]byte(source)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", source, err)
		}
	}
}

package catalog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
)

// What is shown of a target before it is blocked is what holds once it is.
func TestWhatIsSaidOfATargetHolds(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]catalog.Target{
		"https://www.Shop.example":           {Pattern: "shop.example", Host: "shop.example"},
		"site.example/A%20b/":                {Pattern: "site.example/ab", Host: "site.example", Path: "ab"},
		"site.example/50%25":                 {Pattern: "site.example/50%25", Host: "site.example", Path: "50%"},
		"site.example/watch?v=x&list=Y":      {Pattern: "site.example/watch?list=Y&v=x", Host: "site.example", Path: "watch", Values: []string{"list=Y", "v=x"}},
		"192.0.2.7":                          {Pattern: "192.0.2.7", Host: "192.0.2.7", Number: true},
		"[2001:db8::1]/x":                    {Pattern: "2001:db8::1/x", Host: "2001:db8::1", Path: "x", Number: true},
		"münchen.example/\u00fcber?q=\u00fc": {Pattern: "xn--mnchen-3ya.example/über?q=%C3%BC", Host: "xn--mnchen-3ya.example", Path: "über", Values: []string{"q=ü"}},
	} {
		d := dbtest.Open(t, db.SQLite)
		target, err := catalog.ReadTarget(said)
		if err != nil || target.Pattern != want.Pattern || target.Host != want.Host || target.Path != want.Path || target.Number != want.Number || !slices.Equal(target.Values, want.Values) {
			t.Errorf("%s is %+v, %v; want %+v", said, target, err, want)
		}
		before := snapshot(t, d)
		if within := before.Within(target); len(within) > 0 {
			t.Errorf("%s is within %q before it is blocked", said, within)
		}
		if _, err := catalog.NewStore(d).Block(t.Context(), said, "policy", staff); err != nil {
			t.Fatal(err)
		}
		s := snapshot(t, d)
		stopped, free := target.Examples()
		if len(stopped) < 2 || len(free) == 0 && !target.Number {
			t.Errorf("%s: the examples are %q and %q", said, stopped, free)
		}
		for _, link := range stopped {
			if l := catalog.ReadLink(link); !s.Blocked(l) || !slices.Equal(s.BlockedBy(l), []string{want.Pattern}) || before.Blocked(l) {
				t.Errorf("%s: %s is not stopped by it", said, link)
			}
		}
		for _, link := range free {
			if s.Blocked(catalog.ReadLink(link)) {
				t.Errorf("%s: %s is stopped", said, link)
			}
		}
		if within := s.Within(target); !slices.Equal(within, []string{want.Pattern}) {
			t.Errorf("%s is within %q", said, within)
		}
	}
}

// What a wider entry stops already is named before a narrower one is added.
func TestWhatIsBlockedAlready(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	store := catalog.NewStore(d)
	for _, pattern := range []string{"shop.example", "m.shop.example/a", "shop.example/a?x=1", "other.example/b"} {
		if _, err := store.Block(t.Context(), pattern, "policy", staff); err != nil {
			t.Fatal(err)
		}
	}
	for said, want := range map[string]string{
		"m.shop.example/a/b?x=1": "m.shop.example/a shop.example shop.example/a?x=1", "m.shop.example": "shop.example", "other.example": "", "other.example/b/c": "other.example/b",
	} {
		target, err := catalog.ReadTarget(said)
		if err != nil {
			t.Fatal(err)
		}
		got := snapshot(t, d).Within(target)
		if text := strings.Join(slices.Sorted(slices.Values(got)), " "); text != want {
			t.Errorf("%s is within %q, want %q", said, text, want)
		}
	}
}

// The list comes in pages that fit together, with who wrote each reason; what is too
// long is refused.
func TestTheBlockListComesInPages(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		store, ctx := catalog.NewStore(d), t.Context()
		for i := range 7 {
			if _, err := store.Block(ctx, fmt.Sprintf("site%d.example", i), "policy", fmt.Sprintf("actor %d", i)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := store.Block(ctx, "site3.example", "another reason", "somebody"); err != nil {
			t.Fatal(err)
		}
		var seen []string
		for after := ""; ; {
			page, err := store.BlockPage(ctx, after, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range page {
				seen = append(seen, b.Pattern+" "+b.Actor)
				after = b.Pattern
				if b.ChangedAt.Before(b.CreatedAt) || b.CreatedAt.IsZero() {
					t.Errorf("%+v", b)
				}
			}
			if len(page) < 3 {
				break
			}
		}
		if len(seen) != 7 || seen[3] != "site3.example somebody" || seen[6] != "site6.example actor 6" {
			t.Errorf("the pages are %q", seen)
		}
		some, err := store.BlockedOf(ctx, []string{"site5.example", "site0.example", "none.example"})
		if err != nil || len(some) != 2 || some[0].Pattern != "site0.example" {
			t.Errorf("%+v, %v", some, err)
		}
		if _, err := store.Block(ctx, "a.example", strings.Repeat("ü", catalog.MaxBlockReason+1), staff); !fault.Is(err, fault.Invalid) {
			t.Errorf("a long reason: %v", err)
		}
		if _, err := store.Unblock(ctx, "site3.example", staff); err != nil {
			t.Fatal(err)
		}
		if action, _, detail := logged(t, d); action != "block.remove" || detail != "another reason" {
			t.Errorf("the log says %s: %s", action, detail)
		}
	})
}

package catalog_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
)

// snapshot reads the whole catalogue.
func snapshot(t *testing.T, d *db.DB) (s *catalog.Snapshot) {
	t.Helper()
	err := d.Read(t.Context(), func(tx *db.Tx) (err error) {
		s, err = catalog.Load(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A blocked target is not reached by another spelling, and nothing else is blocked.
func TestBlockedInEverySpelling(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	store := catalog.NewStore(d)
	for said, kept := range map[string]string{
		"Casino.example":                 "casino.example",
		"https://www.site.example/Name/": "site.example/name",
		"münchen.example":                "xn--mnchen-3ya.example",
		"192.0.2.7":                      "192.0.2.7",
		"[2001:db8::1]/x":                "2001:db8::1/x",
		"forum.example/t/%41//x/../b":    "forum.example/t/a/b",
	} {
		if got, err := store.Block(t.Context(), said, "policy", staff); err != nil || got.Pattern != kept {
			t.Errorf("block %s: %+v, %v; want %q", said, got, err, kept)
		}
	}
	s := snapshot(t, d)
	for _, link := range []string{
		"https://casino.example", "http://casino.example/any/where?x#y", "https://sub.casino.example/", "https://www.casino.example/",
		"https://CASINO.EXAMPLE/", "https://casino.example./", "https://casino.example../", "https://casino.example:8443/", "https://u:p@casino.example/",
		"https://ｃａｓｉｎｏ.example/", "https://casino。example/", "https://ca\u00adsino.example/", "https://ca\tsino.example/", "https://casino.example\\x", `https:\\casino.example\x`,
		"https://site.example/name", "https://site.example/NAME", "https://site.example/name/", "https://site.example/name/post/1", "https://site.example/name?x=1",
		"https://site.example/%6Eame", "https://site.example/%256Eame", "https://site.example//name", "https://site.example/./name", "https://site.example/x/../name",
		"https://site.example/x/%2e%2e/name", `https://site.example\name`, `https://site.example/x/..\name`, "https://site.example/%5Cname", "https://site.example/na\tme", "https://site.example/name%20", "https://site.example/name%00",
		"https://site.example/name/%2e%2e%2fother", "https://m.site.example/name", "https://site.example/name%2Fpost", "https://site.example/%2Fname", "https://site.example/nam%65/..%2fb",
		"https://münchen.example/", "https://m%C3%BCnchen.example/", "https://XN--MNCHEN-3YA.example/",
		"http://192.0.2.7/", "http://3221225991/", "http://0xc0000207/", "http://0300.0.2.7/", "http://192.0.519/", "http://[::ffff:192.0.2.7]/", "http://[::ffff:c000:207]:81/",
		"http://[2001:db8:0:0::1]/x", "http://[2001:DB8::1]:8080/x/y",
		"https://forum.example/t/a/b", "https://forum.example/T/a/B?x",
		"https://%/", // nobody can tell where it leads
	} {
		if !s.Blocked(link) {
			t.Errorf("%q is not blocked", link)
		}
	}
	for _, link := range []string{
		"https://example.com/casino.example", "https://notcasino.example/", "https://casino.example.com/", "https://casino.example@example.com/",
		"https://site.example/", "https://site.example/names", "https://site.example/other", "https://site.example/name/../other", "https://site.example/other?name", "https://site.example/other#/name",
		"http://192.0.2.8/", "http://[2001:db8::1]/y", "https://forum.example/t/a", "name", "@name", "a name",
	} {
		if s.Blocked(link) {
			t.Errorf("%q is blocked", link)
		}
	}
}

// What is no target is refused and changes nothing.
func TestBlockRefusesJunk(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		store := catalog.NewStore(d)
		before := catalogEpoch(t, d)
		for _, pattern := range []string{
			"", " ", "/", "localhost", "com", "*.example.com", "example.com/*", "example.com?x=1", "example.com#a", "user@example.com", "example.com:8443",
			"ftp://example.com", "https://", "exa mple.com", "site.example/a b", "exa\u202emple.com", "-", "a..b", "exam\u0000ple.com", "[::1", "https://%/",
		} {
			if got, err := store.Block(t.Context(), pattern, "policy", staff); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q is kept as %+v, %v", pattern, got, err)
			}
		}
		for _, reason := range []string{"", " ", "a\x1b[2J"} {
			if _, err := store.Block(t.Context(), "example.com", reason, staff); !fault.Is(err, fault.Invalid) {
				t.Errorf("the reason %q: %v", reason, err)
			}
		}
		if all, err := store.BlockList(t.Context()); err != nil || len(all) > 0 || catalogEpoch(t, d) != before {
			t.Errorf("a refusal changed something: %v, %v", all, err)
		}
	})
}

// A target is blocked for every node at once, once, and let go by any spelling.
func TestBlockAndUnblock(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		store, ctx := catalog.NewStore(d), t.Context()
		before := catalogEpoch(t, d)
		for _, reason := range []string{"first", "second"} {
			if _, err := store.Block(ctx, "Shop.example/a", reason, staff); err != nil {
				t.Fatal(err)
			}
		}
		if action, target, detail := logged(t, d); action != "block.add" || target != "shop.example/a" || detail != "second" {
			t.Errorf("the log says %s of %s: %s", action, target, detail)
		}
		all, err := store.BlockList(ctx)
		if err != nil || len(all) != 1 || all[0].Reason != "second" || all[0].CreatedAt.IsZero() || catalogEpoch(t, d) != before+2 {
			t.Errorf("the list is %+v, %v at %d", all, err, catalogEpoch(t, d)-before)
		}
		if got, err := store.Unblock(ctx, "https://www.SHOP.example/A/", staff); err != nil || got != "shop.example/a" {
			t.Errorf("unblocked %q, %v", got, err)
		}
		if _, err := store.Unblock(ctx, "shop.example/a", staff); !fault.Is(err, fault.NotFound) {
			t.Errorf("again: %v, want NotFound", err)
		}
		if snapshot(t, d).Blocked("https://shop.example/a") || catalogEpoch(t, d) != before+3 {
			t.Error("it is still blocked, or nobody was told")
		}
	})
}

// respelled writes a link to a blocked page in some of the ways in which it can
// be written.
func respelled(t *rapid.T) string {
	one := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	var host strings.Builder
	for _, r := range "site.example" {
		spelled := []string{string(r), strings.ToUpper(string(r))}
		if r != '.' {
			spelled = append(spelled, string(r+0xFEE0), string(r)+"\u00ad", string(r)+"\t")
		} else {
			spelled = append(spelled, "。", "．")
		}
		host.WriteString(one("letter", spelled...))
	}
	var name strings.Builder
	for _, r := range "name" {
		name.WriteString(one("letter", string(r), strings.ToUpper(string(r)), fmt.Sprintf("%%%02x", r), fmt.Sprintf("%%%02X", r), fmt.Sprintf("%%25%02x", r), string(r)+"\n"))
	}
	return one("scheme", "http://", "HTTPS://", "https://") + one("user", "", "user@", "user:pass@") + one("sub", "", "www.", "m.", "a.b.") + host.String() +
		one("dot", "", ".") + one("port", "", ":80", ":8443") + one("slash", "/", "//", `\`, "/./", "/x/../", "/x/%2e%2E/", "/../") + name.String() +
		one("rest", "", "/", "/more", "?a=1", "#a", "/..%2fb", `\more`, "%20", "/./", "%2F")
}

// A blocked page stays blocked however many tricks a link to it has at once.
func TestBlockedWhateverTheSpelling(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	if _, err := catalog.NewStore(d).Block(t.Context(), "site.example/name", "policy", staff); err != nil {
		t.Fatal(err)
	}
	s := snapshot(t, d)
	rapid.Check(t, func(t *rapid.T) {
		if link := respelled(t); !s.Blocked(link) {
			t.Fatalf("%q is not blocked", link)
		}
	})
}

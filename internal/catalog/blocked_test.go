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
		"https://r3--x.ｃasino.example/", "https://-x.ｃasino.example/", "https://r3--x.ca\u00adsino.example/", "https://xn--zz--.ｃasino.example/",
		"casino.example", "casino.example/x", "www.Casino.example/x", "//casino.example/x", `\\casino.example\x`, "https:casino.example", "https:/casino.example",
		"ftp://casino.example/", "casino.example:8443/x", "casino.example:/x", "user@casino.example/x", "casino%2Eexample/x", "casino .example /x", "casino。example/x",
		"casino.example?x", "casino.example#x", "site.example/Name", "casino.example/%zz",
	} {
		if !s.Blocked(catalog.ReadLink(link)) {
			t.Errorf("%q is not blocked", link)
		}
	}
	for _, link := range []string{
		"https://example.com/casino.example", "https://notcasino.example/", "https://casino.example.com/", "https://casino.example@example.com/",
		"https://site.example/", "https://site.example/names", "https://site.example/other", "https://site.example/name/../other", "https://site.example/other?name", "https://site.example/other#/name",
		"http://192.0.2.8/", "http://[2001:db8::1]/y", "https://forum.example/t/a", "name", "@name", "a name", "a.name", "name/casino.example", "Rock / Pop", "50% off / 100%", "@casino/x", "mailto:me", "a: b/c",
	} {
		if s.Blocked(catalog.ReadLink(link)) {
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
			"", " ", "/", "localhost", "com", "*.example.com", "example.com/*", "example.com?x=1", "example.com#a", "user@example.com", "user@example.com/a", "example.com:8443",
			"example.com/a?x=%zz", "example.com/a?x=1;y=2", "example.com/%2525252525252541", "r3--x.例..example", strings.Repeat("a", 64) + ".example",
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
		if action, target, detail := logged(t, d); action != "block.add" || target != "shop.example/a" || detail != "first → second" {
			t.Errorf("the log says %s of %s: %s", action, target, detail)
		}
		all, err := store.BlockList(ctx)
		if err != nil || len(all) != 1 || all[0].Reason != "second" || all[0].CreatedAt.IsZero() || all[0].Actor != staff || catalogEpoch(t, d) != before+2 {
			t.Errorf("the list is %+v, %v at %d", all, err, catalogEpoch(t, d)-before)
		}
		if got, err := store.Unblock(ctx, "https://www.SHOP.example/A/", staff); err != nil || got != "shop.example/a" {
			t.Errorf("unblocked %q, %v", got, err)
		}
		if _, err := store.Unblock(ctx, "shop.example/a", staff); !fault.Is(err, fault.NotFound) {
			t.Errorf("again: %v, want NotFound", err)
		}
		if snapshot(t, d).Blocked(catalog.ReadLink("https://shop.example/a")) || catalogEpoch(t, d) != before+3 {
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
		if link := respelled(t); !s.Blocked(catalog.ReadLink(link)) {
			t.Fatalf("%q is not blocked", link)
		}
	})
}

// What stands for nothing, what is decoded twice and what readers differ about
// lead round nothing that is blocked.
func TestBlockedBehindWhatIsPassedOver(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	for _, pattern := range []string{"site.example/name", "blocked.example", "1.2.3.4"} {
		if _, err := catalog.NewStore(d).Block(t.Context(), pattern, "policy", staff); err != nil {
			t.Fatal(err)
		}
	}
	s := snapshot(t, d)
	links := []string{
		"https://blocked.example.%E2%80%8B/x", "https://site.example/n%2561me/%25zz", "https://site.example/n%2561me/50%25",
		`allowed.example\@blocked.example/x`, `https://allowed.example\@blocked.example/x`, "https:blocked.example",
	}
	for _, nothing := range []string{"\u00ad", "\u200b", "\u2060", "\ufeff", "\ufe0f", "\u034f"} {
		links = append(links, "https://blocked.example."+nothing+"/x", "https://blocked.example."+nothing+"./x", "https://1.2.3.4."+nothing+"/")
	}
	for _, link := range links {
		if !s.Blocked(catalog.ReadLink(link)) {
			t.Errorf("%+q is not blocked", link)
		}
	}
}

// A pattern is kept as it can be given again: what the list shows, remove takes.
func TestPatternsAreReadAsTheyAreKept(t *testing.T) {
	t.Parallel()
	for said, kept := range map[string]string{
		"https://www.site.example/@name":      "site.example/@name",
		"site.example/%40name":                "site.example/@name",
		"site.example/a%3Fb":                  "site.example/a%3Fb",
		"site.example/50%25":                  "site.example/50%25",
		"site.example/a%2Ab%23":               "site.example/a%2Ab%23",
		"site.example/ü":                      "site.example/ü",
		"[2001:DB8::1]/x":                     "2001:db8::1/x",
		"2001:db8::1":                         "2001:db8::1",
		"site.example/":                       "site.example",
		"Site.example/Watch?v=Ab":             "site.example/watch?v=Ab",
		"site.example/watch/?b=%C3%A9&a=1":    "site.example/watch?a=1&b=%C3%A9",
		"site.example/?id=5":                  "site.example/?id=5",
		"http://site.example/go?to=a://b@c/d": "site.example/go?to=a%3A%2F%2Fb%40c%2Fd",
	} {
		for _, text := range []string{said, kept} {
			if got, err := catalog.ParsePattern(text); err != nil || got != kept {
				t.Errorf("%s is kept as %q, %v; want %q", text, got, err, kept)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		said := "site.example/" + rapid.StringMatching(`[a%245?/.\\@;&=é ]{0,12}`).Draw(t, "path")
		kept, err := catalog.ParsePattern(said)
		if err != nil {
			return
		}
		if again, err := catalog.ParsePattern(kept); err != nil || again != kept {
			t.Fatalf("%q is kept as %q, and that as %q, %v", said, kept, again, err)
		}
	})
}

// A page that is told by a parameter is blocked by it, wherever that stands.
func TestBlockedByParameter(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	for _, pattern := range []string{"video.example/watch?v=Ab1", "site.example/@name", "forum.example/?id=5&part=a%20b", "shop.example/50%25"} {
		if _, err := catalog.NewStore(d).Block(t.Context(), pattern, "policy", staff); err != nil {
			t.Fatal(err)
		}
	}
	s := snapshot(t, d)
	for link, blocked := range map[string]bool{
		"https://video.example/watch?v=Ab1": true, "https://m.video.example/Watch/?t=5&v=Ab1#x": true, "https://video.example/watch?%76=%41b1": true,
		"https://video.example/watch?v=x&v=Ab1": true, "https://video.example/watch?x=1;v=Ab1": true, "https://video.example/watch?v=Ab1&x=%zz": true,
		"video.example/watch?v=Ab1": true, "https://video.example/watch?v=Ab1;x=1": true,
		"https://video.example/watch?v=ab1": false, "https://video.example/watch": false, "https://video.example/watch?v=Ab12": false,
		"https://video.example/?v=Ab1": false, "https://video.example/watch#?v=Ab1": false,
		"https://site.example/@Name": true, "https://site.example/%40name/x": true, "https://site.example/name": false,
		"https://forum.example/?part=a+b&id=5": true, "https://forum.example/any?id=5&part=a%20b": true, "https://forum.example/?id=5": false,
		"https://shop.example/50%25": true, "https://shop.example/50": false,
	} {
		if got := s.Blocked(catalog.ReadLink(link)); got != blocked {
			t.Errorf("%s is blocked: %v", link, got)
		}
	}
}

package catalog_test

import (
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// However a target is spelled, it is one; what leads elsewhere is another.
func TestTargetHasOneSpelling(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		form     catalog.LinkForm
		want     string
		spelling []string
	}{
		{catalog.FormQuery, "shop.example/a?b=1&c=2", []string{
			"https://shop.example/a?b=1&c=2", "HTTPS://SHOP.Example/a?c=2&b=1", "https://shop.example:443/a/?b=1&c=2#top",
			"https://www.shop.example/a?b=1&c=2", "https://shop.example./a?b=%31&c=2", "https://user:pass@shop.example/a?b=1&c=2",
			"https://shop.example/x/../a?b=1&c=2", "https://shop.example//a?b=1&c=2", "https://shop.example/%61?b=1&c=2",
			`https://shop.example\a?b=1&c=2`, " https://shop.example/a?b=1&c=2\n", "https://ｓｈｏｐ.example/a?b=1&c=2",
			"https://shop。example/a?b=1&c=2",
		}},
		{catalog.FormQuery, "shop.example", []string{"https://shop.example", "https://shop.example/", "http://shop.example:80", "https://shop.example/#a"}},
		{catalog.FormQuery, "shop.example:8443/a", []string{"https://shop.example:8443/a"}},
		{catalog.FormQuery, "shop.example/A", []string{"https://shop.example/A"}},
		{catalog.FormQuery, "shop.example/a?b=1;c=2", []string{"https://shop.example/a?b=1;c=2"}},
		{catalog.FormPath, "shop.example/a", []string{"https://shop.example/a?b=1", "https://shop.example/a?b=2"}},
		{catalog.FormHost, "shop.example", []string{"https://shop.example/a?b=1", "https://www.shop.example/b"}},
		{catalog.FormQuery, "xn--mnchen-3ya.example/a", []string{"https://münchen.example/a", "https://MÜNCHEN.example/a", "https://xn--mnchen-3ya.example/a", "https://m%C3%BCnchen.example/a"}},
		{catalog.FormQuery, "::1/a", []string{"http://[::1]/a", "http://[0:0:0:0:0:0:0:1]:80/a"}},
		{catalog.FormQuery, "192.0.2.7/a", []string{"http://192.0.2.7/a", "http://3221225991/a", "http://0xC0.0.2.7/a", "http://0300.0.0x2.07/a", "http://192.519/a", "http://[::ffff:192.0.2.7]/a"}},
		{catalog.FormQuery, "a.name", []string{"a.name", " A.Name "}},
		{catalog.FormQuery, "@name/x", []string{"@name/x", "@Name/X"}},
		{catalog.FormQuery, "rock / pop", []string{"Rock / Pop"}},
		{catalog.FormQuery, "site.example/Name", []string{"site.example/Name", "//site.example/Name", "https://site.example/Name", "ftp://site.example/Name/"}},
	} {
		s := &catalog.Service{LinkForm: c.form}
		for _, link := range c.spelling {
			if got := s.Target(catalog.ReadLink(link)); got != c.want {
				t.Errorf("%s: %q leads to %q, want %q", c.form, link, got, c.want)
			}
		}
	}
}

// A service takes links to its hosts and what is below them.
func TestTakesLink(t *testing.T) {
	t.Parallel()
	anyHost, two := &catalog.Service{}, &catalog.Service{LinkHosts: []string{"video.example", "xn--mnchen-3ya.example"}}
	for link, takes := range map[string]bool{
		"https://video.example/a": true, "https://www.video.example/a": true, "https://m.video.example:8443/a": true, "https://VIDEO.example./a": true,
		"https://münchen.example/": true, "https://user@video.example/": true,
		"https://notvideo.example/a": false, "https://video.example.evil.example/a": false, "https://video.example@evil.example/": false,
		"https://example/video.example": false, "https://[::1]/a": false, "video.example": false,
	} {
		if got := two.TakesLink(catalog.ReadLink(link)); got != takes {
			t.Errorf("%s: %v", link, got)
		}
		if !anyHost.TakesLink(catalog.ReadLink(link)) {
			t.Errorf("%s is not taken by a service for any host", link)
		}
	}
}

// foreign returns so many different foreign letters.
func foreign(n int) string {
	letters := make([]rune, n)
	for i := range letters {
		letters[i] = rune(0x4e00 + (i*7919)%20000)
	}
	return string(letters)
}

// No host is longer than a name may be, in the form in which it is looked up and,
// so that this form is cheap to find, in its own.
func TestLongHostsAreNoLinks(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("a", 63)
	for link, good := range map[string]bool{
		"https://" + label + ".example/":                         true,
		"https://" + label + "a.example/":                        false,
		"https://" + strings.Repeat(label+".", 3) + label[:61]:   true,
		"https://" + strings.Repeat(label+".", 3) + label[:62]:   false,
		"https://" + foreign(12) + ".example/":                   true,
		"https://" + foreign(60) + ".example/":                   false, // 63 are too few for its punycode
		"https://" + foreign(980):                                false,
		"https://" + strings.Repeat("é.", 480):                   false,
		"https://xn--" + strings.Repeat("a", 900):                false,
		"https://a" + strings.Repeat("\u0316\u0301", 480):        false,
		"https://" + strings.Repeat("\u00ad", 300) + "a.example": false,
		"https://r3---sn-4g5e.example/":                          true,
		"https://-a.example/":                                    true,
		"https://ab--ü-.example/":                                true,
		"https://a_b.example/":                                   true,
		"https://xn--zz--.example/":                              false,
		"https://a%2Fb.example/":                                 false,
		"https://a／b.example/":                                   false,
		"https://a\ufdfa.example/":                               false, // 18 letters
		"https://./":                                             false,
		"https://example.com/" + strings.Repeat("a", 4096):       false,
	} {
		if err := catalog.ReadLink(link).Err(); (err == nil) != good {
			t.Errorf("%.60s: %v, want a link: %v", link, err, good)
		}
	}
}

// A link is read once: what is done while others wait for their turn takes as
// much for the longest as for the shortest.
//
//nolint:paralleltest // it counts allocations
func TestRulesReadNoLink(t *testing.T) {
	d := dbtest.Open(t, db.SQLite)
	if _, err := catalog.NewStore(d).Block(t.Context(), "site.example/name", "policy", staff); err != nil {
		t.Fatal(err)
	}
	s, service := snapshot(t, d), &catalog.Service{LinkHosts: []string{"video.example"}, LinkForm: catalog.FormQuery}
	for _, link := range []string{
		"https://a.example/", "https://" + foreign(12) + "." + foreign(12) + ".example/" + strings.Repeat("%252525", 100) + "?" + strings.Repeat("a&", 100),
	} {
		l := catalog.ReadLink(link)
		if l.Err() != nil {
			t.Fatal(l.Err())
		}
		if n := testing.AllocsPerRun(10, func() { s.Blocked(l); service.TakesLink(l) }); n > 1 {
			t.Errorf("%.40s: the rules took %v allocations", link, n)
		}
		if n := testing.AllocsPerRun(10, func() { service.Target(l) }); n > 1 {
			t.Errorf("%.40s: the target took %v allocations", link, n)
		}
	}
}

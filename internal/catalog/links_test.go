package catalog_test

import (
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
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
	} {
		s := &catalog.Service{LinkForm: c.form}
		for _, link := range c.spelling {
			if got := s.Target(link); got != c.want {
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
		if got := two.TakesLink(link); got != takes {
			t.Errorf("%s: %v", link, got)
		}
		if !anyHost.TakesLink(link) {
			t.Errorf("%s is not taken by a service for any host", link)
		}
	}
}

package back_test

import (
	"testing"

	"github.com/notpanel/notpanel/internal/web/back"
)

// A place to come back to is a path of the panel; everything else is the first
// page.
func TestOnlyOwnPathsAreLedTo(t *testing.T) {
	t.Parallel()
	for _, own := range []string{
		"/", "/dashboard", "/dashboard/api?show=refused#requests", "/services?q=a%2F%2Fb", "/faq?next=https://example.com/", "/a/b/",
	} {
		if got := back.Own(own); got != own {
			t.Errorf("%q became %q", own, got)
		}
	}
	for _, foreign := range []string{
		"", "dashboard", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, `\/evil.example`, "https:evil.example",
		"https://evil.example/", "https:/evil.example", "javascript:alert(1)", "/%09/evil.example", "/%0a/evil.example", "/%5Cevil.example",
		"/..//evil.example", "/.//evil.example", "/\t/evil.example", "\t//evil.example", "/\n/evil.example", "/\r\n/evil.example",
		" //evil.example", "/%2F/evil.example", "/%2fevil.example/", "http://panel.example@evil.example/", "?next=/", "#top", "/%zz",
	} {
		if got := back.Own(foreign); got != back.Home {
			t.Errorf("%q leads to %q", foreign, got)
		}
	}
}

package brand_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/brand"
)

// An accent is held against the grounds that the pages really have.
func TestGroundsAreTheStyleSheets(t *testing.T) {
	t.Parallel()
	sheet, err := os.ReadFile("../web/assets/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	pair := func(name string) (light, dark brand.Colour) {
		found := regexp.MustCompile(`--` + name + `: light-dark\((oklch\([^)]*\)), (oklch\([^)]*\))\);`).FindSubmatch(sheet)
		if found == nil {
			t.Fatalf("the style sheet has no %s", name)
		}
		for i, to := range []*brand.Colour{&light, &dark} {
			if *to, err = brand.ParseColour(string(found[i+1])); err != nil {
				t.Fatal(err)
			}
		}
		return light, dark
	}
	light, dark := pair("surface")
	sunken, _ := pair("sunken")
	_, raised := pair("raised")
	for _, c := range []struct {
		name      string
		got, want brand.Colour
	}{
		{"LightSurface", brand.LightSurface, light},
		{"LightRaised", brand.LightRaised, sunken},
		{"DarkSurface", brand.DarkSurface, dark},
		{"DarkRaised", brand.DarkRaised, raised},
	} {
		if c.got != c.want {
			t.Errorf("%s is %s, in the style sheet %s", c.name, c.got, c.want)
		}
	}
	for _, share := range []string{"7%", "13%"} {
		if !strings.Contains(string(sheet), "color-mix(in oklab, var(--accent) "+share+", var(--surface))") {
			t.Errorf("nothing is marked with %s of the accent", share)
		}
	}
	// Our own accent would pass as an operator's.
	own, ownDark := pair("accent")
	if _, _, err := brand.NewAccent(own.String(), ownDark.String()); err != nil {
		t.Error(err)
	}
}

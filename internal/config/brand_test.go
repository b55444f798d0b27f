package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/brand"
)

// A panel whose operator has said nothing has a name, and nothing else.
func TestBrandWithoutSettings(t *testing.T) {
	t.Parallel()
	got, err := Brand{}.Branding()
	if err != nil || got.Name != brand.DefaultName || got.LegalName != "" || got.Support != "" || got.Contact != nil || got.Logo != nil || got.Accent != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// What the operator says is what pages get.
func TestBrandIsAsSet(t *testing.T) {
	t.Parallel()
	got, err := Brand{
		Name: "Örnek Panel", LegalName: "Örnek Reklam A.Ş.", SupportEmail: "help@panel.example",
		Contact: " 1 High Street | Springfield \n\n Country", Accent: "#0b63ce", AccentDark: "#7ab8ff", ContentDir: t.TempDir(),
	}.Branding()
	if err != nil || got.Name != "Örnek Panel" || got.LegalName != "Örnek Reklam A.Ş." || got.Support != "help@panel.example" {
		t.Errorf("%+v, %v", got, err)
	}
	if want := []string{"1 High Street", "Springfield", "Country"}; !slices.Equal(got.Contact, want) {
		t.Errorf("contact %q", got.Contact)
	}
	if got.Accent == nil || got.Accent.Light.String() != "#0b63ce" || got.Accent.Dark.String() != "#7ab8ff" {
		t.Errorf("accent %+v", got.Accent)
	}
}

// A setting that can't be used is refused by its name.
func TestBrandRefuses(t *testing.T) {
	t.Parallel()
	svg := filepath.Join(t.TempDir(), "logo.png")
	if err := os.WriteFile(svg, []byte("<svg/>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		set     Brand
		setting string
		what    string
	}{
		"a long name":          {Brand{Name: strings.Repeat("é", 41)}, "NOTPANEL_NAME", "at most 40"},
		"a name that turns":    {Brand{Name: "shop\u202e"}, "NOTPANEL_NAME", "readable"},
		"blanks":               {Brand{Name: " "}, "NOTPANEL_NAME", "blanks"},
		"two lines":            {Brand{LegalName: "A\nB"}, "NOTPANEL_LEGAL_NAME", "readable"},
		"a long legal name":    {Brand{LegalName: strings.Repeat("a", 121)}, "NOTPANEL_LEGAL_NAME", "at most 120"},
		"many lines":           {Brand{Contact: "1|2|3|4|5|6|7|8|9"}, "NOTPANEL_CONTACT", "at most 8"},
		"no address":           {Brand{SupportEmail: "help"}, "NOTPANEL_SUPPORT_EMAIL", "e-mail"},
		"no domain":            {Brand{SupportEmail: "help@localhost"}, "NOTPANEL_SUPPORT_EMAIL", "e-mail"},
		"a named address":      {Brand{SupportEmail: "Help <help@panel.example>"}, "NOTPANEL_SUPPORT_EMAIL", "e-mail"},
		"an address with more": {Brand{SupportEmail: "help@panel.example?bcc=x@y.example"}, "NOTPANEL_SUPPORT_EMAIL", "e-mail"},
		"a pale accent":        {Brand{Accent: "#ffd400"}, "NOTPANEL_ACCENT:", "needs 4.5"},
		"a dark accent alone":  {Brand{AccentDark: "#ffd400"}, "NOTPANEL_ACCENT_DARK", "needs NOTPANEL_ACCENT"},
		"a dim dark accent":    {Brand{Accent: "#0b63ce", AccentDark: "#0b63ce"}, "NOTPANEL_ACCENT_DARK:", "needs 4.5"},
		"an accent of none":    {Brand{Accent: "url(//x)"}, "NOTPANEL_ACCENT:", "must be a colour"},
		"a disguised logo":     {Brand{Logo: svg}, "NOTPANEL_LOGO", "PNG or WebP"},
		"no logo":              {Brand{Logo: svg + "x"}, "NOTPANEL_LOGO", "can't be read"},
		"no folder":            {Brand{ContentDir: svg}, "NOTPANEL_CONTENT_DIR", "must be a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, validate := range []func() error{
				func() error { _, err := c.set.Branding(); return err },
				(&Serve{Storage: InFile("x.db"), Listen: "127.0.0.1:0", Limits: Limits{}, Outbound: Outbound{ProviderTimeout: 1e9}, Brand: c.set}).Validate,
			} {
				if err := validate(); err == nil || !strings.Contains(err.Error(), c.setting) || !strings.Contains(err.Error(), c.what) {
					t.Errorf("%v; want %s and %q", err, c.setting, c.what)
				}
			}
		})
	}
}

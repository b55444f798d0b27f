package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/notpanel/notpanel/internal/brand"
)

// Brand says whose panel it is. Without values it is called notpanel, and pages
// leave out what is not known.
type Brand struct {
	Name         string `env:"NOTPANEL_NAME" default:"notpanel" help:"What the panel is called on its pages and in its mails."`
	LegalName    string `env:"NOTPANEL_LEGAL_NAME" help:"The person or company that runs the panel, for the terms and the privacy policy."`
	SupportEmail string `env:"NOTPANEL_SUPPORT_EMAIL" help:"The address that customers write to."`
	Contact      string `env:"NOTPANEL_CONTACT" help:"The operator's postal address; its lines are separated by a bar (|) or a line end."`
	Logo         string `env:"NOTPANEL_LOGO" type:"path" help:"A PNG or WebP file of at most 64 KiB, shown 28 pixels high beside the name."`
	Accent       string `env:"NOTPANEL_ACCENT" help:"The pages' accent colour, such as #0b63ce or oklch(0.52 0.18 256); it must be readable."`
	AccentDark   string `env:"NOTPANEL_ACCENT_DARK" help:"The accent colour of the dark theme; without it NOTPANEL_ACCENT is made as light as it has to be."`
	ContentDir   string `env:"NOTPANEL_CONTENT_DIR" type:"path" help:"A folder with texts of the operator's own, such as en/terms.md."`
}

// Branding checks the settings and reads the logo.
func (b Brand) Branding() (brand.Brand, error) {
	out := brand.Default()
	if b.Name != "" {
		out.Name = b.Name
	}
	out.LegalName, out.Support, out.Contact = b.LegalName, b.SupportEmail, addressLines(b.Contact)
	for _, check := range []struct {
		setting string
		err     error
	}{
		{"NOTPANEL_NAME", brand.CheckName(out.Name)},
		{"NOTPANEL_LEGAL_NAME", brand.CheckLegalName(out.LegalName)},
		{"NOTPANEL_CONTACT", brand.CheckContact(out.Contact)},
	} {
		if check.err != nil {
			return out, fmt.Errorf("%s %w", check.setting, check.err)
		}
	}
	if out.Support != "" {
		if err := brand.CheckSupport(out.Support); err != nil {
			return out, fmt.Errorf("NOTPANEL_SUPPORT_EMAIL %w", err)
		}
	}
	if b.Logo != "" {
		logo, err := brand.ReadLogo(b.Logo)
		if err != nil {
			return out, fmt.Errorf("NOTPANEL_LOGO (%s) %w", b.Logo, err)
		}
		out.Logo = &logo
	}
	accent, err := b.accent()
	if err != nil {
		return out, err
	}
	out.Accent = accent
	return out, b.checkContent()
}

// accent returns nil where none is set.
func (b Brand) accent() (*brand.Accent, error) {
	if b.Accent == "" {
		if b.AccentDark != "" {
			return nil, errors.New("NOTPANEL_ACCENT_DARK needs NOTPANEL_ACCENT beside it")
		}
		return nil, nil //nolint:nilnil // not set is no error
	}
	a, inDark, err := brand.NewAccent(b.Accent, b.AccentDark)
	switch {
	case err == nil:
		return &a, nil
	case inDark && b.AccentDark != "":
		return nil, fmt.Errorf("NOTPANEL_ACCENT_DARK: %w", err)
	}
	return nil, fmt.Errorf("NOTPANEL_ACCENT: %w", err)
}

func (b Brand) checkContent() error {
	if b.ContentDir == "" {
		return nil
	}
	if info, err := os.Stat(b.ContentDir); err != nil || !info.IsDir() {
		return fmt.Errorf("NOTPANEL_CONTENT_DIR (%s) must be a folder that can be read", b.ContentDir)
	}
	return nil
}

func addressLines(text string) []string {
	return brand.ContactLines(strings.ReplaceAll(text, "|", "\n"))
}

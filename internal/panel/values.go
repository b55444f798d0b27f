package panel

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/plain"
)

// MaxSays is how many characters customers may be told while the panel is closed.
const MaxSays = 500

// Tidy returns a value as it is stored, or why it is none.
func Tidy(key Key, value string) (string, error) {
	switch value = strings.ReplaceAll(value, "\r\n", "\n"); key {
	case Contact:
		value = strings.Join(brand.ContactLines(value), "\n")
	case Accent: // its lines have their places
	default:
		value = strings.TrimSpace(value)
	}
	if _, err := read(key, value); err != nil {
		return "", fault.Wrap(fault.Invalid, string(key)+" "+err.Error(), err).Because(fault.BadField, string(key))
	}
	return value, nil
}

// apply is what a value changes of what holds.
type apply func(*Current)

// read reads a value.
func read(key Key, value string) (apply, error) {
	switch key {
	case Name:
		return func(c *Current) { c.Brand.Name = value }, brand.CheckName(value)
	case LegalName:
		return func(c *Current) { c.Brand.LegalName = value }, brand.CheckLegalName(value)
	case Support:
		return func(c *Current) { c.Brand.Support = value }, address(value)
	case Contact:
		lines := brand.ContactLines(value)
		return func(c *Current) { c.Brand.Contact = lines }, brand.CheckContact(lines)
	case Logo:
		return readLogo(value)
	case Accent:
		return readAccent(value)
	case SignUp:
		if value != Open && value != Closed {
			return nil, fmt.Errorf("must be %s or %s", Open, Closed)
		}
		return func(c *Current) { c.SignUp = value == Open }, nil
	case Alerts:
		return func(c *Current) { c.Alerts = value }, address(value)
	case Maintenance:
		return func(c *Current) { c.Closed, c.Says = true, value }, says(value)
	}
	return nil, fmt.Errorf("%q is no setting", key)
}

func address(value string) error {
	if value == "" {
		return nil
	}
	return brand.CheckSupport(value)
}

// says refuses what is no text of some lines.
func says(value string) error {
	if utf8.RuneCountInString(value) > MaxSays {
		return fmt.Errorf("must have at most %d characters", MaxSays)
	}
	for line := range strings.SplitSeq(value, "\n") {
		if err := plain.Line("it", line); err != nil {
			return err
		}
	}
	return nil
}

// LogoValue is a logo as the setting has it.
func LogoValue(l brand.Logo) string { return base64.StdEncoding.EncodeToString(l.Body) }

func readLogo(value string) (apply, error) {
	if value == "" {
		return func(c *Current) { c.Brand.Logo = nil }, nil
	}
	body, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(body) > brand.UploadMost {
		return nil, brand.ErrLogoDamaged
	}
	l, err := brand.StoredLogo(body)
	return func(c *Current) { c.Brand.Logo = &l }, err
}

// AccentValue is an accent as the setting has it: as it was written, for the two
// themes. An empty dark one is made of the light one.
func AccentValue(light, dark string) string {
	if light, dark = strings.TrimSpace(light), strings.TrimSpace(dark); light == "" && dark == "" {
		return ""
	}
	return light + "\n" + dark
}

// AccentParts takes AccentValue apart.
func AccentParts(value string) (light, dark string) {
	light, dark, _ = strings.Cut(value, "\n")
	return light, dark
}

func readAccent(value string) (apply, error) {
	if value == "" {
		return func(c *Current) { c.Brand.Accent = nil }, nil
	}
	a, _, err := brand.NewAccent(AccentParts(value))
	return func(c *Current) { c.Brand.Accent = &a }, err
}

// shown is a setting in the audit log.
func shown(key Key, s Setting) string {
	switch {
	case !s.Here:
		return "as the environment says"
	case s.Value == "":
		return "none"
	case key == Logo:
		body, err := base64.StdEncoding.DecodeString(s.Value)
		l, errLogo := brand.StoredLogo(body)
		if err != nil || errLogo != nil {
			return "a damaged picture"
		}
		return fmt.Sprintf("%s, %d bytes", l.Name, len(l.Body))
	}
	return strings.ReplaceAll(s.Value, "\n", " | ")
}

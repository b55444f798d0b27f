// Package brand owns whose panel the pages say it is: its name, who runs it, how
// to reach them, the logo and the accent colour.
//
// It knows no pages and reads no settings: package config says which setting an
// error is about.
package brand

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/plain"
)

// DefaultName is what a panel is called whose operator has named none.
const DefaultName = "notpanel"

// Brand is the operator's. What is not set is empty, and pages leave its line out.
type Brand struct {
	Name      string   // of the panel; never empty
	LegalName string   // of the person or company that runs it
	Support   string   // an e-mail address
	Contact   []string // a postal address, line by line
	Logo      *Logo
	Accent    *Accent // nil: the style sheet's own
}

// Default returns the brand of a panel whose operator has said nothing.
func Default() Brand { return Brand{Name: DefaultName} }

// Stylesheet returns the file with the accent as custom properties, --accent and
// --accent-text; found is false where the operator has set none.
func (b Brand) Stylesheet() (file Asset, found bool) {
	if b.Accent == nil {
		return file, false
	}
	return newAsset("brand", []byte(b.Accent.stylesheet()), "text/css; charset=utf-8"), true
}

// Assets are the files of the brand that pages load.
func (b Brand) Assets() (all []Asset) {
	if b.Logo != nil {
		all = append(all, b.Logo.Asset)
	}
	if sheet, found := b.Stylesheet(); found {
		all = append(all, sheet)
	}
	return all
}

// SaysAs reports whether texts say of two brands the same.
func (b Brand) SaysAs(other Brand) bool {
	return b.Name == other.Name && b.LegalName == other.LegalName && b.Support == other.Support && slices.Equal(b.Contact, other.Contact)
}

// LooksAs reports whether two brands look the same.
func (b Brand) LooksAs(other Brand) bool {
	same := func(a, b Asset) bool { return a.Name == b.Name }
	return b.Name == other.Name && slices.EqualFunc(b.Assets(), other.Assets(), same)
}

// Asset is a file of the brand that pages load.
type Asset struct {
	Body []byte
	Type string // for Content-Type
	Name string // brand-HASH.css: other bytes have another name, so that it may be cached for good
}

func newAsset(name string, body []byte, mediaType string) Asset {
	const kept = 9 // bytes of the sum: 12 letters
	sum := sha256.Sum256(body)
	ending := map[string]string{"image/png": ".png", "image/webp": ".webp"}[mediaType]
	if strings.HasPrefix(mediaType, "text/css") {
		ending = ".css"
	}
	return Asset{body, mediaType, name + "-" + base64.RawURLEncoding.EncodeToString(sum[:kept]) + ending}
}

// CheckName refuses a name that no heading could show.
func CheckName(name string) error {
	const most = 40
	if name == "" {
		return errors.New("must not be empty")
	}
	return line(name, most)
}

// CheckLegalName refuses a legal name that is no short line of text.
func CheckLegalName(name string) error {
	const most = 120
	return line(name, most)
}

// CheckContact refuses an address that is longer than an address is.
func CheckContact(lines []string) error {
	const most, longest = 8, 120
	if len(lines) > most {
		return fmt.Errorf("must have at most %d lines", most)
	}
	for _, l := range lines {
		if err := line(l, longest); err != nil {
			return err
		}
	}
	return nil
}

// ContactLines are the lines of an address, without those that are empty.
func ContactLines(text string) (lines []string) {
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// CheckSupport refuses what is no bare e-mail address.
func CheckSupport(address string) error {
	const most = 254
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || len(address) > most || !strings.Contains(address[strings.LastIndexByte(address, '@'):], ".") ||
		strings.ContainsAny(address, "\"'<>()[]\\,;:?&%# ") {
		return errors.New("must be an e-mail address such as support@panel.example")
	}
	return line(address, most)
}

func line(text string, most int) error {
	if plain.Line("it", text) != nil || strings.TrimSpace(text) != text {
		return errors.New("must be readable text without control characters or blanks around it")
	}
	if utf8.RuneCountInString(text) > most {
		return fmt.Errorf("must have at most %d characters", most)
	}
	return nil
}

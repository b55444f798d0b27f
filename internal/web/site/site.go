// Package site is the public pages: what is sold here, for how much and on which
// terms, for who is not signed in too, and what search engines ask for.
//
// It decides nothing about services, prices or texts: it asks the catalogue and
// the texts, and shows what they say.
package site

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/notpanel/notpanel/internal/blog"
	"github.com/notpanel/notpanel/internal/brand"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/status"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Deps are what the public pages ask.
type Deps struct {
	// Catalogue returns the services as they are now.
	Catalogue func(context.Context) (*catalog.Snapshot, error)
	Texts     *content.Site
	// Brand returns whose panel it is now.
	Brand func() brand.Brand
	// Asset returns a file of the brand by its name.
	Asset func(ctx context.Context, name string) (a brand.Asset, found bool, err error)
	// Limits are the API requests a minute of each tier; a tier that is missing,
	// or has 0, has no limit.
	Limits    map[string]int64
	Languages *locale.Set
	Blog      *blog.Store
	Giveaways *giveaway.Store
	// Status returns how the panel does.
	Status func(context.Context) status.Report
	// Member returns the account of who asks; found is false for who is not signed in.
	Member func(*http.Request) (accountID string, found bool)
	// Paths are public pages beside these that search engines are told of.
	Paths []string
}

// Site answers for the public pages.
type Site struct {
	Deps

	cards cards

	mu      sync.Mutex
	listed  []byte   // the sitemap
	listing int64    // the catalogue's epoch in it
	posts   []string // the slugs in it

	drawn written // posts
	proof kept    // the last that somebody asked for
}

// New returns the public pages.
func New(d Deps) *Site { return &Site{Deps: d} }

// AssetPrefix is the path below which the files of the brand are served.
const AssetPrefix = "/brand/"

// Show fills in what pages show of the operator.
func Show(b brand.Brand, p *ui.Panel) {
	p.Name, p.LegalName, p.Support = b.Name, b.LegalName, b.Support
	if b.Logo != nil {
		p.LogoURL, p.LogoWidth = AssetPrefix+b.Logo.Name, b.Logo.Width()
	}
	if sheet, found := b.Stylesheet(); found {
		p.StyleURL = AssetPrefix + sheet.Name
	}
}

// lang is the language that a request is answered in.
func lang(r *http.Request) string { return ui.Of(r.Context()).Language.Code }

// host is the panel's own, for links in texts.
func host(ctx context.Context) string {
	u, err := url.Parse(ui.Of(ctx).Panel.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// absolute makes a path of the panel an address.
func absolute(ctx context.Context, path string) string { return ui.Of(ctx).Panel.URL + path }

// sentence cuts a text for a description: whole words, on one line.
func sentence(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	cut := string(runes[:most-1])
	if i := strings.LastIndexByte(cut, ' '); i > most/2 {
		cut = cut[:i]
	}
	return cut + "…"
}

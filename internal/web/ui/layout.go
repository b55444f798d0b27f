package ui

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/web/static"
)

// Page is what a frame needs to know of its page.
type Page struct {
	Title       string // in the reader's language
	Description string // for search engines and cards; "" keeps the page out of both
	Chart       bool   // the page draws charts
	Structured  any    // data for search engines, as JSON
	Feed        string // the path of its feed
	Wide        bool   // the main part brings its own width
	Refresh     bool   // without scripts, the page is asked for again every two seconds
	Test        bool   // it shows what was done with play money: a line across the top says so
	Live        string // where changes of what it shows come from; "" tells of the balance alone
}

// eventsPath is where the balance in the head comes from anew.
const eventsPath = "/dashboard/events?balance=live"

// live is where a page's changes come from: one stream, whatever it shows. Staff's
// pages have no balance.
func (p Page) live(ctx context.Context, home string) string {
	switch v := Of(ctx); {
	case p.Live != "":
		return p.Live
	case home == adminHome, v.Person == nil, !v.Person.Listens:
		return ""
	}
	return eventsPath
}

// title is the page's title beside the panel's name.
func (p Page) title(ctx context.Context) string {
	name := Of(ctx).Panel.Name
	if p.Title == "" || p.Title == name {
		return name
	}
	return p.Title + " · " + name
}

// htmxConfig keeps htmx inside our content security policy: it copies no style
// attributes and adds no style of its own.
const htmxConfig = `{"defaultSettleDelay":0,"includeIndicatorCSS":false,"morphIgnore":["data-htmx-powered","style"],"noSwap":[204,304,"5xx"],"extensions":"sse"}`

func styleSheet() string { return static.URL("app.css") }

func script(name string) string { return static.URL(name) }

func font() string { return static.URL("inter-latin.woff2") }

func year(ctx context.Context) string {
	v := Of(ctx)
	return strconv.Itoa(v.Now.In(v.Zone).Year())
}

// canonical is the address that a page is known by: with the language where the
// reader's has it, so that each language is found for itself.
func canonical(v *View) string {
	address := v.Panel.URL + v.Path
	if u, err := url.Parse(v.Return); err == nil && strings.EqualFold(u.Query().Get("lang"), v.Language.Code) {
		address += "?lang=" + v.Language.Code
	}
	return address
}

// owner is who the copyright names.
func owner(ctx context.Context) string {
	p := Of(ctx).Panel
	if p.LegalName != "" {
		return p.LegalName
	}
	return p.Name
}

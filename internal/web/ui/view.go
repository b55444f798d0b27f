// Package ui is what the pages are made of: frames, navigation, fields, tables,
// states, money and time. It is the only place with class names of the style
// library; pages compose what is here.
//
// It knows nothing of the domain but amounts, and decides nothing: it shows what
// it is given in the reader's language, time zone and theme.
package ui

import (
	"context"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/money"
)

// View is what every page knows of its reader and of the panel.
type View struct {
	Language  *locale.Language
	Languages []*locale.Language
	Zone      *time.Location
	Theme     string // "" follows the system
	Now       time.Time
	Person    *Person // nil: nobody is signed in
	Path      string  // of the request, without its query
	Return    string  // path and query to come back to after a change of language or theme
	Panel     Panel
	Announced []Announced // what the pages behind the sign-in tell of
	Waits     bool        // the panel was brought back from a backup, and sends nothing yet
}

// Panel is what pages show of the installation.
type Panel struct {
	Name      string
	LegalName string // "" where the operator gave none
	LogoURL   string // "": the name alone
	LogoWidth int    // in CSS pixels, as high as the head shows it
	StyleURL  string // the operator's colours; "": ours
	Support   string // an e-mail address, "" for none
	Currency  string
	URL       string // the public address, without a slash at its end
	Dev       bool   // mail is shown in an outbox page
	NoSignUp  bool   // nobody may make an account
	Closed    bool   // for maintenance: only staff see the pages
	Says      string // to customers meanwhile; "": our sentence
	Links     []Link // of the frame; only pages that there are
}

// Person is who is signed in.
type Person struct {
	Email   string
	Balance money.Amount // of the live wallet
	Viewer  string       // who looks at the pages as this customer; "": nobody does
	Desk    []Link       // the pages of staff that they may see
	Unread  int64        // notices, as far as they are counted
	Listens bool         // may be told what changes; not before a second factor that is wanted
}

// Link leads to a page. Label is a key of the language files.
type Link struct {
	Label string
	Path  string
	Icon  string
	Key   string // the letter that goes there after g
	Alone string // the letter that goes there by itself
	Bar   bool   // it stands in the bar on a phone
}

type viewKey struct{}

// With returns a context whose components show to the view's reader.
func With(ctx context.Context, v *View) context.Context { return context.WithValue(ctx, viewKey{}, v) }

// Of returns the view of a context that With made.
func Of(ctx context.Context) *View {
	v, ok := ctx.Value(viewKey{}).(*View)
	if !ok {
		panic("ui: a component outside of a page")
	}
	return v
}

// T returns a text in the reader's language; args are names and values.
func T(ctx context.Context, key string, args ...any) string {
	return Of(ctx).Language.Text(key, args...)
}

// N returns a text in the form that a number takes.
func N(ctx context.Context, key string, n int64, args ...any) string {
	return Of(ctx).Language.Count(key, n, args...)
}

// Amount writes an amount of the panel's currency.
func Amount(ctx context.Context, a money.Amount) string {
	v := Of(ctx)
	return v.Language.Money(a, v.Panel.Currency)
}

// Int writes a whole number.
func Int(ctx context.Context, n int64) string { return Of(ctx).Language.Number(n) }

// Day writes a day in the reader's zone.
func Day(ctx context.Context, t time.Time) string {
	v := Of(ctx)
	return v.Language.Day(t.In(v.Zone))
}

// Exact writes a moment in the reader's zone.
func Exact(ctx context.Context, t time.Time) string {
	v := Of(ctx)
	return v.Language.Moment(t.In(v.Zone))
}

// here marks the link of the page that is shown, and of those below it.
func here(ctx context.Context, path string) templ.Attributes {
	at := standsAt(Of(ctx).Path)
	if at == path || isBelow(at, path) && !nearer(at, path) {
		return templ.Attributes{"aria-current": "page"}
	}
	return nil
}

// standsAt is the page of the menu that a page without a line there belongs to.
func standsAt(path string) string {
	for _, inside := range [][2]string{{"/admin/categories", "/admin/services"}, {"/admin/import", "/admin/services"}, {"/admin/bulk", "/admin/orders"}} {
		if path == inside[0] || strings.HasPrefix(path, inside[0]+"/") {
			return inside[1]
		}
	}
	return path
}

// isBelow reports whether a page stands below another. The first pages stand above
// everything, which says nothing.
func isBelow(at, path string) bool {
	return path != "/" && path != "/dashboard" && path != adminHome && strings.HasPrefix(at, path+"/")
}

// nearer reports whether another page of the menu is nearer to where the reader is:
// a new order stands below the orders, and beside them in the menu.
func nearer(at, path string) bool {
	for _, l := range deskLinks() {
		if strings.HasPrefix(l.Path, path+"/") && (at == l.Path || isBelow(at, l.Path)) {
			return true
		}
	}
	return false
}

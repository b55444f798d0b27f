package ui

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/a-h/templ"
)

// themeAttribute names the theme that the reader chose. Without one the style
// sheet follows the system.
func themeAttribute(v *View) templ.Attributes {
	if v.Theme == "" {
		return nil
	}
	return templ.Attributes{"data-theme": v.Theme}
}

// goKey is the letter that a link is reached by: after g, or alone.
func goKey(l Link) templ.Attributes {
	a := templ.Attributes{}
	if l.Key != "" {
		a["data-go"] = l.Key
	}
	if l.Alone != "" {
		a["data-key"] = l.Alone
	}
	return a
}

// ldJSON is structured data in the form that search engines read. encoding/json
// escapes what could end the element, and a data block is not run.
func ldJSON(data any) string {
	content, err := json.Marshal(data)
	if err != nil {
		return ""
	}
	return `<script type="application/ld+json">` + string(content) + `</script>`
}

func footProduct() []Link {
	return []Link{
		{Label: "nav.services", Path: "/services"},
		{Label: "nav.pricing", Path: "/pricing"},
		{Label: "nav.developers", Path: "/developers"},
		{Label: "nav.status", Path: "/status"},
	}
}

func footAbout() []Link {
	return []Link{
		{Label: "nav.why", Path: "/why"},
		{Label: "nav.about", Path: "/about"},
		{Label: "nav.blog", Path: "/blog"},
		{Label: "nav.giveaway", Path: "/giveaway"},
		{Label: "nav.faq", Path: "/faq"},
	}
}

func footLegal() []Link {
	return []Link{
		{Label: "nav.terms", Path: "/terms"},
		{Label: "nav.privacy", Path: "/privacy"},
		{Label: "nav.refund", Path: "/refund"},
		{Label: "nav.acceptable_use", Path: "/acceptable-use"},
	}
}

// deskLinks are the pages behind the sign-in.
func deskLinks() []Link {
	return []Link{
		{Label: "nav.overview", Path: "/dashboard", Icon: "overview", Key: "h", Bar: true},
		{Label: "nav.new_order", Path: "/dashboard/orders/new", Icon: "plus", Alone: "n", Bar: true},
		{Label: "nav.orders", Path: "/dashboard/orders", Icon: "orders", Key: "o", Bar: true},
		{Label: "nav.drip_feeds", Path: "/dashboard/drip-feeds", Icon: "drip", Key: "d"},
		{Label: "nav.subscriptions", Path: "/dashboard/subscriptions", Icon: "repeat"},
		{Label: "nav.refills", Path: "/dashboard/refills", Icon: "refill", Key: "r"},
		{Label: "nav.services", Path: "/services", Icon: "services", Key: "s"},
		{Label: "nav.wallet", Path: "/dashboard/wallet", Icon: "wallet", Key: "w", Bar: true},
		{Label: "nav.api", Path: "/dashboard/api", Icon: "key", Key: "k"},
		{Label: "nav.account", Path: "/dashboard/account", Icon: "account", Key: "a", Bar: true},
	}
}

// ofStaff reports that the page that is shown is one of staff's.
func ofStaff(ctx context.Context) bool {
	path := Of(ctx).Path
	return path == "/admin" || strings.HasPrefix(path, "/admin/")
}

// restoredLine says that the panel was brought back from a backup; to staff also what
// lets it go on.
func restoredLine(ctx context.Context) string {
	if ofStaff(ctx) {
		return T(ctx, "frame.restored_staff")
	}
	return T(ctx, "frame.restored")
}

// orderLinks are the pages of orders beside each other, where the side has no room.
func orderLinks() []Link {
	return []Link{
		{Label: "nav.orders", Path: "/dashboard/orders"},
		{Label: "nav.drip_feeds", Path: "/dashboard/drip-feeds"},
		{Label: "nav.subscriptions", Path: "/dashboard/subscriptions"},
		{Label: "nav.refills", Path: "/dashboard/refills"},
	}
}

// adminHome is the first page of staff.
const adminHome = "/admin"

// adminLinks are the pages of staff that the reader may see.
func adminLinks(ctx context.Context) []Link {
	if p := Of(ctx).Person; p != nil {
		return p.Desk
	}
	return nil
}

// barLinks are those of the bar on a phone, five at most.
func barLinks(links []Link) (bar []Link) {
	const most = 5
	for _, l := range links {
		if l.Bar && len(bar) < most {
			bar = append(bar, l)
		}
	}
	return bar
}

// menuLink is a link of the account menu.
type menuLink struct {
	Link
	Small bool // where the pages' own menu has no room
}

// menuLinks are what the account menu holds: the way to the other side of the
// panel, and on a phone the pages that its bar has no room for.
func menuLinks(ctx context.Context, home string, links []Link) (all []menuLink) {
	p := Of(ctx).Person
	bar := barLinks(links)
	for _, l := range links {
		if !slices.Contains(bar, l) {
			all = append(all, menuLink{l, true})
		}
	}
	switch {
	case home == adminHome:
		all = append(all, menuLink{Link: Link{Label: "nav.dashboard", Path: "/dashboard"}})
	case p != nil && len(p.Desk) > 0:
		all = append(all, menuLink{Link: Link{Label: "nav.admin", Path: "/admin"}})
	}
	return append(all,
		menuLink{Link: Link{Label: "nav.account", Path: "/dashboard/account"}},
		menuLink{Link: Link{Label: "nav.developers", Path: "/developers"}})
}

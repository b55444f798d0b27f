package ui

import (
	"encoding/json"

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

// goKey is the letter that a link is reached by.
func goKey(l Link) templ.Attributes {
	if l.Key == "" {
		return nil
	}
	return templ.Attributes{"data-go": l.Key}
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
		{Label: "nav.orders", Path: "/dashboard/orders", Icon: "orders", Key: "o", Bar: true},
		{Label: "nav.drip_feeds", Path: "/dashboard/drip-feeds", Icon: "drip", Key: "d"},
		{Label: "nav.subscriptions", Path: "/dashboard/subscriptions", Icon: "repeat"},
		{Label: "nav.refills", Path: "/dashboard/refills", Icon: "refill", Key: "r"},
		{Label: "nav.services", Path: "/services", Icon: "services", Key: "s"},
		{Label: "nav.wallet", Path: "/dashboard/wallet", Icon: "wallet", Key: "w", Bar: true},
		{Label: "nav.api", Path: "/dashboard/api", Icon: "key", Key: "k", Bar: true},
		{Label: "nav.account", Path: "/dashboard/account", Icon: "account", Key: "a", Bar: true},
	}
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

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
		{Label: "nav.wallet", Path: "/dashboard/wallet", Icon: "wallet", Key: "w", Bar: true},
		{Label: "nav.api", Path: "/dashboard/api", Icon: "key", Key: "k", Bar: true},
		{Label: "nav.services", Path: "/services", Icon: "services", Key: "s"},
		{Label: "nav.account", Path: "/dashboard/account", Icon: "account", Key: "a", Bar: true},
	}
}

// barLinks are those of them that a phone's bar has room for: five.
func barLinks() (all []Link) {
	for _, l := range deskLinks() {
		if l.Bar {
			all = append(all, l)
		}
	}
	return all
}

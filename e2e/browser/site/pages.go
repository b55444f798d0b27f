package site

import (
	"errors"
	"net/http"
	"slices"

	"github.com/notpanel/notpanel/e2e/browser"
	"github.com/notpanel/notpanel/internal/web/docs"
)

// Page is a page to look at.
type Page struct {
	Path     string
	Access   Access // who looks; "" is Anonymous
	Language string // that the browser asks for; "" is English
	Status   int    // of its answer; 0 is 200
}

// Access is who looks at a page.
type Access string

// The accesses.
const (
	Anonymous Access = "anonymous" // has not signed in
	Member    Access = "member"    // the demo's customer
	Owner     Access = "owner"     // the demo's owner
)

// SignIn signs a visitor in, through the pages.
type SignIn func(tab *browser.Tab) error

// These stand in a path for the id of a key that the demo has made, and of a webhook,
// a delivery and a mass order that the check makes; and for what staff find: an account
// and a top-up.
const (
	aKey      = "{key}"
	aWebhook  = "{webhook}"
	aDelivery = "{delivery}"
	anAccount = "{account}"
	aTopup    = "{topup}"
	anOrder   = "{order}" // one that waits for a person
	// and this for the demo's provider, whose list was read.
	aProvider = "{provider}"
	aGiveaway = "{giveaway}" // one that was drawn
	aMass     = "{mass}"
	// and these for what staff wrote: an announcement, a draft, a giveaway that runs.
	anAnnouncement = "{announcement}"
	aPost          = "{post}"
	anOpenGiveaway = "{open-giveaway}"
)

// Pages lists every page of the panel but the steps that only a sign-in under way
// or a proof shows.
func Pages() []Page {
	return slices.Concat(public(""), public("tr"), signedIn(""), signedIn("tr"), staffed(""), staffed("tr"), []Page{{Path: "/_outbox"}, {Path: "/_ui"}})
}

// signedIn are the pages behind the sign-in, in a language.
func signedIn(language string) (all []Page) {
	for _, path := range []string{
		"/dashboard/orders", "/dashboard/orders?q=no+such+order", "/dashboard/orders?state=partial&from=2026-01-01", "/dashboard/orders/1", "/dashboard/orders/2", "/dashboard/orders/4",
		"/dashboard/orders/5/cancel", "/dashboard/drip-feeds", "/dashboard/subscriptions", "/dashboard/refills",
		"/dashboard", "/dashboard/orders/new", "/dashboard/orders/new?service=1&link=https%3A%2F%2Fexample.com%2Fpage&quantity=5000",
		"/dashboard/orders/new?service=3&link=https%3A%2F%2Fexample.com&quantity=1", "/dashboard/orders/new?q=no+such+service",
		"/dashboard/orders/new?service=13&link=https%3A%2F%2Fexample.com&quantity=100&runs=12&interval=90", "/dashboard/orders/new?service=16",
		"/dashboard/orders/mass", "/dashboard/orders/mass/batches/" + aMass,
		"/dashboard/wallet", "/dashboard/wallet/topups/new",
		"/dashboard/wallet?from=2020-01-01&to=2020-01-31", "/dashboard/wallet/receipts/1", "/dashboard/wallet/threshold", "/dashboard/api", "/dashboard/api/keys/new",
		"/dashboard/api/keys/" + aKey, "/dashboard/api/keys/" + aKey + "/settings", "/dashboard/api/keys/" + aKey + "/rotate", "/dashboard/api/keys/" + aKey + "/revoke",
		"/dashboard/api/keys/" + aKey + "/webhooks/new", "/dashboard/api/webhooks/" + aWebhook, "/dashboard/api/webhooks/" + aWebhook + "?show=pending",
		"/dashboard/api/webhooks/" + aWebhook + "/events", "/dashboard/api/webhooks/" + aWebhook + "/rotate", "/dashboard/api/webhooks/" + aWebhook + "/replay",
		"/dashboard/api/webhooks/" + aWebhook + "/remove", "/dashboard/api/deliveries/" + aDelivery,
		"/dashboard/account", "/dashboard/account/email", "/dashboard/account/password", "/dashboard/account/preferences",
		"/dashboard/notices", "/dashboard/account/notices",
		"/dashboard/account/app", "/dashboard/account/passkeys/new", "/dashboard/account/export", "/dashboard/account/close", "/giveaway",
	} {
		all = append(all, Page{Path: path, Access: Member, Language: language})
	}
	return all
}

// staffed are the pages of staff, in a language.
func staffed(language string) (all []Page) {
	for _, path := range []string{
		"/admin", "/admin/orders", "/admin/orders?show=waiting", "/admin/orders?q=no+such+order", "/admin/orders/" + anOrder, "/admin/orders/" + anOrder + "/settle",
		"/admin/orders/" + anOrder + "/note", "/admin/orders/bulk?state=completed", "/admin/bulk",
		"/admin/services", "/admin/services?q=review", "/admin/services?q=no+such+service", "/admin/services/new", "/admin/services/1",
		"/admin/services/1/price", "/admin/services/1/announce", "/admin/services/1/limits", "/admin/services/1/rules", "/admin/services/1/texts",
		"/admin/services/1/translate", "/admin/services/1/state", "/admin/services/1/sources/new", "/admin/categories", "/admin/categories/new",
		"/admin/import", "/admin/import/" + aProvider, "/admin/import/" + aProvider + "?markup=35&step=0.05", "/admin/import/" + aProvider + "/categories",
		"/admin/providers", "/admin/providers/new", "/admin/providers/" + aProvider, "/admin/providers/" + aProvider + "/settings",
		"/admin/providers/" + aProvider + "/access", "/admin/providers/" + aProvider + "/pause", "/admin/texts", "/admin/texts?show=decided",
		"/admin/tiers", "/admin/tiers/agency", "/admin/blocked", "/admin/blocked?q=https%3A%2F%2Fexample.com%2Fpage", "/admin/blocked/new",
		"/admin/accounts", "/admin/accounts?q=customer", "/admin/accounts?state=suspended", "/admin/accounts/" + anAccount, "/admin/accounts/" + anAccount + "/statement",
		"/admin/accounts/" + anAccount + "/credit", "/admin/accounts/" + anAccount + "/suspend", "/admin/accounts/" + anAccount + "/tier", "/admin/accounts/" + anAccount + "/rates/new",
		"/admin/topups", "/admin/topups?show=all", "/admin/topups/new", "/admin/topups/offer", "/admin/topups/" + aTopup, "/admin/topups/" + aTopup + "/reject",
		"/admin/staff", "/admin/staff/roles/new", "/admin/log", "/admin/limits",
		"/admin/settings", "/admin/settings/contact", "/admin/settings/accent", "/admin/settings/logo", "/admin/settings/signup",
		"/admin/settings/alerts", "/admin/settings/maintenance",
		"/admin/announcements", "/admin/announcements/new",
		"/admin/posts", "/admin/posts/new", "/admin/posts/" + aPost, "/admin/posts/" + aPost + "/publish", "/admin/posts/" + aPost + "/delete",
		"/admin/giveaways", "/admin/giveaways/new", "/admin/giveaways/" + aGiveaway, "/admin/giveaways/" + anOpenGiveaway, "/admin/giveaways/" + anOpenGiveaway + "/cancel",
	} {
		all = append(all, Page{Path: path, Access: Owner, Language: language})
	}
	if language == "tr" { // it has a Turkish text, for which an English page loads more letters
		all = append(all, Page{Path: "/admin/announcements/" + anAnnouncement, Access: Owner, Language: language})
	}
	return all
}

// public are the pages for anyone, in a language.
func public(language string) []Page {
	var all []Page
	for _, path := range []string{
		"/", "/services", "/services?q=review&cancel=1", "/services?q=no+such+service", "/services/1", "/services/27", "/pricing", "/faq", "/terms",
		"/privacy", "/refund", "/acceptable-use", "/contact", "/why", "/about", "/blog", "/blog/what-happens-after-a-time-out", "/giveaway", "/giveaway/" + aGiveaway,
		"/status", "/login", "/signup", "/forgot-password",
	} {
		all = append(all, Page{Path: path, Language: language})
	}
	for _, slug := range docs.Slugs() {
		all = append(all, Page{Path: docs.Path(slug), Language: language})
	}
	return append(all,
		Page{Path: docs.Root + "?q=status", Language: language}, Page{Path: docs.Root + "?q=no+such+word", Language: language},
		Page{Path: docs.Root + "/none", Language: language, Status: http.StatusNotFound},
		Page{Path: "/services/999999", Language: language, Status: http.StatusNotFound},
		Page{Path: "/verify-email?token=used", Language: language, Status: http.StatusGone},
		Page{Path: "/reset-password?token=used", Language: language, Status: http.StatusGone},
		Page{Path: "/change-email?token=used", Language: language, Status: http.StatusGone},
	)
}

// SignIns says how each access but Anonymous comes about.
func SignIns(demo *browser.Demo) map[Access]SignIn {
	return map[Access]SignIn{Member: signIn(demo.Customer), Owner: signIn(demo.Owner)}
}

func signIn(who browser.Login) SignIn {
	return func(tab *browser.Tab) error {
		return errors.Join(
			tab.Open("/login"),
			tab.Fill("[name=email]", who.Email),
			tab.Fill("[name=password]", who.Password),
			tab.Submit("main form [type=submit]"),
			tab.Wait(".desk"),
		)
	}
}

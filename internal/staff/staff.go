// Package staff owns what the people may do who help to run the panel: roles made
// of fine permissions, and who has which.
//
// It decides who may give what: nobody gives, changes or takes a role that holds
// more than they hold themselves. Who asks is told to it; the pages' route table
// says which permission each page and action needs.
package staff

import (
	"slices"
	"strings"
)

// Permission is one thing that staff may do.
type Permission string

// The permissions.
const (
	OrdersSee       Permission = "orders.see"       // all orders with what providers said of them
	OrdersChange    Permission = "orders.change"    // send again, to another source, counts, notes, refills and cancels
	OrdersSettle    Permission = "orders.settle"    // say what became of uncertain and held ones
	OrdersRefund    Permission = "orders.refund"    // give money back beyond what a provider's report does
	TextsDecide     Permission = "texts.decide"     // say what a provider's words mean
	CatalogueSee    Permission = "catalogue.see"    // services with costs and sources
	CatalogueChange Permission = "catalogue.change" // services, categories, prices, imports
	ProvidersSee    Permission = "providers.see"    // balances, health
	ProvidersChange Permission = "providers.change" // addresses, keys, states
	TopupsDecide    Permission = "topups.decide"    // approve and reject what came by transfer
	AccountsSee     Permission = "accounts.see"
	AccountsChange  Permission = "accounts.change" // state, tier, own rates, notes
	AccountsCredit  Permission = "accounts.credit" // give and take money with a reason
	AccountsView    Permission = "accounts.view"   // look at the pages as a customer
	StaffChange     Permission = "staff.change"    // roles and who has them
	LogSee          Permission = "log.see"         // the audit log
	ReportsSee      Permission = "reports.see"     // revenue and margin
	SettingsChange  Permission = "settings.change" // the panel's settings and looks
	ContentChange   Permission = "content.change"  // announcements, posts, giveaways
)

// All returns the permissions in the order in which they are shown and kept.
func All() []Permission {
	return []Permission{
		OrdersSee, OrdersChange, OrdersSettle, OrdersRefund, TextsDecide, CatalogueSee, CatalogueChange, ProvidersSee, ProvidersChange,
		TopupsDecide, AccountsSee, AccountsChange, AccountsCredit, AccountsView, StaffChange, LogSee, ReportsSee, SettingsChange, ContentChange,
	}
}

// Set is permissions, each once, in the order of All, with a space between them.
type Set string

// Everything is what owners may do.
func Everything() Set { return SetOf(All()...) }

// SetOf returns the set of the permissions that exist among those given.
func SetOf(given ...Permission) Set {
	var names []string
	for _, p := range All() {
		if slices.Contains(given, p) {
			names = append(names, string(p))
		}
	}
	return Set(strings.Join(names, " "))
}

// List returns the permissions of the set. Names that no release knows any more
// are none.
func (s Set) List() (all []Permission) {
	have := strings.Fields(string(s))
	for _, p := range All() {
		if slices.Contains(have, string(p)) {
			all = append(all, p)
		}
	}
	return all
}

// Has reports whether p is in the set.
func (s Set) Has(p Permission) bool { return slices.Contains(s.List(), p) }

// Covers reports whether everything in the other set is in this one.
func (s Set) Covers(other Set) bool {
	for _, p := range other.List() {
		if !s.Has(p) {
			return false
		}
	}
	return true
}

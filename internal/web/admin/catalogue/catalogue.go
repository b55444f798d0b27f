// Package catalogue is what staff see of the catalogue and of the providers it is
// bought from: services with costs and sources, categories, imports, what tiers pay
// less, what nobody may order for, providers with their health, and what providers'
// refusals mean.
//
// It translates: the domain decides what may be done, and the route table in web
// says which permission each page and action needs.
package catalogue

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/web/proof"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/admin"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Where the pages are.
const (
	servicesPath   = "/admin/services"
	bulkPath       = "/admin/picked-services"
	categoriesPath = "/admin/categories"
	importPath     = "/admin/import"
	providersPath  = "/admin/providers"
	textsPath      = "/admin/texts"
	blockedPath    = "/admin/blocked"
	tiersPath      = "/admin/tiers"
)

// yes is what a tick sends.
const yes = "on"

// Deps are what the pages ask.
type Deps struct {
	People    *identity.People
	Accounts  *account.Store
	Catalog   *catalog.Store
	Providers *provider.Store
	// Importer asks providers through the guard of operators.
	Importer provider.Importer
	// Snapshot returns the catalogue as it is now.
	Snapshot func(context.Context) (*catalog.Snapshot, error)
	// ReadLists wakes who reads providers' lists.
	ReadLists func()
	// URL is the panel's own, which providers tell of orders.
	URL string
	// Limits are the requests a minute of each tier; 0 is no limit.
	Limits map[string]int64
	// Languages are those that services and categories may be named in.
	Languages []Language
}

// Language is one that texts may be in.
type Language struct{ Code, Name string }

// Pages answers for them.
type Pages struct{ deps Deps }

// New returns the pages.
func New(d Deps) *Pages { return &Pages{deps: d} }

func (p *Pages) actor(r *http.Request) staff.Actor { return admin.Actor(p.deps.People, r) }

// by is who makes a change, as the change feed and the audit log name them.
func (p *Pages) by(r *http.Request) string { return p.actor(r).AccountID }

func (p *Pages) may(r *http.Request, what staff.Permission) bool {
	return p.actor(r).Permissions.Has(what)
}

// serviceID is the service that a path names.
func serviceID(r *http.Request) (int64, error) {
	n, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || n < 1 {
		return 0, fault.New(fault.NotFound, "There is no such service")
	}
	return n, nil
}

func servicePath(n int64) string { return servicesPath + "/" + strconv.FormatInt(n, 10) }

func providerPath(id string) string { return providersPath + "/" + id }

// amountIn reads an amount of a form as the reader's language writes it. What is
// wrong is said in the form; ok is false where nothing was typed or it is wrong.
func amountIn(ctx context.Context, f *ui.Form, field string) (a money.Amount, ok bool) {
	text := strings.TrimSpace(f.Value(field))
	if text == "" {
		return 0, false
	}
	a, err := ui.Of(ctx).Language.ReadAmount(text)
	if err != nil || a < 0 {
		f.Refuse(field, ui.T(ctx, "catalogue.error_amount"))
		return 0, false
	}
	return a, true
}

// percentIn reads a percentage of a form; it counts in millionths as amounts do.
func percentIn(ctx context.Context, f *ui.Form, field string) (share money.Percent, ok bool) {
	text := strings.TrimSpace(strings.ReplaceAll(f.Value(field), "%", ""))
	if text == "" {
		return 0, false
	}
	a, err := ui.Of(ctx).Language.ReadAmount(text)
	const most = 100_000 * money.Unit
	if err != nil || a < 0 || a > most {
		f.Refuse(field, ui.T(ctx, "catalogue.error_percent"))
		return 0, false
	}
	return money.Percent(a), true
}

// wholeIn reads a whole number of a form, between least and most.
func wholeIn(ctx context.Context, f *ui.Form, field string, least, most int64) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(f.Value(field)), 10, 64)
	if err != nil || n < least || n > most {
		f.Refuse(field, ui.T(ctx, "catalogue.error_whole", "Least", ui.Int(ctx, least), "Most", ui.Int(ctx, most)))
		return 0
	}
	return n
}

// decimal writes an amount into a field.
func decimal(ctx context.Context, a money.Amount) string {
	return ui.Of(ctx).Language.Decimal(a.String())
}

// percentText writes a percentage into a field.
func percentText(ctx context.Context, p *money.Percent) string {
	if p == nil {
		return ""
	}
	return ui.Of(ctx).Language.Decimal(strings.TrimSuffix(money.Amount(*p).String(), ".00"))
}

// share writes thousandths as a percentage.
func share(ctx context.Context, thousandths int64) string {
	text := strconv.FormatInt(thousandths/10, 10)
	if rest := thousandths % 10; rest != 0 {
		text += "." + strconv.FormatInt(max(rest, -rest), 10)
		if thousandths < 0 && thousandths > -10 {
			text = "-" + text
		}
	}
	return ui.T(ctx, "catalogue.percent", "N", ui.Of(ctx).Language.Decimal(text))
}

// markupWord writes a mark-up.
func markupWord(ctx context.Context, p *money.Percent) string {
	if p == nil {
		return ui.T(ctx, "catalogue.none")
	}
	const perTenth = 100_000
	if int64(*p)%perTenth == 0 {
		return share(ctx, int64(*p)/perTenth)
	}
	return ui.T(ctx, "catalogue.percent", "N", decimal(ctx, money.Amount(*p)))
}

// margin is what of a rate is above its cost, in thousandths of the rate.
func margin(rate, cost money.Amount) int64 {
	if rate == 0 {
		return 0
	}
	const thousand = 1000
	over := int64(rate-cost) * thousand
	if over < 0 {
		return (over - int64(rate)/2) / int64(rate)
	}
	return (over + int64(rate)/2) / int64(rate)
}

// providerNames are the names of all providers by id.
func (p *Pages) providerNames(ctx context.Context) (all []provider.Provider, names map[string]string, err error) {
	all, err = p.deps.Providers.List(ctx)
	names = make(map[string]string, len(all))
	for _, one := range all {
		names[one.ID] = one.Name
	}
	return all, names, err
}

// actors are who made changes, by what the feed says: people by their address.
type actors struct {
	known map[string]string
	store *account.Store
}

func (a actors) name(ctx context.Context, actor string) (string, error) {
	if !strings.HasPrefix(actor, "acc_") {
		return actor, nil
	}
	if name, ok := a.known[actor]; ok {
		return name, nil
	}
	found, err := a.store.Find(ctx, actor)
	if fault.Is(err, fault.NotFound) {
		return actor, nil
	}
	if err != nil {
		return "", err
	}
	a.known[actor] = found.Email
	return found.Email, nil
}

// prove makes sure of who sends a form that changes a provider's secrets.
func (p *Pages) prove(r *http.Request) error { return proof.Check(p.deps.People, r) }

// when writes a moment into a field of the browser's date and time, and back.
const when = "2006-01-02T15:04"

func timeIn(ctx context.Context, f *ui.Form, field string) (at time.Time) {
	at, err := time.ParseInLocation(when, strings.TrimSpace(f.Value(field)), ui.Of(ctx).Zone)
	if err != nil {
		f.Refuse(field, ui.T(ctx, "catalogue.error_time"))
	}
	return at
}

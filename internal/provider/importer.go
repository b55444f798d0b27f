package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/plain"
)

// Importer brings providers' services into the catalogue.
type Importer struct {
	Providers *Store
	Catalog   *catalog.Store
	Guard     *outbound.Guard
	Timeout   time.Duration
	Currency  string // the panel's
}

// ImportOptions say what of a provider's list is taken, and how.
type ImportOptions struct {
	Markup *money.Percent // kept as the provider's; nil: what is kept already
	// Pricing is kept as the provider's, in place of all of it; nil: what is kept.
	Pricing *catalog.Pricing
	// Into names which of our categories, by name or id, the provider's go into; it is
	// kept. "" is one of the same name.
	Into       map[string]string
	DryRun     bool     // tells what would be done and does nothing
	Categories []string // only these of the provider's, in any case; none: all
	Only       []string // only these of its services; none: all
	Currency   string   // a person's word for what it counts in
	Progress   func(done, of int)

	knownOnly bool // adds nothing
	mayVanish int  // a person's word for how many may vanish at once
}

// LeftOut is a service of the provider that was not imported, and why.
type LeftOut struct {
	Service string `json:"service"`
	Name    string `json:"name"`
	Reason  string `json:"reason"`
}

// ImportReport says what an import did, or would do.
type ImportReport struct {
	catalog.Taken

	DryRun  bool      `json:"dry_run"`
	LeftOut []LeftOut `json:"left_out"`
}

// Import takes a provider's whole list at its costs raised by markup.
func (im Importer) Import(ctx context.Context, idOrName string, markup money.Percent, actor string) (ImportReport, error) {
	return im.Run(ctx, idOrName, ImportOptions{Markup: &markup}, actor)
}

// Run reads a provider's list and sells what can be sold. A provider in another
// currency needs an exchange rate: its costs would be taken for ours. A list that
// shrank pauses nothing and raises an alarm.
func (im Importer) Run(ctx context.Context, idOrName string, o ImportOptions, actor string) (report ImportReport, err error) {
	p, err := im.Providers.Find(ctx, idOrName)
	if err != nil {
		return report, err
	}
	t, err := im.termsOf(ctx, p, o)
	if err != nil {
		return report, err
	}
	listings, err := im.listings(ctx, p, t, o)
	if err != nil {
		return report, err
	}
	return im.take(ctx, p, t, listings, o, actor)
}

// termsOf are the terms that a provider's list is taken by.
func (im Importer) termsOf(ctx context.Context, p Provider, o ImportOptions) (*terms, error) {
	t, err := im.Providers.terms(ctx, p)
	if err != nil {
		return nil, err
	}
	if o.Pricing != nil {
		t.pricing = *o.Pricing
	}
	if o.Markup != nil {
		t.pricing.Markup = o.Markup
	}
	if err := t.pricing.Check(); err != nil {
		return nil, err
	}
	if t.pricing.Markup == nil && !o.knownOnly {
		return nil, fault.Newf(fault.Invalid, "no mark-up is known for %s: say by how much its costs are raised", p.Name).Because(fault.BadField, "markup")
	}
	return t, t.categories.set(o.Into)
}

// take brings a list that was read into the catalogue, or tells what that would do.
func (im Importer) take(
	ctx context.Context, p Provider, t *terms, listings []Listing, o ImportOptions, actor string,
) (report ImportReport, err error) {
	in, left, err := intake(p, listings, t, o)
	report.LeftOut, report.DryRun = left, o.DryRun
	if err != nil {
		return report, err
	}
	if o.DryRun {
		report.Taken, err = im.Catalog.Preview(ctx, in)
		return report, err
	}
	if err := im.Providers.keepTerms(ctx, p, t, o, actor); err != nil {
		return report, err
	}
	report.Taken, err = im.Catalog.Take(ctx, in, actor)
	if err == nil && !in.Part {
		err = im.Providers.noteShrunk(ctx, p.ID, report.Shrunk)
	}
	return report, err
}

// terms are what a provider's prices are read by.
type terms struct {
	packagePrice string
	pricing      catalog.Pricing
	categories   *mapped
	sources      int64 // that it has here

	said     string // the currency as it is now
	exchange money.Exchange
	foreign  bool
}

func (s *Store) terms(ctx context.Context, p Provider) (*terms, error) {
	t := &terms{packagePrice: p.PackagePrice(), pricing: p.Pricing()}
	err := s.db.Read(ctx, func(tx *db.Tx) (err error) {
		if t.categories, err = readMapped(tx, p.ID); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT COUNT(*) FROM sources WHERE provider_id = $1`, p.ID).Scan(&t.sources)
	})
	if err != nil {
		return nil, fmt.Errorf("read the provider's sources: %w", err)
	}
	return t, nil
}

// keepTerms stores the currency, and the mark-up where a person named one.
func (s *Store) keepTerms(ctx context.Context, p Provider, t *terms, o ImportOptions, actor string) error {
	if t.said == p.Currency && t.pricing == p.Pricing() && len(o.Into) == 0 {
		return nil
	}
	err := s.db.Write(ctx, func(tx *db.Tx) error {
		changed, err := tx.ExecOne(`
			UPDATE providers SET currency = $2, markup = $3, rate_more = $4, rate_step = $5, rate_least = $6
			WHERE id = $1 AND (currency <> $2 OR COALESCE(markup, -1) <> COALESCE($3, -1) OR rate_more <> $4 OR rate_step <> $5 OR rate_least <> $6)`,
			p.ID, t.said, nullable(t.pricing.Markup), t.pricing.More, t.pricing.Step, t.pricing.Least)
		if err != nil {
			return err
		}
		mapped, err := t.categories.keep(tx, p.ID)
		if err != nil || !changed && mapped == 0 {
			return err
		}
		if err := SetAlarm(tx, p.ID, AlarmCurrency, ""); err != nil {
			return err
		}
		return account.Record(tx, actor, "provider.terms", p.ID, t.detail(mapped))
	})
	if err != nil {
		return fmt.Errorf("store the provider's terms: %w", err)
	}
	return nil
}

// detail describes the terms for the log; mapped is how many categories go elsewhere.
func (t *terms) detail(mapped int) string {
	said := []string{"currency " + t.said}
	if t.pricing.Markup != nil {
		said = append(said, "mark-up "+money.Amount(*t.pricing.Markup).String()+" %")
	}
	for _, sum := range []struct {
		name string
		is   money.Amount
	}{{"more", t.pricing.More}, {"step", t.pricing.Step}, {"least", t.pricing.Least}} {
		if sum.is > 0 {
			said = append(said, sum.name+" "+sum.is.String())
		}
	}
	if mapped > 0 {
		said = append(said, fmt.Sprintf("%d categories go into others", mapped))
	}
	return strings.Join(said, ", ")
}

// listings asks the provider for its currency and its list.
func (im Importer) listings(ctx context.Context, p Provider, t *terms, o ImportOptions) ([]Listing, error) {
	client, err := im.Providers.Client(p, im.Guard, im.Timeout)
	if err != nil {
		return nil, err
	}
	balance, err := client.Balance(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s for its currency: %w", p.Name, err)
	}
	if err := im.judgeCurrency(ctx, p, t, balance.Currency, strings.ToUpper(o.Currency), o.part()); err != nil {
		return nil, err
	}
	listings, err := client.Services(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the services of %s: %w", p.Name, err)
	}
	if len(listings) == 0 {
		return nil, fault.Newf(fault.Conflict, "%s lists no services: nothing was changed", p.Name)
	}
	return listings, nil
}

// judgeCurrency finds out what the provider's prices are worth. One that names no
// currency counts in what it did before, or in what a person says.
func (im Importer) judgeCurrency(ctx context.Context, p Provider, t *terms, said, word string, part bool) error {
	if said == "" {
		said = p.Currency
		if word != "" {
			said = word
		}
	}
	switch {
	case word != "" && word != said:
		return fault.Newf(fault.Conflict, "%s counts in %q and not in %q: nothing was changed", p.Name, cutName(said), cutName(word))
	case p.Currency != "" && said != p.Currency && t.sources > 0 && (word == "" || part):
		return fault.Newf(fault.Conflict, "%s counted in %q before and in %q now: nothing was changed; an import of its whole list with `--currency` says that this is right",
			p.Name, p.Currency, cutName(said))
	}
	t.said, t.exchange, t.foreign = cutName(said), money.Par, said != im.Currency
	if !t.foreign {
		return nil
	}
	rate, found, err := im.Catalog.ExchangeRate(ctx, said)
	if err != nil {
		return err
	}
	if !found || said == "" {
		return fault.Newf(fault.Conflict, "%s counts in %q and this panel in %q: its services can't be imported until `notpanel exchange set` says what that is worth",
			p.Name, cutName(said), im.Currency)
	}
	t.exchange = rate
	return nil
}

// intake makes a list ready for the catalogue, and names what can't be sold.
func intake(p Provider, listings []Listing, t *terms, o ImportOptions) (in catalog.Intake, left []LeftOut, err error) {
	in = catalog.Intake{
		ProviderID: p.ID, Part: o.part(), KnownOnly: o.knownOnly,
		Guarded: true, Pricing: t.pricing, MayVanish: o.mayVanish, Progress: o.Progress,
	}
	if t.foreign {
		in.Currency, in.Exchange = t.said, t.exchange
	}
	listings = slices.DeleteFunc(slices.Clone(listings), func(l Listing) bool { return !o.wants(l) })
	in.Offers, left = offersOf(listings, t)
	for _, l := range left {
		in.Unsellable = append(in.Unsellable, l.Service)
	}
	switch {
	case len(listings) == 0:
		return in, left, fault.Newf(fault.Conflict, "%s lists nothing of what was named", p.Name)
	case len(in.Offers) == 0:
		// A list of nothing that can be sold is more likely a provider's fault than
		// its wish, and would pause everything that is sold.
		return in, left, fault.Newf(fault.Conflict, "%s lists nothing that can be sold here: nothing was changed", p.Name)
	}
	return in, left, nil
}

// part reports that not the whole list is wanted.
func (o ImportOptions) part() bool { return len(o.Categories)+len(o.Only) > 0 }

func (o ImportOptions) wants(l Listing) bool {
	return (len(o.Only) == 0 || slices.Contains(o.Only, l.ID)) &&
		(len(o.Categories) == 0 || slices.ContainsFunc(o.Categories, func(c string) bool { return strings.EqualFold(c, l.Category) }))
}

// offersOf keeps what can be sold and names the rest.
func offersOf(listings []Listing, t *terms) (offers []catalog.Offer, left []LeftOut) {
	left = []LeftOut{}
	for _, l := range listings {
		o, problem := t.offer(l)
		if problem != "" {
			left = append(left, LeftOut{Service: cutName(l.ID), Name: l.Name, Reason: problem})
			continue
		}
		offers = append(offers, o)
	}
	return offers, left
}

// offer prices a listing, or says why it can't be sold.
func (t *terms) offer(l Listing) (o catalog.Offer, problem string) {
	if l.Problem != "" {
		return o, l.Problem
	}
	o = catalog.Offer{
		ProviderService: l.ID, Category: t.categories.of(l.Category), Name: l.Name, Type: l.Type, Description: cutText(l.Description, maxDescription),
		Cost: l.Cost, Min: l.Min, Max: l.Max, Increment: l.Increment, Dripfeed: l.Dripfeed,
		Refill: l.Refill, RefillDays: l.RefillDays, Cancel: l.Cancel, KeepRate: t.pricing.Markup == nil,
	}
	var err error
	if schema, _ := catalog.SchemaOf(l.Type); schema.Counting == catalog.ByPackage && t.packagePrice != PricePer1000 {
		o.PriceUnclear = t.packagePrice != PriceFlat
		o.Cost, err = money.PerThousand(o.Cost, l.Min)
	}
	if t.foreign && err == nil {
		foreign := o.Cost
		o.Foreign = &foreign
		o.Cost, err = t.exchange.Cost(foreign)
	}
	if err == nil {
		o.Rate, _, err = t.pricing.Rate(o.Cost)
	}
	if err != nil {
		return o, "its price is out of range"
	}
	return o, ""
}

// Offer asks a provider for one of its services, to make it a source of a service
// of that type.
func (im Importer) Offer(ctx context.Context, idOrName, providerService, actor string) (o catalog.Offer, p Provider, err error) {
	if p, err = im.Providers.Find(ctx, idOrName); err != nil {
		return o, p, err
	}
	t, err := im.Providers.terms(ctx, p)
	if err != nil {
		return o, p, err
	}
	listings, err := im.listings(ctx, p, t, ImportOptions{})
	if err != nil {
		return o, p, err
	}
	for _, l := range listings {
		if l.ID != providerService {
			continue
		}
		o, problem := t.offer(l)
		if o.PriceUnclear {
			problem = "it is not known whether its package price is for one package or for 1,000"
		}
		if problem != "" {
			return o, p, fault.Newf(fault.Conflict, "service %s of %s can't be sold: %s", providerService, p.Name, problem)
		}
		return o, p, im.Providers.keepTerms(ctx, p, t, ImportOptions{}, actor)
	}
	return o, p, fault.Newf(fault.NotFound, "%s lists no service %s", p.Name, cutName(providerService))
}

// ForeignCost returns a cost in a provider's currency and in the panel's; foreign
// is nil where they are one.
func (im Importer) ForeignCost(ctx context.Context, p Provider, cost money.Amount) (ours money.Amount, foreign *money.Amount, err error) {
	if p.Currency == "" || p.Currency == im.Currency {
		return cost, nil, nil
	}
	rate, found, err := im.Catalog.ExchangeRate(ctx, p.Currency)
	if err != nil {
		return 0, nil, err
	}
	if !found {
		return 0, nil, fault.Newf(fault.Conflict, "%s counts in %s: `notpanel exchange set` says what that is worth", p.Name, p.Currency)
	}
	if ours, err = rate.Cost(cost); err != nil {
		return 0, nil, fault.Newf(fault.Invalid, "a cost of %s %s is out of range", cost, p.Currency)
	}
	return ours, &cost, nil
}

// Bounds of a provider's texts, in characters.
const (
	maxName        = 255
	maxDescription = 10_000
)

// cutName makes a provider's name storable.
// What turns the direction of writing or steers a screen is left out of it.
func cutName(s string) string { return cutText(plain.Readable(cutLine(s, maxName)), maxName) }

// cutLine keeps one line of a provider's text.
func cutLine(s string, most int) string {
	return cutText(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' }), " "), most)
}

// cutText makes a provider's text storable: valid, without NUL, not too long.
func cutText(s string, most int) string {
	runes := []rune(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", ""))
	return strings.TrimSpace(string(runes[:min(len(runes), most)]))
}

package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/outbound"
)

// Importer brings providers' services into the catalogue.
type Importer struct {
	Providers *Store
	Catalog   *catalog.Store
	Guard     *outbound.Guard
	Timeout   time.Duration
	Currency  string // the panel's
}

// LeftOut is a service of the provider that was not imported, and why.
type LeftOut struct {
	Service string `json:"service"`
	Name    string `json:"name"`
	Reason  string `json:"reason"`
}

// ImportReport says what an import did.
type ImportReport struct {
	catalog.Imported

	LeftOut []LeftOut `json:"left_out"`
}

// Import reads a provider's list and sells what can be sold at its cost raised
// by markup. A provider in another currency is refused: its costs would be taken
// for ours.
func (im Importer) Import(ctx context.Context, idOrName string, markup money.Percent, actor string) (report ImportReport, err error) {
	p, err := im.Providers.Find(ctx, idOrName)
	if err != nil {
		return report, err
	}
	if markup < 0 {
		return report, fault.New(fault.Invalid, "markup must not be negative: it would sell below cost")
	}
	client, err := im.Providers.Client(p, im.Guard, im.Timeout)
	if err != nil {
		return report, err
	}
	balance, err := client.Balance(ctx)
	if err != nil {
		return report, fmt.Errorf("ask %s for its currency: %w", p.Name, err)
	}
	if balance.Currency != im.Currency {
		return report, fault.Newf(fault.Conflict, "%s counts in %q and this panel in %q: services in another currency can't be imported",
			p.Name, balance.Currency, im.Currency)
	}
	if err := im.Providers.SetCurrency(ctx, p.ID, balance.Currency); err != nil {
		return report, fmt.Errorf("store the currency of %s: %w", p.Name, err)
	}
	listings, err := client.Services(ctx)
	if err != nil {
		return report, fmt.Errorf("read the services of %s: %w", p.Name, err)
	}
	if len(listings) == 0 {
		return report, fault.Newf(fault.Conflict, "%s lists no services: nothing was changed", p.Name)
	}
	offers, left := offersOf(listings, markup)
	report.LeftOut = left
	if len(offers) == 0 {
		// A list of nothing that can be sold is more likely a provider's fault than
		// its wish, and would pause everything that is sold.
		return report, fault.Newf(fault.Conflict, "%s lists nothing that can be sold here: nothing was changed", p.Name)
	}
	report.Imported, err = im.Catalog.Import(ctx, p.ID, offers, actor)
	return report, err
}

// offersOf keeps what can be sold and names the rest.
func offersOf(listings []Listing, markup money.Percent) (offers []catalog.Offer, left []LeftOut) {
	left = []LeftOut{}
	for _, l := range listings {
		rate, err := money.Markup(l.Cost, markup)
		switch {
		case l.Problem != "":
		case l.Type != "" && l.Type != catalog.Default:
			l.Problem = "its type is not sold here: " + string(l.Type)
		case err != nil:
			l.Problem = "its price is out of range"
		}
		if l.Problem != "" {
			left = append(left, LeftOut{Service: cutName(l.ID), Name: l.Name, Reason: l.Problem})
			continue
		}
		offers = append(offers, catalog.Offer{
			ProviderService: l.ID, Category: l.Category, Name: l.Name, Type: catalog.Default, Description: cutText(l.Description, maxDescription),
			Cost: l.Cost, Rate: rate, Min: l.Min, Max: l.Max, Cancel: l.Cancel,
		})
	}
	return offers, left
}

// Bounds of a provider's texts, in characters.
const (
	maxName        = 255
	maxDescription = 10_000
)

// cutName makes a provider's name storable.
func cutName(s string) string { return cutLine(s, maxName) }

// cutLine keeps one line of a provider's text.
func cutLine(s string, most int) string {
	return cutText(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' }), " "), most)
}

// cutText makes a provider's text storable: valid, without NUL, not too long.
func cutText(s string, most int) string {
	runes := []rune(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", ""))
	return strings.TrimSpace(string(runes[:min(len(runes), most)]))
}

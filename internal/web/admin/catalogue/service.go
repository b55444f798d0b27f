package catalogue

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// historyPage is how many changes of a service its page shows.
const historyPage = 25

// service is what the page of a service shows.
type service struct {
	V         *catalog.Service
	Announced *catalog.Announced
	Markup    *money.Percent // that holds: its own or its provider's
	Fields    []field
	Said      *provider.List // whose list Fields compare with; nil: none was read
	SaidWhy   string         // why nothing can be compared
	Sources   []catalog.ServiceSource
	Names     map[string]string // of providers
	Texts     map[string]catalog.Wording
	Markdown  string // the description as customers see it
	History   []happened
	Older     string // the next page of the history
	Change    bool   // the reader may change it
}

// field is a field that follows the provider, or is pinned.
type field struct {
	Name   string
	Here   string
	There  string // "": nobody knows
	Pinned bool
}

type happened struct {
	catalog.Happened

	Who string
}

// Service shows one service with what it costs and how it came about.
func (p *Pages) Service(w http.ResponseWriter, r *http.Request) error {
	id, err := serviceID(r)
	if err != nil {
		return err
	}
	s, err := p.service(r.Context(), id)
	if err != nil {
		return err
	}
	s.Change = p.may(r, staff.CatalogueChange)
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err := p.history(r.Context(), &s, max(before, 0)); err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, servicePage(s))
}

func (p *Pages) service(ctx context.Context, id int64) (s service, err error) {
	if s.V, err = p.deps.Catalog.One(ctx, id); err != nil {
		return s, err
	}
	if s.Announced, err = p.deps.Catalog.AnnouncedOf(ctx, id); err != nil {
		return s, err
	}
	if s.Sources, err = p.deps.Catalog.Sources(ctx, id); err != nil {
		return s, err
	}
	if s.Texts, err = p.deps.Catalog.Texts(ctx, id); err != nil {
		return s, err
	}
	all, names, err := p.providerNames(ctx)
	if err != nil {
		return s, err
	}
	s.Names, s.Markup, s.Markdown = names, s.V.Markup, preview(s.V.Description)
	there := map[string]string{}
	if i := slices.IndexFunc(all, func(one provider.Provider) bool { return one.ID == s.V.Source.ProviderID }); i >= 0 {
		if s.Markup == nil {
			s.Markup = all[i].Markup
		}
		if there, err = p.said(ctx, all[i], &s); err != nil {
			return s, err
		}
	}
	here := s.V.Words()
	for _, name := range catalog.Followed() {
		s.Fields = append(s.Fields, field{
			Name: name, Here: valueText(ctx, name, here[name]), There: valueText(ctx, name, there[name]), Pinned: slices.Contains(s.V.Pinned, name),
		})
	}
	return s, nil
}

// said is what the provider's list says of the service, as far as one was read.
func (p *Pages) said(ctx context.Context, of provider.Provider, s *service) (words map[string]string, err error) {
	l, from, found, err := p.deps.Providers.Said(ctx, of.ID, s.V.Source.ProviderService)
	if err != nil || !found {
		return nil, err
	}
	s.Said = &from
	words, err = p.deps.Importer.Words(ctx, of, l, from)
	if text, ok := refusal.Text(ctx, err); err != nil && ok {
		s.SaidWhy = text
		return map[string]string{}, nil
	}
	return words, err
}

func (p *Pages) history(ctx context.Context, s *service, before int64) error {
	rows, err := p.deps.Catalog.History(ctx, s.V.ID, before, historyPage+1)
	if err != nil {
		return err
	}
	if len(rows) > historyPage {
		rows = rows[:historyPage]
		s.Older = servicePath(s.V.ID) + "?before=" + strconv.FormatInt(rows[historyPage-1].Seq, 10) + "#history"
	}
	who := actors{map[string]string{}, p.deps.Accounts}
	for _, h := range rows {
		name, err := who.name(ctx, h.Actor)
		if err != nil {
			return err
		}
		s.History = append(s.History, happened{h, name})
	}
	return nil
}

// preview is Markdown of a provider or of staff as customers see it.
func preview(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	d, err := content.Render([]byte(text), content.Options{Untrusted: true})
	if err != nil { // too long to be read as Markdown
		return ""
	}
	return d.HTML
}

// fieldWord is what a field is called.
func fieldWord(ctx context.Context, name string) string {
	switch name {
	case "name", "category", "description", "type", "rate", "min", "max", "increment", "dripfeed", "refill", "refill_days", "cancel", "state",
		"posts", "announced_rate", "cost", "cost there", "source":
		return ui.T(ctx, "field."+strings.ReplaceAll(name, " ", "_"))
	}
	return name
}

// mostShown is how much of a text stands in a table, in characters.
const mostShown = 120

// valueText is a field's value in the reader's language; "" stays "".
func valueText(ctx context.Context, name, value string) string {
	if value == "" {
		return ""
	}
	switch name {
	case "rate", "announced_rate", "cost":
		if a, err := money.Parse(value); err == nil {
			return ui.Amount(ctx, a)
		}
	case "min", "max", "increment", "refill_days", "posts":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return ui.Int(ctx, n)
		}
	case "dripfeed", "refill", "cancel":
		if value == "true" {
			return ui.T(ctx, "catalogue.yes")
		}
		return ui.T(ctx, "catalogue.no")
	case "state":
		return stateWord(ctx, catalog.State(value))
	}
	if runes := []rune(value); len(runes) > mostShown {
		return string(runes[:mostShown]) + "…"
	}
	return value
}

// sourceMoves are what a source's buttons send.
func sourceValues(s catalog.ServiceSource, to int64) []ui.Kept {
	return []ui.Kept{{Name: "provider", Value: s.ProviderID}, {Name: "number", Value: s.ProviderService}, {Name: "to", Value: strconv.FormatInt(to, 10)}}
}

// MoveSource changes the place of a source in the order of preference.
func (p *Pages) MoveSource(w http.ResponseWriter, r *http.Request) error {
	id, err := serviceID(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	to, err := strconv.ParseInt(f.Value("to"), 10, 64)
	if err != nil {
		return fault.New(fault.Invalid, "to must be a place")
	}
	if err := p.deps.Catalog.PreferSource(r.Context(), id, f.Value("provider"), f.Value("number"), to, p.by(r)); err != nil {
		return err
	}
	return ui.See(w, r, servicePath(id)+"#sources")
}

// Pin keeps a field of a service as it is; Follow lets it follow its provider again.
func (p *Pages) Pin(w http.ResponseWriter, r *http.Request) error {
	return p.pinned(w, r, p.deps.Catalog.Pin)
}

// Follow lets a field of a service follow its provider again.
func (p *Pages) Follow(w http.ResponseWriter, r *http.Request) error {
	return p.pinned(w, r, p.deps.Catalog.Follow)
}

func (p *Pages) pinned(
	w http.ResponseWriter, r *http.Request, how func(context.Context, int64, []string, string) (*catalog.Service, error),
) error {
	id, err := serviceID(r)
	if err != nil {
		return err
	}
	if _, err := how(r.Context(), id, []string{ui.Sent(r).Value("field")}, p.by(r)); err != nil {
		return err
	}
	return ui.See(w, r, servicePath(id)+"#fields")
}

// WithdrawRate ends what is announced of a service's rate.
func (p *Pages) WithdrawRate(w http.ResponseWriter, r *http.Request) error {
	id, err := serviceID(r)
	if err != nil {
		return err
	}
	if err := p.deps.Catalog.Withdraw(r.Context(), id, p.by(r)); err != nil {
		return err
	}
	return ui.See(w, r, servicePath(id))
}

// languages are those that have words of a service's own, in order.
func languages(texts map[string]catalog.Wording) (codes []string) {
	for code := range texts {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

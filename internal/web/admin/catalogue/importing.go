package catalogue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	// differencePage is how many differences a page shows.
	differencePage = 100
	// takeID is the form that what was picked is taken by.
	takeID = "take"
	// mostCategories is how many of a provider's categories the form asks about.
	mostCategories = 300
)

// What of a list is taken.
const (
	takeAll    = "all"    // the whole list
	takeFilter = "filter" // what the filter lets through
	takePicked = "picked" // what was ticked
)

// importOf is a provider with its list, before anything was looked at.
type importOf struct {
	Provider provider.Provider
	List     provider.List
	Read     bool // there is a reading
}

// Import lists the providers that have a list.
func (p *Pages) Import(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	all, _, err := p.providerNames(ctx)
	if err != nil {
		return err
	}
	var rows []importOf
	for _, one := range all {
		if one.Kind == provider.Manual {
			continue
		}
		l, found, err := p.deps.Providers.Listed(ctx, one.ID)
		if err != nil {
			return err
		}
		rows = append(rows, importOf{one, l, found})
	}
	return ui.Render(w, r, http.StatusOK, importPage(rows))
}

// ReadList asks for a provider's list.
func (p *Pages) ReadList(w http.ResponseWriter, r *http.Request) error {
	if _, err := p.deps.Providers.WantList(r.Context(), r.PathValue("id"), p.by(r)); err != nil {
		return err
	}
	p.deps.ReadLists()
	return ui.See(w, r, importPath+"/"+r.PathValue("id"))
}

// look is what of a list is looked at, as it stands in the address: by which terms
// costs become rates, and which differences are shown.
type look struct {
	provider       string
	values         url.Values // of the terms, as they were typed
	kind, category string
	text           string
	page           int
}

// termFields are the fields of a form that say how costs become rates.
func termFields() []string { return []string{"markup", "more", "step", "least"} }

func readLook(id string, q url.Values) (k look) {
	k = look{provider: id, values: url.Values{}, category: cutName(q.Get("category")), text: cut(q.Get("q"))}
	for _, name := range termFields() {
		if q.Has(name) {
			k.values.Set(name, cut(q.Get(name)))
		}
	}
	if kind := q.Get("kind"); slices.Contains(differenceKinds(), kind) {
		k.kind = kind
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n > 0 && n < 100_000 {
		k.page = n
	}
	return k
}

// cutName bounds a category's name in an address.
func cutName(text string) string {
	const most = 255
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}

func differenceKinds() []string {
	return []string{catalog.DifferenceAdded, catalog.DifferenceChanged, catalog.DifferencePaused, catalog.DifferenceResumed, catalog.DifferenceSource}
}

func (k look) query(withPage bool) url.Values {
	q := url.Values{}
	for name := range k.values {
		q.Set(name, k.values.Get(name))
	}
	for name, value := range map[string]string{"kind": k.kind, "category": k.category, "q": k.text} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if withPage && k.page > 0 {
		q.Set("page", strconv.Itoa(k.page))
	}
	return q
}

func (k look) path() string {
	path := importPath + "/" + k.provider
	if q := k.query(true); len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

func (k look) with(change func(*look)) look {
	k.page = 0
	change(&k)
	return k
}

// kept are the parts of the address that a form sends along.
func (k look) kept(leave ...string) (all []ui.Kept) {
	q := k.query(false)
	for _, name := range append(termFields(), "kind", "category", "q") {
		if q.Has(name) && !slices.Contains(leave, name) {
			all = append(all, ui.Kept{Name: name, Value: q.Get(name)})
		}
	}
	return all
}

// filtered reports that not everything is shown.
func (k look) filtered() bool { return k.kind != "" || k.category != "" || k.text != "" }

// listing is what the page of a provider's list shows.
type listing struct {
	Provider   provider.Provider
	List       provider.List
	Read       bool
	Fresh      bool
	Look       look
	Form       *ui.Form
	Report     provider.ImportReport
	Looked     bool // there is a report
	Refusal    string
	Digest     string
	Counts     map[string]int
	Shown      []catalog.Difference // the page
	Found      int                  // that pass the filter
	Next       bool
	Categories []string // the provider's
	Mapped     int
	Took       string // what an import that was just done did
	Exchange   string // what the provider's currency is worth; "" where it needs no rate or has none
	Foreign    bool
}

// List shows what a provider lists and what taking it would change.
func (p *Pages) List(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := p.listed(ctx, r.PathValue("id"), readLook(r.PathValue("id"), r.URL.Query()))
	if err != nil {
		return err
	}
	v.Took = took(ctx, r.URL.Query().Get("took"))
	w.Header().Add("Vary", "HX-Request-Type")
	if ui.Partial(r) { // who waits for the list to be read
		if v.waits() {
			return ui.Render(w, r, http.StatusOK, reading(v))
		}
		w.Header().Set("HX-Redirect", v.Look.path())
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return ui.Render(w, r, http.StatusOK, listPageOf(v))
}

// waits reports that the list is being read.
func (v listing) waits() bool {
	return v.Read && (v.List.State == provider.ListWanted || v.List.State == provider.ListReading)
}

func (p *Pages) listed(ctx context.Context, id string, k look) (v listing, err error) {
	v.Look = k
	if v.Provider, err = p.deps.Providers.Find(ctx, id); err != nil {
		return v, err
	}
	if v.Provider.Kind == provider.Manual || v.Provider.ID != id {
		return v, fault.New(fault.NotFound, "There is no such list")
	}
	if v.List, v.Read, err = p.deps.Providers.Listed(ctx, id); err != nil {
		return v, err
	}
	v.Fresh = v.List.Fresh(ui.Of(ctx).Now)
	v.Form = ui.NewForm(termValues(ctx, v.Provider, k))
	if !v.Read || !v.Fresh {
		return v, nil
	}
	if err := p.foreign(ctx, &v); err != nil {
		return v, err
	}
	return v, p.look(ctx, &v)
}

// foreign finds out whether the list's prices need an exchange rate.
func (p *Pages) foreign(ctx context.Context, v *listing) error {
	counts := v.List.Currency
	if counts == "" {
		counts = v.Provider.Currency
	}
	if counts == "" || counts == p.deps.Importer.Currency {
		return nil
	}
	v.Foreign, v.List.Currency = true, counts
	rate, found, err := p.deps.Catalog.ExchangeRate(ctx, counts)
	if found {
		v.Exchange = rate.String()
	}
	return err
}

// termValues are the terms in the form: those of the address, else those that are
// kept with the provider.
func termValues(ctx context.Context, of provider.Provider, k look) url.Values {
	if len(k.values) > 0 {
		return k.values
	}
	values := url.Values{"markup": {percentText(ctx, of.Markup)}}
	for name, sum := range map[string]money.Amount{"more": of.More, "step": of.Step, "least": of.Least} {
		if sum > 0 {
			values.Set(name, decimal(ctx, sum))
		}
	}
	return values
}

// pricing reads the terms of a form. What is wrong is said in it.
func pricing(ctx context.Context, f *ui.Form) (terms catalog.Pricing) {
	if share, ok := percentIn(ctx, f, "markup"); ok {
		terms.Markup = &share
	}
	terms.More, _ = amountIn(ctx, f, "more")
	terms.Step, _ = amountIn(ctx, f, "step")
	terms.Least, _ = amountIn(ctx, f, "least")
	return terms
}

// look reckons what taking the list would change, and keeps the page of it that is
// asked for.
func (p *Pages) look(ctx context.Context, v *listing) error {
	terms := pricing(ctx, v.Form)
	if !v.Form.OK() || terms.Markup == nil {
		return nil
	}
	report, all, err := p.deps.Importer.PreviewList(ctx, v.Provider.ID, v.List.ID, provider.ImportOptions{Pricing: &terms})
	if err != nil {
		text, ok := refusal.Text(ctx, err)
		if !ok {
			return err
		}
		v.Refusal = text
		return nil
	}
	v.Report, v.Looked = report, true
	v.Digest = digest(v.List.ID, report)
	v.Categories = provider.Categories(all)
	into, err := p.deps.Providers.Mapping(ctx, v.Provider.ID)
	if err != nil {
		return err
	}
	v.Mapped = len(into)
	v.Counts = map[string]int{}
	for _, d := range report.Differences {
		v.Counts[d.Kind]++
	}
	passing := v.Look.passing(report.Differences, all)
	v.Found = len(passing)
	from := min(v.Look.page*differencePage, len(passing))
	to := min(from+differencePage, len(passing))
	v.Shown, v.Next = passing[from:to], to < len(passing)
	return nil
}

// passing are the differences that a filter lets through.
func (k look) passing(all []catalog.Difference, listed []provider.Listing) (passing []catalog.Difference) {
	category := map[string]string{}
	for _, l := range listed {
		category[l.ID] = l.Category
	}
	text := strings.ToLower(k.text)
	for _, d := range all {
		if (k.kind == "" || d.Kind == k.kind) && (k.category == "" || category[d.ProviderService] == k.category) &&
			(text == "" || strings.Contains(strings.ToLower(d.Name), text) || d.ProviderService == k.text) {
			passing = append(passing, d)
		}
	}
	return passing
}

// digest names what was shown: the reading and everything that it would change.
func digest(listID string, report provider.ImportReport) string {
	h := sha256.New()
	h.Write([]byte(listID))
	if err := json.NewEncoder(h).Encode(report.Taken); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Take brings what was shown into the catalogue. Where it is no more what was shown,
// by another reading of the list or a change of the catalogue, nothing is taken.
func (p *Pages) Take(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	k := readLook(r.PathValue("id"), f.Values)
	v, err := p.listed(ctx, r.PathValue("id"), k)
	if err != nil {
		return err
	}
	again := func(text string) error {
		v.Form.Error = text
		return ui.Render(w, r, http.StatusUnprocessableEntity, listPageOf(v))
	}
	switch {
	case !v.Looked || v.Refusal != "":
		return again(ui.T(ctx, "import.error_gone"))
	case f.Value("list") != v.List.ID:
		return again(ui.T(ctx, "import.error_read_again"))
	case f.Value("digest") != v.Digest:
		return again(ui.T(ctx, "import.error_changed"))
	}
	terms := pricing(ctx, v.Form)
	o := provider.ImportOptions{Pricing: &terms}
	if o.Only, err = p.chosen(ctx, f, v); err != nil {
		return err
	}
	if f.Value("take") != takeAll && len(o.Only) == 0 {
		return again(ui.T(ctx, "import.error_none"))
	}
	report, err := p.deps.Importer.TakeList(ctx, v.Provider.ID, v.List.ID, o, p.by(r))
	if err != nil {
		text, ok := refusal.Text(ctx, err)
		if !ok {
			return err
		}
		return again(text)
	}
	done := fmt.Sprintf("%d-%d-%d-%d", report.Added, report.Changed, report.Paused, report.Resumed)
	return ui.See(w, r, importPath+"/"+v.Provider.ID+"?took="+done)
}

// chosen are the numbers at the provider that are taken; none is the whole list.
func (p *Pages) chosen(ctx context.Context, f *ui.Form, v listing) (only []string, err error) {
	switch f.Value("take") {
	case takeAll:
		return nil, nil
	case takeFilter:
		all, err := p.deps.Providers.Listings(ctx, v.List)
		if err != nil {
			return nil, err
		}
		for _, d := range v.Look.passing(v.Report.Differences, all) {
			only = append(only, d.ProviderService)
		}
		return listedOnly(only, all), nil
	}
	all, err := p.deps.Providers.Listings(ctx, v.List)
	return listedOnly(f.Values["pick"], all), err
}

// listedOnly leaves numbers out that the list lacks: they can't be taken one by one.
func listedOnly(numbers []string, all []provider.Listing) (only []string) {
	listed := map[string]bool{}
	for _, l := range all {
		listed[l.ID] = true
	}
	for _, n := range numbers {
		if listed[n] {
			only = append(only, n)
		}
	}
	return only
}

// took says what an import did, from the address that it led to.
func took(ctx context.Context, text string) string {
	parts := strings.Split(text, "-")
	if len(parts) != 4 {
		return ""
	}
	counts := make([]any, 0, 8)
	for i, name := range []string{"Added", "Changed", "Paused", "Resumed"} {
		n, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil || n < 0 {
			return ""
		}
		counts = append(counts, name, ui.Int(ctx, n))
	}
	return ui.T(ctx, "import.took", counts...)
}

// SetExchange says what the provider's currency is worth.
func (p *Pages) SetExchange(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	v, err := p.listed(ctx, r.PathValue("id"), readLook(r.PathValue("id"), nil))
	if err != nil {
		return err
	}
	rate, err := money.ParseExchange(strings.Replace(strings.TrimSpace(f.Value("exchange")), ",", ".", 1))
	if err == nil && v.Foreign {
		_, err = p.deps.Catalog.SetExchange(ctx, v.List.Currency, rate, p.by(r))
	}
	if err != nil {
		v.Form.Values.Set("exchange", f.Value("exchange"))
		v.Form.Refuse("exchange", ui.T(ctx, "import.error_exchange"))
		return ui.Render(w, r, http.StatusUnprocessableEntity, listPageOf(v))
	}
	return ui.See(w, r, importPath+"/"+v.Provider.ID)
}

package catalogue

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	// listPage is how many services a page shows.
	listPage = 50
	// maxTyped is how much of a search counts, in characters.
	maxTyped = 100
	// foundID is the element that what was found stands in.
	foundID = "found"
	// bulkID is the form that the picked services go into.
	bulkID = "bulk"
)

// filter is what of the services is shown, as it stands in the address.
type filter struct {
	text, category, provider string
	state                    catalog.State
	below, pinned            bool
	after                    int64
}

func readFilter(q url.Values) (f filter, err error) {
	f = filter{
		text: cut(q.Get("q")), category: cut(q.Get("category")), provider: cut(q.Get("provider")),
		below: q.Get("below") == "1", pinned: q.Get("pinned") == "1",
	}
	switch s := catalog.State(q.Get("state")); s {
	case catalog.Active, catalog.Paused, catalog.Retired:
		f.state = s
	default:
	}
	if after := q.Get("after"); after != "" {
		if f.after, err = strconv.ParseInt(after, 10, 64); err != nil {
			return f, fault.New(fault.Invalid, "after must be what an earlier page gave")
		}
	}
	return f, nil
}

// cut bounds what of an address is read: each link of the page repeats it.
func cut(text string) string {
	for i := range text {
		if utf8.RuneCountInString(text[:i]) == maxTyped {
			return text[:i]
		}
	}
	return text
}

func (f filter) values() (all []ui.Kept) {
	add := func(name, value string, on bool) {
		if on {
			all = append(all, ui.Kept{Name: name, Value: value})
		}
	}
	add("category", f.category, f.category != "")
	add("provider", f.provider, f.provider != "")
	add("state", string(f.state), f.state != "")
	add("below", "1", f.below)
	add("pinned", "1", f.pinned)
	return all
}

// path is the address of a filter.
func (f filter) path() string {
	q := url.Values{}
	for _, k := range f.values() {
		q.Set(k.Name, k.Value)
	}
	if f.text != "" {
		q.Set("q", f.text)
	}
	if f.after != 0 {
		q.Set("after", strconv.FormatInt(f.after, 10))
	}
	if len(q) == 0 {
		return servicesPath
	}
	return servicesPath + "?" + q.Encode()
}

// with returns the filter changed, on its first page.
func (f filter) with(change func(*filter)) filter {
	f.after = 0
	change(&f)
	return f
}

func (f filter) any() bool {
	return f.text != "" || f.category != "" || f.provider != "" || f.state != "" || f.below || f.pinned
}

// list is what the page of services shows.
type list struct {
	filter     filter
	found      []*catalog.Service // the page
	total      int
	next       int64
	sources    map[int64]int64
	categories []catalog.Category
	providers  []provider.Provider
	names      map[string]string
	change     bool // the reader may change them
	done       string
}

// Services lists all services with what they cost.
func (p *Pages) Services(w http.ResponseWriter, r *http.Request) error {
	f, err := readFilter(r.URL.Query())
	if err != nil {
		return err
	}
	l := list{filter: f, change: p.may(r, staff.CatalogueChange)}
	if n, err := strconv.ParseInt(r.URL.Query().Get("done"), 10, 64); err == nil && n > 0 {
		l.done = ui.N(r.Context(), "catalogue.bulk_done", n)
	}
	if err := p.find(r.Context(), &l); err != nil {
		return err
	}
	w.Header().Add("Vary", "HX-Request-Type")
	if ui.Partial(r) {
		return ui.Render(w, r, http.StatusOK, found(l))
	}
	return ui.Render(w, r, http.StatusOK, servicesPage(l))
}

// find fills the list with what meets its filter.
func (p *Pages) find(ctx context.Context, l *list) (err error) {
	now, err := p.deps.Snapshot(ctx)
	if err != nil {
		return err
	}
	if l.providers, l.names, err = p.providerNames(ctx); err != nil {
		return err
	}
	if l.categories, err = p.deps.Catalog.Categories(ctx); err != nil {
		return err
	}
	passes, err := p.passes(ctx, l.filter)
	if err != nil {
		return err
	}
	reached := l.filter.after == 0
	for _, v := range now.Services {
		if !passes(v) {
			continue
		}
		l.total++
		switch {
		case !reached:
			reached = v.ID == l.filter.after
		case len(l.found) < listPage:
			l.found = append(l.found, v)
		case l.next == 0:
			l.next = l.found[listPage-1].ID
		}
	}
	ids := make([]int64, len(l.found))
	for i, v := range l.found {
		ids[i] = v.ID
	}
	l.sources, err = p.deps.Catalog.SourceCounts(ctx, ids)
	return err
}

// passes returns what tells whether a service meets a filter. What sources other
// than the present one say is asked of the database once.
func (p *Pages) passes(ctx context.Context, f filter) (func(*catalog.Service) bool, error) {
	words := strings.Fields(strings.ToLower(f.text))
	var byNumber, ofProvider map[int64]bool
	var err error
	if len(words) == 1 {
		if byNumber, err = p.deps.Catalog.ByNumber(ctx, strings.TrimSpace(f.text)); err != nil {
			return nil, err
		}
	}
	if f.provider != "" {
		if ofProvider, err = p.deps.Catalog.OfProvider(ctx, f.provider); err != nil {
			return nil, err
		}
	}
	return func(v *catalog.Service) bool {
		switch {
		case f.category != "" && v.CategoryID != f.category,
			f.state != "" && v.State != f.state,
			f.below && v.Rate >= v.Source.Cost,
			f.pinned && len(v.Pinned) == 0,
			f.provider != "" && !ofProvider[v.ID]:
			return false
		}
		if len(words) == 0 || byNumber[v.ID] || len(words) == 1 && strings.TrimPrefix(words[0], "#") == strconv.FormatInt(v.ID, 10) {
			return true
		}
		name := strings.ToLower(v.Name + " " + v.Category)
		for _, word := range words {
			if !strings.Contains(name, word) {
				return false
			}
		}
		return true
	}, nil
}

func searchBox(ctx context.Context, f filter) ui.Search {
	return ui.Search{
		Path: servicesPath, Label: ui.T(ctx, "catalogue.search"), Hint: ui.T(ctx, "catalogue.search_hint"), Button: ui.T(ctx, "catalogue.search_button"),
		Value: f.text, Results: "#" + foundID, Keep: f.values(), Max: maxTyped,
	}
}

func categoryPick(ctx context.Context, l list) ui.Pick {
	p := ui.Pick{Label: ui.T(ctx, "catalogue.category"), Clear: l.filter.with(func(f *filter) { f.category = "" }).path()}
	for _, c := range l.categories {
		taken := c.ID == l.filter.category
		if taken {
			p.Chosen = c.Name
		}
		p.Items = append(p.Items, ui.PickItem{Path: l.filter.with(func(f *filter) { f.category = c.ID }).path(), Text: c.Name, Taken: taken})
	}
	return p
}

func providerPick(ctx context.Context, l list) ui.Pick {
	p := ui.Pick{Label: ui.T(ctx, "catalogue.provider"), Clear: l.filter.with(func(f *filter) { f.provider = "" }).path()}
	for _, one := range l.providers {
		taken := one.ID == l.filter.provider
		if taken {
			p.Chosen = one.Name
		}
		p.Items = append(p.Items, ui.PickItem{Path: l.filter.with(func(f *filter) { f.provider = one.ID }).path(), Text: one.Name, Taken: taken})
	}
	return p
}

func statePick(ctx context.Context, l list) ui.Pick {
	p := ui.Pick{Label: ui.T(ctx, "catalogue.state"), Clear: l.filter.with(func(f *filter) { f.state = "" }).path()}
	for _, s := range []catalog.State{catalog.Active, catalog.Paused, catalog.Retired} {
		taken := s == l.filter.state
		if taken {
			p.Chosen = stateWord(ctx, s)
		}
		p.Items = append(p.Items, ui.PickItem{Path: l.filter.with(func(f *filter) { f.state = s }).path(), Text: stateWord(ctx, s), Taken: taken})
	}
	return p
}

func stateWord(ctx context.Context, s catalog.State) string {
	switch s {
	case catalog.Active:
		return ui.T(ctx, "catalogue.state_active")
	case catalog.Paused:
		return ui.T(ctx, "catalogue.state_paused")
	case catalog.Retired:
		return ui.T(ctx, "catalogue.state_retired")
	}
	return string(s)
}

func firstPage(l list) string {
	if l.filter.after == 0 {
		return ""
	}
	return l.filter.with(func(*filter) {}).path()
}

func nextPage(l list) string {
	if l.next == 0 {
		return ""
	}
	return l.filter.with(func(f *filter) { f.after = l.next }).path()
}

// bulkDeeds are what may be done to picked services.
func bulkDeeds(ctx context.Context) []ui.Option {
	return []ui.Option{
		{Value: bulkMarkup, Label: ui.T(ctx, "catalogue.bulk_markup")},
		{Value: bulkPause, Label: ui.T(ctx, "catalogue.bulk_pause")},
		{Value: bulkResume, Label: ui.T(ctx, "catalogue.bulk_resume")},
		{Value: bulkCategory, Label: ui.T(ctx, "catalogue.bulk_category")},
	}
}

func categoryOptions(all []catalog.Category) (options []ui.Option) {
	for _, c := range all {
		options = append(options, ui.Option{Value: c.ID, Label: c.Name})
	}
	return options
}

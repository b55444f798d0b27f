package site

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// foundID is the element that what was found stands in.
const foundID = "found"

// maxTyped is how much of a search counts, in characters.
const maxTyped = 100

// filter is what of the services is shown, as it stands in the address.
type filter struct {
	text, category, lang     string // lang only where the address names one
	kind                     catalog.Type
	refill, cancel, dripfeed bool
	after                    int64
}

// readFilter reads the filter of an address.
func readFilter(q url.Values) (f filter, err error) {
	f = filter{
		text: cut(q.Get("q")), category: cut(q.Get("category")), kind: catalog.Type(cut(q.Get("type"))), lang: cut(q.Get("lang")),
		refill: q.Get("refill") == "1", cancel: q.Get("cancel") == "1", dripfeed: q.Get("dripfeed") == "1",
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

// values are the filter's parts that stand in an address; the page is not one of
// them.
func (f filter) values() []ui.Kept {
	var all []ui.Kept
	add := func(name, value string) {
		if value != "" {
			all = append(all, ui.Kept{Name: name, Value: value})
		}
	}
	add("category", f.category)
	add("type", string(f.kind))
	for _, flag := range []struct {
		name string
		on   bool
	}{{"refill", f.refill}, {"cancel", f.cancel}, {"dripfeed", f.dripfeed}} {
		if flag.on {
			add(flag.name, "1")
		}
	}
	add("lang", f.lang)
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
		return "/services"
	}
	return "/services?" + q.Encode()
}

// with returns the filter changed, on its first page.
func (f filter) with(change func(*filter)) filter {
	f.after = 0
	change(&f)
	return f
}

// any reports that something is left out.
func (f filter) any() bool {
	return f.text != "" || f.category != "" || f.kind != "" || f.refill || f.cancel || f.dripfeed
}

// list is what the page of services shows.
type list struct {
	filter     filter
	found      catalog.Listed
	categories []catalog.ListedCategory
	types      []catalog.Type
}

// Services is the list of services, or for who is typing only what was found.
func (s *Site) Services(w http.ResponseWriter, r *http.Request) error {
	f, err := readFilter(r.URL.Query())
	if err != nil {
		return err
	}
	now, err := s.Catalogue(r.Context())
	if err != nil {
		return err
	}
	l := list{filter: f, categories: now.ListedCategories(lang(r)), types: now.Types()}
	l.found, err = now.Search(catalog.Query{
		Text: f.text, Lang: lang(r), Category: f.category, Type: f.kind, Refill: f.refill, Cancel: f.cancel, Dripfeed: f.dripfeed, After: f.after,
	})
	if err != nil {
		return err
	}
	w.Header().Add("Vary", "HX-Request-Type")
	if ui.Partial(r) {
		return ui.Render(w, r, http.StatusOK, found(l))
	}
	return ui.Render(w, r, http.StatusOK, servicesPage(l))
}

// searchBox is the form that looks for services; with results they come while
// somebody types.
func searchBox(ctx context.Context, text, results string, keep ...ui.Kept) ui.Search {
	return ui.Search{
		Path: "/services", Label: ui.T(ctx, "site.services.search"), Hint: ui.T(ctx, "site.services.search_hint"),
		Button: ui.T(ctx, "site.services.search_button"), Value: text, Results: results, Keep: keep, Max: maxTyped,
	}
}

// groups sets services that follow each other and are of one category together.
func groups(ctx context.Context, l list) (all []ui.ServiceGroup) {
	last := ""
	for _, v := range l.found.Services {
		if len(all) == 0 || v.CategoryID != last {
			last = v.CategoryID
			all = append(all, ui.ServiceGroup{Name: v.Category, Path: filter{category: v.CategoryID, lang: l.filter.lang}.path()})
		}
		g := &all[len(all)-1]
		g.Rows = append(g.Rows, row(ctx, v))
	}
	return all
}

func row(ctx context.Context, v catalog.Listing) ui.ServiceRow {
	r := ui.ServiceRow{
		Number: strconv.FormatInt(v.ID, 10), Path: servicePath(v.ID), Name: v.Name, Rate: ui.Amount(ctx, v.Own),
		Limits: limits(ctx, v), Options: options(ctx, v),
	}
	if price, is := packagePrice(ctx, v); is {
		r.Rate, r.Limits = price, ui.T(ctx, "site.service.package_of", "N", ui.Int(ctx, v.Min))
	}
	if timed(v) {
		r.Time = span(ctx, *v.Facts.CompleteHalf)
	}
	return r
}

// packagePrice is what a service's package costs; is tells whether it is sold by
// the package.
func packagePrice(ctx context.Context, v catalog.Listing) (price string, is bool) {
	schema, known := catalog.SchemaOf(v.Type)
	if !known || schema.Counting != catalog.ByPackage {
		return "", false
	}
	charge, err := money.Charge(v.Own, v.Min)
	return ui.Amount(ctx, charge), err == nil
}

func servicePath(id int64) string { return "/services/" + strconv.FormatInt(id, 10) }

// limits are the smallest and the largest quantity.
func limits(ctx context.Context, v catalog.Listing) string {
	if schema, ok := catalog.SchemaOf(v.Type); ok && schema.Counting == catalog.ByPackage {
		return ui.Int(ctx, v.Min)
	}
	return ui.Int(ctx, v.Min) + "–" + ui.Int(ctx, v.Max)
}

// options are what a service's orders can do beyond being delivered.
func options(ctx context.Context, v catalog.Listing) (all []string) {
	switch {
	case v.Refill && v.RefillDays > 0:
		all = append(all, ui.N(ctx, "site.option.refill_days", v.RefillDays))
	case v.Refill:
		all = append(all, ui.T(ctx, "site.option.refill"))
	}
	if v.Cancel {
		all = append(all, ui.T(ctx, "site.option.cancel"))
	}
	if v.Dripfeed {
		all = append(all, ui.T(ctx, "site.option.dripfeed"))
	}
	return all
}

// span writes seconds as the reader does.
func span(ctx context.Context, seconds int64) string {
	return ui.Of(ctx).Language.Span(time.Duration(seconds) * time.Second)
}

// categoryPick is the filter by category.
func categoryPick(ctx context.Context, l list) ui.Pick {
	p := ui.Pick{Label: ui.T(ctx, "site.services.category"), Clear: l.filter.with(func(f *filter) { f.category = "" }).path()}
	for _, c := range l.categories {
		taken := c.ID == l.filter.category
		if taken {
			p.Chosen = c.Name
		}
		p.Items = append(p.Items, ui.PickItem{
			Path: l.filter.with(func(f *filter) { f.category = c.ID }).path(), Text: c.Name, Note: ui.Int(ctx, int64(c.Services)), Taken: taken,
		})
	}
	return p
}

// typePick is the filter by type. Types are words of the interface and have no
// translation.
func typePick(ctx context.Context, l list) ui.Pick {
	p := ui.Pick{Label: ui.T(ctx, "site.services.type"), Clear: l.filter.with(func(f *filter) { f.kind = "" }).path()}
	for _, t := range l.types {
		taken := t == l.filter.kind
		if taken {
			p.Chosen = string(t)
		}
		p.Items = append(p.Items, ui.PickItem{Path: l.filter.with(func(f *filter) { f.kind = t }).path(), Text: string(t), Taken: taken})
	}
	return p
}

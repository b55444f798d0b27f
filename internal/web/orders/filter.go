package orders

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/plain"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// maxTyped is how much of a search counts, in bytes.
const maxTyped = 200

// filter is what of the orders is shown, as it stands in the address.
type filter struct {
	mode     ledger.Mode
	text     string
	word     string
	service  int64
	from, to string // days, as YYYY-MM-DD, both included
	before   int64
}

// readFilter reads the filter of an address. What can't be meant is left out.
func readFilter(q url.Values) filter {
	f := filter{mode: modeIn(q), text: typed(q.Get("q")), before: cursorIn(q)}
	if word := q.Get("state"); slices.Contains(words(), word) {
		f.word = word
	}
	if n, err := strconv.ParseInt(q.Get("service"), 10, 64); err == nil && n > 0 {
		f.service = n
	}
	f.from, f.to = day(q.Get("from")), day(q.Get("to"))
	return f
}

// typed is what of a search counts: readable text, not more than a link may have of it.
func typed(text string) string {
	text = plain.Readable(strings.TrimSpace(text))
	if len(text) > maxTyped {
		text = strings.ToValidUTF8(text[:maxTyped], "")
	}
	return text
}

func day(text string) string {
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return ""
	}
	return text
}

// words are those that customers see, in the order of a life.
func words() (all []string) {
	for _, s := range order.States() {
		if !slices.Contains(all, s.Word()) {
			all = append(all, s.Word())
		}
	}
	return all
}

// any reports that something is left out.
func (f filter) any() bool {
	return f.text != "" || f.word != "" || f.service != 0 || f.from != "" || f.to != ""
}

// page is what the filter asks for, in the reader's zone.
func (f filter) page(ctx context.Context, limit int) order.Page {
	p := order.Page{Before: f.before, Word: f.word, Service: f.service, Text: f.text, Limit: limit}
	zone := ui.Of(ctx).Zone
	if t, err := time.ParseInLocation(time.DateOnly, f.from, zone); err == nil {
		p.From = t
	}
	if t, err := time.ParseInLocation(time.DateOnly, f.to, zone); err == nil {
		p.Until = t.AddDate(0, 0, 1)
	}
	return p
}

// values are the filter's parts that stand in an address; the page is not one of
// them.
func (f filter) values() (all []ui.Kept) {
	add := func(name, value string) {
		if value != "" {
			all = append(all, ui.Kept{Name: name, Value: value})
		}
	}
	if f.mode == ledger.Test {
		add("mode", string(f.mode))
	}
	add("q", f.text)
	add("state", f.word)
	if f.service != 0 {
		add("service", strconv.FormatInt(f.service, 10))
	}
	add("from", f.from)
	add("to", f.to)
	return all
}

// without are the values but some.
func (f filter) without(names ...string) []ui.Kept {
	return slices.DeleteFunc(f.values(), func(k ui.Kept) bool { return slices.Contains(names, k.Name) })
}

// at is a path with the filter.
func (f filter) at(path string) string {
	q := url.Values{}
	for _, k := range f.values() {
		q.Set(k.Name, k.Value)
	}
	if f.before != 0 {
		q.Set("before", strconv.FormatInt(f.before, 10))
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// with returns the list filtered otherwise, on its first page.
func (f filter) with(change func(*filter)) string {
	f.before = 0
	change(&f)
	return f.at(listPath)
}

// search is the form of the text.
func (f filter) search(ctx context.Context) ui.Search {
	return ui.Search{
		Path: listPath, Label: ui.T(ctx, "orders.search"), Hint: ui.T(ctx, "orders.search_hint"), Button: ui.T(ctx, "orders.search_button"),
		Value: f.text, Keep: f.without("q"), Max: maxTyped,
	}
}

func (f filter) states(ctx context.Context) ui.Pick {
	p := ui.Pick{Label: ui.T(ctx, "orders.state"), Clear: f.with(func(f *filter) { f.word = "" })}
	for _, word := range words() {
		item := ui.PickItem{Path: f.with(func(f *filter) { f.word = word }), Text: ui.T(ctx, "state."+word), Taken: f.word == word}
		if item.Taken {
			p.Chosen = item.Text
		}
		p.Items = append(p.Items, item)
	}
	return p
}

func (f filter) services(ctx context.Context, all []int64, name naming) ui.Pick {
	p := ui.Pick{Label: ui.T(ctx, "orders.of"), Clear: f.with(func(f *filter) { f.service = 0 })}
	if f.service != 0 && !slices.Contains(all, f.service) {
		all = append(all, f.service)
	}
	for _, id := range all {
		item := ui.PickItem{
			Path: f.with(func(f *filter) { f.service = id }), Text: name(id), Note: strconv.FormatInt(id, 10), Taken: f.service == id,
		}
		if item.Taken {
			p.Chosen = item.Text
		}
		p.Items = append(p.Items, item)
	}
	return p
}

// spans are the usual ones, by how many days before today they begin.
func spans(ctx context.Context) []struct {
	text string
	days int
} {
	return []struct {
		text string
		days int
	}{{ui.T(ctx, "orders.today"), 0}, {ui.T(ctx, "orders.week"), 6}, {ui.T(ctx, "orders.month"), 29}}
}

func (f filter) dates(ctx context.Context) ui.Dates {
	d := ui.Dates{
		Pick: ui.Pick{Label: ui.T(ctx, "orders.dates"), Clear: f.with(func(f *filter) { f.from, f.to = "", "" })},
		Path: listPath, From: f.from, To: f.to, FromLabel: ui.T(ctx, "orders.from"), ToLabel: ui.T(ctx, "orders.to"), Button: ui.T(ctx, "orders.dates_show"),
		Keep: f.without("from", "to"), FromName: "from", ToName: "to",
	}
	v := ui.Of(ctx)
	for _, s := range spans(ctx) {
		from := v.Now.In(v.Zone).AddDate(0, 0, -s.days).Format(time.DateOnly)
		item := ui.PickItem{Path: f.with(func(f *filter) { f.from, f.to = from, "" }), Text: s.text, Taken: f.from == from && f.to == ""}
		if item.Taken {
			d.Chosen = item.Text
		}
		d.Items = append(d.Items, item)
	}
	if d.Chosen == "" && (f.from != "" || f.to != "") {
		d.Chosen = f.dayText(ctx, f.from) + "–" + f.dayText(ctx, f.to)
	}
	return d
}

// dayText writes a day of the filter; "" where it is open.
func (filter) dayText(ctx context.Context, text string) string {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return ""
	}
	return ui.Of(ctx).Language.Day(t)
}

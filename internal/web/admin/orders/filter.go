package orders

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/plain"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// maxTyped is how much of a search counts, in bytes.
const maxTyped = 200

// filter is what of the orders is shown, as it stands in the address.
type filter struct {
	attention bool
	state     order.State
	provider  string
	service   int64
	account   string // address or id, as typed
	text      string
	from, to  string // days, as YYYY-MM-DD, both included
	before    string
}

// readFilter reads the filter of an address. What can't be meant is left out.
func readFilter(q url.Values) filter {
	f := filter{
		attention: q.Get("show") == "waiting", provider: typed(q.Get("provider")), account: typed(q.Get("account")),
		text: typed(q.Get("q")), before: typed(q.Get("before")), from: day(q.Get("from")), to: day(q.Get("to")),
	}
	if state := order.State(q.Get("state")); slices.Contains(order.States(), state) {
		f.state = state
	}
	if n, err := strconv.ParseInt(q.Get("service"), 10, 64); err == nil && n > 0 {
		f.service = n
	}
	return f
}

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

// any reports that something is left out.
func (f filter) any() bool { return len(f.values()) > 0 }

// values are the filter's parts that stand in an address; the page is not one of
// them.
func (f filter) values() (all []ui.Kept) {
	add := func(name, value string) {
		if value != "" {
			all = append(all, ui.Kept{Name: name, Value: value})
		}
	}
	if f.attention {
		add("show", "waiting")
	}
	add("state", string(f.state))
	add("provider", f.provider)
	if f.service != 0 {
		add("service", strconv.FormatInt(f.service, 10))
	}
	add("account", f.account)
	add("q", f.text)
	add("from", f.from)
	add("to", f.to)
	return all
}

func (f filter) without(names ...string) []ui.Kept {
	return slices.DeleteFunc(f.values(), func(k ui.Kept) bool { return slices.Contains(names, k.Name) })
}

// at is a path with the filter.
func (f filter) at(path string) string {
	q := url.Values{}
	for _, k := range f.values() {
		q.Set(k.Name, k.Value)
	}
	if f.before != "" {
		q.Set("before", f.before)
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// with returns the list filtered otherwise, on its first page.
func (f filter) with(change func(*filter)) string {
	f.before = ""
	change(&f)
	return f.at(Path)
}

// sought is what the filter asks for, in the reader's zone.
func (f filter) sought(ctx context.Context, accountID string) order.Filter {
	s := order.Filter{
		State: f.state, Attention: f.attention, Provider: f.provider, Service: f.service, AccountID: accountID, Text: f.text, BeforeID: f.before, Limit: listed,
	}
	zone := ui.Of(ctx).Zone
	if t, err := time.ParseInLocation(time.DateOnly, f.from, zone); err == nil {
		s.From = t
	}
	if t, err := time.ParseInLocation(time.DateOnly, f.to, zone); err == nil {
		s.To = t.AddDate(0, 0, 1)
	}
	return s
}

// search is the form of the text.
func (f filter) search(ctx context.Context) ui.Search {
	return ui.Search{
		Path: Path, Label: ui.T(ctx, "desk_orders.search"), Hint: ui.T(ctx, "desk_orders.search_hint"), Button: ui.T(ctx, "orders.search_button"),
		Value: f.text, Keep: f.without("q"), Max: maxTyped,
	}
}

func (f filter) states(ctx context.Context) ui.Pick {
	p := ui.Pick{Label: ui.T(ctx, "orders.state"), Clear: f.with(func(f *filter) { f.state = "" })}
	for _, state := range order.States() {
		item := ui.PickItem{Path: f.with(func(f *filter) { f.state = state }), Text: stateText(ctx, state), Taken: f.state == state}
		if item.Taken {
			p.Chosen = item.Text
		}
		p.Items = append(p.Items, item)
	}
	return p
}

func (f filter) providers(ctx context.Context, n naming) ui.Pick {
	p := ui.Pick{Label: ui.T(ctx, "desk_orders.provider"), Clear: f.with(func(f *filter) { f.provider = "" })}
	for _, v := range n.all {
		item := ui.PickItem{Path: f.with(func(f *filter) { f.provider = v.ID }), Text: v.Name, Taken: f.provider == v.ID}
		if item.Taken {
			p.Chosen = item.Text
		}
		p.Items = append(p.Items, item)
	}
	return p
}

func (f filter) dates(ctx context.Context) ui.Dates {
	d := ui.Dates{
		Pick: ui.Pick{Label: ui.T(ctx, "orders.dates"), Clear: f.with(func(f *filter) { f.from, f.to = "", "" })},
		Path: Path, From: f.from, To: f.to, FromLabel: ui.T(ctx, "orders.from"), ToLabel: ui.T(ctx, "orders.to"), Button: ui.T(ctx, "orders.dates_show"),
		Keep: f.without("from", "to"), FromName: "from", ToName: "to",
	}
	v := ui.Of(ctx)
	for _, span := range []struct {
		text string
		days int
	}{{ui.T(ctx, "orders.today"), 0}, {ui.T(ctx, "orders.week"), 6}, {ui.T(ctx, "orders.month"), 29}} {
		from := v.Now.In(v.Zone).AddDate(0, 0, -span.days).Format(time.DateOnly)
		item := ui.PickItem{Path: f.with(func(f *filter) { f.from, f.to = from, "" }), Text: span.text, Taken: f.from == from && f.to == ""}
		if item.Taken {
			d.Chosen = item.Text
		}
		d.Items = append(d.Items, item)
	}
	if d.Chosen == "" && (f.from != "" || f.to != "") {
		d.Chosen = f.from + "–" + f.to
	}
	return d
}

package buy

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/favourite"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	foundID   = "found-services"
	maxTyped  = 100
	pickShown = 20 // services on a page of the search
	often     = 5  // services that are often ordered
)

// pick is the search for a service, with what it found.
type pick struct {
	Text       string
	Category   string
	After      int64
	Keep       url.Values // fields that were typed, for whoever takes another service
	Favourites []catalog.Listing
	Often      []catalog.Listing
	Found      catalog.Listed
	Categories []catalog.ListedCategory
	Starred    []int64
}

// blank reports that nothing is looked for: then what is at hand stands first.
func (k pick) blank() bool { return k.Text == "" && k.Category == "" && k.After == 0 }

// pick reads what is looked for, and finds it in the catalogue.
func (p *Pages) pick(ctx context.Context, v visit, q url.Values) (k pick, err error) {
	k = pick{Text: q.Get("q"), Category: q.Get("category"), After: number(q.Get("after")), Keep: kept(q)}
	if len(k.Text) > maxTyped {
		k.Text = ""
	}
	if k.Starred, err = p.deps.Favourites.Of(ctx, v.who.AccountID); err != nil {
		return k, err
	}
	k.Categories = v.snapshot.ListedCategories(v.lang)
	k.Found, err = v.snapshot.Search(catalog.Query{
		Text: k.Text, Lang: v.lang, For: v.customer(), Category: k.Category, After: k.After, Most: pickShown,
	})
	if err != nil {
		return k, err
	}
	if !k.blank() {
		return k, nil
	}
	ordered, err := p.deps.Orders.Often(ctx, v.scope(), often)
	if err != nil {
		return k, err
	}
	k.Favourites = listings(v, k.Starred, nil)
	k.Often = listings(v, ordered, k.Starred)
	return k, nil
}

// listings are those of some services that are sold, but for some.
func listings(v visit, services, but []int64) (all []catalog.Listing) {
	for _, serviceID := range services {
		if slices.Contains(but, serviceID) {
			continue
		}
		if l, err := v.snapshot.Listing(serviceID, v.lang, v.customer()); err == nil {
			all = append(all, l)
		}
	}
	return all
}

// kept are the short fields of an address that another service takes too.
func kept(q url.Values) url.Values {
	keep := url.Values{}
	for _, name := range []string{"link", "quantity"} {
		if said := q.Get(name); said != "" {
			keep.Set(name, said)
		}
	}
	return keep
}

// with is the address of the page with one thing more.
func (k pick) with(more ...string) string {
	q := url.Values{}
	maps.Copy(q, k.Keep)
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			q.Set(more[i], more[i+1])
		}
	}
	if len(q) == 0 {
		return newPath
	}
	return newPath + "?" + q.Encode()
}

func plain(n int64) string { return strconv.FormatInt(n, 10) }

// search is the form that looks for services.
func (k pick) search(ctx context.Context) ui.Search {
	s := ui.Search{
		Path: newPath, Label: ui.T(ctx, "site.services.search"), Hint: ui.T(ctx, "site.services.search_hint"),
		Button: ui.T(ctx, "site.services.search_button"), Value: k.Text, Results: "#" + foundID, Max: maxTyped,
	}
	for _, name := range []string{"link", "quantity"} {
		if said := k.Keep.Get(name); said != "" {
			s.Keep = append(s.Keep, ui.Kept{Name: name, Value: said})
		}
	}
	if k.Category != "" {
		s.Keep = append(s.Keep, ui.Kept{Name: "category", Value: k.Category})
	}
	return s
}

// menu is the filter by category.
func (k pick) menu(ctx context.Context) ui.Pick {
	m := ui.Pick{Label: ui.T(ctx, "site.services.category"), Clear: k.with("q", k.Text)}
	for _, c := range k.Categories {
		taken := c.ID == k.Category
		if taken {
			m.Chosen = c.Name
		}
		m.Items = append(m.Items, ui.PickItem{Path: k.with("q", k.Text, "category", c.ID), Text: c.Name, Note: ui.Int(ctx, int64(c.Services)), Taken: taken})
	}
	return m
}

// groups are the services to take one of: those at hand, then the others by category.
func (k pick) groups(ctx context.Context) (all []ui.ServiceGroup) {
	add := func(name string, services []catalog.Listing) {
		g := ui.ServiceGroup{Name: name}
		for _, l := range services {
			g.Rows = append(g.Rows, k.row(ctx, l))
		}
		if len(g.Rows) > 0 {
			all = append(all, g)
		}
	}
	add(ui.T(ctx, "buy.pick.favourites"), k.Favourites)
	add(ui.T(ctx, "buy.pick.often"), k.Often)
	last := ""
	for _, l := range k.Found.Services {
		if l.CategoryID != last || len(all) == 0 {
			last = l.CategoryID
			all = append(all, ui.ServiceGroup{Name: l.Category, Path: k.with("category", l.CategoryID)})
		}
		g := &all[len(all)-1]
		g.Rows = append(g.Rows, k.row(ctx, l))
	}
	return all
}

func (k pick) row(ctx context.Context, l catalog.Listing) ui.ServiceRow {
	r := ui.ServiceRow{
		Number: plain(l.ID), Path: k.with("service", plain(l.ID)), Name: l.Name, Rate: ui.Amount(ctx, l.Own),
		Limits: ui.Int(ctx, l.Min) + "–" + ui.Int(ctx, l.Max), Options: optionsOf(ctx, l),
	}
	if schema, known := catalog.SchemaOf(l.Type); known && schema.Counting == catalog.ByPackage {
		if charge, err := money.Charge(l.Own, l.Min); err == nil {
			r.Rate, r.Limits = ui.Amount(ctx, charge), ui.T(ctx, "site.service.package_of", "N", ui.Int(ctx, l.Min))
		}
	}
	if l.Facts != nil && l.Facts.CompleteHalf != nil {
		r.Time = span(ctx, *l.Facts.CompleteHalf)
	}
	return r
}

func optionsOf(ctx context.Context, l catalog.Listing) (all []string) {
	switch {
	case l.Refill && l.RefillDays > 0:
		all = append(all, ui.N(ctx, "site.option.refill_days", l.RefillDays))
	case l.Refill:
		all = append(all, ui.T(ctx, "site.option.refill"))
	}
	if l.Cancel {
		all = append(all, ui.T(ctx, "site.option.cancel"))
	}
	if l.Dripfeed {
		all = append(all, ui.T(ctx, "site.option.dripfeed"))
	}
	return all
}

func (k pick) heads(ctx context.Context) ui.ServiceHeads {
	h := ui.ServiceHeads{
		Label: ui.T(ctx, "site.services.title"), Number: ui.T(ctx, "site.column.number"), Name: ui.T(ctx, "site.column.service"),
		Options: ui.T(ctx, "site.column.options"), Rate: ui.T(ctx, "site.column.rate"), Limits: ui.T(ctx, "site.column.limits"),
	}
	timed := func(l catalog.Listing) bool { return l.Facts != nil && l.Facts.CompleteHalf != nil }
	if slices.ContainsFunc(slices.Concat(k.Favourites, k.Often, k.Found.Services), timed) {
		h.Times = ui.T(ctx, "site.column.time")
	}
	return h
}

func (k pick) first() string {
	if k.After == 0 {
		return ""
	}
	return k.with("q", k.Text, "category", k.Category)
}

func (k pick) next() string {
	if k.Found.Next == 0 {
		return ""
	}
	return k.with("q", k.Text, "category", k.Category, "after", plain(k.Found.Next))
}

// Favourite keeps a service at hand, or takes it out.
func (p *Pages) Favourite(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	who, _ := p.deps.People.Current(ctx)
	f := ui.Sent(r)
	serviceID := number(f.Value("service"))
	var err error
	if f.Value("keep") == "1" {
		err = p.deps.Favourites.Add(ctx, who.AccountID, serviceID)
	} else {
		err = p.deps.Favourites.Remove(ctx, who.AccountID, serviceID)
	}
	k := pick{Keep: url.Values{}}
	more := ""
	if fault.Is(err, fault.Conflict) {
		more, err = plain(favourite.Max), nil
	}
	if err != nil {
		return err
	}
	return ui.See(w, r, k.with("service", plain(serviceID), "full", more))
}

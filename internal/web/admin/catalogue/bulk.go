package catalogue

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/web/back"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// What is done to picked services.
const (
	bulkMarkup   = "markup"
	bulkPause    = "pause"
	bulkResume   = "resume"
	bulkCategory = "category"
)

// bulk is a change of several services before it is made.
type bulk struct {
	Act      string
	Markup   *money.Percent
	Category catalog.Category
	Back     string
	Rows     []bulkRow
	Failed   []bulkFailure // what was not done, once it was tried
}

// bulkRow is what changes of a service.
type bulkRow struct {
	Service       *catalog.Service
	Before, After string
	Same          bool   // nothing changes
	Why           string // why it does not
}

type bulkFailure struct {
	Service *catalog.Service
	Text    string
}

// changes counts the services that something changes of.
func (b bulk) changes() (n int64) {
	for _, r := range b.Rows {
		if !r.Same {
			n++
		}
	}
	return n
}

// Bulk shows what a change of the picked services would do and, once that was
// seen, makes it.
func (p *Pages) Bulk(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	b, err := p.readBulk(ctx, f)
	if err != nil {
		return err
	}
	if b.Back = back.Own(f.Value("back")); b.Back == "" || b.Back == "/" {
		b.Back = servicesPath
	}
	if f.Value("sure") == yes && f.OK() {
		done := p.doBulk(ctx, &b, p.by(r))
		if len(b.Failed) == 0 {
			return ui.See(w, r, servicesPath+"?done="+strconv.Itoa(done))
		}
		return ui.Render(w, r, http.StatusOK, bulkPage(b, f))
	}
	status := http.StatusOK
	if !f.OK() {
		status = http.StatusUnprocessableEntity
	}
	return ui.Render(w, r, status, bulkPage(b, f))
}

// readBulk reads which services are meant and what would become of each.
func (p *Pages) readBulk(ctx context.Context, f *ui.Form) (b bulk, err error) {
	b.Act = f.Value("act")
	switch b.Act {
	case bulkMarkup:
		if share, ok := percentIn(ctx, f, "markup"); ok {
			b.Markup = &share
		} else {
			f.Error = ui.T(ctx, "catalogue.error_percent")
		}
	case bulkCategory:
		if b.Category, err = p.category(ctx, f.Value("category")); err != nil && !fault.Is(err, fault.NotFound) {
			return b, err
		}
		if b.Category.ID == "" {
			f.Error = ui.T(ctx, "catalogue.error_category")
		}
	case bulkPause, bulkResume:
	default:
		f.Error = ui.T(ctx, "catalogue.error_deed")
	}
	wanted := map[string]bool{}
	for _, id := range f.Values["service"] {
		wanted[id] = true
	}
	if len(wanted) == 0 {
		f.Error = ui.T(ctx, "catalogue.error_none_picked")
	}
	now, err := p.deps.Snapshot(ctx)
	if err != nil || !f.OK() {
		return b, err
	}
	for _, v := range now.Services {
		if !wanted[strconv.FormatInt(v.ID, 10)] {
			continue
		}
		b.Rows = append(b.Rows, p.bulkRow(ctx, b, v))
	}
	return b, nil
}

func (p *Pages) category(ctx context.Context, id string) (catalog.Category, error) {
	all, err := p.deps.Catalog.Categories(ctx)
	if err != nil {
		return catalog.Category{}, err
	}
	i := slices.IndexFunc(all, func(c catalog.Category) bool { return c.ID == id })
	if i < 0 {
		return catalog.Category{}, fault.New(fault.NotFound, "There is no such category")
	}
	return all[i], nil
}

// bulkRow reckons what changes of one service.
func (p *Pages) bulkRow(ctx context.Context, b bulk, v *catalog.Service) (row bulkRow) {
	row.Service = v
	switch b.Act {
	case bulkMarkup:
		row.Before = ui.Amount(ctx, v.Rate)
		if slices.Contains(v.Pinned, "rate") {
			row.After, row.Same, row.Why = row.Before, true, ui.T(ctx, "catalogue.bulk_rate_pinned")
			return row
		}
		rate, err := p.rateAt(ctx, v, b.Markup)
		if err != nil {
			row.After, row.Same, row.Why = row.Before, true, ui.T(ctx, "catalogue.error_range")
			return row
		}
		row.After = ui.Amount(ctx, rate)
		row.Same = rate == v.Rate && v.Markup != nil && b.Markup != nil && *v.Markup == *b.Markup
	case bulkCategory:
		row.Before, row.After, row.Same = v.Category, b.Category.Name, v.CategoryID == b.Category.ID
	case bulkPause, bulkResume:
		to := catalog.Paused
		if b.Act == bulkResume {
			to = catalog.Active
		}
		row.Before, row.After, row.Same = stateWord(ctx, v.State), stateWord(ctx, to), v.State == to
		if v.State == catalog.Retired {
			row.After, row.Same, row.Why = row.Before, true, ui.T(ctx, "catalogue.bulk_retired")
		}
	}
	return row
}

// rateAt is what a service would sell at by a mark-up.
func (p *Pages) rateAt(ctx context.Context, v *catalog.Service, markup *money.Percent) (money.Amount, error) {
	of, err := p.deps.Providers.Find(ctx, v.Source.ProviderID)
	if err != nil {
		return 0, err
	}
	return rateBy(of, v, markup)
}

func rateBy(of provider.Provider, v *catalog.Service, markup *money.Percent) (money.Amount, error) {
	terms := of.Pricing()
	if markup != nil {
		terms.Markup = markup
	}
	rate, known, err := terms.Rate(v.Source.Cost)
	if !known && err == nil {
		return v.Rate, nil
	}
	return rate, err
}

// doBulk makes the change, each service by itself, and returns how many it made.
func (p *Pages) doBulk(ctx context.Context, b *bulk, by string) (done int) {
	for _, row := range b.Rows {
		if row.Same {
			continue
		}
		if err := p.doOne(ctx, *b, row.Service.ID, by); err != nil {
			text, ok := refusal.Text(ctx, err)
			if !ok {
				text = ui.T(ctx, "error.text_500")
			}
			b.Failed = append(b.Failed, bulkFailure{row.Service, text})
			continue
		}
		done++
	}
	return done
}

func (p *Pages) doOne(ctx context.Context, b bulk, serviceID int64, by string) (err error) {
	switch b.Act {
	case bulkMarkup:
		_, err = p.deps.Catalog.SetMarkup(ctx, serviceID, b.Markup, by)
	case bulkCategory:
		_, err = p.deps.Catalog.Set(ctx, serviceID, catalog.Change{Category: &b.Category.ID}, by)
	case bulkPause:
		_, err = p.deps.Catalog.Set(ctx, serviceID, catalog.Change{State: new(catalog.Paused)}, by)
	case bulkResume:
		_, err = p.deps.Catalog.Set(ctx, serviceID, catalog.Change{State: new(catalog.Active)}, by)
	}
	return err
}

// bulkDeed names what is about to be done.
func bulkDeed(ctx context.Context, b bulk) string {
	n := b.changes()
	switch b.Act {
	case bulkMarkup:
		return ui.N(ctx, "catalogue.do_markup", n, "Percent", markupWord(ctx, b.Markup))
	case bulkCategory:
		return ui.N(ctx, "catalogue.do_category", n, "Category", b.Category.Name)
	case bulkPause:
		return ui.N(ctx, "catalogue.do_pause", n)
	}
	return ui.N(ctx, "catalogue.do_resume", n)
}

// listColumns are the heads of the list; who may not change anything picks nothing.
func listColumns(ctx context.Context, l list) []ui.Column {
	all := []ui.Column{
		{Name: ui.T(ctx, "catalogue.service")},
		{Name: ui.T(ctx, "catalogue.price"), Right: true},
		{Name: ui.T(ctx, "catalogue.cost"), Right: true},
		{Name: ui.T(ctx, "catalogue.margin"), Right: true},
		{Name: ui.T(ctx, "catalogue.source")},
		{Name: ui.T(ctx, "catalogue.state"), Right: true},
	}
	if l.change {
		all = slices.Insert(all, 0, ui.Column{Name: ui.T(ctx, "catalogue.pick")})
	}
	return all
}

// sourceNote is the number at the provider and how many sources there are beside it.
func sourceNote(ctx context.Context, v *catalog.Service, sources int64) string {
	text := v.Source.ProviderService
	if sources > 1 {
		text += " · " + ui.N(ctx, "catalogue.more_sources", sources-1)
	}
	return text
}

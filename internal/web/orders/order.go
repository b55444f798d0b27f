package orders

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// plannedMost is how many runs to come are named one by one.
const plannedMost = 5

// view is what an order's page shows.
type view struct {
	order.Whole

	Service string
	Sold    bool // the service is still in the list
	Key     *apikey.Key
	Runs    []*order.Order // of a parent: a page of its runs or posts
	Before  int64          // which page
	Older   int64          // the run that the next page goes on before; 0: there are no more
	Planned []planned
	Refused string // why the last deed was not done
}

// planned is a run to come.
type planned struct {
	Run int64
	At  time.Time
}

// Order shows an order.
func (p *Pages) Order(w http.ResponseWriter, r *http.Request) error {
	return p.show(w, r, http.StatusOK, "")
}

// show shows an order with why something was not done with it, "" where nothing was
// refused.
func (p *Pages) show(w http.ResponseWriter, r *http.Request, status int, refused string) error {
	v, err := p.view(r.Context(), p.scope(r), refOf(r), cursorIn(r.URL.Query()))
	if err != nil {
		return err
	}
	v.Refused = refused
	return ui.Render(w, r, status, orderPage(v))
}

// refOf is the order that a path names, by number or id.
func refOf(r *http.Request) order.Ref { return order.Ref(r.PathValue("number")) }

// view reads an order with all that its page shows.
func (p *Pages) view(ctx context.Context, scope order.Scope, ref order.Ref, before int64) (v view, err error) {
	v.Before = before
	if v.Whole, err = p.deps.Orders.Whole(ctx, scope, ref); err != nil {
		return v, err
	}
	snapshot, err := p.deps.Snapshot(ctx)
	if err != nil {
		return v, err
	}
	_, v.Sold = snapshot.Service(v.ServiceID)
	name, err := p.naming(ctx)
	if err != nil {
		return v, err
	}
	v.Service = name(v.ServiceID)
	if err := p.placedWith(ctx, &v); err != nil {
		return v, err
	}
	if len(v.Parts) > 0 {
		if v.Runs, err = p.deps.Orders.Runs(ctx, scope, order.Ref(v.ID), before, rows+1); err != nil {
			return v, err
		}
		if len(v.Runs) > rows {
			v.Runs = v.Runs[:rows]
			v.Older = v.Runs[rows-1].Run
		}
	}
	v.Planned = plan(v.Order)
	return v, nil
}

// placedWith finds the key that placed an order. One that is not there placed it in
// another way.
func (p *Pages) placedWith(ctx context.Context, v *view) error {
	k, err := p.deps.Keys.Own(ctx, v.AccountID, v.KeyID)
	switch {
	case err == nil:
		v.Key = &k
	case !fault.Is(err, fault.NotFound):
		return err
	}
	return nil
}

// plan lists the next runs of a drip-feed. One that is paused, or makes no more, has
// none.
func plan(o *order.Order) (all []planned) {
	if o.Kind != order.Drip || o.State.Final() || !o.PausedAt.IsZero() || !o.CancelWishAt.IsZero() || o.NextRunAt.IsZero() {
		return nil
	}
	for run := o.Run + 1; run <= o.Runs && len(all) < plannedMost; run++ {
		all = append(all, planned{run, runAt(o, run)})
	}
	return all
}

// runAt is when a run to come is due.
func runAt(o *order.Order, run int64) time.Time {
	return o.NextRunAt.Add(time.Duration(run-o.Run-1) * every(o))
}

func every(o *order.Order) time.Duration { return time.Duration(o.Every) * time.Minute }

// watched are the orders whose changes the page shows.
func (v view) watched() (orderIDs []string) {
	orderIDs = append(orderIDs, v.ID)
	for _, run := range v.Runs {
		orderIDs = append(orderIDs, run.ID)
	}
	return orderIDs
}

// moves reports whether something more becomes of what the page shows.
func (v view) moves() bool {
	if !v.State.Final() {
		return true
	}
	for _, r := range v.Refills {
		if !r.State.Ended() {
			return true
		}
	}
	return false
}

// changes is where they come from; "" where nothing more becomes of it.
func (v view) changes() string {
	if !v.moves() {
		return ""
	}
	return wholePath(v.Order, v.Before)
}

// blockID names what of the page the stream sends.
func (v view) blockID() string { return partID("whole", v.Order) }

func (v view) olderRuns() string {
	if v.Older == 0 {
		return ""
	}
	return in(v.Mode, listPath+"/"+ui.Plain(v.Number), "before", cursor(v.Older)) + "#runs"
}

func (v view) newestRuns() string {
	if v.Before == 0 {
		return ""
	}
	return orderPath(v.Order, "") + "#runs"
}

// again leads to the form of a new order that is like this one.
func (v view) again() string {
	return newPath + "?again=" + ui.Plain(v.Number)
}

// isAddress reports whether a link may be followed from the page.
func isAddress(link string) bool {
	u, err := url.Parse(link)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

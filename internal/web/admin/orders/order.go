package orders

import (
	"context"
	"fmt"
	"net/http"

	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// samplesBeside is how many balance samples stand before and after a submission.
const samplesBeside = 3

// askSeconds is how often an open page of an order asks for what has changed.
const askSeconds = 3

// view is what an order's page shows.
type view struct {
	fulfil.Whole

	Email    string
	Service  string
	Provider provider.Provider
	emails   map[string]string // of who did its steps
	names    naming
	Samples  []provider.BalanceSample // around the newest submission, where its outcome was ever unknown
	Offered  []deed                   // what may be done to it now, by who reads
	Mark     string                   // of what is shown
}

func orderPath(orderID string) string { return Path + "/" + orderID }

// Order shows all that is known of an order. A page that is open asks again for what
// has changed since what it shows.
func (p *Pages) Order(w http.ResponseWriter, r *http.Request) error {
	mark, err := p.mark(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if ui.Partial(r) && r.URL.Query().Get("shown") == mark {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	v, err := p.view(r)
	if err != nil {
		return err
	}
	v.Mark = mark
	for _, d := range deeds() {
		if p.may(r, d.needs) && d.offered(v.Order) {
			v.Offered = append(v.Offered, d)
		}
	}
	if ui.Partial(r) {
		return ui.Render(w, r, http.StatusOK, orderBlock(v, true))
	}
	return ui.Render(w, r, http.StatusOK, orderPage(v))
}

// mark tells what a page shows of an order from what it will show. It is taken before
// the order is read, so that no change falls between.
func (p *Pages) mark(ctx context.Context, orderID string) (string, error) {
	marks, err := p.deps.Orders.Marks(ctx, []string{orderID})
	if err != nil {
		return "", err
	}
	m := marks[orderID]
	return fmt.Sprintf("%d-%d-%d-%d", m.Updated, m.Step, m.Run, int64(m.Refunded)), nil
}

func (p *Pages) view(r *http.Request) (v view, err error) {
	ctx := r.Context()
	if v.Whole, err = p.deps.Settler.Whole(ctx, r.PathValue("id")); err != nil {
		return v, err
	}
	if v.names, err = p.naming(ctx); err != nil {
		return v, err
	}
	v.Service = v.names.service(ctx, v.ServiceID)
	for _, known := range v.names.all {
		if known.ID == v.ProviderID {
			v.Provider = known
		}
	}
	actors := []string{v.AccountID}
	for _, s := range v.Steps {
		actors = append(actors, s.Actor)
	}
	if v.emails, err = p.deps.Accounts.Emails(ctx, actors); err != nil {
		return v, err
	}
	v.Email = v.emails[v.AccountID]
	v.Samples, err = p.samples(ctx, v)
	return v, err
}

// samples are what our account at the provider held around the newest sending of an
// order of which nobody knew whether it arrived.
func (p *Pages) samples(ctx context.Context, v view) ([]provider.BalanceSample, error) {
	if !v.EverUnknown || len(v.Submissions) == 0 {
		return nil, nil
	}
	newest := v.newest()
	return p.deps.Providers.BalancesAround(ctx, newest.ProviderID, newest.BeganAt, samplesBeside)
}

// newest is the latest of the order's submissions.
func (v view) newest() *fulfil.Submission {
	newest := v.Submissions[0]
	for _, u := range v.Submissions {
		if u.BeganAt.After(newest.BeganAt) {
			newest = u
		}
	}
	return newest
}

// cost is what the provider takes for the order, by its own word or by the price
// that it was sold at.
func (v view) cost() money.Amount {
	if v.ProviderCharge != nil {
		return *v.ProviderCharge
	}
	cost, err := money.Charge(v.Cost, v.Quantity)
	if err != nil {
		return 0
	}
	return cost
}

// live reports whether staff may do something to the order at all.
func live(o *order.Order) bool { return o.Mode == ledger.Live }

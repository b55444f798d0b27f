package dashboard

import (
	"context"
	"net/http"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/orders"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// newOrderPath is where orders are placed by page.
const newOrderPath = "/dashboard/orders/new"

// latestOrders is how many orders the overview shows.
const latestOrders = 10

// overview is what the first page behind the sign-in shows.
type overview struct {
	Live, Test money.Amount
	Orders     orders.Latest
	HasKey     bool
	Concerns   []concern
	Figures    figures
}

// step is what a newcomer does next.
type step struct {
	title, text string // keys of the language files
	path, label string
	done        bool
}

// steps lead to a first order by API.
func (o overview) steps() []step {
	return []step{
		{"start.key", "start.key_text", keysPath + "/keys/new", "start.key_label", o.HasKey},
		{"start.funds", "start.funds_text", walletPath, "start.funds_label", o.Live > 0},
		{"start.order", "start.order_text", "/developers/getting-started", "start.order_label", o.Orders.Any()},
	}
}

// begun reports that nothing is left of the steps.
func (o overview) begun() bool {
	for _, s := range o.steps() {
		if !s.done {
			return false
		}
	}
	return true
}

// Overview shows what the account has and what to do next.
func (d *Dashboard) Overview(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	who := d.person(r)
	var o overview
	var err error
	if o.Live, o.Test, err = d.deps.Balances(ctx, who.AccountID); err != nil {
		return err
	}
	if o.Orders, err = d.deps.Latest(ctx, who.AccountID, latestOrders); err != nil {
		return err
	}
	keys, err := d.deps.Keys.List(ctx, who.AccountID, "", 1)
	if err != nil {
		return err
	}
	o.HasKey = len(keys) > 0
	if o.Concerns, err = d.concerns(ctx, who, o); err != nil {
		return err
	}
	if o.Figures, err = d.figuresOf(ctx, who.AccountID); err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, overviewPage(o))
}

// serviceName is what a service is called; one that is not sold any more goes by
// its number.
func serviceName(ctx context.Context, s *catalog.Snapshot, serviceID int64) string {
	v, found := s.Service(serviceID)
	if !found {
		return ui.T(ctx, "orders.service", "Number", serviceID)
	}
	return s.Wording(v, s.Language(ui.Of(ctx).Language.Code)).Name
}

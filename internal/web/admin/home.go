package admin

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Where the pages are that a line leads to.
const (
	ordersPath    = "/admin/orders"
	topupsPath    = "/admin/topups"
	textsPath     = "/admin/texts"
	providersPath = "/admin/providers"
)

// shown is how many lines of a kind stand on the first page; where there are more,
// their own page has them.
const shown = 20

// need is something that waits for a person.
type need struct {
	Title  string // what it is, in the reader's language
	Whose  string // the account's address: orders are numbered by account
	Detail string
	Since  time.Time // zero: nobody knows
	Path   string    // where it is dealt with; "": nowhere here
	Label  string    // of the way there
	Dialog bool      // a form that may stand in a dialog
}

// home is what the first page shows.
type home struct {
	Needs   []need
	Waiting order.Waiting
	Figures figures
}

// Home shows what needs a person now, the oldest first, and the figures below.
func (a *Admin) Home(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	may := Actor(a.deps.People, r).Permissions
	var h home
	for _, source := range []struct {
		needs staff.Permission
		read  func(context.Context) ([]need, error)
	}{
		{staff.OrdersSee, a.orders(may)},
		{staff.TopupsDecide, a.topups},
		{staff.TextsDecide, a.texts},
		{staff.ProvidersSee, a.providers},
		{"", a.late},
	} {
		if source.needs != "" && !may.Has(source.needs) {
			continue
		}
		found, err := source.read(ctx)
		if err != nil {
			return err
		}
		h.Needs = append(h.Needs, found...)
	}
	slices.SortStableFunc(h.Needs, func(a, b need) int { return a.Since.Compare(b.Since) })
	var err error
	if may.Has(staff.OrdersSee) {
		if h.Waiting, err = a.deps.Orders.Waiting(ctx); err != nil {
			return err
		}
	}
	if may.Has(staff.ReportsSee) {
		if h.Figures, err = a.figures(ctx); err != nil {
			return err
		}
	}
	return ui.Render(w, r, http.StatusOK, homePage(h))
}

// orders are those that have waited longest, with what can be said of them in place.
func (a *Admin) orders(may staff.Set) func(context.Context) ([]need, error) {
	return func(ctx context.Context) (all []need, err error) {
		waiting, err := a.deps.Orders.Oldest(ctx, shown)
		if err != nil {
			return nil, err
		}
		accountIDs := make([]string, len(waiting))
		for i, o := range waiting {
			accountIDs[i] = o.AccountID
		}
		emails, err := a.deps.Accounts.Emails(ctx, accountIDs)
		if err != nil {
			return nil, fmt.Errorf("whose orders wait: %w", err)
		}
		for _, o := range waiting {
			n := need{
				Title: ui.T(ctx, "orders.one", "Number", ui.Plain(o.Number)), Whose: emails[o.AccountID], Detail: whyWaits(ctx, o), Since: o.UpdatedAt,
				Path: ordersPath + "/" + o.ID, Label: ui.T(ctx, "admin.look"),
			}
			if (o.State == order.Uncertain || o.State == order.Held) && may.Has(staff.OrdersSettle) {
				n.Path, n.Label, n.Dialog = n.Path+"/settle", ui.T(ctx, "desk_orders.deed_settle"), true
			}
			all = append(all, n)
		}
		return all, nil
	}
}

// whyWaits says why an order needs a person.
func whyWaits(ctx context.Context, o *order.Order) string {
	switch {
	case o.Attention != "":
		return o.Attention
	case o.State == order.Uncertain:
		return ui.T(ctx, "admin.why_uncertain")
	case o.Refusal != "":
		return ui.T(ctx, "admin.why_text", "Text", o.Refusal)
	}
	return ui.T(ctx, "admin.why_held")
}

func (a *Admin) topups(ctx context.Context) (all []need, err error) {
	waiting, err := a.deps.Payments.AllWaiting(ctx, "", shown)
	if err != nil {
		return nil, err
	}
	for _, p := range waiting {
		all = append(all, need{
			Title: ui.T(ctx, "admin.topup", "Amount", ui.Amount(ctx, p.Asked)), Detail: p.Reference, Since: p.RequestedAt,
			Path: topupsPath, Label: ui.T(ctx, "admin.look"),
		})
	}
	return all, nil
}

// texts are refusals that nobody has given a meaning.
func (a *Admin) texts(ctx context.Context) (all []need, err error) {
	providers, err := a.deps.Providers.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range providers {
		texts, err := a.deps.Providers.TextsOf(ctx, p.ID, false, provider.TextCursor{}, shown)
		if err != nil {
			return nil, err
		}
		for _, t := range texts {
			all = append(all, need{
				Title: ui.T(ctx, "admin.text", "Provider", p.Name), Detail: t.Text, Since: t.FirstAt, Path: textsPath, Label: ui.T(ctx, "admin.classify"),
			})
		}
	}
	return all, nil
}

// providers are those with an alarm, and those that stopped by themselves.
func (a *Admin) providers(ctx context.Context) (all []need, err error) {
	providers, err := a.deps.Providers.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range providers {
		detail := p.Alarm
		if p.State == provider.Paused && p.PauseReason != "" {
			detail = p.PauseReason
		}
		if detail != "" {
			all = append(all, need{
				Title: ui.T(ctx, "admin.provider", "Provider", p.Name), Detail: detail, Since: p.BalanceAt,
				Path: providersPath + "/" + p.ID, Label: ui.T(ctx, "admin.look"),
			})
		}
	}
	return all, nil
}

// late are workers of this node that should have run.
func (a *Admin) late(ctx context.Context) (all []need, err error) {
	for _, beat := range a.deps.Heartbeats(ctx) {
		if beat.Late(ui.Of(ctx).Now) {
			all = append(all, need{Title: ui.T(ctx, "admin.worker", "Name", beat.Name), Detail: beat.LastError, Since: beat.LastSuccess})
		}
	}
	return all, nil
}

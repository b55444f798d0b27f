package orders

import (
	"context"
	"net/http"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// line is an order as the list shows it.
type line struct {
	*order.Order

	Email    string
	Service  string
	Provider string
}

// list is what the page of orders shows.
type list struct {
	filter    filter
	lines     []line
	names     naming
	next      string
	acts      bool // who reads may do something to orders
	noAccount bool // the account that the filter names is not there
}

// List shows the orders of all accounts that a filter fits, newest first.
func (p *Pages) List(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	l := list{filter: readFilter(r.URL.Query()), acts: p.may(r, staff.OrdersChange) || p.may(r, staff.OrdersSettle) || p.may(r, staff.OrdersRefund)}
	var err error
	if l.names, err = p.naming(ctx); err != nil {
		return err
	}
	accountID, found, err := p.account(ctx, l.filter.account)
	if err != nil {
		return err
	}
	if l.noAccount = !found; found {
		var orders []*order.Order
		if orders, l.next, err = p.deps.Orders.Search(ctx, l.filter.sought(ctx, accountID)); err != nil {
			return err
		}
		if l.lines, err = p.lines(ctx, orders, l.names); err != nil {
			return err
		}
	}
	return ui.Render(w, r, http.StatusOK, listPage(l))
}

// account returns the id of the account that was typed; "" where none was.
func (p *Pages) account(ctx context.Context, typed string) (accountID string, found bool, err error) {
	if typed == "" {
		return "", true, nil
	}
	a, err := p.deps.Accounts.Find(ctx, typed)
	if fault.Is(err, fault.NotFound) {
		return "", false, nil
	}
	return a.ID, err == nil, err
}

func (p *Pages) lines(ctx context.Context, orders []*order.Order, n naming) (all []line, err error) {
	var accountIDs []string
	for _, o := range orders {
		accountIDs = append(accountIDs, o.AccountID)
	}
	emails, err := p.deps.Accounts.Emails(ctx, accountIDs)
	if err != nil {
		return nil, err
	}
	for _, o := range orders {
		all = append(all, line{o, emails[o.AccountID], n.service(ctx, o.ServiceID), n.provider(o.ProviderID)})
	}
	return all, nil
}

// older leads to the page behind this one.
func (l list) older() string {
	if l.next == "" {
		return ""
	}
	f := l.filter
	f.before = l.next
	return f.at(Path)
}

func (l list) newest() string {
	if l.filter.before == "" {
		return ""
	}
	return l.filter.with(func(*filter) {})
}

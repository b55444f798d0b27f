package orders

import (
	"context"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
)

// Latest are an account's newest orders, for a page that is about more than them.
type Latest struct{ lines []line }

// Latest reads up to so many of an account's live orders.
func (p *Pages) Latest(ctx context.Context, accountID string, most int) (l Latest, err error) {
	found, _, err := p.deps.Orders.Own(ctx, order.Scope{AccountID: accountID, Mode: ledger.Live}, order.Page{Limit: most})
	if err != nil || len(found) == 0 {
		return l, err
	}
	name, err := p.naming(ctx)
	if err != nil {
		return l, err
	}
	l.lines = lines(found, name)
	return l, nil
}

// Any reports whether there are any.
func (l Latest) Any() bool { return len(l.lines) > 0 }

// Table shows them as the page of orders does.
func (l Latest) Table(label string) templ.Component { return ordersTable(label, l.lines) }

// Changes is where their changes come from; "" where nothing more becomes of them.
func (l Latest) Changes() string { return watched(l.lines) }

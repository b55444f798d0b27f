package orders

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// line is an order in a list.
type line struct {
	*order.Order

	Service string // its name, in the reader's language
}

// Percent is how much of an order was delivered.
func Percent(o *order.Order) int64 {
	done, known := delivered(o)
	if !known || whole(o) <= 0 {
		return 0
	}
	return done * 100 / whole(o)
}

// whole is how much an order delivers: units, or of a parent runs or posts.
func whole(o *order.Order) int64 {
	if o.Kind == order.Drip || o.Kind == order.Subscription {
		return o.Runs
	}
	return o.Quantity
}

// delivered is how much of it was; not known before it was told.
func delivered(o *order.Order) (n int64, known bool) {
	switch {
	case o.Kind == order.Drip || o.Kind == order.Subscription:
		return o.Run, true
	case o.State == order.Completed:
		return o.Quantity, true
	case o.Remains == nil:
		return 0, o.State == order.Canceled || o.State == order.Failed
	}
	return min(max(o.Quantity-*o.Remains, 0), o.Quantity), true
}

// DeliveredText is what was delivered of how much: "650 / 1,000".
func DeliveredText(ctx context.Context, o *order.Order) string {
	if n, known := delivered(o); known {
		return ui.Int(ctx, n) + " / " + ui.Int(ctx, whole(o))
	}
	return ui.Int(ctx, whole(o))
}

// shownLink is a link without what each has.
func shownLink(o *order.Order) string {
	link := o.Link
	if link == "" {
		link = o.Fields.Get("username")
	}
	return strings.TrimPrefix(strings.TrimPrefix(link, "https://"), "http://")
}

// list is what the page of orders shows.
type list struct {
	filter   filter
	lines    []line
	next     int64
	services []int64
	name     naming
	hasTest  bool
}

// List shows the account's orders.
func (p *Pages) List(w http.ResponseWriter, r *http.Request) (err error) {
	ctx := r.Context()
	l := list{filter: readFilter(r.URL.Query())}
	scope := p.scope(r)
	if l.name, err = p.naming(ctx); err != nil {
		return err
	}
	found, next, err := p.deps.Orders.Own(ctx, scope, l.filter.page(ctx, rows))
	if err != nil {
		return err
	}
	l.lines, l.next = lines(found, l.name), next
	if l.services, err = p.deps.Orders.Services(ctx, scope); err != nil {
		return err
	}
	if l.hasTest, err = p.deps.Orders.HasTest(ctx, scope.AccountID); err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, listPage(l))
}

func lines(found []*order.Order, name naming) (all []line) {
	for _, o := range found {
		all = append(all, line{o, name(o.ServiceID)})
	}
	return all
}

// older leads to the page behind this one.
func (l list) older() string {
	if l.next == 0 {
		return ""
	}
	f := l.filter
	f.before = l.next
	return f.at(listPath)
}

func (l list) newest() string {
	if l.filter.before == 0 {
		return ""
	}
	return l.filter.with(func(*filter) {})
}

// watched is where changes of the lines come from; "" where nothing more becomes of
// any.
func watched(all []line) string {
	var numbers []string
	moving := false
	mode := ledger.Live
	for _, l := range all {
		numbers, mode = append(numbers, strconv.FormatInt(l.Number, 10)), l.Mode
		moving = moving || !l.State.Final()
	}
	if !moving {
		return ""
	}
	return in(mode, eventsPath, "orders", strings.Join(numbers, ","))
}

// partID names a part of an order's line in the page.
func partID(what string, o *order.Order) string { return "order-" + what + "-" + ui.Plain(o.Number) }

package apiv2

import (
	"time"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
)

// addAnswer is the answer to add: the same for every repeat of the request.
type addAnswer struct {
	Order    string `json:"order"`
	Status   string `json:"status"`
	Charge   string `json:"charge"`
	Currency string `json:"currency"`
}

func (a *API) add(c *call) (any, error) {
	request, err := order.ParseRequest(c.get)
	if err != nil {
		return nil, err
	}
	placed, err := a.place(c, request)
	if err != nil {
		return nil, err
	}
	return addAnswer{placed.OrderID, order.Pending.Word(), placed.Charge.String(), a.Currency}, nil
}

// place places an order for the caller, at the prices that hold now.
func (a *API) place(c *call, request order.Request) (order.Placed, error) {
	snapshot, err := a.Catalog.At(c.ctx, c.epoch.Catalog)
	if err != nil {
		return order.Placed{}, err
	}
	buyer := order.Buyer{Scope: c.scope(), WalletID: c.who.WalletID, KeyID: c.who.KeyID, Tier: string(c.who.Tier), DailyCap: c.who.DailyCap}
	return a.Placer.Place(c.ctx, buyer, request, snapshot)
}

// statusRow is an order's state.
type statusRow struct {
	Status     string  `json:"status"`
	Charge     string  `json:"charge"`
	StartCount *string `json:"start_count"`
	Remains    *string `json:"remains"`
	Currency   string  `json:"currency"`
	parts
}

// parts are what a drip-feed's or subscription's state has besides.
type parts struct {
	Runs   *string  `json:"runs,omitempty"`  // that have begun
	Posts  *string  `json:"posts,omitempty"` // that have begun
	Orders []string `json:"orders,omitzero"`
	Expiry *string  `json:"expiry,omitempty"`
}

func (a *API) statusRow(f order.Found) statusRow {
	o := f.Order
	row := statusRow{
		Status: o.State.Word(), Charge: o.Paid().String(), StartCount: order.CountText(o.StartCount), Remains: order.CountText(o.Remains), Currency: a.Currency,
	}
	if o.Kind != order.Drip && o.Kind != order.Subscription {
		return row
	}
	row.Orders = []string{}
	for _, part := range f.Parts {
		row.Orders = append(row.Orders, part.ID)
	}
	if o.Kind == order.Drip {
		row.Runs = order.CountText(&o.Run)
		return row
	}
	row.Posts = order.CountText(&o.Run)
	if day, ok := lastDay(o); ok {
		row.Expiry = new(day.Format(time.DateOnly))
	}
	return row
}

func (a *API) status(c *call) (any, error) {
	names, many, err := c.orderIDs()
	if err != nil {
		return nil, err
	}
	found, err := a.Orders.Status(c.ctx, c.scope(), refs(names))
	if err != nil {
		return nil, err
	}
	if !many {
		if found[0].Err != nil {
			return nil, found[0].Err
		}
		return a.statusRow(found[0]), nil
	}
	rows := make(ordered, len(found))
	for i, f := range found {
		rows[i] = member{names[i], errorBody{textOf(f.Err)}}
		if f.Err == nil {
			rows[i].value = a.statusRow(f)
		}
	}
	return rows, nil
}

// textOf is the public text of an error.
func textOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.From(err).Text
}

func refs(names []string) []order.Ref {
	all := make([]order.Ref, len(names))
	for i, name := range names {
		all[i] = order.Ref(name)
	}
	return all
}

// orderIDs reads order or orders, of which one must be given.
func (c *call) orderIDs() (names []string, many bool, err error) { return c.idsOf("order", "orders") }

// idsOf reads a field that names one, or another that names many.
func (c *call) idsOf(single, plural string) (names []string, many bool, err error) {
	one, list := c.get(single), c.get(plural)
	switch {
	case one != "" && list != "":
		return nil, false, fault.Newf(fault.Invalid, "Send %s or %s, not both", single, plural)
	case one != "":
		return []string{one}, false, checkID(single, one)
	case list != "":
		names, err = ids(plural, list)
		return names, true, err
	}
	return nil, false, order.Missing(single)
}

// checkID refuses what is too long to be an id.
func checkID(name, one string) error {
	if len(one) > maxID {
		return fault.Newf(fault.Invalid, "%s must have at most %d characters", name, maxID)
	}
	return nil
}

// cancelRow is an order's line in the answer to a cancel of many.
type cancelRow struct {
	Order  string `json:"order"`
	Cancel bool   `json:"cancel,omitempty"`
	Error  string `json:"error,omitempty"`
}

func (a *API) cancel(c *call) (any, error) {
	names, many, err := c.orderIDs()
	if err != nil {
		return nil, err
	}
	if !many {
		o, err := a.Cancel.Cancel(c.ctx, c.scope(), order.Ref(names[0]), c.who.KeyID)
		if err != nil {
			return nil, err
		}
		return map[string]string{"cancel": o.ID}, nil
	}
	rows := make([]cancelRow, len(names))
	for i, name := range names {
		_, err := a.Cancel.Cancel(c.ctx, c.scope(), order.Ref(name), c.who.KeyID)
		if isTransient(err) {
			return nil, err // the rest is not tried; repeating the call is safe
		}
		rows[i] = cancelRow{Order: name, Cancel: err == nil, Error: textOf(err)}
	}
	return rows, nil
}

func (a *API) balance(c *call) (any, error) {
	balance, err := a.Balance(c.ctx, c.who.WalletID)
	if err != nil {
		return nil, err
	}
	return ordered{{"balance", balance.String()}, {"currency", a.Currency}}, nil
}

// orderAnswer is one order with its trail.
type orderAnswer struct {
	orderRow

	Orders   []string      `json:"orders"` // its runs or posts
	Refills  []orderRefill `json:"refills"`
	Timeline []stepRow     `json:"timeline"`
}

// orderRefill is a refill of the order, with the reason why there will be none.
type orderRefill struct {
	Refill string `json:"refill"`
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

// stepRow is a step that the customer sees: a word and what it changed.
type stepRow struct {
	At         string  `json:"at"`
	Status     string  `json:"status"`
	StartCount *string `json:"start_count"`
	Remains    *string `json:"remains"`
	Refunded   string  `json:"refunded"`
	Note       string  `json:"note,omitempty"`
}

func (a *API) order(c *call) (any, error) {
	if err := checkID("order", c.get("order")); err != nil {
		return nil, err
	}
	ref := order.Ref(c.get("order"))
	switch requestID := c.get("request_id"); {
	case ref != "" && requestID != "":
		return nil, fault.New(fault.Invalid, "Send order or request_id, not both")
	case ref == "" && requestID == "":
		return nil, order.Missing("order")
	case ref == "":
		var err error
		if ref, err = a.Orders.ByRequestID(c.ctx, c.scope(), requestID); err != nil {
			return nil, err
		}
	}
	w, err := a.Orders.Whole(c.ctx, c.scope(), ref)
	if err != nil {
		return nil, err
	}
	out := orderAnswer{orderRow: a.orderRow(w.Order), Orders: []string{}, Refills: []orderRefill{}, Timeline: stepRows(w.Steps)}
	for _, part := range w.Parts {
		out.Orders = append(out.Orders, part.ID)
	}
	for _, r := range w.Refills {
		out.Refills = append(out.Refills, orderRefill{r.ID, string(r.State), r.Reason})
	}
	return out, nil
}

// timeText is RFC 3339 in UTC, to the second.
func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// stepRows leaves out the steps that change nothing for the customer: what is
// between us and the provider is the operator's.
func stepRows(steps []order.Step) []stepRow {
	rows := []stepRow{}
	for _, s := range steps {
		if !s.Told() {
			continue
		}
		rows = append(rows, stepRow{
			At: timeText(s.At), Status: s.To.Word(), StartCount: order.CountText(s.StartCount), Remains: order.CountText(s.Remains),
			Refunded: s.Refund.String(), Note: s.CustomerNote(),
		})
	}
	return rows
}

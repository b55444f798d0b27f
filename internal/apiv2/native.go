package apiv2

import (
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
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
	snapshot, err := a.Catalog.At(c.ctx, c.epoch.Catalog)
	if err != nil {
		return nil, err
	}
	buyer := order.Buyer{Scope: c.scope(), WalletID: c.who.WalletID, KeyID: c.who.KeyID, Tier: string(c.who.Tier)}
	placed, err := a.Placer.Place(c.ctx, buyer, request, snapshot)
	if err != nil {
		return nil, err
	}
	return addAnswer{placed.OrderID, order.Pending.Word(), placed.Charge.String(), a.Currency}, nil
}

// statusRow is an order's state.
type statusRow struct {
	Status     string  `json:"status"`
	Charge     string  `json:"charge"`
	StartCount *string `json:"start_count"`
	Remains    *string `json:"remains"`
	Currency   string  `json:"currency"`
}

func (a *API) statusRow(o *order.Order) statusRow {
	return statusRow{o.State.Word(), o.Paid().String(), countText(o.StartCount), countText(o.Remains), a.Currency}
}

// countText writes a count as text; an unknown one is null.
func countText(n *int64) *string {
	if n == nil {
		return nil
	}
	s := strconv.FormatInt(*n, 10)
	return &s
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
		return a.statusRow(found[0].Order), nil
	}
	rows := make(ordered, len(found))
	for i, f := range found {
		rows[i] = member{names[i], errorBody{textOf(f.Err)}}
		if f.Err == nil {
			rows[i].value = a.statusRow(f.Order)
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
func (c *call) orderIDs() (names []string, many bool, err error) {
	one, list := c.get("order"), c.get("orders")
	switch {
	case one != "" && list != "":
		return nil, false, fault.New(fault.Invalid, "Send order or orders, not both")
	case one != "":
		return []string{one}, false, checkID(one)
	case list != "":
		names, err = ids("orders", list)
		return names, true, err
	}
	return nil, false, order.Missing("order")
}

// checkID refuses what is too long to be an id.
func checkID(one string) error {
	if len(one) > maxID {
		return fault.Newf(fault.Invalid, "order must have at most %d characters", maxID)
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
		if f := fault.From(err); err != nil && (f.Code == fault.Internal || f.Code == fault.Unavailable) {
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

	Timeline []stepRow `json:"timeline"`
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
	if err := checkID(c.get("order")); err != nil {
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
	o, steps, err := a.Orders.WithTimeline(c.ctx, c.scope(), ref)
	if err != nil {
		return nil, err
	}
	return orderAnswer{a.orderRow(o), stepRows(steps)}, nil
}

// timeText is RFC 3339 in UTC, to the second.
func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// stepRows leaves out the steps that change nothing for the customer: what is
// between us and the provider is the operator's.
func stepRows(steps []order.Step) []stepRow {
	rows := []stepRow{}
	for _, s := range steps {
		row := stepRow{
			At: timeText(s.At), Status: s.To.Word(), StartCount: countText(s.StartCount), Remains: countText(s.Remains),
			Refunded: s.Refund.String(),
		}
		if s.From == s.To && s.CancelWish() {
			row.Note = "cancel requested"
		}
		if row.Note == "" && s.From != "" && s.From.Word() == s.To.Word() && s.Refund == money.Amount(0) {
			continue
		}
		rows = append(rows, row)
	}
	return rows
}

package apiv2

import (
	"slices"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
)

// orderRow is an order with its figures.
type orderRow struct {
	Order      string  `json:"order"`
	Number     int64   `json:"number"`
	RequestID  string  `json:"request_id"`
	Service    int64   `json:"service"`
	Link       string  `json:"link"`
	Quantity   string  `json:"quantity"`
	Status     string  `json:"status"`
	Charge     string  `json:"charge"`
	Refunded   string  `json:"refunded"`
	StartCount *string `json:"start_count"`
	Remains    *string `json:"remains"`
	Currency   string  `json:"currency"`
	CreatedAt  string  `json:"created_at"`
	UpdatedAt  string  `json:"updated_at"`
}

func (a *API) orderRow(o *order.Order) orderRow {
	return orderRow{
		Order: o.ID, Number: o.Number, RequestID: o.RequestID, Service: o.ServiceID, Link: o.Link,
		Quantity: strconv.FormatInt(o.Quantity, 10), Status: o.State.Word(),
		Charge: o.Paid().String(), Refunded: o.Refunded.String(),
		StartCount: order.CountText(o.StartCount), Remains: order.CountText(o.Remains), Currency: a.Currency,
		CreatedAt: timeText(o.CreatedAt), UpdatedAt: timeText(o.UpdatedAt),
	}
}

// ordersAnswer is a page of orders, the newest first.
type ordersAnswer struct {
	Orders []orderRow `json:"orders"`
	Cursor *string    `json:"cursor"` // null after the last page
}

func (a *API) orders(c *call) (any, error) {
	before, limit, err := c.page(OrdersMost, OrdersUsual)
	if err != nil {
		return nil, err
	}
	serviceID, err := c.whole("service")
	if err != nil {
		return nil, err
	}
	word := c.get("status")
	if known := statusWords(); word != "" && !slices.Contains(known, word) {
		return nil, fault.New(fault.Invalid, "status must be one of "+strings.Join(known, ", "))
	}
	found, next, err := a.Orders.Own(c.ctx, c.scope(), order.Page{Before: before, Word: word, Service: serviceID, Limit: limit})
	if err != nil {
		return nil, err
	}
	out := ordersAnswer{Orders: make([]orderRow, len(found))}
	for i, o := range found {
		out.Orders[i] = a.orderRow(o)
	}
	if next > 0 {
		out.Cursor = order.CountText(&next)
	}
	return out, nil
}

// statusWords are the words that status answers, in the order of a life.
func statusWords() (words []string) {
	for _, s := range order.States() {
		if !slices.Contains(words, s.Word()) {
			words = append(words, s.Word())
		}
	}
	return words
}

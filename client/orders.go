package client

import (
	"context"
	"iter"
	"time"
)

// OrderStatus is what became of an order.
type OrderStatus struct {
	Status     Status `json:"status"`
	Charge     Amount `json:"charge"` // what you paid less what was refunded
	StartCount *int64 `json:"start_count,string"`
	Remains    *int64 `json:"remains,string"` // what is still to be delivered, or was not
	Currency   string `json:"currency"`

	Runs   *int64   `json:"runs,string"`  // of a drip-feed: how many have begun
	Posts  *int64   `json:"posts,string"` // of a subscription: how many have begun
	Orders []string `json:"orders"`       // the ids of its runs or posts
	Expiry string   `json:"expiry"`       // of a subscription: its last day, as 2026-12-31; "" for none
}

// OrderRow is an order as lists have it.
type OrderRow struct {
	Order      string    `json:"order"`  // its id
	Number     int64     `json:"number"` // does as well as the id, wherever an order is named
	RequestID  string    `json:"request_id"`
	Service    int64     `json:"service"`
	Link       string    `json:"link"`
	Quantity   int64     `json:"quantity,string"`
	Status     Status    `json:"status"`
	Charge     Amount    `json:"charge"`   // what you paid less what was refunded
	Refunded   Amount    `json:"refunded"` // with Charge it is what was charged at first
	StartCount *int64    `json:"start_count,string"`
	Remains    *int64    `json:"remains,string"`
	Currency   string    `json:"currency"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// Order is an order and what happened to it.
type Order struct {
	OrderRow

	Orders   []string      `json:"orders"` // the ids of a drip-feed's runs or a subscription's posts
	Refills  []OrderRefill `json:"refills"`
	Timeline []Step        `json:"timeline"` // the oldest first
}

// OrderRefill is a refill of an order.
type OrderRefill struct {
	Refill string       `json:"refill"` // its id
	Status RefillStatus `json:"status"`
	Reason string       `json:"reason"` // why it was rejected; "" where it was not
}

// Step is a change of an order's state, a refund or a note.
type Step struct {
	At         time.Time `json:"at"`
	Status     Status    `json:"status"`
	StartCount *int64    `json:"start_count,string"`
	Remains    *int64    `json:"remains,string"`
	Refunded   Amount    `json:"refunded"` // what this step gave back
	Note       string    `json:"note"`     // such as "cancel requested"; "" for none
}

// Status returns the state of an order, named by its id or number. [ErrNotFound]: it
// is not known to this key.
func (c *Client) Status(ctx context.Context, order string) (OrderStatus, error) {
	if err := checkIDs(order); err != nil {
		return OrderStatus{}, err
	}
	return ask(ctx, c, newRequest("status", "order", order), func(s *OrderStatus) bool { return s.Status != "" })
}

// Statuses returns the states of any number of orders in their order, asking for 100
// at a time. On an error the results are those that were answered before.
func (c *Client) Statuses(ctx context.Context, orders []string) ([]Result[OrderStatus], error) {
	type row struct {
		OrderStatus

		Error string `json:"error"`
	}
	return many(ctx, orders, func(ctx context.Context, list string) ([]line[OrderStatus], error) {
		rows, err := ask[map[string]row](ctx, c, newRequest("status", "orders", list), nil)
		var lines []line[OrderStatus]
		for id, r := range rows {
			lines = append(lines, line[OrderStatus]{id, r.OrderStatus, r.Error})
		}
		return lines, err
	})
}

// Order returns an order with its timeline, named by its id or number. [ErrNotFound]:
// it is not known to this key.
func (c *Client) Order(ctx context.Context, order string) (Order, error) {
	if err := checkIDs(order); err != nil {
		return Order{}, err
	}
	return ask(ctx, c, newRequest("order", "order", order), isOrder)
}

// OrderByRequestID returns the order that was placed with a request id.
// [ErrNotFound]: none was, so far.
func (c *Client) OrderByRequestID(ctx context.Context, requestID string) (Order, error) {
	if requestID == "" {
		return Order{}, wrong("a request id must not be empty")
	}
	return ask(ctx, c, newRequest("order", "request_id", requestID), isOrder)
}

func isOrder(o *Order) bool { return o.Order != "" }

// OrderFilter says which orders a list has.
type OrderFilter struct {
	Status  Status // "": of every state
	Service int64  // 0: of every service
	Cursor  string // what the page before gave; "" begins with the newest order
	Limit   int    // rows a page, 1 to 100; 0 is 50
}

// OrderPage is a page of orders.
type OrderPage struct {
	Orders []OrderRow `json:"orders"`
	Cursor string     `json:"cursor"` // "" after the last page
}

// Orders returns a page of the key's orders, the newest first. With a filter a page
// may hold fewer rows than its limit, even none, and still have one after it: go on
// until the cursor is "", or use [Client.AllOrders].
func (c *Client) Orders(ctx context.Context, filter OrderFilter) (OrderPage, error) {
	q := newRequest("orders", "cursor", filter.Cursor, "limit", whole(filter.Limit), "status", string(filter.Status), "service", whole(filter.Service))
	return ask(ctx, c, q, func(p *OrderPage) bool { return p.Orders != nil })
}

// AllOrders goes through the key's orders, the newest first, from the filter's cursor
// to the end. Pages are asked for as they are needed. It ends after an error.
func (c *Client) AllOrders(ctx context.Context, filter OrderFilter) iter.Seq2[OrderRow, error] {
	if filter.Limit == 0 {
		filter.Limit = 100
	}
	return toTheEnd(filter.Cursor, func(cursor string) ([]OrderRow, string, error) {
		filter.Cursor = cursor
		page, err := c.Orders(ctx, filter)
		return page.Orders, page.Cursor, err
	})
}

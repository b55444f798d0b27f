package client

import "context"

// Refill asks to deliver again what an order has lost, and returns the refill's id. It
// can be had for completed and partial orders of a service with refill.
//
// It is not repeated where an answer was lost: after a [*ConnectionError] with Sent set
// or an [ErrServer], look at the refills of [Client.Order] before you ask again.
func (c *Client) Refill(ctx context.Context, order string) (refill string, err error) {
	if err := checkIDs(order); err != nil {
		return "", err
	}
	type one struct {
		Refill string `json:"refill"`
	}
	got, err := ask(ctx, c, newRequest("refill", "order", order).only(), func(o *one) bool { return o.Refill != "" })
	return got.Refill, err
}

// Refills is [Client.Refill] for any number of orders, 100 at a time. The values are
// the refills' ids, in the order of the orders. On an error the results are those that
// were answered before.
func (c *Client) Refills(ctx context.Context, orders []string) ([]Result[string], error) {
	type row struct {
		Order  string `json:"order"`
		Refill string `json:"refill"`
		Error  string `json:"error"`
	}
	return many(ctx, orders, func(ctx context.Context, list string) ([]line[string], error) {
		rows, err := ask[[]row](ctx, c, newRequest("refill", "orders", list).only(), nil)
		var lines []line[string]
		for _, r := range rows {
			lines = append(lines, line[string]{r.Order, r.Refill, r.Error})
		}
		return lines, err
	})
}

// RefillStatus returns the state of a refill, named by its id or number. [ErrNotFound]:
// it is not known to this key.
func (c *Client) RefillStatus(ctx context.Context, refill string) (RefillStatus, error) {
	if err := checkIDs(refill); err != nil {
		return "", err
	}
	type one struct {
		Status RefillStatus `json:"status"`
	}
	got, err := ask(ctx, c, newRequest("refill_status", "refill", refill), func(o *one) bool { return o.Status != "" })
	return got.Status, err
}

// RefillStatuses returns the states of any number of refills in their order, asking for
// 100 at a time. On an error the results are those that were answered before.
func (c *Client) RefillStatuses(ctx context.Context, refills []string) ([]Result[RefillStatus], error) {
	type row struct {
		Refill string       `json:"refill"`
		Status RefillStatus `json:"status"`
		Error  string       `json:"error"`
	}
	return many(ctx, refills, func(ctx context.Context, list string) ([]line[RefillStatus], error) {
		rows, err := ask[[]row](ctx, c, newRequest("refill_status", "refills", list), nil)
		var lines []line[RefillStatus]
		for _, r := range rows {
			lines = append(lines, line[RefillStatus]{r.Refill, r.Status, r.Error})
		}
		return lines, err
	})
}

// Cancel asks to cancel an order. A pending one is canceled and refunded at once; of
// one that a provider has, [Client.Status] shows what comes of the wish. It is not
// repeated where an answer was lost; to ask again does no harm.
func (c *Client) Cancel(ctx context.Context, order string) error {
	if err := checkIDs(order); err != nil {
		return err
	}
	type one struct {
		Cancel string `json:"cancel"`
	}
	_, err := ask(ctx, c, newRequest("cancel", "order", order).only(), func(o *one) bool { return o.Cancel != "" })
	return err
}

// Cancels is [Client.Cancel] for any number of orders, 100 at a time. A value is true
// where the wish was accepted; else Err says why not. On an error the results are those
// that were answered before.
func (c *Client) Cancels(ctx context.Context, orders []string) ([]Result[bool], error) {
	type row struct {
		Order  string `json:"order"`
		Cancel bool   `json:"cancel"`
		Error  string `json:"error"`
	}
	return many(ctx, orders, func(ctx context.Context, list string) ([]line[bool], error) {
		rows, err := ask[[]row](ctx, c, newRequest("cancel", "orders", list).only(), nil)
		var lines []line[bool]
		for _, r := range rows {
			lines = append(lines, line[bool]{r.Order, r.Cancel, r.Error})
		}
		return lines, err
	})
}

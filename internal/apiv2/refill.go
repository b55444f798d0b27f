package apiv2

import (
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
)

// isTransient reports an error after which the same request may succeed.
func isTransient(err error) bool {
	if err == nil {
		return false
	}
	switch fault.From(err).Code {
	case fault.Internal, fault.Unavailable, fault.RateLimited:
		return true
	default:
		return false
	}
}

// refillRow is an order's line in the answer to a refill of many.
type refillRow struct {
	Order  string `json:"order"`
	Refill string `json:"refill,omitempty"`
	Error  string `json:"error,omitempty"`
}

func (a *API) refill(c *call) (any, error) {
	names, many, err := c.orderIDs()
	if err != nil {
		return nil, err
	}
	if !many {
		one, err := a.Refills.Request(c.ctx, c.scope(), order.Ref(names[0]), c.who.KeyID)
		if err != nil {
			return nil, err
		}
		return map[string]string{"refill": one.ID}, nil
	}
	rows := make([]refillRow, len(names))
	for i, name := range names {
		one, err := a.Refills.Request(c.ctx, c.scope(), order.Ref(name), c.who.KeyID)
		if isTransient(err) {
			return nil, err // the rest is not tried
		}
		rows[i] = refillRow{Order: name, Error: textOf(err)}
		if err == nil {
			rows[i].Refill = one.ID
		}
	}
	return rows, nil
}

// refillStatusRow is a refill's line in the answer about many.
type refillStatusRow struct {
	Refill string `json:"refill"`
	Status string `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`
}

func (a *API) refillStatus(c *call) (any, error) {
	names, many, err := c.idsOf("refill", "refills")
	if err != nil {
		return nil, err
	}
	found, err := a.Refills.Status(c.ctx, c.scope(), refs(names))
	if err != nil {
		return nil, err
	}
	if !many {
		if found[0].Err != nil {
			return nil, found[0].Err
		}
		return map[string]string{"status": string(found[0].Refill.State)}, nil
	}
	rows := make([]refillStatusRow, len(found))
	for i, f := range found {
		rows[i] = refillStatusRow{Refill: names[i], Error: textOf(f.Err)}
		if f.Err == nil {
			rows[i].Status = string(f.Refill.State)
		}
	}
	return rows, nil
}

package apiv2

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/order"
)

// classic is the dialect of existing panels and scripts. It differs from native
// in what it reads and writes and in nothing else; docs/classic.md is its page.
type classic struct{ *API }

// open reads the fields, wherever the client has put them, and holds them against
// the few rules that the dialect has.
func (d classic) open(c *call) (action string, carryOut handler, err error) {
	d.noteKeyInURL(c)
	return d.route(c)
}

func (d classic) route(c *call) (action string, carryOut handler, err error) {
	if c.problem != nil {
		return "none", nil, errRequest
	}
	c.body = classicFields(c.input)
	if c.checkText() != nil {
		return "none", nil, errRequest
	}
	action, known := classicAction(c.body)
	if !known {
		return "unknown", nil, errRequest
	}
	do := d.actions()[action]
	switch {
	case do.changes && c.method == http.MethodGet && !c.who.AllowGET:
		return action, nil, errRequest
	case do.changes && c.who.State != account.Active:
		return action, nil, errSuspended
	}
	return action, do.carryOut, nil
}

// classicDoing says who carries out an action and whether it changes anything:
// what does is for active accounts, and not for a GET that a proxy may repeat.
type classicDoing struct {
	carryOut handler
	changes  bool
}

func (d classic) actions() map[string]classicDoing {
	return map[string]classicDoing{
		"services":      {d.services, false},
		"add":           {d.add, true},
		"status":        {d.status, false},
		"refill":        {d.refill, true},
		"refill_status": {d.refillStatus, false},
		"cancel":        {d.cancel, true},
		"balance":       {d.balance, false},
	}
}

func (d classic) add(c *call) (any, error) {
	request, err := order.ParseClassic(c.get)
	if err != nil {
		return nil, err
	}
	if request.RequestID == "" {
		request.Fingerprint = fingerprint(c.who.KeyID, request.Hash())
		request.ReplayWindow = c.who.ReplayWindow
	}
	placed, err := d.place(c, request)
	if err != nil {
		return nil, err
	}
	if request.Fingerprint != "" {
		c.delivered = func(arrived bool) { d.Placer.Delivered(placed.OrderID, arrived) }
	}
	return ordered{{"order", c.number(placed.Number)}}, nil
}

// fingerprint recognises a request without a request id: the same key, the same
// fields.
func fingerprint(keyID, hash string) string {
	sum := sha256.Sum256([]byte(keyID + " " + hash))
	return hex.EncodeToString(sum[:])
}

func (d classic) status(c *call) (any, error) {
	tokens, many, err := c.tokens("order", "orders")
	if err != nil {
		return nil, err
	}
	found, err := d.Orders.Status(c.ctx, c.scope(), refs(tokens))
	if err != nil {
		return nil, err
	}
	if !many {
		if found[0].Err != nil {
			return nil, found[0].Err
		}
		return d.statusRow(c, found[0]), nil
	}
	rows := make(ordered, len(found))
	for i, f := range found {
		rows[i] = member{tokens[i], nested(f.Err)}
		if f.Err == nil {
			rows[i].value = d.statusRow(c, f)
		}
	}
	return rows, nil
}

// each does one thing after the other and writes a line for each, with the error
// inside of the value: clients take an error beside it for success.
func (c *call) each(tokens []string, name, result string, do func(order.Ref) (any, error)) (any, error) {
	rows := make([]ordered, len(tokens))
	for i, token := range tokens {
		v, err := do(order.Ref(token))
		if isTransient(err) {
			return nil, err // the rest is not tried; repeating the call is safe
		}
		if err != nil {
			v = nested(err)
		}
		rows[i] = ordered{{name, c.token(token)}, {result, v}}
	}
	return rows, nil
}

func (d classic) refill(c *call) (any, error) {
	tokens, many, err := c.tokens("order", "orders")
	if err != nil {
		return nil, err
	}
	if many {
		return c.each(tokens, "order", "refill", func(ref order.Ref) (any, error) {
			one, err := d.Refills.Request(c.ctx, c.scope(), ref, c.who.KeyID)
			if err != nil {
				return nil, err
			}
			return c.number(one.Number), nil
		})
	}
	one, err := d.Refills.Request(c.ctx, c.scope(), order.Ref(tokens[0]), c.who.KeyID)
	if err != nil {
		return nil, err
	}
	return ordered{{"refill", count(one.Number)}}, nil
}

func (d classic) refillStatus(c *call) (any, error) {
	if named := c.get("refill") + c.get("refills"); named == "" && c.get("order") != "" {
		return d.refillOfOrder(c)
	}
	tokens, many, err := c.tokens("refill", "refills")
	if err != nil {
		return nil, err
	}
	found, err := d.Refills.Status(c.ctx, c.scope(), refs(tokens))
	if err != nil {
		return nil, err
	}
	if !many {
		if found[0].Err != nil {
			return nil, found[0].Err
		}
		return ordered{{"status", refillWord(found[0].Refill.State)}}, nil
	}
	rows := make([]ordered, len(found))
	for i, f := range found {
		rows[i] = ordered{{"refill", c.token(tokens[i])}, {"status", nested(f.Err)}}
		if f.Err == nil {
			rows[i][1].value = refillWord(f.Refill.State)
		}
	}
	return rows, nil
}

// refillOfOrder answers clients that name the order in place of the refill.
func (d classic) refillOfOrder(c *call) (any, error) {
	tokens, many, err := c.tokens("order", "orders")
	if err != nil {
		return nil, err
	}
	state := func(ref order.Ref) (any, error) {
		one, err := d.Refills.ByOrder(c.ctx, c.scope(), ref)
		if err != nil {
			return nil, err
		}
		return refillWord(one.State), nil
	}
	if many {
		return c.each(tokens, "order", "status", state)
	}
	word, err := state(order.Ref(tokens[0]))
	if err != nil {
		return nil, err
	}
	return ordered{{"status", word}}, nil
}

func (d classic) cancel(c *call) (any, error) {
	tokens, many, err := c.tokens("order", "orders")
	if err != nil {
		return nil, err
	}
	cancel := func(ref order.Ref) (any, error) {
		_, err := d.Cancel.Cancel(c.ctx, c.scope(), ref, c.who.KeyID)
		return 1, err
	}
	if many {
		return c.each(tokens, "order", "cancel", cancel)
	}
	one, err := cancel(order.Ref(tokens[0]))
	if err != nil {
		return nil, err
	}
	return ordered{{"cancel", one}}, nil
}

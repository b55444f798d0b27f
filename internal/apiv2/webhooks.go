package apiv2

import (
	"time"

	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/webhook"
)

// How many deliveries an answer has at most, and where nothing was asked for.
const (
	DeliveriesMost  = 100
	DeliveriesUsual = 25
)

// owner is whose webhooks the call may see: those of its key.
func (c *call) owner() webhook.Owner {
	return webhook.Owner{AccountID: c.who.AccountID, KeyID: c.who.KeyID}
}

// needed reads a field that must be there.
func (c *call) needed(name string) (string, error) {
	if c.get(name) == "" {
		return "", order.Missing(name)
	}
	return c.get(name), nil
}

// addedWebhook is the only answer that holds the secret.
type addedWebhook struct {
	ID     string       `json:"id"`
	URL    string       `json:"url"`
	Events []event.Type `json:"events"`
	Secret string       `json:"secret"`
}

func (a *API) addWebhook(c *call) (any, error) {
	address, err := c.needed("url")
	if err != nil {
		return nil, err
	}
	e, value, err := a.Webhooks.Add(c.ctx, c.owner(), address, c.get("events"), c.who.KeyID)
	if err != nil {
		return nil, err
	}
	return addedWebhook{e.ID, e.URL, e.Events, value}, nil
}

// webhookRow is an endpoint without its secret.
type webhookRow struct {
	ID           string        `json:"id"`
	URL          string        `json:"url"`
	Events       []event.Type  `json:"events"`
	State        string        `json:"state"`
	Reason       *string       `json:"reason"`
	CreatedAt    string        `json:"created_at"`
	LastDelivery *lastDelivery `json:"last_delivery"`
}

type lastDelivery struct {
	Delivery string     `json:"delivery"`
	Event    string     `json:"event"`
	Type     event.Type `json:"type"`
	State    string     `json:"state"`
	At       string     `json:"at"`
}

func (a *API) listWebhooks(c *call) (any, error) {
	all, latest, err := a.Webhooks.List(c.ctx, c.owner())
	if err != nil {
		return nil, err
	}
	rows := make([]webhookRow, len(all))
	for i, e := range all {
		rows[i] = webhookRow{ID: e.ID, URL: e.URL, Events: e.Events, State: string(e.State), Reason: reasonWord(e.Reason), CreatedAt: timeText(e.CreatedAt)}
		if d, has := latest[e.ID]; has {
			rows[i].LastDelivery = &lastDelivery{d.ID, d.EventID, d.Type, string(d.State), timeText(d.CreatedAt)}
		}
	}
	return rows, nil
}

// reasonWord says why an endpoint is told nothing; null where it is told.
func reasonWord(r webhook.Reason) *string {
	if r == webhook.ByOwner {
		return new("by its owner")
	}
	return orNull(string(r))
}

func (a *API) removeWebhook(c *call) (any, error) {
	endpointID, err := c.needed("id")
	if err != nil {
		return nil, err
	}
	if err := a.Webhooks.Remove(c.ctx, c.owner(), endpointID, c.who.KeyID); err != nil {
		return nil, err
	}
	return ordered{{"removed", endpointID}}, nil
}

func (a *API) testWebhook(c *call) (any, error) {
	endpointID, err := c.needed("id")
	if err != nil {
		return nil, err
	}
	deliveryID, err := a.Webhooks.Test(c.ctx, c.owner(), endpointID)
	if err != nil {
		return nil, err
	}
	return ordered{{"delivery", deliveryID}}, nil
}

func (a *API) rotateWebhook(c *call) (any, error) {
	endpointID, err := c.needed("id")
	if err != nil {
		return nil, err
	}
	overlap := webhook.UsualOverlap
	if c.get("overlap") != "" {
		most := int64(webhook.MaxOverlap / time.Hour)
		hours, ok := digits(c.get("overlap"))
		if !ok || hours > most {
			return nil, fault.Newf(fault.Invalid, "overlap must be between 0 and %d hours", most)
		}
		overlap = time.Duration(hours) * time.Hour
	}
	e, value, err := a.Webhooks.Rotate(c.ctx, c.owner(), endpointID, overlap, c.who.KeyID)
	if err != nil {
		return nil, err
	}
	return ordered{{"id", e.ID}, {"secret", value}, {"previous_expires_at", timeOrNull(e.PreviousUntil)}}, nil
}

// timeOrNull is a time, or null for none.
func timeOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(timeText(t))
}

// deliveriesAnswer is a page of an endpoint's log, the newest first.
type deliveriesAnswer struct {
	Deliveries []deliveryRow `json:"deliveries"`
	Cursor     *string       `json:"cursor"` // null after the last page
}

type deliveryRow struct {
	Delivery      string       `json:"delivery"`
	Event         string       `json:"event"`
	Type          event.Type   `json:"type"`
	Sequence      int64        `json:"sequence"`
	Order         *string      `json:"order"`
	State         string       `json:"state"`
	CreatedAt     string       `json:"created_at"`
	NextAttemptAt *string      `json:"next_attempt_at"`
	Request       string       `json:"request"` // the body as it was signed
	Attempts      []attemptRow `json:"attempts"`
}

type attemptRow struct {
	Attempt  int64   `json:"attempt"`
	At       string  `json:"at"`
	Status   *int    `json:"status"`
	Error    *string `json:"error"`
	Duration int64   `json:"duration_ms"`
	Response string  `json:"response"`
}

func (a *API) deliveries(c *call) (any, error) {
	endpointID, err := c.needed("id")
	if err != nil {
		return nil, err
	}
	before := c.get("cursor")
	if before != "" && !id.Valid(id.Delivery, before) {
		return nil, fault.New(fault.Invalid, "cursor must be one that an earlier answer gave")
	}
	limit := int64(DeliveriesUsual)
	if text := c.get("limit"); text != "" {
		var ok bool
		if limit, ok = digits(text); !ok || limit < 1 || limit > DeliveriesMost {
			return nil, fault.Newf(fault.Invalid, "limit must be between 1 and %d", DeliveriesMost)
		}
	}
	// One more tells whether there is another page.
	page, err := a.Webhooks.Deliveries(c.ctx, c.owner(), endpointID, before, int(limit)+1)
	if err != nil {
		return nil, err
	}
	out := deliveriesAnswer{Deliveries: []deliveryRow{}}
	if len(page) > int(limit) {
		page = page[:limit]
		out.Cursor = &page[limit-1].ID
	}
	for _, d := range page {
		out.Deliveries = append(out.Deliveries, deliveryOf(d))
	}
	return out, nil
}

func deliveryOf(d webhook.Delivery) deliveryRow {
	row := deliveryRow{
		Delivery: d.ID, Event: d.EventID, Type: d.Type, Sequence: d.Sequence, Order: orNull(d.OrderID), State: string(d.State),
		CreatedAt: timeText(d.CreatedAt), NextAttemptAt: timeOrNull(d.DueAt), Request: d.Body, Attempts: []attemptRow{},
	}
	for _, t := range d.Attempts {
		one := attemptRow{Attempt: t.Number, At: timeText(t.At), Error: orNull(t.Error), Duration: t.Duration.Milliseconds(), Response: t.Answer}
		if t.Status != 0 {
			one.Status = &t.Status
		}
		row.Attempts = append(row.Attempts, one)
	}
	return row
}

func (a *API) replay(c *call) (any, error) {
	deliveryID, endpointID, since := c.get("delivery"), c.get("id"), c.get("since")
	switch {
	case deliveryID == "" && endpointID == "":
		return nil, order.Missing("delivery")
	case deliveryID != "" && endpointID != "":
		return nil, fault.New(fault.Invalid, "Send delivery or id, not both")
	case deliveryID != "":
		return replayed(1), a.Webhooks.Replay(c.ctx, c.owner(), deliveryID)
	case since == "":
		return nil, order.Missing("since")
	}
	from, err := time.Parse(time.RFC3339, since)
	if err != nil {
		return nil, fault.New(fault.Invalid, "since must be a time such as 2026-03-01T12:00:00Z")
	}
	n, err := a.Webhooks.ReplayFailed(c.ctx, c.owner(), endpointID, from)
	if err != nil {
		return nil, err
	}
	return replayed(n), nil
}

func replayed(n int) any { return ordered{{"replayed", n}} }

package client

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"
	"time"
)

// Webhooks are the endpoints of a key: addresses of yours to which the panel sends
// events. A key sees those that were made with it.
//
// Add, Rotate, Test and Replay may have been done when an answer was lost, so they are
// repeated only where that can't be; what reads, and Remove, is repeated as all is.
type Webhooks struct{ c *Client }

// AddedWebhook is an endpoint that was just made.
type AddedWebhook struct {
	ID     string      `json:"id"` // "whk_" and 26 letters and digits
	URL    string      `json:"url"`
	Events []EventType `json:"events"`
	// Secret verifies its deliveries: see [NewVerifier]. It is shown only here.
	Secret string `json:"secret"`
}

// Webhook is an endpoint.
type Webhook struct {
	ID           string        `json:"id"`
	URL          string        `json:"url"`
	Events       []EventType   `json:"events"`
	State        string        `json:"state"`  // "active" or "disabled"
	Reason       string        `json:"reason"` // why it is disabled: "failing" or "by its owner"; else ""
	CreatedAt    time.Time     `json:"created_at"`
	LastDelivery *LastDelivery `json:"last_delivery"` // nil: none yet
}

// LastDelivery is the newest delivery of an endpoint.
type LastDelivery struct {
	Delivery string        `json:"delivery"` // its id
	Event    string        `json:"event"`    // the event's id
	Type     EventType     `json:"type"`
	State    DeliveryState `json:"state"`
	At       time.Time     `json:"at"`
}

// DeliveryState is what became of a delivery, a word. More words may come.
type DeliveryState string

// The states of deliveries.
const (
	DeliveryPending   DeliveryState = "pending"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryFailed    DeliveryState = "failed" // given up; [Webhooks.Replay] sends it again
)

// Delivery is an event on its way to an endpoint.
type Delivery struct {
	Delivery      string        `json:"delivery"` // "dlv_" and 26 letters and digits
	Event         string        `json:"event"`    // the event's id
	Type          EventType     `json:"type"`
	Sequence      int64         `json:"sequence"` // as in [Event]
	Order         string        `json:"order"`    // the order's id; "" where the event is about none
	State         DeliveryState `json:"state"`
	CreatedAt     time.Time     `json:"created_at"`
	NextAttemptAt *time.Time    `json:"next_attempt_at"` // nil: there is none ahead
	Request       string        `json:"request"`         // the body as it was signed
	Attempts      []Attempt     `json:"attempts"`
}

// Attempt is one try to deliver.
type Attempt struct {
	Attempt    int64     `json:"attempt"` // counted from 1
	At         time.Time `json:"at"`
	Status     *int64    `json:"status"` // of your answer; nil: none came
	Error      string    `json:"error"`  // such as "timeout"; "" where an answer came
	DurationMS int64     `json:"duration_ms"`
	Response   string    `json:"response"` // the beginning of your answer
}

// Rotated is an endpoint's new secret.
type Rotated struct {
	ID     string `json:"id"`
	Secret string `json:"secret"` // shown only here
	// PreviousExpiresAt is until when deliveries are signed with the old secret as well;
	// nil: they are not any more.
	PreviousExpiresAt *time.Time `json:"previous_expires_at"`
}

// Add makes an endpoint for events; without any it gets all but [EventServiceChanged].
// The address must be public: https on port 443 or 8443. A key can have five.
func (w *Webhooks) Add(ctx context.Context, url string, events ...EventType) (AddedWebhook, error) {
	words := make([]string, len(events))
	for i, e := range events {
		words[i] = string(e)
	}
	q := newRequest("webhook.add", "url", url, "events", strings.Join(words, ",")).only()
	return ask(ctx, w.c, q, func(n *AddedWebhook) bool { return n.ID != "" && n.Secret != "" })
}

// List returns the endpoints, the oldest first.
func (w *Webhooks) List(ctx context.Context) ([]Webhook, error) {
	return ask[[]Webhook](ctx, w.c, newRequest("webhook.list"), nil)
}

// Remove takes an endpoint away. A repeat that finds it gone, after an answer was lost,
// is no error.
func (w *Webhooks) Remove(ctx context.Context, id string) error {
	if err := checkIDs(id); err != nil {
		return err
	}
	type one struct {
		Removed string `json:"removed"`
	}
	q := newRequest("webhook.remove", "id", id)
	_, err := ask(ctx, w.c, q, func(o *one) bool { return o.Removed != "" })
	if q.lost && errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Test sends a ping to an endpoint now, once, and returns the delivery's id. An account
// may do so ten times a minute. A ping that arrives enables a disabled endpoint again.
func (w *Webhooks) Test(ctx context.Context, id string) (delivery string, err error) {
	if err := checkIDs(id); err != nil {
		return "", err
	}
	type one struct {
		Delivery string `json:"delivery"`
	}
	got, err := ask(ctx, w.c, newRequest("webhook.test", "id", id).only(), func(o *one) bool { return o.Delivery != "" })
	return got.Delivery, err
}

// RotateOption changes how a secret is rotated.
type RotateOption func(*request)

// WithOverlap sets for how long deliveries are signed with the old secret as well,
// in whole hours from 0 to 168; usually it is 24.
func WithOverlap(hours int) RotateOption {
	return func(q *request) { q.fields.Set("overlap", strconv.Itoa(hours)) }
}

// Rotate gives an endpoint a new secret. Give [NewVerifier] both until the old one has
// expired.
func (w *Webhooks) Rotate(ctx context.Context, id string, options ...RotateOption) (Rotated, error) {
	if err := checkIDs(id); err != nil {
		return Rotated{}, err
	}
	q := newRequest("webhook.rotate", "id", id).only()
	for _, option := range options {
		option(q)
	}
	return ask(ctx, w.c, q, func(r *Rotated) bool { return r.Secret != "" })
}

// DeliveryPage is a page of deliveries.
type DeliveryPage struct {
	Deliveries []Delivery `json:"deliveries"`
	Cursor     string     `json:"cursor"` // "" after the last page
}

// Deliveries returns a page of what was sent to an endpoint, the newest first. A cursor
// of "" begins with the newest. limit is 1 to 100; 0 is 25.
func (w *Webhooks) Deliveries(ctx context.Context, id, cursor string, limit int) (DeliveryPage, error) {
	if err := checkIDs(id); err != nil {
		return DeliveryPage{}, err
	}
	q := newRequest("webhook.deliveries", "id", id, "cursor", cursor, "limit", whole(limit))
	return ask(ctx, w.c, q, func(p *DeliveryPage) bool { return p.Deliveries != nil })
}

// AllDeliveries goes through what was sent to an endpoint, the newest first. Pages are
// asked for as they are needed. It ends after an error.
func (w *Webhooks) AllDeliveries(ctx context.Context, id string) iter.Seq2[Delivery, error] {
	const limit = 100
	return toTheEnd("", func(cursor string) ([]Delivery, string, error) {
		page, err := w.Deliveries(ctx, id, cursor, limit)
		return page.Deliveries, page.Cursor, err
	})
}

// Replay sends a delivery again, whatever became of it, with the same event id, and
// returns how many are sent. Events are kept for 30 days.
func (w *Webhooks) Replay(ctx context.Context, delivery string) (replayed int64, err error) {
	if err := checkIDs(delivery); err != nil {
		return 0, err
	}
	return w.replay(ctx, "delivery", delivery)
}

// ReplaySince sends all deliveries of an endpoint again that failed since a time, and
// returns how many they are.
func (w *Webhooks) ReplaySince(ctx context.Context, id string, since time.Time) (replayed int64, err error) {
	if err := checkIDs(id); err != nil {
		return 0, err
	}
	return w.replay(ctx, "id", id, "since", since.UTC().Format(time.RFC3339))
}

func (w *Webhooks) replay(ctx context.Context, fields ...string) (int64, error) {
	type one struct {
		Replayed *int64 `json:"replayed"`
	}
	got, err := ask(ctx, w.c, newRequest("webhook.replay", fields...).only(), func(o *one) bool { return o.Replayed != nil })
	if err != nil {
		return 0, err
	}
	return *got.Replayed, nil
}

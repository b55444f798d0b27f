package client

import (
	"encoding/json"
	"fmt"
	"time"
)

// EventType is what an event says, a word. More words may come.
type EventType string

// The types of events.
const (
	EventOrderCreated    EventType = "order.created"
	EventOrderInProgress EventType = "order.in_progress"
	EventOrderCompleted  EventType = "order.completed"
	EventOrderPartial    EventType = "order.partial"
	EventOrderCanceled   EventType = "order.canceled"
	EventOrderFailed     EventType = "order.failed"
	EventOrderRefunded   EventType = "order.refunded"
	EventRefillCompleted EventType = "refill.completed"
	EventRefillRejected  EventType = "refill.rejected"
	EventCancelRejected  EventType = "cancel.rejected"
	EventBalanceLow      EventType = "balance.low"
	EventBalanceCredited EventType = "balance.credited"
	EventServiceChanged  EventType = "service.changed" // sent only to those who ask for it
	EventPing            EventType = "ping"            // sent by [Webhooks.Test]; nobody asks for it
)

// Event is what a delivery tells. It is delivered at least once: remember the ids of
// those you have dealt with.
type Event struct {
	ID        string    `json:"id"` // "evt_" and 26 letters and digits, the same in every attempt and replay
	Type      EventType `json:"type"`
	CreatedAt time.Time `json:"created_at"`
	// Sequence counts the events of one order from 1. They are sent in that order, but a
	// replay brings an old one again. 0 where the event is not an order's.
	Sequence int64 `json:"sequence"`
	// Data is what the event says, as it came.
	Data json.RawMessage `json:"data"`

	// One of these is set, by the type; of a type that the SDK does not know, none.
	Order   *OrderEvent   `json:"-"` // order.…, refill.… and cancel.…
	Balance *BalanceEvent `json:"-"` // balance.…
	Change  *ChangeEvent  `json:"-"` // service.changed
	Ping    *PingEvent    `json:"-"` // ping
}

// OrderEvent is an order as it was when something happened to it.
type OrderEvent struct {
	Order      string `json:"order"`
	Number     int64  `json:"number"`
	RequestID  string `json:"request_id"`
	Service    int64  `json:"service"`
	Link       string `json:"link"`
	Status     Status `json:"status"`
	Charge     Amount `json:"charge"` // what you paid less what was refunded
	Refunded   Amount `json:"refunded"`
	StartCount *int64 `json:"start_count,string"`
	Remains    *int64 `json:"remains,string"`
	Currency   string `json:"currency"`
	Refill     string `json:"refill"` // the refill's id, of refill.…; else ""
}

// BalanceEvent is a wallet as it was when something happened to it.
type BalanceEvent struct {
	Balance   Amount `json:"balance"`
	Threshold Amount `json:"threshold"` // of balance.low: below what it fell; else ""
	Amount    Amount `json:"amount"`    // of balance.credited: what came in; else ""
	Currency  string `json:"currency"`
}

// ChangeEvent is a change of the catalogue.
type ChangeEvent struct {
	Change

	Currency string `json:"currency"`
}

// PingEvent is a test of an endpoint.
type PingEvent struct {
	Webhook string `json:"webhook"` // the endpoint's id
}

// parseEvent reads the body of a delivery.
func parseEvent(body []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(body, &e); err != nil || e.ID == "" || e.Type == "" {
		return Event{}, fmt.Errorf("%w: it is no event", ErrBadEvent)
	}
	into := e.place()
	if into == nil {
		return e, nil
	}
	if err := json.Unmarshal(e.Data, into); err != nil {
		return Event{}, fmt.Errorf("%w: the data of %s can't be read", ErrBadEvent, e.Type)
	}
	return e, nil
}

// place makes the place for the data of a type; nil for one that is not known.
func (e *Event) place() any {
	switch e.Type {
	case EventOrderCreated, EventOrderInProgress, EventOrderCompleted, EventOrderPartial, EventOrderCanceled, EventOrderFailed,
		EventOrderRefunded, EventRefillCompleted, EventRefillRejected, EventCancelRejected:
		e.Order = &OrderEvent{}
		return e.Order
	case EventBalanceLow, EventBalanceCredited:
		e.Balance = &BalanceEvent{}
		return e.Balance
	case EventServiceChanged:
		e.Change = &ChangeEvent{}
		return e.Change
	case EventPing:
		e.Ping = &PingEvent{}
		return e.Ping
	default:
		return nil
	}
}

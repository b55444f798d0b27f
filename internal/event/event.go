// Package event records what happened to a customer's orders, refills and money
// for those who want to be told. An event is written by the change that causes
// it, in its transaction: it is there when the change is, and not otherwise.
//
// It knows what an event says, not how it is told: that is package webhook's for
// programs and package notice's for people.
package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/notice"
)

// Type says what happened.
type Type string

// The types, as docs/api-v2.md has them.
const (
	OrderCreated    Type = "order.created"
	OrderInProgress Type = "order.in_progress"
	OrderCompleted  Type = "order.completed"
	OrderPartial    Type = "order.partial"
	OrderCanceled   Type = "order.canceled"
	OrderFailed     Type = "order.failed"
	OrderRefunded   Type = "order.refunded"
	RefillCompleted Type = "refill.completed"
	RefillRejected  Type = "refill.rejected"
	CancelRejected  Type = "cancel.rejected"
	BalanceLow      Type = "balance.low"
	BalanceCredited Type = "balance.credited"
	ServiceChanged  Type = "service.changed"
	Ping            Type = "ping"
)

// Types lists what can be subscribed to, in the order of the documentation. A
// ping comes when it is asked for.
func Types() []Type {
	return []Type{
		OrderCreated, OrderInProgress, OrderCompleted, OrderPartial, OrderCanceled, OrderFailed, OrderRefunded,
		RefillCompleted, RefillRejected, CancelRejected, BalanceLow, BalanceCredited, ServiceChanged,
	}
}

// Usual lists what is told where nothing was chosen: all but the changes of the
// catalogue, which concern everybody and may come by the thousand.
func Usual() []Type {
	all := Types()
	return all[:len(all)-1]
}

// Bell is rung by every transaction that wrote an event: db.OnCommit hears it.
const Bell = "events"

// DefaultLow is the balance below which an account is told that has set no
// threshold of its own.
const DefaultLow = 5 * money.Unit

// Scope is whose events they are: what one mode made, the other doesn't see.
type Scope struct {
	AccountID string
	Mode      ledger.Mode
}

// Listener is what is known of an account that wants to be told.
type Listener struct {
	Currency string
	Low      money.Amount // it is told below this balance; 0 never
	Webhooks bool         // it has some: events are written for them
	Choices  string       // of notices, as they are stored
}

const listenerQuery = `
	SELECT p.currency, COALESCE(a.low_balance, $3),
		EXISTS (SELECT 1 FROM webhook_endpoints e WHERE e.account_id = $1 AND e.mode = $2 AND e.state <> 'removed'),
		COALESCE((SELECT c.choices FROM notice_choices c WHERE c.account_id = $1), '')
	FROM accounts a, panel p WHERE a.id = $1 AND p.id = 1`

// Listeners returns how each of the scopes is told.
func Listeners(tx *db.Tx, scopes []Scope) (map[Scope]Listener, error) {
	found := map[Scope]Listener{}
	args := make([][]any, len(scopes))
	for i, s := range scopes {
		args[i] = []any{s.AccountID, string(s.Mode), DefaultLow}
	}
	err := tx.QueryMany(func(i int, s db.Scanner) error {
		var l Listener
		err := s.Scan(&l.Currency, &l.Low, &l.Webhooks, &l.Choices)
		found[scopes[i]] = l
		return err
	}, listenerQuery, args)
	if err != nil {
		return nil, fmt.Errorf("who listens: %w", err)
	}
	return found, nil
}

// Event is what happened.
type Event struct {
	Scope

	ID       string
	Type     Type
	OrderID  string // "": it is no order's
	Sequence int64  // counts the events of its order
	ByKey    bool   // its order was placed with an API key
	Data     Data
}

// Data is what an event says. Each type has its own form.
type Data interface {
	// in returns the data with the panel's currency.
	in(currency string) Data
}

// Order is an order as an event of it says.
type Order struct {
	Order      string  `json:"order"`
	Number     int64   `json:"number"`
	Refill     string  `json:"refill,omitempty"`
	RequestID  string  `json:"request_id"`
	Status     string  `json:"status"`
	Charge     string  `json:"charge"` // what was paid less what was refunded
	Refunded   string  `json:"refunded"`
	StartCount *string `json:"start_count"`
	Remains    *string `json:"remains"`
	Currency   string  `json:"currency"`
	Link       string  `json:"link"`
	Service    int64   `json:"service"`

	GaveBack money.Amount `json:"-"` // Refunded, for a notice
}

func (o Order) in(currency string) Data {
	o.Currency = currency
	return o
}

// Balance is what an event of a wallet says.
type Balance struct {
	Balance   string `json:"balance"`
	Threshold string `json:"threshold,omitempty"` // of balance.low
	Amount    string `json:"amount,omitempty"`    // of balance.credited
	Currency  string `json:"currency"`

	Holds, Low money.Amount `json:"-"` // Balance and Threshold, for a notice
}

func (b Balance) in(currency string) Data {
	b.Currency = currency
	return b
}

// Change is a change of the catalogue, as the action changes tells it.
type Change struct {
	Change      int64   `json:"change"`
	Service     int64   `json:"service"`
	Field       string  `json:"field"`
	Before      *string `json:"before"`
	After       *string `json:"after"`
	At          string  `json:"at"`
	EffectiveAt string  `json:"effective_at"`
	Currency    string  `json:"currency"`
}

func (c Change) in(currency string) Data {
	c.Currency = currency
	return c
}

// Endpoint is what a ping says.
type Endpoint struct {
	Webhook string `json:"webhook"`
}

func (e Endpoint) in(string) Data { return e }

// Write records an event for who listens.
func Write(tx *db.Tx, e Event) error {
	listeners, err := Listeners(tx, []Scope{e.Scope})
	if err != nil {
		return err
	}
	return Tell(tx, listeners, e)
}

// Tell records events for the webhooks of those who have some, and as notices for
// people who want to be told of them.
func Tell(tx *db.Tx, listeners map[Scope]Listener, events ...Event) error {
	var rows [][]any
	var notices []notice.Told
	for _, e := range events {
		l := listeners[e.Scope]
		told, is, err := e.notice(l)
		if err != nil {
			return err
		}
		if is {
			notices = append(notices, told)
		}
		if !l.Webhooks {
			continue
		}
		row, err := e.row(tx, l.Currency)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if err := insert(tx, rows); err != nil {
		return err
	}
	return notice.Write(tx, notices...)
}

// Publish records an event of the catalogue, which is everybody's.
func Publish(tx *db.Tx, currency string, c Change) error {
	row, err := Event{Type: ServiceChanged, Data: c}.row(tx, currency)
	if err != nil {
		return err
	}
	return insert(tx, [][]any{row})
}

func (e Event) row(tx *db.Tx, currency string) ([]any, error) {
	data, err := encode(e.Data.in(currency))
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", e.Type, err)
	}
	if e.ID == "" {
		e.ID = id.New(id.Event)
	}
	return []any{e.ID, e.AccountID, string(e.Mode), string(e.Type), db.Text(e.OrderID), e.Sequence, string(data), db.At(tx.Now)}, nil
}

func insert(tx *db.Tx, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	err := tx.ExecMany(`
		INSERT INTO webhook_events (id, account_id, mode, type, order_id, sequence, data, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, rows)
	if err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	tx.Ring(Bell)
	return nil
}

// Fell returns the event of a balance that a change took below the threshold of
// who listens; told is false where it did not. A balance that stays below says it
// once.
func Fell(s Scope, l Listener, before, after money.Amount) (e Event, told bool) {
	if l.Low == 0 || before < l.Low || after >= l.Low {
		return Event{}, false
	}
	return Event{Scope: s, Type: BalanceLow, Data: Balance{Balance: after.String(), Threshold: l.Low.String(), Holds: after, Low: l.Low}}, true
}

// Credited records that money came to a wallet, or went from it by the panel's
// decision.
func Credited(tx *db.Tx, s Scope, amount, after money.Amount) error {
	listeners, err := Listeners(tx, []Scope{s})
	if err != nil {
		return err
	}
	if amount > 0 {
		return Tell(tx, listeners, Event{Scope: s, Type: BalanceCredited, Data: Balance{Balance: after.String(), Amount: amount.String()}})
	}
	if e, told := Fell(s, listeners[s], after-amount, after); told {
		return Tell(tx, listeners, e)
	}
	return nil
}

// Body is what is sent of an event: the same bytes each time.
func Body(eventID string, t Type, created time.Time, sequence int64, data string) ([]byte, error) {
	body, err := encode(struct {
		ID       string          `json:"id"`
		Type     Type            `json:"type"`
		Created  string          `json:"created_at"`
		Sequence int64           `json:"sequence"`
		Data     json.RawMessage `json:"data"`
	}{eventID, t, created.UTC().Format(time.RFC3339), sequence, json.RawMessage(data)})
	if err != nil {
		return nil, fmt.Errorf("body of %s: %w", eventID, err)
	}
	return body, nil
}

// encode writes JSON as the API does: links keep their &.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err //nolint:wrapcheck // its callers say what of
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

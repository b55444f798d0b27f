package webhook

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/worker"
)

// Bells beside event.Bell.
const (
	deliveriesBell = "deliveries" // some became due
	endpointsBell  = "endpoints"  // one has changed
)

const (
	// fanMost is how many events one transaction turns into deliveries.
	fanMost = 100
	// fanRows is how many deliveries one transaction writes, more or less: the orders
	// of everybody wait for it.
	fanRows = 500
	// lookEvery is how often a loop looks by itself: other nodes and the command
	// line write events too.
	lookEvery = 500 * time.Millisecond
)

// delivering is a row of a delivery that is to be inserted.
type delivering struct {
	id, endpointID, eventID string
	eventType               event.Type
	orderID                 string
	sequence                int64
	due                     time.Time // zero: it waits for an earlier one
	lost                    bool      // the endpoint is disabled
}

const insertDelivery = `
	INSERT INTO webhook_deliveries (id, endpoint_id, event_id, type, order_id, sequence, state, due_at, give_up_at, created_at, finished_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (endpoint_id, event_id) DO NOTHING`

func (d delivering) row(now time.Time) []any {
	state, finished := Pending, time.Time{}
	if d.lost {
		state, finished = Failed, now
	}
	return []any{
		d.id, d.endpointID, d.eventID, string(d.eventType), db.Text(d.orderID), d.sequence, string(state), db.At(d.due),
		db.At(now.Add(patience)), db.At(now), db.At(finished),
	}
}

// fanLoop turns events into deliveries.
func (s *Sender) fanLoop() worker.Loop {
	return worker.Loop{
		Name: "webhook-events", Every: lookEvery,
		Pass: func(ctx context.Context) (int, error) {
			var any bool
			err := s.o.DB.Read(ctx, func(tx *db.Tx) error {
				return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM webhook_events WHERE fanned_at IS NULL)`).Scan(&any)
			})
			if err != nil || !any {
				return 0, err
			}
			return s.Fan(ctx)
		},
		Backlog: s.backlog(`SELECT COUNT(*), MIN(created_at) FROM webhook_events WHERE fanned_at IS NULL`),
	}
}

// Fan turns some of the new events into a delivery for each endpoint that is
// subscribed to them. It returns how many events it found. Those of the catalogue,
// which may go to everybody, take turns with the others.
func (s *Sender) Fan(ctx context.Context) (found int, err error) {
	for _, some := range []func(*db.Tx) (int, error){fanAccounts, fanCatalogue} {
		n := 0
		err := s.o.DB.Write(ctx, func(tx *db.Tx) error {
			n, err = some(tx)
			return err
		})
		if err != nil {
			return found, err
		}
		found += n
	}
	return found, nil
}

const news = `SELECT id, account_id, mode, type, order_id, sequence FROM webhook_events WHERE fanned_at IS NULL AND `

// fanAccounts turns events of accounts into deliveries.
func fanAccounts(tx *db.Tx) (found int, err error) {
	events, err := db.All(tx, scanNews, news+`account_id <> '' ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED`, fanMost)
	if err != nil {
		return 0, fmt.Errorf("find events: %w", err)
	}
	endpoints, err := lockEndpoints(tx, events)
	if err != nil {
		return 0, err
	}
	events = asMany(events, endpoints)
	slices.SortFunc(events, func(a, b event.Event) int {
		return cmp.Or(cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.Sequence, b.Sequence), cmp.Compare(a.ID, b.ID))
	})
	rows, err := deliveriesOf(tx, events, endpoints)
	if err != nil {
		return 0, err
	}
	return len(events), deliver(tx, events, rows)
}

// asMany are the first of the events, up to the one that makes enough rows.
func asMany(events []event.Event, endpoints []*Endpoint) []event.Event {
	rows := 0
	for i, e := range events {
		for _, to := range endpoints {
			if to.hears(e) {
				rows++
			}
		}
		if rows >= fanRows {
			return events[:i+1]
		}
	}
	return events
}

// hears reports whether an account's event goes to an endpoint.
func (e *Endpoint) hears(of event.Event) bool {
	return e.AccountID == of.AccountID && e.Mode == of.Mode && e.Wants(of.Type)
}

// fanCatalogue turns events of the catalogue into deliveries. An event stays new
// until all that are subscribed have it.
func fanCatalogue(tx *db.Tx) (found int, err error) {
	events, err := db.All(tx, scanNews, news+`account_id = '' ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED`, fanMost)
	if err != nil {
		return 0, fmt.Errorf("find events: %w", err)
	}
	var rows [][]any
	var told []event.Event
	for _, e := range events {
		room := fanRows - len(rows)
		endpoints, err := db.All(tx, scan, `SELECT `+columns+` FROM webhook_endpoints w
			WHERE state <> 'removed' AND events LIKE '%service.changed%'
				AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = w.id AND d.event_id = $1)
			ORDER BY id LIMIT $2`, e.ID, room)
		if err != nil {
			return 0, fmt.Errorf("find webhooks for %s: %w", e.ID, err)
		}
		for _, to := range endpoints {
			rows = append(rows, deliveringTo(to, e, tx.Now).row(tx.Now))
		}
		if len(endpoints) == room {
			break // there may be more of them
		}
		told = append(told, e)
	}
	return len(events), deliver(tx, told, rows)
}

// deliver writes deliveries and that events have become them.
func deliver(tx *db.Tx, events []event.Event, rows [][]any) error {
	if err := tx.ExecMany(insertDelivery, rows); err != nil {
		return fmt.Errorf("write deliveries: %w", err)
	}
	fanned := make([][]any, len(events))
	for i, e := range events {
		fanned[i] = []any{e.ID, db.At(tx.Now)}
	}
	if err := tx.ExecMany(`UPDATE webhook_events SET fanned_at = $2 WHERE id = $1`, fanned); err != nil {
		return fmt.Errorf("note what was told: %w", err)
	}
	if len(rows) > 0 {
		tx.Ring(deliveriesBell)
	}
	return nil
}

// scanNews reads an event without its data.
func scanNews(s db.Scanner) (e event.Event, err error) {
	err = s.Scan(&e.ID, &e.AccountID, &e.Mode, &e.Type, db.String(&e.OrderID), &e.Sequence)
	return e, err
}

// lockEndpoints locks the endpoints that events may go to. A delivery's end holds
// the same lock, so that which of an order's events is first can't change between
// being looked at and being written.
func lockEndpoints(tx *db.Tx, events []event.Event) ([]*Endpoint, error) {
	accounts := map[string]bool{}
	for _, e := range events {
		accounts[e.AccountID] = true
	}
	all, err := db.All(tx, scan, `SELECT `+columns+` FROM webhook_endpoints
		WHERE state <> 'removed' AND account_id = ANY($1) ORDER BY id FOR NO KEY UPDATE`, slices.Sorted(maps.Keys(accounts)))
	if err != nil {
		return nil, fmt.Errorf("lock webhooks: %w", err)
	}
	return all, nil
}

// deliveringTo is the delivery of an event to an endpoint, due at once or never.
func deliveringTo(to *Endpoint, e event.Event, now time.Time) delivering {
	d := delivering{
		id: id.New(id.Delivery), endpointID: to.ID, eventID: e.ID, eventType: e.Type, orderID: e.OrderID, sequence: e.Sequence,
		lost: to.State == Disabled,
	}
	if !d.lost {
		d.due = now
	}
	return d
}

// deliveriesOf are the rows of who gets which event.
func deliveriesOf(tx *db.Tx, events []event.Event, endpoints []*Endpoint) ([][]any, error) {
	waiting, err := openOrders(tx, events, endpoints)
	if err != nil {
		return nil, err
	}
	var rows [][]any
	for _, e := range events {
		for _, to := range endpoints {
			if !to.hears(e) {
				continue
			}
			d := deliveringTo(to, e, tx.Now)
			line := orderLine{to.ID, e.OrderID}
			if first, is := waiting[line]; is && e.Sequence >= first {
				d.due = time.Time{}
			} else if !d.lost && e.OrderID != "" {
				waiting[line] = e.Sequence
			}
			rows = append(rows, d.row(tx.Now))
		}
	}
	return rows, nil
}

// orderLine is one order's events to one endpoint: they go one after the other.
type orderLine struct{ endpointID, orderID string }

// openOrders are the lines on which deliveries wait already, with the sequence of
// the first of them.
func openOrders(tx *db.Tx, events []event.Event, endpoints []*Endpoint) (map[orderLine]int64, error) {
	waiting := map[orderLine]int64{}
	var args [][]any
	var lines []orderLine
	for _, e := range events {
		if e.OrderID == "" || e.Sequence <= 1 {
			continue // nothing was before it
		}
		for _, to := range endpoints {
			if to.AccountID == e.AccountID && to.Mode == e.Mode && to.State == Active {
				lines = append(lines, orderLine{to.ID, e.OrderID})
				args = append(args, []any{to.ID, e.OrderID})
			}
		}
	}
	err := tx.QueryMany(func(i int, s db.Scanner) error {
		var first int64
		err := s.Scan(&first)
		waiting[lines[i]] = first
		return err
	}, `SELECT sequence FROM webhook_deliveries WHERE endpoint_id = $1 AND order_id = $2 AND state = 'pending' ORDER BY sequence LIMIT 1`, args)
	if err != nil {
		return nil, fmt.Errorf("look for what waits: %w", err)
	}
	return waiting, nil
}

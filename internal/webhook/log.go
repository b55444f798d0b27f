package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
)

// Kept is how long the log of deliveries is kept.
const Kept = 30 * 24 * time.Hour

// Outcome is what became of a delivery.
type Outcome string

// The outcomes.
const (
	Pending   Outcome = "pending"
	Delivered Outcome = "delivered"
	Failed    Outcome = "failed" // given up, or not tried because the endpoint was disabled
)

// Delivery is an event on its way to an endpoint.
type Delivery struct {
	ID         string
	EndpointID string
	EventID    string
	Type       event.Type
	OrderID    string
	Sequence   int64
	State      Outcome
	DueAt      time.Time // when it is tried next; zero: it waits for an earlier one, or is done with
	Tries      int64
	CreatedAt  time.Time
	FinishedAt time.Time

	// Of the log alone.
	Body     string
	Attempts []Attempt // the first one first
}

// Attempt is one try to deliver.
type Attempt struct {
	Number   int64
	At       time.Time
	Status   int    // 0: there was no answer
	Error    string // the class of failure, "" where there was an answer
	Duration time.Duration
	Answer   string // what the receiver said, up to 4 KiB
}

const deliveryColumns = `d.id, d.endpoint_id, d.event_id, d.type, d.order_id, d.sequence, d.state, d.due_at, d.attempts, d.created_at, d.finished_at`

func (d *Delivery) fields() []any {
	return []any{
		&d.ID, &d.EndpointID, &d.EventID, &d.Type, db.String(&d.OrderID), &d.Sequence, &d.State, db.Time(&d.DueAt), &d.Tries,
		db.Time(&d.CreatedAt), db.Time(&d.FinishedAt),
	}
}

func scanDelivery(s db.Scanner) (d Delivery, err error) {
	err = s.Scan(d.fields()...)
	return d, err
}

// Deliveries returns a page of an endpoint's log, the newest first. before is the
// id of the last one that was seen, "" for the first page.
func (s *Store) Deliveries(ctx context.Context, by Owner, endpointID, before string, limit int) (page []Delivery, err error) {
	return s.DeliveriesIn(ctx, by, endpointID, "", before, limit)
}

// Delivery returns one delivery with its attempts.
func (s *Store) Delivery(ctx context.Context, by Owner, deliveryID string) (d Delivery, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		d, err = one(tx, by, deliveryID)
		return err
	})
	return d, err
}

var errNoDelivery = fault.New(fault.NotFound, "Delivery not found")

func one(tx *db.Tx, by Owner, deliveryID string) (Delivery, error) {
	if !id.Valid(id.Delivery, deliveryID) {
		return Delivery{}, errNoDelivery
	}
	found, err := whole(tx, `d.id = $1`, deliveryID)
	if err != nil {
		return Delivery{}, err
	}
	if len(found) == 0 {
		return Delivery{}, errNoDelivery
	}
	if _, err := find(tx, by, found[0].EndpointID, ""); err != nil {
		if errors.Is(err, errNotFound) {
			return Delivery{}, errNoDelivery
		}
		return Delivery{}, err
	}
	return found[0], nil
}

// whole reads deliveries with what was sent and the attempts.
func whole(tx *db.Tx, where string, args ...any) ([]Delivery, error) {
	all, err := db.All(tx, func(s db.Scanner) (d Delivery, err error) {
		var data string
		var created time.Time
		if err := s.Scan(append(d.fields(), &data, db.Time(&created))...); err != nil {
			return d, err
		}
		body, err := event.Body(d.EventID, d.Type, created, d.Sequence, data)
		d.Body = string(body)
		return d, err
	}, `SELECT `+deliveryColumns+`, e.data, e.created_at FROM webhook_deliveries d JOIN webhook_events e ON e.id = d.event_id WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	ids := make([][]any, len(all))
	for i, d := range all {
		ids[i] = []any{d.ID}
	}
	err = tx.QueryMany(func(i int, s db.Scanner) error {
		var a Attempt
		err := s.Scan(&a.Number, db.Time(&a.At), &a.Status, &a.Error, &a.Duration, &a.Answer)
		all[i].Attempts = append(all[i].Attempts, a)
		return err
	}, `SELECT number, at, status, error, duration, answer FROM webhook_attempts WHERE delivery_id = $1 ORDER BY number`, ids)
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	return all, nil
}

// errDisabled refuses a replay to an endpoint that is not told anything now.
var errDisabled = fault.New(fault.Conflict, "The webhook is disabled: enable it first, or send it a test").Because(IsDisabled)

// Replay sends one delivery again, whatever became of it. The event keeps its id.
// One that is under way, or goes by itself within a moment, is left to go.
func (s *Store) Replay(ctx context.Context, by Owner, deliveryID string) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		d, err := one(tx, by, deliveryID)
		if err != nil {
			return err
		}
		e, err := find(tx, by, d.EndpointID, forUpdate)
		if err != nil {
			return err
		}
		if e.State != Active {
			return errDisabled
		}
		// Who takes out the log's end locks no endpoint: the delivery may be gone meanwhile.
		err = tx.QueryRow(`SELECT state, due_at FROM webhook_deliveries WHERE id = $1`+forUpdate, d.ID).Scan(&d.State, db.Time(&d.DueAt))
		if errors.Is(err, db.ErrNoRows) {
			return errNoDelivery
		}
		if err != nil {
			return fmt.Errorf("lock a delivery: %w", err)
		}
		if d.State == Pending && !d.DueAt.After(tx.Now.Add(lease)) {
			return nil
		}
		return sendAgain(tx, []Delivery{d})
	})
}

// replayMost is how many deliveries one transaction sends again.
const replayMost = 200

// ReplayEvery is how often all that failed can be sent again: who owns the address
// of a webhook may not be who asks for it.
const ReplayEvery = 10 * time.Second

// ReplayFailed sends again what failed at an endpoint since a time, and returns
// how many those are. It is a conflict where that was done just now.
func (s *Store) ReplayFailed(ctx context.Context, by Owner, endpointID string, since time.Time) (replayed int, err error) {
	if since.IsZero() {
		since = time.Unix(0, 0) // the first second of the year 1 is no time to the database
	}
	var until time.Time // what fails meanwhile is not sent for ever
	for {
		var n int
		err := s.db.Write(ctx, func(tx *db.Tx) error {
			e, err := find(tx, by, endpointID, forUpdate)
			if err != nil {
				return err
			}
			if e.State != Active {
				return errDisabled
			}
			until = begun(until, tx.Now)
			failed, err := db.All(tx, scanDelivery, `SELECT `+deliveryColumns+` FROM webhook_deliveries d
				WHERE d.endpoint_id = $1 AND d.state = 'failed' AND d.finished_at BETWEEN $2 AND $3
				ORDER BY d.finished_at, d.id LIMIT $4`+forUpdate, e.ID, db.At(since), db.At(until), replayMost)
			if err != nil {
				return fmt.Errorf("find failed deliveries: %w", err)
			}
			if n = len(failed); n > 0 && replayed == 0 {
				if err := replayNow(tx, e); err != nil {
					return err
				}
			}
			return sendAgain(tx, failed)
		})
		if err != nil {
			return replayed, err
		}
		replayed += n
		if n < replayMost {
			return replayed, nil
		}
	}
}

// begun is when a replay of several steps began.
func begun(at, now time.Time) time.Time {
	if at.IsZero() {
		return now
	}
	return at
}

// replayNow notes that all that failed at a locked endpoint is sent again, unless
// it was just now.
func replayNow(tx *db.Tx, e *Endpoint) error {
	done, err := tx.ExecOne(`UPDATE webhook_endpoints SET replayed_at = $2 WHERE id = $1 AND (replayed_at IS NULL OR replayed_at <= $3)`,
		e.ID, db.At(tx.Now), db.At(tx.Now.Add(-ReplayEvery)))
	if err != nil {
		return fmt.Errorf("note a replay: %w", err)
	}
	if !done {
		return fault.Newf(fault.Conflict, "All that failed can be replayed once in %d seconds", int(ReplayEvery.Seconds())).Because(TooManyReplays)
	}
	return nil
}

// sendAgain makes deliveries of a locked endpoint pending again.
func sendAgain(tx *db.Tx, all []Delivery) error {
	again, heads := make([][]any, len(all)), make([][]any, len(all))
	for i, d := range all {
		again[i] = []any{d.ID, db.At(tx.Now.Add(patience))}
		heads[i] = []any{d.ID, db.At(tx.Now)}
	}
	err := tx.ExecMany(`UPDATE webhook_deliveries SET state = 'pending', due_at = NULL, give_up_at = $2, failures = 0, finished_at = NULL WHERE id = $1`, again)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	// Of an order's events the first one goes first; it lets the others follow.
	err = tx.ExecMany(`
		UPDATE webhook_deliveries SET due_at = $2
		WHERE id = $1 AND due_at IS NULL AND NOT EXISTS (
			SELECT 1 FROM webhook_deliveries b WHERE b.endpoint_id = webhook_deliveries.endpoint_id AND b.order_id = webhook_deliveries.order_id
				AND b.state = 'pending' AND b.sequence < webhook_deliveries.sequence)`, heads)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	tx.Ring(deliveriesBell)
	return nil
}

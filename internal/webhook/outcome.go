package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
)

const (
	// outcomesMost is how many outcomes are written in one transaction.
	outcomesMost = 256
	// patience is how long a delivery is tried.
	patience = 3 * 24 * time.Hour
	// hopeless is for how long an endpoint may do nothing but fail.
	hopeless = 5 * 24 * time.Hour
	// attemptsKept is how many attempts of a delivery the log keeps, the latest: who
	// replays one again and again must not fill it. Without replays there are twelve.
	attemptsKept = 20
	// spread is the share by which a pause is longer or shorter, so that what failed
	// together does not come back together.
	spread = 0.2
)

// pauses are those after the first, second … failure; the last one goes on.
//
//nolint:gochecknoglobals // a table
var pauses = []time.Duration{
	10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// pauseAfter is how long to wait after so many failures.
func pauseAfter(failures int64, scale float64) time.Duration {
	pause := float64(pauses[min(max(failures, 1), int64(len(pauses)))-1]) * scale
	return time.Duration(pause * (1 - spread + 2*spread*rand.Float64())) //nolint:gosec // spreads load, guards nothing
}

// record writes outcomes as they come, those that wait together in one
// transaction.
func (s *Sender) record() {
	for first := range s.outcomes {
		all := []outcome{first}
	more:
		for len(all) < outcomesMost {
			select {
			case o, open := <-s.outcomes:
				if !open {
					break more
				}
				all = append(all, o)
			default:
				break more
			}
		}
		s.write(all)
	}
}

// write stores outcomes, one by one where they can't be stored together: one that
// can't be loses no other. What can't be stored is sent again after its lease: a
// receiver knows it by the event's id.
func (s *Sender) write(all []outcome) {
	ctx := context.Background()
	for together := len(all); len(all) > 0; {
		some := all[:together]
		err := s.o.DB.Write(ctx, func(tx *db.Tx) error { return s.store(tx, some) })
		switch {
		case err == nil:
		case s.ending() && db.IsDown(err):
			some = all // each would meet the same trouble, and the program can't wait for that
		case together > 1:
			together = 1
			continue
		}
		if err != nil {
			s.lose(ctx, some, err)
		}
		all = all[len(some):]
	}
}

func (s *Sender) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// lose tells of outcomes that were not stored.
func (s *Sender) lose(ctx context.Context, all []outcome, err error) {
	for _, o := range all {
		s.o.Log.LogAttrs(ctx, slog.LevelError, "outcome of a delivery not stored", slog.String("delivery", o.ID), slog.Any("error", err))
	}
}

// store writes outcomes of deliveries and what follows from them for their
// endpoints.
func (s *Sender) store(tx *db.Tx, all []outcome) error {
	if err := logAttempts(tx, all); err != nil { // first: nobody is to wait for it
		return err
	}
	endpoints, err := lockThese(tx, all)
	if err != nil {
		return err
	}
	var ended, again, follow [][]any
	for _, o := range all {
		e := endpoints[o.EndpointID]
		next := tx.Now.Add(pauseAfter(o.failures+1, s.o.Backoff))
		switch {
		case o.ok():
			ended = append(ended, []any{o.ID, string(Delivered), db.At(tx.Now), o.Number, o.failures})
		case next.After(o.giveUpAt) || o.Type == event.Ping || e.State == Removed || o.Status == http.StatusGone:
			ended = append(ended, []any{o.ID, string(Failed), db.At(tx.Now), o.Number, o.failures + 1})
		default:
			again = append(again, []any{o.ID, db.At(next), o.Number, o.failures + 1})
			continue
		}
		if o.OrderID != "" {
			follow = append(follow, []any{o.EndpointID, o.OrderID, db.At(tx.Now)})
		}
	}
	for _, one := range []struct {
		what, query string
		rows        [][]any
	}{
		{"ends", `UPDATE webhook_deliveries SET state = $2, due_at = NULL, finished_at = $3, attempts = $4, failures = $5 WHERE id = $1 AND ` + unended, ended},
		{"retries", `UPDATE webhook_deliveries SET due_at = $2, attempts = $3, failures = $4 WHERE id = $1 AND ` + unended, again},
		{"what follows", followUp, follow},
	} {
		if err := tx.ExecMany(one.query, one.rows); err != nil {
			return fmt.Errorf("store %s: %w", one.what, err)
		}
	}
	if len(follow) > 0 {
		tx.Ring(deliveriesBell)
	}
	return s.judge(tx, endpoints, all)
}

// logAttempts writes down what receivers answered.
func logAttempts(tx *db.Tx, all []outcome) error {
	tries := make([][]any, len(all))
	var old [][]any
	for i, o := range all {
		if o.Number > attemptsKept {
			old = append(old, []any{o.ID, o.Number - attemptsKept})
		}
		tries[i] = []any{o.ID, o.Number, db.At(tx.Now.Add(-o.Duration)), o.Status, o.Error, int64(o.Duration), o.Answer}
	}
	err := tx.ExecMany(`INSERT INTO webhook_attempts (delivery_id, number, at, status, error, duration, answer)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (delivery_id, number) DO NOTHING`, tries)
	if err != nil {
		return fmt.Errorf("store attempts: %w", err)
	}
	if err := tx.ExecMany(`DELETE FROM webhook_attempts WHERE delivery_id = $1 AND number <= $2`, old); err != nil {
		return fmt.Errorf("forget attempts: %w", err)
	}
	return nil
}

// unended is state = 'pending' in words that fit no index: the planner, which takes
// the pending for few, would read them all to find the one with an id.
const unended = `state NOT IN ('delivered', 'failed')`

// followUp lets the next event of an order go.
const followUp = `
	UPDATE webhook_deliveries SET due_at = $3
	WHERE endpoint_id = $1 AND order_id = $2 AND state = 'pending' AND due_at IS NULL AND sequence = (
		SELECT MIN(n.sequence) FROM webhook_deliveries n WHERE n.endpoint_id = $1 AND n.order_id = $2 AND n.state = 'pending')`

// lockThese locks the endpoints of outcomes, in the order of their ids.
func lockThese(tx *db.Tx, all []outcome) (map[string]*Endpoint, error) {
	var ids []string
	for _, o := range all {
		if !slices.Contains(ids, o.EndpointID) {
			ids = append(ids, o.EndpointID)
		}
	}
	found, err := db.All(tx, scan, `SELECT `+columns+` FROM webhook_endpoints WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE`, ids)
	if err != nil {
		return nil, fmt.Errorf("lock webhooks: %w", err)
	}
	endpoints := make(map[string]*Endpoint, len(found))
	for _, e := range found {
		endpoints[e.ID] = e
	}
	return endpoints, nil
}

// judge says of locked endpoints what their answers make of them.
func (s *Sender) judge(tx *db.Tx, endpoints map[string]*Endpoint, all []outcome) error {
	for _, o := range all {
		e := endpoints[o.EndpointID]
		var err error
		switch {
		case e.State == Removed:
		case o.Status == http.StatusGone:
			err = s.end(tx, e, Removed, Gone, NoticeGone)
		case o.ok() && e.State == Disabled && e.Reason == Failing:
			err = setState(tx, e, Active, NoReason)
		case o.ok():
			err = failingSince(tx, e, time.Time{})
		case e.State == Disabled:
		case e.FailingSince.IsZero():
			err = failingSince(tx, e, tx.Now)
		case tx.Now.Sub(e.FailingSince) >= s.hopeless():
			err = s.end(tx, e, Disabled, Failing, NoticeDisabled)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hopeless is the constant of that name, shortened as the pauses are.
func (s *Sender) hopeless() time.Duration { return time.Duration(float64(hopeless) * s.o.Backoff) }

// end stops an endpoint and tells its owner.
func (s *Sender) end(tx *db.Tx, e *Endpoint, to State, why Reason, n Notice) error {
	if err := setState(tx, e, to, why); err != nil {
		return err
	}
	return s.o.Store.tell(tx, n, e)
}

// failingSince notes the first failure after a success, and the end of failures.
func failingSince(tx *db.Tx, e *Endpoint, since time.Time) error {
	if e.FailingSince.Equal(since) {
		return nil
	}
	e.FailingSince = since
	_, err := tx.Exec(`UPDATE webhook_endpoints SET failing_since = $2 WHERE id = $1`, e.ID, db.At(since))
	if err != nil {
		return fmt.Errorf("failures of %s: %w", e.ID, err)
	}
	return nil
}

// giveUpMost is how many deliveries of an endpoint are given up in one transaction.
const giveUpMost = 500

// giveUpAll ends what waits for an endpoint that is told nothing any more, some at a
// time. Those that wait for an earlier one go first: as long as any is left, one of
// each order is due, so that nothing is forgotten, nor waits for ever for one that
// was given up should the endpoint be enabled meanwhile.
func (s *Sender) giveUpAll(ctx context.Context, e *Endpoint) (n int, err error) {
	err = s.o.DB.Write(ctx, func(tx *db.Tx) error {
		n = 0
		locked, err := scan(tx.QueryRow(`SELECT `+columns+` FROM webhook_endpoints WHERE id = $1 FOR NO KEY UPDATE`, e.ID))
		if err != nil || locked.State == Active {
			return err
		}
		ended, err := tx.Exec(`
			UPDATE webhook_deliveries SET state = 'failed', due_at = NULL, finished_at = $2
			WHERE id IN (SELECT id FROM webhook_deliveries
				WHERE endpoint_id = $1 AND state = 'pending' AND (type <> 'ping' OR $4) ORDER BY due_at IS NOT NULL LIMIT $3)`,
			e.ID, db.At(tx.Now), giveUpMost, locked.State == Removed)
		n = int(ended)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("give up deliveries to %s: %w", e.ID, err)
	}
	return n, nil
}

package webhook

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// changesEvery is how often the catalogue is looked at for changes to tell.
	changesEvery = 2 * time.Second
	// changesMost is how many one transaction tells.
	changesMost = 100
	purgeEvery  = time.Minute
	// purgeMost is how many old deliveries one transaction takes out.
	purgeMost = 500
)

// changesLoop tells of the catalogue's changes.
func (s *Sender) changesLoop() worker.Loop {
	return worker.Loop{Name: "webhook-changes", Every: changesEvery, Pass: s.TellChanges}
}

// TellChanges makes events of the catalogue's changes since the last time, where
// anybody wants to be told of them. It returns how many it looked at.
func (s *Sender) TellChanges(ctx context.Context) (found int, err error) {
	var news bool
	err = s.o.DB.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM catalog_changes WHERE seq > (SELECT seq FROM webhook_changes WHERE id = 1))`).Scan(&news)
	})
	if err != nil || !news {
		return 0, err
	}
	err = s.o.DB.Write(ctx, func(tx *db.Tx) error {
		var told int64
		if err := tx.QueryRow(`SELECT seq FROM webhook_changes WHERE id = 1 FOR NO KEY UPDATE`).Scan(&told); err != nil {
			return fmt.Errorf("what was told: %w", err)
		}
		changes, err := db.All(tx, scanChange, changesQuery, told, changesMost)
		if err != nil {
			return fmt.Errorf("read changes: %w", err)
		}
		if found = len(changes); found == 0 {
			return nil
		}
		last := changes[found-1].told.Change
		if err := tellAll(tx, slices.DeleteFunc(changes, func(c change) bool { return !c.shown })); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE webhook_changes SET seq = $1 WHERE id = 1`, last)
		return err
	})
	return found, err
}

// change is a row of the change feed.
type change struct {
	told  event.Change
	shown bool // to customers, who see of a service that is not sold only that it stopped, or was, being sold
}

// changesQuery shows what catalog.Store.Changes does.
const changesQuery = `
	SELECT c.seq, c.service_id, c.field, c.before, c.after, c.at, c.effective_at,
		v.state = 'active' OR c.field = 'state' AND (c.before = 'active' OR c.after = 'active')
	FROM catalog_changes c JOIN services v ON v.id = c.service_id WHERE c.seq > $1 ORDER BY c.seq LIMIT $2`

// tellAll publishes changes if anybody is subscribed to them.
func tellAll(tx *db.Tx, changes []change) error {
	if len(changes) == 0 {
		return nil
	}
	var wanted bool
	var currency string
	err := tx.QueryRow(`SELECT currency, EXISTS (SELECT 1 FROM webhook_endpoints WHERE state <> 'removed' AND events LIKE '%service.changed%')
		FROM panel WHERE id = 1`).Scan(&currency, &wanted)
	if err != nil {
		return fmt.Errorf("who wants to know of changes: %w", err)
	}
	if !wanted {
		return nil
	}
	for _, c := range changes {
		if err := event.Publish(tx, currency, c.told); err != nil {
			return err
		}
	}
	return nil
}

func scanChange(s db.Scanner) (c change, err error) {
	var before, after string
	var at, effective time.Time
	err = s.Scan(&c.told.Change, &c.told.Service, &c.told.Field, &before, &after, db.Time(&at), db.Time(&effective), &c.shown)
	c.told.Before, c.told.After = orNull(before), orNull(after)
	c.told.At, c.told.EffectiveAt = at.UTC().Format(time.RFC3339), effective.UTC().Format(time.RFC3339)
	return c, err
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// purgeLoop takes out what is old, and the endpoints of keys that have expired.
func (s *Sender) purgeLoop() worker.Loop {
	return worker.Loop{Name: "webhook-purge", Every: purgeEvery, Pass: func(ctx context.Context) (int, error) {
		if err := s.endExpired(ctx); err != nil {
			return 0, err
		}
		s.forgetIdle()
		n, err := s.Purge(ctx)
		if n < purgeMost {
			n = 0 // the rest comes in a minute
		}
		return n, err
	}}
}

// endExpired removes the endpoints of keys that have expired. What they would be
// sent until then is for nobody else.
func (s *Sender) endExpired(ctx context.Context) error {
	return s.o.DB.Write(ctx, func(tx *db.Tx) error {
		keys, err := db.All(tx, scanID, `SELECT DISTINCT k.id FROM webhook_endpoints e JOIN api_keys k ON k.id = e.key_id
			WHERE e.state <> 'removed' AND (k.revoked_at IS NOT NULL OR k.expires_at <= $1) ORDER BY k.id LIMIT 100`, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("find expired keys: %w", err)
		}
		for _, keyID := range keys {
			if err := KeyRevoked(tx, keyID); err != nil {
				return err
			}
		}
		return nil
	})
}

// Purge takes out some of the deliveries that are older than the log is kept,
// with their events. It returns how many it looked at.
func (s *Sender) Purge(ctx context.Context) (purged int, err error) {
	err = s.o.DB.Write(ctx, func(tx *db.Tx) error {
		events, err := db.All(tx, scanID, `SELECT e.id FROM webhook_events e
			WHERE e.created_at < $1 AND e.fanned_at IS NOT NULL
				AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.event_id = e.id AND d.state = 'pending')
			ORDER BY e.created_at LIMIT $2`, db.At(tx.Now.Add(-Kept)), purgeMost)
		if err != nil {
			return fmt.Errorf("find old events: %w", err)
		}
		// One event of the catalogue may have gone to thousands.
		deliveries, err := db.All(tx, scanID, `SELECT id FROM webhook_deliveries WHERE event_id = ANY($1) LIMIT $2`, events, purgeMost)
		if err != nil {
			return fmt.Errorf("find old deliveries: %w", err)
		}
		purged = max(len(events), len(deliveries))
		for _, one := range []struct {
			query string
			ids   []string
		}{
			{`DELETE FROM webhook_attempts WHERE delivery_id = $1`, deliveries},
			{`DELETE FROM webhook_deliveries WHERE id = $1 AND state <> 'pending'`, deliveries}, // it may have been replayed meanwhile
			{`DELETE FROM webhook_events WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE event_id = $1)`, events},
		} {
			rows := make([][]any, len(one.ids))
			for i, name := range one.ids {
				rows[i] = []any{name}
			}
			if err := tx.ExecMany(one.query, rows); err != nil {
				return fmt.Errorf("purge deliveries: %w", err)
			}
		}
		return purgeEndpoints(tx)
	})
	return purged, err
}

// purgeEndpoints takes out endpoints that were removed long ago and have nothing in
// the log any more.
func purgeEndpoints(tx *db.Tx) error {
	_, err := tx.Exec(`DELETE FROM webhook_endpoints WHERE id IN (SELECT w.id FROM webhook_endpoints w
		WHERE w.state = 'removed' AND w.updated_at < $1 AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = w.id) LIMIT $2)`,
		db.At(tx.Now.Add(-Kept)), purgeMost)
	if err != nil {
		return fmt.Errorf("purge webhooks: %w", err)
	}
	return nil
}

func scanID(r db.Scanner) (name string, err error) {
	err = r.Scan(&name)
	return name, err
}

// forgetIdle drops what is remembered of endpoints that were slow and have had
// nothing to do.
func (s *Sender) forgetIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for endpointID, l := range s.lanes {
		if l.running == 0 && len(l.queue) == 0 && time.Since(l.readAt) > time.Hour {
			delete(s.lanes, endpointID)
		}
	}
}

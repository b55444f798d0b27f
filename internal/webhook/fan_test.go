package webhook_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/webhook"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// What changes in the catalogue goes to however many in steps that nobody's order
// waits long for, and orders' events don't wait for all of them. It goes in such
// steps too when it is old.
func TestTheCatalogueIsToldInSteps(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		s.add(webhooktest.New(t), "order.created")
		const endpoints, changes, step = 700, 2, 500
		rows, news := make([][]any, endpoints), make([][]any, changes)
		for i := range rows {
			rows[i] = []any{fmt.Sprintf("whk_%04d", i), s.by.KeyID, s.by.AccountID}
		}
		for i := range news {
			news[i] = []any{fmt.Sprintf("evt_%d", i)}
		}
		s.Write(func(tx *db.Tx) error {
			if err := tx.ExecMany(`INSERT INTO webhook_endpoints (id, key_id, account_id, mode, url, events, state, secret, created_at, updated_at)
				VALUES ($1, $2, $3, 'live', 'https://receiver.example/', 'service.changed', 'disabled', '', 1, 1)`, rows); err != nil {
				return err
			}
			return tx.ExecMany(`INSERT INTO webhook_events (id, type, data, created_at) VALUES ($1, 'service.changed', '{}', 1)`, news)
		})
		s.Place("one", "https://example.com/", 100)
		sender := s.sender(1)
		var had int64
		for n := range 4 {
			_, err := sender.Fan(t.Context())
			ordertest.Must(t, err)
			has := s.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE type = 'service.changed'`)
			if has-had > step {
				t.Errorf("pass %d wrote %d deliveries", n, has-had)
			}
			had = has
			if s.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE type = 'order.created'`) != 1 {
				t.Error("the order's event waits for the catalogue's")
			}
		}
		if had != endpoints*changes || !s.fanned() {
			t.Errorf("%d of %d deliveries after four passes", had, endpoints*changes)
		}
		d.AdvanceClock(webhook.Kept + time.Hour)
		s.Exec(`UPDATE webhook_deliveries SET state = 'failed', due_at = NULL`)
		for s.count(`SELECT COUNT(*) FROM webhook_events`) > 0 {
			_, err := sender.Purge(t.Context())
			ordertest.Must(t, err)
			left := s.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE type = 'service.changed'`)
			if gone := had - left; gone > step || gone <= 0 && left > 0 {
				t.Fatalf("one step took %d out", gone)
			}
			had = left
		}
	})
}

// fanned reports that all events have become deliveries.
func (s *scene) fanned() bool {
	s.t.Helper()
	return s.count(`SELECT COUNT(*) FROM webhook_events WHERE fanned_at IS NULL`) == 0
}

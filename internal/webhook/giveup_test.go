package webhook_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// What waits for an endpoint that was disabled is given up to the last one, however
// much it is: an event that stayed behind would hold back its order for ever.
func TestAllThatWaitsIsGivenUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		e, _ := s.add(webhooktest.New(t), "")
		sender := s.sender(1)
		s.happened(167, "order.created", "order.in_progress", "order.completed") // steps of 500 cut an order's events apart
		s.all(sender.Fan)
		if n := s.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending' AND due_at IS NULL`); n != 334 {
			t.Fatalf("%d wait for an earlier one, want 334", n)
		}
		ordertest.Must(t, s.store.Disable(context.Background(), s.by, e.ID, "test"))
		s.all(sender.Claim)
		if n := s.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'failed'`); n != 501 {
			t.Errorf("%d of 501 are given up", n)
		}
	})
}

// happened writes events of so many orders of the customer's.
func (s *scene) happened(orders int, types ...string) {
	s.t.Helper()
	var rows [][]any
	for n := range orders {
		for i, name := range types {
			rows = append(rows, []any{fmt.Sprintf("evt_%04d_%d", n, i), s.Buyer.AccountID, string(s.Buyer.Mode), name, fmt.Sprintf("ord_%04d", n), i + 1})
		}
	}
	s.Write(func(tx *db.Tx) error {
		return tx.ExecMany(`INSERT INTO webhook_events (id, account_id, mode, type, order_id, sequence, data, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, '{}', 1)`, rows)
	})
}

// all does steps of a kind until nothing is left.
func (s *scene) all(step func(context.Context) (int, error)) {
	s.t.Helper()
	for n := 1; n > 0; {
		var err error
		n, err = step(context.Background())
		ordertest.Must(s.t, err)
	}
}

package catalog

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

// EnoughOrders is how many orders a fact takes: fewer say nothing.
const EnoughOrders = 20

// Facts are what was measured of a service's orders that ended. Times are whole
// seconds from when an order was placed; nil where too few had them. Shares are
// in thousandths of the orders.
type Facts struct {
	Orders       int64 // how many were measured
	StartHalf    *int64
	StartMost    *int64 // nine of ten had started by then
	CompleteHalf *int64
	CompleteMost *int64
	Completed    int64
	Partial      int64
	Canceled     int64 // ended with nothing delivered that was kept
	MeasuredAt   time.Time
}

// Facts returns what was measured of a service; found is false where too few
// orders have ended.
func (s *Snapshot) Facts(v *Service) (f Facts, found bool) {
	f, found = s.facts[v.ID]
	return f, found && f.Orders >= EnoughOrders
}

// AllFacts reads what was measured, of all services.
func AllFacts(tx *db.Tx) (map[int64]Facts, error) {
	all := map[int64]Facts{}
	err := tx.Each(func(r db.Scanner) error {
		var serviceID int64
		var f Facts
		err := r.Scan(&serviceID, &f.Orders, &f.StartHalf, &f.StartMost, &f.CompleteHalf, &f.CompleteMost,
			&f.Completed, &f.Partial, &f.Canceled, db.Time(&f.MeasuredAt))
		all[serviceID] = f
		return err
	}, `SELECT service_id, orders, start_half, start_most, complete_half, complete_most, completed, partial, canceled, measured_at
		FROM service_facts`)
	if err != nil {
		return nil, fmt.Errorf("facts: %w", err)
	}
	return all, nil
}

// SaveFacts keeps what was measured. Where it changes what customers are shown,
// the catalogue's epoch has to move in the same transaction.
func SaveFacts(tx *db.Tx, measured map[int64]Facts) error {
	var rows [][]any
	for _, serviceID := range slices.Sorted(maps.Keys(measured)) {
		f := measured[serviceID]
		rows = append(rows, []any{
			serviceID, f.Orders, f.StartHalf, f.StartMost, f.CompleteHalf, f.CompleteMost,
			f.Completed, f.Partial, f.Canceled, db.At(f.MeasuredAt),
		})
	}
	err := tx.ExecMany(`
		INSERT INTO service_facts (service_id, orders, start_half, start_most, complete_half, complete_most,
			completed, partial, canceled, measured_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (service_id) DO UPDATE SET orders = $2, start_half = $3, start_most = $4, complete_half = $5, complete_most = $6,
			completed = $7, partial = $8, canceled = $9, measured_at = $10`, rows)
	if err != nil {
		return fmt.Errorf("facts: %w", err)
	}
	return nil
}

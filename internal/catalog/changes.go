package catalog

import (
	"fmt"
	"strconv"

	"github.com/notpanel/notpanel/internal/db"
)

// noteChanges adds what differs between two states of a service to the change
// feed. A service that is new has no state before: nil. It belongs into the
// transaction of the change, which has moved the catalogue's epoch: that lock
// gives the rows their numbers in turn.
func noteChanges(tx *db.Tx, before, after *Service, actor string) error {
	was := map[string]string{}
	if before != nil {
		was = sold(before)
	}
	is := sold(after)
	var seq int64
	if err := tx.QueryRow(`SELECT COALESCE(MAX(seq), 0) FROM catalog_changes`).Scan(&seq); err != nil {
		return fmt.Errorf("change feed: %w", err)
	}
	var rows [][]any
	for _, field := range feedFields {
		if was[field] == is[field] {
			continue
		}
		seq++
		rows = append(rows, []any{seq, db.At(tx.Now), after.ID, field, was[field], is[field], db.At(tx.Now), actor})
	}
	if err := tx.ExecMany(insertChange, rows); err != nil {
		return fmt.Errorf("change feed: %w", err)
	}
	return nil
}

const insertChange = `
	INSERT INTO catalog_changes (seq, at, service_id, field, before, after, effective_at, actor)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// feedFields are what customers are told of a service, in the order in which a
// change of several is told.
//
//nolint:gochecknoglobals // a table
var feedFields = []string{
	"state", "rate", "min", "max", "increment", "name", "category", "type", "dripfeed", "refill", "refill_days", "cancel", "posts",
}

// sold is a service as customers see it, every field as text.
func sold(v *Service) map[string]string {
	whole := func(n int64) string { return strconv.FormatInt(n, 10) }
	return map[string]string{
		"state": string(v.State), "rate": v.Rate.String(), "min": whole(v.Min), "max": whole(v.Max), "increment": whole(v.Increment),
		"name": v.Name, "category": v.Category, "type": string(v.Type), "dripfeed": strconv.FormatBool(v.Dripfeed),
		"refill": strconv.FormatBool(v.Refill), "refill_days": whole(v.RefillDays), "cancel": strconv.FormatBool(v.Cancel), "posts": whole(v.Posts),
	}
}

package order

import (
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
)

// hintPause is how many microseconds there are at least between two looks at an
// order that hints brought forward.
const hintPause = "5000000"

// Hint brings the next look at a provider's order forward: now, or when the last
// hint is long enough ago. What the hint says is not believed. One about an order
// that is not followed changes nothing.
func Hint(tx *db.Tx, providerID, upstreamID string) error {
	return hint(tx, "orders", providerID, upstreamID)
}

// HintRefill is Hint for a refill, by the provider's id of it.
func HintRefill(tx *db.Tx, providerID, upstreamID string) error {
	return hint(tx, "refills", providerID, upstreamID)
}

// HintsBell is rung when a look was brought forward.
const HintsBell = "hints"

func hint(tx *db.Tx, table, providerID, upstreamID string) error {
	const soonest = `CASE WHEN hinted_at + ` + hintPause + ` > $3 THEN hinted_at + ` + hintPause + ` ELSE $3 END`
	moved, err := tx.Exec(`
		UPDATE `+table+` SET next_check_at = `+soonest+`, hinted_at = `+soonest+`
		WHERE provider_id = $1 AND upstream_id = $2 AND next_check_at > `+soonest,
		providerID, upstreamID, db.At(tx.Now))
	if err != nil {
		return fmt.Errorf("hint about %s: %w", upstreamID, err)
	}
	if moved > 0 {
		tx.Ring(HintsBell)
	}
	return nil
}

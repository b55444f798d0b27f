package bulk

import (
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
)

// restoredWhy is why a work ended that a restored copy of the database held.
const restoredWhy = "restored: the panel was brought back from a backup, and what the work was for may have changed since"

// Restored ends the works that were under way in a restored copy and returns how many:
// what staff decided for the orders of then is not done to those of now.
func Restored(tx *db.Tx) (ended int, err error) {
	n, err := tx.Exec(`UPDATE bulk_works SET finished_at = $1, stopped = $2 WHERE finished_at IS NULL`, db.At(tx.Now), restoredWhy)
	if err != nil {
		return 0, fmt.Errorf("works of a restored copy: %w", err)
	}
	return int(n), nil
}

package massorder

import (
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
)

// restoredRefusal is why a line is not placed any more.
const restoredRefusal = "The panel was brought back from a backup while this was placed: look at your orders before you send it again"

// Restored ends what was being placed when a copy of the database was made: it went on
// after that, and would be placed twice.
func Restored(tx *db.Tx) error {
	for _, statement := range []string{
		`UPDATE mass_lines SET refusal = '` + restoredRefusal + `'
			WHERE number IS NULL AND refusal = '' AND mass_id IN (SELECT id FROM mass_orders WHERE state = 'placing')`,
		`UPDATE mass_orders SET state = 'done', lease_until = NULL WHERE state = 'placing'`,
	} {
		if _, err := tx.Exec(statement); err != nil {
			return fmt.Errorf("mass orders of a restored copy: %w", err)
		}
	}
	return nil
}

package identity

import (
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
)

// Restored ends all sessions and mailed tokens of a restored copy of the database:
// some of them were ended or spent after it was made.
func Restored(tx *db.Tx) error {
	for _, statement := range []string{`DELETE FROM sessions`, `DELETE FROM tokens`} {
		if _, err := tx.Exec(statement); err != nil {
			return fmt.Errorf("sessions of a restored copy: %w", err)
		}
	}
	return nil
}

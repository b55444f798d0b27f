//go:build unix

package backup

import (
	"errors"
	"fmt"
	"os"
)

// SyncFolder makes the names in a folder last.
func SyncFolder(folder string) error {
	d, err := os.Open(folder) //nolint:gosec // the operator names it
	if err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	return nil
}

package ledger

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
)

// ReadPage reads up to limit rows, by ascending key, whose key is from or more.
type ReadPage[T any] func(tx *db.Tx, from string, limit int) ([]T, error)

// Pages walks a table for a proof: each page in a short read of its own, so that
// it runs beside a serving panel. What a check compares belongs into the page,
// for only that is of one snapshot. Keys are unique; check sees every row once.
func Pages[T any](ctx context.Context, d *db.DB, limit int, read ReadPage[T], key func(T) string, check func(T)) error {
	from, first := "", true
	for {
		var page []T
		err := d.Read(ctx, func(tx *db.Tx) (err error) {
			page, err = read(tx, from, limit)
			return err
		})
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		full := len(page) == limit
		if !first && len(page) > 0 && key(page[0]) == from {
			page = page[1:] // the last of the page before
		}
		for _, row := range page {
			check(row)
		}
		if !full || len(page) == 0 {
			return nil
		}
		from, first = key(page[len(page)-1]), false
	}
}

// Query is a ReadPage of one query, whose $1 is the key to begin with and whose
// $2 is the limit.
func Query[T any](scan func(db.Scanner) (T, error), query string) ReadPage[T] {
	return func(tx *db.Tx, from string, limit int) ([]T, error) {
		return db.All(tx, scan, query, from, limit)
	}
}

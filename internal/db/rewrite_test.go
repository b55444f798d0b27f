package db_test

import (
	"testing"

	"github.com/notpanel/notpanel/internal/db"
)

// SQLite reads our statements without what it has no need or no word for.
func TestSQLiteReadsOurStatements(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		`SELECT 1`:                                       `SELECT 1`,
		`VALUES ($2, $1, $2)`:                            `VALUES (?2, ?1, ?2)`,
		`VALUES ($1, $12)`:                               `VALUES (?1, ?12)`,
		`WHERE id = ANY($3) AND x = $1`:                  `WHERE id IN (SELECT value FROM json_each(?3)) AND x = ?1`,
		`a = ANY($1) OR b = ANY($2)`:                     `a IN (SELECT value FROM json_each(?1)) OR b IN (SELECT value FROM json_each(?2))`,
		`SELECT 1 FOR UPDATE`:                            `SELECT 1`,
		"SELECT 1\n\tFOR NO KEY UPDATE":                  `SELECT 1`,
		`SELECT 1 FOR UPDATE SKIP LOCKED`:                `SELECT 1`,
		`SELECT 1 FROM a FOR NO KEY UPDATE OF a`:         `SELECT 1 FROM a`,
		`(SELECT 1 FOR UPDATE OF o SKIP LOCKED) LIMIT 1`: `(SELECT 1) LIMIT 1`,
		`a.x COLLATE "C" >= $1 ORDER BY x COLLATE "C"`:   `a.x >= ?1 ORDER BY x`,
		`ON CONFLICT (id) DO UPDATE SET x = $1`:          `ON CONFLICT (id) DO UPDATE SET x = ?1`,
	} {
		if got := db.SQLiteText(query); got != want {
			t.Errorf("%q\nbecomes %q\nwant    %q", query, got, want)
		}
	}
}

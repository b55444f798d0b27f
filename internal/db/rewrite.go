package db

import (
	"encoding/json"
	"fmt"
	"regexp"
)

// The statements are written for PostgreSQL; SQLite reads them after these
// replacements. $N misbinds on SQLite drivers when the numbers are not used in
// order, ?N does not.
var (
	anyOf       = regexp.MustCompile(`= ANY\(\$(\d+)\)`)
	placeholder = regexp.MustCompile(`\$(\d+)`)
	byBytes     = regexp.MustCompile(` COLLATE "C"`)
	rowLock     = regexp.MustCompile(`\s+FOR (NO KEY )?UPDATE( OF \w+)?( SKIP LOCKED)?`)
)

// sqliteText turns a statement into SQLite's form. A write there holds the only
// write lock, so row locks have nothing to do; and its texts sort by their bytes.
func sqliteText(query string) string {
	query = byBytes.ReplaceAllString(query, "")
	query = rowLock.ReplaceAllString(query, "")
	query = anyOf.ReplaceAllString(query, "IN (SELECT value FROM json_each(?$1))")
	return placeholder.ReplaceAllString(query, "?$1")
}

// sqliteArgs turns lists for = ANY($N) into JSON, leaving other values alone.
func sqliteArgs(args []any) ([]any, error) {
	for i, a := range args {
		switch a.(type) {
		case []string, []int64:
			text, err := json.Marshal(a)
			if err != nil {
				return nil, fmt.Errorf("encode a list: %w", err)
			}
			converted := append([]any(nil), args...)
			converted[i] = string(text)
			args = converted
		}
	}
	return args, nil
}

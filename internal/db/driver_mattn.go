//go:build cgosqlite

package db

import (
	"errors"
	"net/url"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// The cgo driver serves the race detector's runs alone: under it the other one
// is some ten times slower.
const sqliteDriver = "sqlite3"

func sqlitePragmas(pragmas []string) string {
	q := url.Values{}
	for _, p := range pragmas {
		name, value, _ := strings.Cut(p, "=")
		q.Add("_"+name, value)
	}
	return q.Encode()
}

// sqliteCode returns SQLite's extended result code of an error.
func sqliteCode(err error) (int, bool) {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return 0, false
	}
	return int(e.ExtendedCode), true
}

// SQLite's extended result codes, which the driver has as variables only.
const (
	sqliteUnique     = 2067
	sqlitePrimaryKey = 1555
)

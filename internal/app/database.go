package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
)

// howToMake says what to do where the panel is not in the database.
const howToMake = "check --database-url (NOTPANEL_DATABASE_URL); `notpanel serve` or `notpanel account create` makes a new one"

// OpenDatabase opens the database alone. Without o.Migrate it must be there with
// the panel's tables, up to date or not.
func OpenDatabase(ctx context.Context, s config.Storage, o CoreOptions) (*db.DB, error) {
	if err := s.Load(); err != nil {
		return nil, err
	}
	path, isFile := s.SQLitePath()
	if isFile {
		if err := checkFile(path, o.Migrate); err != nil {
			return nil, err
		}
	}
	d, err := db.Open(ctx, s.DatabaseURL, o.Database)
	if err != nil && isFile {
		return nil, fmt.Errorf("%w: check --database-url (NOTPANEL_DATABASE_URL), and that this user may write the file and its folder", err)
	}
	if err != nil {
		return nil, err
	}
	err = d.CheckRestored(ctx)
	if err == nil && !o.Migrate {
		err = checkTables(ctx, d)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// checkFile refuses what can't be a SQLite database before SQLite makes one, or
// files beside it.
func checkFile(path string, create bool) error {
	name, err := filepath.Abs(path)
	if err != nil {
		name = path
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && create:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no database %s: %s", name, howToMake)
	case err != nil:
		return fmt.Errorf("open database: %w: check --database-url (NOTPANEL_DATABASE_URL)", err)
	case info.IsDir():
		return fmt.Errorf("%s is a folder: name a file in it, such as sqlite:%s", name, filepath.Join(path, "notpanel.db"))
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no file: check --database-url (NOTPANEL_DATABASE_URL)", name)
	case info.Size() == 0:
		return nil
	}
	ours, err := isSQLite(path)
	if err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	if !ours {
		return fmt.Errorf("%s is not a database: %s", name, howToMake)
	}
	return nil
}

// isSQLite reports whether a file begins as SQLite's do
// (https://www.sqlite.org/fileformat.html#magic_header_string).
func isSQLite(path string) (bool, error) {
	const magic = "SQLite format 3\x00"
	file, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return false, err //nolint:wrapcheck // wrapped by checkFile
	}
	defer file.Close()
	head := make([]byte, len(magic))
	_, err = io.ReadFull(file, head)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil
	}
	return string(head) == magic, err //nolint:wrapcheck // wrapped by checkFile
}

// checkTables looks for the panel's first table. The check of the schema's
// version comes after it: that one makes a table of its own where it is missing.
func checkTables(ctx context.Context, d *db.DB) error {
	query := `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'panel'`
	if d.Engine() == db.Postgres {
		query = `SELECT COUNT(to_regclass('panel'))`
	}
	var tables int
	err := d.Read(ctx, func(tx *db.Tx) error { return tx.QueryRow(query).Scan(&tables) })
	if err != nil {
		return fmt.Errorf("look for the panel's tables: %w", err)
	}
	if tables == 0 {
		return fmt.Errorf("there is no panel in this database: %s, and so does `notpanel migrate up`", howToMake)
	}
	return nil
}

package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/notpanel/notpanel/internal/db"
)

// Into says where a backup is read to, and what becomes of it there.
type Into struct {
	// URL is the place: a SQLite file that is not there, or an empty PostgreSQL database.
	URL string
	// Change is called on the copy before anybody else can use it. Its last transaction
	// ends with what it gets as finish.
	Change func(ctx context.Context, d *db.DB, finish func(*db.Tx) error) error
	// Options are how the copy is opened.
	Options db.Options
}

// Restore reads a backup into a new place and brings its schema up to date. Until
// Change has come to its end nobody can take the place for a panel: a SQLite file has
// another name, and a PostgreSQL database is refused. What fails leaves nothing behind,
// or a database that says so.
func (f *File) Restore(ctx context.Context, into Into) error {
	path, isFile := strings.CutPrefix(into.URL, "sqlite:")
	switch {
	case isFile != (f.Engine == db.SQLite):
		return fmt.Errorf("the backup is of a %s database: it can't be restored into another kind (NOTPANEL_DATABASE_URL)", nameOfEngine(f.Engine))
	case isFile:
		return f.restoreFile(ctx, strings.TrimPrefix(path, "//"), into)
	}
	return f.restorePostgres(ctx, into)
}

func nameOfEngine(e db.Engine) string {
	if e == db.Postgres {
		return "PostgreSQL"
	}
	return "SQLite"
}

func (f *File) restoreFile(ctx context.Context, path string, into Into) (err error) {
	lock, err := db.LockFile("sqlite:" + path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	for _, there := range append(db.LooseFiles(path), path) {
		if err := free(there); err != nil {
			return err
		}
	}
	temp := path + ".restoring"
	remove := func() {
		for _, name := range append(db.LooseFiles(temp), temp, temp+".migrate") {
			_ = os.Remove(name) // what is left is overwritten the next time
		}
	}
	remove()
	defer remove()
	if err := f.extract(ctx, temp); err != nil {
		return err
	}
	err = f.change(ctx, "sqlite:"+temp, into, func(tx *db.Tx) error { return tx.SetRunID(0) })
	if err != nil {
		return err
	}
	// The last to close it has taken the write-ahead log into the file.
	for _, left := range db.LooseFiles(temp) {
		if err := free(left); err != nil {
			return fmt.Errorf("the restored copy is still in use: %w", err)
		}
	}
	if err := syncFile(temp); err != nil {
		return err
	}
	if err := free(path); err != nil {
		return err
	}
	return rename(temp, path)
}

// extract writes the copy to a new file.
func (f *File) extract(ctx context.Context, path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	_, err = io.Copy(file, untilEnd{ctx, f.Copy()})
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // made above
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// change opens the copy, brings it up to date and lets it be changed.
func (f *File) change(ctx context.Context, url string, into Into, finish func(*db.Tx) error) (err error) {
	d, err := db.Open(ctx, url, into.Options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if _, err := d.Migrate(ctx); err != nil {
		return fmt.Errorf("bring the copy's schema up to date: %w", err)
	}
	return into.Change(ctx, d, finish)
}

func (f *File) restorePostgres(ctx context.Context, into Into) error {
	if err := begin(ctx, into); err != nil {
		return err
	}
	cmd, err := tool(ctx, "pg_restore", into.URL, "--format=custom", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
	if err == nil {
		cmd.Stdin = f.Copy()
		err = run(cmd)
	}
	if err != nil { // and then all of it was taken back
		return errors.Join(err, withDatabase(context.WithoutCancel(ctx), into, func(d *db.DB) error {
			return d.Write(context.WithoutCancel(ctx), (*db.Tx).EndRestore)
		}))
	}
	return f.change(ctx, into.URL, into, (*db.Tx).EndRestore)
}

// begin takes the place, if it is free.
func begin(ctx context.Context, into Into) error {
	return withDatabase(ctx, into, func(d *db.DB) error {
		if err := d.CheckRestored(ctx); err != nil {
			return err
		}
		empty, err := d.IsEmpty(ctx)
		if err != nil {
			return err
		}
		if !empty {
			return fmt.Errorf("there is something in %s: restore into a new, empty database", db.ParseAddress(into.URL).Place())
		}
		return d.BeginRestore(ctx)
	})
}

func withDatabase(ctx context.Context, into Into, do func(*db.DB) error) (err error) {
	d, err := db.Open(ctx, into.URL, into.Options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return do(d)
}

// Aside is a new place for a trial: beside the backup's file, or on the server of a
// PostgreSQL address. remove takes it away with all that is in it.
func (f *File) Aside(ctx context.Context, server string) (url string, remove func(context.Context) error, err error) {
	if f.Engine == db.Postgres {
		if !strings.HasPrefix(server, "postgres") {
			return "", nil, errors.New("the backup is of a PostgreSQL database: name a server to try it on (NOTPANEL_DATABASE_URL); a database is made there and dropped again")
		}
		name := "notpanel_verify_" + strings.ToLower(rand.Text()[:12])
		return db.BesideDatabase(ctx, server, name)
	}
	folder, err := os.MkdirTemp(filepath.Dir(f.file.Name()), ".notpanel-verify-*")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder beside the backup: %w", err)
	}
	return "sqlite:" + filepath.Join(folder, "panel.db"), func(context.Context) error { return os.RemoveAll(folder) }, nil
}

package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// CopyTo writes what the SQLite database holds at this moment to a new file, whole
// and without the space that deleted rows left. Others go on reading and writing;
// what they commit meanwhile is not in the copy. An end of ctx breaks it off.
//
// The copy reaches the disk only when its caller syncs it.
func (d *DB) CopyTo(ctx context.Context, path string) error {
	s, ok := d.engine.(*sqliteDB)
	if !ok {
		return errors.New("only a SQLite database is copied to a file")
	}
	return s.copyTo(ctx, path)
}

// copyTo reads by a connection of its own: VACUUM runs in no transaction of
// another's, and readers of the pool refuse it.
func (s *sqliteDB) copyTo(ctx context.Context, path string) error {
	pool, err := sql.Open(sqliteDriver, sqliteDSN(s.path, defaultBusyWait, readerCacheKiB, false))
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, `VACUUM INTO ?1`, path)
	if err = errors.Join(err, pool.Close()); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	return nil
}

// RunID returns the number that the last serving panel left in a SQLite file, 0 in
// one that was never served. It is SQLite's own field for the program that owns the
// file, so a copy of the file has it too.
func (tx *Tx) RunID() (run int32, err error) {
	if err := tx.QueryRow(`PRAGMA user_version`).Scan(&run); err != nil {
		return 0, fmt.Errorf("read the file's run: %w", err)
	}
	return run, nil
}

// SetRunID leaves such a number, with the commit.
func (tx *Tx) SetRunID(run int32) error {
	if _, err := tx.Exec(`PRAGMA user_version = ` + strconv.FormatInt(int64(run), 10)); err != nil {
		return fmt.Errorf("write the file's run: %w", err)
	}
	return nil
}

// LooseFiles are what SQLite keeps beside a file: its write-ahead log and the index
// of that. A file that is put in another's place must find none of them.
func LooseFiles(path string) []string {
	return []string{path + "-wal", path + "-shm", path + "-journal"}
}

// IsEmpty reports whether a PostgreSQL database has no tables of anybody's.
func (d *DB) IsEmpty(ctx context.Context) (bool, error) {
	var things int64
	err := d.Read(ctx, func(tx *Tx) error {
		return tx.QueryRow(`
			SELECT COUNT(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_%' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
				AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')`).Scan(&things)
	})
	if err != nil {
		return false, fmt.Errorf("look whether the database is empty: %w", err)
	}
	return things == 0, nil
}

// unfinished is the table that stands in a PostgreSQL database while a backup is
// read into it. It goes with the commit that makes the copy whole.
const unfinished = "notpanel_unfinished_restore"

// ErrUnfinished says that a backup was being read into the database and did not come
// to its end.
var ErrUnfinished = errors.New("a restore into this database did not come to its end: drop the database, make it anew and restore again")

// BeginRestore marks an empty PostgreSQL database, so that nothing uses it before
// EndRestore. Of two that begin at once one fails.
func (d *DB) BeginRestore(ctx context.Context) error {
	err := d.Write(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`CREATE TABLE ` + unfinished + ` (at BIGINT)`)
		return err
	})
	if err != nil {
		return fmt.Errorf("begin to restore: %w", err)
	}
	return nil
}

// EndRestore takes BeginRestore's mark away.
func (tx *Tx) EndRestore() error {
	if _, err := tx.Exec(`DROP TABLE IF EXISTS ` + unfinished); err != nil {
		return fmt.Errorf("end the restore: %w", err)
	}
	return nil
}

// CheckRestored returns ErrUnfinished where BeginRestore's mark stands.
func (d *DB) CheckRestored(ctx context.Context) error {
	if d.kind != Postgres {
		return nil // a SQLite file gets its name when it is whole
	}
	var marked bool
	err := d.Read(ctx, func(tx *Tx) error {
		return tx.QueryRow(`SELECT to_regclass($1) IS NOT NULL`, unfinished).Scan(&marked)
	})
	if err != nil {
		return fmt.Errorf("look for a restore under way: %w", err)
	}
	if marked {
		return ErrUnfinished
	}
	return nil
}

const (
	// catchUpWait bounds the wait for standbys to have a new database.
	catchUpWait = time.Minute
	catchUpLook = 100 * time.Millisecond
)

// BesideDatabase makes an empty database on the server of a PostgreSQL address and
// returns its address, and a function that drops it whoever uses it.
func BesideDatabase(ctx context.Context, url, name string) (made string, drop func(context.Context) error, err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return "", nil, errors.New("the address of the PostgreSQL database is malformed") // the cause holds the password
	}
	run := func(ctx context.Context, statement string) error {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, statement)
		return errors.Join(err, conn.Close(ctx))
	}
	quoted := pgx.Identifier{name}.Sanitize()
	drop = func(ctx context.Context) error {
		if err := run(ctx, `DROP DATABASE `+quoted+` WITH (FORCE)`); err != nil {
			return fmt.Errorf("drop the database %s: %w", name, err)
		}
		return nil
	}
	if err := run(ctx, `CREATE DATABASE `+quoted+` TEMPLATE template0`); err != nil {
		return "", nil, fmt.Errorf("make a database beside this one: %w", err)
	}
	made = ParseAddress(url).WithDatabase(name).String()
	if err := awaitDatabase(ctx, made); err != nil {
		return "", nil, errors.Join(err, drop(context.WithoutCancel(ctx)))
	}
	return made, drop, nil
}

// awaitDatabase waits until a new database is there for everybody: a standby that is
// named in the address before the primary says that it does not exist until it has
// caught up, and who connects takes that for the answer.
func awaitDatabase(ctx context.Context, url string) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return errors.New("the address of the PostgreSQL database is malformed") // the cause holds the password
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpWait)
	defer cancel()
	tick := time.NewTicker(catchUpLook)
	defer tick.Stop()
	for {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err == nil {
			return conn.Close(ctx)
		}
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != pgNoDatabase {
			return fmt.Errorf("reach the new database: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("a standby does not catch up: %w", err)
		case <-tick.C:
		}
	}
}

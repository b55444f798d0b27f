// Package db opens the panel's database and is the one way to it: Write for
// changes, Read for looking. SQLite and PostgreSQL serve behind the same two
// calls, from the same SQL text.
//
// It knows nothing of what the tables mean. Packages of the domain keep their
// own statements beside the code that needs them.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/fault"
)

// Engine names a database engine.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// ErrNoRows is what Scan returns when a query for one row found none.
var ErrNoRows = sql.ErrNoRows

// ErrOutcomeUnknown means that COMMIT failed in a way that leaves open whether
// the changes are there. Who must know looks for them on a fresh connection.
var ErrOutcomeUnknown = errors.New("the outcome of the commit is unknown")

// Options are the settings of Open that differ between programs and tests.
type Options struct {
	// BusyWait bounds how long a write waits for another process that holds
	// SQLite's write lock. Zero means 10 s.
	BusyWait time.Duration
	// Readers is the number of SQLite reader connections or the size of the
	// PostgreSQL pool. Zero means 4 and 16.
	Readers int
	// Ungrouped gives every write a commit of its own. It exists for the
	// benchmark that shows what grouping gains.
	Ungrouped bool

	answer time.Duration // bounds the wait for PostgreSQL's answers; zero means answerWait
}

// DB is an open database. It is safe for use by many goroutines.
type DB struct {
	engine backend
	url    string
	kind   Engine
	offset atomic.Int64 // added to the database's clock, set by tests only
	bells  bells

	trouble atomic.Pointer[string] // why a write failed, until one is tried and succeeds
	tries   sync.Mutex
	trial   *trial // the latest
}

// backend is what an engine does for DB.
type backend interface {
	write(ctx context.Context, offset time.Duration, fn func(*Tx) error) error
	read(ctx context.Context, offset time.Duration, fn func(*Tx) error) error
	migrator() (*migrator, error)
	close() error
}

// Open connects to "sqlite:PATH" or "postgres://…". It creates a missing SQLite
// file but no tables: that is Migrate's.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	d := &DB{url: url}
	var err error
	switch path, isSQLite := strings.CutPrefix(url, "sqlite:"); {
	case isSQLite && path != "":
		d.kind = SQLite
		d.engine, err = openSQLite(ctx, strings.TrimPrefix(path, "//"), o)
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		d.kind = Postgres
		d.engine, err = openPostgres(ctx, url, o)
	default:
		return nil, errors.New("the database must be given as sqlite:PATH or postgres://USER@HOST/NAME")
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return d, nil
}

// Engine reports which engine serves.
func (d *DB) Engine() Engine { return d.kind }

// SQLitePath returns the file of a SQLite database, or "".
func (d *DB) SQLitePath() string {
	path, ok := strings.CutPrefix(d.url, "sqlite:")
	if !ok {
		return ""
	}
	return strings.TrimPrefix(path, "//")
}

// Write runs fn in a transaction and returns after its commit. On SQLite waiting
// closures share one commit. What fn may do:
//
//   - only assign results: it may run twice;
//   - stay short, without network, hashing, Write or Read inside;
//   - expect no statement after one that failed.
//
// A ctx that ends withdraws fn only while it has not begun; after that Write
// waits for the outcome. An error of fn rolls back fn alone.
func (d *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	var last *Tx // of the run that counts: fn may run twice
	err := d.engine.write(ctx, time.Duration(d.offset.Load()), func(tx *Tx) error {
		last = tx
		return fn(tx)
	})
	if err == nil {
		d.bells.ring(last.rung)
	}
	d.noteTrouble(err)
	return err
}

// Read runs fn on one snapshot that sees everything committed before it began.
func (d *DB) Read(ctx context.Context, fn func(*Tx) error) error {
	return d.engine.read(ctx, time.Duration(d.offset.Load()), fn)
}

// AdvanceClock moves Tx.Now of all later transactions of this DB. For tests.
func (d *DB) AdvanceClock(by time.Duration) { d.offset.Add(int64(by)) }

// Close ends all connections. Writes under way are finished first.
func (d *DB) Close() error { return d.engine.close() }

// unavailable marks a failure to reach the database: nothing was done.
func unavailable(err error) error {
	return fault.Wrap(fault.Unavailable, "Temporarily unavailable", err)
}

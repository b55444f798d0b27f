package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

const (
	defaultBusyWait = 10 * time.Second
	defaultReaders  = 4
	writerCacheKiB  = 64 << 10
	readerCacheKiB  = 4 << 10
)

// sqliteDB is a SQLite file: one writer connection behind the group writer, a
// few readers.
type sqliteDB struct {
	path    string
	writers *sql.DB // one connection at a time
	readers *sql.DB
	idle    chan *sqliteConn // readers not in use
	group   *groupWriter
	closed  chan struct{}
	closing func() error // end, once
}

func openSQLite(ctx context.Context, path string, o Options) (*sqliteDB, error) {
	if o.BusyWait == 0 {
		o.BusyWait = defaultBusyWait
	}
	if o.Readers == 0 {
		o.Readers = defaultReaders
	}
	if err := makeFolder(path); err != nil {
		return nil, err
	}
	s := &sqliteDB{path: path, idle: make(chan *sqliteConn, o.Readers), closed: make(chan struct{})}
	s.closing = sync.OnceValue(s.end)
	var err error
	if s.writers, err = sql.Open(sqliteDriver, sqliteDSN(path, o.BusyWait, writerCacheKiB, false)); err != nil {
		return nil, err
	}
	// The first connection creates the file and its write-ahead log; readers,
	// which may not write, can only come after it.
	if err := connectWhileBusy(ctx, s.writers, o.BusyWait); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if s.readers, err = sql.Open(sqliteDriver, sqliteDSN(path, o.BusyWait, readerCacheKiB, true)); err != nil {
		return nil, err
	}
	for range o.Readers {
		s.idle <- &sqliteConn{pool: s.readers}
	}
	s.group = newGroupWriter(&sqliteConn{pool: s.writers}, o.Ungrouped) //nolint:contextcheck // the writer outlives the call that opened it
	return s, nil
}

// connectWhileBusy opens a connection. Turning a new file to the write-ahead
// log fails at once where another process does so too: SQLite's busy_timeout
// does not cover that step, so it is tried again for as long.
func connectWhileBusy(ctx context.Context, pool *sql.DB, wait time.Duration) error {
	const pause = 10 * time.Millisecond
	for end := time.Now().Add(wait); ; {
		err := pool.PingContext(ctx)
		if !isBusy(err) || !time.Now().Before(end) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// isBusy reports whether another connection holds what err wanted.
func isBusy(err error) bool {
	code, ok := sqliteCode(err)
	return ok && code&sqlitePrimaryCode == sqliteBusy
}

// makeFolder makes the folder of a file.
func makeFolder(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of %s: %w", path, err)
	}
	return nil
}

// sqliteDSN puts the pragmas into the address, so that every connection of the
// pool has them. FULL keeps a commit through a power cut.
func sqliteDSN(path string, busy time.Duration, cacheKiB int, readOnly bool) string {
	pragmas := []string{
		"busy_timeout=" + strconv.FormatInt(busy.Milliseconds(), 10),
		"journal_mode=WAL",
		"synchronous=FULL",
		"foreign_keys=ON",
		"recursive_triggers=ON", // else REPLACE would take rows out past the triggers that keep them
		"cache_size=-" + strconv.Itoa(cacheKiB),
		"temp_store=MEMORY",
	}
	if readOnly {
		pragmas = append(pragmas, "query_only=ON")
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + sqlitePragmas(pragmas)
}

func (s *sqliteDB) write(ctx context.Context, offset time.Duration, fn func(*Tx) error) error {
	return s.group.write(ctx, offset, fn)
}

func (s *sqliteDB) read(ctx context.Context, offset time.Duration, fn func(*Tx) error) error {
	var c *sqliteConn
	select {
	case c = <-s.idle:
	case <-ctx.Done():
		return unavailable(ctx.Err())
	case <-s.closed:
		return unavailable(errClosed)
	}
	defer func() { s.idle <- c }()

	// A cancelled statement is not worth its cost on reads this short, so they
	// run on a context that does not end.
	bg := context.WithoutCancel(ctx)
	if err := c.begin(bg, "BEGIN"); err != nil {
		return unavailable(err)
	}
	defer func() {
		if _, err := c.exec(bg, "ROLLBACK", nil); err != nil {
			c.discard()
		}
	}()
	tx := newTx(bg, c, clock.System(), offset)
	if err := fn(tx); err != nil {
		return err
	}
	return tx.failed
}

func (s *sqliteDB) close() error { return s.closing() }

func (s *sqliteDB) end() error {
	s.group.stop()
	close(s.closed)
	for range cap(s.idle) {
		(<-s.idle).discard()
	}
	return errors.Join(s.readers.Close(), s.writers.Close())
}

// sqliteConn is one connection with its prepared statements: the drivers keep
// none, and preparing costs more than a point read.
type sqliteConn struct {
	pool  *sql.DB
	raw   *sql.Conn
	stmts map[string]*sql.Stmt
}

// begin opens the connection where it is not open yet and starts a transaction.
func (c *sqliteConn) begin(ctx context.Context, statement string) error {
	if c.raw == nil {
		raw, err := c.pool.Conn(ctx)
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		c.raw, c.stmts = raw, map[string]*sql.Stmt{}
	}
	_, err := c.exec(ctx, statement, nil)
	if err != nil {
		c.discard()
	}
	return err
}

// discard closes the connection for good; the next begin opens another.
func (c *sqliteConn) discard() {
	if c.raw == nil {
		return
	}
	for _, s := range c.stmts {
		_ = s.Close()
	}
	_ = c.raw.Raw(func(any) error { return errDiscard })
	_ = c.raw.Close()
	c.raw, c.stmts = nil, nil
}

func (c *sqliteConn) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.raw.PrepareContext(ctx, sqliteText(query))
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	c.stmts[query] = s
	return s, nil
}

func (c *sqliteConn) exec(ctx context.Context, query string, args []any) (int64, error) {
	s, err := c.prepared(ctx, query)
	if err != nil {
		return 0, err
	}
	return c.run(ctx, s, args)
}

func (c *sqliteConn) run(ctx context.Context, s *sql.Stmt, args []any) (int64, error) {
	args, err := sqliteArgs(args)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (c *sqliteConn) execMany(ctx context.Context, query string, argRows [][]any) (changed int64, err error) {
	s, err := c.prepared(ctx, query)
	if err != nil {
		return 0, err
	}
	for _, args := range argRows {
		n, err := c.run(ctx, s, args)
		if err != nil {
			return 0, err
		}
		changed += n
	}
	return changed, nil
}

func (c *sqliteConn) query(ctx context.Context, query string, args []any) (rows, error) {
	s, err := c.prepared(ctx, query) //nolint:sqlclosecheck // kept until the connection is discarded
	if err != nil {
		return nil, err
	}
	if args, err = sqliteArgs(args); err != nil {
		return nil, err
	}
	rs, err := s.QueryContext(ctx, args...) //nolint:rowserrcheck // readAll checks
	if err != nil {
		return nil, err
	}
	return sqliteRows{rs}, nil
}

func (c *sqliteConn) queryMany(ctx context.Context, query string, argRows [][]any, scan func(int, Scanner) error) error {
	for i, args := range argRows {
		rs, err := c.query(ctx, query, args)
		if err != nil {
			return err
		}
		if err := readAll(rs, func(s Scanner) error { return scan(i, s) }); err != nil {
			return err
		}
	}
	return nil
}

type sqliteRows struct{ *sql.Rows }

func (r sqliteRows) close() { _ = r.Close() }

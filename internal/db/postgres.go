package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/notpanel/notpanel/internal/clock"
)

const (
	defaultPool      = 16
	keptForReads     = 4 // connections that writes leave alone
	minServerVersion = 150000
	statementTimeout = 10 * time.Second
	lockTimeout      = 2 * time.Second
	// idleTimeout ends a transaction that asks nothing for so long. Ours never
	// pause, so its process is frozen, and others wait for the rows it has locked.
	idleTimeout    = 10 * time.Second
	connectTimeout = 5 * time.Second
	// pingWait bounds how long a connection that has rested is asked whether it still leads
	// anywhere, before another is taken.
	pingWait = 3 * time.Second
	// readWait bounds how long a read waits for a connection: a server that takes long
	// for each serves those who wait in a crowd only when they have gone. A new one may
	// first be tried at a server that is away.
	readWait   = connectTimeout + 3*time.Second
	txAttempts = 10
)

// beginWrite and beginRead fetch the server's clock in the same round trip.
const (
	serverClock = "; SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint"
	beginWrite  = "BEGIN ISOLATION LEVEL READ COMMITTED" + serverClock
	beginRead   = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" + serverClock
)

// postgresDB is a pool of connections to a PostgreSQL server.
type postgresDB struct {
	pool  *pgxpool.Pool
	hosts *hosts

	writing chan struct{} // a place for each write under way
	// doubt says that a COMMIT was not answered in time: its server may confirm none for
	// long, as one without standbys does, and keeps a connection for each that is sent.
	// Until one is confirmed, one write is tried at a time.
	doubt  atomic.Bool
	trying atomic.Bool
}

// errDoubt answers writes while another one tries whether commits are confirmed.
var errDoubt = errors.New("the database did not confirm a commit; whether it does again is being tried")

// poolConfig is the configuration of a pool at an address.
func poolConfig(url string, answer time.Duration, h *hosts) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the address of the PostgreSQL database is malformed") // the cause holds the password
	}
	config.ConnConfig.ConnectTimeout = connectTimeout
	config.ConnConfig.DialFunc = newDialer(answer, h).dial
	config.ConnConfig.LookupFunc = h.keepNames(config.ConnConfig.LookupFunc)
	config.BeforeConnect, config.AfterConnect, config.BeforeClose = h.order, noteServes, closeLate
	config.PingTimeout = pingWait
	config.ConnConfig.RuntimeParams["application_name"] = "notpanel"
	maps.Copy(config.ConnConfig.RuntimeParams, sessionSettings())
	config.ConnConfig.OnNotice = keepWarning
	return config, nil
}

func openPostgres(ctx context.Context, url string, o Options) (*postgresDB, error) {
	h := newHosts()
	config, err := poolConfig(url, cmp.Or(o.answer, answerWait), h)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(max(o.Readers, defaultPool)) //nolint:gosec // a setting of the program, some tens
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	h.onSilence(pool.Reset) // what rests in it leads there too
	if err := checkServer(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return &postgresDB{pool: pool, hosts: h, writing: make(chan struct{}, config.MaxConns-keptForReads)}, nil
}

func checkServer(ctx context.Context, pool *pgxpool.Pool) error {
	var version int
	err := pool.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version)
	if err != nil {
		return fmt.Errorf("reach PostgreSQL: %w", err)
	}
	if version < minServerVersion {
		return fmt.Errorf("PostgreSQL 15 or newer is needed; the server has version number %d", version)
	}
	return nil
}

// sessionSettings bound how long a connection may hold up others: a node that was
// stopped or cut off in the middle of a transaction must not keep its locks.
func sessionSettings() map[string]string {
	milliseconds := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	return map[string]string{
		"statement_timeout":                   milliseconds(statementTimeout),
		"lock_timeout":                        milliseconds(lockTimeout),
		"idle_in_transaction_session_timeout": milliseconds(idleTimeout),
		"tcp_user_timeout":                    milliseconds(2 * idleTimeout),
		"tcp_keepalives_idle":                 "10",
		"tcp_keepalives_interval":             "5",
		"tcp_keepalives_count":                "2",
	}
}

// warningKey marks, in a connection's own data, that the server sent a warning.
const warningKey = "notpanel.warning"

// keepWarning remembers warnings: a COMMIT whose wait for a standby was ended
// answers success with nothing but a warning.
func keepWarning(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.SeverityUnlocalized == "WARNING" {
		c.CustomData()[warningKey] = n.Message
	}
}

func (p *postgresDB) write(ctx context.Context, offset time.Duration, fn func(*Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := p.writeOnce(ctx, offset, fn)
		switch {
		case err == nil || !isRetryable(err):
			return err
		case attempt == txAttempts || ctx.Err() != nil:
			return unavailable(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(attempt) * int64(5*time.Millisecond)))) //nolint:gosec // spreads retries, guards nothing
	}
}

func (p *postgresDB) writeOnce(ctx context.Context, offset time.Duration, fn func(*Tx) error) error {
	leave, tries, err := p.enter(ctx)
	if err != nil {
		return unavailable(err)
	}
	defer leave()
	c, err := p.pool.Acquire(ctx)
	if err != nil {
		return unavailable(err)
	}
	defer c.Release()
	bg := context.WithoutCancel(ctx)
	now, err := begin(bg, c, beginWrite)
	if err != nil {
		return unavailable(err)
	}
	committed := false
	defer func() { // also when fn panics
		if !committed {
			rollback(bg, c)
		}
	}()
	tx := newTx(bg, postgresConn{c.Conn()}, now, offset)
	if err := fn(tx); err != nil {
		return lost(bg, c, err)
	}
	if tx.failed != nil {
		return lost(bg, c, tx.failed)
	}
	if tries { // a commit that changes nothing waits for nobody, and says nothing
		if _, err := tx.Exec(`UPDATE write_trials SET at = $1`, At(now)); err != nil {
			return lost(bg, c, err)
		}
	}
	committed = true
	err = commit(bg, c)
	if err == nil && tries {
		p.doubt.Store(false)
	} else if err != nil && connOf(c.Conn().PgConn()).silent.Load() {
		p.doubt.Store(true)
	}
	return err
}

// enter waits until a write may begin. One that tries is to show whether commits are
// confirmed.
func (p *postgresDB) enter(ctx context.Context) (leave func(), tries bool, err error) {
	if !p.doubt.Load() {
		select {
		case p.writing <- struct{}{}:
			leave = func() { <-p.writing }
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
		if !p.doubt.Load() { // still, after the wait
			return leave, false, nil
		}
		leave()
	}
	if !p.trying.CompareAndSwap(false, true) {
		return nil, false, errDoubt
	}
	return func() { p.trying.Store(false) }, true, nil
}

func (p *postgresDB) read(ctx context.Context, offset time.Duration, fn func(*Tx) error) error {
	waiting, cancel := context.WithTimeout(ctx, readWait)
	c, err := p.pool.Acquire(waiting)
	cancel()
	if err != nil {
		return unavailable(err)
	}
	defer c.Release()
	defer withdrawable(c.Conn().PgConn())()
	now, err := begin(ctx, c, beginRead)
	if err != nil {
		return unavailable(err)
	}
	bg := context.WithoutCancel(ctx)
	defer rollback(bg, c)
	tx := newTx(ctx, postgresConn{c.Conn()}, now, offset)
	if err := fn(tx); err != nil {
		return lost(bg, c, err)
	}
	return lost(bg, c, tx.failed)
}

// lost tells an error of a statement from the end of its connection or of the
// server's patience: then nothing was done, for COMMIT was not sent, and the same
// may be tried again.
func lost(ctx context.Context, c *pgxpool.Conn, err error) error {
	if err == nil {
		return nil
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case pg.Code == pgLockNotAvailable:
			return unavailable(errors.Join(ErrLocked, err))
		case pg.Code == pgReadOnly:
			_ = c.Conn().Close(ctx) // the next one finds who is the primary now
			return unavailable(err)
		case pg.Code == pgQueryCanceled, pg.Code == pgIdleInTransaction, postgresTrouble(pg.Code) != "":
			return unavailable(err)
		}
	}
	if c.Conn().IsClosed() {
		return unavailable(err)
	}
	return err
}

func (p *postgresDB) close() error {
	p.pool.Close()
	return nil
}

// begin starts a transaction and returns the server's time.
func begin(ctx context.Context, c *pgxpool.Conn, statement string) (time.Time, error) {
	results, err := c.Conn().PgConn().Exec(ctx, statement).ReadAll()
	if err != nil {
		return time.Time{}, fmt.Errorf("begin: %w", err)
	}
	last := results[len(results)-1]
	if len(last.Rows) != 1 {
		return time.Time{}, errors.New("begin: the server's clock did not answer")
	}
	var micros int64
	if _, err := fmt.Sscan(string(last.Rows[0][0]), &micros); err != nil {
		return time.Time{}, fmt.Errorf("begin: %w", err)
	}
	return clock.FromMicros(micros), nil
}

// commit commits on a context that does not end. Anything but a clean COMMIT
// leaves its outcome open, except an error that says the server rolled back.
func commit(ctx context.Context, c *pgxpool.Conn) error {
	pg := c.Conn().PgConn()
	delete(pg.CustomData(), warningKey)
	connOf(pg).commits.Store(true)
	results, err := pg.Exec(ctx, "COMMIT").ReadAll()
	connOf(pg).commits.Store(false)
	switch warning := pg.CustomData()[warningKey]; {
	case err != nil && isRetryable(err):
		return err
	case err != nil:
		_ = c.Conn().Close(ctx)
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	case len(results) != 1 || results[0].CommandTag.String() != "COMMIT":
		return errors.New("the server rolled the transaction back")
	case warning != nil:
		return fmt.Errorf("%w: %v", ErrOutcomeUnknown, warning)
	}
	return nil
}

// rollback ends the transaction; a connection on which that fails is closed.
func rollback(ctx context.Context, c *pgxpool.Conn) {
	if _, err := c.Conn().PgConn().Exec(ctx, "ROLLBACK").ReadAll(); err != nil {
		_ = c.Conn().Close(ctx)
	}
}

// isRetryable reports a serialization failure or a deadlock: the transaction was
// rolled back and may succeed when it is run again.
func isRetryable(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "40001" || pg.Code == "40P01")
}

// postgresConn runs statements of a transaction; pgx keeps them prepared.
type postgresConn struct{ c *pgx.Conn }

func (p postgresConn) exec(ctx context.Context, query string, args []any) (int64, error) {
	tag, err := p.c.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}

func (p postgresConn) query(ctx context.Context, query string, args []any) (rows, error) {
	rs, err := p.c.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return postgresRows{rs}, nil
}

type postgresRows struct{ pgx.Rows }

func (r postgresRows) close() { r.Close() }

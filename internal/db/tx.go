package db

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Tx is a transaction in progress. It is used by one goroutine and only inside
// the closure that received it.
type Tx struct {
	// Now is the database's time at the transaction's beginning, in UTC and whole
	// microseconds. It is the only clock that rules of the domain may use.
	Now time.Time

	ctx    context.Context //nolint:containedctx // the writer's own, so that a caller's cannot end a statement of a group
	conn   conn
	failed error
	rung   map[string]bool
}

// conn is a connection on which a transaction has begun.
type conn interface {
	exec(ctx context.Context, query string, args []any) (int64, error)
	execMany(ctx context.Context, query string, rows [][]any) (changed int64, err error)
	query(ctx context.Context, query string, args []any) (rows, error)
	queryMany(ctx context.Context, query string, argRows [][]any, scan func(i int, s Scanner) error) error
}

// rows are an open result.
type rows interface {
	Scanner
	Next() bool
	Err() error
	close()
}

// Scanner is a row that can be read, of a query for one row or for many.
type Scanner interface {
	Scan(dest ...any) error
}

func newTx(ctx context.Context, c conn, now time.Time, offset time.Duration) *Tx {
	return &Tx{ctx: ctx, conn: c, Now: now.Add(offset).UTC().Truncate(time.Microsecond)}
}

// Exec runs a statement and returns the number of rows that it changed.
func (tx *Tx) Exec(query string, args ...any) (int64, error) {
	if tx.failed != nil {
		return 0, tx.failed
	}
	n, err := tx.conn.exec(tx.ctx, query, args)
	return n, tx.note(err)
}

// ExecOne is Exec for a statement that must change exactly one row; changed is
// false where it changed none.
func (tx *Tx) ExecOne(query string, args ...any) (changed bool, err error) {
	n, err := tx.Exec(query, args...)
	if err == nil && n > 1 {
		err = tx.note(errors.New("a statement for one row changed more"))
	}
	return n == 1, err
}

// ExecMany runs one statement for each row of arguments, in one round trip where
// the engine has round trips.
func (tx *Tx) ExecMany(query string, argRows [][]any) error {
	_, err := tx.execMany(query, argRows)
	return err
}

// ExecEach is ExecMany for statements that change a row by its key, each one: that one
// of them found no row is an error.
func (tx *Tx) ExecEach(query string, argRows [][]any) error {
	changed, err := tx.execMany(query, argRows)
	if missing := int64(len(argRows)) - changed; err == nil && missing != 0 {
		err = tx.note(fmt.Errorf("%d of %d rows were not there to be changed", missing, len(argRows)))
	}
	return err
}

func (tx *Tx) execMany(query string, argRows [][]any) (changed int64, err error) {
	if tx.failed != nil {
		return 0, tx.failed
	}
	if len(argRows) == 0 {
		return 0, nil
	}
	changed, err = tx.conn.execMany(tx.ctx, query, argRows)
	return changed, tx.note(err)
}

// QueryMany runs one query for each row of arguments, in one round trip where
// the engine has round trips, and scan for every row found; i is the index of
// the arguments.
func (tx *Tx) QueryMany(scan func(i int, s Scanner) error, query string, argRows [][]any) error {
	if tx.failed != nil {
		return tx.failed
	}
	if len(argRows) == 0 {
		return nil
	}
	return tx.note(tx.conn.queryMany(tx.ctx, query, argRows, scan))
}

// QueryRow runs a query for one row. Its Scan returns ErrNoRows where there is
// none; that is no failure of the transaction.
func (tx *Tx) QueryRow(query string, args ...any) Scanner {
	return &oneRow{tx: tx, query: query, args: args}
}

// Each runs scan for every row of a query and reads the result to its end.
func (tx *Tx) Each(scan func(Scanner) error, query string, args ...any) error {
	if tx.failed != nil {
		return tx.failed
	}
	rs, err := tx.conn.query(tx.ctx, query, args)
	if err != nil {
		return tx.note(err)
	}
	return tx.note(readAll(rs, scan))
}

// readAll scans every row and closes the result.
func readAll(rs rows, scan func(Scanner) error) error {
	defer rs.close()
	for rs.Next() {
		if err := scan(rs); err != nil {
			return err
		}
	}
	return rs.Err()
}

// All returns what scan makes of every row of a query.
func All[T any](tx *Tx, scan func(Scanner) (T, error), query string, args ...any) ([]T, error) {
	var all []T
	err := tx.Each(func(s Scanner) error {
		one, err := scan(s)
		all = append(all, one)
		return err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return all, nil
}

// note keeps the first failure; the transaction refuses statements after it.
func (tx *Tx) note(err error) error {
	if err != nil && tx.failed == nil {
		tx.failed = err
	}
	return err
}

// oneRow defers its query to Scan, so that an unread row can't hold the connection.
type oneRow struct {
	tx    *Tx
	query string
	args  []any
}

// Scan reads the row.
func (r *oneRow) Scan(dest ...any) error {
	found := false
	err := r.tx.Each(func(s Scanner) error {
		if found {
			return nil
		}
		found = true
		return s.Scan(dest...)
	}, r.query, r.args...)
	if err == nil && !found {
		return ErrNoRows
	}
	return err
}

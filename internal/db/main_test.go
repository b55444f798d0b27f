package db_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// errOwn is an error that a closure returns by itself.
var errOwn = errors.New("the closure changed its mind")

// eachWithThings runs test on each engine with an empty table things.
func eachWithThings(t *testing.T, test func(t *testing.T, d *db.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		createThings(t, d)
		test(t, d)
	})
}

// openThings is eachWithThings for a test that concerns one engine only.
func openThings(t *testing.T, engine db.Engine) *db.DB {
	t.Helper()
	d := dbtest.Open(t, engine)
	createThings(t, d)
	return d
}

func createThings(t *testing.T, d *db.DB) {
	t.Helper()
	write(t, d, exec(`CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT UNIQUE, at BIGINT)`))
}

// exec is a closure of one statement.
func exec(statement string, args ...any) func(*db.Tx) error {
	return func(tx *db.Tx) error {
		_, err := tx.Exec(statement, args...)
		return err
	}
}

func write(t *testing.T, d *db.DB, fn func(*db.Tx) error) {
	t.Helper()
	if err := d.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, d *db.DB, fn func(*db.Tx) error) {
	t.Helper()
	if err := d.Read(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// insert is a closure that adds things with these ids.
func insert(ids ...int64) func(*db.Tx) error {
	return func(tx *db.Tx) error { return insertThings(tx, ids...) }
}

func insertThings(tx *db.Tx, ids ...int64) error {
	for _, id := range ids {
		if _, err := tx.Exec(`INSERT INTO things (id) VALUES ($1)`, id); err != nil {
			return err
		}
	}
	return nil
}

// stored returns the ids of all things, in order.
func stored(t *testing.T, d *db.DB) (ids []int64) {
	t.Helper()
	read(t, d, func(tx *db.Tx) (err error) {
		ids, err = db.All(tx, scanID, `SELECT id FROM things ORDER BY id`)
		return err
	})
	return ids
}

func scanID(s db.Scanner) (id int64, err error) {
	err = s.Scan(&id)
	return id, err
}

func scanText(s db.Scanner) (text string, err error) {
	err = s.Scan(&text)
	return text, err
}

// hold keeps one closure of d unfinished until release is called or the test
// ends. On SQLite nothing else is written meanwhile. What becomes of it does not
// matter: those that wait for it may share its transaction.
func hold(t *testing.T, d *db.DB) (release func()) {
	t.Helper()
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	begun := sync.OnceFunc(func() { close(held) })
	go func() {
		done <- d.Write(context.WithoutCancel(t.Context()), func(*db.Tx) error {
			begun()
			<-free
			return nil
		})
	}()
	select {
	case <-held:
	case err := <-done:
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() {
		close(free)
		if err := <-done; err != nil {
			t.Log("the held closure:", err)
		}
	})
	t.Cleanup(release)
	return release
}

// pending is a Write on its way.
type pending <-chan error

// begin starts a Write without waiting for it.
func begin(t *testing.T, d *db.DB, fn func(*db.Tx) error) pending {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- d.Write(context.WithoutCancel(t.Context()), fn) }()
	return done
}

// queue starts a Write and returns once it waits behind the writer that the
// test holds, so that closures run in the order in which they are queued.
func queue(t *testing.T, d *db.DB, fn func(*db.Tx) error) pending {
	t.Helper()
	before := d.Queued()
	p := begin(t, d, fn)
	eventually(t, "the closure waits", func() bool { return d.Queued() == before+1 })
	return p
}

// eventually polls until met, for a minute at most.
func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// ask runs a statement outside of any transaction.
func ask(ctx context.Context, t *testing.T, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(ctx, url)
	noError(t, err)
	_, err = conn.Exec(ctx, statement)
	noError(t, err)
	noError(t, conn.Close(ctx))
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

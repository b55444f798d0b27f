package db_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
)

// A write that fails because of the database, and not of its data, is answered as
// unavailable. Why is told until a write that changes something succeeds.
func TestTroubleIsToldUntilAWriteSucceeds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		engine db.Engine
		fails  func(*db.Tx) error
		want   string
	}{
		"full disk under SQLite":      {db.SQLite, fillDisk, "disk full"},
		"full disk of PostgreSQL":     {db.Postgres, exec(raise("53100")), "disk full"},
		"PostgreSQL became a standby": {db.Postgres, exec(raise("25006")), "read only"},
		"PostgreSQL's disk fails":     {db.Postgres, exec(raise("58030")), "input/output error"},
		"PostgreSQL's file is broken": {db.Postgres, exec(raise("XX001")), "damaged"},
		"PostgreSQL has no room":      {db.Postgres, exec(raise("53300")), "not reachable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openThings(t, c.engine)
			if got := d.Trouble(t.Context()); got != "" {
				t.Errorf("Trouble = %q at first", got)
			}
			if err := d.Write(t.Context(), c.fails); !fault.Is(err, fault.Unavailable) {
				t.Errorf("Write = %v, want Unavailable", err)
			}
			// As long as the table for it is away, nothing that is tried succeeds.
			write(t, d, exec(`ALTER TABLE write_trials RENAME TO away`))
			if got := d.Trouble(t.Context()); got != c.want {
				t.Errorf("Trouble = %q, want %q", got, c.want)
			}
			write(t, d, exec(`ALTER TABLE away RENAME TO write_trials`))
			if got := d.Trouble(t.Context()); got != "" {
				t.Errorf("Trouble = %q after a write that succeeds", got)
			}
		})
	}
}

// What is wrong with the data of a write, or with its caller, is no trouble of the
// database.
func TestOnlyTheDatabaseIsInTrouble(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		write(t, d, insert(1))
		for _, fails := range []func(*db.Tx) error{insert(1), exec(`SELECT nothing FROM nowhere`), func(*db.Tx) error { return errOwn }} {
			if err := d.Write(t.Context(), fails); err == nil {
				t.Error("Write succeeded")
			}
		}
		if got := d.Trouble(t.Context()); got != "" {
			t.Errorf("Trouble = %q", got)
		}
	})
}

// waitsForStandbys is a database of a server without standbys, seen by one who waits
// for them, a second at most, and by one who does not.
func waitsForStandbys(t *testing.T) (direct, d *db.DB) {
	t.Helper()
	url := withoutStandby(t)
	direct = dbtest.Connect(t, url)
	createThings(t, direct)
	write(t, direct, exec(`CREATE TABLE write_trials (at BIGINT)`))
	write(t, direct, exec(`INSERT INTO write_trials (at) VALUES (0)`))
	d, err := db.Open(t.Context(), url+"&synchronous_commit=on", db.Patiently(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return direct, d
}

// Who asks and goes away meanwhile gets what was known, also where the trouble ends at
// that moment.
func TestTroubleThatEndsMeanwhile(t *testing.T) {
	t.Parallel()
	d := openThings(t, db.SQLite)
	release := hold(t, d)
	defer release()
	got := d.AbandonTrouble(t.Context(), func() {
		eventually(t, "the trial waits for its turn", func() bool { return d.Queued() > 0 })
	})
	if got != "disk full" {
		t.Errorf("Trouble = %q", got)
	}
}

// How long readiness waits is its caller's to say, also while a trial waits for a
// standby.
func TestTroubleWaitsNoLongerThanItsCaller(t *testing.T) {
	t.Parallel()
	_, d := waitsForStandbys(t)
	if err := d.Write(t.Context(), insert(1)); !errors.Is(err, db.ErrOutcomeUnknown) {
		t.Fatalf("Write = %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if got := d.Trouble(ctx); got != "not reachable" {
		t.Errorf("Trouble = %q", got)
	}
}

// While no standby confirms, what is only read is answered, and commits that were given
// up do not use up the server's connections: each keeps one there.
func TestWithoutStandbysReadsGoOn(t *testing.T) {
	t.Parallel()
	direct, d := waitsForStandbys(t)
	const writers, rounds = 40, 3
	done := make(chan error)
	for round := range rounds {
		for i := range writers {
			go func() { done <- d.Write(t.Context(), insert(int64(1000*round+i))) }()
		}
		read(t, d, func(tx *db.Tx) error { return tx.QueryRow(`SELECT 1`).Scan(new(int)) })
		for range writers {
			if err := <-done; !db.IsDown(err) {
				t.Errorf("Write = %v", err)
			}
		}
		// A commit without a change waits for no standby, and proves none.
		if err := d.Write(t.Context(), func(*db.Tx) error { return nil }); !db.IsDown(err) {
			t.Errorf("a write of nothing, while no standby is there: %v", err)
		}
	}
	var waiting int64
	read(t, direct, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`).Scan(&waiting)
	})
	const most = 12 + 2 // those who had begun before it was known, and who tries
	if waiting > most || waiting == 0 {
		t.Errorf("the server holds %d connections, want 1 to %d", waiting, most)
	}
}

// Callers who go away leave the pool to those who come after them.
func TestReadsThatWereGivenUpHoldNoConnection(t *testing.T) {
	t.Parallel()
	url := dbtest.NewURL(t, db.Postgres)
	look, d := dbtest.Connect(t, url), dbtest.Connect(t, url)
	const pool = 16
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	for range pool {
		go func() {
			done <- d.Read(ctx, func(tx *db.Tx) error { return tx.QueryRow(`SELECT 1 FROM pg_sleep(9)`).Scan(new(int)) })
		}()
	}
	reading := func() (n int64) {
		read(t, look, func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`).Scan(&n)
		})
		return n
	}
	eventually(t, "all read", func() bool { return reading() == pool })
	cancel()
	for range pool {
		if err := <-done; err == nil {
			t.Error("a read was answered to nobody")
		}
	}
	eventually(t, "nobody reads for those who have gone", func() bool { return reading() == 0 })
	read(t, d, func(tx *db.Tx) error { return tx.QueryRow(`SELECT 1`).Scan(new(int)) })
}

package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
)

// Who was told that a write succeeded finds it with the next read.
func TestCommitIsVisibleToTheNextRead(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		for i := range int64(50) {
			write(t, d, insert(i))
			if got := len(stored(t, d)); got != int(i)+1 {
				t.Fatalf("%d things after %d commits", got, i+1)
			}
		}
	})
}

// A closure that fails takes none of those with it that share its commit.
func TestErrorRollsBackItsOwnClosureAlone(t *testing.T) {
	t.Parallel()
	const writers, other = 200, 1000 // each writes its number and other + its number
	fails := func(i int64) (statement, own bool) { return i%7 == 3, i%11 == 5 }
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		var wg sync.WaitGroup
		for i := range int64(writers) {
			wg.Go(func() {
				statement, own := fails(i)
				err := d.Write(t.Context(), func(tx *db.Tx) error {
					err := insertThings(tx, i, other+i)
					if err == nil && statement {
						err = insertThings(tx, i)
					}
					if err == nil && own {
						err = errOwn
					}
					return err
				})
				switch {
				case statement && !db.IsUnique(err):
					t.Errorf("%d: %v, want the violation of a unique key", i, err)
				case !statement && own && !errors.Is(err, errOwn):
					t.Errorf("%d: %v, want the closure's own error", i, err)
				case !statement && !own && err != nil:
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		wg.Wait()

		var want []int64
		for i := range int64(writers) {
			if statement, own := fails(i); !statement && !own {
				want = append(want, i, other+i)
			}
		}
		slices.Sort(want)
		if got := stored(t, d); !slices.Equal(got, want) {
			t.Errorf("stored %v\nwant   %v", got, want)
		}
	})
}

// What comes after a failed statement never runs, and nothing before it stays,
// even where the closure takes no notice of the error.
func TestFirstFailedStatementEndsItsClosure(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		var first error
		var later []error
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			_ = insertThings(tx, 1)
			first = insertThings(tx, 1)
			later = everyCall(tx)
			return nil
		})
		if !db.IsUnique(first) || !errors.Is(err, first) {
			t.Errorf("Write = %v, want the failed statement's error %v", err, first)
		}
		for i, e := range later {
			if !errors.Is(e, first) {
				t.Errorf("call %d after the failure: %v, want %v", i, e, first)
			}
		}
		if got := stored(t, d); len(got) != 0 {
			t.Errorf("stored %v, want nothing", got)
		}
	})
}

// everyCall makes each kind of call that Tx has and returns their errors.
func everyCall(tx *db.Tx) []error {
	const add, look = `INSERT INTO things (id) VALUES ($1)`, `SELECT id FROM things WHERE id = $1`
	_, exec := tx.Exec(add, 2)
	_, execOne := tx.ExecOne(add, 3)
	_, all := db.All(tx, scanID, look, 1)
	var id int64
	return []error{
		exec, execOne, all,
		tx.ExecMany(add, [][]any{{4}, {5}}),
		tx.QueryMany(func(_ int, s db.Scanner) error { return s.Scan(&id) }, look, [][]any{{1}}),
		tx.QueryRow(look, 1).Scan(&id),
		tx.Each(func(s db.Scanner) error { return s.Scan(&id) }, look, 1),
	}
}

// A panic reaches the goroutine that wrote, rolled back; no other caller and not
// the writer notice it.
func TestPanicIsRaisedInItsOwnCallerOnly(t *testing.T) {
	t.Parallel()
	const writers = 60
	panics := func(i int64) bool { return i%5 == 2 }
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		var wg sync.WaitGroup
		for i := range int64(writers) {
			wg.Go(func() {
				raised, err := writeAndRecover(t.Context(), d, func(tx *db.Tx) error {
					if err := insertThings(tx, i); err != nil || !panics(i) {
						return err
					}
					panic(i)
				})
				if err != nil {
					t.Errorf("%d: %v", i, err)
				}
				if panics(i) && raised != any(i) || !panics(i) && raised != nil {
					t.Errorf("%d: it met the panic %v", i, raised)
				}
			})
		}
		wg.Wait()
		for _, id := range stored(t, d) {
			if panics(id) {
				t.Errorf("%d is stored in spite of its panic", id)
			}
		}
		write(t, d, insert(writers))
		if got, want := len(stored(t, d)), writers-writers/5+1; got != want {
			t.Errorf("%d things are stored, want %d", got, want)
		}
	})
}

func writeAndRecover(ctx context.Context, d *db.DB, fn func(*db.Tx) error) (raised any, err error) {
	defer func() { raised = recover() }()
	return nil, d.Write(ctx, fn)
}

// A panic between two rows of a result leaves nothing open behind it.
func TestPanicWhileReadingRowsLeavesTheConnectionUsable(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		write(t, d, insert(1, 2, 3))
		for range 20 {
			raised, err := writeAndRecover(t.Context(), d, func(tx *db.Tx) error {
				return tx.Each(func(db.Scanner) error { panic("at the first row") }, `SELECT id FROM things`)
			})
			if raised == nil || err != nil {
				t.Fatalf("raised %v, %v", raised, err)
			}
		}
		write(t, d, insert(4))
		if got := stored(t, d); !slices.Equal(got, []int64{1, 2, 3, 4}) {
			t.Errorf("stored %v", got)
		}
	})
}

// Who has gone away before the call changes nothing.
func TestEndedContextNeverBegins(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range int64(50) {
			err := d.Write(ctx, insert(i))
			if !errors.Is(err, context.Canceled) || !fault.Is(err, fault.Unavailable) {
				t.Fatalf("Write = %v, want Unavailable because of the context", err)
			}
		}
		if got := stored(t, d); len(got) != 0 {
			t.Errorf("stored %v, want nothing", got)
		}
	})
}

// A caller that goes away while its closure waits takes it back.
func TestContextWithdrawsWhatHasNotBegun(t *testing.T) {
	t.Parallel()
	const connections = 12 // that writes of PostgreSQL have
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		var release []func()
		for range connections {
			release = append(release, hold(t, d))
			if d.Engine() == db.SQLite {
				break // one closure keeps the only writer busy
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := d.Write(ctx, insert(1))
		if !errors.Is(err, context.DeadlineExceeded) || !fault.Is(err, fault.Unavailable) {
			t.Errorf("Write = %v, want Unavailable because of the context", err)
		}
		for _, r := range release {
			r()
		}
		write(t, d, insert(2))
		if got := stored(t, d); !slices.Equal(got, []int64{2}) {
			t.Errorf("stored %v, want only what was not taken back", got)
		}
	})
}

// A closure that has begun is finished and answered with its outcome, whatever
// becomes of its caller's context.
func TestContextDoesNotEndWhatHasBegun(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		err := d.Write(ctx, func(tx *db.Tx) error {
			if err := insertThings(tx, 1); err != nil {
				return err
			}
			cancel()
			return insertThings(tx, 2)
		})
		if err != nil {
			t.Errorf("Write = %v", err)
		}
		if got := stored(t, d); !slices.Equal(got, []int64{1, 2}) {
			t.Errorf("stored %v", got)
		}
	})
}

// A read keeps to one state of the database, whatever is committed meanwhile.
func TestReadIsOneSnapshot(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		write(t, d, insert(1))
		read(t, d, func(tx *db.Tx) error {
			before, err := db.All(tx, scanID, `SELECT id FROM things ORDER BY id`)
			if err != nil {
				return err
			}
			write(t, d, func(tx *db.Tx) error {
				if _, err := tx.Exec(`DELETE FROM things WHERE id = 1`); err != nil {
					return err
				}
				return insertThings(tx, 2)
			})
			after, err := db.All(tx, scanID, `SELECT id FROM things ORDER BY id`)
			if !slices.Equal(before, after) {
				t.Errorf("first %v, then %v", before, after)
			}
			return err
		})
		if got := stored(t, d); !slices.Equal(got, []int64{2}) {
			t.Errorf("the next read sees %v", got)
		}
	})
}

// Reads can't change anything.
func TestReadRefusesToWrite(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		if err := d.Read(t.Context(), insert(1)); err == nil {
			t.Error("an insert in a read went through")
		}
		if got := stored(t, d); len(got) != 0 {
			t.Errorf("stored %v, want nothing", got)
		}
	})
}

// An expected conflict is no failure: the closure goes on after it.
func TestOnConflictGoesOn(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		write(t, d, insert(1))
		var ignored, added bool
		var name string
		write(t, d, func(tx *db.Tx) (err error) {
			if ignored, err = tx.ExecOne(`INSERT INTO things (id) VALUES ($1) ON CONFLICT (id) DO NOTHING`, 1); err != nil {
				return err
			}
			if added, err = tx.ExecOne(`INSERT INTO things (id) VALUES ($1) ON CONFLICT DO NOTHING`, 2); err != nil {
				return err
			}
			return tx.QueryRow(`
				INSERT INTO things (id, name) VALUES ($1, $2)
				ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING name`, 1, "one").Scan(&name)
		})
		if ignored || !added || name != "one" {
			t.Errorf("ExecOne said %v of a row that was there and %v of a new one; updated to %q", ignored, added, name)
		}
		if got := stored(t, d); !slices.Equal(got, []int64{1, 2}) {
			t.Errorf("stored %v", got)
		}
	})
}

// A statement that was meant for one row and hits more is rolled back.
func TestExecOneRefusesMoreThanOneRow(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		write(t, d, insert(1, 2))
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.ExecOne(`DELETE FROM things`)
			return err
		})
		if err == nil {
			t.Error("two rows were changed by a statement for one")
		}
		if got := stored(t, d); !slices.Equal(got, []int64{1, 2}) {
			t.Errorf("stored %v, want both", got)
		}
	})
}

// IsUnique tells a taken key from everything else that a constraint refuses.
func TestIsUniqueKnowsATakenKey(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		for _, statement := range []string{
			`CREATE TABLE parts (id BIGINT PRIMARY KEY, thing_id BIGINT NOT NULL REFERENCES things (id),
				size BIGINT CHECK (size > 0), place BIGINT, UNIQUE (thing_id, place))`,
			`INSERT INTO things (id, name) VALUES (1, 'one')`,
			`INSERT INTO parts (id, thing_id, place) VALUES (1, 1, 7), (3, 1, 9)`,
		} {
			write(t, d, exec(statement))
		}
		for statement, unique := range map[string]bool{
			`INSERT INTO things (id) VALUES (1)`:                       true,
			`INSERT INTO things (id, name) VALUES (2, 'one')`:          true,
			`INSERT INTO parts (id, thing_id, place) VALUES (2, 1, 7)`: true,
			`UPDATE parts SET id = 1, place = 8 WHERE id = 3`:          true,
			`INSERT INTO parts (id) VALUES (2)`:                        false,
			`INSERT INTO parts (id, thing_id) VALUES (2, 99)`:          false,
			`INSERT INTO parts (id, thing_id, size) VALUES (2, 1, 0)`:  false,
			`INSERT INTO nowhere (id) VALUES (1)`:                      false,
		} {
			err := d.Write(t.Context(), exec(statement))
			if err == nil || db.IsUnique(fmt.Errorf("wrapped: %w", err)) != unique {
				t.Errorf("%s: IsUnique(%v) = %v, want %v", statement, err, !unique, unique)
			}
		}
	})
	if db.IsUnique(nil) || db.IsUnique(errOwn) {
		t.Error("IsUnique takes errors of no database for a taken key")
	}
}

// A closed database refuses at once and does not let callers wait for ever;
// closing it again is no error.
func TestClosedDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		for range 2 {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
		never := func(*db.Tx) error {
			t.Error("a closure ran on a closed database")
			return nil
		}
		for name, call := range map[string]func(context.Context, func(*db.Tx) error) error{"Read": d.Read, "Write": d.Write} {
			if err := call(t.Context(), never); !fault.Is(err, fault.Unavailable) || !db.IsDown(err) {
				t.Errorf("%s = %v, want Unavailable", name, err)
			}
		}
	})
}

// Close finishes the writes under way: each is either done or answered with
// Unavailable, and the answers are true.
func TestCloseFinishesWritesUnderWay(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			d := dbtest.Connect(t, url)
			createThings(t, d)

			const writers = 50
			errs := make([]error, writers)
			some := make(chan struct{}, writers)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					errs[i] = d.Write(t.Context(), insert(int64(i)))
					some <- struct{}{}
				})
			}
			<-some
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			wg.Wait()

			var want []int64
			for i, err := range errs {
				if err == nil {
					want = append(want, int64(i))
				} else if !fault.Is(err, fault.Unavailable) {
					t.Errorf("%d: %v, want Unavailable", i, err)
				}
			}
			if got := stored(t, dbtest.Connect(t, url)); !slices.Equal(got, want) {
				t.Errorf("stored %v\nwant   %v", got, want)
			}
		})
	}
}

package db_test

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
)

type thing struct {
	id   int64
	name string
	at   time.Time
}

const (
	addThing  = `INSERT INTO things (id, name, at) VALUES ($1, $2, $3)`
	allThings = `SELECT id, name, at FROM things ORDER BY id`
)

// Both engines give back what was stored: times to the microsecond in UTC, texts
// byte for byte, and NULL for what is zero or empty.
func TestValuesComeBackAsTheyWereStored(t *testing.T) {
	t.Parallel()
	elsewhere := time.FixedZone("elsewhere", -5*3600)
	stored := []thing{
		{id: math.MinInt64},
		{id: 0, name: "it's $1 \"quoted\" ?", at: clock.FromMicros(-1)},
		{id: 1, name: "Ünïcödé 世界 🎉\r\n\ttabs", at: time.Date(2026, 7, 1, 23, 59, 59, 999_999_000, elsewhere)},
		{id: math.MaxInt64, name: strings.Repeat("long ", 400), at: clock.FromMicros(1)},
	}
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		for _, x := range stored {
			write(t, d, exec(addThing, x.id, db.Text(x.name), db.At(x.at)))
		}
		// What a closure has just read into must not shine through a NULL.
		dirty := thing{name: "dirty", at: clock.FromMicros(7)}
		var got []thing
		var nulls int
		read(t, d, func(tx *db.Tx) error {
			err := tx.Each(func(s db.Scanner) error {
				x := dirty
				err := s.Scan(&x.id, db.String(&x.name), db.Time(&x.at))
				got = append(got, x)
				return err
			}, allThings)
			if err != nil {
				return err
			}
			return tx.QueryRow(`SELECT COUNT(*) FROM things WHERE name IS NULL AND at IS NULL`).Scan(&nulls)
		})
		if len(got) != len(stored) || nulls != 1 {
			t.Fatalf("%d rows, %d of NULLs", len(got), nulls)
		}
		for i, want := range stored {
			if got[i].id != want.id || got[i].name != want.name || !got[i].at.Equal(want.at) {
				t.Errorf("stored %.60v, got %.60v", want, got[i])
			}
			if got[i].at.Location() != time.UTC {
				t.Errorf("%d: the time came back in %v", want.id, got[i].at.Location())
			}
		}
	})
}

// A column of another type is refused, not read as zero.
func TestScanRefusesAnotherType(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		write(t, d, exec(addThing, 1, "one", 1))
		var at time.Time
		var text string
		for query, dest := range map[string]any{`SELECT name FROM things`: db.Time(&at), `SELECT at FROM things`: db.String(&text)} {
			err := d.Read(t.Context(), func(tx *db.Tx) error { return tx.QueryRow(query).Scan(dest) })
			if err == nil {
				t.Errorf("%s went into %T", query, dest)
			}
		}
	})
}

// No row is an answer, not a failure: the closure goes on. Of several rows the
// first is taken.
func TestQueryRowWithoutARowGoesOn(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		var none error
		var first int64
		write(t, d, func(tx *db.Tx) error {
			none = tx.QueryRow(`SELECT id FROM things`).Scan(&first)
			if err := insertThings(tx, 3, 1, 2); err != nil {
				return err
			}
			return tx.QueryRow(`SELECT id FROM things ORDER BY id`).Scan(&first)
		})
		if !errors.Is(none, db.ErrNoRows) || first != 1 {
			t.Errorf("without a row %v, of three %d", none, first)
		}
		if got := stored(t, d); len(got) != 3 {
			t.Errorf("stored %v", got)
		}
	})
}

// ExecMany runs a statement once for each row of arguments, and not at all
// without one; a row that fails undoes them all.
func TestExecManyRunsForEachRow(t *testing.T) {
	t.Parallel()
	const many = 1500
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		name := func(i int) string { // of every other row
			if i%2 == 0 {
				return ""
			}
			return "na\\me, \"{" + strconv.Itoa(i)
		}
		rows := make([][]any, many)
		for i := range rows {
			rows[i] = []any{i, db.Text(name(i)), db.At(clock.FromMicros(int64(i)))}
		}
		write(t, d, func(tx *db.Tx) error {
			if err := tx.ExecMany(addThing, rows); err != nil {
				return err
			}
			return tx.ExecMany(addThing, nil)
		})
		if got := len(stored(t, d)); got != many {
			t.Errorf("%d of %d rows are stored", got, many)
		}
		read(t, d, func(tx *db.Tx) error {
			i := 0
			return tx.Each(func(s db.Scanner) error {
				var got thing
				err := s.Scan(&got.id, db.String(&got.name), db.Time(&got.at))
				if got.id != int64(i) || got.name != name(i) || i > 0 && !got.at.Equal(clock.FromMicros(int64(i))) {
					t.Errorf("row %d is %+v", i, got)
				}
				i++
				return err
			}, `SELECT id, name, at FROM things ORDER BY id`)
		})
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			return tx.ExecMany(addThing, [][]any{{many, nil, nil}, {many, nil, nil}, {many + 1, nil, nil}, {many + 2, nil, nil}, {many + 3, nil, nil}})
		})
		if !db.IsUnique(err) {
			t.Errorf("a number given twice: %v", err)
		}
		if got := len(stored(t, d)); got != many {
			t.Errorf("%d rows after the refusal, want %d", got, many)
		}
	})
}

// QueryMany says for which arguments a row was found, and is silent for those
// that found none.
func TestQueryManyNamesTheArguments(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		write(t, d, insert(10, 11, 20))
		found := map[int][]int64{}
		read(t, d, func(tx *db.Tx) error {
			clear(found)
			return tx.QueryMany(func(i int, s db.Scanner) error {
				id, err := scanID(s)
				found[i] = append(found[i], id)
				return err
			}, `SELECT id FROM things WHERE id BETWEEN $1 AND $2 ORDER BY id`, [][]any{{20, 29}, {30, 39}, {10, 19}})
		})
		if len(found) != 2 || !slices.Equal(found[0], []int64{20}) || !slices.Equal(found[2], []int64{10, 11}) {
			t.Errorf("found %v", found)
		}
	})
}

// A scan that fails ends the reading, the closure and nothing else.
func TestFailedScanEndsTheClosure(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		write(t, d, insert(1, 2, 3))
		calls := 0
		stop := func(db.Scanner) error {
			calls++
			return errOwn
		}
		for name, look := range map[string]func(*db.Tx) error{
			"Each": func(tx *db.Tx) error { return tx.Each(stop, allThings) },
			"All": func(tx *db.Tx) error {
				all, err := db.All(tx, func(s db.Scanner) (int, error) { return 1, stop(s) }, allThings)
				if all != nil {
					t.Errorf("All returned %v beside its error", all)
				}
				return err
			},
			"QueryMany": func(tx *db.Tx) error {
				return tx.QueryMany(func(_ int, s db.Scanner) error { return stop(s) },
					`SELECT id FROM things WHERE id >= $1`, [][]any{{1}, {2}})
			},
			"QueryMany of many": func(tx *db.Tx) error {
				return tx.QueryMany(func(_ int, s db.Scanner) error { return stop(s) },
					`SELECT id FROM things WHERE id >= $1`, [][]any{{1}, {2}, {2}, {3}, {4}})
			},
		} {
			calls = 0
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				_ = look(tx)
				_ = insertThings(tx, 4)
				return nil
			})
			if !errors.Is(err, errOwn) || calls != 1 {
				t.Errorf("%s: %v after %d rows, want the scan's error after one", name, err, calls)
			}
		}
		write(t, d, insert(5))
		if got := stored(t, d); !slices.Equal(got, []int64{1, 2, 3, 5}) {
			t.Errorf("stored %v", got)
		}
	})
}

// = ANY takes lists of texts and of numbers, whatever is in them and also none.
func TestAnyOfAList(t *testing.T) {
	t.Parallel()
	names := []string{"plain", `"quoted", [with] {brackets}`, "it's", "世界 🎉", "<&>\u2028", `back\slash`, "", "12"}
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		write(t, d, func(tx *db.Tx) error {
			for i, name := range names {
				if _, err := tx.Exec(addThing, i, name, nil); err != nil {
					return err
				}
			}
			_, err := tx.Exec(addThing, math.MaxInt64, nil, nil)
			return err
		})
		for _, c := range []struct {
			query string
			args  []any
			want  []int64
		}{
			{`name = ANY($1)`, []any{names}, []int64{0, 1, 2, 3, 4, 5, 6, 7}},
			{`name = ANY($1)`, []any{[]string{"it's", "nobody", "it's"}}, []int64{2}},
			{`name = ANY($1)`, []any{[]string{}}, nil},
			{`name = ANY($1)`, []any{[]string(nil)}, nil},
			{`id = ANY($1)`, []any{[]int64{7, math.MaxInt64, -1}}, []int64{7, math.MaxInt64}},
			{`id = ANY($1)`, []any{[]int64{}}, nil},
			{`id = ANY($2) AND id > $1`, []any{3, []int64{2, 3, 4}}, []int64{4}},
		} {
			var got []int64
			read(t, d, func(tx *db.Tx) (err error) {
				got, err = db.All(tx, scanID, `SELECT id FROM things WHERE `+c.query+` ORDER BY id`, c.args...)
				return err
			})
			if !slices.Equal(got, c.want) {
				t.Errorf("%s of %q: %v, want %v", c.query, c.args, got, c.want)
			}
		}
	})
}

// Placeholders may be used in any order and more than once, and the statements
// that lock rows on PostgreSQL run on SQLite too.
func TestPortableStatements(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		write(t, d, insert(1, 2, 3))
		for _, c := range []struct {
			query string
			args  []any
			want  []int64
		}{
			{`SELECT id FROM things WHERE id <> $2 AND id <> $1 AND $2 > $1 ORDER BY id`, []any{1, int64(2)}, []int64{3}},
			{`SELECT id FROM things WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE`, []any{[]int64{2, 1}}, []int64{1, 2}},
			{`SELECT id FROM things ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED`, []any{2}, []int64{1, 2}},
			{`UPDATE things SET at = $2 WHERE id = $1 RETURNING id`, []any{3, 7}, []int64{3}},
			{`DELETE FROM things WHERE id < $1 RETURNING id`, []any{2}, []int64{1}},
		} {
			var got []int64
			write(t, d, func(tx *db.Tx) (err error) {
				got, err = db.All(tx, scanID, c.query, c.args...)
				return err
			})
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", c.query, got, c.want)
			}
		}
	})
}

// The time of a transaction is the database's, in UTC and whole microseconds.
func TestNowIsUTCInWholeMicroseconds(t *testing.T) {
	t.Parallel()
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		last := time.Time{}
		for i := range 20 {
			var now time.Time
			run := write
			if i%2 == 1 {
				run = read
			}
			run(t, d, func(tx *db.Tx) error {
				now = tx.Now
				return nil
			})
			if now.Location() != time.UTC || now.Nanosecond()%1000 != 0 {
				t.Fatalf("now is %s", now.Format(time.RFC3339Nano))
			}
			if now.Before(last) {
				t.Fatalf("now is %s after %s", now, last)
			}
			if off := time.Since(now).Abs(); off > time.Minute {
				t.Fatalf("now is %s away from this machine's clock", off)
			}
			last = now
		}
	})
}

// What a test sets the clock forward by, every later transaction of that
// database sees, and no other.
func TestAdvanceClockMovesNow(t *testing.T) {
	t.Parallel()
	const days = 400 * 24 * time.Hour
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		d.AdvanceClock(days)
		d.AdvanceClock(time.Hour)
		for name, run := range map[string]func(*testing.T, *db.DB, func(*db.Tx) error){"Write": write, "Read": read} {
			run(t, d, func(tx *db.Tx) error {
				if off := (time.Since(tx.Now) + days + time.Hour).Abs(); off > time.Minute {
					t.Errorf("%s: now is %s, %s beside what was set", name, tx.Now, off)
				}
				return nil
			})
		}
	})
}

package db_test

import (
	"maps"
	"testing"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
)

// For many rows of arguments a statement does what it would do for one after the
// other, whether the engine takes them together or not: of two for one key the later
// counts, and what is not there is left out.
func TestManyRowsDoWhatOneAfterTheOtherDoes(t *testing.T) {
	t.Parallel()
	const (
		rename = `UPDATE things SET name = $2, at = $3 WHERE id = $1`
		upsert = `INSERT INTO things (id, name, at) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET name = things.name || excluded.name`
	)
	first := [][]any{{1, "a", nil}, {2, nil, nil}, {3, "c", db.At(clock.FromMicros(3))}, {4, "d", nil}, {5, "e", nil}}
	for name, c := range map[string]struct {
		query string
		rows  [][]any
		want  map[int64]string
	}{
		"updates":      {rename, [][]any{{1, "A", nil}, {3, nil, nil}, {4, "D", nil}, {9, "none", nil}}, map[int64]string{1: "A", 2: "", 3: "", 4: "D", 5: "e"}},
		"one twice":    {rename, [][]any{{1, "A", nil}, {3, nil, nil}, {4, "D", nil}, {1, "last", nil}}, map[int64]string{1: "last", 2: "", 3: "", 4: "D", 5: "e"}},
		"upserts":      {upsert, [][]any{{1, "A", nil}, {6, "f", nil}, {4, "D", nil}, {7, "g", nil}}, map[int64]string{1: "aA", 2: "", 3: "c", 4: "dD", 5: "e", 6: "f", 7: "g"}},
		"upsert twice": {upsert, [][]any{{6, "f", nil}, {6, "F", nil}, {4, "D", nil}, {6, "g", nil}}, map[int64]string{1: "a", 2: "", 3: "c", 4: "dD", 5: "e", 6: "fFg"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWithThings(t, func(t *testing.T, d *db.DB) {
				write(t, d, func(tx *db.Tx) error { return tx.ExecMany(addThing, first) })
				write(t, d, func(tx *db.Tx) error { return tx.ExecMany(c.query, c.rows) })
				if got := namesOfThings(t, d); !maps.Equal(got, c.want) {
					t.Errorf("%v, want %v", got, c.want)
				}
			})
		})
	}
}

func namesOfThings(t *testing.T, d *db.DB) map[int64]string {
	t.Helper()
	names := map[int64]string{}
	read(t, d, func(tx *db.Tx) error {
		return tx.Each(func(s db.Scanner) error {
			var x thing
			err := s.Scan(&x.id, db.String(&x.name), db.Time(&x.at))
			names[x.id] = x.name
			return err
		}, allThings)
	})
	return names
}

// A query for many rows of arguments finds for each what it would find alone: no row,
// one or several, texts, times and NULLs.
func TestAQueryForManyRowsFindsWhatEachWouldAlone(t *testing.T) {
	t.Parallel()
	stored := [][]any{{1, "a", db.At(clock.FromMicros(1))}, {2, "b", nil}, {3, "c", db.At(clock.FromMicros(3))}, {4, nil, nil}}
	args := [][]any{{"a", 0}, {"z", 0}, {"c", 0}, {"a", 1}, {nil, 0}, {"a", 0}}
	eachWithThings(t, func(t *testing.T, d *db.DB) {
		write(t, d, func(tx *db.Tx) error { return tx.ExecMany(addThing, stored) })
		ask := func(rows [][]any) (found []map[thing]bool) {
			read(t, d, func(tx *db.Tx) error {
				found = make([]map[thing]bool, len(rows))
				return tx.QueryMany(func(i int, s db.Scanner) error {
					x := thing{name: "dirty", at: clock.FromMicros(7)}
					err := s.Scan(&x.id, db.String(&x.name), db.Time(&x.at))
					if found[i] == nil {
						found[i] = map[thing]bool{}
					}
					found[i][x] = true
					return err
				}, `SELECT id, name, at FROM things WHERE name >= $1 AND id > $2`, rows)
			})
			return found
		}
		together := ask(args)
		for i := range args {
			if alone := ask(args[i : i+1])[0]; !maps.Equal(together[i], alone) {
				t.Errorf("%v: %v together, %v alone", args[i], together[i], alone)
			}
		}
		if len(together[0]) != 3 || together[1] != nil || len(together[2]) != 1 || len(together[3]) != 2 || together[4] != nil || len(together[5]) != 3 {
			t.Errorf("found %v", together)
		}
	})
}

// Where each statement changes a row, one that finds none undoes all of them, whether
// there are few or many.
func TestEachOfManyMustFindItsRow(t *testing.T) {
	t.Parallel()
	const rename = `UPDATE things SET name = $2 WHERE id = $1`
	stored := [][]any{{1, "a", nil}, {2, "b", nil}, {3, "c", nil}, {4, "d", nil}, {5, "e", nil}}
	for name, rows := range map[string][][]any{
		"few":       {{1, "A"}, {9, "none"}},
		"many":      {{1, "A"}, {2, "B"}, {3, "C"}, {4, "D"}, {9, "none"}},
		"one twice": {{1, "A"}, {9, "none"}, {3, "C"}, {4, "D"}, {1, "last"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWithThings(t, func(t *testing.T, d *db.DB) {
				write(t, d, func(tx *db.Tx) error { return tx.ExecMany(addThing, stored) })
				err := d.Write(t.Context(), func(tx *db.Tx) error { return tx.ExecEach(rename, rows) })
				if err == nil {
					t.Error("a row that is not there was changed")
				}
				if got := namesOfThings(t, d); !maps.Equal(got, map[int64]string{1: "a", 2: "b", 3: "c", 4: "d", 5: "e"}) {
					t.Errorf("%v: something was changed all the same", got)
				}
				write(t, d, func(tx *db.Tx) error { return tx.ExecEach(rename, append(rows[:1:1], []any{2, "B"})) })
				write(t, d, func(tx *db.Tx) error {
					return tx.ExecEach(rename, [][]any{{2, "B"}, {3, "C"}, {4, "D"}, {5, "E"}})
				})
				if got := namesOfThings(t, d); !maps.Equal(got, map[int64]string{1: "A", 2: "B", 3: "C", 4: "D", 5: "E"}) {
					t.Errorf("%v", got)
				}
			})
		})
	}
}

package catalog_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// Customers see each change of what is sold, in its order, and of the rest only
// that it stopped being sold.
func TestChangesAreThoseOfWhatIsSold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1", "2"))
		numbers := byNumber(t, d, providerID)
		sold, gone := numbers["1"].ID, numbers["2"].ID
		seq := newestChange(t, d)
		set(t, d, sold, catalog.Change{Name: new("Better"), Rate: new(2 * unit), Min: new(int64(20))})
		set(t, d, gone, catalog.Change{Rate: new(3 * unit)})
		set(t, d, gone, catalog.Change{State: new(catalog.Paused)})
		set(t, d, gone, catalog.Change{Max: new(int64(50))})
		set(t, d, gone, catalog.Change{State: new(catalog.Retired)})
		set(t, d, sold, catalog.Change{Cancel: new(false), Description: new("not told")})
		row := func(service int64, field, before, after string) catalog.Noted {
			return catalog.Noted{Service: service, Field: field, Before: before, After: after}
		}
		wantTold(t, d, seq,
			row(sold, "rate", "1.00", "2.00"), row(sold, "min", "10", "20"), row(sold, "name", "Service 1", "Better"),
			row(gone, "state", "active", "paused"), row(sold, "cancel", "true", "false"))
		set(t, d, gone, catalog.Change{State: new(catalog.Active)})
		if rows, _ := told(t, d, seq); len(rows) != 9 {
			t.Errorf("sold again, %d rows are told, want 9", len(rows))
		}
	})
}

// Page after page, at any size, every change comes once, also those made
// meanwhile on two nodes; behind the last there is nothing, and nothing is
// skipped by coming too early.
func TestChangesByCursorMissNothing(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			const each = 20
			url := dbtest.NewURL(t, engine)
			nodes := []*db.DB{dbtest.Connect(t, url), dbtest.Connect(t, url)}
			providerID := newProvider(t, nodes[0])
			imported(t, nodes[0], providerID, offers("0", "1"))
			numbers := byNumber(t, nodes[0], providerID)
			cursor := newestChange(t, nodes[0])
			var writers sync.WaitGroup
			for i, d := range nodes {
				writers.Go(func() {
					for n := range each {
						if _, err := catalog.NewStore(d).Set(t.Context(), numbers[strconv.Itoa(i)].ID, catalog.Change{Name: new(fmt.Sprint("Name ", n))}, staff); err != nil {
							t.Error(err)
						}
					}
				})
			}
			seen := map[int64]int{}
			var last int64
			for limit := 1; len(seen) < 2*each; limit = limit%5 + 1 {
				rows, next, err := catalog.NewStore(nodes[limit%2]).Changes(t.Context(), cursor, limit)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range rows {
					seen[r.Seq]++
					if r.Seq <= last || seen[r.Seq] > 1 {
						t.Fatalf("change %d comes after %d", r.Seq, last)
					}
					last = r.Seq
				}
				if next < cursor {
					t.Fatalf("the cursor went from %d to %d", cursor, next)
				}
				cursor = next
				if len(rows) == 0 && t.Failed() {
					return
				}
			}
			writers.Wait()
			if rows, next, err := catalog.NewStore(nodes[0]).Changes(t.Context(), cursor, 5); len(rows) > 0 || next != cursor || err != nil {
				t.Errorf("behind the last: %v, %d, %v", rows, next, err)
			}
		})
	}
}

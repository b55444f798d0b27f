package catalog_test

import (
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// ask has many callers ask at once and returns what they got.
func ask(t *testing.T, c *catalog.Cache, epoch int64) map[*catalog.Snapshot]int {
	t.Helper()
	const callers = 50
	got := map[*catalog.Snapshot]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			s, err := c.At(t.Context(), epoch)
			if err != nil {
				t.Error(err)
				return
			}
			if s.Epoch < epoch {
				t.Errorf("asked for epoch %d, got %d", epoch, s.Epoch)
			}
			mu.Lock()
			got[s]++
			mu.Unlock()
		})
	}
	all.Wait()
	return got
}

// Whoever needs the catalogue as of an epoch gets it so new or newer; the callers
// of one epoch share one read of the database.
func TestCacheIsAsNewAsAsked(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			d, other := dbtest.Connect(t, url), dbtest.Connect(t, url)
			providerID := newProvider(t, d)
			imported(t, d, providerID, offers("1"))
			v := byNumber(t, d, providerID)["1"]
			cache := catalog.NewCache(d)
			for i := range 20 {
				rate := money.Amount(i + 1)
				set(t, other, v.ID, catalog.Change{Rate: &rate})
				shared := ask(t, cache, catalogEpoch(t, other))
				if len(shared) != 1 {
					t.Errorf("50 callers made %d reads", len(shared))
				}
				for s := range shared {
					if got, sold := s.Service(v.ID); !sold || got.Rate != rate {
						t.Errorf("it is sold at %+v, want %s", got, rate)
					}
				}
			}
		})
	}
}

// A snapshot in memory serves while it is new enough, without the database; an
// older one is never given out instead of an error.
func TestCacheServesFromMemory(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1"))
		cache := catalog.NewCache(d)
		epoch := catalogEpoch(t, d)
		first, err := cache.At(t.Context(), epoch)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		for _, asked := range []int64{0, epoch - 1, epoch} {
			if s, err := cache.At(t.Context(), asked); err != nil || s != first {
				t.Errorf("at %d: %v, %v", asked, s, err)
			}
		}
		if s, err := cache.At(t.Context(), epoch+1); s != nil || !fault.Is(err, fault.Unavailable) {
			t.Errorf("newer than there is: %v, %v; want Unavailable", s, err)
		}
	})
}

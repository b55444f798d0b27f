package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// An import that ends in the middle leaves whole services and a true feed, and a
// repeat does the rest.
func TestImportCutShortIsWholeAndGoesOn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		const services = 170
		var all []catalog.Offer
		for i := range services {
			all = append(all, offer(strconv.Itoa(i)))
		}
		cutShort := func(in catalog.Intake) catalog.Taken {
			ctx, cancel := context.WithCancel(t.Context())
			in.Progress = func(done, of int) {
				if done > of/3 {
					cancel()
				}
			}
			taken, err := catalog.NewStore(d).Take(ctx, in, staff)
			if !errors.Is(err, context.Canceled) && !fault.Is(err, fault.Unavailable) {
				t.Fatalf("it was cut short: %v", err)
			}
			feedHolds(t, d)
			return taken
		}
		in := catalog.Intake{ProviderID: providerID, Offers: all}
		first := cutShort(in)
		if first.Added == 0 || first.Added == services || len(list(t, d)) != first.Added {
			t.Fatalf("%+v of %d", first.Imported, services)
		}
		if rest := take(t, d, in); rest.Imported != (catalog.Imported{Added: services - first.Added}) {
			t.Errorf("the rest: %+v after %+v", rest.Imported, first.Imported)
		}
		for i := range all {
			all[i].Cost, all[i].Rate = unit, 3*unit
		}
		first = cutShort(in)
		if rest := take(t, d, in); first.Changed == 0 || rest.Changed != services-first.Changed {
			t.Errorf("changes: %+v after %+v", rest.Imported, first.Imported)
		}
	})
}

// The same list brought in on two nodes at once is there once, and the feed tells
// it once.
func TestTwoImportsOfOneProviderAtOnce(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			nodes := []*db.DB{dbtest.Connect(t, url), dbtest.Connect(t, url)}
			providerID := newProvider(t, nodes[0])
			const services = 160
			for round := range 3 {
				var all []catalog.Offer
				for i := range services {
					o := offer(strconv.Itoa(i))
					o.Category, o.Rate = fmt.Sprint("Category ", i%5, round), money.Amount(round+1)*unit
					all = append(all, o)
				}
				total := make([]catalog.Imported, 2)
				var both sync.WaitGroup
				for i, d := range nodes {
					both.Go(func() {
						var err error
						if total[i], err = catalog.NewStore(d).Import(t.Context(), providerID, all, staff); err != nil {
							t.Error(err)
						}
					})
				}
				both.Wait()
				want := catalog.Imported{Changed: services}
				if round == 0 {
					want = catalog.Imported{Added: services}
				}
				if got := (catalog.Imported{Added: total[0].Added + total[1].Added, Changed: total[0].Changed + total[1].Changed}); got != want {
					t.Errorf("round %d: together %+v, want %+v", round, got, want)
				}
				feedHolds(t, nodes[0])
			}
			if got := len(list(t, nodes[1])); got != services {
				t.Errorf("%d services", got)
			}
		})
	}
}

// Whatever lists follow each other, a service is sold just when a source of it is
// listed, its terms are those of its first source that is, and the feed is true.
func TestAnySequenceOfListsKeepsTheCatalogueTrue(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	rapid.Check(t, func(r *rapid.T) {
		providers := []string{newProvider(t, d), newProvider(t, d)}
		store := catalog.NewStore(d)
		if _, err := store.Import(t.Context(), providers[0], offers("a", "b", "c"), staff); err != nil {
			r.Fatal(err)
		}
		ids := map[int64]bool{}
		for number, v := range byNumber(t, d, providers[0]) {
			ids[v.ID] = true
			for i, there := range []string{number, number + "2"} {
				if err := store.AddSource(t.Context(), catalog.ServiceSource{
					ServiceID: v.ID, ProviderID: providers[(i+1)%2], ProviderService: there, Cost: unit / 2,
				}, staff); err != nil {
					r.Fatal(err)
				}
			}
		}
		costs := map[string]money.Amount{}
		for range rapid.IntRange(1, 6).Draw(r, "lists") {
			which := rapid.IntRange(0, 1).Draw(r, "provider")
			var all []catalog.Offer
			for _, number := range []string{"a", "b", "c", "a2", "b2", "c2"} {
				if !rapid.Bool().Draw(r, number) {
					continue
				}
				o := offer(number)
				o.Cost = money.Amount(rapid.IntRange(1, 3).Draw(r, "cost")) * unit
				o.Rate = 2 * o.Cost
				costs[providers[which]+number] = o.Cost
				all = append(all, o)
			}
			if _, err := store.Take(t.Context(), catalog.Intake{ProviderID: providers[which], Offers: all, KnownOnly: true}, staff); err != nil {
				r.Fatal(err)
			}
			for serviceID := range ids {
				soldAsItsSources(t, r, d, serviceID, costs)
			}
		}
		feedHolds(t, d)
	})
}

// soldAsItsSources compares a service with its sources.
func soldAsItsSources(t *testing.T, r *rapid.T, d *db.DB, serviceID int64, costs map[string]money.Amount) {
	t.Helper()
	sources, err := catalog.NewStore(d).Sources(t.Context(), serviceID)
	if err != nil {
		r.Fatal(err)
	}
	listed := slices.ContainsFunc(sources, func(s catalog.ServiceSource) bool { return s.GoneAt.IsZero() })
	var some *catalog.Snapshot
	err = d.Read(t.Context(), func(tx *db.Tx) error {
		some, err = catalog.LoadSome(tx, []int64{serviceID})
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	if v := some.Services[0]; (v.State == catalog.Active) != listed {
		r.Fatalf("service %d is %s beside %+v", serviceID, v.State, sources)
	}
	if first := slices.IndexFunc(sources, func(s catalog.ServiceSource) bool { return s.GoneAt.IsZero() }); listed {
		if cost, known := costs[sources[first].ProviderID+sources[first].ProviderService]; known && some.Services[0].Source.Cost != cost {
			r.Fatalf("service %d costs %s, its first listed source %s", serviceID, some.Services[0].Source.Cost, cost)
		}
	}
	for _, s := range sources {
		if want, known := costs[s.ProviderID+s.ProviderService]; known && s.GoneAt.IsZero() && s.Cost != want {
			r.Fatalf("source %+v costs %s", s, want)
		}
	}
}

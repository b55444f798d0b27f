package catalog_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// sourcesOf returns a service's sources as text, the first choice first.
func sourcesOf(t *testing.T, d *db.DB, serviceID int64) (all []string) {
	t.Helper()
	sources, err := catalog.NewStore(d).Sources(t.Context(), serviceID)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range sources {
		if s.Preference != int64(i+1) {
			t.Errorf("source %d is choice %d", i, s.Preference)
		}
		text := s.ProviderService
		if !s.GoneAt.IsZero() {
			text += " gone"
		}
		all = append(all, text)
	}
	return all
}

func addSource(t *testing.T, d *db.DB, serviceID int64, providerID, there string, preference int64) {
	t.Helper()
	err := catalog.NewStore(d).AddSource(t.Context(), catalog.ServiceSource{
		ServiceID: serviceID, ProviderID: providerID, ProviderService: there, Preference: preference, Cost: unit / 4,
	}, staff)
	if err != nil {
		t.Fatal(err)
	}
}

// Sources are added, moved and removed; their preferences stay 1, 2, 3 and their
// service keeps one at least.
func TestSourcesInOrderOfPreference(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, first string) {
		store, second := catalog.NewStore(d), newProvider(t, d)
		imported(t, d, first, offers("a", "other"))
		serviceID := byNumber(t, d, first)["a"].ID
		want := func(all ...string) {
			t.Helper()
			if got := sourcesOf(t, d, serviceID); !slices.Equal(got, all) {
				t.Errorf("sources %v, want %v", got, all)
			}
		}
		before := catalogEpoch(t, d)
		addSource(t, d, serviceID, second, "b", 0)
		addSource(t, d, serviceID, second, "c", 1)
		addSource(t, d, serviceID, second, "d", 99)
		want("c", "a", "b", "d")
		if moved := catalogEpoch(t, d) - before; moved != 3 {
			t.Errorf("the epoch moved by %d", moved)
		}
		if err := store.PreferSource(t.Context(), serviceID, second, "d", 2, staff); err != nil {
			t.Error(err)
		}
		if err := store.PreferSource(t.Context(), serviceID, first, "", 99, staff); err != nil {
			t.Error(err)
		}
		want("c", "d", "b", "a")
		if action, target, detail := logged(t, d); action != "service.source.prefer" || target != strconv.FormatInt(serviceID, 10) || !strings.Contains(detail, "choice 4") {
			t.Errorf("the log says %s of %s: %s", action, target, detail)
		}
		for name, c := range map[string]struct {
			err  error
			code fault.Code
		}{
			"taken":     {store.AddSource(t.Context(), catalog.ServiceSource{ServiceID: serviceID, ProviderID: first, ProviderService: "other"}, staff), fault.Conflict},
			"its own":   {store.AddSource(t.Context(), catalog.ServiceSource{ServiceID: serviceID, ProviderID: first, ProviderService: "a"}, staff), fault.Conflict},
			"no number": {store.AddSource(t.Context(), catalog.ServiceSource{ServiceID: serviceID, ProviderID: first}, staff), fault.Invalid},
			"negative":  {store.AddSource(t.Context(), catalog.ServiceSource{ServiceID: serviceID, ProviderID: first, ProviderService: "z", Cost: -1}, staff), fault.Invalid},
			"nobody":    {store.AddSource(t.Context(), catalog.ServiceSource{ServiceID: 99, ProviderID: first, ProviderService: "z"}, staff), fault.NotFound},
			"several":   {store.RemoveSource(t.Context(), serviceID, second, "", staff), fault.Invalid},
			"none":      {store.RemoveSource(t.Context(), serviceID, second, "z", staff), fault.NotFound},
			"zeroth":    {store.PreferSource(t.Context(), serviceID, first, "", 0, staff), fault.Invalid},
		} {
			if !fault.Is(c.err, c.code) {
				t.Errorf("%s: %v, want %s", name, c.err, c.code)
			}
		}
		for _, there := range []string{"c", "d", "b"} {
			if err := store.RemoveSource(t.Context(), serviceID, second, there, staff); err != nil {
				t.Error(err)
			}
		}
		want("a")
		if err := store.RemoveSource(t.Context(), serviceID, first, "a", staff); !fault.Is(err, fault.Conflict) {
			t.Errorf("the last one: %v", err)
		}
		feedHolds(t, d)
	})
}

// A service is sold as long as any source is listed, on the terms of the first
// that is; what it is called is its first choice's matter alone.
func TestSeveralSourcesStandInForEachOther(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, first string) {
		second := newProvider(t, d)
		imported(t, d, first, offers("a"))
		serviceID := byNumber(t, d, first)["a"].ID
		addSource(t, d, serviceID, second, "b", 0)
		service := func() catalog.Service {
			t.Helper()
			all := list(t, d)
			if len(all) != 1 {
				t.Fatalf("%d services", len(all))
			}
			return *all[0]
		}
		from := func(providerID string, all ...catalog.Offer) catalog.Taken {
			t.Helper()
			return take(t, d, catalog.Intake{ProviderID: providerID, Offers: all, KnownOnly: true})
		}
		stand := offer("b")
		stand.Name, stand.Min, stand.Rate, stand.Cost = "Theirs", 50, 4*unit, 2*unit
		if taken := from(second, stand); taken.Changed != 1 || service().Rate != unit || service().Min != 10 {
			t.Errorf("a second choice sets the terms: %+v", taken)
		}
		if taken := from(first); taken.Paused != 0 || service().State != catalog.Active || service().Source.ProviderID != second {
			t.Errorf("the first is gone: %+v, %+v", taken, service())
		}
		from(second, stand)
		if v := service(); v.Rate != 4*unit || v.Min != 50 || v.Name != "Service a" {
			t.Errorf("the second leads: %+v", v)
		}
		if taken := from(second); taken.Paused != 1 || service().PauseReason == "" {
			t.Errorf("both are gone: %+v", taken)
		}
		if taken := from(second, stand); taken.Resumed != 1 || service().State != catalog.Active {
			t.Errorf("the second is back: %+v", taken)
		}
		from(first, offer("a"))
		if v := service(); v.Rate != unit || v.Min != 10 || v.Source.ProviderID != first {
			t.Errorf("the first is back: %+v", v)
		}
		other := stand
		other.Type = catalog.Poll
		from(second, other)
		if got := sourcesOf(t, d, serviceID); !slices.Equal(got, []string{"a", "b gone"}) || service().Type != catalog.Default {
			t.Errorf("a second choice of another type: %v", got)
		}
	})
}

// A service that waits for a source is sold when it gets one, and is paused when
// its last one that is listed is taken away.
func TestSourceThatComesOrGoesMovesTheService(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, first string) {
		second := newProvider(t, d)
		imported(t, d, first, offers("a"))
		serviceID := byNumber(t, d, first)["a"].ID
		imported(t, d, first, nil)
		addSource(t, d, serviceID, second, "b", 0)
		if v := list(t, d)[0]; v.State != catalog.Active || v.Source.ProviderID != second {
			t.Errorf("it has a source: %+v", v)
		}
		if err := catalog.NewStore(d).RemoveSource(t.Context(), serviceID, second, "", staff); err != nil {
			t.Error(err)
		}
		if v := list(t, d)[0]; v.State != catalog.Paused {
			t.Errorf("it has none any more: %+v", v)
		}
		set(t, d, serviceID, catalog.Change{State: new(catalog.Retired)})
		addSource(t, d, serviceID, second, "b", 0)
		if v := list(t, d)[0]; v.State != catalog.Retired {
			t.Errorf("a retired one: %+v", v)
		}
		feedHolds(t, d)
	})
}

// A source to which orders wait to be sent can't be taken away; one whose orders
// have ended can.
func TestSourceWithWaitingOrdersStays(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example/api/v2", 10*unit)
		addSource(t, d, f.Service.ID, newProvider(t, d), "b", 0)
		o := f.Place("r", "https://example.com/a", 100)
		err := catalog.NewStore(d).RemoveSource(t.Context(), f.Service.ID, f.Provider.ID, "", staff)
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), ": 1.") {
			t.Errorf("an order waits: %v", err)
		}
		f.Write(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE orders SET state = 'processing', due_at = NULL WHERE id = $1`, o.ID)
			return err
		})
		if err := catalog.NewStore(d).RemoveSource(t.Context(), f.Service.ID, f.Provider.ID, "", staff); err != nil {
			t.Errorf("it runs: %v", err)
		}
	})
}

// Orders that are placed while a sync changes prices are each sold at a price of
// the feed, and none is refused for the sync.
func TestSyncWhileOrdersArePlaced(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, "https://provider.example/api/v2", 1000*unit)
		rates := map[money.Amount]bool{ordertest.Rate: true}
		var lists [][]catalog.Offer
		for i := range money.Amount(30) {
			all := offers("x", "y", "z", "101")
			all[3].Cost, all[3].Rate, all[3].Min, all[3].Max = unit+i, 2*unit+i, ordertest.Min, ordertest.Max
			rates[all[3].Rate] = true
			lists = append(lists, all)
		}
		var both sync.WaitGroup
		both.Go(func() {
			for _, all := range lists {
				if _, err := catalog.NewStore(d).Take(t.Context(), catalog.Intake{ProviderID: f.Provider.ID, Offers: all}, staff); err != nil {
					t.Error(err)
				}
			}
		})
		for i := range 40 {
			o := f.Place(fmt.Sprint("r", i), fmt.Sprint("https://example.com/", i), 1000)
			if !rates[o.Rate] || o.Charge != o.Rate || o.Rate-o.Cost != unit {
				t.Errorf("sold at %s for %s, cost %s", o.Rate, o.Charge, o.Cost)
			}
		}
		both.Wait()
		feedHolds(t, d)
	})
}

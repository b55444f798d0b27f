package catalog_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	unit  = money.Unit
	staff = "cli:root"
)

// each runs test on each engine with a provider.
func each(t *testing.T, test func(t *testing.T, d *db.DB, providerID string)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		test(t, d, newProvider(t, d))
	})
}

func newProvider(t *testing.T, d *db.DB) string {
	t.Helper()
	providerID := id.New(id.Provider)
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO providers (id, name, url, key_sealed, state, created_at)
			VALUES ($1, $2, 'https://example.com', '', 'active', $3)`, providerID, providerID, db.At(tx.Now))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return providerID
}

// offer is a provider's service with that number.
func offer(number string) catalog.Offer {
	return catalog.Offer{
		ProviderService: number, Category: "Followers", Name: "Service " + number, Type: catalog.Default,
		Description: "Starts at once", Cost: unit / 2, Rate: unit, Min: 10, Max: 1000, Cancel: true,
	}
}

func offers(numbers ...string) (all []catalog.Offer) {
	for _, n := range numbers {
		all = append(all, offer(n))
	}
	return all
}

func imported(t *testing.T, d *db.DB, providerID string, all []catalog.Offer) catalog.Imported {
	t.Helper()
	done, err := catalog.NewStore(d).Import(t.Context(), providerID, all, staff)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func list(t *testing.T, d *db.DB) []*catalog.Service {
	t.Helper()
	all, err := catalog.NewStore(d).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// byNumber returns the services of a provider by their number there.
func byNumber(t *testing.T, d *db.DB, providerID string) map[string]*catalog.Service {
	t.Helper()
	all := map[string]*catalog.Service{}
	for _, v := range list(t, d) {
		if v.Source.ProviderID == providerID {
			all[v.Source.ProviderService] = v
		}
	}
	return all
}

func catalogEpoch(t *testing.T, d *db.DB) int64 {
	t.Helper()
	e, err := epoch.NewReader(d).Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e.Catalog
}

// logged returns the newest row of the audit log, whose chain must hold.
func logged(t *testing.T, d *db.DB) (action, target, detail string) {
	t.Helper()
	if _, err := account.VerifyLog(t.Context(), d, func(text string) { t.Error(text) }); err != nil {
		t.Error(err)
	}
	err := d.Read(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT action, target, detail FROM audit_log ORDER BY seq DESC LIMIT 1`).Scan(&action, &target, &detail)
	})
	if err != nil {
		t.Error(err)
	}
	return action, target, detail
}

func set(t *testing.T, d *db.DB, serviceID int64, c catalog.Change) *catalog.Service {
	t.Helper()
	v, err := catalog.NewStore(d).Set(t.Context(), serviceID, c, staff)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A provider's list becomes services that are sold, as it says and in its order,
// and every node is told.
func TestImportAdds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		all := offers("7", "12", "a-3")
		all[1].Category, all[1].Cancel, all[1].Min, all[1].Max, all[1].Rate, all[1].Cost = "Likes", false, 1, 1<<40, 0, 0
		all[2].Name, all[2].Description = "it's 世界", ""
		before := catalogEpoch(t, d)
		if done := imported(t, d, providerID, all); done != (catalog.Imported{Added: 3}) {
			t.Errorf("imported %+v", done)
		}
		if catalogEpoch(t, d) == before {
			t.Error("the epoch did not move")
		}
		if action, target, detail := logged(t, d); action != "provider.import" || target != providerID || !strings.Contains(detail, "3 added") {
			t.Errorf("the log says %s of %s: %s", action, target, detail)
		}
		got := list(t, d)
		if len(got) != 3 {
			t.Fatalf("%d services", len(got))
		}
		// By category in the order in which they came, then as listed.
		for i, o := range []catalog.Offer{all[0], all[2], all[1]} {
			want := catalog.Service{
				ID: got[i].ID, CategoryID: got[i].CategoryID, Category: o.Category, Name: o.Name, Type: o.Type, Description: o.Description, Rate: o.Rate,
				Min: o.Min, Max: o.Max, Increment: 1, Cancel: o.Cancel, State: catalog.Active,
				RefillMost: 3, LinkForm: catalog.FormQuery, Overlap: catalog.OverlapAllow,
				Source: catalog.Source{
					Preference: 1, ProviderID: providerID, ProviderService: o.ProviderService, Cost: o.Cost, Exchange: 1_000_000_000,
				},
			}
			if diff := cmp.Diff(&want, got[i]); diff != "" || want.ID < 1 {
				t.Errorf("service %d: %s", i, diff)
			}
		}
	})
}

// A second import changes what is different under the numbers that customers
// know, and adds nothing twice.
func TestImportChangesWhatIsDifferent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1", "2", "3", "4", "5", "6", "7", "8", "9"))
		before := byNumber(t, d, providerID)
		all := offers("9", "1", "2", "3", "4", "5", "6", "7", "8", "10")
		for i, change := range []func(*catalog.Offer){
			func(o *catalog.Offer) { o.Category = "Likes" },
			func(o *catalog.Offer) { o.Name = "Another name" },
			func(o *catalog.Offer) { o.Description = "Slow" },
			func(o *catalog.Offer) { o.Cost++ },
			func(o *catalog.Offer) { o.Rate++ },
			func(o *catalog.Offer) { o.Min = 11 },
			func(o *catalog.Offer) { o.Max = 999 },
			func(o *catalog.Offer) { o.Cancel = false },
		} {
			change(&all[i+1])
		}
		if done := imported(t, d, providerID, all); done != (catalog.Imported{Added: 1, Changed: 8}) {
			t.Errorf("imported %+v", done)
		}
		after := byNumber(t, d, providerID)
		for _, o := range all[:9] {
			want := *before[o.ProviderService]
			want.Category, want.Name, want.Description, want.Rate = o.Category, o.Name, o.Description, o.Rate
			want.Min, want.Max, want.Cancel, want.Source.Cost = o.Min, o.Max, o.Cancel, o.Cost
			want.CategoryID = after[o.ProviderService].CategoryID
			if got := *after[o.ProviderService]; !cmp.Equal(got, want) {
				t.Errorf("service %s is %+v, want %+v", o.ProviderService, got, want)
			}
		}
		if done := imported(t, d, providerID, all); done != (catalog.Imported{}) {
			t.Errorf("the same list again: %+v", done)
		}
	})
}

// A service that vanished from the list is paused and comes back with it. What
// the operator paused or retired is the operator's, before and after.
func TestImportPausesAndResumesOnlyItsOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		all := offers("stays", "vanishes", "paused", "retired", "paused while gone")
		imported(t, d, providerID, all)
		numbers := byNumber(t, d, providerID)
		set(t, d, numbers["paused"].ID, catalog.Change{State: new(catalog.Paused)})
		set(t, d, numbers["retired"].ID, catalog.Change{State: new(catalog.Retired)})

		want := func(done, wantDone catalog.Imported, states map[string]catalog.State) {
			t.Helper()
			if done != wantDone {
				t.Errorf("imported %+v, want %+v", done, wantDone)
			}
			for number, v := range byNumber(t, d, providerID) {
				if v.State != states[number] {
					t.Errorf("%s is %s, want %s", number, v.State, states[number])
				}
			}
		}
		want(imported(t, d, providerID, all[:1]), catalog.Imported{Paused: 2}, map[string]catalog.State{
			"stays": catalog.Active, "vanishes": catalog.Paused, "paused": catalog.Paused,
			"retired": catalog.Retired, "paused while gone": catalog.Paused,
		})
		if reason := byNumber(t, d, providerID)["vanishes"].PauseReason; reason == "" {
			t.Error("nobody says why the service is paused")
		}
		want(imported(t, d, providerID, all[:1]), catalog.Imported{}, map[string]catalog.State{
			"stays": catalog.Active, "vanishes": catalog.Paused, "paused": catalog.Paused,
			"retired": catalog.Retired, "paused while gone": catalog.Paused,
		})
		set(t, d, numbers["paused while gone"].ID, catalog.Change{State: new(catalog.Paused)})
		want(imported(t, d, providerID, all), catalog.Imported{Resumed: 1}, map[string]catalog.State{
			"stays": catalog.Active, "vanishes": catalog.Active, "paused": catalog.Paused,
			"retired": catalog.Retired, "paused while gone": catalog.Paused,
		})
		if reason := byNumber(t, d, providerID)["vanishes"].PauseReason; reason != "" {
			t.Errorf("it is sold again and still says %q", reason)
		}
	})
}

// Of a number that a list has twice the first entry stands, near or far.
func TestImportTakesTheFirstOfANumber(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		var all []catalog.Offer
		for i := range 300 {
			all = append(all, offer(strconv.Itoa(i)))
		}
		again := offer("0")
		again.Name, again.Rate = "again", 99*unit
		all = slices.Concat(all[:1], []catalog.Offer{again}, all[1:], []catalog.Offer{again})
		for _, want := range []catalog.Imported{{Added: 300}, {}} {
			if done := imported(t, d, providerID, all); done != want {
				t.Errorf("imported %+v, want %+v", done, want)
			}
		}
		if v := byNumber(t, d, providerID)["0"]; v.Name != "Service 0" || v.Rate != unit {
			t.Errorf("it is %+v", v)
		}
	})
}

// Two providers that use the same numbers, imported at the same time on two
// nodes, know nothing of each other.
func TestImportsOfTwoProviders(t *testing.T) {
	t.Parallel()
	const services = 300
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			nodes := []*db.DB{dbtest.Connect(t, url), dbtest.Connect(t, url)}
			providers := []string{newProvider(t, nodes[0]), newProvider(t, nodes[0])}
			var all []catalog.Offer
			for i := range services {
				all = append(all, offer(strconv.Itoa(i)))
			}
			var both sync.WaitGroup
			for i, d := range nodes {
				both.Go(func() {
					done, err := catalog.NewStore(d).Import(t.Context(), providers[i], all, staff)
					if err != nil || done != (catalog.Imported{Added: services}) {
						t.Errorf("imported %+v, %v", done, err)
					}
				})
			}
			both.Wait()
			if done := imported(t, nodes[1], providers[1], nil); done != (catalog.Imported{Paused: services}) {
				t.Errorf("an empty list: %+v", done)
			}
			seen := map[int64]bool{}
			for _, v := range list(t, nodes[0]) {
				seen[v.ID] = true
				if want := map[string]catalog.State{providers[0]: catalog.Active, providers[1]: catalog.Paused}; v.State != want[v.Source.ProviderID] {
					t.Errorf("%d of %s is %s", v.ID, v.Source.ProviderID, v.State)
				}
			}
			if len(seen) != 2*services {
				t.Errorf("%d services, want %d", len(seen), 2*services)
			}
		})
	}
}

// Terms that can't be sold by are refused and change nothing.
func TestSetRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1"))
		v := *byNumber(t, d, providerID)["1"]
		before := catalogEpoch(t, d)
		_, _, lastLogged := logged(t, d)
		for name, c := range map[string]catalog.Change{
			"nothing":          {},
			"an empty name":    {Name: new(" \t")},
			"a negative rate":  {Rate: new(money.Amount(-1))},
			"min of zero":      {Min: new(int64(0))},
			"min above max":    {Min: new(int64(1001))},
			"max below min":    {Max: new(int64(9))},
			"increment of 0":   {Increment: new(int64(0))},
			"an unknown state": {State: new(catalog.State("gone"))},
			"no state":         {State: new(catalog.State(""))},
			"one of two":       {Name: new("Fine"), Rate: new(money.Amount(-1))},
		} {
			if _, err := catalog.NewStore(d).Set(t.Context(), v.ID, c, staff); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v, want Invalid", name, err)
			}
		}
		if _, err := catalog.NewStore(d).Set(t.Context(), v.ID+1, catalog.Change{Name: new("x")}, staff); !fault.Is(err, fault.NotFound) {
			t.Errorf("a service nobody knows: %v, want NotFound", err)
		}
		_, _, nowLogged := logged(t, d)
		if got := *byNumber(t, d, providerID)["1"]; !cmp.Equal(got, v) || catalogEpoch(t, d) != before || nowLogged != lastLogged {
			t.Errorf("a refusal changed something: %+v", got)
		}
	})
}

// Two people who change different things of one service at the same time, on two
// nodes, both get what they asked for.
func TestSetsAtTheSameTimeAllCount(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			nodes := []*db.DB{dbtest.Connect(t, url), dbtest.Connect(t, url)}
			providerID := newProvider(t, nodes[0])
			imported(t, nodes[0], providerID, offers("1"))
			v := byNumber(t, nodes[0], providerID)["1"]
			for i := range int64(20) {
				var all sync.WaitGroup
				for n, c := range []catalog.Change{
					{Rate: new(money.Amount(i + 1))}, {Min: new(i + 1)}, {Max: new(1000 + i)}, {Name: new(fmt.Sprint("Name ", i))},
				} {
					all.Go(func() {
						if _, err := catalog.NewStore(nodes[n%2]).Set(t.Context(), v.ID, c, staff); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
				got := byNumber(t, nodes[0], providerID)["1"]
				if got.Rate != money.Amount(i+1) || got.Min != i+1 || got.Max != 1000+i || got.Name != fmt.Sprint("Name ", i) {
					t.Fatalf("change %d was lost: %+v", i, got)
				}
			}
		})
	}
}

// A service is sold within its limits and in its steps; what is paused or retired
// is not sold at all.
func TestSnapshotSellsWhatIsActive(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("active", "paused", "retired"))
		numbers := byNumber(t, d, providerID)
		set(t, d, numbers["paused"].ID, catalog.Change{State: new(catalog.Paused)})
		set(t, d, numbers["retired"].ID, catalog.Change{State: new(catalog.Retired)})
		set(t, d, numbers["active"].ID, catalog.Change{Increment: new(int64(5))})
		var whole, some *catalog.Snapshot
		err := d.Read(t.Context(), func(tx *db.Tx) (err error) {
			if whole, err = catalog.Load(tx); err != nil {
				return err
			}
			some, err = catalog.LoadSome(tx, []int64{numbers["active"].ID, numbers["paused"].ID, 1 << 40})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(whole.Services) != 3 || len(some.Services) != 2 || whole.Epoch != catalogEpoch(t, d) || some.Epoch != whole.Epoch {
			t.Errorf("%d and %d services at %d and %d", len(whole.Services), len(some.Services), whole.Epoch, some.Epoch)
		}
		for _, s := range []*catalog.Snapshot{whole, some} {
			for number, v := range numbers {
				if got, sold := s.Service(v.ID); sold != (number == "active") || sold && got.ID != v.ID || !sold && got != nil {
					t.Errorf("%s is sold: %v, as %+v", number, sold, got)
				}
			}
		}
		v, _ := whole.Service(numbers["active"].ID)
		for quantity, takes := range map[int64]bool{-5: false, 0: false, 5: false, 10: true, 11: false, 15: true, 1000: true, 1005: false} {
			if v.Takes(quantity) != takes {
				t.Errorf("it takes %d: %v", quantity, !takes)
			}
		}
		if got := v.Limits(); got != "between 10 and 1000 in steps of 5" {
			t.Errorf("its limits are %s", got)
		}
	})
}

package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// contents are all rows that an import may touch, as text.
func contents(t testing.TB, d *db.DB) (rows []string) {
	t.Helper()
	err := d.Read(context.Background(), func(tx *db.Tx) error {
		for _, q := range []string{
			`SELECT 'epoch', auth, catalog, '', '' FROM epochs`,
			`SELECT 'category', position, 0, id, name FROM categories ORDER BY id`,
			`SELECT 'service', id, rate, name, state || pause_reason || pinned || min_quantity || max_quantity FROM services ORDER BY id`,
			`SELECT 'source', service_id, cost, provider_service, CASE WHEN gone_at IS NULL THEN 'listed' ELSE 'gone' END FROM sources ORDER BY service_id, preference`,
			`SELECT 'change', seq, service_id, field, after FROM catalog_changes ORDER BY seq`,
			`SELECT 'act', seq, at, action, detail FROM audit_log ORDER BY seq`,
			`SELECT 'provider', COALESCE(markup, -1), COALESCE(synced_at, -1), currency, alarm FROM providers ORDER BY id`,
			`SELECT 'exchange', rate, updated_at, currency, '' FROM exchange_rates ORDER BY currency`,
		} {
			err := tx.Each(func(r db.Scanner) error {
				var what, c, e string
				var a, b int64
				err := r.Scan(&what, &a, &b, &c, &e)
				rows = append(rows, fmt.Sprintln(what, a, b, c, e))
				return err
			}, q)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// feedHolds proves the change feed: each row goes on where the one before it of
// the same field ended, and the last says what is sold now. A new service is one
// row, its state.
func feedHolds(t testing.TB, d *db.DB) {
	t.Helper()
	said := map[string]string{}
	err := d.Read(context.Background(), func(tx *db.Tx) error {
		next := int64(1)
		err := tx.Each(func(r db.Scanner) error {
			var seq, serviceID int64
			var field, before, after string
			if err := r.Scan(&seq, &serviceID, &field, &before, &after); err != nil {
				return err
			}
			key := fmt.Sprint(serviceID, " ", field)
			first := said[key] == "" && field != "state" // of a new service the feed says only that it is there
			if seq != next || said[key] != before && !first || before == after {
				t.Errorf("change %d of %s goes from %q to %q, before it was %q", seq, key, before, after, said[key])
			}
			said[key], next = after, seq+1
			return nil
		}, `SELECT seq, service_id, field, before, after FROM catalog_changes ORDER BY seq`)
		if err != nil {
			return err
		}
		all, err := catalog.Load(tx)
		if err != nil {
			return err
		}
		for _, v := range all.Services {
			for field, now := range map[string]string{
				"state": string(v.State), "rate": v.Rate.String(), "min": strconv.FormatInt(v.Min, 10), "max": strconv.FormatInt(v.Max, 10),
				"name": v.Name, "category": v.Category, "type": string(v.Type), "refill_days": strconv.FormatInt(v.RefillDays, 10),
			} {
				if last, told := said[fmt.Sprint(v.ID, " ", field)]; last != now && (told || field == "state") {
					t.Errorf("%s of service %d is %q, the feed says %q", field, v.ID, now, last)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, d *db.DB, in catalog.Intake) catalog.Taken {
	t.Helper()
	taken, err := catalog.NewStore(d).Take(t.Context(), in, staff)
	if err != nil {
		t.Fatal(err)
	}
	feedHolds(t, d)
	return taken
}

// A preview tells what an import then does, field by field, and leaves no trace
// of itself in any table.
func TestPreviewTellsTheImportAndWritesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("same", "dearer", "vanishes", "back", "pinned"))
		imported(t, d, providerID, offers("same", "dearer", "vanishes", "pinned"))
		numbers := byNumber(t, d, providerID)
		if _, err := catalog.NewStore(d).Pin(t.Context(), numbers["pinned"].ID, []string{"rate"}, staff); err != nil {
			t.Fatal(err)
		}
		all := offers("same", "dearer", "back", "pinned", "new")
		all[1].Rate, all[1].Cost, all[1].Max = 2*unit, unit, 2000
		all[3].Rate, all[3].RefillDays = 9*unit, 30
		in := catalog.Intake{ProviderID: providerID, Offers: all}

		before := contents(t, d)
		preview, err := catalog.NewStore(d).Preview(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if after := contents(t, d); !slices.Equal(before, after) {
			t.Errorf("a preview changed something: %s", cmp.Diff(before, after))
		}
		want := []catalog.Difference{
			{Kind: "changed", ProviderService: "dearer", Fields: []catalog.FieldChange{
				{Field: "rate", Before: "1.00", After: "2.00"}, {Field: "max", Before: "1000", After: "2000"}, {Field: "cost", Before: "0.50", After: "1.00"},
			}},
			{Kind: "resumed", ProviderService: "back", Fields: []catalog.FieldChange{
				{Field: "source", Before: "gone", After: "listed"}, {Field: "state", Before: "paused", After: "active"},
			}},
			{Kind: "changed", ProviderService: "pinned", Fields: []catalog.FieldChange{{Field: "refill_days", Before: "0", After: "30"}}},
			{Kind: "added", ProviderService: "new"},
			{Kind: "paused", ProviderService: "vanishes", Reason: "the provider no longer lists it", Fields: []catalog.FieldChange{
				{Field: "source", Before: "listed", After: "gone"}, {Field: "state", Before: "active", After: "paused"},
			}},
		}
		for i := range want {
			want[i].Name = "Service " + want[i].ProviderService
			if want[i].Kind == "added" {
				want[i].Fields = preview.Differences[i].Fields
				continue
			}
			want[i].Service = numbers[want[i].ProviderService].ID
		}
		if diff := cmp.Diff(want, preview.Differences); diff != "" {
			t.Error(diff)
		}
		taken := take(t, d, in)
		if taken.Differences[3].Service == 0 {
			t.Error("a service that was added has no number")
		}
		taken.Differences[3].Service = 0
		if diff := cmp.Diff(preview, taken); diff != "" || taken.Imported != (catalog.Imported{Added: 1, Changed: 2, Paused: 1, Resumed: 1}) {
			t.Errorf("the import did otherwise than its preview said: %s", diff)
		}
		if again := take(t, d, in); len(again.Differences) != 0 {
			t.Errorf("a second import changes %+v", again.Differences)
		}
	})
}

// A list that says what is known already writes nothing: no node reads the
// catalogue again for it.
func TestImportOfTheSameListMovesNoEpoch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1", "2"))
		before := catalogEpoch(t, d)
		take(t, d, catalog.Intake{ProviderID: providerID, Offers: offers("2", "1"), KnownOnly: true})
		if got := catalogEpoch(t, d); got != before {
			t.Errorf("the epoch moved by %d", got-before)
		}
	})
}

// Each field follows the provider until it is pinned, and again when it is not.
func TestPinnedFieldsStay(t *testing.T) {
	t.Parallel()
	changes := map[string]func(*catalog.Offer){
		"name":        func(o *catalog.Offer) { o.Name = "Other" },
		"category":    func(o *catalog.Offer) { o.Category = "Other" },
		"description": func(o *catalog.Offer) { o.Description = "Other" },
		"type":        func(o *catalog.Offer) { o.Type = catalog.Poll },
		"rate":        func(o *catalog.Offer) { o.Rate = 7 * unit },
		"min":         func(o *catalog.Offer) { o.Min = 20 },
		"max":         func(o *catalog.Offer) { o.Max = 500 },
		"increment":   func(o *catalog.Offer) { o.Increment = 5 },
		"dripfeed":    func(o *catalog.Offer) { o.Dripfeed = true },
		"refill":      func(o *catalog.Offer) { o.Refill = true },
		"refill_days": func(o *catalog.Offer) { o.RefillDays = 30 },
		"cancel":      func(o *catalog.Offer) { o.Cancel = false },
	}
	for _, name := range catalog.Followed() {
		if changes[name] == nil && name != "state" {
			t.Errorf("%s is not tested", name)
		}
	}
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		store := catalog.NewStore(d)
		imported(t, d, providerID, offers("1"))
		pristine := *byNumber(t, d, providerID)["1"]
		for name, change := range changes {
			if _, err := store.Pin(t.Context(), pristine.ID, []string{name}, staff); err != nil {
				t.Fatal(err)
			}
			one := offer("1")
			change(&one)
			if taken := take(t, d, catalog.Intake{ProviderID: providerID, Offers: []catalog.Offer{one}}); len(taken.Differences) != 0 {
				t.Errorf("%s is pinned and changed: %+v", name, taken.Differences)
			}
			v, err := store.Follow(t.Context(), pristine.ID, []string{name}, staff)
			if err != nil || len(v.Pinned) != 0 {
				t.Fatalf("%+v, %v", v, err)
			}
			taken := take(t, d, catalog.Intake{ProviderID: providerID, Offers: []catalog.Offer{one}})
			if len(taken.Differences) != 1 || len(taken.Differences[0].Fields) != 1 || taken.Differences[0].Fields[0].Field != name {
				t.Errorf("%s follows again: %+v", name, taken.Differences)
			}
			imported(t, d, providerID, offers("1"))
		}
		if _, err := store.Pin(t.Context(), pristine.ID, []string{"state"}, staff); err != nil {
			t.Fatal(err)
		}
		if done := imported(t, d, providerID, nil); done != (catalog.Imported{}) || byNumber(t, d, providerID)["1"].State != catalog.Active {
			t.Errorf("its state is pinned: %+v", done)
		}
		for _, fields := range [][]string{nil, {"link"}, {"rate", "Rate"}} {
			if _, err := store.Pin(t.Context(), pristine.ID, fields, staff); !fault.Is(err, fault.Invalid) {
				t.Errorf("pin %v: %v", fields, err)
			}
		}
		if _, err := store.Follow(t.Context(), pristine.ID+1, []string{"rate"}, staff); !fault.Is(err, fault.NotFound) {
			t.Errorf("a service nobody knows: %v", err)
		}
	})
}

// Limits of which one is pinned never turn around: what can't be ordered is not sold.
func TestPinnedLimitThatNoLongerFitsPauses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1"))
		v := byNumber(t, d, providerID)["1"]
		if _, err := catalog.NewStore(d).Pin(t.Context(), v.ID, []string{"min"}, staff); err != nil {
			t.Fatal(err)
		}
		low := offers("1")
		low[0].Min, low[0].Max = 1, 5
		if done := imported(t, d, providerID, low); done.Paused != 1 {
			t.Errorf("imported %+v", done)
		}
		if got := byNumber(t, d, providerID)["1"]; got.Min != 10 || got.Max != 1000 || !strings.Contains(got.PauseReason, "pinned") {
			t.Errorf("it is %+v", got)
		}
		if done := imported(t, d, providerID, offers("1")); done != (catalog.Imported{Resumed: 1}) {
			t.Errorf("it fits again: %+v", done)
		}
	})
}

// A service's own mark-up goes before its provider's, at once and with each import.
func TestMarkupOfItsOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		store := catalog.NewStore(d)
		imported(t, d, providerID, offers("1", "2"))
		numbers := byNumber(t, d, providerID)
		half := money.Percent(50 * unit)
		v, err := store.SetMarkup(t.Context(), numbers["1"].ID, &half, staff)
		if err != nil || v.Rate != unit*3/4 {
			t.Fatalf("%+v, %v", v, err)
		}
		feedHolds(t, d)
		dearer := offers("1", "2")
		dearer[0].Cost, dearer[1].Cost = unit, unit
		imported(t, d, providerID, dearer)
		after := byNumber(t, d, providerID)
		if after["1"].Rate != unit*3/2 || after["2"].Rate != unit {
			t.Errorf("rates %s and %s", after["1"].Rate, after["2"].Rate)
		}
		if _, err := store.SetMarkup(t.Context(), numbers["1"].ID, new(money.Percent(-1)), staff); !fault.Is(err, fault.Invalid) {
			t.Errorf("a mark-up below zero: %v", err)
		}
	})
}

// A price that nobody is sure of is shown and not sold, until somebody is.
func TestUnclearPriceIsImportedPaused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		all := offers("1")
		all[0].Type, all[0].PriceUnclear = catalog.Package, true
		taken := take(t, d, catalog.Intake{ProviderID: providerID, Offers: all})
		v := byNumber(t, d, providerID)["1"]
		if taken.Added != 1 || v.State != catalog.Paused || !strings.Contains(v.PauseReason, "package price") {
			t.Errorf("%+v, %+v", taken, v)
		}
		all[0].PriceUnclear = false
		if done := imported(t, d, providerID, all); done != (catalog.Imported{Resumed: 1}) {
			t.Errorf("now it is known: %+v", done)
		}
	})
}

// A part of a list, and a list of which only what is known is wanted, say nothing
// of the rest.
func TestPartOfAListPausesNothingAndKnownOnlyAddsNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1", "2"))
		part := take(t, d, catalog.Intake{ProviderID: providerID, Offers: offers("1", "3"), Part: true})
		if part.Imported != (catalog.Imported{Added: 1}) {
			t.Errorf("a part: %+v", part.Imported)
		}
		known := take(t, d, catalog.Intake{ProviderID: providerID, Offers: offers("2", "3", "4", "5"), KnownOnly: true})
		if known.Imported != (catalog.Imported{Paused: 1}) || known.NotSold != 2 {
			t.Errorf("known only: %+v", known)
		}
	})
}

// Of a guarded list nothing is paused when more than a fifth, and three at least,
// vanish at once; a person's word holds for the number that it names.
func TestGuardedListThatShrankPausesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		var all []catalog.Offer
		for i := range 20 {
			all = append(all, offer(strconv.Itoa(i)))
		}
		imported(t, d, providerID, all)
		guarded := func(left, mayVanish int) catalog.Taken {
			return take(t, d, catalog.Intake{ProviderID: providerID, Offers: all[:left], Guarded: true, MayVanish: mayVanish})
		}
		if taken := guarded(15, 0); taken.Paused != 0 || *taken.Shrunk != (catalog.Shrunk{Vanished: 5, Listed: 20}) {
			t.Errorf("five of twenty: %+v", taken)
		}
		if taken := guarded(14, 5); taken.Paused != 0 || taken.Shrunk == nil {
			t.Errorf("six where five were accepted: %+v", taken)
		}
		if taken := guarded(16, 0); taken.Paused != 4 || taken.Shrunk != nil {
			t.Errorf("four of twenty: %+v", taken)
		}
		if taken := guarded(10, 6); taken.Paused != 6 || taken.Shrunk != nil {
			t.Errorf("six that were accepted: %+v", taken)
		}
		if taken := guarded(20, 0); taken.Resumed != 10 {
			t.Errorf("all are back: %+v", taken)
		}
	})
}

// What the provider lists in a form that can't be sold is not sold, and says why.
func TestUnsellableServiceIsPausedWithItsReason(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1", "2"))
		take(t, d, catalog.Intake{ProviderID: providerID, Offers: offers("1"), Unsellable: []string{"2", ""}})
		if v := byNumber(t, d, providerID)["2"]; v.State != catalog.Paused || !strings.Contains(v.PauseReason, "can't be sold") {
			t.Errorf("it is %+v", v)
		}
		if done := imported(t, d, providerID, offers("1", "2")); done != (catalog.Imported{Resumed: 1}) {
			t.Errorf("it is sound again: %+v", done)
		}
	})
}

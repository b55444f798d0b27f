package catalog_test

import (
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// Categories are added, renamed and ordered; a name is taken once, and a service
// that is moved to one is pinned there.
func TestCategoriesAreStaffs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		ctx, store := t.Context(), catalog.NewStore(d)
		imported(t, d, providerID, offers("1", "2"))
		added, err := store.AddCategory(ctx, " Adverts ", staff)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.AddCategory(ctx, "Adverts", staff); fault.From(err).Reason != catalog.CategoryTaken {
			t.Errorf("the same name again: %v", err)
		}
		v := byNumber(t, d, providerID)["1"]
		if _, err := store.Set(ctx, v.ID, catalog.Change{Category: &added}, "acc_1"); err != nil {
			t.Fatal(err)
		}
		if err := store.MoveCategory(ctx, added, true, staff); err != nil {
			t.Fatal(err)
		}
		if err := store.RenameCategory(ctx, added, "Banners", staff); err != nil {
			t.Fatal(err)
		}
		if err := store.RenameCategory(ctx, added, v.Category, staff); fault.From(err).Reason != catalog.CategoryTaken {
			t.Errorf("another's name: %v", err)
		}
		all, err := store.Categories(ctx)
		if err != nil || len(all) != 2 || all[0].Name != "Banners" {
			t.Fatalf("%+v, %v", all, err)
		}
		imported(t, d, providerID, offers("1", "2"))
		if got := byNumber(t, d, providerID)["1"]; got.Category != "Banners" {
			t.Errorf("after an import it is in %s", got.Category)
		}
		history, err := store.History(ctx, v.ID, 0, 10)
		if err != nil || len(history) == 0 || history[0].After != "Banners" || history[1].Field != "category" || history[1].After != "Adverts" || history[1].Actor != "acc_1" {
			t.Errorf("%+v, %v", history, err)
		}
		feedHolds(t, d)
	})
}

// A rate covers its cost with the mark-up, the fixed sum, the step and the least,
// and nothing of it is rounded down.
func TestPricingRoundsUp(t *testing.T) {
	t.Parallel()
	half := money.Percent(50 * unit)
	for _, c := range []struct {
		terms      catalog.Pricing
		cost, want money.Amount
	}{
		{catalog.Pricing{Markup: &half}, 1_000_001, 1_500_002},
		{catalog.Pricing{Markup: &half, More: 10}, 1_000_000, 1_500_010},
		{catalog.Pricing{Markup: &half, Step: 500_000}, 1_000_000, 1_500_000},
		{catalog.Pricing{Markup: &half, Step: 500_000}, 1_000_001, 2_000_000},
		{catalog.Pricing{Markup: &half, Least: 1_700_000, Step: 500_000}, 1_000_000, 2_000_000},
		{catalog.Pricing{Markup: &half, Least: 1_700_000}, 0, 1_700_000},
	} {
		if got, known, err := c.terms.Rate(c.cost); err != nil || !known || got != c.want {
			t.Errorf("%+v of %s is %s, want %s (%v)", c.terms, c.cost, got, c.want, err)
		}
	}
	if _, known, err := (catalog.Pricing{Least: unit}).Rate(unit); known || err != nil {
		t.Errorf("without a mark-up: %v, %v", known, err)
	}
	if _, _, err := (catalog.Pricing{Markup: &half}).Rate(money.Max); err == nil {
		t.Error("a rate beyond the most was given")
	}
}

package catalog_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

func newAccount(t *testing.T, d *db.DB, email string) account.Account {
	t.Helper()
	a, err := account.NewStore(d).Create(t.Context(), email, "a long password", account.Customer, staff)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A customer pays a rate of their own, or the list price less their tier's
// discount rounded up once; who pays the same is of one group.
func TestPriceAndGroup(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		all := offers("1", "2")
		all[0].Rate = 1_000_001
		imported(t, d, providerID, all)
		numbers := byNumber(t, d, providerID)
		one, two := numbers["1"], numbers["2"]
		a, b := newAccount(t, d, "a@example.com"), newAccount(t, d, "b@example.com")
		store, ctx := catalog.NewStore(d), t.Context()
		before := catalogEpoch(t, d)
		if err := store.SetDiscount(ctx, catalog.Discount{Tier: account.Reseller, Percent: money.Percent(10 * unit)}, staff); err != nil {
			t.Fatal(err)
		}
		if action, target, detail := logged(t, d); action != "price.tier" || target != "reseller" || detail != "0.00 % → 10.00 %" {
			t.Errorf("the log says %s of %s: %s", action, target, detail)
		}
		if _, err := store.SetOwnRate(ctx, catalog.OwnRate{AccountID: a.ID, Service: two.ID, Rate: 1}, staff); err != nil {
			t.Fatal(err)
		}
		if catalogEpoch(t, d) != before+2 {
			t.Error("not every node was told")
		}
		s := snapshot(t, d)
		price := func(v *catalog.Service, of account.Account, tier account.Tier, want money.Amount) {
			t.Helper()
			if got, err := s.Price(v, catalog.Customer{AccountID: of.ID, Tier: string(tier)}); err != nil || got != want {
				t.Errorf("service %d costs %s, %v; want %s", v.ID, got, err, want)
			}
		}
		price(one, b, account.Standard, 1_000_001)
		price(one, b, account.Reseller, 900_001)
		price(one, a, account.Reseller, 900_001)
		price(two, a, account.Reseller, 1)
		price(two, a, account.Standard, 1)
		group := func(of account.Account, tier account.Tier) catalog.Group {
			return s.Group(catalog.Customer{AccountID: of.ID, Tier: string(tier)})
		}
		if group(b, account.Standard) != group(b, account.Agency) {
			t.Error("two tiers without a discount are two groups")
		}
		if group(b, account.Standard) == group(b, account.Reseller) || group(a, account.Standard) == group(b, account.Standard) ||
			group(a, account.Standard) == group(a, account.Reseller) {
			t.Error("customers who pay differently are of one group")
		}
		if _, err := store.SetOwnRate(ctx, catalog.OwnRate{AccountID: a.ID, Service: two.ID, Rate: 2}, staff); err != nil {
			t.Fatal(err)
		}
		if action, target, detail := logged(t, d); action != "price.set" || target != a.ID || detail != fmt.Sprintf("service %d: 0.000001 → 0.000002", two.ID) {
			t.Errorf("the log says %s of %s: %s", action, target, detail)
		}
		if err := store.RemoveOwnRate(ctx, a.ID, two.ID, staff); err != nil {
			t.Fatal(err)
		}
		if action, _, detail := logged(t, d); action != "price.remove" || detail != fmt.Sprintf("service %d: 0.000002 → none", two.ID) {
			t.Errorf("the log says %s: %s", action, detail)
		}
		if s = snapshot(t, d); group(a, account.Standard) != group(b, account.Standard) {
			t.Error("an account whose own rate was removed is a group of its own")
		}
		price(two, a, account.Reseller, 900_000)
	})
}

// Prices that can't be are refused and change nothing; all that there are can be
// listed.
func TestPricesRefuseAndList(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1"))
		v, a := byNumber(t, d, providerID)["1"], newAccount(t, d, "a@example.com")
		store, ctx := catalog.NewStore(d), t.Context()
		before := catalogEpoch(t, d)
		for _, discount := range []catalog.Discount{
			{Tier: "gold", Percent: 1}, {Tier: account.Agency, Percent: -1}, {Tier: account.Agency, Percent: money.Percent(100*unit + 1)},
		} {
			if err := store.SetDiscount(ctx, discount, staff); !fault.Is(err, fault.Invalid) {
				t.Errorf("%+v: %v, want Invalid", discount, err)
			}
		}
		if _, err := store.SetOwnRate(ctx, catalog.OwnRate{AccountID: a.ID, Service: v.ID, Rate: -1}, staff); !fault.Is(err, fault.Invalid) {
			t.Errorf("a negative rate: %v", err)
		}
		if _, err := store.SetOwnRate(ctx, catalog.OwnRate{AccountID: a.ID, Service: 99, Rate: 1}, staff); !fault.Is(err, fault.NotFound) {
			t.Errorf("a service nobody knows: %v", err)
		}
		if err := store.RemoveOwnRate(ctx, a.ID, v.ID, staff); !fault.Is(err, fault.NotFound) {
			t.Errorf("a rate that is not there: %v", err)
		}
		if catalogEpoch(t, d) != before {
			t.Error("a refusal changed something")
		}
		for _, rate := range []money.Amount{1, 2} {
			if _, err := store.SetOwnRate(ctx, catalog.OwnRate{AccountID: a.ID, Service: v.ID, Rate: rate}, staff); err != nil {
				t.Fatal(err)
			}
			if err := store.SetDiscount(ctx, catalog.Discount{Tier: account.Agency, Percent: money.Percent(rate)}, staff); err != nil {
				t.Fatal(err)
			}
		}
		discounts, own, err := store.Prices(ctx)
		if err != nil || len(discounts) != 1 || discounts[0] != (catalog.Discount{Tier: account.Agency, Percent: 2}) ||
			len(own) != 1 || own[0] != (catalog.OwnRate{AccountID: a.ID, Service: v.ID, Rate: 2}) {
			t.Errorf("prices are %+v and %+v, %v", discounts, own, err)
		}
	})
}

// A discount that sells below cost is found: each service that is not retired counts.
func TestBelowCost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		all := offers("1", "2", "3")
		for i := range all {
			all[i].Cost, all[i].Rate = unit, 2*unit
		}
		all[1].Rate = 4 * unit
		imported(t, d, providerID, all)
		store, ctx := catalog.NewStore(d), t.Context()
		if _, err := store.Set(ctx, byNumber(t, d, providerID)["3"].ID, catalog.Change{State: new(catalog.Retired)}, staff); err != nil {
			t.Fatal(err)
		}
		for percent, want := range map[int64]int{0: 0, 50: 0, 51: 1, 75: 1, 100: 2} {
			if err := store.SetDiscount(ctx, catalog.Discount{Tier: account.Agency, Percent: money.Percent(money.Amount(percent) * unit)}, staff); err != nil {
				t.Fatal(err)
			}
			below, of, err := store.BelowCost(ctx, account.Agency)
			if err != nil || below != want || of != 2 {
				t.Errorf("at %d %% less %d of %d are sold below cost, %v; want %d of 2", percent, below, of, err, want)
			}
		}
		if below, _, err := store.BelowCost(ctx, account.Standard); err != nil || below != 0 {
			t.Errorf("the list price: %d below cost, %v", below, err)
		}
	})
}

// What is shown of a discount before it is set is what the tier pays once it is; what
// it sells below cost is named, what loses most first.
func TestTheEffectOfADiscountIsWhatComes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		all := offers("1", "2", "3", "4", "5")
		for i := range all {
			all[i].Cost, all[i].Rate = unit, money.Amount(2+i)*unit+1
		}
		imported(t, d, providerID, all)
		numbers := byNumber(t, d, providerID)
		store, ctx := catalog.NewStore(d), t.Context()
		for number, state := range map[string]catalog.State{"4": catalog.Retired, "2": catalog.Paused} {
			if _, err := store.Set(ctx, numbers[number].ID, catalog.Change{State: new(state)}, staff); err != nil {
				t.Fatal(err)
			}
		}
		next := catalog.Discount{Tier: account.Agency, Percent: money.Percent(70 * unit)}
		shown, err := snapshot(t, d).Effect(next, 2)
		if err != nil {
			t.Fatal(err)
		}
		var below []int64
		for _, r := range shown.Below {
			below = append(below, r.ID)
		}
		if shown.Services != 4 || shown.WasBelow != 0 || !slices.Equal(below, []int64{numbers["1"].ID, numbers["2"].ID}) || len(shown.Sample) != 2 {
			t.Errorf("shown is %+v", shown)
		}
		if err := store.SetDiscount(ctx, next, staff); err != nil {
			t.Fatal(err)
		}
		s := snapshot(t, d)
		for _, r := range slices.Concat(shown.Below, shown.Sample) {
			paid, err := s.Price(r.Service, catalog.Customer{Tier: string(account.Agency)})
			if err != nil || paid != r.After || r.Before != r.Rate {
				t.Errorf("service %d was said to cost %s after %s, it costs %s, %v", r.ID, r.After, r.Before, paid, err)
			}
		}
		if counted, of, err := store.BelowCost(ctx, account.Agency); err != nil || counted != len(below) || of != shown.Services {
			t.Errorf("%d of %d are below cost, %v", counted, of, err)
		}
		if again, err := s.Effect(catalog.Discount{Tier: account.Agency}, 10); err != nil || again.WasBelow != 2 || len(again.Below) != 0 || len(again.Sample) != 3 {
			t.Errorf("taken back it is %+v, %v", again, err)
		}
		if _, err := s.Effect(catalog.Discount{Tier: "gold"}, 1); !fault.Is(err, fault.Invalid) {
			t.Errorf("no tier: %v", err)
		}
	})
}

// Of two who saw the same discount and change it, the second is told.
func TestADiscountIsNotSetOverAnother(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		store, ctx := catalog.NewStore(d), t.Context()
		ten, five := catalog.Discount{Tier: account.Agency, Percent: money.Percent(10 * unit)}, catalog.Discount{Tier: account.Agency, Percent: money.Percent(5 * unit)}
		if err := store.ChangeDiscount(ctx, ten, 0, staff); err != nil {
			t.Fatal(err)
		}
		before := catalogEpoch(t, d)
		if err := store.ChangeDiscount(ctx, five, 0, staff); fault.From(err).Reason != catalog.DiscountMoved || catalogEpoch(t, d) != before {
			t.Errorf("the second: %v", err)
		}
		if got := snapshot(t, d).Discount(account.Agency); got != ten.Percent {
			t.Errorf("the discount is %d", got)
		}
		if err := store.ChangeDiscount(ctx, five, ten.Percent, staff); err != nil {
			t.Error(err)
		}
		if _, _, detail := logged(t, d); detail != "10.00 % → 5.00 %" {
			t.Errorf("the log says %s", detail)
		}
	})
}

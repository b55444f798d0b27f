package catalog_test

import (
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
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
		if action, target, detail := logged(t, d); action != "price.tier" || target != "reseller" || detail != "10.00 %" {
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
		if err := store.RemoveOwnRate(ctx, a.ID, two.ID, staff); err != nil {
			t.Fatal(err)
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

package catalog_test

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// abroad makes a provider count in euros at a mark-up, and returns offers of it
// at an exchange rate.
func abroad(t *testing.T, d *db.DB, providerID string, rate money.Exchange, services int) (all []catalog.Offer) {
	t.Helper()
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE providers SET currency = 'EUR', markup = $2 WHERE id = $1`, providerID, int64(20*unit))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range services {
		o := offer(strconv.Itoa(i))
		foreign := money.Amount(i)*333_333 + 1
		o.Foreign = &foreign
		if o.Cost, err = rate.Cost(foreign); err != nil {
			t.Fatal(err)
		}
		if o.Rate, err = money.Markup(o.Cost, money.Percent(20*unit)); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

// pricedAt reports how many services cost their foreign cost at a rate, exactly,
// and sell at a fifth more.
func pricedAt(t *testing.T, d *db.DB, providerID string, rate money.Exchange) (n int) {
	t.Helper()
	for _, v := range byNumber(t, d, providerID) {
		sources, err := catalog.NewStore(d).Sources(t.Context(), v.ID)
		if err != nil {
			t.Fatal(err)
		}
		cost, err := rate.Cost(*sources[0].Foreign)
		if err != nil {
			t.Fatal(err)
		}
		sold, err := money.Markup(cost, money.Percent(20*unit))
		if err != nil {
			t.Fatal(err)
		}
		if v.Source.Cost == cost && v.Rate == sold {
			n++
		}
	}
	return n
}

// A new exchange rate prices anew what is bought in that currency and follows,
// to the millionth and rounded up; nothing else moves.
func TestExchangeRatePricesAnew(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		const services = 120
		store, home := catalog.NewStore(d), newProvider(t, d)
		imported(t, d, home, offers("1"))
		imported(t, d, providerID, abroad(t, d, providerID, money.Par, services))
		pinned := byNumber(t, d, providerID)["7"]
		if _, err := store.Pin(t.Context(), pinned.ID, []string{"rate"}, staff); err != nil {
			t.Fatal(err)
		}
		const rate = money.Exchange(1_084_200_000)
		taken, err := store.SetExchange(t.Context(), "EUR", rate, staff)
		if err != nil || taken.Changed == 0 {
			t.Fatalf("%+v, %v", taken.Imported, err)
		}
		feedHolds(t, d)
		if n := pricedAt(t, d, providerID, rate); n != services-1 {
			t.Errorf("%d of %d are priced by the rate", n, services-1)
		}
		if v := byNumber(t, d, providerID)["7"]; v.Rate != pinned.Rate || v.Source.Cost == pinned.Source.Cost || v.Source.Exchange != int64(rate) {
			t.Errorf("a pinned rate: %+v", v)
		}
		if v := byNumber(t, d, home)["1"]; v.Rate != unit || v.Source.Cost != unit/2 {
			t.Errorf("a service of our own currency: %+v", v)
		}
		before := contents(t, d)
		again, err := store.SetExchange(t.Context(), "EUR", rate, staff)
		if err != nil || len(again.Differences) != 0 || len(contents(t, d)) != len(before)+1 {
			t.Errorf("the same rate again: %+v, %v", again, err)
		}
		all, err := store.ExchangeRates(t.Context())
		if err != nil || len(all) != 1 || all[0].Currency != "EUR" || all[0].Rate != rate {
			t.Errorf("%+v, %v", all, err)
		}
		for currency, bad := range map[string]money.Exchange{"USD": money.Par, "EUR": 0} {
			if _, err := store.SetExchange(t.Context(), currency, bad, staff); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s at %s: %v", currency, bad, err)
			}
		}
	})
}

// A rate at which a service can't be priced takes it out of sale, and a sound one
// brings it back.
func TestExchangeRateOutOfRangePauses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		all := abroad(t, d, providerID, money.Par, 1)
		all[0].Foreign, all[0].Cost, all[0].Rate = new(100_000*unit), 100_000*unit, 120_000*unit
		imported(t, d, providerID, all)
		for rate, want := range map[money.Exchange]catalog.State{1_000_000 * money.Par: catalog.Paused} {
			if _, err := catalog.NewStore(d).SetExchange(t.Context(), "EUR", rate, staff); err != nil {
				t.Fatal(err)
			}
			if v := byNumber(t, d, providerID)["0"]; v.State != want || v.PauseReason == "" {
				t.Errorf("at %s: %+v", rate, v)
			}
		}
		if _, err := catalog.NewStore(d).SetExchange(t.Context(), "EUR", money.Par, staff); err != nil {
			t.Fatal(err)
		}
		if v := byNumber(t, d, providerID)["0"]; v.State != catalog.Active || v.Rate != 120_000*unit {
			t.Errorf("at par: %+v", v)
		}
	})
}

// Two rates set at once, on two nodes, end as one of them for every service.
func TestExchangeRatesSetAtOnceEndAsOne(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			const services = 120
			url := dbtest.NewURL(t, engine)
			nodes := []*db.DB{dbtest.Connect(t, url), dbtest.Connect(t, url)}
			providerID := newProvider(t, nodes[0])
			imported(t, nodes[0], providerID, abroad(t, nodes[0], providerID, money.Par, services))
			var both sync.WaitGroup
			for i, d := range nodes {
				both.Go(func() {
					if _, err := catalog.NewStore(d).SetExchange(context.Background(), "EUR", money.Par*money.Exchange(i+2), staff); err != nil {
						t.Error(err)
					}
				})
			}
			both.Wait()
			rate, found, err := catalog.NewStore(nodes[0]).ExchangeRate(t.Context(), "EUR")
			if err != nil || !found {
				t.Fatal(err)
			}
			if n := pricedAt(t, nodes[0], providerID, rate); n != services {
				t.Errorf("%d of %d are priced at %s", n, services, rate)
			}
			feedHolds(t, nodes[0])
		})
	}
}

// An import that was reckoned by a rate that is set anew meanwhile stops: it
// would undo the new one.
func TestImportByAnOldExchangeRateStops(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		store := catalog.NewStore(d)
		if _, err := store.SetExchange(t.Context(), "EUR", money.Par, staff); err != nil {
			t.Fatal(err)
		}
		in := catalog.Intake{ProviderID: providerID, Currency: "EUR", Exchange: money.Par, Offers: abroad(t, d, providerID, money.Par, 120)}
		in.Progress = func(done, _ int) {
			if done != 50 {
				return
			}
			if _, err := store.SetExchange(t.Context(), "EUR", 2*money.Par, staff); err != nil {
				t.Error(err)
			}
		}
		if _, err := store.Take(t.Context(), in, staff); !fault.Is(err, fault.Conflict) {
			t.Errorf("it went on: %v", err)
		}
		if n := pricedAt(t, d, providerID, 2*money.Par); n != 50 {
			t.Errorf("%d of 50 are priced by the new rate", n)
		}
	})
}

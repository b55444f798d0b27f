package provider

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// run imports with options and expects it to go through.
func (s *selling) run(o ImportOptions) ImportReport {
	s.Helper()
	report, err := s.importer.Run(context.Background(), "Upstream", o, "test")
	must(s, err)
	return report
}

// refuses imports with options and expects a refusal that says so and changes nothing.
func (s *selling) refuses(code fault.Code, says string, o ImportOptions) {
	s.Helper()
	before, epoch := fmt.Sprint(s.list()), s.epoch()
	_, err := s.importer.Run(context.Background(), "Upstream", o, "test")
	if !fault.Is(err, code) || !strings.Contains(err.Error(), says) {
		s.Errorf("%v, want %s: %s", err, code, says)
	}
	if fmt.Sprint(s.list()) != before || s.epoch() != epoch {
		s.Errorf("a refusal changed the catalogue")
	}
}

func (s *selling) services() []*catalog.Service {
	s.Helper()
	all, err := s.catalog.List(context.Background())
	must(s, err)
	return all
}

// listing is a service in a provider's list.
func listing(number, kind, rate string, more ...string) string {
	return fmt.Sprintf(`{"service":%q,"name":"Service %s","category":"Adverts","type":%q,"rate":%q,"min":10,"max":1000%s}`,
		number, number, kind, rate, strings.Join(more, ""))
}

func listOf(all ...string) string { return "[" + strings.Join(all, ",") + "]" }

// Services of every type come in with their flags and limits, however the
// provider spells them.
func TestImportTakesAllTypesAndFlags(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		s.sets("profile", `{"package_price":"per_1000"}`)
		var all []string
		for i, schema := range catalog.Schemas() {
			spelt := strings.ReplaceAll(strings.ToUpper(string(schema.Type)), " ", []string{" ", "_", "-", ""}[i%4])
			all = append(all, listing(strconv.Itoa(i), spelt, "1", `,"dripfeed":1,"refill":"true","refill_days":"30","increment":5`))
		}
		s.says("services", listOf(all...))
		if report := s.imports(); report.Added != len(all) || len(report.LeftOut) != 0 {
			t.Fatalf("%+v", report)
		}
		for i, v := range s.services() {
			if want := catalog.Schemas()[i].Type; v.Type != want || !v.Dripfeed || !v.Refill || v.RefillDays != 30 || v.Increment != 5 || v.State != catalog.Active {
				t.Errorf("%s: %+v", want, v)
			}
		}
	})
}

// What a package costs is as the provider's profile says; where it says nothing,
// packages are not sold.
func TestImportPackagePrices(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		s.says("services", listOf(listing("1", "Package", "0.1", `,"min":3`), listing("2", "Custom Comments Package", "7"), listing("3", "Default", "7")))
		for _, c := range []struct {
			profile string
			state   catalog.State
			costs   [3]string
		}{
			{`{}`, catalog.Paused, [3]string{"33.333334", "700.00", "7.00"}},
			{`{"package_price":"flat"}`, catalog.Active, [3]string{"33.333334", "700.00", "7.00"}},
			{`{"package_price":"per_1000"}`, catalog.Active, [3]string{"0.10", "7.00", "7.00"}},
		} {
			s.sets("profile", c.profile)
			s.imports()
			for i, v := range s.services() {
				want := c.state
				if v.Type == catalog.Default {
					want = catalog.Active
				}
				if v.State != want || v.Source.Cost.String() != c.costs[i] || (v.PauseReason == "") != (want == catalog.Active) {
					t.Errorf("%s: %+v", c.profile, v)
				}
			}
		}
		s.sets("profile", `{}`)
		s.sets("kind", "native")
		s.imports()
		if v := s.services()[0]; v.State != catalog.Active || v.Source.Cost.String() != "0.10" {
			t.Errorf("a native provider: %+v", v)
		}
	})
}

// A provider in another currency is bought from at the stored exchange rate,
// rounded up; without one it is refused.
func TestImportInAnotherCurrency(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s, ctx := newSelling(t, d), context.Background()
		s.says("balance", `{"balance":"1","currency":"eur"}`)
		s.says("services", listOf(listing("1", "", "0.900001"), listing("2", "Package", "0.5")))
		s.sets("profile", `{"package_price":"flat"}`)
		s.refuses(fault.Conflict, `counts in "EUR" and this panel in "USD"`, ImportOptions{Markup: new(twentyPercent)})
		if s.reads("currency") != "" || s.reads("markup") != "" {
			t.Error("a refusal kept the provider's terms")
		}
		_, err := s.catalog.SetExchange(ctx, "EUR", 1_084_200_000, "test")
		must(t, err)
		s.imports()
		if v := s.services(); v[0].Source.Cost.String() != "0.975782" || v[0].Rate.String() != "1.170939" || v[1].Source.Cost.String() != "54.21" {
			t.Errorf("costs %s, %s; rate %s", v[0].Source.Cost, v[1].Source.Cost, v[0].Rate)
		}
		sources, err := s.catalog.Sources(ctx, 1)
		if err != nil || sources[0].Foreign.String() != "0.900001" {
			t.Errorf("%+v, %v", sources, err)
		}
		_, err = s.catalog.SetExchange(ctx, "EUR", 2*money.Par, "test")
		must(t, err)
		if v := s.services()[0]; v.Source.Cost.String() != "1.800002" || v.Rate.String() != "2.160003" {
			t.Errorf("at another rate: %s, %s", v.Source.Cost, v.Rate)
		}
		if report := s.imports(); len(report.Differences) != 0 {
			t.Errorf("the same list at that rate: %+v", report.Differences)
		}
	})
}

// A provider whose currency is another than before is believed only on a person's
// word, and then for its whole list.
func TestImportOfAChangedCurrency(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		s.says("services", listOf(listing("1", "", "1"), listing("2", "", "2")))
		s.imports()
		_, err := s.catalog.SetExchange(context.Background(), "EUR", 2*money.Par, "test")
		must(t, err)
		s.says("balance", `{"balance":"1","currency":"EUR"}`)
		s.refuses(fault.Conflict, `counted in "USD" before and in "EUR" now`, ImportOptions{})
		s.refuses(fault.Conflict, `counted in "USD" before`, ImportOptions{Currency: "eur", Only: []string{"1"}})
		s.refuses(fault.Conflict, `counts in "EUR" and not in "GBP"`, ImportOptions{Currency: "GBP"})
		s.run(ImportOptions{Currency: "eur"})
		if v := s.services(); v[0].Source.Cost != 2*money.Unit || v[1].Rate.String() != "4.80" || s.reads("currency") != "EUR" {
			t.Errorf("%+v in %s", v[0], s.reads("currency"))
		}
		// One that names none counts in what it did.
		s.says("balance", `{"balance":"1"}`)
		if report := s.run(ImportOptions{}); len(report.Differences) != 0 {
			t.Errorf("%+v", report.Differences)
		}
	})
}

// A provider that names no currency at all needs a person's word.
func TestImportOfANamelessCurrency(t *testing.T) {
	t.Parallel()
	s := newSelling(t, dbtest.Open(t, db.SQLite))
	s.says("balance", `{"balance":"1"}`)
	s.says("services", listOf(listing("1", "", "1")))
	s.refuses(fault.Conflict, `counts in "" and this panel in "USD"`, ImportOptions{Markup: new(twentyPercent)})
	s.run(ImportOptions{Markup: new(twentyPercent), Currency: "usd"})
	if v := s.services(); len(v) != 1 || v[0].Source.Cost != money.Unit || s.reads("currency") != "USD" {
		t.Errorf("%+v", v)
	}
}

// The preview of an import keeps nothing: no service, no mark-up, no currency, no
// alarm, no act.
func TestImportDryRunKeepsNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		acts := func() (n int) {
			must(t, d.Read(context.Background(), func(tx *db.Tx) error {
				return tx.QueryRow(`SELECT COUNT(*) FROM audit_log`).Scan(&n)
			}))
			return n
		}
		state := func() string {
			return fmt.Sprint(s.list(), s.epoch(), acts(), s.reads("currency"), s.reads("markup"), s.reads("alarm"), s.reads("synced_at"))
		}
		s.says("services", listOf(listing("1", "", "1"), listing("2", "Dance", "1"), listing("3", "", "1"), listing("4", "", "1"), listing("5", "", "1")))
		before := state()
		report := s.run(ImportOptions{Markup: new(twentyPercent), DryRun: true})
		if report.Added != 4 || len(report.Differences) != 4 || len(report.LeftOut) != 1 || !report.DryRun || state() != before {
			t.Errorf("%+v changed %s to %s", report, before, state())
		}
		s.imports()
		before = state()
		s.says("services", listOf(listing("1", "", "3")))
		report = s.run(ImportOptions{Markup: new(money.Percent(0)), DryRun: true})
		if report.Changed != 1 || report.Paused != 0 || report.Shrunk == nil || state() != before {
			t.Errorf("%+v changed %s to %s", report, before, state())
		}
	})
}

// Of a list only what is named is taken, the rest stays as it is; the mark-up is
// kept for later.
func TestImportOfAPart(t *testing.T) {
	t.Parallel()
	s := newSelling(t, dbtest.Open(t, db.SQLite))
	s.says("services", listOf(listing("1", "", "1"), listing("2", "", "1", `,"category":"Design"`), listing("3", "", "1", `,"category":"SMS"`)))
	s.refuses(fault.Invalid, "no mark-up is known", ImportOptions{})
	if report := s.run(ImportOptions{Markup: new(twentyPercent), Categories: []string{"design", "sms"}}); report.Added != 2 {
		t.Errorf("by category: %+v", report)
	}
	if report := s.run(ImportOptions{Only: []string{"1", "2"}}); report.Added != 1 || report.Changed != 0 {
		t.Errorf("by number: %+v", report)
	}
	if report := s.run(ImportOptions{Only: []string{"1", "2"}, Categories: []string{"DESIGN"}, Markup: new(money.Percent(0))}); report.Changed != 1 {
		t.Errorf("by both: %+v", report)
	}
	s.refuses(fault.Conflict, "lists nothing of what was named", ImportOptions{Only: []string{"9"}})
	rates := map[string]string{}
	for _, v := range s.services() {
		rates[v.Source.ProviderService] = v.Rate.String()
	}
	if rates["1"] != "1.20" || rates["2"] != "1.00" || rates["3"] != "1.20" || s.reads("markup") != "0" {
		t.Errorf("rates %v, mark-up %s", rates, s.reads("markup"))
	}
}

// A provider that lies sells nothing that can't be: turned limits, numbers listed
// twice, steps beyond the limits, endless refills, prices beyond all measure.
func TestImportOfAListThatLies(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		s.says("services", listOf(listing("1", "", "1"), listing("2", "", "1"), listing("3", "", "1"), listing("4", "", "1")))
		s.imports()
		s.says("services", listOf(
			listing("1", "", "1", `,"min":50,"max":20`),
			listing("2", "", "1", `,"increment":5000,"refill":1,"refill_days":"9223372036854775807"`),
			listing("2", "Poll", "99"), listing("3", "", "-1"), listing("4", "", "1"), listing("5", "", "9e99")))
		report := s.imports()
		if report.Paused != 2 || report.Changed != 1 || len(report.LeftOut) != 3 {
			t.Errorf("%+v", report)
		}
		for _, v := range s.services() {
			paused := v.Source.ProviderService == "1" || v.Source.ProviderService == "3"
			if (v.State == catalog.Paused) != paused || v.Min != 10 || v.Increment != 1 || v.RefillDays != 0 || v.Rate.String() != "1.20" {
				t.Errorf("%+v", v)
			}
		}
	})
}

// One service of a provider can be asked for, to be a source of ours.
func TestOfferOfOneService(t *testing.T) {
	t.Parallel()
	s, ctx := newSelling(t, dbtest.Open(t, db.SQLite)), context.Background()
	s.says("services", listOf(listing("1", "Poll", "1"), listing("2", "Package", "1"), listing("3", "Dance", "1")))
	o, p, err := s.importer.Offer(ctx, "Upstream", "1", "test")
	if err != nil || o.Type != catalog.Poll || o.Cost != money.Unit || p.ID != s.provider.ID || s.reads("currency") != "USD" {
		t.Errorf("%+v, %v", o, err)
	}
	for there, code := range map[string]fault.Code{"2": fault.Conflict, "3": fault.Conflict, "4": fault.NotFound} {
		if _, _, err := s.importer.Offer(ctx, "Upstream", there, "test"); !fault.Is(err, code) {
			t.Errorf("%s: %v", there, err)
		}
	}
	s.sets("currency", "EUR")
	p, err = s.store.Find(ctx, "Upstream")
	must(t, err)
	if _, _, err := s.importer.ForeignCost(ctx, p, money.Unit); !fault.Is(err, fault.Conflict) {
		t.Errorf("without an exchange rate: %v", err)
	}
	_, err = s.catalog.SetExchange(ctx, "EUR", 3, "test")
	must(t, err)
	if ours, foreign, err := s.importer.ForeignCost(ctx, p, money.Unit); err != nil || ours != 1 || *foreign != money.Unit {
		t.Errorf("%s, %v", ours, err)
	}
}

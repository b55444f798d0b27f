package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// asks has the provider's list read, as the worker does.
func (s *selling) asks() List {
	s.Helper()
	ctx := context.Background()
	l, err := s.store.WantList(ctx, s.provider.ID, "test")
	must(s, err)
	reader := ListReader{Importer: s.importer, Log: slog.New(slog.DiscardHandler)}
	for {
		found, err := reader.pass(ctx)
		must(s, err)
		if found == 0 {
			break
		}
	}
	got, found, err := s.store.Listed(ctx, s.provider.ID)
	if must(s, err); !found || got.ID != l.ID {
		s.Fatalf("asked for %s, got %+v", l.ID, got)
	}
	return got
}

const listed = `[{"service":1,"name":"Banner","category":"Ads","type":"Default","rate":"1.00","min":10,"max":100},
	{"service":2,"name":"Article","category":"Text","type":"Default","rate":"2.00","min":10,"max":100}]`

// What was read is what is taken, though the provider says something else by then;
// another reading makes the first one void.
func TestWhatWasReadIsTaken(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newSelling(t, d)
		ctx := t.Context()
		s.says("services", listed)
		l := s.asks()
		if l.State != ListRead || l.Services != 2 || l.Currency != "USD" {
			t.Fatalf("%+v", l)
		}
		share := twentyPercent
		o := ImportOptions{Markup: &share}
		report, all, err := s.importer.PreviewList(ctx, s.provider.ID, l.ID, o)
		if must(t, err); report.Added != 2 || len(all) != 2 || len(s.rates()) != 0 {
			t.Fatalf("%+v of %d", report, len(all))
		}
		s.says("services", strings.ReplaceAll(listed, `"1.00"`, `"9.00"`))
		o.Only = []string{"1"}
		asked := s.times("services")
		if _, err := s.importer.TakeList(ctx, s.provider.ID, l.ID, o, "acc_1"); err != nil {
			t.Fatal(err)
		}
		if got := s.rates(); len(got) != 1 || got["1"] != "1.20" || s.times("services") != asked {
			t.Errorf("taken: %+v", got)
		}
		said, _, found, err := s.store.Said(ctx, s.provider.ID, "2")
		if must(t, err); !found || said.Name != "Article" || said.Cost != 2*money.Unit {
			t.Errorf("it said %+v (%v)", said, found)
		}
		again := s.asks()
		if _, err := s.importer.TakeList(ctx, s.provider.ID, l.ID, o, "acc_1"); fault.From(err).Reason != ListGone {
			t.Errorf("the first reading after the second: %v", err)
		}
		d.AdvanceClock(ListFresh)
		if _, _, err := s.importer.PreviewList(ctx, s.provider.ID, again.ID, o); fault.From(err).Reason != ListOld {
			t.Errorf("an old list: %v", err)
		}
		if n := s.counts(`SELECT COUNT(*) FROM provider_listings`); n != 2 {
			t.Errorf("%d services of readings are kept", n)
		}
	})
}

// rates are what services sell at, by the provider's numbers.
func (s *selling) rates() map[string]string {
	s.Helper()
	all := map[string]string{}
	for _, v := range s.list() {
		all[v.Source] = v.Rate
	}
	return all
}

func (s *selling) counts(query string) (n int64) {
	s.Helper()
	must(s, s.d.Read(context.Background(), func(tx *db.Tx) error { return tx.QueryRow(query).Scan(&n) }))
	return n
}

// A list that can't be read says why, and changes nothing.
func TestListThatCantBeReadSaysWhy(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newSelling(t, d)
		s.says("services", `{"error":"Maintenance till noon"}`)
		l := s.asks()
		if l.State != ListFailed || !strings.Contains(l.Error, "Maintenance till noon") || strings.Contains(l.Error, "secret-path") {
			t.Errorf("%+v", l)
		}
		if _, _, err := s.importer.PreviewList(t.Context(), s.provider.ID, l.ID, ImportOptions{}); fault.From(err).Reason != ListBusy {
			t.Error(err)
		}
	})
}

// Names that steer a screen, turn the direction of writing or go on for pages are
// kept as readable lines.
func TestHostileNamesAreMadeReadable(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newSelling(t, d)
		names := []string{"<script>alert(1)</script>", "pay\u202egnp.exe\u202c", "bell\u0007\u009b31m", strings.Repeat("long ", 2000)}
		var rows []string
		for i, name := range names {
			text, err := json.Marshal(name)
			must(t, err)
			rows = append(rows, fmt.Sprintf(`{"service":%d,"name":%s,"category":%s,"type":"Default","rate":"1.00","min":10,"max":100}`, i+1, text, text))
		}
		s.says("services", "["+strings.Join(rows, ",")+"]")
		s.asks()
		all, err := s.store.Listings(t.Context(), List{ProviderID: s.provider.ID, ID: s.asks().ID})
		must(t, err)
		for i, want := range []string{"<script>alert(1)</script>", "paygnp.exe", "bell 31m", strings.TrimSpace(strings.Repeat("long ", 51))} {
			if all[i].Name != want || all[i].Category != want {
				t.Errorf("%q in %q", all[i].Name, all[i].Category)
			}
		}
	})
}

// Costs become rates by all of a provider's terms, in the import and in each sync,
// and its categories go where staff said.
func TestTermsAndCategoriesHoldForSyncs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newSelling(t, d)
		ctx := t.Context()
		categoryID, err := s.catalog.AddCategory(ctx, "Our adverts", "test")
		must(t, err)
		s.says("services", listed)
		share := twentyPercent
		terms := catalog.Pricing{Markup: &share, More: 30_000, Step: 50_000, Least: 1_500_000}
		_, err = s.importer.Run(ctx, s.provider.ID, ImportOptions{Pricing: &terms, Into: map[string]string{"Ads": categoryID}}, "acc_1")
		must(t, err)
		s.provider, err = s.store.Find(ctx, s.provider.ID)
		if must(t, err); s.provider.More != 30_000 || s.provider.Step != 50_000 || s.provider.Least != 1_500_000 {
			t.Errorf("kept %+v", s.provider.Settings)
		}
		// 1.00 + 20 % + 0.03 is below the least; 2.00 + 20 % + 0.03 is 2.43, and 2.45 in steps.
		if got := s.rates(); got["1"] != "1.50" || got["2"] != "2.45" {
			t.Errorf("%+v", got)
		}
		s.says("services", strings.ReplaceAll(listed, `"1.00"`, `"3.00"`))
		_, err = s.importer.Sync(ctx, s.provider.ID, false, "test")
		must(t, err)
		services, err := s.catalog.List(ctx)
		must(t, err)
		for _, v := range services {
			if v.Source.ProviderService == "1" && (v.Category != "Our adverts" || v.Rate != 3_650_000) {
				t.Errorf("after the sync %s is in %s at %s", v.Name, v.Category, v.Rate)
			}
		}
		if err := s.catalog.RenameCategory(ctx, categoryID, "Adverts", "test"); err != nil {
			t.Fatal(err)
		}
		_, err = s.importer.Sync(ctx, s.provider.ID, false, "test")
		must(t, err)
		if n := s.counts(`SELECT COUNT(*) FROM categories`); n != 2 {
			t.Errorf("%d categories after a rename and a sync", n)
		}
	})
}

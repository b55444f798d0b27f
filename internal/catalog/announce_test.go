package catalog_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// told reads the feed behind a change, without numbers and times.
func told(t *testing.T, d *db.DB, after int64) (rows []catalog.Noted, next int64) {
	t.Helper()
	rows, next, err := catalog.NewStore(d).Changes(t.Context(), after, 500)
	if err != nil {
		t.Fatal(err)
	}
	return rows, next
}

func newestChange(t *testing.T, d *db.DB) int64 {
	t.Helper()
	seq, err := catalog.NewStore(d).NewestChange(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

// wantTold compares the feed behind a change with fields, before and after.
func wantTold(t *testing.T, d *db.DB, after int64, want ...catalog.Noted) {
	t.Helper()
	got, _ := told(t, d, after)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(catalog.Noted{}, "Seq", "At", "EffectiveAt"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the feed: %s", diff)
	}
}

func apply(t *testing.T, d *db.DB) int {
	t.Helper()
	found, err := catalog.NewStore(d).ApplyAnnounced(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A rise is told ahead, holds when its time has come and not before, once, on
// every node.
func TestAnnouncedRateHoldsInItsTime(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			d, other := dbtest.Connect(t, url), dbtest.Connect(t, url)
			providerID := newProvider(t, d)
			imported(t, d, providerID, offers("1"))
			v := byNumber(t, d, providerID)["1"]
			seq, begun := newestChange(t, d), time.Now()
			at := begun.Add(72 * time.Hour).UTC().Truncate(time.Microsecond)
			announced, err := catalog.NewStore(d).Announce(t.Context(), v.ID, 2*unit, at, staff)
			if err != nil || announced.Rate != unit || !cmp.Equal(announced.Pinned, []string{"rate"}) {
				t.Fatalf("announced %+v, %v", announced, err)
			}
			if action, _, detail := logged(t, d); action != "service.announce" || detail != "rate 2.00 from "+at.Format(time.RFC3339) {
				t.Errorf("the log says %s: %s", action, detail)
			}
			rows, _ := told(t, d, seq)
			if len(rows) != 1 || !rows[0].EffectiveAt.Equal(at) || !rows[0].At.Before(at) {
				t.Errorf("the feed says %+v", rows)
			}
			wantTold(t, d, seq, catalog.Noted{Service: v.ID, Field: "announced_rate", After: "2.00"})
			if n := apply(t, d); n != 0 || byNumber(t, d, providerID)["1"].Rate != unit {
				t.Errorf("%d rates held before their time", n)
			}
			d.AdvanceClock(73 * time.Hour)
			before := catalogEpoch(t, d)
			if n := apply(t, d); n != 1 || byNumber(t, other, providerID)["1"].Rate != 2*unit || catalogEpoch(t, other) != before+1 {
				t.Errorf("%d rates hold, it sells at %s", n, byNumber(t, other, providerID)["1"].Rate)
			}
			if action, _, detail := logged(t, d); action != "service.set" || detail != "rate 2.00 as announced" {
				t.Errorf("the log says %s: %s", action, detail)
			}
			if n := apply(t, d); n != 0 {
				t.Errorf("%d hold again", n)
			}
			wantTold(t, d, seq, catalog.Noted{Service: v.ID, Field: "announced_rate", After: "2.00"},
				catalog.Noted{Service: v.ID, Field: "rate", Before: "1.00", After: "2.00"})
		})
	}
}

// Whoever sets the rate meanwhile ends what was announced, and customers are told.
func TestSettingTheRateEndsAnAnnouncement(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1"))
		v, store := byNumber(t, d, providerID)["1"], catalog.NewStore(d)
		at := time.Now().Add(time.Hour)
		row := func(field, before, after string) catalog.Noted {
			return catalog.Noted{Service: v.ID, Field: field, Before: before, After: after}
		}
		for _, c := range []struct {
			act  func() error
			want []catalog.Noted
		}{
			{func() error { set(t, d, v.ID, catalog.Change{Rate: new(unit / 2)}); return nil }, []catalog.Noted{row("rate", "1.00", "0.50"), row("announced_rate", "3.00", "")}},
			{func() error { set(t, d, v.ID, catalog.Change{Rate: new(unit / 2)}); return nil }, []catalog.Noted{row("announced_rate", "3.00", "")}},
			{func() error { set(t, d, v.ID, catalog.Change{Rate: new(5 * unit)}); return nil }, []catalog.Noted{row("rate", "0.50", "5.00"), row("announced_rate", "3.00", "")}},
			{func() error { set(t, d, v.ID, catalog.Change{Rate: new(unit)}); return nil }, []catalog.Noted{row("rate", "5.00", "1.00"), row("announced_rate", "7.00", "")}},
			{func() error { _, err := store.Announce(t.Context(), v.ID, 4*unit, at, staff); return err }, []catalog.Noted{row("announced_rate", "3.00", ""), row("announced_rate", "", "4.00")}},
			{func() error { set(t, d, v.ID, catalog.Change{Name: new("Other")}); return nil }, []catalog.Noted{row("name", "Service 1", "Other")}},
		} {
			rise := 3 * unit
			if byNumber(t, d, providerID)["1"].Rate > rise {
				rise = 7 * unit
			}
			if _, err := store.Announce(t.Context(), v.ID, rise, at, staff); err != nil {
				t.Fatal(err)
			}
			seq := newestChange(t, d)
			if err := c.act(); err != nil {
				t.Fatal(err)
			}
			wantTold(t, d, seq, c.want...)
		}
		pending, err := store.Announced(t.Context())
		if err != nil || len(pending) != 1 || pending[v.ID].Rate != 3*unit || !pending[v.ID].EffectiveAt.Equal(at.Truncate(time.Microsecond)) {
			t.Errorf("announced are %+v, %v", pending, err)
		}
	})
}

// A lower rate, a time that has passed and a rate that nobody could be charged
// are not announced.
func TestAnnounceRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, d *db.DB, providerID string) {
		imported(t, d, providerID, offers("1"))
		v, store := byNumber(t, d, providerID)["1"], catalog.NewStore(d)
		set(t, d, v.ID, catalog.Change{Max: new(int64(1_000_000))})
		before, seq := catalogEpoch(t, d), newestChange(t, d)
		for name, c := range map[string]struct {
			rate money.Amount
			in   time.Duration
		}{
			"lower": {unit - 1, time.Hour}, "the same": {unit, time.Hour}, "past": {2 * unit, -time.Second},
			"too far": {2 * unit, 367 * 24 * time.Hour}, "too much": {money.Max, time.Hour},
		} {
			if _, err := store.Announce(t.Context(), v.ID, c.rate, time.Now().Add(c.in), staff); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v, want Invalid", name, err)
			}
		}
		if _, err := store.Announce(t.Context(), 99, 2*unit, time.Now().Add(time.Hour), staff); !fault.Is(err, fault.NotFound) {
			t.Errorf("a service nobody knows: %v", err)
		}
		if pending, err := store.Announced(t.Context()); err != nil || len(pending) > 0 || catalogEpoch(t, d) != before || newestChange(t, d) != seq {
			t.Errorf("a refusal changed something: %+v, %v", pending, err)
		}
	})
}

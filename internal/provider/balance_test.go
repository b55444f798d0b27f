package provider

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/worker"
)

// watch returns a loop that watches the provider's balance by the database's clock.
func (s *selling) watch() worker.Loop {
	now := func() (now time.Time) {
		must(s, s.d.Read(context.Background(), func(tx *db.Tx) error {
			now = tx.Now
			return nil
		}))
		return now
	}
	return NewBalanceWatch(s.store, loopback(s.T), patient, slog.New(slog.DiscardHandler), now).Loop()
}

func (s *selling) samples(at time.Time, n int) (all []string) {
	s.Helper()
	samples, err := s.store.BalancesAround(context.Background(), s.provider.ID, at, n)
	must(s, err)
	for _, b := range samples {
		all = append(all, b.Balance.String())
	}
	return all
}

// The balance is read every five minutes, kept with its time, and looked up around
// a time; samples older than 30 days go.
func TestBalanceWatchKeepsSamples(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		l := s.watch()
		if s.pass(l) != 1 || s.pass(l) != 0 || s.reads("balance") != "10000000" || s.reads("balance_at") == "" {
			t.Errorf("balance %s", s.reads("balance"))
		}
		for i := range 5 {
			d.AdvanceClock(balanceEvery)
			s.says("balance", fmt.Sprintf(`{"balance":"%d.5","currency":"USD"}`, 9-i))
			if s.pass(l) != 1 {
				t.Error("it is not asked after five minutes")
			}
		}
		var middle time.Time
		must(t, d.Read(context.Background(), func(tx *db.Tx) error {
			middle = tx.Now.Add(-2*balanceEvery - time.Minute)
			return nil
		}))
		if got := fmt.Sprint(s.samples(middle, 2)); got != "[9.50 8.50 7.50 6.50]" {
			t.Errorf("around the middle: %s", got)
		}
		if got := fmt.Sprint(s.samples(middle, 100)); got != "[10.00 9.50 8.50 7.50 6.50 5.50]" {
			t.Errorf("all: %s", got)
		}
		d.AdvanceClock(balancesKept - 2*balanceEvery - time.Minute)
		s.pass(l)
		if got := fmt.Sprint(s.samples(middle, 100)); got != "[7.50 6.50 5.50 5.50]" {
			t.Errorf("30 days later: %s", got)
		}
		s.sets("state", "paused")
		d.AdvanceClock(balanceEvery)
		if s.pass(l) != 0 {
			t.Error("a paused provider is asked")
		}
	})
}

// A balance below the mark is an alarm until it is above.
func TestLowBalanceIsAnAlarm(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s, ctx := newSelling(t, d), context.Background()
		s.sets("balance_low", 10_000_000)
		for said, alarm := range map[string]bool{"10": false, "9.999999": true, "-3": true, "10.5": false} {
			s.says("balance", `{"balance":"`+said+`","currency":"USD"}`)
			if _, err := s.store.ReadBalance(ctx, s.provider, loopback(t), patient); err != nil {
				t.Error(err)
			}
			if got := s.reads("alarm"); strings.HasPrefix(got, "balance: ") != alarm {
				t.Errorf("at %s the alarm is %q", said, got)
			}
		}
	})
}

// A balance that falls below its mark is told of once, and again after it has risen.
func TestAFallBelowTheMarkIsToldOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s, ctx := newSelling(t, d), context.Background()
		s.sets("balance_low", 10_000_000)
		for _, c := range []struct {
			said string
			told int
		}{{"12", 0}, {"9", 1}, {"8", 0}, {"-1", 0}, {"11", 0}, {"9.5", 1}} {
			var told []Low
			s.store.TellLow = func(_ *db.Tx, l Low) error {
				told = []Low{l} // also when it runs again
				return nil
			}
			s.says("balance", `{"balance":"`+c.said+`","currency":"USD"}`)
			if _, err := s.store.ReadBalance(ctx, s.provider, loopback(t), patient); err != nil {
				t.Error(err)
			}
			if len(told) != c.told || len(told) > 0 && (told[0].ProviderID != s.provider.ID || told[0].Mark != 10_000_000) {
				t.Errorf("at %s: told %+v", c.said, told)
			}
		}
	})
}

// A balance in another currency than the prices is an alarm and no sample.
func TestBalanceInAnotherCurrencyIsAnAlarm(t *testing.T) {
	t.Parallel()
	s, ctx := newSelling(t, dbtest.Open(t, db.SQLite)), context.Background()
	s.sets("currency", "USD")
	s.says("balance", `{"balance":"5","currency":"EUR"}`)
	if _, err := s.store.ReadBalance(ctx, s.provider, loopback(t), patient); err != nil {
		t.Error(err)
	}
	if got := s.reads("alarm"); !strings.HasPrefix(got, "currency: ") || s.reads("balance") != "" || s.samples(time.Unix(0, 0), 9) != nil {
		t.Errorf("alarm %q, balance %q", got, s.reads("balance"))
	}
	s.says("balance", `{"balance":"5"}`)
	if _, err := s.store.ReadBalance(ctx, s.provider, loopback(t), patient); err != nil || s.reads("alarm") != "" {
		t.Errorf("%v, alarm %q", err, s.reads("alarm"))
	}
}

// One failure is no alarm, a quarter of an hour without an answer is; a provider
// that fails is not asked more often.
func TestBalanceThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		l := s.watch()
		s.pass(l)
		s.says("balance", `{"error":"try later"}`)
		for i := range 4 {
			d.AdvanceClock(balanceEvery)
			if s.pass(l) != 1 || s.pass(l) != 0 {
				t.Error("it is not asked once")
			}
			if got := s.reads("alarm"); strings.Contains(got, "try later") != (i >= 2) {
				t.Errorf("failure %d: alarm %q", i, got)
			}
		}
		s.says("balance", `{"balance":"much","currency":"USD"}`)
		d.AdvanceClock(balanceEvery)
		if s.pass(l); !strings.Contains(s.reads("alarm"), "not a decimal") {
			t.Errorf("alarm %q", s.reads("alarm"))
		}
		s.says("balance", `{"balance":"1e1","currency":"USD"}`)
		d.AdvanceClock(balanceEvery)
		if s.pass(l); s.reads("alarm") != "" || s.reads("balance") != "10000000" {
			t.Errorf("alarm %q, balance %s", s.reads("alarm"), s.reads("balance"))
		}
	})
}

package provider

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/worker"
)

// listed sets the provider's list to its first n services, at a rate.
func (s *selling) listed(n int, rate string) {
	var all []string
	for i := range n {
		all = append(all, listing(strconv.Itoa(i), "", rate))
	}
	s.says("services", listOf(all...))
}

func (s *selling) syncs(accept bool) (ImportReport, error) {
	return s.importer.Sync(context.Background(), "Upstream", accept, "test")
}

func (s *selling) active() (n int) {
	for _, v := range s.services() {
		if v.State == catalog.Active {
			n++
		}
	}
	return n
}

// A sync follows what is sold, adds nothing, and says when it succeeded; a
// failure changes nothing and is kept as an alarm until a sync succeeds.
func TestSyncFollowsAndAddsNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		s.listed(3, "1")
		s.imports()
		s.listed(5, "2")
		report, err := s.syncs(false)
		if err != nil || report.Changed != 3 || report.Added != 0 || report.NotSold != 2 || s.services()[0].Rate.String() != "2.40" {
			t.Errorf("%+v, %v", report, err)
		}
		if s.reads("synced_at") == "" || s.reads("alarm") != "" {
			t.Errorf("alarm %q", s.reads("alarm"))
		}
		for _, said := range []string{`{"status":"success","data":"Empty Data"}`, `[]`, `<html>`, `{"error":"Invalid API key"}`} {
			before, synced := fmt.Sprint(s.list(), s.epoch()), s.reads("synced_at")
			s.says("services", said)
			if _, err := s.syncs(false); err == nil {
				t.Errorf("%s is taken", said)
			}
			if fmt.Sprint(s.list(), s.epoch()) != before || s.reads("synced_at") != synced || !strings.HasPrefix(s.reads("alarm"), "sync: ") {
				t.Errorf("%s changed something; alarm %q", said, s.reads("alarm"))
			}
			secretive(t, "the alarm", s.reads("alarm"))
		}
		s.listed(3, "2")
		if _, err := s.syncs(false); err != nil || s.reads("alarm") != "" {
			t.Errorf("it works again: %v, alarm %q", err, s.reads("alarm"))
		}
	})
}

// Without a mark-up a sync follows costs and leaves rates alone.
func TestSyncWithoutMarkupKeepsRates(t *testing.T) {
	t.Parallel()
	s := newSelling(t, dbtest.Open(t, db.SQLite))
	s.listed(1, "1")
	s.imports()
	s.sets("markup", nil)
	s.listed(1, "3")
	if _, err := s.syncs(false); err != nil {
		t.Fatal(err)
	}
	if v := s.services()[0]; v.Rate.String() != "1.20" || v.Source.Cost.String() != "3.00" {
		t.Errorf("%+v", v)
	}
}

// A list that shrank pauses nothing. A later sync pauses what an earlier one
// missed when a person said so, and not more than that.
func TestSyncOfAShrunkList(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		s.listed(10, "1")
		s.imports()
		if _, err := s.syncs(true); !fault.Is(err, fault.Conflict) {
			t.Errorf("nothing to accept: %v", err)
		}
		s.listed(7, "2")
		for range 2 {
			report, err := s.syncs(false)
			if err != nil || report.Shrunk == nil || report.Paused != 0 || s.active() != 10 {
				t.Fatalf("%+v, %v", report, err)
			}
			if alarm := s.reads("alarm"); !strings.HasPrefix(alarm, "shrink: 3 of 10 services") {
				t.Errorf("alarm %q", alarm)
			}
		}
		if s.services()[0].Rate.String() != "2.40" {
			t.Error("what is listed does not follow")
		}
		s.listed(4, "2")
		if report, err := s.syncs(true); err != nil || report.Paused != 0 || s.active() != 10 || !strings.HasPrefix(s.reads("alarm"), "shrink: 6 of 10") {
			t.Errorf("it shrank further: %+v, %v, alarm %q", report, err, s.reads("alarm"))
		}
		s.listed(5, "2")
		if report, err := s.syncs(true); err != nil || report.Paused != 5 || s.active() != 5 || s.reads("alarm") != "" {
			t.Errorf("accepted: %+v, %v, alarm %q", report, err, s.reads("alarm"))
		}
		s.listed(10, "2")
		if report, err := s.syncs(false); err != nil || report.Resumed != 5 || s.active() != 10 {
			t.Errorf("all are back: %+v, %v", report, err)
		}
		s.listed(2, "2")
		if report := s.imports(); report.Paused != 0 || report.Shrunk == nil || s.reads("alarm") == "" {
			t.Errorf("an import: %+v", report)
		}
		s.listed(10, "2")
		if s.imports(); s.reads("alarm") != "" {
			t.Errorf("alarm %q", s.reads("alarm"))
		}
	})
}

func (s *selling) loop() worker.Loop { return SyncLoop(s.importer, slog.New(slog.DiscardHandler)) }

func (s *selling) pass(l worker.Loop) int {
	s.Helper()
	found, err := l.Pass(context.Background())
	must(s, err)
	return found
}

// dueIn is when the provider is synced next, from the database's clock.
func (s *selling) dueIn() (in time.Duration) {
	s.Helper()
	due, err := strconv.ParseInt(s.reads("sync_due_at"), 10, 64)
	must(s, err)
	must(s, s.d.Read(context.Background(), func(tx *db.Tx) error {
		in = clock.FromMicros(due).Sub(tx.Now)
		return nil
	}))
	return in
}

// The loop syncs a provider in its rhythm, and one without a rhythm never.
func TestSyncLoopKeepsTheRhythm(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		s.listed(1, "1")
		s.imports()
		l := s.loop()
		if s.pass(l) != 0 {
			t.Error("a provider without a rhythm is synced")
		}
		s.sets("sync_every", 3600)
		if b, err := l.Backlog(context.Background()); err != nil || b.Count != 1 {
			t.Errorf("backlog %+v, %v", b, err)
		}
		if s.pass(l) != 1 || s.pass(l) != 0 || s.times("services") != 2 {
			t.Errorf("asked %d times", s.times("services"))
		}
		if in := s.dueIn(); in > time.Hour || in < 50*time.Minute {
			t.Errorf("due in %s", in)
		}
		d.AdvanceClock(time.Hour)
		if s.pass(l) != 1 {
			t.Error("an hour later it is not synced")
		}
		s.sets("kind", "manual")
		d.AdvanceClock(time.Hour)
		if s.pass(l) != 0 {
			t.Error("a provider that is worked by hand is asked")
		}
	})
}

// Two nodes sync a provider once; a node that died with its turn loses it when
// the lease has run out.
func TestSyncLoopOnTwoNodes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		s.listed(1, "1")
		s.imports()
		s.sets("sync_every", 60)
		loops := []worker.Loop{s.loop(), s.loop(), s.loop(), s.loop()}
		var mu sync.Mutex
		var all sync.WaitGroup
		total := 0
		for _, l := range loops {
			all.Go(func() {
				found, err := l.Pass(context.Background())
				mu.Lock()
				defer mu.Unlock()
				if total += found; err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if total != 1 || s.times("services") != 2 {
			t.Errorf("%d syncs, asked %d times", total, s.times("services"))
		}
		d.AdvanceClock(time.Minute)
		dead := syncs{s.importer, slog.New(slog.DiscardHandler)}
		until, claimed, err := dead.claim(context.Background(), s.provider.ID)
		if err != nil || !claimed || s.pass(loops[0]) != 0 {
			t.Fatalf("claimed %v, %v", claimed, err)
		}
		d.AdvanceClock(syncLease)
		if s.pass(loops[0]) != 1 {
			t.Error("a dead node keeps its turn")
		}
		before := s.reads("sync_due_at")
		must(t, dead.finish(context.Background(), s.provider.ID, until, true))
		if s.reads("sync_due_at") != before {
			t.Error("a node that lost its turn sets the next one")
		}
	})
}

// Pauses after failures grow, the alarm says why, and a success ends both.
func TestSyncLoopBacksOff(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		s := newSelling(t, d)
		s.listed(1, "1")
		s.imports()
		s.sets("sync_every", 300)
		l := s.loop()
		s.pass(l)
		s.says("services", `{"error":"maintenance"}`)
		last := time.Duration(0)
		d.AdvanceClock(5 * time.Minute)
		for range 8 {
			if s.pass(l) != 1 {
				t.Fatal("it is not due")
			}
			in := s.dueIn()
			if in < last-time.Second || in > time.Hour+time.Second || !strings.Contains(s.reads("alarm"), "maintenance") {
				t.Errorf("due in %s after %s, alarm %q", in, last, s.reads("alarm"))
			}
			last = in
			d.AdvanceClock(in + time.Second)
		}
		if last < 10*time.Minute {
			t.Errorf("after eight failures it waits %s", last)
		}
		s.listed(1, "1")
		if s.pass(l) != 1 || s.reads("alarm") != "" || s.dueIn() > 5*time.Minute {
			t.Errorf("alarm %q, due in %s", s.reads("alarm"), s.dueIn())
		}
	})
}

// Alarms of several kinds stand beside each other.
func TestAlarmsOfSeveralKinds(t *testing.T) {
	t.Parallel()
	all := withAlarm("", AlarmSync, "no\nanswer")
	all = withAlarm(all, AlarmBalance, "low")
	if all != "sync: no answer\nbalance: low" {
		t.Errorf("%q", all)
	}
	all = withAlarm(all, AlarmSync, "again")
	if all != "balance: low\nsync: again" || alarmOf(all, AlarmBalance) != "low" || alarmOf(all, AlarmShrink) != "" {
		t.Errorf("%q", all)
	}
	if all = withAlarm(withAlarm(all, AlarmBalance, ""), AlarmSync, ""); all != "" {
		t.Errorf("%q", all)
	}
}

package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/worker"
)

const every = 10 * time.Second

// passes is a loop whose passes are scripted; it notes when each began.
type passes struct {
	start time.Time
	at    []time.Duration // since the start
	next  func(n int) (found int, err error)
}

func (p *passes) pass(context.Context) (int, error) {
	p.at = append(p.at, time.Since(p.start))
	return p.next(len(p.at))
}

// run starts a loop of next in a bubble of synctest. It is stopped at the test's end.
func run(t *testing.T, next func(n int) (int, error)) (p *passes, g *worker.Group, wake func()) {
	t.Helper()
	p = &passes{start: time.Now(), next: next}
	g = newGroup(t)
	return p, g, g.Go(worker.Loop{Name: "a loop", Every: every, Pass: p.pass})
}

func newGroup(t *testing.T) *worker.Group {
	t.Helper()
	g := worker.NewGroup(slog.New(slog.DiscardHandler), clock.System)
	t.Cleanup(g.Stop)
	return g
}

// after lets time pass in the bubble.
func after(d time.Duration) {
	time.Sleep(d) // the bubble's clock: it takes no time
	synctest.Wait()
}

func wantPasses(t *testing.T, p *passes, want ...time.Duration) {
	t.Helper()
	got := p.at
	if len(got) != len(want) {
		t.Fatalf("passes at %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("passes at %v, want %v", got, want)
		}
	}
}

func nothing(int) (int, error) { return 0, nil }

// While there is work it goes on without a pause; then it looks again once in
// its rhythm.
func TestLoopRunsAgainWhileItFinds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, _, _ := run(t, func(n int) (int, error) {
			if n <= 3 || n == 5 {
				return 1, nil
			}
			return 0, nil
		})
		after(3*every - 1)
		wantPasses(t, p, 0, 0, 0, 0, every, every, 2*every)
	})
}

// Pauses after failures double up to half a minute; one success and the rhythm
// is back.
func TestLoopBacksOffWhileItFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, _, _ := run(t, func(n int) (int, error) {
			switch {
			case n <= 5, n == 7, n == 9:
				return 1, errors.New("no luck")
			case n == 6:
				return 1, nil
			}
			return 0, nil
		})
		after(150 * time.Second)
		// 10, 20, 30, 30, 30 seconds; then a success that found something, a
		// failure, a success that found nothing, a failure.
		wantPasses(t, p, 0, 10*time.Second, 30*time.Second, 60*time.Second, 90*time.Second, 120*time.Second,
			120*time.Second, 130*time.Second, 140*time.Second, 150*time.Second)
	})
}

// While the database is away a loop looks for it every few seconds, however rarely
// it works otherwise and however long that lasts.
func TestLoopNoticesSoonThatTheDatabaseIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, _, _ := run(t, func(n int) (int, error) {
			if n <= 6 {
				return 0, fmt.Errorf("look for work: %w", fault.New(fault.Unavailable, "Temporarily unavailable"))
			}
			return 0, nil
		})
		after(45 * time.Second)
		wantPasses(t, p, 0, 5*time.Second, 10*time.Second, 15*time.Second, 20*time.Second, 25*time.Second, 30*time.Second, 40*time.Second)
	})
}

// Waking runs a pass at once; afterwards the rhythm is as before.
func TestWakeRunsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, _, wake := run(t, nothing)
		for range 2 {
			after(time.Second)
			wake()
		}
		after(every)
		wantPasses(t, p, 0, time.Second, 2*time.Second, 2*time.Second+every)
	})
}

// New work does not mend what failed: the pause after a failure is kept, and the
// wake is not forgotten either.
func TestWakeDoesNotShortenTheBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, _, wake := run(t, func(n int) (int, error) {
			if n <= 2 {
				return 0, errors.New("no luck")
			}
			return 0, nil
		})
		for range 29 {
			after(time.Second)
			wake()
		}
		after(time.Second)
		wantPasses(t, p, 0, every, 3*every, 3*every)
	})
}

// Waking never blocks, and calls that come together share passes: one that was
// asked for, and one for what became due since it began.
func TestManyWakesShareAPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, _, wake := run(t, nothing)
		after(time.Second)
		for range 100 {
			wake()
		}
		synctest.Wait()
		if n := len(p.at); n < 2 || n > 3 {
			t.Errorf("%d passes after 100 wakes, want one or two beside the first", n)
		}
	})
}

// Work that becomes due while a pass runs, which may have looked already, is not
// left until the next round.
func TestWakeDuringAPassIsNotLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan func(), 1)
		p, _, w := run(t, func(n int) (int, error) {
			if n == 2 {
				(<-wake)()
			}
			return 0, nil
		})
		wake <- w
		after(every)
		wantPasses(t, p, 0, every, every)
	})
}

// Stop tells the pass under way and waits until it has ended; none begins after
// it, and its end is counted as no failure.
func TestStopWaitsForThePass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t)
		ended, begun := false, 0
		g.Go(worker.Loop{Name: "slow", Every: every, Pass: func(ctx context.Context) (int, error) {
			begun++
			<-ctx.Done()
			time.Sleep(time.Minute) // what it must finish
			ended = true
			return 1, ctx.Err()
		}})
		synctest.Wait()
		began := time.Now()
		g.Stop()
		if !ended || begun != 1 || time.Since(began) != time.Minute {
			t.Errorf("Stop returned after %s; the pass has ended: %v; %d have begun", time.Since(began), ended, begun)
		}
		if beat := g.Heartbeats(t.Context())[0]; beat.Failures != 0 || beat.LastError != "" {
			t.Errorf("the stop is counted as a failure: %+v", beat)
		}
		g.Stop() // again does nothing
		g.Go(worker.Loop{Name: "late", Every: every, Pass: func(context.Context) (int, error) {
			t.Error("a loop began after the stop")
			return 0, nil
		}})
		after(every)
	})
}

// One loop that hangs or fails delays no other.
func TestLoopsRunBesideEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, g, _ := run(t, nothing)
		g.Go(worker.Loop{Name: "hangs", Every: every, Pass: func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, nil
		}})
		after(2 * every)
		wantPasses(t, p, 0, every, 2*every)
	})
}

// The heartbeat says when the loop ran and succeeded last, what went wrong, and
// how much waits now.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		g := worker.NewGroup(slog.New(slog.NewTextHandler(&log, nil)), clock.System)
		t.Cleanup(g.Stop)
		start := time.Now()
		p := &passes{start: start, next: func(n int) (int, error) {
			if n == 2 {
				return 0, errors.New("no luck")
			}
			return 0, nil
		}}
		due := worker.Backlog{Count: 7, Oldest: start}
		var backlogErr error
		g.Go(worker.Loop{Name: "plain", Every: every, Pass: p.pass})
		g.Go(worker.Loop{
			Name: "with a backlog", Every: every, Pass: func(context.Context) (int, error) { return 0, nil },
			Backlog: func(context.Context) (worker.Backlog, error) { return due, backlogErr },
		})
		want := worker.Heartbeat{Name: "plain", Every: every, LastRun: start, LastSuccess: start, Runs: 1}
		after(0)
		wantBeat(t, g, want)
		after(every)
		want.LastRun, want.Runs, want.LastError, want.Failures = start.Add(every), 2, "no luck", 1
		wantBeat(t, g, want)
		after(every)
		want.LastRun, want.LastSuccess, want.Runs, want.LastError = start.Add(2*every), start.Add(2*every), 3, ""
		wantBeat(t, g, want)
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "plain") || !strings.Contains(text, "no luck") {
			t.Errorf("the log says %q", text)
		}

		if got := g.Heartbeats(t.Context())[1]; got.Backlog != due || got.BacklogErr != "" {
			t.Errorf("backlog %+v", got)
		}
		due, backlogErr = worker.Backlog{}, errors.New("can't count")
		if got := g.Heartbeats(t.Context())[1]; got.BacklogErr != "can't count" || got.LastError != "" {
			t.Errorf("a backlog that can't be counted: %+v", got)
		}
	})
}

func wantBeat(t *testing.T, g *worker.Group, want worker.Heartbeat) {
	t.Helper()
	if got := g.Heartbeats(t.Context())[0]; got != want {
		t.Errorf("the heartbeat is\n%+v, want\n%+v", got, want)
	}
}

// A loop is late when it has not succeeded for ten rounds, or 15 seconds where its
// rounds are shorter; one that has just been started is not.
func TestLate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		every, since time.Duration
		late         bool
	}{
		{time.Second, 15 * time.Second, false},
		{time.Second, 15*time.Second + 1, true},
		{time.Minute, 10 * time.Minute, false},
		{time.Minute, 10*time.Minute + 1, true},
	} {
		h := worker.Heartbeat{Every: c.every, LastSuccess: now.Add(-c.since)}
		if h.Late(now) != c.late {
			t.Errorf("every %s, %s after the last success: late is %v", c.every, c.since, !c.late)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t)
		g.Go(worker.Loop{Name: "hangs", Every: every, Pass: func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, nil
		}})
		if g.Heartbeats(t.Context())[0].Late(time.Now()) {
			t.Error("a loop that has just been started is late")
		}
		after(100*time.Second + 1)
		if !g.Heartbeats(t.Context())[0].Late(time.Now()) {
			t.Error("a loop that hangs is not late")
		}
	})
}

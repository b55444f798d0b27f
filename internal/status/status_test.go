package status_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/announce"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/requestlog"
	"github.com/notpanel/notpanel/internal/status"
	"github.com/notpanel/notpanel/internal/worker"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// watch is a board whose workers and time a test sets.
type watch struct {
	*status.Board

	now   atomic.Int64
	asked atomic.Int64
	log   bytes.Buffer
}

func newWatch(d *db.DB, beats ...worker.Heartbeat) *watch {
	w := &watch{}
	w.now.Store(clock.Micros(clock.System()))
	w.Board = status.NewBoard(status.Deps{
		Heartbeats: func(context.Context) []worker.Heartbeat { w.asked.Add(1); return beats },
		Requests:   requestlog.NewStore(d), Announced: announce.NewStore(d),
		Now: func() time.Time { return clock.FromMicros(w.now.Load()) }, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	return w
}

func (w *watch) wait(d time.Duration) { w.now.Add(d.Microseconds()) }

// What workers report stands in words of customers: whatever they are called, and
// without what went wrong.
func TestReportIsInParts(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := clock.System()
		w := newWatch(
			d,
			worker.Heartbeat{Name: "forward", Every: time.Second, LastSuccess: now, Backlog: worker.Backlog{Count: 3, Oldest: now.Add(-time.Minute)}},
			worker.Heartbeat{Name: "follow", Every: time.Second, LastSuccess: now, Backlog: worker.Backlog{Count: 4, Oldest: now.Add(-time.Hour)}},
			worker.Heartbeat{Name: "mail", Every: time.Second, LastSuccess: now.Add(-time.Hour), LastError: "dial mail.example: refused"},
			worker.Heartbeat{Name: "something-new", Every: time.Hour, LastSuccess: now},
		)
		r := w.Report(t.Context())
		if !r.Database || !r.Late() || r.Latency.Requests != 0 || len(r.Work) != 3 {
			t.Fatalf("%+v", r)
		}
		orders, mails, rest := r.Work[0], r.Work[1], r.Work[2]
		if orders.Part != status.Orders || orders.Late || orders.Waiting != 7 || orders.Oldest.Round(time.Minute) != time.Hour {
			t.Errorf("orders: %+v", orders)
		}
		if mails.Part != status.Mails || !mails.Late || rest.Part != status.Background || rest.Late {
			t.Errorf("%+v, %+v", mails, rest)
		}
	})
}

// However many look at the same time, it is gathered once in some seconds.
func TestReportIsGatheredOnceForAll(t *testing.T) {
	t.Parallel()
	w := newWatch(dbtest.Open(t, db.SQLite))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { w.Report(t.Context()) })
	}
	all.Wait()
	if n := w.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	w.wait(4 * time.Second)
	w.Report(t.Context())
	w.wait(2 * time.Second)
	w.Report(t.Context())
	if n := w.asked.Load(); n != 2 {
		t.Errorf("asked %d times after a while", n)
	}
}

// A visitor who has gone takes the answer from nobody.
func TestReportOutlivesItsVisitor(t *testing.T) {
	t.Parallel()
	w := newWatch(dbtest.Open(t, db.SQLite))
	gone, leave := context.WithCancel(t.Context())
	leave()
	if r := w.Report(gone); !r.Database {
		t.Errorf("%+v, %s", r, w.log.String())
	}
}

// A database that is away is said, with no word of what it said.
func TestDatabaseIsAway(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	w := newWatch(d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if r := w.Report(t.Context()); r.Database || len(r.Work) != 0 || !strings.Contains(w.log.String(), "no answer") {
		t.Errorf("%+v, %s", r, w.log.String())
	}
}

// The figures are those of the requests of the last minutes.
func TestLatencyIsMeasured(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		log := requestlog.NewRecorder(d, func(string, int) {})
		note := func(at time.Time, took time.Duration) {
			log.Note(requestlog.Entry{
				ID: id.New(id.Request), KeyID: id.New(id.Key), AccountID: id.New(id.Account), Mode: "live", At: at,
				Action: "balance", Dialect: "native", Status: 200, Duration: took, Client: netip.MustParseAddr("192.0.2.1"),
			})
		}
		now := clock.System()
		for i := range 100 {
			note(now, time.Duration(i+1)*time.Millisecond)
		}
		note(now.Add(-status.Back-time.Minute), time.Hour)
		_, errFlush := log.Loop().Pass(t.Context())
		l, err := requestlog.NewStore(d).Latency(t.Context(), status.Back)
		if want := (requestlog.Latency{Requests: 100, Half: 50 * time.Millisecond, Most: 95 * time.Millisecond}); errors.Join(err, errFlush) != nil || l != want {
			t.Errorf("%+v, want %+v, %v, %v", l, want, err, errFlush)
		}
		d.AdvanceClock(time.Hour)
		if l, err = requestlog.NewStore(d).Latency(t.Context(), status.Back); err != nil || l != (requestlog.Latency{}) {
			t.Errorf("an hour later: %+v, %v", l, err)
		}
	})
}

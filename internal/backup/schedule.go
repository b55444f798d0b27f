package backup

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/worker"
)

// lookEvery is how often the schedule looks whether a backup is due, and how soon one
// that failed is tried again.
const lookEvery = 10 * time.Minute

// Schedule makes backups of a serving panel. When the next is due the files in the
// folder tell: there is no note beside them that could differ.
type Schedule struct {
	Source Source
	Folder string
	Every  time.Duration
	Keep   int // how many stay
	Now    clock.Clock
	Log    *slog.Logger

	failures atomic.Int64
	ahead    atomic.Int64 // of Now, the database's clock, as last seen
	warned   sync.Map     // the paths that were told of in the log
}

// Loop is the schedule's loop.
func (s *Schedule) Loop() worker.Loop {
	return worker.Loop{Name: "backups", Every: lookEvery, Pass: s.Pass}
}

// Pass makes a backup if one is due. One that fails is told of in the log and in
// Failures, and is no failure of the loop: a panel that can't be backed up goes on
// serving.
func (s *Schedule) Pass(ctx context.Context) (int, error) {
	err := s.pass(ctx)
	if err != nil && ctx.Err() == nil {
		s.failures.Add(1)
		s.Log.LogAttrs(ctx, slog.LevelError, "no backup was made", slog.Any("error", err))
	}
	return 0, nil
}

func (s *Schedule) pass(ctx context.Context) error {
	s.lookAtTheClock(ctx)
	age, found, err := s.Age()
	if err != nil || found && age < s.Every {
		return err
	}
	path, m, err := Make(ctx, s.Source, s.Folder)
	if err != nil {
		return err
	}
	removed, err := Keep(s.Folder, s.Keep, s.now())
	s.Log.LogAttrs(ctx, slog.LevelInfo, "backup made", slog.String("file", path), slog.Int64("bytes", m.Length), slog.Int("removed", removed))
	if err != nil { // there is a backup all the same
		s.Log.LogAttrs(ctx, slog.LevelError, "older backups were not removed", slog.Any("error", err))
	}
	return nil
}

// lookAtTheClock compares the clocks. A backup is named by the database's; while that can't
// be read, what was seen last holds.
func (s *Schedule) lookAtTheClock(ctx context.Context) {
	_ = s.Source.DB.Read(ctx, func(tx *db.Tx) error {
		s.ahead.Store(int64(tx.Now.Sub(s.Now())))
		return nil
	})
}

// now is the time by the database's clock.
func (s *Schedule) now() time.Time { return s.Now().Add(time.Duration(s.ahead.Load())) }

// Age is how old the newest backup is; not found where there is none. One of which the
// end is missing counts for nothing, and so does one whose time is yet to come: it would
// keep others from being made until then.
func (s *Schedule) Age() (age time.Duration, found bool, err error) {
	all, err := list(s.Folder)
	if err != nil {
		return 0, false, err
	}
	now := s.now()
	for _, b := range slices.Backward(all) {
		switch {
		case b.ahead(now):
			s.warn(b)
		case b.whole():
			return max(now.Sub(b.at), 0), true, nil
		}
	}
	return 0, false, nil
}

// warn tells once of a backup whose time is yet to come.
func (s *Schedule) warn(b kept) {
	if _, told := s.warned.LoadOrStore(b.path, nil); !told {
		s.Log.Warn("a backup's time is yet to come: it does not count and is not removed; look at the clock, or move it away", slog.String("file", b.path))
	}
}

// Failures is how many times no backup could be made since the start.
func (s *Schedule) Failures() int64 { return s.failures.Load() }

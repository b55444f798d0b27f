package fulfil

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

const (
	// outcomesMost and wishesMost are how many of these writes are tried at once: of
	// orders that were sent, and of what customers wish of them, which nobody waits for.
	outcomesMost, wishesMost = 64, 6
	// tellEvery is how often the log is told of a write that is still tried.
	tellEvery = time.Minute
	// lastWords is how long what is given up may take to say so.
	lastWords = time.Second
)

// insistence writes what only this process knows, again and again while the database
// is away, however long that is: what is thrown away costs a person's time.
type insistence struct {
	db   *db.DB
	log  *slog.Logger
	gate chan struct{}

	over chan struct{} // closed when the program can't wait any longer
	end  sync.Once
}

func newInsistence(d *db.DB, log *slog.Logger, most int) *insistence {
	return &insistence{db: d, log: log, gate: make(chan struct{}, most), over: make(chan struct{})}
}

// write reports whether it was written. It is given up when giveUp says so, and when
// what it belongs to is not there any more: its primary was lost. The log says what it
// was.
func (i *insistence) write(ctx context.Context, fn func(*db.Tx) error, what string, of ...slog.Attr) bool {
	var told time.Time
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		over := i.isOver() // before the try, so that the last one comes after
		err := i.try(ctx, fn)
		if err == nil {
			return true
		}
		attrs := append(slices.Clip(of), slog.String("what", what), slog.Any("error", err))
		if over || fault.Is(err, fault.NotFound) {
			i.log.LogAttrs(ctx, slog.LevelError, "not stored", attrs...)
			return false
		}
		if now := clock.System(); now.Sub(told) > tellEvery {
			i.log.LogAttrs(ctx, slog.LevelWarn, "not stored yet", attrs...)
			told = now
		}
		select {
		case <-i.over:
		case <-time.After(pause):
		}
	}
}

func (i *insistence) try(ctx context.Context, fn func(*db.Tx) error) error {
	i.gate <- struct{}{}
	defer func() { <-i.gate }()
	return i.db.Write(ctx, fn)
}

func (i *insistence) isOver() bool {
	select {
	case <-i.over:
		return true
	default:
		return false
	}
}

// giveUp ends the insisting: what can't be written now is not tried again.
func (i *insistence) giveUp() { i.end.Do(func() { close(i.over) }) }

// drained waits for calls to end when the program does, and reports whether they did
// within that time. Those that did not are given up, and have a moment to say so: the
// service manager ends a program that takes too long, in the midst of anything.
func drained(calls *sync.WaitGroup, within time.Duration, giveUp func()) bool {
	ended := make(chan struct{})
	go func() {
		calls.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return true
	case <-time.After(within):
	}
	giveUp()
	select {
	case <-ended:
	case <-time.After(lastWords):
	}
	return false
}

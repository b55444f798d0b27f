package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// syncLease is how long a claimed sync belongs to its node, and syncMost how
	// long it may take: it has surely ended when another node takes its turn.
	syncLease = 10 * time.Minute
	syncMost  = 8 * time.Minute
	// A sync that fails is tried again after at least syncRetryLeast; the pauses
	// grow up to syncRetryMost, or the provider's own rhythm where that is slower.
	syncRetryLeast = time.Minute
	syncRetryMost  = time.Hour
	// syncsAtOnce is how many providers a node syncs at the same time.
	syncsAtOnce = 4
	// byPanel is who acts when nobody asked.
	byPanel = "panel"
)

// shrunkText is the alarm of a list that shrank. It is read back when a person
// accepts what it says.
const shrunkText = "%d of %d services are no longer listed: nothing was paused; `provider sync --accept-shrink` pauses them if it stays so"

// Sync brings what the panel sells of a provider up to date and adds nothing. The
// outcome is kept with the provider, also where it is a failure. A list that
// shrank pauses nothing, unless an earlier sync said so and a person accepts it
// now: then so many services as that one counted may vanish, and no more.
func (im Importer) Sync(ctx context.Context, idOrName string, acceptShrink bool, actor string) (ImportReport, error) {
	p, err := im.Providers.Find(ctx, idOrName)
	if err != nil {
		return ImportReport{}, err
	}
	o := ImportOptions{knownOnly: true}
	if acceptShrink {
		if o.mayVanish, err = p.shrunk(); err != nil {
			return ImportReport{}, err
		}
	}
	report, err := im.Run(ctx, p.ID, o, actor)
	if errors.Is(ctx.Err(), context.Canceled) {
		return report, err // it was stopped, which says nothing of the provider
	}
	return report, errors.Join(err, im.Providers.noteSync(context.WithoutCancel(ctx), p.ID, err))
}

// shrunk returns how many services the last sync missed.
func (p Provider) shrunk() (vanished int, err error) {
	var listed int
	if n, _ := fmt.Sscanf(alarmOf(p.Alarm, AlarmShrink), shrunkText[:len("%d of %d")], &vanished, &listed); n == 0 {
		return 0, fault.Newf(fault.Conflict, "no sync has found the list of %s shrunk: there is nothing to accept", p.Name)
	}
	return vanished, nil
}

// noteShrunk raises the alarm of a list that shrank, or ends it.
func (s *Store) noteShrunk(ctx context.Context, providerID string, found *catalog.Shrunk) error {
	text := ""
	if found != nil {
		text = fmt.Sprintf(shrunkText, found.Vanished, found.Listed)
	}
	return s.db.Write(ctx, func(tx *db.Tx) error { return SetAlarm(tx, providerID, AlarmShrink, text) })
}

// noteSync keeps what became of a sync.
func (s *Store) noteSync(ctx context.Context, providerID string, failure error) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		if failure != nil {
			return SetAlarm(tx, providerID, AlarmSync, failure.Error())
		}
		if _, err := tx.Exec(`UPDATE providers SET synced_at = $2 WHERE id = $1`, providerID, db.At(tx.Now)); err != nil {
			return fmt.Errorf("note the sync: %w", err)
		}
		return SetAlarm(tx, providerID, AlarmSync, "")
	})
}

// dueSync says whose turn it is at the time $1.
const dueSync = `sync_every > 0 AND kind <> 'manual' AND (sync_due_at IS NULL OR sync_due_at <= $1)`

// SyncLoop returns the loop that syncs every provider in its rhythm, each on one
// node at a time.
func SyncLoop(im Importer, log *slog.Logger) worker.Loop {
	s := syncs{im, log}
	return worker.Loop{Name: "sync", Every: 10 * time.Second, Pass: s.pass, Backlog: s.backlog}
}

type syncs struct {
	Importer

	log *slog.Logger
}

func (s syncs) backlog(ctx context.Context) (b worker.Backlog, err error) {
	err = s.Providers.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*), MIN(COALESCE(sync_due_at, created_at)) FROM providers WHERE `+dueSync, db.At(tx.Now)).
			Scan(&b.Count, db.Time(&b.Oldest))
	})
	return b, err
}

func (s syncs) pass(ctx context.Context) (found int, err error) {
	var due []Provider
	err = s.Providers.db.Read(ctx, func(tx *db.Tx) error {
		due, err = db.All(tx, scan, `SELECT `+columns+` FROM providers WHERE `+dueSync+` ORDER BY id`, db.At(tx.Now))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look for due syncs: %w", err)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, syncsAtOnce)
	for _, p := range due {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			ran, oneErr := s.one(ctx, p)
			mu.Lock()
			defer mu.Unlock()
			if ran {
				found++
			}
			err = errors.Join(err, oneErr)
		})
	}
	all.Wait()
	return found, err
}

// one claims a provider's turn, syncs it and sets its next turn.
func (s syncs) one(ctx context.Context, p Provider) (ran bool, err error) {
	until, ran, err := s.claim(ctx, p.ID)
	if err != nil || !ran {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, syncMost)
	defer cancel()
	report, failure := s.Sync(limited, p.ID, false, byPanel)
	switch {
	case failure != nil:
		s.log.LogAttrs(ctx, slog.LevelWarn, "sync failed", slog.String("provider", p.Name), slog.Any("error", failure))
	case report.Shrunk != nil:
		s.log.LogAttrs(ctx, slog.LevelWarn, "a provider's list shrank", slog.String("provider", p.Name),
			slog.Int("vanished", report.Shrunk.Vanished), slog.Int("listed", report.Shrunk.Listed))
	default:
		s.log.LogAttrs(ctx, slog.LevelInfo, "provider synced", slog.String("provider", p.Name), slog.Int("changed", report.Changed),
			slog.Int("paused", report.Paused), slog.Int("resumed", report.Resumed))
	}
	// A program that stops gives its turn back.
	return true, s.finish(context.WithoutCancel(ctx), p.ID, until, failure != nil)
}

// claim takes a provider's turn by moving it on for the time of the lease: the
// new due time is also the token that finish is guarded by.
func (s syncs) claim(ctx context.Context, providerID string) (until time.Time, claimed bool, err error) {
	err = s.Providers.db.Write(ctx, func(tx *db.Tx) error {
		until = tx.Now.Add(syncLease)
		claimed, err = tx.ExecOne(`UPDATE providers SET sync_due_at = $3 WHERE id = $2 AND `+dueSync, db.At(tx.Now), providerID, db.At(until))
		return err
	})
	if err != nil {
		return until, false, fmt.Errorf("claim a sync: %w", err)
	}
	return until, claimed, nil
}

// finish sets a provider's next turn, unless its rhythm was set anew meanwhile.
func (s syncs) finish(ctx context.Context, providerID string, until time.Time, failed bool) error {
	err := s.Providers.db.Write(ctx, func(tx *db.Tx) error {
		var every int64
		var last time.Time
		err := tx.QueryRow(`SELECT sync_every, COALESCE(synced_at, created_at) FROM providers WHERE id = $1 AND sync_due_at = $2`,
			providerID, db.At(until)).Scan(&every, db.Time(&last))
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		pause := time.Duration(every) * time.Second
		if failed {
			pause = retryAfter(tx.Now.Sub(last), pause)
		}
		_, err = tx.Exec(`UPDATE providers SET sync_due_at = $3 WHERE id = $1 AND sync_due_at = $2`, providerID, db.At(until), db.At(tx.Now.Add(pause)))
		return err
	})
	if err != nil {
		return fmt.Errorf("finish a sync: %w", err)
	}
	return nil
}

// retryAfter is the pause after a failure: half of the time since the last
// success, so that pauses grow while nothing succeeds.
func retryAfter(since, every time.Duration) time.Duration {
	return min(max(since/2, syncRetryLeast), max(every, syncRetryMost))
}

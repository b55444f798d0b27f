package app

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/backup"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/incarnation"
	"github.com/notpanel/notpanel/internal/worker"
)

// askEvery is how often a panel that waits looks whether it was resumed.
const askEvery = time.Second

// Standing reads whether the database is a restored copy, and whether it waits.
func (c *Core) Standing(ctx context.Context) (s incarnation.Standing, err error) {
	err = c.DB.Read(ctx, func(tx *db.Tx) error {
		s, err = incarnation.Load(tx)
		return err
	})
	return s, err
}

// startOrWait starts the loops that do what waits in the database, or, in a restored
// copy, waits with them until a person has looked at it.
func (s *Server) startOrWait() {
	if !s.waits.Load() {
		s.startWorkers()
		return
	}
	s.workers.Go(worker.Loop{
		Name: "resume", Every: askEvery,
		Pass: func(ctx context.Context) (int, error) {
			if !s.waits.Load() {
				return 0, nil
			}
			standing, err := s.Core.Standing(ctx)
			if err != nil || standing.Waits {
				return 0, err
			}
			s.log.LogAttrs(ctx, slog.LevelInfo, "resumed: what waits is worked on")
			s.waits.Store(false)
			s.startWorkers()
			return 0, nil
		},
	})
}

// startRecorders starts the loops that write down what this process has in memory, and
// those that only take away what is old. They send nothing and wait for nobody.
func (s *Server) startRecorders() {
	s.panel.Run(s.workers)
	s.workers.Go(worker.Loop{
		Name: "key-uses", Every: 5 * time.Second,
		Pass: func(ctx context.Context) (int, error) { return 0, s.keys.WriteUses(ctx) },
	})
	s.workers.Go(s.requests.Loop())
	s.workers.Go(s.people.Purge())
	s.workers.Go(s.orders.Loop())
}

// recognise looks whether the database is a copy: a SQLite file that another panel
// served last came by copying, and what waits in it may have been sent since.
func (s *Server) recognise(ctx context.Context) error {
	if err := s.recogniseFile(ctx); err != nil {
		return err
	}
	standing, err := s.Core.Standing(ctx)
	if err != nil {
		return err
	}
	s.waits.Store(standing.Waits)
	if standing.Waits {
		s.log.LogAttrs(ctx, slog.LevelWarn, "this panel is a restored copy: nothing is sent until `notpanel resume`", slog.Time("since", standing.Since))
	}
	return nil
}

// runs are two numbers in the file beside a SQLite database: the one that the database
// had when a panel began to serve it, and the one that it then got. A crash between the
// two leaves either of them in the database.
type runs struct {
	Before int32 `json:"before"`
	Now    int32 `json:"now"`
}

func (s *Server) recogniseFile(ctx context.Context) error {
	path, isFile, err := db.RunFile(s.settings.DatabaseURL)
	if err != nil || !isFile {
		return err
	}
	var run int32
	err = s.Core.DB.Read(ctx, func(tx *db.Tx) error {
		run, err = tx.RunID()
		return err
	})
	if err != nil {
		return err
	}
	last, found, err := readRuns(path)
	if err != nil {
		return err
	}
	if run != 0 && (!found || run != last.Before && run != last.Now) {
		s.log.LogAttrs(ctx, slog.LevelWarn, "the database is a copy of one that was served elsewhere")
		n := backup.Incarnation{Actor: "panel", Detail: "the file was served elsewhere"}
		if _, err := n.Start(ctx, s.Core.DB); err != nil {
			return err
		}
	}
	next := runs{Before: run, Now: newRun()}
	if err := writeRuns(path, next); err != nil {
		return err
	}
	return s.Core.DB.Write(ctx, func(tx *db.Tx) error { return tx.SetRunID(next.Now) })
}

// newRun is a random number above 0.
func newRun() int32 {
	var raw [4]byte
	_, _ = rand.Read(raw[:]) // never fails: the runtime stops the program instead
	return int32(binary.BigEndian.Uint32(raw[:])>>1) | 1
}

func readRuns(path string) (r runs, found bool, err error) {
	text, err := os.ReadFile(path) //nolint:gosec // beside the database
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, false, fmt.Errorf("read who served the database last: %w: remove %s, and the panel takes the database for a copy", err, path)
	}
	return r, true, nil
}

// writeRuns puts the file there whole: it is on the disk before it has its name.
func writeRuns(path string, r runs) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write who serves the database: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".notpanel-run-*")
	if err != nil {
		return fmt.Errorf("write who serves the database: %w", err)
	}
	_, err = temp.Write(append(text, '\n'))
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return backup.SyncFolder(filepath.Dir(path))
}

// wakers wake loops for work that has just become due. Before the loops are started
// there is nothing to wake.
type wakers struct {
	forwarder waker // orders were placed
	actor     waker // customers wish something of their orders
	lists     waker // a person asked for a provider's list
}

type waker struct{ wake atomic.Pointer[func()] }

func (w *waker) set(wake func()) { w.wake.Store(&wake) }

func (w *waker) ring() {
	if wake := w.wake.Load(); wake != nil {
		(*wake)()
	}
}

func (s *Server) wake()      { s.wakers.forwarder.ring() }
func (s *Server) wakeActs()  { s.wakers.actor.ring() }
func (s *Server) wakeLists() { s.wakers.lists.ring() }

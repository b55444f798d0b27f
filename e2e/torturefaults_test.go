//go:build linux

package e2e_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fulfil"
)

// mishap is something that fails. What happens returns when it ended, for how long
// the return took.
type mishap struct {
	name    string
	happens func(s *scene) (ended time.Time)
}

// mishaps are what happens between the kills, and can happen here.
func (s *scene) mishaps() []mishap {
	if s.disk == "" {
		return mishaps[s.engine]
	}
	return append(slices.Clone(mishaps[s.engine]), mishap{"disk full", (*scene).fillDisk})
}

// mishaps are those that can happen everywhere.
var mishaps = map[db.Engine][]mishap{
	db.SQLite: {
		{"a panel paused, its orders settled meanwhile", (*scene).pauseOne},
		{"a panel ended and started", (*scene).replace},
		{"the line to a provider cut", (*scene).cutProvider},
		{"a provider that answers nobody", (*scene).dropProvider},
	},
	db.Postgres: {
		{"a panel paused, its orders settled meanwhile", (*scene).pauseOne},
		{"the database killed and started", (*scene).restartDatabase},
		{"a node's line to the database cut", weatherOf((*wire).cut)},
		{"a node's packets to the database lost", weatherOf((*wire).drop)},
		{"the primary lost, a standby promoted", (*scene).failOver},
		{"a node's packets to the database held", weatherOf((*wire).stall)},
		{"Redis killed and started", (*scene).restartRedis},
		{"a node's packets to the database late", weatherOf(func(w *wire) { w.delay(200 * time.Millisecond) })},
		{"a panel ended and started", (*scene).replace},
		{"the line to a provider cut", (*scene).cutProvider},
		{"a provider that answers nobody", (*scene).dropProvider},
	},
}

// anyone is a node, by chance.
func (s *scene) anyone() *seat { return s.nodes[s.random.IntN(len(s.nodes))] }

// kill is kill -9, and a new start.
func (s *scene) kill() time.Time { return s.anew((*seat).kill) }

// replace is an end in order, and a new start.
func (s *scene) replace() time.Time { return s.anew((*seat).terminate) }

// anew ends a node and starts it again.
func (s *scene) anew(end func(*seat)) time.Time {
	n := s.anyone()
	end(n)
	ended := time.Now()
	s.again(n)
	return ended
}

// pauseOne stops a panel for longer than any call may take. Whatever it was sending is
// settled before it wakes; then it must send nothing of that.
func (s *scene) pauseOne() time.Time {
	n := s.anyone()
	s.freezeBetweenWrites(n.panel)
	s.lasts(callLasts)
	for range 3 { // an order that was settled as not accepted is sent again, and may be uncertain again
		s.abandon()
		must(s.t, s.recover())
		s.watch()
	}
	n.thaw()
	return time.Now()
}

// recover does what other nodes do, where there is none.
func (s *scene) recover() error {
	if len(s.nodes) > 1 {
		return nil
	}
	_, err := fulfil.NewRecoverer(s.db, discard).Pass(s.t.Context())
	return err
}

// lasts is how long a fault lasts: the one wait that nothing can shorten.
func (s *scene) lasts(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.t.Context().Done():
	}
}

// weatherOf is a fault of all lines of a node to the database's servers.
func weatherOf(turn func(w *wire)) func(s *scene) time.Time {
	return func(s *scene) time.Time {
		n := s.anyone()
		for _, w := range n.wires {
			turn(w)
		}
		s.lasts(time.Second + time.Duration(s.random.Int64N(int64(3*time.Second))))
		for _, w := range n.wires {
			w.pass()
		}
		return time.Now()
	}
}

// cutProvider lets nobody connect to a provider: nothing was sent, and all is sent later.
func (s *scene) cutProvider() time.Time { return s.losing((*wire).cut) }

// dropProvider lets a provider get nothing of what is sent, or nobody its answer.
func (s *scene) dropProvider() time.Time { return s.losing((*wire).drop) }

func (s *scene) losing(turn func(w *wire)) time.Time {
	turn(s.line)
	s.some(20)
	s.lasts(time.Second)
	s.line.pass()
	return time.Now()
}

// restartDatabase kills the database and starts it again.
func (s *scene) restartDatabase() time.Time {
	must(s.t, s.cluster.RestartPrimary(s.t.Context()))
	ended := time.Now()
	s.heal()
	return ended
}

// failOver loses the primary for good and promotes a standby.
func (s *scene) failOver() time.Time {
	must(s.t, s.cluster.WaitInStep(s.t.Context()))
	must(s.t, s.cluster.KillPrimary(s.t.Context()))
	must(s.t, s.cluster.Promote(s.t.Context()))
	promoted := time.Now()
	s.heal()
	must(s.t, s.cluster.Rebuild(s.t.Context()))
	return promoted
}

// restartRedis loses all that was counted.
func (s *scene) restartRedis() time.Time {
	s.redis.Stop()
	s.some(20)
	s.redis.Restart()
	return time.Now()
}

// diskSize is that of the small disk: some thousand orders have room.
const diskSize = "size=96m"

// smallDisk is a folder on a file system of its own, or "" where this user may make none.
func smallDisk(t *testing.T) (folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "disk")
	must(t, os.Mkdir(folder, 0o700))
	switch err := syscall.Mount("notpanel-test", folder, "tmpfs", 0, diskSize); {
	case errors.Is(err, os.ErrPermission) && os.Getenv("CI") != "true":
		t.Log("no disk is filled: this user may not mount one")
		return ""
	case err != nil:
		t.Fatal("a small disk to fill:", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(folder, 0)) })
	return folder
}

// fillDisk leaves the panel no room: callers are told to come again, readiness says
// why, and once there is room all goes on.
func (s *scene) fillDisk() time.Time {
	ballast := filepath.Join(s.disk, "ballast")
	fillUp(s.t, ballast)
	n := s.at(0)
	eventually(s.t, "a full disk is told to who looks whether the panel is ready", func() bool {
		fillUp(s.t, ballast) // a log that was begun anew gives room back
		status, body := n.ready(s.t.Context())
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"why":["database: disk full"`)
	})
	if a := n.call(form(s.load.customer.key, "balance")); a.status != http.StatusOK {
		s.t.Errorf("balance, which writes nothing, is answered %d %s on a full disk", a.status, a.body)
	}
	must(s.t, os.Remove(ballast))
	return time.Now()
}

// fillUp lets a file grow until nothing more has room.
func fillUp(t testing.TB, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(t, err)
	defer func() { must(t, f.Close()) }()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err == nil {
			continue
		} else if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, io.ErrShortWrite) {
			t.Fatal(err)
		}
		size /= 2
	}
}

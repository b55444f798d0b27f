package backup_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/backup"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// The schedule makes a backup when the newest is old enough, keeps as many as it is
// told, and touches nothing else in the folder.
func TestScheduleMakesAndKeeps(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.SQLite)
	var ahead time.Duration
	s := &backup.Schedule{
		Source: backup.Source{DB: d, Program: "test"}, Folder: t.TempDir(), Every: time.Hour, Keep: 3,
		Now: func() time.Time { return time.Now().Add(ahead) }, Log: slog.New(slog.DiscardHandler),
	}
	pass := func(by time.Duration) []string {
		t.Helper()
		ahead += by
		d.AdvanceClock(by)
		_, err := s.Pass(t.Context())
		ordertest.Must(t, err)
		files, err := filepath.Glob(filepath.Join(s.Folder, "*.backup"))
		ordertest.Must(t, err)
		return files
	}
	mine := filepath.Join(s.Folder, "mine.backup")
	brokenOff := filepath.Join(s.Folder, "notpanel-2020-01-01T000000Z.backup.partial")
	for _, path := range []string{mine, brokenOff} {
		ordertest.Must(t, os.WriteFile(path, nil, 0o600))
	}
	for i, want := range []int{2, 2, 3, 4, 4, 4} { // one of them mine
		if got := pass([]time.Duration{0, 50 * time.Minute, 11 * time.Minute, time.Hour, time.Hour, time.Hour}[i]); len(got) != want {
			t.Errorf("pass %d: %v", i, got)
		}
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(brokenOff); err == nil {
		t.Error("what was broken off long ago is still there")
	}
	if age, found, err := s.Age(); err != nil || !found || age > time.Minute || s.Failures() != 0 {
		t.Errorf("age %s, %v, %v, %d failures", age, found, err, s.Failures())
	}
	newest, err := backup.Newest(s.Folder)
	ordertest.Must(t, err)
	ordertest.Must(t, os.Truncate(newest, 100))
	if age, _, err := s.Age(); err != nil || age < time.Hour {
		t.Errorf("half a backup counts as one: age %s, %v", age, err)
	}
	ordertest.Must(t, os.Remove(newest))
	pass(0)
	if age, _, err := s.Age(); err != nil || age > time.Minute {
		t.Errorf("after it was made anew: age %s, %v", age, err)
	}
	s.Folder = filepath.Join(s.Folder, "gone")
	pass(0)
	if s.Failures() != 1 {
		t.Errorf("%d failures", s.Failures())
	}
}

package backup_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	newest, err := backup.Newest(s.Folder, s.Now())
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

// folder is a schedule's folder: an hour between two backups, two are kept.
type folder struct {
	*backup.Schedule

	t     *testing.T
	whole []byte // a backup
	log   bytes.Buffer
	now   time.Time
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	d := dbtest.Open(t, db.SQLite)
	from := backup.Source{DB: d, Program: "test"}
	path, m, err := backup.Make(t.Context(), from, t.TempDir())
	ordertest.Must(t, err)
	f := &folder{t: t, now: m.MadeAt}
	f.whole, err = os.ReadFile(path)
	ordertest.Must(t, err)
	f.Schedule = &backup.Schedule{
		Source: from, Folder: t.TempDir(), Every: time.Hour, Keep: 2,
		Now: func() time.Time { return f.now }, Log: slog.New(slog.NewTextHandler(&f.log, nil)),
	}
	return f
}

// put writes a file by the name of a backup of this age and returns the name.
func (f *folder) put(age time.Duration, content []byte) string {
	f.t.Helper()
	name := "notpanel-" + f.now.Add(-age).UTC().Format("2006-01-02T150405Z") + ".backup"
	ordertest.Must(f.t, os.WriteFile(filepath.Join(f.Folder, name), content, 0o600))
	return name
}

// holds compares the folder's files.
func (f *folder) holds(want ...string) {
	f.t.Helper()
	entries, err := os.ReadDir(f.Folder)
	ordertest.Must(f.t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		f.t.Errorf("the folder holds %v, want %v", got, want)
	}
}

// A file whose closing line names a length that can't be counts for nothing: the
// schedule goes on.
func TestScheduleGoesOnBesideImpossibleLengths(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{
		"negative":        closed(nil, -1),
		"very negative":   closed([]byte("x"), -99_999),
		"zero":            closed([]byte("x"), 0),
		"beyond the file": closed([]byte("x"), 2),
		"beyond bounds":   closed(make([]byte, 70_000), 70_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			left := f.put(time.Minute, content)
			if age, found, err := f.Age(); found || err != nil {
				t.Errorf("age %s, %v, %v", age, found, err)
			}
			_, err := f.Pass(t.Context())
			ordertest.Must(t, err)
			if age, found, err := f.Age(); !found || err != nil || age > time.Minute || f.Failures() != 0 {
				t.Errorf("after a pass: age %s, %v, %v, %d failures", age, found, err, f.Failures())
			}
			if _, err := os.Stat(filepath.Join(f.Folder, left)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A file whose time is yet to come holds no backup up, is told of once, and stays.
func TestScheduleSkipsWhatIsAheadOfTheClock(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	ahead, far := f.put(-2*time.Minute, f.whole), f.put(-50*365*24*time.Hour, f.whole)
	if age, found, err := f.Age(); found || err != nil {
		t.Errorf("age %s, %v, %v", age, found, err)
	}
	old := []string{f.put(2*time.Hour, f.whole), f.put(3*time.Hour, f.whole), f.put(4*time.Hour, f.whole)}
	if age, found, err := f.Age(); !found || err != nil || age.Round(time.Minute) != 2*time.Hour {
		t.Errorf("age %s, %v, %v", age, found, err)
	}
	removed, err := backup.Keep(f.Folder, 2, f.now)
	ordertest.Must(t, err)
	if removed != 1 {
		t.Errorf("%d removed", removed)
	}
	f.holds(ahead, far, old[0], old[1])
	_, err = f.Pass(t.Context())
	ordertest.Must(t, err)
	if age, found, err := f.Age(); !found || err != nil || age > time.Minute || f.Failures() != 0 {
		t.Errorf("after a pass: age %s, %v, %v, %d failures", age, found, err, f.Failures())
	}
	for _, name := range []string{ahead, far} {
		if n := strings.Count(f.log.String(), name); n != 1 {
			t.Errorf("%s is told of %d times:\n%s", name, n, f.log.String())
		}
	}
	if n := strings.Count(f.log.String(), "level=WARN"); n != 2 {
		t.Errorf("%d warnings:\n%s", n, f.log.String())
	}
	// When its time has come it counts as any other.
	f.now = f.now.Add(2 * time.Minute)
	if age, found, err := f.Age(); !found || err != nil || age > time.Minute {
		t.Errorf("when its time has come: age %s, %v, %v", age, found, err)
	}
}

// What is tried is the newest of those that have been made, and not for ever one whose
// time is yet to come.
func TestNewestIsNotAheadOfTheClock(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	newest := func(want string) {
		t.Helper()
		path, err := backup.Newest(f.Folder, f.now)
		ordertest.Must(t, err)
		if got := filepath.Base(path); got != want {
			t.Errorf("the newest is %s, want %s", got, want)
		}
	}
	ahead := f.put(-50*365*24*time.Hour, f.whole)
	newest(ahead) // there is no other
	f.put(2*time.Hour, f.whole)
	newest(f.put(time.Hour, f.whole))
}

// A backup's time is the database's. A machine whose clock is an hour behind makes no
// more of them than another, and the older ones stay for as long.
func TestScheduleGoesByTheClockOfTheDatabase(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			f.Every, f.Keep = 24*time.Hour, 7
			f.Source.DB.AdvanceClock(ahead)
			const looks, pause = 4, 10 * time.Minute
			for range looks {
				_, err := f.Pass(t.Context())
				ordertest.Must(t, err)
				f.now = f.now.Add(pause)
				f.Source.DB.AdvanceClock(pause)
			}
			files, err := filepath.Glob(filepath.Join(f.Folder, "*.backup"))
			ordertest.Must(t, err)
			if len(files) != 1 {
				t.Errorf("%d backups were made within an hour, want 1: %v", len(files), files)
			}
			if age, found, err := f.Age(); !found || err != nil || age.Round(time.Minute) != looks*pause {
				t.Errorf("age %s, %v, %v", age, found, err)
			}
		})
	}
}

// The database's clock may be a minute ahead of this machine's.
func TestScheduleAllowsAMinuteAhead(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	name := f.put(-59*time.Second, f.whole)
	if age, found, err := f.Age(); !found || err != nil || age != 0 {
		t.Errorf("age %s, %v, %v", age, found, err)
	}
	_, err := f.Pass(t.Context())
	ordertest.Must(t, err)
	f.holds(name)
	if f.log.Len() != 0 {
		t.Error(f.log.String())
	}
}

// No good backup is removed for the sake of a file that is none; one that is older than
// all that stay goes with the others.
func TestKeepCountsWholeBackupsOnly(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	half := f.whole[:len(f.whole)/2]
	files := []string{
		f.put(1*time.Hour, half),
		f.put(2*time.Hour, closed(half, -1)),
		f.put(3*time.Hour, f.whole),
		f.put(4*time.Hour, nil),
		f.put(5*time.Hour, f.whole),
	}
	keep := func(want int) {
		t.Helper()
		removed, err := backup.Keep(f.Folder, 2, f.now)
		ordertest.Must(t, err)
		if removed != want {
			t.Errorf("%d removed, want %d", removed, want)
		}
	}
	keep(0)
	f.holds(files...)
	f.put(6*time.Hour, f.whole)
	f.put(7*time.Hour, half)
	keep(2)
	f.holds(files...)
}

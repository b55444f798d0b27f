package db_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
)

// openSQLite opens a database of NewURL with options of its own.
func openSQLite(t *testing.T, url string, o db.Options) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// groups queues closures behind a held writer and returns how many of them ran
// in each transaction; those of one have one time.
func groups(t *testing.T, d *db.DB, closures int) map[time.Time]int {
	t.Helper()
	release := hold(t, d)
	var mu sync.Mutex
	sizes := map[time.Time]int{}
	waiting := make([]pending, closures)
	for i := range waiting {
		waiting[i] = begin(t, d, func(tx *db.Tx) error {
			mu.Lock()
			sizes[tx.Now]++
			mu.Unlock()
			return insertThings(tx, int64(i))
		})
	}
	eventually(t, "all closures wait", func() bool { return d.Queued() == closures })
	release()
	for i, p := range waiting {
		if err := <-p; err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if got := len(stored(t, d)); got != closures {
		t.Errorf("%d things are stored, want %d", got, closures)
	}
	return sizes
}

// Closures that wait share one transaction and its commit. A group ends after
// 5 ms, so on a slow machine there are some, but far fewer than closures.
func TestWaitingClosuresShareACommit(t *testing.T) {
	t.Parallel()
	const closures = 1000
	sizes := groups(t, openThings(t, db.SQLite), closures)
	if len(sizes) > closures/4 {
		t.Errorf("%d closures took %d commits", closures, len(sizes))
	}
	for now, size := range sizes {
		if size > db.GroupMost {
			t.Errorf("the group of %s had %d closures, %d are the most", now, size, db.GroupMost)
		}
	}
}

// Ungrouped gives every closure a commit of its own.
func TestUngroupedClosuresCommitAlone(t *testing.T) {
	t.Parallel()
	d := openSQLite(t, dbtest.NewURL(t, db.SQLite), db.Options{Ungrouped: true})
	createThings(t, d)
	if sizes := groups(t, d, 50); len(sizes) != 50 {
		t.Errorf("50 closures took %d commits", len(sizes))
	}
}

// fillDisk is a closure that writes and then meets a full disk: a statement that
// makes SQLite roll back the whole transaction, not only itself.
func fillDisk(tx *db.Tx) error {
	if err := insertThings(tx, 2); err != nil {
		return err
	}
	// The file may not grow any more. The setting goes with the connection.
	if _, err := tx.Exec(`PRAGMA max_page_count = 1`); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO things (id, name) VALUES (3, $1)`, strings.Repeat("x", 1<<20)); err != nil {
		return fault.Wrap(fault.Conflict, "meant for this caller alone", err)
	}
	return errors.New("the disk has no end")
}

// A disk that is full in the middle of a group undoes the whole group. Everyone
// in it hears of it, nothing of it is there, and what had not begun runs anew.
func TestFullDiskUndoesTheGroupAndNothingElse(t *testing.T) {
	t.Parallel()
	// Before, the full disk and after ran in one transaction unless the machine
	// was so slow that the group's time was over; then they are run again.
	for range 50 {
		if fullDiskInAGroup(t) {
			return
		}
	}
	t.Error("the closures never came into one group")
}

func fullDiskInAGroup(t *testing.T) (inOneGroup bool) {
	t.Helper()
	d := openThings(t, db.SQLite)
	release := hold(t, d)
	var first, full time.Time
	before := queue(t, d, func(tx *db.Tx) error {
		first = tx.Now
		return insertThings(tx, 1)
	})
	ownError := queue(t, d, func(*db.Tx) error { return errOwn })
	culprit := queue(t, d, func(tx *db.Tx) error {
		full = tx.Now
		return fillDisk(tx)
	})
	after := queue(t, d, insert(4))
	release()

	errBefore, errOther, errCulprit, errAfter := <-before, <-ownError, <-culprit, <-after
	if !first.Equal(full) {
		return false
	}
	if !fault.Is(errCulprit, fault.Unavailable) || !strings.Contains(errCulprit.Error(), "full") {
		t.Errorf("who met the full disk got %v, want Unavailable whatever it made of it", errCulprit)
	}
	if !fault.Is(errBefore, fault.Unavailable) || !strings.Contains(errBefore.Error(), "rolled back") {
		t.Errorf("whose work was undone got %v, want Unavailable", errBefore)
	}
	if !errors.Is(errOther, errOwn) {
		t.Errorf("who failed by itself got %v, want its own error", errOther)
	}
	if errAfter != nil {
		t.Errorf("what had not begun got %v", errAfter)
	}
	write(t, d, insert(5))
	if got := stored(t, d); !slices.Equal(got, []int64{4, 5}) {
		t.Errorf("stored %v, want only what came after", got)
	}
	return true
}

// A commit that fails is nobody's success: all of its group hear that the outcome
// is unknown, and the writer goes on.
func TestFailedCommitIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	d := openThings(t, db.SQLite)
	write(t, d, exec(`CREATE TABLE parts (thing_id BIGINT NOT NULL REFERENCES things (id))`))
	release := hold(t, d)
	group := []pending{queue(t, d, insert(1)), queue(t, d, func(tx *db.Tx) error {
		// A foreign key that is checked at COMMIT only. Closures may not do that.
		if _, err := tx.Exec(`PRAGMA defer_foreign_keys = ON`); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO parts (thing_id) VALUES (99)`)
		return err
	})}
	release()
	first, culprit := <-group[0], <-group[1]
	if !errors.Is(culprit, db.ErrOutcomeUnknown) || !db.IsDown(culprit) {
		t.Errorf("who spoilt the commit got %v, want ErrOutcomeUnknown", culprit)
	}
	if first != nil && !errors.Is(first, db.ErrOutcomeUnknown) {
		t.Errorf("the other got %v, want ErrOutcomeUnknown", first)
	}
	write(t, d, insert(2))
	want := []int64{2}
	if first == nil { // its group was over before the culprit's
		want = []int64{1, 2}
	}
	if got := stored(t, d); !slices.Equal(got, want) {
		t.Errorf("stored %v, want %v", got, want)
	}
}

// The panel and the command line beside it write to one file at the same time;
// neither is ever told that the file is busy.
func TestTwoProcessesShareAFile(t *testing.T) {
	t.Parallel()
	const writes = 200
	url := dbtest.NewURL(t, db.SQLite)
	nodes := []*db.DB{dbtest.Connect(t, url), dbtest.Connect(t, url)}
	createThings(t, nodes[0])
	var wg sync.WaitGroup
	for n, d := range nodes {
		for part := range 4 {
			wg.Go(func() {
				for i := range writes / 4 {
					if err := d.Write(t.Context(), insert(int64(n*writes+part*writes/4+i))); err != nil {
						t.Errorf("node %d: %v", n, err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	for _, d := range nodes {
		if got := len(stored(t, d)); got != 2*writes {
			t.Errorf("%d things are stored, want %d", got, 2*writes)
		}
	}
}

// Who waits longer than BusyWait for another process is told that nothing was
// done, and may come again.
// Each opening has connections of its own, as processes have.
func TestManyOpenANewFileAtOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		url := "sqlite:" + t.TempDir() + "/new.db"
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				d, err := db.Open(t.Context(), url, db.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}

func TestBusyFileIsUnavailable(t *testing.T) {
	t.Parallel()
	url := dbtest.NewURL(t, db.SQLite)
	other := dbtest.Connect(t, url)
	createThings(t, other)
	d := openSQLite(t, url, db.Options{BusyWait: 20 * time.Millisecond})
	release := hold(t, other)
	if err := d.Write(t.Context(), insert(1)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Write = %v, want Unavailable", err)
	}
	if got := stored(t, d); len(got) != 0 {
		t.Errorf("stored %v while the other process writes", got)
	}
	release()
	write(t, d, insert(2))
	if got := stored(t, d); !slices.Equal(got, []int64{2}) {
		t.Errorf("stored %v", got)
	}
}

// Characters that mean something in an address are part of a file's name.
func TestFileNamesAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b.db", "50%.db", "50%25.db", "what?.db", "no#1.db", "größe.db", "new folder/x.db"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := "sqlite:" + t.TempDir() + "/" + name
			d := openSQLite(t, url, db.Options{})
			createThings(t, d)
			write(t, d, insert(1))
			var file string
			read(t, d, func(tx *db.Tx) error {
				return tx.QueryRow(`SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(&file)
			})
			if want := d.SQLitePath(); file != want || want != strings.TrimPrefix(url, "sqlite:") {
				t.Errorf("the file is %s, the path %s", file, want)
			}
			if got := stored(t, d); len(got) != 1 {
				t.Errorf("stored %v", got)
			}
		})
	}
}

// One panel at a time serves a file; a PostgreSQL database needs no such lock.
func TestFileLockKeepsASecondPanelAway(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + t.TempDir() + "/panels/panel.db"
	first, err := db.LockFile(url)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if second, err := db.LockFile(url); err == nil || second != nil {
			t.Fatalf("a second panel got the lock: %v", err)
		}
	}
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := db.LockFile(url)
	if err != nil {
		t.Fatalf("after Unlock: %v", err)
	}
	if err := again.Unlock(); err != nil {
		t.Error(err)
	}
	if lock, err := db.LockFile("postgres://127.0.0.1/panel"); lock != nil || err != nil {
		t.Errorf("PostgreSQL: %v, %v", lock, err)
	}
}

// A file is one file by whatever name it is opened, also before it is there.
func TestFileLockFollowsLinks(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for link, target := range map[string]string{"link.db": "real.db", "absolute.db": folder + "/real.db", "panels": ".", "twice.db": "link.db"} {
		if err := os.Symlink(target, folder+"/"+link); err != nil {
			t.Skip(err)
		}
	}
	for _, exists := range []bool{false, true} {
		if exists {
			if err := os.WriteFile(folder+"/real.db", nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		lock, err := db.LockFile("sqlite:" + folder + "/twice.db")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"real.db", "link.db", "absolute.db", "twice.db", "panels/link.db", "panels/../real.db"} {
			if second, err := db.LockFile("sqlite:" + folder + "/" + name); err == nil {
				t.Errorf("there already: %v; a second panel got the lock as %s", exists, name)
				_ = second.Unlock()
			}
		}
		if err := lock.Unlock(); err != nil {
			t.Error(err)
		}
	}
}

// An address that is neither is refused with a text that says what to give.
func TestOpenRefusesOtherAddresses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "sqlite:", "panel.db", "mysql://root:hunter2@127.0.0.1/panel", "postgres://u:hunter2@127.0.0.1:port/x"} {
		d, err := db.Open(t.Context(), url, db.Options{})
		if err == nil {
			_ = d.Close()
			t.Errorf("%q was opened", url)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

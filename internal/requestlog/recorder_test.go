package requestlog

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

// However many requests come at once, while others are written, each is counted
// once.
func TestCountsAreExactAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		const senders, each = 8, 600
		keys, actions := names("key_", 3), []string{"add", "status", ""}
		done, ended := make(chan struct{}), make(chan error)
		go func() {
			for {
				select {
				case <-done:
					ended <- nil
					return
				default:
				}
				if err := l.Flush(context.Background()); err != nil {
					ended <- err
					return
				}
			}
		}()
		var wg sync.WaitGroup
		for range senders {
			wg.Go(func() {
				for n := range each {
					e := entry("acc_1", keys[n%len(keys)], actions[n/len(keys)%len(actions)])
					if n%2 == 0 {
						e = refused(e.AccountID, e.KeyID, e.Action)
					}
					e.At = e.At.Add(time.Duration(n%5) * time.Hour)
					l.Note(e)
				}
			})
		}
		wg.Wait()
		close(done)
		must(t, <-ended)
		l.flush()
		if sum := l.sum(); sum != (count{senders * each / 2, senders * each / 2}) {
			t.Errorf("counted %+v of %d requests", sum, senders*each)
		}
		if keyed := len(l.counts()); keyed != len(keys)*len(actions) {
			t.Errorf("%d keys and actions are counted", keyed)
		}
		if l.waiting != 0 || len(l.lost) != 0 {
			t.Errorf("%d rows wait, lost %v", l.waiting, l.lost)
		}
	})
}

// A write that fails loses nothing: neither what it was to write nor what is noted
// meanwhile.
func TestFailedFlushKeeps(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		l.exec(`ALTER TABLE api_usage RENAME TO away`)
		for range 3 {
			l.Note(entry("acc_1", "key_1", "add"))
			if err := l.Flush(context.Background()); err == nil {
				t.Fatal("a write without its table succeeded")
			}
		}
		gone, hangUp := context.WithCancel(t.Context())
		hangUp()
		l.Note(refused("acc_1", "key_1", "add"))
		if err := l.Flush(gone); err == nil {
			t.Fatal("a write that was called off succeeded")
		}
		if n := l.rows("api_requests"); n != 0 {
			t.Errorf("%d rows without their counts", n)
		}
		l.exec(`ALTER TABLE away RENAME TO api_usage`)
		l.flush()
		if c, n := l.counts()["key_1 add"], l.rows("api_requests"); c != (count{3, 1}) || n != 4 || l.waiting != 0 {
			t.Errorf("counted %+v, %d rows, %d wait", c, n, l.waiting)
		}
	})
}

// Where the outcome of a commit was unknown, the same is written again and counted
// once.
func TestUnknownOutcomeCountsOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		for range 30 {
			l.Note(entry("acc_1", "key_1", "add")) // most of them without a row
		}
		l.take()
		committed := l.chunks
		must(t, l.writeChunks(context.Background()))
		l.chunks, l.waiting = committed, len(committed[0].rows) // as if nobody had heard of it
		l.Note(entry("acc_1", "key_1", "add"))
		l.flush()
		if c, n := l.counts()["key_1 add"], l.rows("api_requests"); c.ok != 31 || n != maxAnswered+1 || l.waiting != 0 {
			t.Errorf("counted %+v, %d rows, %d wait", c, n, l.waiting)
		}
	})
}

// The log gets so many rows of a key from write to write, and the counts get all.
func TestRowsOfAKeyAreBounded(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		for second := range int64(2) {
			for range 100 {
				l.Note(entry("acc_1", "key_1", "add"))
				l.Note(refused("acc_1", "key_1", "status"))
				l.Note(refused("acc_1", "key_1", ""))
			}
			l.Note(entry("acc_1", "key_2", "add"))
			l.flush()
			want := int(second+1) * (maxAnswered + maxRefused + 1)
			if n, sum := l.rows("api_requests"), l.sum(); n != want || sum != (count{101 * (second + 1), 200 * (second + 1)}) {
				t.Errorf("%d rows, want %d; counted %+v", n, want, sum)
			}
		}
		if len(l.lost) != 0 {
			t.Errorf("lost %v", l.lost)
		}
	})
}

// While nothing can be written no more rows wait than there is room for; the rest
// is told, and all are counted.
func TestWaitingRowsAreBounded(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		gone, hangUp := context.WithCancel(t.Context())
		hangUp()
		keys := names("key_", 400)
		for range 2 { // of which the first fails and is kept
			for _, key := range keys {
				for range maxRefused {
					l.Note(refused("acc_1", key, "add"))
				}
			}
			if err := l.Flush(gone); err == nil {
				t.Fatal("a write that was called off succeeded")
			}
			if n := l.waiting + len(l.open.rows); n > maxWaiting {
				t.Errorf("%d rows wait", n)
			}
		}
		if l.lost[Rows] != 2*400*maxRefused-(maxWaiting-1) || l.lost[Counts] != 0 {
			t.Errorf("lost %v", l.lost)
		}
		l.flush()
		if n, sum := l.rows("api_requests"), l.sum(); n != maxWaiting-1 || sum.refused != 2*400*maxRefused {
			t.Errorf("%d rows, counted %+v", n, sum)
		}
	})
}

// What waits to be counted is bounded too, and what is not counted is told.
func TestWaitingCountsAreBounded(t *testing.T) {
	t.Parallel()
	l := newLog(t, dbtest.Open(t, db.SQLite))
	for n := range maxCounts + 3 {
		e := entry("acc_1", "key_1", "add")
		e.At = e.At.Add(time.Duration(n) * time.Hour)
		l.Note(e)
	}
	if len(l.open.counts) != maxCounts || l.lost[Counts] != 3 || l.lost[Rows] != 0 {
		t.Errorf("%d counts wait, lost %v", len(l.open.counts), l.lost)
	}
	l.Note(entry("acc_1", "key_1", "add")) // one that is there has room
	if l.lost[Counts] != 3 {
		t.Errorf("lost %v", l.lost)
	}
}

// No transaction is long, every one has a row to be known by, and together they
// write everything.
func TestChunksAreSmallAndWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ rows, counts, chunks int }{
		"a quiet second":        {3, 2, 1},
		"rows to the brim":      {rowsAtOnce, 10, 1},
		"many rows":             {rowsAtOnce*2 + 1, 10, 3},
		"many counts":           {rowsAtOnce, countsAtOnce*3 + 5, 4},
		"a row for each":        {4, countsAtOnce*3 + 5, 4},
		"fewer rows than parts": {2, countsAtOnce * 3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBatch()
			b.rows = make([]Entry, c.rows)
			for _, key := range names("key_", c.counts) {
				b.counts[countKey{key, 1, "add"}] = &count{1, 0}
			}
			all := b.chunks()
			rows, counted := 0, map[any]bool{}
			for i, one := range all {
				if len(one.rows) == 0 || len(one.rows) > rowsAtOnce || len(one.counts) > countsAtOnce && i < len(all)-1 {
					t.Errorf("%d rows and %d counts at once", len(one.rows), len(one.counts))
				}
				rows += len(one.rows)
				for _, args := range one.counts {
					counted[args[0]] = true
				}
			}
			if len(all) != c.chunks || rows != c.rows || len(counted) != c.counts {
				t.Errorf("%d chunks with %d rows and %d counts; want %+v", len(all), rows, len(counted), c)
			}
		})
	}
}

// A long text is cut between characters, and an address's zone is not kept.
func TestStoredTextIsCut(t *testing.T) {
	t.Parallel()
	e := refused("acc_1", "key_1", "add")
	e.Error = strings.Repeat("ü", maxError+50)
	e.Client = netip.MustParseAddr("fe80::1%zone-that-came-in")
	stored := e.stored()
	text, _ := stored[9].(string)
	if utf8.RuneCountInString(text) != maxError || !utf8.ValidString(text) || stored[11] != "fe80::1" {
		t.Errorf("%q, %v", text, stored[11])
	}
	if cut("short") != "short" {
		t.Error("a short text was cut")
	}
}

// Noting must not be felt by a request: it is well below a microsecond.
func BenchmarkNote(b *testing.B) {
	for name, keys := range map[string]int{"one key": 1, "1,000 keys": 1000} {
		b.Run(name, func(b *testing.B) {
			r, all := NewRecorder(nil, nil), make([]Entry, keys)
			for i, key := range names("key_", keys) {
				all[i] = entry("acc_1", key, "status")
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for n := 0; pb.Next(); n++ {
					r.Note(all[n%keys])
				}
			})
		})
	}
}

package epoch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// Each change moves its own counter, together with the change: rolled back, it
// did not happen.
func TestMovesOneCounterInTheChangesTransaction(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := NewReader(d)
		start := current(t, r)
		move(t, d, MoveAuth)
		move(t, d, MoveCatalog)
		move(t, d, MoveCatalog)
		want := Epochs{Auth: start.Auth + 1, Catalog: start.Catalog + 2}
		if got := current(t, r); got != want {
			t.Errorf("the counters are %+v, want %+v", got, want)
		}
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			if err := errors.Join(MoveAuth(tx), MoveCatalog(tx)); err != nil {
				return err
			}
			inside, err := Load(tx)
			if inside.Auth != want.Auth+1 || inside.Catalog != want.Catalog+1 {
				t.Errorf("inside the transaction they are %+v", inside)
			}
			return errors.Join(err, errUndo)
		})
		if !errors.Is(err, errUndo) {
			t.Error(err)
		}
		if got := current(t, r); got != want {
			t.Errorf("after a change that was undone they are %+v, want %+v", got, want)
		}
	})
}

var errUndo = errors.New("undo")

func move(t *testing.T, d *db.DB, how func(*db.Tx) error) {
	t.Helper()
	if err := d.Write(t.Context(), how); err != nil {
		t.Error(err)
	}
}

func current(t *testing.T, r *Reader) Epochs {
	t.Helper()
	e, err := r.Current(t.Context())
	if err != nil {
		t.Error(err)
	}
	return e
}

// What was committed before the call is seen by it, however many ask at the same
// time, on the node that changed it and on another.
func TestCurrentSeesEverythingCommittedBefore(t *testing.T) {
	t.Parallel()
	const writers, readers, moves = 4, 12, 40
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			nodes := []*db.DB{dbtest.Connect(t, url), dbtest.Connect(t, url)}
			shared := []*Reader{NewReader(nodes[0]), NewReader(nodes[1])}
			start := current(t, shared[0])

			var committed atomic.Int64 // moves whose Write has returned
			var busy sync.WaitGroup
			stop := make(chan struct{})
			check := func(r *Reader, before int64) {
				if got := current(t, r); got.Auth-start.Auth < before {
					t.Errorf("%d moves were committed before the call, it saw %d", before, got.Auth-start.Auth)
				}
			}
			for i := range readers {
				busy.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							check(shared[i%2], committed.Load())
						}
					}
				})
			}
			var writing sync.WaitGroup
			for i := range writers {
				writing.Go(func() {
					for range moves {
						move(t, nodes[i%2], MoveAuth)
						own := committed.Add(1)
						check(shared[0], own)
						check(shared[1], own)
					}
				})
			}
			writing.Wait()
			close(stop)
			busy.Wait()
			if got := current(t, shared[1]); got.Auth-start.Auth != writers*moves || got.Catalog != start.Catalog {
				t.Errorf("after %d moves of auth: %+v, at the start %+v", writers*moves, got, start)
			}
		})
	}
}

// counted is a Reader whose reads wait to be let through and are counted.
type counted struct {
	*Reader

	began, atOnce, most atomic.Int64
	let                 chan struct{}
}

func newCounted() *counted {
	c := &counted{let: make(chan struct{})}
	c.Reader = &Reader{load: func() (Epochs, error) {
		now := c.began.Add(1)
		c.most.Store(max(c.most.Load(), c.atOnce.Add(1)))
		defer c.atOnce.Add(-1)
		<-c.let
		return Epochs{Auth: now}, nil
	}}
	return c
}

// At most one read runs and one waits, whoever asks; nobody gets the answer of a
// read that began before it asked.
func TestWaitingCallsShareOneRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounted()
		ask := func(callers int, want int64) {
			for range callers {
				go func() {
					if e := current(t, c.Reader); e.Auth != want {
						t.Errorf("it got the answer of read %d, want %d", e.Auth, want)
					}
				}()
			}
			synctest.Wait()
		}
		ask(1, 1)
		ask(50, 2) // while the first is running
		if c.began.Load() != 1 {
			t.Errorf("%d reads began, want one that runs and one that waits", c.began.Load())
		}
		c.let <- struct{}{}
		synctest.Wait()
		ask(50, 3) // while the second is running
		c.let <- struct{}{}
		c.let <- struct{}{}
		synctest.Wait()
		if c.began.Load() != 3 || c.most.Load() != 1 {
			t.Errorf("%d reads for 101 calls, %d at once", c.began.Load(), c.most.Load())
		}
		ask(1, 4) // after a rest it starts again
		c.let <- struct{}{}
		synctest.Wait()
	})
}

// A caller that goes away gets its answer at once and takes nobody's read with it.
func TestCallerThatGoesAwayLeavesTheReadToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounted()
		ctx, cancel := context.WithCancel(t.Context())
		var gone error
		go func() { _, gone = c.Current(ctx) }()
		synctest.Wait()
		stays := make(chan Epochs, 1)
		go func() { stays <- current(t, c.Reader) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if !fault.Is(gone, fault.Unavailable) || !errors.Is(gone, context.Canceled) {
			t.Errorf("who went away got %v, want Unavailable", gone)
		}
		c.let <- struct{}{}
		c.let <- struct{}{}
		if e := <-stays; e.Auth != 2 {
			t.Errorf("who stayed got the answer of read %d, want 2", e.Auth)
		}
	})
}

// A database that is closed is Unavailable at once.
func TestClosedDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := NewReader(d)
		current(t, r)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := r.Current(t.Context()); !fault.Is(err, fault.Unavailable) {
					t.Errorf("Current = %v, want Unavailable", err)
				}
			})
		}
		all.Wait()
	})
}

// A database that does not answer is Unavailable after two seconds, and good
// again as soon as it answers.
func TestBlockedDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r := NewReader(d)
		before := current(t, r)
		release := block(t, d)
		if _, err := r.Current(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("Current = %v, want Unavailable", err)
		}
		release()
		if got := current(t, r); got != before {
			t.Errorf("afterwards %+v, want %+v", got, before)
		}
	})
}

// block keeps d from answering: on SQLite all its readers are busy, on PostgreSQL
// somebody holds the table.
func block(t *testing.T, d *db.DB) (release func()) {
	t.Helper()
	const readers = 4
	var held, ended sync.WaitGroup
	free := make(chan struct{})
	run, closures, lock := d.Read, readers, `SELECT 1`
	if d.Engine() == db.Postgres {
		run, closures, lock = d.Write, 1, `LOCK TABLE epochs IN ACCESS EXCLUSIVE MODE`
	}
	for range closures {
		held.Add(1)
		ended.Go(func() {
			err := run(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(lock)
				held.Done()
				<-free
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	held.Wait()
	return func() {
		close(free)
		ended.Wait()
	}
}

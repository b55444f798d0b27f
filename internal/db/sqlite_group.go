package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

const (
	groupMost  = 512                    // closures that share a commit
	groupTime  = 5 * time.Millisecond   // after this a group takes no more
	groupPause = 200 * time.Microsecond // between two commits, so that another process gets the lock
	groupQueue = 4096
)

// errDiscard tells database/sql to close a connection instead of keeping it.
var errDiscard = driver.ErrBadConn

// errClosed answers writes that come after Close.
var errClosed = errors.New("the database is closed")

// groupWriter runs closures one after the other on the only writer connection.
// Those that wait share one transaction, a savepoint each, and one commit, for
// the commit's fsync is what a write costs.
type groupWriter struct {
	conn   *sqliteConn
	most   int
	queue  chan *writeJob
	quit   chan struct{}
	ended  chan struct{}
	ending sync.Once
}

// writeJob is a closure on its way through the writer.
type writeJob struct {
	fn      func(*Tx) error
	offset  time.Duration
	begun   atomic.Bool // taken by the writer, or withdrawn by its caller: whoever is first
	done    chan struct{}
	err     error
	panicky any // what fn panicked with; raised again in its caller
}

func newGroupWriter(c *sqliteConn, ungrouped bool) *groupWriter {
	g := &groupWriter{
		conn: c, most: groupMost,
		queue: make(chan *writeJob, groupQueue),
		quit:  make(chan struct{}), ended: make(chan struct{}),
	}
	if ungrouped {
		g.most = 1
	}
	go g.loop()
	return g
}

func (g *groupWriter) write(ctx context.Context, offset time.Duration, fn func(*Tx) error) error {
	if ctx.Err() != nil {
		return unavailable(ctx.Err())
	}
	job := &writeJob{fn: fn, offset: offset, done: make(chan struct{})}
	select {
	case g.queue <- job:
	case <-ctx.Done():
		return unavailable(ctx.Err())
	case <-g.quit:
		return unavailable(errClosed)
	}
	select {
	case <-job.done:
	case <-ctx.Done():
		if job.begun.CompareAndSwap(false, true) {
			return unavailable(ctx.Err())
		}
		<-job.done
	case <-g.ended:
		// The writer has stopped; it may still have taken this one.
		if job.begun.CompareAndSwap(false, true) {
			return unavailable(errClosed)
		}
		<-job.done
	}
	if job.panicky != nil {
		panic(job.panicky)
	}
	return job.err
}

func (g *groupWriter) stop() {
	g.ending.Do(func() { close(g.quit) })
	<-g.ended
}

func (g *groupWriter) loop() {
	defer close(g.ended)
	defer g.conn.discard()
	for {
		select {
		case job := <-g.queue:
			g.runGroup(job)
			time.Sleep(groupPause)
		case <-g.quit:
			g.drain()
			return
		}
	}
}

// drain finishes what was queued before the stop.
func (g *groupWriter) drain() {
	for {
		select {
		case job := <-g.queue:
			g.runGroup(job)
		default:
			return
		}
	}
}

// runGroup runs first and whatever else waits in one transaction and answers
// them all after its commit.
func (g *groupWriter) runGroup(first *writeJob) {
	ctx := context.Background()
	if !first.begun.CompareAndSwap(false, true) {
		return
	}
	if err := g.conn.begin(ctx, "BEGIN IMMEDIATE"); err != nil {
		finish(first, unavailable(err))
		return
	}
	now := clock.System()
	var inGroup []*writeJob
	for job := first; job != nil; job = g.next(now, len(inGroup)) {
		inGroup = append(inGroup, job)
		if err := g.runOne(ctx, job, now); err != nil {
			// The savepoint is gone, and with it the whole transaction: nothing
			// of this group may be taken for done. The others get the cause as
			// text: a refusal that was meant for its own caller is not theirs.
			g.conn.discard()
			finishAll(inGroup, unavailable(errors.New("the transaction was rolled back: "+err.Error())))
			return
		}
	}
	if _, err := g.conn.exec(ctx, "COMMIT", nil); err != nil {
		g.conn.discard()
		finishAll(inGroup, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err))
		return
	}
	for _, job := range inGroup {
		close(job.done)
	}
}

// next returns another closure for the group, or nil when it is full or nobody waits.
func (g *groupWriter) next(began time.Time, have int) *writeJob {
	for have < g.most && clock.System().Sub(began) < groupTime {
		select {
		case job := <-g.queue:
			if job.begun.CompareAndSwap(false, true) {
				return job
			}
		default:
			return nil
		}
	}
	return nil
}

// runOne runs a closure in its savepoint. Its own failure is kept in the job; an
// error is returned only when the transaction itself can't go on.
func (g *groupWriter) runOne(ctx context.Context, job *writeJob, now time.Time) error {
	if _, err := g.conn.exec(ctx, "SAVEPOINT closure", nil); err != nil {
		return err
	}
	tx := newTx(ctx, g.conn, now, job.offset)
	job.panicky, job.err = call(job.fn, tx)
	if job.err == nil && job.panicky == nil {
		job.err = tx.failed // a closure can't swallow a failed statement
	}
	if code, ok := sqliteCode(job.err); ok && sqliteTrouble(code&sqlitePrimaryCode) != "" {
		job.err = unavailable(job.err) // the file's fault, and not the closure's
	}
	if job.err != nil || job.panicky != nil {
		if _, err := g.conn.exec(ctx, "ROLLBACK TO closure", nil); err != nil {
			return errors.Join(job.err, err)
		}
	}
	_, err := g.conn.exec(ctx, "RELEASE closure", nil)
	return err
}

// call runs fn and catches its panic, so that it hurts its own caller alone.
func call(fn func(*Tx) error, tx *Tx) (panicky any, err error) {
	defer func() { panicky = recover() }()
	return nil, fn(tx)
}

func finish(job *writeJob, err error) {
	job.err = err
	close(job.done)
}

// finishAll answers jobs of a group that was rolled back. Who failed or panicked
// by itself keeps its own answer.
func finishAll(jobs []*writeJob, err error) {
	for _, job := range jobs {
		if job.err == nil && job.panicky == nil {
			job.err = err
		}
		close(job.done)
	}
}

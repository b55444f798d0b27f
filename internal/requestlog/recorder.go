package requestlog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// flushEvery is the rhythm of writing.
	flushEvery = time.Second
	// maxAnswered and maxRefused bound a key's rows from one write to the next.
	maxAnswered, maxRefused = 5, 20
	// maxWaiting bounds the rows that are not written yet.
	maxWaiting = 10_000
	// maxCounts bounds the counts that are not written yet.
	maxCounts = 100_000
	// rowsAtOnce and countsAtOnce bound a transaction, for orders wait behind it.
	rowsAtOnce, countsAtOnce = 500, 1000
)

// What the function of NewRecorder is told of.
const (
	Rows   = "rows"   // of the log
	Counts = "counts" // requests that are counted nowhere
)

// Recorder notes requests in memory and writes them a second later: after a crash
// at most the last second is missing, or what a database that was away had not
// taken.
//
// Every request is counted. The log gets up to 20 refusals of a key from one write
// to the next and up to 5 of its other requests; the rest is in the counts only.
// What is dropped beyond that, because 10,000 rows wait, is told to dropped.
type Recorder struct {
	db      *db.DB
	dropped func(what string, n int)

	mu      sync.Mutex
	open    batch // takes what is noted
	waiting int   // rows that were taken from open and are not written

	flushing sync.Mutex
	chunks   []chunk // what is to be written, in this order
}

// NewRecorder returns a recorder that writes to d. Dropped is told what found no
// room, and may be nil.
func NewRecorder(d *db.DB, dropped func(what string, n int)) *Recorder {
	if dropped == nil {
		dropped = func(string, int) {}
	}
	return &Recorder{db: d, dropped: dropped, open: newBatch()}
}

// countKey is what is counted by itself.
type countKey struct {
	keyID  string
	hour   int64
	action string
}

// count is how often.
type count struct{ ok, refused int64 }

// batch is what was noted between two flushes.
type batch struct {
	counts map[countKey]*count
	rows   []Entry
	kept   map[string]*count // by key, how many rows
}

func newBatch() batch {
	return batch{counts: map[countKey]*count{}, kept: map[string]*count{}}
}

// Note counts an entry and, where there is room, keeps it for the log. It waits
// for nothing but other calls of itself.
func (r *Recorder) Note(e Entry) {
	r.mu.Lock()
	counted := r.open.count(&e)
	full := false
	if counted && r.open.mayKeep(&e) {
		// A batch's first row is kept in any case: it marks in the database that the
		// batch's counts were written. A place is reserved for it.
		if full = len(r.open.rows) > 0 && r.waiting+len(r.open.rows) >= maxWaiting-1; !full {
			r.open.rows = append(r.open.rows, e)
		}
	}
	r.mu.Unlock()
	switch {
	case !counted:
		r.dropped(Counts, 1)
	case full:
		r.dropped(Rows, 1)
	}
}

// count reports false where there is no room for another count.
func (b *batch) count(e *Entry) bool {
	k := countKey{e.KeyID, e.hour(), e.Action}
	c := b.counts[k]
	if c == nil {
		if len(b.counts) >= maxCounts {
			return false
		}
		c = &count{}
		b.counts[k] = c
	}
	c.add(e)
	return true
}

// mayKeep reports whether the key has a row left. The map of keys is no larger
// than that of counts.
func (b *batch) mayKeep(e *Entry) bool {
	c := b.kept[e.KeyID]
	if c == nil {
		c = &count{}
		b.kept[e.KeyID] = c
	}
	if e.Refused == "" && c.ok >= maxAnswered || e.Refused != "" && c.refused >= maxRefused {
		return false
	}
	c.add(e)
	return true
}

func (c *count) add(e *Entry) {
	if e.Refused == "" {
		c.ok++
	} else {
		c.refused++
	}
}

// Loop writes every second.
func (r *Recorder) Loop() worker.Loop {
	return worker.Loop{
		Name: "requests", Every: flushEvery,
		Pass: func(ctx context.Context) (int, error) { return 0, r.Flush(ctx) },
	}
}

// Flush writes what was noted. What could not be written is kept for the next
// time, and is counted once even where the outcome of its commit was unknown.
func (r *Recorder) Flush(ctx context.Context) error {
	r.flushing.Lock()
	defer r.flushing.Unlock()
	if err := r.writeChunks(ctx); err != nil { // of the flushes that failed
		return err
	}
	r.take()
	return r.writeChunks(ctx)
}

// take makes chunks of the open batch and opens another.
func (r *Recorder) take() {
	r.mu.Lock()
	b := r.open
	if len(b.rows) == 0 {
		r.mu.Unlock()
		return // without a row there is no count either
	}
	r.open = newBatch()
	r.waiting += len(b.rows)
	r.mu.Unlock()
	r.chunks = b.chunks()
}

// chunk is what one transaction writes: at least one row.
type chunk struct {
	rows   []Entry
	counts [][]any
}

// chunks splits a batch. Counts are in one order on all nodes, so that no two
// wait for each other.
func (b *batch) chunks() []chunk {
	keys := make([]countKey, 0, len(b.counts))
	for k := range b.counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y countKey) int {
		return cmp.Or(cmp.Compare(x.keyID, y.keyID), cmp.Compare(x.hour, y.hour), cmp.Compare(x.action, y.action))
	})
	counts := make([][]any, len(keys))
	for i, k := range keys {
		c := b.counts[k]
		counts[i] = []any{k.keyID, k.hour, k.action, c.ok, c.refused}
	}
	var all []chunk
	rows := b.rows
	for len(rows) > 0 {
		var c chunk
		// While counts are left, a row is left for the chunk after this one.
		c.counts, counts = split(counts, countsAtOnce)
		most := rowsAtOnce
		if len(counts) > 0 {
			most = min(most, len(rows)-(len(counts)+countsAtOnce-1)/countsAtOnce)
		}
		c.rows, rows = split(rows, max(most, 1))
		if len(rows) == 0 {
			c.counts = append(c.counts, counts...)
		}
		all = append(all, c)
	}
	return all
}

// split takes up to most from the front.
func split[T any](all []T, most int) (front, rest []T) {
	n := min(most, len(all))
	return all[:n:n], all[n:]
}

func (r *Recorder) writeChunks(ctx context.Context) error {
	for len(r.chunks) > 0 {
		c := r.chunks[0]
		if err := r.db.Write(ctx, c.write); err != nil {
			return fmt.Errorf("write requests: %w", err)
		}
		r.chunks = r.chunks[1:]
		r.mu.Lock()
		r.waiting -= len(c.rows)
		r.mu.Unlock()
	}
	return nil
}

// write inserts the rows and adds the counts, unless the first row is there: then
// an earlier try, whose outcome nobody knew, has done it.
func (c chunk) write(tx *db.Tx) error {
	const insert = `
		INSERT INTO api_requests (id, key_id, account_id, mode, at, action, dialect, status, outcome, error, duration, client)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING`
	isNew, err := tx.ExecOne(insert, c.rows[0].stored()...)
	if err != nil || !isNew {
		return err
	}
	rest := make([][]any, 0, len(c.rows)-1)
	for _, e := range c.rows[1:] {
		rest = append(rest, e.stored())
	}
	if err := tx.ExecMany(insert, rest); err != nil {
		return err
	}
	return tx.ExecMany(`
		INSERT INTO api_usage (key_id, hour, action, ok, refused) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (key_id, hour, action) DO UPDATE SET ok = api_usage.ok + $4, refused = api_usage.refused + $5`, c.counts)
}

// stored are the entry's columns. An address's zone is free text, and no part of it.
func (e *Entry) stored() []any {
	client := ""
	if e.Client.IsValid() {
		client = e.Client.Unmap().WithZone("").String()
	}
	return []any{
		e.ID, e.KeyID, e.AccountID, e.Mode, clock.Micros(e.At), e.Action, e.Dialect, int64(e.Status),
		e.outcome(), cut(e.Error), e.Duration.Microseconds(), client,
	}
}

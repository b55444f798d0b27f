// Package epoch lets a cache know for certain that it is not stale. One row
// holds two counters; each change of what is cached moves its counter in the
// change's own transaction. A request learns the counters from a read that began
// after the request arrived, so whatever was committed before is seen by it.
//
// It does not know what is cached.
package epoch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// readTimeout bounds one read of the counters; after it the request is told to
// come again.
const readTimeout = 2 * time.Second

// Epochs are the two counters.
type Epochs struct {
	Auth    int64 // standing and limits of keys and accounts, settings
	Catalog int64 // services and prices
}

// MoveAuth tells every node that keys or accounts changed. It belongs into the
// transaction of the change.
func MoveAuth(tx *db.Tx) error {
	_, err := tx.Exec(`UPDATE epochs SET auth = auth + 1 WHERE id = 1`)
	return err
}

// MoveCatalog tells every node that services or prices changed.
func MoveCatalog(tx *db.Tx) error {
	_, err := tx.Exec(`UPDATE epochs SET catalog = catalog + 1 WHERE id = 1`)
	return err
}

// jump is far more than the counters move between two backups.
const jump = 1_000_000_000

// Restored moves both counters past what they can have been: in a copy of the past
// they would come to the same numbers again for other contents.
func Restored(tx *db.Tx) error {
	if _, err := tx.Exec(`UPDATE epochs SET auth = auth + $1, catalog = catalog + $1 WHERE id = 1`, jump); err != nil {
		return fmt.Errorf("move the epochs on: %w", err)
	}
	return nil
}

// Load reads the counters as the transaction sees them.
func Load(tx *db.Tx) (e Epochs, err error) {
	err = tx.QueryRow(`SELECT auth, catalog FROM epochs WHERE id = 1`).Scan(&e.Auth, &e.Catalog)
	if err != nil {
		return e, fmt.Errorf("read epochs: %w", err)
	}
	return e, nil
}

// Reader shares reads between requests that wait: at most one runs and one
// waits. Nobody joins a read that is already running, for it may have begun
// before the change that the request must see.
type Reader struct {
	load func() (Epochs, error) // one read, on a context of its own

	mu      sync.Mutex
	running bool
	waiting *read // the read that starts when the running one ends
}

type read struct {
	done   chan struct{}
	epochs Epochs
	err    error
}

// NewReader returns a Reader on d.
func NewReader(d *db.DB) *Reader {
	return &Reader{load: func() (Epochs, error) { return load(d) }}
}

// Current returns the counters from a read that began after the call. Its error
// is Unavailable when the database did not answer in time.
func (r *Reader) Current(ctx context.Context) (Epochs, error) {
	r.mu.Lock()
	if r.waiting == nil {
		r.waiting = &read{done: make(chan struct{})}
	}
	mine := r.waiting
	if !r.running {
		r.running = true
		r.waiting = nil
		go r.run(mine)
	}
	r.mu.Unlock()
	select {
	case <-mine.done:
		return mine.epochs, mine.err
	case <-ctx.Done():
		return Epochs{}, fault.Wrap(fault.Unavailable, "Temporarily unavailable", ctx.Err())
	}
}

// run reads for all who wait on one, then goes on with the next.
func (r *Reader) run(one *read) {
	for one != nil {
		one.epochs, one.err = r.load()
		close(one.done)
		r.mu.Lock()
		one, r.waiting = r.waiting, nil
		r.running = one != nil
		r.mu.Unlock()
	}
}

// load reads on a context of its own: the callers' may end before others' do.
func load(d *db.DB) (e Epochs, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	err = d.Read(ctx, func(tx *db.Tx) error {
		e, err = Load(tx)
		return err
	})
	if err != nil {
		return e, fault.Wrap(fault.Unavailable, "Temporarily unavailable", err)
	}
	return e, nil
}

package catalog

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/notpanel/notpanel/internal/db"
)

// Cache keeps the newest snapshot in memory.
type Cache struct {
	db      *db.DB
	current atomic.Pointer[Snapshot]
	loading sync.Mutex
}

// NewCache returns an empty cache of d's catalogue.
func NewCache(d *db.DB) *Cache { return &Cache{db: d} }

// At returns a snapshot that is at least as new as the epoch; one caller at a
// time reads it.
func (c *Cache) At(ctx context.Context, epoch int64) (*Snapshot, error) {
	if s := c.current.Load(); s != nil && s.Epoch >= epoch {
		return s, nil
	}
	c.loading.Lock()
	defer c.loading.Unlock()
	if s := c.current.Load(); s != nil && s.Epoch >= epoch {
		return s, nil
	}
	var s *Snapshot
	err := c.db.Read(ctx, func(tx *db.Tx) (err error) {
		s, err = Load(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.current.Store(s)
	return s, nil
}

package app

import "time"

// NewCollector returns the collector's setting before the first look, and what was
// allocated until then.
func NewCollector() (c *collector, allocated uint64) {
	c = newCollector()
	return c, c.allocated
}

// Look is a look at what the program has allocated.
func (c *collector) Look(allocated, live uint64, since time.Duration) { c.look(allocated, live, since) }

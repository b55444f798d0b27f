package app

import "time"

// NewCollector returns the collector's setting before it has looked.
func NewCollector() *collector { return new(collector) }

// Look is a look at what the program has allocated.
func (c *collector) Look(allocated, live uint64, since time.Duration) { c.look(allocated, live, since) }

package app

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	collectorLooks = time.Second
	// busyRate is what a panel allocates in a second only under load, and restRate more
	// than its loops and who watches it make it allocate.
	busyRate, restRate = 16 << 20, 4 << 20
	// garbageBusy is about how much may lie about until it is collected, under load.
	garbageBusy = 48 << 20
	// Shares of the live memory, as GOGC has them. percentMost bounds what comes of it
	// where much more is live before the next look.
	percentAtRest, percentUsual, percentMost = 50, 100, 400
	// restAfter is how many quiet looks make a panel one at rest.
	restAfter = 10
)

// TuneCollector lets garbage be collected seldom while there is work and often at rest,
// until ctx ends. A panel's live memory is small, some 10 MB: collected whenever it has
// doubled, as is usual, it would be gone through many times a second under load, on
// processors that orders wait for. At first what a start took, several times what a panel
// at rest needs, is given back. A GOGC in the environment is left alone.
func TuneCollector(ctx context.Context) {
	debug.FreeOSMemory()
	if os.Getenv("GOGC") == "" {
		go newCollector().run(ctx, collectorLooks)
	}
}

// collector is the collector's setting and what it rests on.
type collector struct {
	percent   int
	allocated uint64 // at the last look, since the program began
	quiet     int    // looks in a row without work
}

// newCollector is at rest, at first.
func newCollector() *collector {
	c := &collector{}
	c.allocated, _ = memoryUse()
	c.set(percentAtRest)
	return c
}

func (c *collector) run(ctx context.Context, every time.Duration) {
	defer debug.SetGCPercent(percentUsual) // as Go has it without a GOGC
	looks := time.NewTicker(every)
	defer looks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-looks.C:
			allocated, live := memoryUse()
			c.look(allocated, live, every)
		}
	}
}

// look sets the collector by what was allocated since the last look, and gives back to
// the system what a load has left behind once it is over.
func (c *collector) look(allocated, live uint64, since time.Duration) {
	rate := float64(allocated-c.allocated) / since.Seconds()
	c.allocated = allocated
	switch {
	case rate >= busyRate:
		c.quiet = 0
		c.set(busyPercent(live))
	case rate >= restRate:
		c.quiet = 0
		c.set(percentUsual)
	default:
		if c.quiet++; c.quiet == restAfter {
			c.set(percentAtRest)
			debug.FreeOSMemory()
		}
	}
}

// busyPercent is the share of live memory that garbageBusy is.
func busyPercent(live uint64) int {
	return int(min(max(percentUsual, garbageBusy*100/max(live, 1)), percentMost))
}

func (c *collector) set(percent int) {
	if percent != c.percent {
		c.percent = percent
		debug.SetGCPercent(percent)
	}
}

// memoryUse returns how many bytes were ever allocated, and how many were live when
// garbage was last collected.
func memoryUse() (allocated, live uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}

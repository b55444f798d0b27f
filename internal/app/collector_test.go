package app_test

import (
	"runtime/debug"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/app"
)

// Under load garbage may grow to a fixed size, or to four times what is live; a pause in
// it changes nothing, and at rest half of what is live is the most.
func TestGarbageMayLieAboutUnderLoadOnly(t *testing.T) { //nolint:paralleltest // the process has one collector
	const mib = 1 << 20
	usual := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(usual) })
	c, allocated := app.NewCollector()
	for i, look := range []struct {
		allocates, live uint64
		times           int
		want            int // per cent of the live memory
	}{
		{0, 8 * mib, 1, 50},
		{8 * mib, 8 * mib, 1, 100},
		{200 * mib, 8 * mib, 1, 400},
		{200 * mib, 24 * mib, 1, 200},
		{200 * mib, 500 * mib, 1, 100},
		{200 * mib, 0, 1, 400},
		{0, 8 * mib, 9, 400},
		{200 * mib, 8 * mib, 1, 400},
		{8 * mib, 8 * mib, 1, 100},
		{0, 8 * mib, 9, 100},
		{0, 8 * mib, 1, 50},
		{0, 8 * mib, 20, 50},
	} {
		for range look.times {
			allocated += look.allocates
			c.Look(allocated, look.live, time.Second)
		}
		got := debug.SetGCPercent(100)
		debug.SetGCPercent(got)
		if got != look.want {
			t.Errorf("look %d: garbage may be %d%% of the live memory, want %d%%", i, got, look.want)
		}
	}
}

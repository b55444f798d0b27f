package main

import (
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
)

// announcement says when a rate is to hold that customers are told of ahead.
type announcement struct {
	At *moment        `placeholder:"2026-12-01T00:00:00Z" help:"Announce the rate: it holds from then on."`
	In *time.Duration `placeholder:"72h" help:"Announce the rate: it holds after so long."`
}

// moment is a point in time on the command line.
type moment time.Time

// UnmarshalText reads 2026-12-01T00:00:00Z, with any offset in place of Z.
func (m *moment) UnmarshalText(text []byte) error {
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("%q is no time such as 2026-12-01T00:00:00Z", text)
	}
	*m = moment(at)
	return nil
}

// given reports whether a rate is to be announced.
func (a announcement) given() bool { return a.At != nil || a.In != nil }

// announced returns when the rate holds. Nothing else may change with it: it
// would hold at once.
func (a announcement) announced(c catalog.Change) (at time.Time, err error) {
	switch {
	case a.At != nil && a.In != nil:
		return at, &usageError{"--at and --in exclude each other"}
	case c.Rate == nil:
		return at, &usageError{"a rate is announced: give --rate"}
	case c != (catalog.Change{Rate: c.Rate}):
		return at, &usageError{"a rate is announced alone: change the rest in a command of its own"}
	case a.At != nil:
		return time.Time(*a.At), nil
	}
	return clock.System().Add(*a.In), nil
}

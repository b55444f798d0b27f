// Package clock is the program's source of the current time outside of
// transactions; a transaction brings its own (db.Tx.Now).
package clock

import "time"

// Clock tells the time. Tests pass one that they can set.
type Clock func() time.Time

// System is the machine's clock. Its values carry the monotonic reading too.
func System() time.Time {
	return time.Now() //nolint:forbidigo // the one place that reads the machine's clock
}

// Micros returns t as Unix microseconds, the form in which times are stored.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// FromMicros is the inverse of Micros, in UTC.
func FromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

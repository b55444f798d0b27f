package db

import (
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

// At is a time as an argument: Unix microseconds, NULL for the zero time.
func At(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return clock.Micros(t)
}

// Time scans what At stored into t.
func Time(t *time.Time) any { return (*microseconds)(t) }

type microseconds time.Time

// Scan implements sql.Scanner.
func (m *microseconds) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*m = microseconds{}
	case int64:
		*m = microseconds(clock.FromMicros(v))
	default:
		return fmt.Errorf("a time is stored as %T", src)
	}
	return nil
}

// Text is a string as an argument, NULL for the empty one.
func Text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// String scans what Text stored into s.
func String(s *string) any { return (*nullableString)(s) }

type nullableString string

// Scan implements sql.Scanner.
func (n *nullableString) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*n = ""
	case string:
		*n = nullableString(v)
	case []byte:
		*n = nullableString(v)
	default:
		return fmt.Errorf("a text is stored as %T", src)
	}
	return nil
}

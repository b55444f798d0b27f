package id

import (
	"bytes"
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/notpanel/notpanel/internal/clock"
)

func TestIDsOfManyGoroutinesNeverRepeat(t *testing.T) {
	t.Parallel()
	const goroutines, each = 8, 12_500
	made := make([][]string, goroutines)
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for range each {
				made[g] = append(made[g], New(Order))
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool, goroutines*each)
	for _, ids := range made {
		if !slices.IsSorted(ids) {
			t.Error("the ids that one goroutine made are not in order")
		}
		for _, s := range ids {
			seen[s] = true
		}
	}
	if len(seen) != goroutines*each {
		t.Errorf("%d different ids of %d", len(seen), goroutines*each)
	}
}

func TestIDsOfOneGoroutineSortAsMade(t *testing.T) {
	t.Parallel()
	last := ""
	for range 20_000 {
		next := New(Order)
		if next <= last {
			t.Fatalf("%s was made after %s", next, last)
		}
		last = next
	}
}

// repeated reads the same byte for ever.
type repeated byte

func (r repeated) Read(p []byte) (int, error) {
	copy(p, bytes.Repeat([]byte{byte(r)}, len(p)))
	return len(p), nil
}

func TestIDsGrowWhateverClockAndEntropyDo(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, s := range map[string]*source{
		"clock set back": {now: backwards(start), entropy: ulid.Monotonic(rand.Reader, 0)},
		"entropy ends":   {now: func() time.Time { return start }, entropy: ulid.Monotonic(repeated(0xff), 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			last := s.next()
			for range 100 {
				next := s.next()
				if next.Compare(last) <= 0 {
					t.Fatalf("%s was made after %s", next, last)
				}
				last = next
			}
		})
	}
}

// backwards is a clock that loses a second each time it is read.
func backwards(from time.Time) clock.Clock {
	return func() time.Time {
		from = from.Add(-time.Second)
		return from
	}
}

func TestValid(t *testing.T) {
	t.Parallel()
	const ulid = "01J9Z4W6Y1Q2R3S4T5V6W7X8Y9"
	for _, c := range []struct {
		prefix Prefix
		id     string
		want   bool
	}{
		{Order, New(Order), true},
		{Order, "ord_" + ulid, true},
		{Order, "ord_7ZZZZZZZZZZZZZZZZZZZZZZZZZ", true},
		{Order, "ord_8ZZZZZZZZZZZZZZZZZZZZZZZZZ", false},
		{Order, "key_" + ulid, false},
		{Order, ulid, false},
		{Order, "", false},
		{Order, "ord_", false},
		{Order, "ord_ord_" + ulid, false},
		{Order, "ord_" + ulid[1:], false},
		{Order, "ord_" + ulid + "0", false},
		{Order, "ord_" + ulid[1:] + "U", false},
		{Order, "ord_" + ulid[1:] + "\x00", false},
		{Order, "ORD_" + ulid, false},
	} {
		if got := Valid(c.prefix, c.id); got != c.want {
			t.Errorf("Valid(%q, %q) = %v", c.prefix, c.id, got)
		}
	}
}

func TestTimeIsWhenTheIDWasMade(t *testing.T) {
	t.Parallel()
	before := clock.System().Add(-time.Millisecond)
	made, ok := Time(Key, New(Key))
	if !ok || made.Before(before) || made.After(clock.System().Add(time.Second)) {
		t.Errorf("Time = %v, %v; made just after %v", made, ok, before)
	}
	for _, s := range []string{"", "key_", New(Order), strings.TrimPrefix(New(Key), "key_")} {
		if _, ok := Time(Key, s); ok {
			t.Errorf("Time(%q) answers", s)
		}
	}
}

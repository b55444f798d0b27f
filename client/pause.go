package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// How long to wait before repeats.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 16 * time.Second
	// longestWish is the most that Retry-After may ask for: limits are counted by the minute.
	longestWish = time.Minute
	// spread keeps those who were told the same time from coming back together.
	spread = time.Second
)

// pause waits before a request is repeated that failed with an error. It returns
// that error at once where waiting is of no use.
func pause(ctx context.Context, repeats int, failed error) error {
	wish := time.Duration(0)
	if refused, ok := errors.AsType[*APIError](failed); ok {
		wish = refused.wait
	}
	d := pauseFor(repeats, wish)
	if end, ok := ctx.Deadline(); wish > longestWish || (ok && end.Before(now().Add(d))) {
		return failed
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w (%w)", failed, context.Cause(ctx))
	}
}

// pauseFor is half a second, doubled each time, less a random part; and at least
// what the panel wishes.
func pauseFor(repeats int, wish time.Duration) time.Duration {
	d := longestPause
	if repeats < 5 { // 0.5 s doubled five times is 16 s
		d = firstPause << repeats
	}
	d -= random(d / 2)
	if wish > 0 && d < wish+spread {
		d = wish + random(spread)
	}
	return d
}

func random(below time.Duration) time.Duration {
	return rand.N(below) //nolint:gosec // nobody gains by guessing it
}

// retryAfter reads Retry-After, in seconds or as a date; 0 is none.
func retryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now()))
}

package doctor

import (
	"context"
	"log/slog"

	"github.com/notpanel/notpanel/internal/ratelimit"
)

// checkRedis looks whether the counters that nodes share answer, where any are set.
func (d *doctor) checkRedis(ctx context.Context) {
	const about = "redis"
	address, err := d.settings.Redis()
	if err != nil || address == "" {
		return // checkSettings says what is wrong
	}
	counters, err := ratelimit.OpenCounters(address, "doctor", slog.New(slog.DiscardHandler), now)
	if err != nil {
		d.bad(about, err.Error(), "correct NOTPANEL_REDIS_URL")
		return
	}
	defer func() { _ = counters.Close() }()
	if err := counters.Ping(ctx); err != nil {
		d.bad(about, "it does not answer: "+plainError(err), "look at NOTPANEL_REDIS_URL and at Redis; until it answers each node counts requests by itself")
		return
	}
	d.ok(about, "it answers: nodes share their limits")
}

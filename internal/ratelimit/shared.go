package ratelimit

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/notpanel/notpanel/internal/clock"
)

const (
	// patience is how long a request waits for the shared counters before it is
	// counted by this node alone.
	patience = 250 * time.Millisecond
	// restsFor is how long the shared counters are left alone after a failure.
	restsFor = time.Second
	// noneShared is what none is to the scripts, whose numbers are floating.
	noneShared = 1 << 49
)

//go:embed address.lua
var addressScript string

//go:embed meet.lua
var meetScript string

//go:embed key.lua
var keyScript string

// Counters are counters in Redis, which nodes share. A script decides and counts in
// one round trip, by the clock of Redis, so that nodes need not agree on the time.
// While Redis does not answer, each node counts by itself.
type Counters struct {
	client *redis.Client
	panel  string
	log    *slog.Logger
	now    clock.Clock

	patience time.Duration

	address, meet, key *redis.Script

	// lost counts when Redis may have lost what it held: with each new connection, for
	// one that started again has none of the old ones, and when it answers again.
	lost atomic.Int64

	mu     sync.Mutex
	away   time.Time // since when; zero: it answers
	again  time.Time // when it is asked again
	reason string
}

// ErrNoRedis says that an address is not one of Redis.
var ErrNoRedis = errors.New("must be redis://HOST:6379, or rediss:// for TLS, with a user, a password and a database where it has them")

// OpenCounters returns a panel's counters at an address, such as redis://redis:6379/0.
// Panels of different names share nothing there. It does not wait for Redis to be
// there. An error never holds the address: a password may be in it.
func OpenCounters(address, panel string, log *slog.Logger, now clock.Clock) (*Counters, error) {
	return openCounters(address, panel, log, now, patience)
}

func openCounters(address, panel string, log *slog.Logger, now clock.Clock, patience time.Duration) (*Counters, error) {
	options, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	quiet()
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = patience, patience, patience, patience
	options.ContextTimeoutEnabled = true
	options.MaxRetries, options.DialerRetries = -1, 1 // a script that is run twice counts twice
	options.DisableIdentity = true
	c := &Counters{
		panel: panel, log: log, now: now, patience: patience,
		address: redis.NewScript(addressScript), meet: redis.NewScript(meetScript), key: redis.NewScript(keyScript),
	}
	options.OnConnect = func(context.Context, *redis.Conn) error {
		c.lost.Add(1)
		return nil
	}
	c.client = redis.NewClient(options)
	return c, nil
}

// quiet ends what the client prints by itself: what matters of it we log.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silence{}) }) //nolint:gochecknoglobals // its logger is the process's

type silence struct{}

// Printf implements the client's logger.
func (silence) Printf(context.Context, string, ...any) {}

// CheckAddress returns ErrNoRedis for what is no address of Redis.
func CheckAddress(address string) error {
	_, err := parseAddress(address)
	return err
}

func parseAddress(address string) (*redis.Options, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "redis" && u.Scheme != "rediss") || u.Hostname() == "" {
		return nil, ErrNoRedis
	}
	options, err := redis.ParseURL(address)
	if err != nil {
		return nil, ErrNoRedis
	}
	return options, nil
}

// Close ends the connections.
func (c *Counters) Close() error {
	if err := c.client.Close(); err != nil {
		return fmt.Errorf("close the shared counters: %w", err)
	}
	return nil
}

// Ping reports whether Redis answers. A panel that starts says so, or that it counts
// by itself.
func (c *Counters) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	err := c.client.Ping(ctx).Err()
	c.note(ctx, err)
	return err //nolint:wrapcheck // said as it is
}

// Away says since when the counters have not answered, and why; ok: they answer.
func (c *Counters) Away() (since time.Time, why string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.away, c.reason, c.away.IsZero()
}

// run runs a script, unless the counters are away. An answer that came too late is
// none: the request was counted there and is counted here too.
func (c *Counters) run(ctx context.Context, s *redis.Script, keys []string, args ...any) (answer []int64, ok bool) {
	if !c.asks() {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.patience) // whoever asked may be gone: that says nothing of Redis
	defer cancel()
	answer, err := s.Run(ctx, c.client, keys, args...).Int64Slice()
	c.note(ctx, err)
	return answer, err == nil
}

// asks reports whether the counters are to be asked: while they are away, one request
// in a while.
func (c *Counters) asks() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away.IsZero() {
		return true
	}
	now := c.now()
	if now.Before(c.again) {
		return false
	}
	c.again = now.Add(restsFor)
	return true
}

// note writes down whether the counters answered, and says where that has changed.
func (c *Counters) note(ctx context.Context, err error) {
	now := c.now()
	c.mu.Lock()
	was := c.away
	if err == nil {
		if !was.IsZero() {
			c.lost.Add(1)
		}
		c.away, c.reason = time.Time{}, ""
	} else {
		if c.away.IsZero() {
			c.away = now
		}
		c.reason, c.again = err.Error(), now.Add(restsFor)
	}
	c.mu.Unlock()
	switch {
	case err != nil && was.IsZero():
		c.log.LogAttrs(ctx, slog.LevelWarn, "Redis does not answer: this node counts requests by itself", slog.Any("error", err))
	case err == nil && !was.IsZero():
		c.log.LogAttrs(ctx, slog.LevelInfo, "Redis answers again: nodes share their limits", slog.Duration("after", now.Sub(was).Round(time.Second)))
	}
}

// shared are the counters of one limiter. The braces keep its keys together in a
// cluster.
type shared struct {
	*Counters

	strangers, young, old, denied, keys string
}

func (c *Counters) of(name string) *shared {
	at := func(what string) string { return "{notpanel:" + c.panel + ":" + name + "}:" + what }
	return &shared{c, at("strangers"), at("young"), at("old"), at("denied"), at("keys")}
}

func (s *shared) take(ctx context.Context, p place) (v Verdict, ok bool) {
	site, fixed := "", 0
	if p.hasSite {
		site = p.site.String()
	}
	if p.fixed {
		fixed = 1
	}
	got, ok := s.run(ctx, s.address, []string{s.strangers, s.young, s.old, s.denied}, p.line.String(), site, p.limit, fixed, SiteTimes, maxStrangers, maxDenied)
	if !ok || len(got) != 4 {
		return v, false
	}
	v = verdict(time.Unix(got[3], 0))
	v.Limit, v.Remaining = got[1], got[2]
	if got[0] != 0 {
		v.DeniedBy = ByIP
	}
	return v, true
}

func (s *shared) meetAt(ctx context.Context, p place, tierLimit int64) (ok bool) {
	args := []any{min(tierLimit, noneShared), maxKnown / 2}
	for _, prefix := range []netip.Prefix{p.line, p.site} {
		if prefix.IsValid() {
			args = append(args, prefix.String())
		}
	}
	_, ok = s.run(ctx, s.meet, []string{s.strangers, s.young, s.old}, args...)
	return ok
}

// costs are the scripts' words.
func (c Cost) word() string {
	switch c {
	case Poll:
		return "poll"
	case Nothing:
		return "nothing"
	case One:
	}
	return "one"
}

// counted is what the script for keys answers.
type counted struct {
	deniedBy          Layer
	keyLeft, tierLeft int64
	keyUsed, tierUsed int64
	at                time.Time
}

func (s *shared) takeKey(ctx context.Context, u Use, keyLimit, tierLimit int64) (c counted, ok bool) {
	got, ok := s.run(ctx, s.key, []string{s.keys}, u.KeyID, u.AccountID, u.Cost.word(), keyLimit, pollShare(keyLimit), tierLimit, 3*maxKeys)
	if !ok || len(got) != 6 {
		return c, false
	}
	c = counted{keyLeft: got[1], tierLeft: got[2], keyUsed: got[3], tierUsed: got[4], at: time.Unix(got[5], 0)}
	switch got[0] {
	case 1:
		c.deniedBy = ByKey
	case 2:
		c.deniedBy = ByTier
	}
	return c, true
}

// refused lists the addresses that memory would.
func (s *shared) refused(ctx context.Context, now time.Time) (all []DeniedAddress, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*s.patience)
	defer cancel()
	prefixes, err := s.client.ZRevRange(ctx, s.denied, 0, maxDenied-1).Result() //nolint:staticcheck // what replaces it a Redis before 6.2 does not know
	if err != nil {
		return nil, fmt.Errorf("denied addresses: %w", err)
	}
	if len(prefixes) == 0 {
		return nil, nil
	}
	var young, old *redis.SliceCmd
	// Both at once, or one that grows young in between is in neither.
	if _, err := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		young, old = p.HMGet(ctx, s.young, prefixes...), p.HMGet(ctx, s.old, prefixes...)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("denied addresses: %w", err)
	}
	for i, prefix := range prefixes {
		record, known := young.Val()[i].(string)
		if !known {
			record, known = old.Val()[i].(string)
		}
		if !known {
			continue // forgotten since
		}
		a, err := readDenied(prefix, record)
		if err != nil {
			return nil, err
		}
		if a.Denied > 0 && !a.Last.Before(now.Add(-refusedFor).Truncate(time.Second)) {
			all = append(all, a)
		}
	}
	return latestFirst(all), nil
}

// readDenied reads the scripts' record of an acquaintance.
func readDenied(prefix, record string) (DeniedAddress, error) {
	var r [8]int64
	_, scanErr := fmt.Sscan(record, &r[0], &r[1], &r[2], &r[3], &r[4], &r[5], &r[6], &r[7])
	at, parseErr := netip.ParsePrefix(prefix)
	if err := errors.Join(scanErr, parseErr); err != nil {
		return DeniedAddress{}, fmt.Errorf("denied address %s: %w", prefix, err)
	}
	return DeniedAddress{at, r[6], time.Unix(r[7], 0).UTC()}, nil
}

package apiv2

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ratelimit"
)

// Limiter decides whether a request may go on. One whose counters are elsewhere
// decides by itself what holds while it can't reach them.
type Limiter interface {
	// Address counts a request from an address before anything of it is read.
	Address(ctx context.Context, from netip.Addr) ratelimit.Verdict
	// KeySeen is told of every usable key of a tier and where it came from.
	KeySeen(ctx context.Context, from netip.Addr, tier string)
	// Key counts a request at its key and its account's tier, at both or at neither.
	Key(ctx context.Context, u ratelimit.Use) ratelimit.Verdict
}

// How much of a request is read that is refused for its address: what it takes to
// see which form of answer its sender understands.
const (
	deniedBody = 16 << 10
	deniedTime = 2 * time.Second
)

var errLimited = fault.New(fault.RateLimited, "Rate limit exceeded")

// turnAway answers a request whose address has used up its limit.
func turnAway(w http.ResponseWriter, r *http.Request, limits ratelimit.Verdict) answer {
	in, whole := glance(w, r)
	out := beforeKey(in, errLimited)
	if !whole {
		// It may be a poll, and text misleads nobody. The rest is not waited for.
		out = text(http.StatusTooManyRequests, errLimited)
		out.hangUp = true
	}
	out.limits = limits
	return out
}

// glance reads a request of which only the form matters. It is not whole where its
// body is too large, too slow or encoded.
func glance(w http.ResponseWriter, r *http.Request) (in *input, whole bool) {
	in = &input{method: r.Method, body: map[string]string{}, query: map[string]string{}}
	in.readQuery(r.URL.RawQuery)
	if r.ContentLength > deniedBody || isEncoded(r) {
		return in, false
	}
	// A connection that has no deadlines has the server's own time-out still.
	_ = http.NewResponseController(w).SetReadDeadline(clock.System().Add(deniedTime))
	body, err := io.ReadAll(io.LimitReader(r.Body, deniedBody+1))
	if err != nil || len(body) > deniedBody {
		return in, false
	}
	in.readFields(r.Header.Get("Content-Type"), body)
	return in, true
}

// use says how a call counts.
func (c *call) use() ratelimit.Use {
	u := ratelimit.Use{
		KeyID: c.who.KeyID, AccountID: c.who.AccountID, Tier: string(c.who.Tier), PerMinute: c.who.PerMinute,
		Test: c.who.Mode == apikey.Test, Classic: c.who.Dialect == apikey.Classic,
	}
	action := c.get("action")
	if u.Classic {
		action = strings.ToLower(c.either("action"))
	}
	switch {
	case action == "balance", !u.Classic && c.who.State != account.Active:
		// A suspended account is refused before its limits are looked at; in the classic
		// dialect it may still read.
		u.Cost = ratelimit.Nothing
	case u.Classic && asksAbout(action):
		u.Cost = ratelimit.Poll
	}
	return u
}

// writeLimits tells what is left and, after a refusal, who refused and for how
// long. Nothing is told of a limit that does not hold for the request. The names
// are spelled as they are documented, which Header.Set would not leave so.
func writeLimits(h http.Header, limits ratelimit.Verdict) {
	set := func(name string, value int64) { h[name] = []string{strconv.FormatInt(value, 10)} }
	if limits.Limit > 0 {
		set("X-RateLimit-Limit", limits.Limit)
		set("X-RateLimit-Remaining", limits.Remaining)
		set("X-RateLimit-Reset", limits.Reset)
	}
	if limits.TierLimit > 0 {
		set("X-RateLimit-Tier-Remaining", limits.TierRemaining)
	}
	if limits.Denied() {
		h["X-RateLimit-DeniedBy"] = []string{string(limits.DeniedBy)}
		h.Set("Retry-After", strconv.Itoa(limits.RetryAfter))
	}
}

package app

import (
	"context"
	"log/slog"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/ratelimit"
	"github.com/notpanel/notpanel/internal/telemetry"
)

// openCounters opens the counters that nodes share, where the settings name any. The
// panel's nodes know each other by the fingerprint of its key, which is public. A
// Redis that is not there keeps no panel from starting.
func (s *Server) openCounters(ctx context.Context) error {
	address, err := s.settings.Redis()
	if err != nil || address == "" {
		return err
	}
	if s.counters, err = ratelimit.OpenCounters(address, s.Core.Ring.Fingerprint(), s.log, clock.System); err != nil {
		return err
	}
	if s.counters.Ping(ctx) == nil {
		s.log.LogAttrs(ctx, slog.LevelInfo, "limits are shared in Redis")
	}
	return nil
}

// newLimiter returns a limiter that counts together with those of its name on the
// other nodes, or by itself where nothing is shared.
func (s *Server) newLimiter(l ratelimit.Limits, name string) *ratelimit.Limiter {
	if s.counters == nil {
		return ratelimit.New(l, clock.System)
	}
	return ratelimit.NewShared(l, clock.System, s.counters, name)
}

// How this node counts requests, as readiness says it.
const (
	limitsOwn    = "own"    // no Redis is set
	limitsShared = "shared" // with the other nodes
	limitsAlone  = "alone"  // Redis does not answer
)

func (s *Server) limitsState() string {
	if s.counters == nil {
		return limitsOwn
	}
	if _, _, ok := s.counters.Away(); !ok {
		return limitsAlone
	}
	return limitsShared
}

// limitsShared reports whether nodes count together, and why this one does not
// although it should.
func (s *Server) limitsShared() (shared bool, alone string) {
	if s.counters == nil {
		return false, ""
	}
	_, why, _ := s.counters.Away()
	return true, why
}

// limitsGauge is 1 while nodes share their limits, 0 while this one counts by itself
// because Redis does not answer; nothing where no Redis is set.
func (s *Server) limitsGauge() []telemetry.Gauge {
	if s.counters == nil {
		return nil
	}
	g := telemetry.Gauge{Name: "notpanel_limits_shared", Help: "1 while the limits are counted in Redis, 0 while this node counts by itself because Redis does not answer."}
	if s.limitsState() == limitsShared {
		g.Value = 1
	}
	return []telemetry.Gauge{g}
}

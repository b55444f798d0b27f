package app

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/telemetry"
	"github.com/notpanel/notpanel/internal/worker"
)

// opsTimeout bounds what an answer on the ops address waits for.
const opsTimeout = 3 * time.Second

// opsHandler serves health, readiness and metrics. Nothing there names a URL, an
// address or an error's text.
func (s *Server) opsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.metrics.Handler())
	return mux
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the asker is gone if this fails
}

// readiness is the body of /readyz.
type readiness struct {
	Ready    bool   `json:"ready"`
	Draining bool   `json:"draining"`
	Database bool   `json:"database"`    // it is read, and written unless that failed and still does
	Closed   bool   `json:"maintenance"` // ready all the same: nothing is broken
	Limits   string `json:"limits"`      // own, shared or alone: no node is less ready for it
	// WaitsForResume says that this is a restored copy: it answers, and sends nothing.
	WaitsForResume bool `json:"waits_for_resume"`

	Why   []string    `json:"why"` // it is not ready, in fixed words
	Loops []loopState `json:"loops"`
}

type loopState struct {
	Name           string  `json:"name"`
	Late           bool    `json:"late"`
	LastSuccessAgo float64 `json:"last_success_seconds_ago"`
	Failures       int64   `json:"failures"`
	Due            int64   `json:"due"`
	OldestDueAgo   float64 `json:"oldest_due_seconds_ago"`
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), opsTimeout)
	defer cancel()
	state := readiness{
		Draining: s.draining.Load(), Closed: s.panel.Now().Closed, WaitsForResume: s.waits.Load(), Limits: s.limitsState(), Why: []string{}, Loops: []loopState{},
	}
	if state.Draining {
		state.Why = append(state.Why, "it is stopping")
	}
	if trouble := s.databaseTrouble(ctx); trouble != "" {
		state.Why = append(state.Why, "database: "+trouble)
	} else {
		state.Database = true
	}
	now := clock.System()
	for _, h := range s.workers.Heartbeats(ctx) {
		l := loopState{
			Name: h.Name, Late: h.Late(now), LastSuccessAgo: now.Sub(h.LastSuccess).Seconds(),
			Failures: h.Failures, Due: h.Backlog.Count, OldestDueAgo: age(h.Backlog, now),
		}
		if l.Late {
			state.Why = append(state.Why, "loop "+l.Name+" is late")
		}
		state.Loops = append(state.Loops, l)
	}
	state.Ready = len(state.Why) == 0
	status := http.StatusOK
	if !state.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, state)
}

// databaseTrouble is why the database does not serve, in fixed words, or "".
func (s *Server) databaseTrouble(ctx context.Context) string {
	err := s.Core.DB.Read(ctx, func(tx *db.Tx) error {
		_, err := epoch.Load(tx)
		return err
	})
	if err != nil {
		return "not readable"
	}
	return s.Core.DB.Trouble(ctx)
}

// age is how long the oldest due work waits, in seconds.
func age(b worker.Backlog, now time.Time) float64 {
	if b.Oldest.IsZero() {
		return 0
	}
	return max(now.Sub(b.Oldest).Seconds(), 0)
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// gauges are the figures of the moment for metrics.
func (s *Server) gauges() []telemetry.Gauge {
	ctx, cancel := context.WithTimeout(context.Background(), opsTimeout)
	defer cancel()
	now := clock.System()
	all := []telemetry.Gauge{{
		Name: "notpanel_waits_for_resume", Help: "1 where the database is a restored copy that nobody has resumed: nothing is sent.", Value: oneIf(s.waits.Load()),
	}}
	for _, h := range s.workers.Heartbeats(ctx) {
		loop := func(name, help string, v float64) telemetry.Gauge {
			return telemetry.Gauge{Name: name, Help: help, Label: "loop", LabelValue: h.Name, Value: v}
		}
		all = append(
			all,
			loop("notpanel_loop_last_success_seconds_ago", "Time since the loop's last pass without an error.", now.Sub(h.LastSuccess).Seconds()),
			loop("notpanel_loop_failures", "Passes that failed since the start.", float64(h.Failures)),
			loop("notpanel_loop_due", "Work that is due and not done.", float64(h.Backlog.Count)),
			loop("notpanel_loop_oldest_due_seconds", "Age of the oldest work that is due.", age(h.Backlog, now)),
		)
	}
	if s.backups != nil {
		all = append(all, telemetry.Gauge{
			Name: "notpanel_backup_failures", Help: "Times that no backup could be made since the start.", Value: float64(s.backups.Failures()),
		})
		if age, found, err := s.backups.Age(); err == nil && found {
			all = append(all, telemetry.Gauge{Name: "notpanel_backup_age_seconds", Help: "Age of the newest backup.", Value: age.Seconds()})
		}
	}
	for providerID, n := range s.follower.Failures() {
		all = append(all, telemetry.Gauge{
			Name: "notpanel_provider_status_failures", Help: "Calls of status in a row from which nothing was learnt.",
			Label: "provider", LabelValue: providerID, Value: float64(n),
		})
	}
	all = append(all, s.limitsGauge()...)
	waiting, err := s.Core.Orders.Waiting(ctx)
	if err != nil {
		return all // the database is away; the loops' figures say so
	}
	person := func(what string, n int64) telemetry.Gauge {
		return telemetry.Gauge{Name: "notpanel_orders_waiting", Help: "Orders that wait for a person.", Label: "why", LabelValue: what, Value: float64(n)}
	}
	return append(all, person(string(order.Uncertain), waiting.Uncertain), person(string(order.Held), waiting.Held), person("attention", waiting.Attention))
}

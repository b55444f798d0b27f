// Package telemetry is how the panel tells its operator what it does: logs and
// metrics. Neither holds a key, a link, an address or a provider's text beyond
// what the operator needs.
package telemetry

import (
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewLogger logs lines of JSON.
func NewLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}

// Gauge is a figure of the moment, read when metrics are asked for.
type Gauge struct {
	Name, Help string
	Label      string // its only label's name; "" is none
	LabelValue string
	Value      float64
}

// Metrics are the panel's figures in the form of Prometheus.
type Metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	submissions *prometheus.CounterVec
	deliveries  *prometheus.CounterVec
	unrecorded  *prometheus.CounterVec
}

// NewMetrics returns metrics whose gauges come from read at each scrape.
func NewMetrics(read func() []Gauge) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notpanel_api_requests_total", Help: "Requests to the v2 API by action and HTTP status.",
		}, []string{"action", "status"}),
		submissions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notpanel_submissions_total", Help: "Orders sent to providers by outcome.",
		}, []string{"outcome"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notpanel_webhook_attempts_total", Help: "Attempts to deliver an event to a webhook by outcome.",
		}, []string{"outcome"}),
		unrecorded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "notpanel_requests_unrecorded_total", Help: "Requests for which the request log (rows) or the usage (counts) had no room.",
		}, []string{"what"}),
	}
	m.registry.MustRegister(m.requests, m.submissions, m.deliveries, m.unrecorded, gauges(read),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request counts an answered request. Actions are those of the API, "unknown" or "none".
func (m *Metrics) Request(action string, status int) {
	m.requests.WithLabelValues(action, strconv.Itoa(status)).Inc()
}

// Submission counts what became of an order's sending.
func (m *Metrics) Submission(outcome string) { m.submissions.WithLabelValues(outcome).Inc() }

// Delivery counts an attempt to deliver an event by its class: delivered, a group
// of statuses such as 5xx, or what failed.
func (m *Metrics) Delivery(class string) { m.deliveries.WithLabelValues(class).Inc() }

// Unrecorded counts requests for whose rows or counts there was no room.
func (m *Metrics) Unrecorded(what string, n int) {
	m.unrecorded.WithLabelValues(what).Add(float64(n))
}

// Handler answers with all metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// gauges is a collector without fixed descriptions.
type gauges func() []Gauge

// Describe implements prometheus.Collector: it sends nothing, so that gauges may come and go.
func (g gauges) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	for _, v := range g() {
		var labels, values []string
		if v.Label != "" {
			labels, values = []string{v.Label}, []string{v.LabelValue}
		}
		desc := prometheus.NewDesc(v.Name, v.Help, labels, nil)
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v.Value, values...)
	}
}

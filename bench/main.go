// Command bench measures the panel's hot paths and prints one table. Each row
// stands beside a reference floor measured in the same run, so the ratios can be
// compared between machines; the absolute figures can't.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/notpanel/notpanel/internal/secret"
)

// row is a line of the table, or of the second one: that of delays.
type row struct {
	Name      string  `json:"name"`
	PerSecond float64 `json:"per_second,omitempty"`
	Reference string  `json:"reference,omitempty"`
	Floor     float64 `json:"reference_per_second,omitempty"`
	Ratio     float64 `json:"ratio,omitempty"`
	P50       float64 `json:"p50_ms,omitempty"`
	P95       float64 `json:"p95_ms,omitempty"`
	P99       float64 `json:"p99_ms,omitempty"`
}

// table collects rows.
type table struct {
	rows   []row
	floors map[string]float64
}

// floor notes a reference.
func (t *table) floor(name string, perSecond float64) { t.floors[name] = perSecond }

// add notes a measurement beside its reference.
func (t *table) add(name string, perSecond float64, reference string) {
	r := row{Name: name, PerSecond: perSecond, Reference: reference, Floor: t.floors[reference]}
	if r.Floor > 0 {
		r.Ratio = perSecond / r.Floor
	}
	t.rows = append(t.rows, r)
	t.floors[name] = perSecond // a later row may stand beside this one
}

// delays notes how long something took each time.
func (t *table) delays(name string, all []time.Duration) {
	slices.Sort(all)
	at := func(share float64) float64 {
		return float64(all[int(share*float64(len(all)-1))]) / float64(time.Millisecond)
	}
	t.rows = append(t.rows, row{Name: name, P50: at(0.5), P95: at(0.95), P99: at(0.99)})
}

func (t *table) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "what\tper second\tratio\tto the reference\tper second\t")
	for _, r := range t.rows {
		if r.P50 == 0 {
			fmt.Fprintf(tw, "%s\t%.0f\t%.2f\t%s\t%.0f\t\n", r.Name, r.PerSecond, r.Ratio, r.Reference, r.Floor)
		}
	}
	fmt.Fprintln(tw, "\nwhat\tp50, ms\tp95, ms\tp99, ms\t")
	for _, r := range t.rows {
		if r.P50 > 0 {
			fmt.Fprintf(tw, "%s\t%.1f\t%.1f\t%.1f\t\n", r.Name, r.P50, r.P95, r.P99)
		}
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	return nil
}

func main() {
	length := flag.Duration("for", 3*time.Second, "how long each row is measured")
	asJSON := flag.Bool("json", false, "print JSON, for comparing runs")
	only := flag.String("only", "", "measure nothing else: add, webhooks, export or pages")
	flag.Parse()
	if err := run(context.Background(), *length, *only, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, length time.Duration, only string, asJSON bool) error {
	dir, err := os.MkdirTemp("", "notpanel-bench-*")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// A key of its own keeps the run from leaving a key file behind.
	if err := os.Setenv("NOTPANEL_SECRET_KEY", secret.Generate().Reveal()); err != nil {
		return fmt.Errorf("set a key: %w", err)
	}
	b := &bench{table: table{floors: map[string]float64{}}, dir: dir, length: length, only: only}
	if err := b.all(ctx); err != nil {
		return err
	}
	if asJSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(b.rows); err != nil {
			return fmt.Errorf("print JSON: %w", err)
		}
		return nil
	}
	return b.print(os.Stdout)
}

// bench is one run.
type bench struct {
	table

	dir    string
	length time.Duration
	only   string // "": everything
}

// wants reports whether rows of a kind are to be measured.
func (b *bench) wants(kind string) bool { return b.only == "" || b.only == kind }

// say tells what is measured now, so that nobody waits in the dark.
func (b *bench) say(what string) { fmt.Fprintln(os.Stderr, "measuring", what, "…") }

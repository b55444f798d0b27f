package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Units of what is measured.
const (
	perSecond = "/s"
	megabytes = "MB"
	seconds   = "s"
	micros    = "µs"
)

// mark is what a row should reach. The zero mark asks for nothing.
type mark struct {
	Bound float64 `json:"bound"`
	Most  bool    `json:"at_most"`  // it must not be exceeded; else not be missed
	Value bool    `json:"of_value"` // of what was measured; else of its ratio
}

// least asks for a ratio to the reference, and most for one that is not above it.
func least(ratio float64) *mark { return &mark{Bound: ratio} }
func most(ratio float64) *mark  { return &mark{Bound: ratio, Most: true} }

// mostValue asks for a measurement that is not above a bound, in the row's unit.
func mostValue(bound float64) *mark { return &mark{Bound: bound, Most: true, Value: true} }

// row is a line of the table, or of the second one: that of delays.
type row struct {
	Kind      string  `json:"kind"`
	Name      string  `json:"name"`
	Value     float64 `json:"value,omitempty"`
	Unit      string  `json:"unit,omitempty"`
	Reference string  `json:"reference,omitempty"`
	Floor     float64 `json:"reference_value,omitempty"`
	Ratio     float64 `json:"ratio,omitempty"`
	Mark      *mark   `json:"mark,omitempty"`
	Reached   *bool   `json:"reached,omitempty"`
	P50       float64 `json:"p50_ms,omitempty"`
	P95       float64 `json:"p95_ms,omitempty"`
	P99       float64 `json:"p99_ms,omitempty"`
}

// table collects rows.
type table struct {
	kind   string // of the rows that are added now
	rows   []row
	floors map[string]float64 // what later rows may stand beside
}

// floor notes a reference.
func (t *table) floor(name string, value float64) { t.floors[name] = value }

// add notes how often a second something is done, beside its reference.
func (t *table) add(name string, rate float64, reference string, m *mark) {
	t.note(row{Name: name, Value: rate, Unit: perSecond, Reference: reference, Mark: m})
}

// note completes a row and notes it. The next ones may stand beside it.
func (t *table) note(r row) {
	r.Kind, r.Floor = t.kind, t.floors[r.Reference]
	if r.Floor > 0 {
		r.Ratio = r.Value / r.Floor
	}
	if r.Mark != nil {
		of := r.Ratio
		if r.Mark.Value {
			of = r.Value
		}
		r.Reached = new(of > 0 && (of >= r.Mark.Bound) != r.Mark.Most || of == r.Mark.Bound)
	}
	t.rows = append(t.rows, r)
	t.floors[r.Name] = r.Value
}

// delays notes how long something took each time.
func (t *table) delays(name string, all []time.Duration) {
	slices.Sort(all)
	at := func(share float64) float64 {
		return float64(all[int(share*float64(len(all)-1))]) / float64(time.Millisecond)
	}
	t.rows = append(t.rows, row{Kind: t.kind, Name: name, P50: at(0.5), P95: at(0.95), P99: at(0.99)})
}

// json prints every row.
func (t *table) json(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(t.rows); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// markdown prints the table as documents have it.
func (t *table) markdown(w io.Writer) {
	slices.SortStableFunc(t.rows, func(a, b row) int { return kindIndex(a.Kind) - kindIndex(b.Kind) })
	fmt.Fprintln(w, "| what | measured | ratio | mark | | to the reference | of |\n|---|---:|---:|---|---|---|---:|")
	kind := ""
	for _, r := range t.rows {
		if r.Kind != kind {
			kind = r.Kind
			fmt.Fprintf(w, "| **%s** | | | | | | |\n", titleOf(kind))
		}
		if r.P50 == 0 {
			fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s |\n", r.Name, figure(r.Value, r.Unit), r.ratio(), r.mark(), strings.ToLower(r.verdict()), r.Reference, r.floor())
		}
	}
}

// print prints the table, what belongs together together, and says at its end which
// rows are short of their marks.
func (t *table) print(w io.Writer) error {
	slices.SortStableFunc(t.rows, func(a, b row) int { return kindIndex(a.Kind) - kindIndex(b.Kind) })
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "what\tmeasured\tratio\tmark\t\tto the reference\tof")
	kind, short, slow := "", []string{}, []row{}
	for _, r := range t.rows {
		if r.P50 > 0 {
			slow = append(slow, r)
			continue
		}
		if r.Kind != kind {
			kind = r.Kind
			fmt.Fprintf(tw, "\t\t\t\t\t\t\n%s\t\t\t\t\t\t\n", titleOf(kind))
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, figure(r.Value, r.Unit), r.ratio(), r.mark(), r.verdict(), r.Reference, r.floor())
		if r.Reached != nil && !*r.Reached {
			short = append(short, r.Name+" ("+r.ratioOrValue()+", mark "+r.mark()+")")
		}
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	if err := printDelays(w, slow); err != nil {
		return err
	}
	if len(short) > 0 {
		fmt.Fprintf(w, "\nshort of their mark: %d\n  %s\n", len(short), strings.Join(short, "\n  "))
	}
	return nil
}

func printDelays(w io.Writer, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\nhow long\tp50, ms\tp95, ms\tp99, ms")
	for _, r := range rows {
		fmt.Fprintf(tw, "%s\t%.1f\t%.1f\t%.1f\n", r.Name, r.P50, r.P95, r.P99)
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("print the delays: %w", err)
	}
	return nil
}

// figure writes a measurement as people compare it: three digits or more.
func figure(v float64, unit string) string {
	digits := 0
	switch {
	case v < 10:
		digits = 2
	case v < 100:
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + unit
}

func (r row) ratio() string {
	if r.Ratio == 0 {
		return ""
	}
	return strconv.FormatFloat(r.Ratio, 'f', 2, 64)
}

func (r row) ratioOrValue() string {
	if r.Mark.Value {
		return figure(r.Value, r.Unit)
	}
	return r.ratio()
}

func (r row) mark() string {
	if r.Mark == nil {
		return ""
	}
	sign, unit := "≥ ", ""
	if r.Mark.Most {
		sign = "≤ "
	}
	if r.Mark.Value {
		unit = " " + r.Unit
	}
	return sign + strconv.FormatFloat(r.Mark.Bound, 'f', -1, 64) + unit
}

func (r row) verdict() string {
	switch {
	case r.Reached == nil:
		return ""
	case *r.Reached:
		return "ok"
	}
	return "SHORT"
}

func (r row) floor() string {
	if r.Floor == 0 {
		return ""
	}
	return figure(r.Floor, r.Unit)
}

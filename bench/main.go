// Command bench measures the panel and prints one table. Each row stands beside a
// reference measured in the same run, so the ratios can be compared between
// machines; the absolute figures can't. docs/performance.md says what the rows are.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/secret"
)

func main() {
	length := flag.Duration("for", 3*time.Second, "how long each row is measured")
	asJSON := flag.Bool("json", false, "print JSON, for comparing runs")
	asMarkdown := flag.Bool("markdown", false, "print the table as docs/performance.md has it")
	only := flag.String("only", "", "measure nothing but these, comma-separated: "+strings.Join(kindNames(), ", "))
	engine := flag.String("engine", "", "measure nothing but this: sqlite or postgres")
	profile := flag.String("cpuprofile", "", "write a profile of the processor to this file; of panels in processes of their own it knows nothing")
	flag.Parse()
	stop, err := profiled(*profile)
	if err == nil {
		err = errors.Join(run(context.Background(), *length, *only, *engine, printed{*asJSON, *asMarkdown}), stop())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// profiled begins to write a profile and returns what ends it.
func profiled(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(path) //nolint:gosec // who measures names it
	if err != nil {
		return nil, fmt.Errorf("write a profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("write a profile: %w", err), file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}

// printed is how the table is printed: as text unless it is said otherwise.
type printed struct{ json, markdown bool }

func run(ctx context.Context, length time.Duration, only, engine string, as printed) error {
	kinds, err := parseKinds(only)
	if err != nil {
		return err
	}
	app.TuneCollector(ctx) // as a panel that serves does
	dir, err := os.MkdirTemp("", "notpanel-bench-*")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// A key of its own keeps the run from leaving a key file behind.
	if err := os.Setenv("NOTPANEL_SECRET_KEY", secret.Generate().Reveal()); err != nil {
		return fmt.Errorf("set a key: %w", err)
	}
	b := &bench{table: table{floors: map[string]float64{}}, dir: dir, length: length, kinds: kinds, engine: engine, crowds: map[string]*crowded{}}
	if b.upstream, err = newUpstream(ctx); err != nil {
		return err
	}
	defer b.upstream.close()
	// What was measured before something failed is worth reading too.
	err = b.all(ctx)
	switch {
	case as.json:
		return errors.Join(err, b.json(os.Stdout))
	case as.markdown:
		b.markdown(os.Stdout)
		return err
	}
	return errors.Join(err, b.print(os.Stdout))
}

// bench is one run.
type bench struct {
	table

	dir     string
	length  time.Duration
	kinds   []string
	engine  string              // "": both
	program string              // the panel's, once it was built
	crowds  map[string]*crowded // panels with many orders, by database

	upstream *upstream // the provider of those
}

// wants reports whether rows of any of some kinds are to be measured.
func (b *bench) wants(kinds ...string) bool {
	return slices.ContainsFunc(kinds, func(k string) bool { return slices.Contains(b.kinds, k) })
}

// say tells what is measured now, so that nobody waits in the dark.
func (*bench) say(what string) { fmt.Fprintln(os.Stderr, "measuring", what, "…") }

// file is a path in the run's folder.
func (b *bench) file(name string) string { return filepath.Join(b.dir, name) }

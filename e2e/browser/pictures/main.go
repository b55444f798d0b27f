// Pictures looks at every page of the panel's demo on a phone and on a desk, in
// light and in dark, writes pictures of them, and names what is wrong. It exits
// with 1 if anything is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/notpanel/notpanel/e2e/browser"
	"github.com/notpanel/notpanel/e2e/browser/site"
)

func main() {
	folder := flag.String("folder", "pictures", "where the pictures go")
	only := flag.String("only", "", "look only at pages whose path begins with this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	good, err := run(ctx, *folder, *only)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
	}
	if !good {
		os.Exit(1)
	}
}

// run reports whether every page is good.
func run(ctx context.Context, folder, only string) (good bool, err error) {
	var pages []site.Page
	for _, page := range site.Pages() {
		if strings.HasPrefix(page.Path, only) {
			pages = append(pages, page)
		}
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // pictures for people
		return false, fmt.Errorf("the folder of the pictures: %w", err)
	}
	scratch, err := os.MkdirTemp("", "notpanel-pictures-*")
	if err != nil {
		return false, fmt.Errorf("a folder for the program: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	program, err := browser.Build(ctx, scratch)
	if err != nil {
		return false, err
	}
	demo, err := browser.StartDemo(ctx, program)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, demo.Stop()) }()
	b, err := browser.Start(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	signIns := site.SignIns(demo) //nolint:contextcheck // a tab has its own
	report, err := site.Check(ctx, b, site.Options{Base: demo.URL, Pages: pages, SignIns: signIns, Folder: folder})
	if err != nil {
		return false, err
	}
	for _, page := range report {
		fmt.Fprintln(os.Stdout, page)
	}
	fmt.Fprintf(os.Stdout, "%s; pictures in %s\n", report.Summary(), folder)
	return report.Findings() == 0, nil
}

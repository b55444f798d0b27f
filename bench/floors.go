package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db/pgtest"
)

// The references.
const (
	floorSync    = "fdatasync of 4 KiB"
	floorBare    = "bare net/http handler"
	floorPgbench = "pgbench -N, 32 clients"
)

// syncs measures how often a second a small write reaches the disk for certain.
func (b *bench) syncs() error {
	b.say(floorSync)
	file, err := os.Create(b.file("sync"))
	if err != nil {
		return fmt.Errorf("%s: %w", floorSync, err)
	}
	defer func() { _ = file.Close() }()
	page := make([]byte, 4096)
	began, n := clock.System(), 0
	for clock.System().Sub(began) < b.length {
		if _, err := file.WriteAt(page, int64(n%1024)*4096); err != nil {
			return fmt.Errorf("%s: %w", floorSync, err)
		}
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			return fmt.Errorf("%s: %w", floorSync, err)
		}
		n++
	}
	b.floor(floorSync, float64(n)/clock.System().Sub(began).Seconds())
	return nil
}

// bare measures a handler that reads the form and sends an answer as long as
// that of add, under the same load.
func (b *bench) bare(ctx context.Context) error {
	b.say(floorBare)
	answer := []byte(`{"order":"ord_01M854XDNH6QR7RSSWDGZ2A483","status":"pending","charge":"0.42","currency":"USD"}`)
	server, err := newBareServer(ctx, http.Header{"Content-Type": {"application/json"}}, answer)
	if err != nil {
		return fmt.Errorf("%s: %w", floorBare, err)
	}
	defer server.close()
	t, err := placeOver(ctx, server.url, []string{"np_live_bench"}, "h", b.length)
	b.floor(floorBare, t.rate)
	return err
}

// pgbench measures the server's own simple update, as its maker ships it.
func (b *bench) pgbench(ctx context.Context, s *pgtest.Server) error {
	b.say(floorPgbench)
	const name = "pgbench"
	if err := s.CreateDatabase(ctx, name); err != nil {
		return fmt.Errorf("%s: %w", floorPgbench, err)
	}
	tool, err := pgbenchTool()
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, tool, "-i", "-q", "-s", "10", s.URL(name)).CombinedOutput(); err != nil { //nolint:gosec // the server's own tool
		return fmt.Errorf("%s: %w: %s", floorPgbench, err, out)
	}
	seconds := strconv.Itoa(max(int(b.length.Seconds()), 1))
	out, err := exec.CommandContext(ctx, tool, "-N", "-n", "-c", "32", "-j", "2", "-T", seconds, s.URL(name)).CombinedOutput() //nolint:gosec // the server's own tool
	if err != nil {
		return fmt.Errorf("%s: %w: %s", floorPgbench, err, out)
	}
	for line := range strings.SplitSeq(string(out), "\n") {
		var tps float64
		if n, _ := fmt.Sscanf(line, "tps = %g", &tps); n == 1 {
			b.floor(floorPgbench, tps)
			return nil
		}
	}
	return fmt.Errorf("%s printed no tps", floorPgbench)
}

// pgbenchTool finds pgbench beside the server or on the path.
func pgbenchTool() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if len(found) > 0 {
		return found[len(found)-1], nil
	}
	tool, err := exec.LookPath("pgbench")
	if err != nil {
		return "", fmt.Errorf("pgbench is missing (make setup installs it): %w", err)
	}
	return tool, nil
}

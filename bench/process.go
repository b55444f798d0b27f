package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

// startWithin bounds a start, stopWithin the end of a process.
const (
	startWithin = time.Minute
	stopWithin  = time.Minute
)

// served is a panel in a process of its own.
type served struct {
	process *os.Process
	url     string
	ops     string
	took    time.Duration // from the start of the process until it was ready
	ended   chan struct{}
	exit    error
}

// build builds the panel as it is shipped and returns its path.
func (b *bench) build(ctx context.Context) (string, error) {
	if b.program != "" {
		return b.program, nil
	}
	b.say("nothing yet: the panel is built")
	path := b.file("notpanel")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", path, "github.com/notpanel/notpanel/cmd/notpanel") //nolint:gosec // our own program
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the panel: %w: %s", err, out)
	}
	b.program = path
	return path, nil
}

// serve starts the panel on a database and waits until it is ready.
func (b *bench) serve(ctx context.Context, url string) (*served, error) {
	path, err := b.build(ctx)
	if err != nil {
		return nil, err
	}
	const high = "1000000000"
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, "serve") //nolint:gosec // it was just built
	cmd.Dir = b.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "TMPDIR=" + b.dir, "NOTPANEL_SECRET_KEY=" + os.Getenv("NOTPANEL_SECRET_KEY"),
		"NOTPANEL_DATABASE_URL=" + url, "NOTPANEL_LISTEN=127.0.0.1:0", "NOTPANEL_OPS_LISTEN=127.0.0.1:0", "NOTPANEL_OUTBOUND_ALLOW=" + loopback,
		"NOTPANEL_LIMIT_IP=" + high, "NOTPANEL_LIMIT_KEY=" + high, "NOTPANEL_LIMIT_TIERS=standard=" + high + ",reseller=" + high + ",agency=" + high,
	}
	// It ends when we do, however we end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("start the panel: %w", err)
	}
	s := &served{ended: make(chan struct{})}
	began, started, announced := clock.System(), make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the kernel ties its end to the thread that started it
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		s.process = cmd.Process
		started <- nil
		announced <- s.listen(said)
		s.exit = cmd.Wait()
		close(s.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start the panel: %w", err)
	}
	if err := s.ready(ctx, announced); err != nil {
		return nil, errors.Join(fmt.Errorf("start the panel: %w", err), s.process.Kill())
	}
	s.took = clock.System().Sub(began)
	return s, nil
}

// listen reads in the log where it serves and lets the rest of it go by.
func (s *served) listen(log io.Reader) error {
	lines := bufio.NewScanner(log)
	last := ""
	for s.url == "" && lines.Scan() {
		var line struct {
			Message string `json:"msg"`
			URL     string `json:"url"`
			Ops     string `json:"ops_url"`
		}
		last = lines.Text()
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "serving" {
			s.url, s.ops = line.URL, line.Ops
		}
	}
	if s.url == "" {
		return errors.New("it does not say where it serves: " + last)
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	return nil
}

// ready waits until it says that it is.
func (s *served) ready(ctx context.Context, announced <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	select {
	case err := <-announced:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return errors.New("it does not come in time")
	}
	client := &http.Client{Timeout: startWithin}
	defer client.CloseIdleConnections()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.ops+"/readyz", http.NoBody)
		if err != nil {
			return fmt.Errorf("ask whether it is ready: %w", err)
		}
		response, err := client.Do(r)
		if err != nil {
			return fmt.Errorf("ask whether it is ready: %w", err)
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return nil
		}
	}
}

// stop ends it in order.
func (s *served) stop() error {
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the panel: %w", err)
	}
	select {
	case <-s.ended:
		if s.exit != nil {
			return fmt.Errorf("the panel's end: %w", s.exit)
		}
		return nil
	case <-time.After(stopWithin):
		return errors.Join(errors.New("the panel does not end"), s.process.Kill())
	}
}

// memory reads how much of the machine's memory the process has (VmRSS) or has had at
// most (VmHWM), in MB.
func (s *served) memory(field string) (float64, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(s.process.Pid) + "/status")
	if err != nil {
		return 0, fmt.Errorf("read its memory: %w", err)
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read its memory: %w", err)
			}
			return float64(kib) * 1024 / 1e6, nil
		}
	}
	return 0, fmt.Errorf("its memory is not told: no %s", field)
}

// atRest is the most memory that it has while nobody asks it for anything.
func (s *served) atRest(length time.Duration) (most float64, err error) {
	tick := time.NewTicker(length / 10)
	defer tick.Stop()
	for range 10 {
		<-tick.C
		now, err := s.memory("VmRSS")
		if err != nil {
			return 0, err
		}
		most = max(most, now)
	}
	return most, nil
}

// starts is how often a start is measured.
const starts = 5

// started starts the panel on a database again and again, notes the median of how
// long it takes to be ready, and leaves the last one running.
func (b *bench) started(ctx context.Context, name, url string) (*served, error) {
	var all []time.Duration
	for {
		s, err := b.serve(ctx, url)
		if err != nil {
			return nil, err
		}
		if all = append(all, s.took); len(all) == starts {
			slices.Sort(all)
			b.note(row{Name: name, Value: all[starts/2].Seconds(), Unit: seconds, Mark: mostValue(0.5)})
			return s, nil
		}
		if err := s.stop(); err != nil {
			return nil, err
		}
	}
}

// start measures the program, its start on a database that is there, and what memory
// it takes while nobody asks it for anything.
func (b *bench) start(ctx context.Context, e engine) error {
	path, err := b.build(ctx)
	if err != nil {
		return err
	}
	if e.server == nil || b.engine != "" {
		file, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("size of the program: %w", err)
		}
		b.note(row{Name: "size of the program", Value: float64(file.Size()) / 1e6, Unit: megabytes})
	}
	url, err := e.newDatabase(ctx, "bench_start")
	if err != nil {
		return err
	}
	b.say("start, " + e.name)
	first, err := b.serve(ctx, url)
	if err != nil {
		return err
	}
	b.note(row{Name: "first start, which makes the tables, " + e.name, Value: first.took.Seconds(), Unit: seconds})
	if err := first.stop(); err != nil {
		return err
	}
	s, err := b.started(ctx, "start until ready, "+e.name, url)
	if err != nil {
		return err
	}
	memory, err := s.atRest(2 * b.length)
	b.note(row{Name: "memory at rest, " + e.name, Value: memory, Unit: megabytes, Mark: mostValue(60)})
	return errors.Join(err, s.stop())
}

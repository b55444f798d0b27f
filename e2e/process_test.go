//go:build linux

package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// within bounds the wait for whatever should come soon. It is generous: the
	// machine may be busy, and only a failure waits so long.
	within = time.Minute
	// pollEvery is the rhythm of looking whether it has come.
	pollEvery = 20 * time.Millisecond
)

// eventually waits until done returns true.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// launch says what to start.
type launch struct {
	args  []string
	env   []string // beside the little that every process gets
	dir   string   // "" is an empty folder
	stdin string
}

// process is a running program of ours.
type process struct {
	t      testing.TB
	name   string
	pid    int
	stdout *output
	stderr *output
	ended  chan struct{} // closed when it has ended
	exit   error         // how; read it after ended
}

// start starts the program. It is killed when the test ends, and what it printed
// is shown if the test failed.
func start(t testing.TB, l launch) *process {
	t.Helper()
	if l.dir == "" {
		l.dir = t.TempDir()
	}
	p := &process{t: t, name: strings.Join(l.args, " "), stdout: &output{}, stderr: &output{}, ended: make(chan struct{})}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, l.args...)
	// Nothing of the environment of the tests may steer the panel.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.dir, "TMPDIR=" + os.TempDir()}, l.env...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = l.dir, strings.NewReader(l.stdin), p.stdout, p.stderr
	// It ends when we do, however we end. The kernel ties that to the thread that
	// started it, so that thread is kept.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	begun := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		begun <- err
		if err == nil {
			p.exit = cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-begun; err != nil {
		t.Fatal(err)
	}
	p.pid = cmd.Process.Pid
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s (pid %d) printed:\n%s%s", p.name, p.pid, p.stdout.tail(), p.stderr.tail())
		}
	})
	return p
}

// running reports whether the process has not ended.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal sends a signal to this process alone.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if !p.running() {
		return
	}
	if err := syscall.Kill(p.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Fatalf("%s to %s: %v", s, p.name, err)
	}
}

// kill ends it as a crash would and waits until it is gone.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// terminate asks it to end, as a service manager does, and expects that it does
// so in order.
func (p *process) terminate() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		p.t.Fatalf("%s: exit code %d after SIGTERM, want 0", p.name, code)
	}
}

// wait waits for its end and returns the exit code.
func (p *process) wait() (code int) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		p.t.Fatalf("%s has not ended within %s", p.name, within)
	}
	if p.exit == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exec.ExitError](p.exit); ok {
		return exit.ExitCode()
	}
	p.t.Fatal(p.exit)
	return 0
}

// freeze stops all its threads where they are.
func (p *process) freeze() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	eventually(p.t, "every thread stopped", func() bool {
		stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.pid))
		for _, stat := range stats {
			content, readErr := os.ReadFile(stat)
			_, rest, _ := strings.Cut(string(content), ") ")
			if readErr != nil || !strings.HasPrefix(rest, "T") {
				return false
			}
		}
		return err == nil && len(stats) > 0
	})
}

// thaw lets it go on.
func (p *process) thaw() {
	p.t.Helper()
	p.signal(syscall.SIGCONT)
}

// output is what a process printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// String returns all of it.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// lines returns the whole lines.
func (o *output) lines() []string {
	all := strings.Split(o.String(), "\n")
	return all[:len(all)-1]
}

// tail returns the end, enough to understand a failure, without the line for
// each order that went well.
func (o *output) tail() string {
	const most = 40_000
	var text strings.Builder
	for line := range strings.Lines(o.String()) {
		if !strings.Contains(line, `"msg":"order sent"`) {
			_, _ = text.WriteString(line)
		}
	}
	return text.String()[max(0, text.Len()-most):]
}

// freeAddress returns an address on this machine where nobody listens now.
func freeAddress(t testing.TB) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}

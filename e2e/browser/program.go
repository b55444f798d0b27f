package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// Demo is a running `notpanel demo` with a folder of its own.
type Demo struct {
	URL    string            `json:"url"`
	OpsURL string            `json:"ops_url"`
	Keys   map[string]string `json:"keys"`
	// Customer is somebody with orders, who can sign in.
	Customer Login `json:"customer"`
	// Owner helps to run the panel.
	Owner Login `json:"owner"`

	folder string
	kill   context.CancelFunc
	ended  chan struct{}
	exit   error // how it ended; read it after ended
	said   printed
}

// Login is how somebody signs in.
type Login struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// Build builds the program into a folder and returns its path.
func Build(ctx context.Context, folder string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "notpanel")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", program, "./cmd/notpanel") //nolint:gosec // our own program
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, output)
	}
	return program, nil
}

// StartDemo starts the demo of a built program on free ports, without limits on
// requests, and waits until it is ready. Variables in env are added to the little
// that it gets. It is killed by Stop, and when ctx or this process ends.
func StartDemo(ctx context.Context, program string, env ...string) (*Demo, error) {
	folder, err := os.MkdirTemp("", "notpanel-demo-*")
	if err != nil {
		return nil, fmt.Errorf("a folder for the demo: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	d := &Demo{folder: folder, kill: cancel, ended: make(chan struct{})}
	ready := filepath.Join(folder, "ready.json")
	cmd := exec.CommandContext(ctx, program, "demo", "--data", filepath.Join(folder, "data"), "--listen", "127.0.0.1:0", "--ready-file", ready) //nolint:gosec // our own program
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &d.said, &d.said
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "TMPDIR=" + os.TempDir(),
		"NOTPANEL_LIMIT_IP=0", "NOTPANEL_LIMIT_KEY=0", "NOTPANEL_LIMIT_PAGES=0", "NOTPANEL_LIMIT_TIERS=standard=0,reseller=0,agency=0",
	}, env...)
	endWithUs(cmd)
	begun := make(chan error)
	go func() {
		runtime.LockOSThread() // on Linux it ends with the thread that started it
		err := cmd.Start()
		begun <- err
		if err == nil {
			d.exit = cmd.Wait()
		}
		close(d.ended)
	}()
	err = <-begun
	if err == nil {
		err = d.wait(ctx, ready)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the demo: %w\n%s", err, d.Said()), d.Stop())
	}
	return d, nil
}

// wait waits for the file that says where it serves.
func (d *Demo) wait(ctx context.Context, ready string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-d.ended:
			return fmt.Errorf("it ended: %w", d.exit)
		case <-ctx.Done():
			return fmt.Errorf("it does not get ready: %w", ctx.Err())
		}
		content, err := os.ReadFile(ready) //nolint:gosec // in our own folder
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("the ready file: %w", err)
		}
		if err := json.Unmarshal(content, d); err != nil {
			return fmt.Errorf("the ready file: %w", err)
		}
		return nil
	}
}

// Said returns what it printed.
func (d *Demo) Said() string { return d.said.String() }

// Stop kills the demo and removes its folder.
func (d *Demo) Stop() error {
	d.kill()
	<-d.ended
	if err := os.RemoveAll(d.folder); err != nil {
		return fmt.Errorf("the demo's folder: %w", err)
	}
	return nil
}

// printed is what a process printed so far.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b) //nolint:wrapcheck // it never fails
}

// String returns all of it.
func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

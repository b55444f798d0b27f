// Package redistest runs a Redis server of its own for tests: an empty one on a free
// port of 127.0.0.1, which keeps nothing, is stopped by its process id and ends with
// the program that started it.
package redistest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

const (
	startTimeout = time.Minute
	startTries   = 4 // another program may take the free port first
	pollEvery    = 10 * time.Millisecond
)

var errEnded = errors.New("the server ended while starting")

// Server is a Redis server. It can be stopped and started again at its address.
type Server struct {
	t    testing.TB
	port int

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
}

// Start starts a server that ends with the test. Without one on this machine the
// test is skipped, or fails where CI=true.
func Start(t testing.TB) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no Redis server on this machine: make setup installs it")
		}
		t.Skip("no Redis server on this machine: make setup installs it")
	}
	s := &Server{t: t}
	t.Cleanup(s.Stop)
	for try := 1; ; try++ {
		port, err := freePort(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.port = port
		switch err := s.launch(); {
		case err == nil:
			return s
		case !errors.Is(err, errEnded) || try == startTries:
			t.Fatal(err)
		}
	}
}

// URL is the server's address.
func (s *Server) URL() string { return fmt.Sprintf("redis://127.0.0.1:%d/0", s.port) }

// PID is the server's process id.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// Stop ends the server at once, with all that it held.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.ended
	s.cmd = nil
}

// Restart starts a server that was stopped, at the same address and empty.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.launch(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) launch() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	cmd := exec.CommandContext(context.WithoutCancel(s.t.Context()), "redis-server", //nolint:gosec // a port of ours
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", os.TempDir(), "--loglevel", "warning")
	cmd.SysProcAttr = endsWithUs()
	s.ended = make(chan struct{})
	begun := make(chan error)
	go func(ended chan struct{}) { // the kernel ties the child to the thread that started it
		runtime.LockOSThread()
		err := cmd.Start()
		begun <- err
		if err == nil {
			_ = cmd.Wait()
			close(ended)
		}
	}(s.ended)
	if err := <-begun; err != nil {
		return fmt.Errorf("start Redis: %w", err)
	}
	s.cmd = cmd
	return s.ready()
}

// ready waits until the server answers, and answers as ours.
func (s *Server) ready() error {
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if s.answers() {
			return nil
		}
		select {
		case <-s.ended:
			s.cmd = nil
			return errEnded
		case <-deadline.C:
			return errors.New("the server is not ready in time")
		case <-tick.C:
		}
	}
}

func (s *Server) answers() bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), time.Second) //nolint:noctx // bounded
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	if conn.SetDeadline(clock.System().Add(time.Second)) != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && line == "+PONG\r\n"
}

func freePort(ctx context.Context) (int, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("listening on %T", l.Addr())
	}
	return address.Port, nil
}

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/provider/simulator"
)

// SimulatorOptions are the settings of a simulator that listens.
type SimulatorOptions struct {
	Listen string
	Dir    string // "" keeps nothing
	Key    string
	Pace   time.Duration // zero: the simulator's own
}

// Check says what is wrong with the settings.
func (o SimulatorOptions) Check() error {
	if host, ok := config.ListenHost(o.Listen); !ok || !config.IsLoopbackHost(host) {
		return errors.New("the simulator listens on this machine only: give an address such as 127.0.0.1:8090")
	}
	if o.Key == "" {
		return errors.New("the simulator needs a key that it accepts")
	}
	return nil
}

// Simulator is the simulated provider behind a listener of its own.
type Simulator struct {
	*simulator.Simulator

	server   *http.Server
	listener net.Listener
}

// StartSimulator serves a simulated provider on this machine.
func StartSimulator(ctx context.Context, o SimulatorOptions) (*Simulator, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	sim, err := simulator.New(simulator.Options{Key: o.Key, Dir: o.Dir, Pace: o.Pace})
	if err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("simulator: %w", err), sim.Close())
	}
	s := &Simulator{Simulator: sim, listener: l, server: &http.Server{Handler: sim, ReadHeaderTimeout: readHeaderTimeout}}
	go func() { _ = s.server.Serve(l) }() // ends with Stop
	return s, nil
}

// URL is the simulator's base address; its API is below /api/v2.
func (s *Simulator) URL() string { return "http://" + s.listener.Addr().String() }

// Stop ends it; requests that it holds are let go.
func (s *Simulator) Stop() {
	_ = s.Close()
	_ = s.server.Close()
}

// WriteReadyFile writes v as JSON to path, readable by its owner alone and whole
// at once, so that who waits for the file never reads half of it. An empty path
// writes nothing.
func WriteReadyFile(path string, v any) error {
	if path == "" {
		return nil
	}
	content, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.WriteFile(temporary, append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	return nil
}

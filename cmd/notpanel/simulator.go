package main

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/app"
)

// simulatorCommand runs the provider alone.
type simulatorCommand struct {
	Listen    string `default:"127.0.0.1:8090" help:"Address to listen on; this machine only."`
	Data      string `help:"Folder in which its orders are kept; without it they end with the program." type:"path"`
	Key       string `default:"simulator" help:"The API key that it accepts."`
	ReadyFile string `help:"File to write its address and key into once it answers." type:"path"`
}

func (c *simulatorCommand) options() app.SimulatorOptions {
	return app.SimulatorOptions{Listen: c.Listen, Dir: c.Data, Key: c.Key}
}

// Validate says what is wrong with the flags.
func (c *simulatorCommand) Validate() error { return c.options().Check() }

// Run serves the simulator.
func (c *simulatorCommand) Run(ctx context.Context, t terminal) error {
	s, err := app.StartSimulator(ctx, c.options())
	if err != nil {
		return err
	}
	defer s.Stop()
	if err := app.WriteReadyFile(c.ReadyFile, map[string]string{"url": s.URL(), "key": c.Key}); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "The simulated provider answers at %s, key %s.\nIts orders: %s/sim/orders\n", s.URL()+"/api/v2", c.Key, s.URL())
	<-ctx.Done()
	return nil
}

package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/telemetry"
)

// demoCommand shows the whole story.
type demoCommand struct {
	Data      string `default:"notpanel-data" help:"Folder for everything that it keeps." type:"path"`
	Listen    string `default:"127.0.0.1:8080" help:"Address of the API."`
	Public    bool   `help:"Allow an address beyond this machine."`
	PublicURL string `name:"public-url" env:"NOTPANEL_PUBLIC_URL" help:"With --public: the address as visitors type it."`
	OpsListen string `env:"NOTPANEL_OPS_LISTEN" default:"127.0.0.1:0" help:"Address of health, readiness and metrics."`
	ReadyFile string `help:"File to write addresses and keys into once everything is ready." type:"path"`

	config.Limits `embed:""`
}

func (c *demoCommand) options() app.DemoOptions {
	return app.DemoOptions{Dir: c.Data, Listen: c.Listen, OpsListen: c.OpsListen, Public: c.Public, PublicURL: c.PublicURL, Limits: c.Limits}
}

// Validate says what is wrong with the flags.
func (c *demoCommand) Validate() error { return c.options().Check() }

// Run starts the demo and prints what to try.
func (c *demoCommand) Run(ctx context.Context, t terminal) error {
	log := telemetry.NewLogger(t.err, slog.LevelWarn)
	fmt.Fprintln(t.out, "Starting the demo: the panel, a simulated provider and one order for every outcome …")
	o := c.options()
	o.Log, o.Progress = log, func(text string) { fmt.Fprintln(t.out, "  "+text) }
	demo, err := app.StartDemo(ctx, o)
	if err != nil {
		return err
	}
	if err := app.WriteReadyFile(c.ReadyFile, demo.Ready()); err != nil {
		return err
	}
	demo.Print(t.out)
	select {
	case <-ctx.Done():
		fmt.Fprintln(t.out, "Stopping …")
	case err = <-demo.Failed():
	}
	if stopErr := demo.Stop(context.WithoutCancel(ctx)); stopErr != nil {
		return fmt.Errorf("stop: %w", stopErr)
	}
	return err
}

package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/telemetry"
)

// serveCommand serves until it is told to stop.
type serveCommand struct {
	config.Serve `embed:""`
}

// Run serves the panel.
func (c *serveCommand) Run(ctx context.Context, t terminal) error {
	c.Program = version
	log := telemetry.NewLogger(t.err, slog.LevelInfo)
	server, err := app.NewServer(ctx, c.Serve, log)
	if err != nil {
		return err
	}
	server.Start()
	log.LogAttrs(ctx, slog.LevelInfo, "serving", slog.String("version", version), slog.String("url", server.URL()), slog.String("ops_url", server.OpsURL()))
	app.TuneCollector(ctx)
	select {
	case <-ctx.Done():
		log.LogAttrs(ctx, slog.LevelInfo, "stopping: requests and calls under way are finished first")
	case err = <-server.Failed():
		err = fmt.Errorf("serve: %w", err)
	}
	if stopErr := server.Stop(context.WithoutCancel(ctx)); stopErr != nil {
		return fmt.Errorf("stop: %w", stopErr)
	}
	return err
}

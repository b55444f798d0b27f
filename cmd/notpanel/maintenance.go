package main

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/app"
	operator "github.com/notpanel/notpanel/internal/panel"
)

// maintenanceCommands close and open the panel.
type maintenanceCommands struct {
	On  maintenanceOn  `cmd:"" help:"Close the panel: customers see no pages and nothing is ordered, while staff and orders under way go on."`
	Off maintenanceOff `cmd:"" help:"Open the panel again."`
}

// maintenanceOn closes the panel.
type maintenanceOn struct {
	storage

	Says string `help:"What customers read meanwhile, at most 500 characters of plain text."`
}

// Run closes the panel, or says something else while it is closed.
func (c *maintenanceOn) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		if err := core.Panel.Close(ctx, c.Says, operator.By{ID: actor}); err != nil {
			return err
		}
		fmt.Fprintln(t.out, "The panel is closed for maintenance. Nothing is ordered from now on; pages follow within seconds.")
		return nil
	})
}

// maintenanceOff opens the panel again.
type maintenanceOff struct {
	storage
}

// Run opens the panel.
func (c *maintenanceOff) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		if err := core.Panel.Reopen(ctx, operator.By{ID: actor}); err != nil {
			return err
		}
		fmt.Fprintln(t.out, "The panel is open again.")
		return nil
	})
}

package main

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/app"
)

// blockCommands are the commands about the block-list.
type blockCommands struct {
	Add    blockAdd    `cmd:"" help:"Let nobody order for a target, or for anything below it."`
	Remove blockRemove `cmd:"" help:"Take a target off the block-list."`
	List   blockList   `cmd:"" help:"List the block-list."`
}

// blockAdd blocks a target.
type blockAdd struct {
	storage
	output

	Pattern string `arg:"" help:"A host, a host and a path, or these with parameters: shop.example, site.example/name, site.example/watch?v=x."`
	Reason  string `required:"" help:"Why; for staff."`
}

// Run blocks the target and says how it is kept.
func (c *blockAdd) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		b, err := core.Catalog.Block(ctx, c.Pattern, c.Reason, actor)
		if err != nil {
			return err
		}
		if c.JSON {
			return t.json(blockView{b.Pattern, b.Reason, when(b.CreatedAt)})
		}
		fmt.Fprintf(t.out, "Nobody can order for %s, or for anything below it.\n", b.Pattern)
		return nil
	})
}

// blockRemove unblocks a target.
type blockRemove struct {
	storage

	Pattern string `arg:"" help:"The target, in any spelling."`
}

// Run takes the target off the list.
func (c *blockRemove) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		pattern, err := core.Catalog.Unblock(ctx, c.Pattern, actor)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "%s is off the block-list.\n", pattern)
		return nil
	})
}

// blockView is an entry of the block-list in JSON.
type blockView struct {
	Pattern   string  `json:"pattern"`
	Reason    string  `json:"reason"`
	CreatedAt *string `json:"created_at"`
}

// blockList lists the block-list.
type blockList struct {
	storage
	output
}

// Run prints the block-list by pattern.
func (c *blockList) Run(ctx context.Context, t terminal) error {
	return c.use(ctx, func(core *app.Core) error {
		targets, err := core.Catalog.BlockList(ctx)
		if err != nil {
			return err
		}
		var all []blockView
		for _, b := range targets {
			all = append(all, blockView{b.Pattern, b.Reason, when(b.CreatedAt)})
		}
		return list(t, c.JSON, all, table[blockView]{
			none: "There are no blocked targets: `notpanel block add PATTERN --reason R` adds one.",
			head: []string{"PATTERN", "REASON", "SINCE"},
			row:  func(b blockView) []string { return []string{b.Pattern, b.Reason, orEmpty(b.CreatedAt)} },
		})
	})
}

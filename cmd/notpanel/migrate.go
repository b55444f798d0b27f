package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/db"
)

// migrateCommands are the commands about the database's schema.
type migrateCommands struct {
	Up     migrateUp     `cmd:"" help:"Bring the schema to this program's version."`
	Status migrateStatus `cmd:"" help:"Show which steps the schema has."`
}

// database opens the database alone: its schema may be too old for the panel.
func (s *storage) database(ctx context.Context, create bool, do func(*db.DB) error) (err error) {
	if err := s.Load(); err != nil {
		return &usageError{err.Error()}
	}
	d, err := app.OpenDatabase(ctx, s.Storage, options(create))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return do(d)
}

// migrateUp takes the steps that are missing.
type migrateUp struct{ storage }

// Run takes the steps and names them.
func (c *migrateUp) Run(ctx context.Context, t terminal) error {
	return c.database(ctx, true, func(d *db.DB) error {
		next, done := t.progress()
		next("bringing the schema up to date")
		applied, err := d.Migrate(ctx)
		done()
		for _, name := range applied {
			fmt.Fprintln(t.out, "applied", name)
		}
		if err != nil {
			return fmt.Errorf("bring the schema up to date: %w", err)
		}
		fmt.Fprintln(t.out, "The schema is up to date.")
		return nil
	})
}

// migrateStatus shows the steps.
type migrateStatus struct {
	storage
	output
}

// Run prints every step that this program knows, oldest first.
func (c *migrateStatus) Run(ctx context.Context, t terminal) error {
	return c.database(ctx, false, func(d *db.DB) error {
		all, err := d.Migrations(ctx)
		if err != nil {
			return fmt.Errorf("read the schema's version: %w", err)
		}
		pending := false
		err = list(t, c.JSON, all, table[db.Migration]{
			head: []string{"STEP", "APPLIED"},
			row: func(m db.Migration) []string {
				pending = pending || !m.Applied
				return []string{m.Name, yesNo(m.Applied)}
			},
		})
		if pending {
			fmt.Fprintln(t.out, "`notpanel migrate up` applies what is missing.")
		}
		return err
	})
}

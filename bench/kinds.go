package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/notpanel/notpanel/internal/db/pgtest"
)

// kind is what is measured together.
type kind struct {
	name, title string
	asked       bool // it is measured only when it is named
	measure     func(*bench, context.Context, engine) error
}

// kinds lists what can be measured, in the order in which it is printed.
func kinds() []kind {
	return []kind{
		{"add", "placing an order", false, (*bench).placing},
		{"reads", "reading, 256 connections", false, (*bench).reads},
		{"life", "an order's whole life", false, (*bench).life},
		{"start", "starting, at rest", false, (*bench).start},
		{"crowd", "with 1,000,000 orders", false, (*bench).crowd},
		{"webhooks", "deliveries", true, (*bench).webhooks},
		{"export", "downloads", true, (*bench).export},
		{"pages", "pages", true, (*bench).pages},
	}
}

func kindNames() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

func kindIndex(name string) int { return slices.Index(kindNames(), name) }

func titleOf(name string) string { return kinds()[kindIndex(name)].title }

// parseKinds reads a list of kinds; an empty one is all that need not be asked for.
func parseKinds(list string) (names []string, err error) {
	if list == "" {
		for _, k := range kinds() {
			if !k.asked {
				names = append(names, k.name)
			}
		}
		return names, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		if kindIndex(name) < 0 {
			return nil, fmt.Errorf("nothing is called %q: there are %s", name, strings.Join(kindNames(), ", "))
		}
		names = append(names, name)
	}
	return names, nil
}

// engine is where the databases of a run are made.
type engine struct {
	name   string
	dir    string         // of SQLite's files
	server *pgtest.Server // nil: SQLite
}

// newDatabase returns the address of an empty database.
func (e engine) newDatabase(ctx context.Context, name string) (url string, err error) {
	if e.server == nil {
		return "sqlite:" + e.dir + "/" + name + ".db", nil
	}
	if err := e.server.CreateDatabase(ctx, name); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	return e.server.URL(name), nil
}

// either returns what belongs to the engine.
func either[T any](e engine, sqlite, postgres T) T {
	if e.server == nil {
		return sqlite
	}
	return postgres
}

// all measures what is wanted on both engines.
func (b *bench) all(ctx context.Context) error {
	if b.wants("add", "life") {
		if err := b.syncs(); err != nil {
			return err
		}
	}
	if b.wants("add") {
		if err := b.bare(ctx); err != nil {
			return err
		}
	}
	if b.engine != "postgres" {
		if err := b.on(ctx, engine{name: "SQLite", dir: b.dir}); err != nil {
			return err
		}
	}
	if b.engine == "sqlite" {
		return nil
	}
	if !pgtest.Available() {
		b.say("nothing on PostgreSQL: no server on this machine (make setup installs it)")
		return nil
	}
	server, err := pgtest.Start(ctx, pgtest.Options{Durable: true})
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	return errors.Join(b.on(ctx, engine{name: "PostgreSQL", server: server}), server.Stop())
}

// on measures what is wanted on one engine.
func (b *bench) on(ctx context.Context, e engine) error {
	for _, k := range kinds() {
		if !b.wants(k.name) {
			continue
		}
		b.kind = k.name
		if err := k.measure(b, ctx, e); err != nil {
			return fmt.Errorf("%s, %s: %w", k.name, e.name, err)
		}
	}
	return nil
}

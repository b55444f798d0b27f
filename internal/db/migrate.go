package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// migrator is what goose needs from an engine.
type migrator struct {
	dialect goose.Dialect
	folder  string
	pool    *sql.DB
	options []goose.ProviderOption
	close   func() error
}

func (s *sqliteDB) migrator() (*migrator, error) {
	pool, err := sql.Open(sqliteDriver, sqliteDSN(s.path, defaultBusyWait, readerCacheKiB, false))
	if err != nil {
		return nil, err
	}
	lock, err := lockMigration(s.path) // goose has no lock on SQLite
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &migrator{
		dialect: goose.DialectSQLite3, folder: "sqlite", pool: pool,
		close: func() error { return errors.Join(pool.Close(), lock.Unlock()) },
	}, nil
}

func (p *postgresDB) migrator() (*migrator, error) {
	// Nodes that start together take turns.
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, err
	}
	// A step may take long on large tables: an index of a million rows, say.
	config := p.pool.Config().ConnConfig
	config.DialFunc = newDialer(0, p.hosts).dial
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	pool := stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(p.hosts.order))
	return &migrator{
		dialect: goose.DialectPostgres, folder: "postgres", pool: pool, close: pool.Close,
		options: []goose.ProviderOption{goose.WithSessionLocker(locker)},
	}, nil
}

// withProvider runs fn on goose's view of this database.
func (d *DB) withProvider(fn func(*goose.Provider) error) error {
	m, err := d.engine.migrator()
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	defer func() { _ = m.close() }()
	folder, err := fs.Sub(migrations, "migrations/"+m.folder)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(m.dialect, m.pool, folder, m.options...)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return fn(provider)
}

// Migrate brings the schema to this program's version and returns the names of
// the steps it took. A schema newer than the program is refused.
func (d *DB) Migrate(ctx context.Context) (applied []string, err error) {
	err = d.withProvider(func(p *goose.Provider) error {
		if err := refuseNewer(ctx, p); err != nil {
			return err
		}
		results, err := p.Up(ctx)
		for _, r := range results {
			applied = append(applied, r.Source.Path)
		}
		return err
	})
	return applied, err
}

// Migration is a step of the schema and whether this database has it.
type Migration struct {
	Name    string `json:"name"`
	Applied bool   `json:"applied"`
}

// Migrations lists the steps that this program knows, oldest first.
func (d *DB) Migrations(ctx context.Context) (all []Migration, err error) {
	err = d.withProvider(func(p *goose.Provider) error {
		states, err := p.Status(ctx)
		for _, s := range states {
			all = append(all, Migration{Name: s.Source.Path, Applied: s.State == goose.StateApplied})
		}
		return err
	})
	return all, err
}

// ErrOutdated says that the schema lacks steps of this program.
var ErrOutdated = errors.New("the database's schema is older than this program: run `notpanel migrate up`")

// CheckSchema returns ErrOutdated, or an error for a schema that is newer than
// the program, or nil.
func (d *DB) CheckSchema(ctx context.Context) error {
	return d.withProvider(func(p *goose.Provider) error {
		if err := refuseNewer(ctx, p); err != nil {
			return err
		}
		pending, err := p.HasPending(ctx)
		if err != nil {
			return err
		}
		if pending {
			return ErrOutdated
		}
		return nil
	})
}

func refuseNewer(ctx context.Context, p *goose.Provider) error {
	have, know, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have > know {
		return fmt.Errorf("the database's schema has version %d, this program knows %d: use a newer program", have, know)
	}
	return nil
}

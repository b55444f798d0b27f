package db_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
)

var emptyDatabases atomic.Int64

// emptyURL makes a database without our schema.
func emptyURL(t *testing.T, engine db.Engine) string {
	t.Helper()
	if engine == db.SQLite {
		return "sqlite:" + t.TempDir() + "/empty.db"
	}
	u, err := url.Parse(dbtest.NewURL(t, engine))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	name := fmt.Sprintf("empty_%d", emptyDatabases.Add(1))
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+name+" STRATEGY FILE_COPY"); err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// eachEngine is dbtest.Each for tests that need an address, not a database.
func eachEngine(t *testing.T, test func(t *testing.T, engine db.Engine)) {
	t.Helper()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			test(t, engine)
		})
	}
}

// An empty database is told from a current one; Migrate makes the one the other
// and has nothing to do the second time.
func TestMigrateBringsAnEmptyDatabaseUpToDate(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine db.Engine) {
		d := dbtest.Connect(t, emptyURL(t, engine))
		if err := d.CheckSchema(t.Context()); !errors.Is(err, db.ErrOutdated) {
			t.Errorf("an empty database: %v, want ErrOutdated", err)
		}
		known := steps(t, d, false)
		applied, err := d.Migrate(t.Context())
		if err != nil || len(known) == 0 || !slices.Equal(applied, known) {
			t.Errorf("Migrate took %v, %v; want %v", applied, err, known)
		}
		if err := d.CheckSchema(t.Context()); err != nil {
			t.Errorf("after Migrate: %v", err)
		}
		if applied, err := d.Migrate(t.Context()); err != nil || len(applied) != 0 {
			t.Errorf("the second time it took %v, %v", applied, err)
		}
		steps(t, d, true)
	})
}

// steps returns the names of the migrations and checks that all or none is applied.
func steps(t *testing.T, d *db.DB, applied bool) (names []string) {
	t.Helper()
	all, err := d.Migrations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		names = append(names, m.Name)
		if m.Applied != applied {
			t.Errorf("%s is applied: %v", m.Name, m.Applied)
		}
	}
	return names
}

// Processes that start together on an empty database take turns: one migrates,
// the others find it done.
func TestNodesMigrateOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine db.Engine) {
		address := emptyURL(t, engine)
		var took atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			d := dbtest.Connect(t, address)
			wg.Go(func() {
				applied, err := d.Migrate(t.Context())
				if err != nil {
					t.Error(err)
				}
				took.Add(int64(len(applied)))
			})
		}
		wg.Wait()
		if want := len(steps(t, dbtest.Connect(t, address), true)); took.Load() != int64(want) {
			t.Errorf("%d steps were taken, there are %d", took.Load(), want)
		}
	})
}

// A program that is older than the schema keeps its hands off it.
func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		write(t, d, exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`))
		if err := d.CheckSchema(t.Context()); err == nil || errors.Is(err, db.ErrOutdated) || !strings.Contains(err.Error(), "99999") {
			t.Errorf("CheckSchema = %v, want the newer version named", err)
		}
		if applied, err := d.Migrate(t.Context()); err == nil || len(applied) != 0 {
			t.Errorf("Migrate took %v, %v; want a refusal", applied, err)
		}
	})
}

// Both folders have steps of the same names, and these end in the same tables,
// columns and indexes.
func TestBothEnginesHaveOneSchema(t *testing.T) {
	t.Parallel()
	lite, pg := dbtest.Open(t, db.SQLite), dbtest.Open(t, db.Postgres)
	same(t, "migrations", steps(t, lite, true), steps(t, pg, true))
	same(t, "columns", texts(t, lite, `
		SELECT m.name || '.' || c.name || CASE WHEN c."notnull" = 1 OR c.pk > 0 THEN ' NOT NULL' ELSE '' END
			|| CASE WHEN c.dflt_value IS NULL THEN '' ELSE ' DEFAULT' END || ' ' || c.type
		FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name <> 'goose_db_version'`),
		texts(t, pg, `
		SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END
			|| CASE WHEN column_default IS NULL THEN '' ELSE ' DEFAULT' END || ' ' || UPPER(data_type)
		FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name <> 'goose_db_version'`))
	same(t, "indexes", texts(t, lite, `
		SELECT m.tbl_name || ' ' || m.name || CASE WHEN i."unique" = 1 THEN ' UNIQUE' ELSE '' END
			|| CASE WHEN i.partial = 1 THEN ' WHERE' ELSE '' END
		FROM sqlite_master m, pragma_index_list(m.tbl_name) i
		WHERE m.type = 'index' AND m.sql IS NOT NULL AND i.name = m.name`),
		texts(t, pg, `
		SELECT t.relname || ' ' || c.relname || CASE WHEN i.indisunique THEN ' UNIQUE' ELSE '' END
			|| CASE WHEN i.indpred IS NOT NULL THEN ' WHERE' ELSE '' END
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
			JOIN pg_namespace n ON n.oid = t.relnamespace
		WHERE n.nspname = 'public' AND t.relname <> 'goose_db_version'
			AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid)`))
}

// texts returns what a query finds, sorted.
func texts(t *testing.T, d *db.DB, query string) (all []string) {
	t.Helper()
	read(t, d, func(tx *db.Tx) (err error) {
		all, err = db.All(tx, scanText, query)
		return err
	})
	slices.Sort(all)
	return all
}

// same fails for each line that only one of the engines has.
func same(t *testing.T, what string, lite, pg []string) {
	t.Helper()
	if len(lite) == 0 {
		t.Errorf("SQLite has no %s", what)
	}
	for _, c := range []struct {
		engine      string
		have, other []string
	}{{"SQLite", lite, pg}, {"PostgreSQL", pg, lite}} {
		for _, line := range c.have {
			if !slices.Contains(c.other, line) {
				t.Errorf("%s: only %s has %s", what, c.engine, line)
			}
		}
	}
}

// Neither bookings nor the audit log can be changed, taken out or emptied, by
// whatever statement.
func TestTransfersAndAuditLogStay(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		write(t, d, exec(`INSERT INTO transfers (id, kind, ref, debit, credit, amount, memo, actor, created_at)
			VALUES ('trf_1', 'credit', 'x', 'adjustment', 'sales', 5, '', 'test', 1)`))
		write(t, d, exec(`INSERT INTO audit_log (seq, at, actor, action, target, detail, hash) VALUES (1, 1, 'a', 'b', 'c', 'd', 'e')`))
		statements := []string{
			`UPDATE transfers SET amount = 6`,
			`UPDATE transfers SET memo = memo WHERE id = 'trf_1'`,
			`DELETE FROM transfers`,
			`DELETE FROM transfers WHERE id = 'trf_1'`,
			`INSERT INTO transfers (id, kind, ref, debit, credit, amount, memo, actor, created_at)
				VALUES ('trf_1', 'credit', 'x', 'adjustment', 'sales', 6, '', 'test', 1)
				ON CONFLICT (id) DO UPDATE SET amount = excluded.amount`,
			`UPDATE audit_log SET detail = ''`,
			`DELETE FROM audit_log`,
		}
		if d.Engine() == db.Postgres {
			statements = append(statements, `TRUNCATE transfers`, `TRUNCATE audit_log`, `TRUNCATE transfers, audit_log CASCADE`)
		} else {
			statements = append(statements, `REPLACE INTO transfers (id, kind, ref, debit, credit, amount, memo, actor, created_at)
				VALUES ('trf_1', 'credit', 'x', 'adjustment', 'sales', 6, '', 'test', 1)`,
				`INSERT OR REPLACE INTO audit_log (seq, at, actor, action, target, detail, hash) VALUES (1, 1, 'a', 'b', 'c', '', 'e')`)
		}
		for _, statement := range statements {
			if err := d.Write(t.Context(), exec(statement)); err == nil || !strings.Contains(err.Error(), "never changed") {
				t.Errorf("%s: %v, want the trigger's refusal", statement, err)
			}
		}
		read(t, d, func(tx *db.Tx) error {
			var amount int64
			var detail string
			err := tx.QueryRow(`SELECT t.amount, a.detail FROM transfers t JOIN audit_log a ON a.seq = 1`).Scan(&amount, &detail)
			if amount != 5 || detail != "d" {
				t.Errorf("stored amount %d, detail %q", amount, detail)
			}
			return err
		})
	})
}

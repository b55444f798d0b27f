// Package dbtest runs a storage test on every engine. A package that uses it
// has one line: func TestMain(m *testing.M) { dbtest.Main(m) }.
package dbtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/pgtest"
)

// templateName is the migrated database that each test's own is copied from.
const templateName = "template_panel"

var (
	server   *pgtest.Server
	startPG  = sync.OnceValue(startPostgres)
	template = sync.OnceValues(sqliteTemplate)
	scratch  string // the folder of the SQLite template
	counter  atomic.Int64
)

// Main runs the package's tests and ends the program.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for packages with something of their own to clean up: it runs the
// tests, stops the PostgreSQL server that they used and returns the exit code.
func Run(m *testing.M) (code int) {
	code = m.Run()
	if server != nil {
		if err := server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop PostgreSQL:", err)
			code = 1
		}
	}
	if scratch != "" {
		_ = os.RemoveAll(scratch)
	}
	if !pgtest.Available() {
		fmt.Fprintln(os.Stderr, "NOTE: no PostgreSQL server on this machine: these tests ran on SQLite alone (make setup installs it)")
	}
	return code
}

// Each runs test on an empty, migrated database of each engine. Without a
// PostgreSQL server that half is skipped, or fails where CI=true.
func Each(t *testing.T, test func(t *testing.T, d *db.DB)) {
	t.Helper()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			test(t, Open(t, engine))
		})
	}
}

// Open returns an empty, migrated database that is closed after the test.
func Open(t testing.TB, engine db.Engine) *db.DB {
	t.Helper()
	return Connect(t, NewURL(t, engine))
}

// Connect opens another connection to a database of NewURL, as a second node would.
func Connect(t testing.TB, url string) *db.DB {
	t.Helper()
	d, err := db.Open(context.Background(), url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// NewURL makes an empty, migrated database and returns its address.
func NewURL(t testing.TB, engine db.Engine) string {
	t.Helper()
	if engine == db.SQLite {
		return newSQLite(t)
	}
	if !pgtest.Available() {
		if os.Getenv("CI") == "true" {
			t.Fatal("no PostgreSQL server on this machine: make setup installs it")
		}
		t.Skip("no PostgreSQL server on this machine: make setup installs it")
	}
	if err := startPG(); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test_%d", counter.Add(1))
	if err := server.CreateDatabaseFrom(context.Background(), name, templateName); err != nil {
		t.Fatal(err)
	}
	return server.URL(name)
}

func newSQLite(t testing.TB) string {
	t.Helper()
	content, err := template()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "panel.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// sqliteTemplate migrates one file and returns its content.
func sqliteTemplate() (content []byte, err error) {
	if scratch, err = os.MkdirTemp("", "notpanel-dbtest-*"); err != nil {
		return nil, err
	}
	path := filepath.Join(scratch, "template.db")
	if err := migrate("sqlite:" + path); err != nil {
		return nil, err
	}
	return os.ReadFile(path) //nolint:gosec // the file made above
}

// startPostgres starts the server and migrates the template database.
func startPostgres() error {
	ctx := context.Background()
	var err error
	if server, err = pgtest.Start(ctx, pgtest.Options{}); err != nil {
		return err
	}
	if err := server.CreateDatabase(ctx, templateName); err != nil {
		return err
	}
	return migrate(server.URL(templateName))
}

func migrate(url string) error {
	d, err := db.Open(context.Background(), url, db.Options{})
	if err != nil {
		return err
	}
	_, err = d.Migrate(context.Background())
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("migrate %s: %w", strings.SplitN(url, ":", 2)[0], err)
	}
	return nil
}

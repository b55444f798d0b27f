package pgtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// need ends a test that has no PostgreSQL to run on.
func need(t *testing.T) {
	t.Helper()
	if _, err := findPrograms(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	need(t)
	s, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeConn(context.WithoutCancel(t.Context()), conn) })
	return conn
}

func ask(t *testing.T, conn *pgx.Conn, query string) (answer string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

func TestStoppedServerLeavesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	conn := connect(t, s.URL("postgres"))
	if got := ask(t, conn, "SELECT '1'"); got != "1" {
		t.Errorf("SELECT '1' = %q", got)
	}

	// A client that stays connected does not hold the server up.
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.folder.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if _, err := pgx.Connect(t.Context(), s.URL("postgres")); err == nil {
		t.Error("the server still answers")
	}
	if err := s.Stop(); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}

// One server for all that does not end it: making one takes seconds.
func TestRunningServer(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	t.Run("makes, copies and drops databases", func(t *testing.T) {
		t.Parallel()
		testDatabases(t, s)
	})
	t.Run("is set for tests", func(t *testing.T) {
		t.Parallel()
		testSettings(t, s, map[string]string{
			"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
			"max_connections": "500", "listen_addresses": "127.0.0.1",
		})
	})
	t.Run("is no orphan", func(t *testing.T) {
		t.Parallel()
		removeOrphans()
		if _, err := os.Stat(filepath.Join(s.folder.data(), "PG_VERSION")); err != nil {
			t.Error(err)
		}
	})
}

func testDatabases(t *testing.T, s *Server) {
	t.Helper()
	ctx := t.Context()
	if err := s.CreateDatabase(ctx, "first"); err != nil {
		t.Fatal(err)
	}
	first, err := pgx.Connect(ctx, s.URL("first"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Exec(ctx, "CREATE TABLE words AS SELECT 'hello' AS word"); err != nil {
		t.Fatal(err)
	}
	closeConn(ctx, first)

	const odd = `Se"cond`
	if err := s.CreateDatabaseFrom(ctx, odd, "first"); err != nil {
		t.Fatal(err)
	}
	second := connect(t, s.URL("Se%22cond"))
	if got := ask(t, second, "SELECT word FROM words"); got != "hello" {
		t.Errorf("the copy holds %q", got)
	}
	if err := s.CreateDatabase(ctx, "first"); err == nil {
		t.Error("a database was made twice")
	}
	if err := s.DropDatabase(ctx, odd); err != nil {
		t.Errorf("a database in use was not dropped: %v", err)
	}
}

func testSettings(t *testing.T, s *Server, want map[string]string) {
	t.Helper()
	conn := connect(t, s.URL("postgres"))
	for name, value := range want {
		if got := ask(t, conn, "SHOW "+name); got != value {
			t.Errorf("%s = %s, want %s", name, got, value)
		}
	}
}

func TestDurableServerIsSafe(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Durable: true, Settings: map[string]string{"max_connections": "20"}})
	testSettings(t, s, map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "max_connections": "20",
	})
}

// A server that can't start says why, at once, and leaves no folder.
func TestFailedStartShowsLog(t *testing.T) {
	need(t)
	t.Setenv("TMPDIR", openTempDir(t))
	_, err := Start(t.Context(), Options{Settings: map[string]string{"shared_buffers": "plenty"}})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "shared_buffers"`) {
		t.Errorf("got %v, want the server's own words", err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCanceledStartLeavesNothing(t *testing.T) {
	need(t)
	t.Setenv("TMPDIR", openTempDir(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// openTempDir makes a folder that the server's user can enter, which a test's
// own is not.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "notpanel-open-*") //nolint:usetesting // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func startCluster(t *testing.T) (context.Context, *Cluster) {
	t.Helper()
	need(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	c, err := StartCluster(ctx, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return ctx, c
}

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Whatever was committed is there after the primary was killed, at the standby that
// was promoted and at the same address; and the killed one can be made anew, so that
// it may happen again.
func TestClusterKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	ctx, c := startCluster(t)
	url := c.URL("postgres")
	execute(t, connect(t, url), "CREATE TABLE rounds (n integer)")
	for round := 1; round <= 3; round++ {
		killed := c.Primary()
		execute(t, connect(t, url), fmt.Sprintf("INSERT INTO rounds VALUES (%d)", round))
		processes, err := childrenOf(killed.PID())
		must(t, err)
		if len(processes) < 5 {
			t.Errorf("a primary of %d processes", len(processes))
		}
		must(t, c.KillPrimary(ctx))
		for _, p := range processes {
			if state(p.Pid) != 0 {
				t.Errorf("process %d of the killed primary is there", p.Pid)
			}
		}
		if conn, err := pgx.Connect(ctx, url); err == nil {
			closeConn(ctx, conn)
			t.Error("without a primary somebody lets us write")
		}
		must(t, c.Promote(ctx))
		if c.Primary() == killed || len(c.Standbys()) != 1 {
			t.Errorf("round %d: %d standbys beside the new primary", round, len(c.Standbys()))
		}
		if got := ask(t, connect(t, url), "SELECT MAX(n)::text || ' of ' || COUNT(*) FROM rounds"); got != fmt.Sprintf("%d of %d", round, round) {
			t.Errorf("round %d: the new primary has %s", round, got)
		}
		must(t, c.Rebuild(ctx))
		if len(c.Standbys()) != 2 || c.URL("postgres") != url {
			t.Errorf("round %d: %d standbys, at %s", round, len(c.Standbys()), c.URL("postgres"))
		}
	}
}

// A commit that no standby has is answered by nobody; once its wait is ended it
// stands at the primary alone, and is lost with it.
func TestDisconnectedStandbysHoldCommits(t *testing.T) {
	t.Parallel()
	ctx, c := startCluster(t)
	url := c.URL("postgres")
	conn := connect(t, url)
	execute(t, conn, "CREATE TABLE rounds (n integer)")
	must(t, c.Disconnect(ctx))
	answered := make(chan error, 1)
	go func() {
		_, err := conn.Exec(ctx, "INSERT INTO rounds VALUES (1)")
		answered <- err
	}()
	eventually(t, "the commit waits and is let go", func() bool {
		ended, err := c.Primary().CancelWaits(ctx)
		must(t, err)
		return ended == 1
	})
	must(t, <-answered) // success, with a warning
	if got := ask(t, connect(t, url), "SELECT COUNT(*)::text FROM rounds"); got != "1" {
		t.Errorf("the primary has %s rows, want 1", got)
	}
	must(t, c.KillPrimary(ctx))
	must(t, c.Promote(ctx))
	if got := ask(t, connect(t, url), "SELECT COUNT(*)::text FROM rounds"); got != "0" {
		t.Errorf("the promoted standby has %s rows, want none: the row reached it", got)
	}
	must(t, c.Rebuild(ctx))
	if err := c.Rebuild(ctx); err == nil {
		t.Error("a server was made anew that is not lost")
	}
}

// The end takes all servers and folders with it, also where one was killed.
func TestStoppedClusterLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx, c := startCluster(t)
	must(t, c.KillPrimary(ctx))
	must(t, c.Stop())
	for _, s := range c.servers {
		if state(s.PID()) != 0 {
			t.Errorf("server %d runs", s.PID())
		}
		if _, err := os.Stat(s.folder.path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", s.folder.path, err)
		}
	}
}

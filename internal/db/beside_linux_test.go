package db_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/db/pgtest"
)

// A database that was just made is there at its address, also where a standby is named
// first that has yet to hear of it.
func TestBesideDatabaseWaitsForStandbys(t *testing.T) {
	t.Parallel()
	if !pgtest.Available() {
		dbtest.NewURL(t, db.Postgres) // skips, or fails where it must not
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cluster, err := pgtest.StartCluster(ctx, pgtest.Options{})
	noError(t, err)
	t.Cleanup(func() { noError(t, cluster.Stop()) })
	behind := cluster.Standbys()[0]
	ask(ctx, t, behind.URL("postgres"), `SELECT pg_wal_replay_pause()`)
	host, _, _ := strings.Cut(strings.TrimPrefix(behind.URL(""), "postgres://postgres@"), "/")
	url := strings.Replace(cluster.URL("postgres"), "@", "@"+host+",", 1)

	made := make(chan string, 1)
	go func() {
		name, drop, err := db.BesideDatabase(ctx, url, "beside")
		if err == nil {
			t.Cleanup(func() { noError(t, drop(context.WithoutCancel(ctx))) })
		} else {
			t.Error(err)
		}
		made <- name
	}()
	eventually(t, "the primary has it", func() bool {
		var there bool
		conn, err := pgx.Connect(ctx, cluster.Primary().URL("postgres"))
		noError(t, err)
		noError(t, conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = 'beside')`).Scan(&there))
		noError(t, conn.Close(ctx))
		return there
	})
	select {
	case name := <-made:
		made <- name
		t.Errorf("%s was given out while a standby does not know it", name)
	default:
	}
	ask(ctx, t, behind.URL("postgres"), `SELECT pg_wal_replay_resume()`)
	d, err := db.Open(ctx, <-made, db.Options{})
	noError(t, err)
	noError(t, d.Close())
}

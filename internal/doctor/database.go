package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
)

// checkDatabase looks at the schema, and at what the server promises.
func (d *doctor) checkDatabase(ctx context.Context) {
	const about = "database"
	switch err := d.db.CheckSchema(ctx); {
	case errors.Is(err, db.ErrOutdated) && d.settings.AutoMigrate:
		d.warn(about, "its schema is older than this program", "nothing, if this is an upgrade: make a backup, and the next start brings it up to date")
	case errors.Is(err, db.ErrOutdated):
		d.bad(about, "its schema is older than this program", "make a backup, then `notpanel migrate up`")
	case err != nil:
		d.bad(about, err.Error(), "use the program that the database was last served with, or a newer one")
	default:
		d.ok(about, "its schema is this program's")
	}
	if d.db.Engine() == db.Postgres {
		d.checkPostgres(ctx)
		return
	}
	d.checkSQLite(ctx)
}

func (d *doctor) checkSQLite(ctx context.Context) {
	var journal, sync, intact string
	err := d.db.Read(ctx, func(tx *db.Tx) error {
		return errors.Join(
			tx.QueryRow(`PRAGMA journal_mode`).Scan(&journal),
			tx.QueryRow(`PRAGMA synchronous`).Scan(&sync),
			tx.QueryRow(`PRAGMA quick_check(1)`).Scan(&intact))
	})
	switch {
	case err != nil:
		d.bad("database", err.Error(), "stop the panel, keep a copy of the file as it is, and restore the newest backup elsewhere")
	case intact != "ok":
		d.bad("database", "the file is damaged: "+intact, "stop the panel, keep a copy of the file as it is, and restore the newest backup elsewhere")
	case journal != "wal" || sync != "2":
		d.bad("database", fmt.Sprintf("its journal is %s, synchronous %s", journal, sync), "the file system does not let SQLite keep a write-ahead log: use a disk of this machine")
	default:
		d.ok("database", "SQLite: the file is intact and keeps what was committed")
	}
}

// promises are what a PostgreSQL server says of itself.
type promises struct {
	version, fsync, commit, pages, wanted string

	standby     bool
	connections int64
	standbys    int64 // that stream
	inStep      int64 // for which a commit waits
}

func (d *doctor) checkPostgres(ctx context.Context) {
	var p promises
	err := d.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`
			SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes'),
				current_setting('synchronous_standby_names'), pg_is_in_recovery(), current_setting('max_connections')::bigint,
				(SELECT COUNT(*) FROM pg_stat_replication WHERE state = 'streaming'),
				(SELECT COUNT(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum'))`).Scan(
			&p.version, &p.fsync, &p.commit, &p.pages, &p.wanted, &p.standby, &p.connections, &p.standbys, &p.inStep)
	})
	if err != nil {
		d.bad("database", err.Error(), "let the panel's user read pg_stat_replication, and see that the server runs")
		return
	}
	d.found = append(d.found, p.findings()...)
}

// pool is how many connections a node may hold, with one for its start.
const pool = 17

// findings judges what the server says.
func (p promises) findings() []Finding {
	finding := func(v Verdict, about, says, do string) Finding { return Finding{v, about, says, do} }
	all := []Finding{finding(OK, "database", "PostgreSQL "+p.version, "")}
	for _, setting := range []struct{ name, value string }{{"fsync", p.fsync}, {"synchronous_commit", p.commit}, {"full_page_writes", p.pages}} {
		if setting.value == "off" {
			all = append(all, finding(Bad, "database", setting.name+" is off: a power cut loses orders that were answered", "set "+setting.name+" = on in postgresql.conf"))
		}
	}
	if p.connections < 2*pool {
		all = append(all, finding(Warn, "database", fmt.Sprintf("max_connections is %d, and each node takes up to %d", p.connections, pool), "raise max_connections"))
	}
	const about = "replication"
	switch {
	case p.standby:
		all = append(all, finding(Bad, about, "this server is a standby: nothing can be written to it", "put target_session_attrs=read-write into NOTPANEL_DATABASE_URL and name all servers, or name the primary"))
	case p.wanted != "" && p.inStep == 0:
		all = append(all, finding(Bad, about, "commits wait for a standby ("+p.wanted+"), and none is in step: orders wait", "start a standby, or take synchronous_standby_names away for the time being"))
	case p.wanted != "":
		all = append(all, finding(OK, about, fmt.Sprintf("%d standbys stream, %d of them in step: a lost primary costs no order that was answered", p.standbys, p.inStep), ""))
	case p.standbys > 0:
		all = append(all, finding(Warn, about, fmt.Sprintf("%d standbys stream, and no commit waits for one: a lost primary costs the last orders", p.standbys),
			"set synchronous_standby_names, such as ANY 1 (a, b)"))
	default:
		all = append(all, finding(Warn, about, "there is no standby: a lost disk costs what came after the last backup", "run two synchronous standbys, or make backups often"))
	}
	return all
}

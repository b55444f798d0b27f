package db

import (
	"context"
	"net"
	"time"
)

// SQLiteText is a statement as SQLite reads it.
func SQLiteText(query string) string { return sqliteText(query) }

// GroupMost is how many closures share one commit at most.
const GroupMost = groupMost

// Queued returns how many closures wait for SQLite's writer.
func (d *DB) Queued() int {
	s, ok := d.engine.(*sqliteDB)
	if !ok {
		return 0
	}
	return len(s.group.queue)
}

// DialPatiently connects as the PostgreSQL pool does, with another patience.
func DialPatiently(ctx context.Context, address string, answer time.Duration) (net.Conn, error) {
	return newDialer(answer, newHosts()).dial(ctx, "tcp", address)
}

// Patiently are options with another patience for PostgreSQL's answers.
func Patiently(answer time.Duration) Options { return Options{answer: answer} }

// AbandonTrouble says that the database is in trouble, and that it is over while
// somebody asks.
func (d *DB) AbandonTrouble(ctx context.Context, meanwhile func()) string {
	why := diskFull
	d.trouble.Store(&why)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answered := make(chan string, 1)
	go func() { answered <- d.Trouble(ctx) }()
	meanwhile()
	d.trouble.Store(nil)
	cancel()
	return <-answered
}

// DefaultPool is how many connections to PostgreSQL there are at most.
const DefaultPool = defaultPool

// LetGo lets go of all connections to PostgreSQL, as is done when a server falls silent.
func (d *DB) LetGo() {
	if p, ok := d.engine.(*postgresDB); ok {
		p.hosts.fell()
	}
}

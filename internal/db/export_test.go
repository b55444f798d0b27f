package db

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

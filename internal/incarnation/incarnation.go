// Package incarnation knows whether the database is a restored copy, and whether a
// person has looked at it since. Such a copy is in the past: what was pending in it
// may have been sent, so nothing is sent from it before somebody says so.
//
// The audit log holds both acts, so there is no flag beside it that could differ. It
// does not know how a copy is made, nor what of it must change.
package incarnation

import (
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
)

// The acts in the audit log.
const (
	restored = "panel.restore"
	resumed  = "panel.resume"
)

// target is what both acts are done to.
const target = "panel"

// Standing is where the database is in its lives.
type Standing struct {
	// Restored is how many times it was brought back: 0 in the first life.
	Restored int64
	// Waits says that nobody has resumed it since.
	Waits bool
	// Since is when it was brought back; zero in the first life.
	Since time.Time
}

// Load reads the standing. It costs two short looks into an index.
func Load(tx *db.Tx) (s Standing, err error) {
	var last, resume int64
	err = tx.QueryRow(`SELECT seq, at FROM audit_log WHERE action = $1 ORDER BY seq DESC LIMIT 1`, restored).Scan(&last, db.Time(&s.Since))
	if errors.Is(err, db.ErrNoRows) {
		return Standing{}, nil
	}
	if err != nil {
		return s, fmt.Errorf("read the panel's incarnation: %w", err)
	}
	err = tx.QueryRow(`
		SELECT COALESCE((SELECT seq FROM audit_log WHERE action = $1 ORDER BY seq DESC LIMIT 1), 0),
			(SELECT COUNT(*) FROM audit_log WHERE action = $2)`, resumed, restored).Scan(&resume, &s.Restored)
	if err != nil {
		return s, fmt.Errorf("read the panel's incarnation: %w", err)
	}
	s.Waits = resume < last
	return s, nil
}

// Begin starts a new incarnation, which waits. It locks the audit log's head: call
// it last.
func Begin(tx *db.Tx, actor, detail string) error {
	return account.Record(tx, actor, restored, target, detail)
}

// Resume ends the waiting, and reports whether there was any.
func Resume(tx *db.Tx, actor string) (waited bool, err error) {
	s, err := Load(tx)
	if err != nil || !s.Waits {
		return false, err
	}
	return true, account.Record(tx, actor, resumed, target, "")
}

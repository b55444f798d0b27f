// Package panel owns what the operator says of the panel while it runs: whose it is and
// how it looks, whether people may sign up, whom it warns, and whether it is closed for
// maintenance. What is not said here holds as the environment says it.
//
// It knows no pages, and no orders: who places them asks it in their transaction.
package panel

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

// Key names a setting.
type Key string

// The settings, with the form of their values.
const (
	Name        Key = "name"
	LegalName   Key = "legal_name"
	Support     Key = "support"     // an e-mail address; "" is none
	Contact     Key = "contact"     // lines
	Logo        Key = "logo"        // a PNG in base64; "" is none
	Accent      Key = "accent"      // two lines: that of the light and of the dark theme; "" is the style sheet's own
	SignUp      Key = "signup"      // Open or Closed
	Alerts      Key = "alerts"      // an e-mail address; "" is none
	Maintenance Key = "maintenance" // what customers read, "" is our sentence; where there is no value the panel is open
)

// The values of SignUp.
const (
	Open   = "open"
	Closed = "closed"
)

// Keys returns the settings in the order in which they are shown.
func Keys() []Key {
	return []Key{Name, LegalName, Support, Contact, Logo, Accent, SignUp, Alerts, Maintenance}
}

// Setting is what is stored of one.
type Setting struct {
	Here      bool // false: it is as the environment says
	Value     string
	Version   int64 // of the settings, when it was changed last
	ChangedAt time.Time
	ChangedBy string // as the audit log has it
	Email     string // of the account that ChangedBy names; "" for others
}

// Stored are all settings that were ever changed here.
type Stored struct {
	Version  int64 // moves with each change
	Settings map[Key]Setting
}

// Store keeps the settings.
type Store struct{ db *db.DB }

// NewStore returns the settings of d.
func NewStore(d *db.DB) *Store { return &Store{db: d} }

// Load returns what is stored.
func (s *Store) Load(ctx context.Context) (all Stored, err error) {
	all, _, err = s.after(ctx, -1)
	return all, err
}

// after returns what is stored where it is not that version any more.
func (s *Store) after(ctx context.Context, known int64) (all Stored, moved bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, moved = Stored{}, false
		if err := tx.QueryRow(`SELECT settings_version FROM panel WHERE id = 1`).Scan(&all.Version); err != nil {
			return err
		}
		if all.Version == known {
			return nil
		}
		moved = true
		all.Settings, err = load(tx)
		return err
	})
	if err != nil {
		return all, false, fmt.Errorf("read the panel's settings: %w", err)
	}
	return all, moved, nil
}

func load(tx *db.Tx) (map[Key]Setting, error) {
	all := map[Key]Setting{}
	err := tx.Each(func(r db.Scanner) error {
		var key Key
		var value *string
		var s Setting
		if err := r.Scan(&key, &value, &s.Version, db.Time(&s.ChangedAt), &s.ChangedBy, &s.Email); err != nil {
			return err
		}
		if value != nil {
			s.Here, s.Value = true, *value
		}
		all[key] = s
		return nil
	}, `
		SELECT s.name, s.value, s.version, s.changed_at, s.changed_by, COALESCE(a.email, '')
		FROM panel_settings s LEFT JOIN accounts a ON a.id = s.changed_by`)
	return all, err
}

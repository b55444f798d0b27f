package panel

import (
	"context"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// Moved is why a change is refused: somebody else changed a setting since its form was
// shown. The arguments are the settings.
const Moved fault.Reason = "settings_moved"

// Bell is rung by each change.
const Bell = "panel-settings"

// By is who changes something.
type By struct {
	ID string // as the audit log names them
	// May refuses who may not any more, in the change's own transaction; nil lets
	// everybody.
	May func(tx *db.Tx) error
}

// Change is what a form changes.
type Change struct {
	Seen   int64           // the version that the form showed
	Values map[Key]*string // nil: as the environment says
}

// Save stores a change: all of it or, where somebody else changed one of its settings
// since its form was shown, nothing. What stands there already is no change.
func (s *Store) Save(ctx context.Context, c Change, by By) error {
	values := map[Key]*string{}
	for key, value := range c.Values {
		if value == nil {
			values[key] = nil
			continue
		}
		tidy, err := Tidy(key, *value)
		if err != nil {
			return err
		}
		values[key] = &tidy
	}
	return s.db.Write(ctx, func(tx *db.Tx) error { return save(tx, Change{c.Seen, values}, by) })
}

// save locks the panel's row before the log's head, as all who write both do.
func save(tx *db.Tx, c Change, by By) error {
	var version int64
	if err := tx.QueryRow(`SELECT settings_version FROM panel WHERE id = 1 FOR NO KEY UPDATE`).Scan(&version); err != nil {
		return fmt.Errorf("lock the panel's settings: %w", err)
	}
	if by.May != nil {
		if err := by.May(tx); err != nil {
			return err
		}
	}
	before, err := load(tx)
	if err != nil {
		return fmt.Errorf("read the panel's settings: %w", err)
	}
	changed, err := c.against(before)
	if err != nil || len(changed) == 0 {
		return err
	}
	if _, err := tx.Exec(`UPDATE panel SET settings_version = $1 WHERE id = 1`, version+1); err != nil {
		return fmt.Errorf("change the panel's settings: %w", err)
	}
	for _, key := range changed {
		_, err := tx.Exec(`
			INSERT INTO panel_settings (name, value, version, changed_at, changed_by) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (name) DO UPDATE SET value = $2, version = $3, changed_at = $4, changed_by = $5`,
			string(key), c.Values[key], version+1, db.At(tx.Now), by.ID)
		if err != nil {
			return fmt.Errorf("change the panel's %s: %w", key, err)
		}
	}
	tx.Ring(Bell)
	for _, key := range changed {
		if err := record(tx, by, key, before[key], c.Values[key]); err != nil {
			return err
		}
	}
	return nil
}

// against returns the settings that a change changes.
func (c Change) against(before map[Key]Setting) (changed []Key, err error) {
	var moved []string
	for _, key := range Keys() {
		to, given := c.Values[key]
		now := before[key]
		if !given || now.Here == (to != nil) && (to == nil || now.Value == *to) {
			continue
		}
		if now.Version > c.Seen {
			moved = append(moved, string(key))
		}
		changed = append(changed, key)
	}
	if moved != nil {
		return nil, fault.New(fault.Conflict, "Somebody else changed the settings meanwhile: look at them and save again").Because(Moved, moved...)
	}
	return changed, nil
}

// Acts of the audit log.
const (
	actSet    = "panel.set"
	actClosed = "panel.maintenance_on"
	actOpened = "panel.maintenance_off"
)

func record(tx *db.Tx, by By, key Key, before Setting, to *string) error {
	after := Setting{Here: to != nil}
	if to != nil {
		after.Value = *to
	}
	act, detail := actSet, fmt.Sprintf("%s (before: %s)", shown(key, after), shown(key, before))
	if key == Maintenance {
		act, detail = actClosed, after.Value
		if to == nil {
			act, detail = actOpened, before.Value
		}
	}
	return account.Record(tx, by.ID, act, string(key), detail)
}

// ErrNotClosed answers who opens a panel that is open.
var ErrNotClosed = fault.New(fault.Conflict, "The panel is not closed for maintenance")

// Close closes the panel for maintenance, or says something else to customers while
// it is closed.
func (s *Store) Close(ctx context.Context, says string, by By) error {
	return s.switchTo(ctx, &says, by)
}

// Reopen ends the maintenance.
func (s *Store) Reopen(ctx context.Context, by By) error { return s.switchTo(ctx, nil, by) }

// switchTo is Save for who stands at a command line and has seen no form.
func (s *Store) switchTo(ctx context.Context, says *string, by By) error {
	now, err := s.Load(ctx)
	if err != nil {
		return err
	}
	if says == nil && !now.Settings[Maintenance].Here {
		return ErrNotClosed
	}
	return s.Save(ctx, Change{Seen: now.Version, Values: map[Key]*string{Maintenance: says}}, by)
}

// SQLClosed is a condition: the panel is closed for maintenance. It is for a statement
// that reads something else besides.
const SQLClosed = `EXISTS (SELECT 1 FROM panel_settings WHERE name = 'maintenance' AND value IS NOT NULL)`

// ErrClosed answers what is not done while the panel is closed. Nothing was.
var ErrClosed = fault.New(fault.Unavailable, "Under maintenance").Because(fault.Maintenance)

// MustBeOpen refuses while the panel is closed, as the transaction sees it.
func MustBeOpen(tx *db.Tx) error {
	var is bool
	if err := tx.QueryRow(`SELECT ` + SQLClosed).Scan(&is); err != nil {
		return fmt.Errorf("is the panel open: %w", err)
	}
	if is {
		return ErrClosed
	}
	return nil
}

// IsClosed reports that something was refused because the panel is closed.
func IsClosed(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Reason == fault.Maintenance
}

package account

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"
	_ "time/tzdata" // zones have names where the machine has no list of them

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// Preferences are how somebody wants pages and mails. Empty ones are the panel's
// defaults.
type Preferences struct {
	Language string // a language tag such as en or pt-BR
	TimeZone string // a name of the IANA database such as Europe/Istanbul
	Theme    string // light or dark; empty: the machine's
}

// maxZone bounds a zone's name, in bytes; the longest in use has 32.
const maxZone = 64

var languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`)

// Check refuses preferences that nothing could be done with.
func (p Preferences) Check() error {
	if p.Language != "" && !languageTag.MatchString(p.Language) {
		return fault.New(fault.Invalid, "language must be a tag such as en or pt-BR").Because(fault.BadField, "language")
	}
	if p.Theme != "" && p.Theme != "light" && p.Theme != "dark" {
		return fault.New(fault.Invalid, "theme must be light, dark or empty").Because(fault.BadField, "theme")
	}
	if p.TimeZone == "" {
		return nil
	}
	_, err := time.LoadLocation(p.TimeZone)
	if err != nil || p.TimeZone == "Local" || len(p.TimeZone) > maxZone {
		return fault.New(fault.Invalid, "time zone must be a name such as Europe/Istanbul").Because(fault.BadField, "time_zone")
	}
	return nil
}

// Preferences returns those of an account.
func (s *Store) Preferences(ctx context.Context, accountID string) (p Preferences, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT language, time_zone, theme FROM accounts WHERE id = $1`, accountID).
			Scan(&p.Language, &p.TimeZone, &p.Theme)
	})
	if errors.Is(err, db.ErrNoRows) {
		return p, fault.New(fault.NotFound, "Account not found")
	}
	if err != nil {
		return p, fmt.Errorf("preferences of %s: %w", accountID, err)
	}
	return p, nil
}

// SetPreferences replaces those of an account.
func (s *Store) SetPreferences(ctx context.Context, accountID string, p Preferences) error {
	if err := p.Check(); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		changed, err := tx.ExecOne(`UPDATE accounts SET language = $2, time_zone = $3, theme = $4 WHERE id = $1`,
			accountID, p.Language, p.TimeZone, p.Theme)
		if err != nil {
			return fmt.Errorf("set preferences: %w", err)
		}
		if !changed {
			return fault.New(fault.NotFound, "Account not found")
		}
		return nil
	})
}

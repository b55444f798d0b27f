package identity

import (
	"context"
	"errors"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// Standing is what staff see of how somebody signs in.
type Standing struct {
	Person

	VerifiedAt time.Time // of the address; zero: not yet
	PasswordAt time.Time // when the password was set; zero: not known
	Sessions   []Session // the latest seen first
	History    []SignedIn
}

// StandingOf returns how an account signs in, with its newest attempts. Whom it is
// shown to is the caller's business.
func (p *People) StandingOf(ctx context.Context, accountID string, attempts int) (s Standing, err error) {
	err = p.db.Read(ctx, func(tx *db.Tx) error {
		s = Standing{}
		if s.Person, err = readPerson(tx, accountID); err != nil {
			return err
		}
		err := tx.QueryRow(`SELECT email_verified_at, password_changed_at FROM accounts WHERE id = $1`, accountID).
			Scan(db.Time(&s.VerifiedAt), db.Time(&s.PasswordAt))
		if err != nil {
			return err
		}
		if s.Sessions, err = sessions(tx, accountID); err != nil {
			return err
		}
		s.History, err = history(tx, accountID, attempts)
		return err
	})
	if errors.Is(err, db.ErrNoRows) {
		return s, fault.New(fault.NotFound, "Account not found")
	}
	return s, err
}

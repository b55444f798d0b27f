package account

import (
	"context"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// EndSessions signs an account out everywhere, ends the sign-ins under way, the
// tokens that were mailed and the authenticator app that waits for its first code:
// whoever was in has seen its secret. It returns the version that a session must now
// carry. A session that is being made while this commits carries an older one, and
// so is none.
func EndSessions(tx *db.Tx, accountID string) (version int64, err error) {
	err = tx.QueryRow(`UPDATE accounts SET sign_in_version = sign_in_version + 1 WHERE id = $1 RETURNING sign_in_version`, accountID).
		Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("end the sessions of %s: %w", accountID, err)
	}
	for _, statement := range []string{
		`DELETE FROM sessions WHERE account_id = $1`,
		`DELETE FROM tokens WHERE account_id = $1`,
		`DELETE FROM totp WHERE account_id = $1 AND confirmed_at IS NULL`,
	} {
		if _, err := tx.Exec(statement, accountID); err != nil {
			return 0, fmt.Errorf("end the sessions of %s: %w", accountID, err)
		}
	}
	return version, nil
}

// SignOut signs an account out everywhere by an operator's decision.
func (s *Store) SignOut(ctx context.Context, idOrEmail, actor string) (Account, error) {
	return s.change(ctx, idOrEmail, "account.sign_out", actor, func(tx *db.Tx, a *Account) error {
		_, err := EndSessions(tx, a.ID)
		return err
	})
}

// VerifyEmail lets an address count as verified by an operator's decision, for who
// can't get mail.
func (s *Store) VerifyEmail(ctx context.Context, idOrEmail, actor string) (Account, error) {
	return s.change(ctx, idOrEmail, "account.verify", actor, func(tx *db.Tx, a *Account) error {
		done, err := tx.ExecOne(`UPDATE accounts SET email_verified_at = $2 WHERE id = $1 AND email_verified_at IS NULL`, a.ID, db.At(tx.Now))
		if err == nil && !done {
			return fault.New(fault.Conflict, "The address is verified already").Because(IsVerified)
		}
		return err
	})
}

// IsVerified is why an address is not verified again.
const IsVerified fault.Reason = "is_verified"

// NoFactor is why there is no second factor to take away.
const NoFactor fault.Reason = "no_second_factor"

// ResetSecondFactor takes an account's second factors and recovery codes away,
// for who has lost them all, and signs it out everywhere.
func (s *Store) ResetSecondFactor(ctx context.Context, idOrEmail, actor string) (a Account, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if a, err = find(tx, idOrEmail); err != nil {
			return err
		}
		if _, err := EndSessions(tx, a.ID); err != nil {
			return err
		}
		var factors int64
		for _, table := range []string{"totp", "passkeys", "recovery_codes"} {
			n, err := tx.Exec(`DELETE FROM `+table+` WHERE account_id = $1`, a.ID)
			if err != nil {
				return fmt.Errorf("reset the second factor of %s: %w", a.ID, err)
			}
			factors += n
		}
		if factors == 0 {
			return fault.Newf(fault.Conflict, "%s has no second factor", a.Email).Because(NoFactor)
		}
		return s.record(tx, actor, "account.reset_2fa", a.ID, a.Email)
	})
	return a, err
}

// SetPassword gives an account another password by an operator's decision, for who
// can't get mail, signs it out everywhere and forgets the browsers that it knows. The
// address counts as verified: who sets a password here vouches for it.
func (s *Store) SetPassword(ctx context.Context, idOrEmail, password, actor string) (a Account, err error) {
	if err := CheckPasswordLength(password); err != nil {
		return a, err
	}
	hash, err := HashPassword(password)
	if err != nil {
		return a, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if a, err = find(tx, idOrEmail); err != nil {
			return err
		}
		if _, err := EndSessions(tx, a.ID); err != nil {
			return err
		}
		_, err := tx.Exec(`
			UPDATE accounts SET password_hash = $2, password_changed_at = $3, email_verified_at = COALESCE(email_verified_at, $3)
			WHERE id = $1`, a.ID, hash, db.At(tx.Now))
		if err == nil {
			_, err = tx.Exec(`DELETE FROM devices WHERE account_id = $1`, a.ID)
		}
		if err != nil {
			return fmt.Errorf("set the password of %s: %w", a.ID, err)
		}
		return s.record(tx, actor, "account.password", a.ID, a.Email)
	})
	return a, err
}

package identity

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
)

// Outcome is how an attempt to sign in ended.
type Outcome string

// The outcomes.
const (
	OK             Outcome = "ok"
	OutcomeWrong   Outcome = "wrong_password"
	OutcomeCode    Outcome = "wrong_code"
	OutcomeStopped Outcome = "suspended"
)

// Method is by what somebody signed in.
type Method string

// The methods.
const (
	ByPassword Method = "password"
	ByTOTP     Method = "password+totp"
	ByRecovery Method = "password+recovery"
	ByFactor   Method = "password+passkey"
	ByPasskey  Method = "passkey"
)

// SignedIn is a row of the sign-in history.
type SignedIn struct {
	ID      string
	At      time.Time
	Address string
	Agent   string
	Method  Method
	Outcome Outcome
}

// History lists the person's newest attempts to sign in, of the last 180 days, the
// newest first.
func (p *People) History(ctx context.Context, limit int) (all []SignedIn, err error) {
	v, err := p.current(ctx)
	if err != nil {
		return nil, err
	}
	err = p.db.Read(ctx, func(tx *db.Tx) error {
		all, err = history(tx, v.person.AccountID, limit)
		return err
	})
	return all, err
}

func history(tx *db.Tx, accountID string, limit int) ([]SignedIn, error) {
	return db.All(tx, func(s db.Scanner) (one SignedIn, err error) {
		err = s.Scan(&one.ID, db.Time(&one.At), &one.Address, &one.Agent, &one.Method, &one.Outcome)
		return one, err
	}, `SELECT id, at, address, agent, method, outcome FROM sign_ins
		WHERE account_id = $1 AND at > $2 ORDER BY id DESC LIMIT $3`, accountID, db.At(tx.Now.Add(-historyFor)), limit)
}

func note(tx *db.Tx, accountID string, v Visitor, method Method, outcome Outcome) error {
	_, err := tx.Exec(`INSERT INTO sign_ins (id, account_id, at, address, agent, method, outcome) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id.New(id.SignIn), accountID, db.At(tx.Now), v.address(), v.Agent, string(method), string(outcome))
	if err != nil {
		return fmt.Errorf("note a sign-in: %w", err)
	}
	return nil
}

// maxDevices is how many browsers of an account are known. Each has guesses of its
// own, so their number bounds how often somebody guesses who was in once.
const maxDevices = 10

// deviceHash names a device by its cookie.
func (p *People) deviceHash(cookie string) string { return p.ring.HashToken("device:" + cookie) }

// devices that were seen within the cookie's time.
const knownDevice = `SELECT COUNT(*) FROM devices WHERE account_id = $1 AND hash = $2 AND seen_at > $3`

// isKnown reports whether an account was signed in before from a visitor's device.
func isKnown(tx *db.Tx, accountID, device string) (bool, error) {
	if device == "" {
		return false, nil
	}
	var n int64
	err := tx.QueryRow(knownDevice, accountID, device, db.At(tx.Now.Add(-deviceFor))).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for a device: %w", err)
	}
	return n > 0, nil
}

// meet notes a device from which an account signs in and reports whether it is a
// new one of an account that may have signed in before: of one that is older than the
// history nobody knows that it has not. The account is locked, and of its devices the
// last ones stay.
func meet(tx *db.Tx, accountID, device string) (strange bool, err error) {
	known, err := isKnown(tx, accountID, device)
	if err != nil {
		return false, err
	}
	var before int64
	err = tx.QueryRow(`
		SELECT (SELECT COUNT(*) FROM sign_ins WHERE account_id = $1 AND outcome = 'ok')
			+ (SELECT COUNT(*) FROM accounts WHERE id = $1 AND created_at <= $2)`, accountID, db.At(tx.Now.Add(-historyFor))).Scan(&before)
	if err == nil {
		_, err = tx.Exec(`
			INSERT INTO devices (account_id, hash, created_at, seen_at) VALUES ($1, $2, $3, $3)
			ON CONFLICT (account_id, hash) DO UPDATE SET seen_at = $3`, accountID, device, db.At(tx.Now))
	}
	if err == nil {
		_, err = tx.Exec(`
			DELETE FROM devices WHERE account_id = $1 AND hash NOT IN
				(SELECT hash FROM devices WHERE account_id = $1 ORDER BY seen_at DESC, hash LIMIT $2)`, accountID, maxDevices)
	}
	if err != nil {
		return false, fmt.Errorf("note a device: %w", err)
	}
	return !known && before > 0, nil
}

// forgetOthers makes all browsers of an account but one unknown again: they have no
// guesses of their own any more. An empty device forgets all.
func forgetOthers(tx *db.Tx, accountID, device string) error {
	_, err := tx.Exec(`DELETE FROM devices WHERE account_id = $1 AND hash <> $2`, accountID, device)
	if err != nil {
		return fmt.Errorf("forget devices: %w", err)
	}
	return nil
}

// withDevice returns the visitor with a device that some account knows, or else with
// a new one and the cookie to send, which is fresh: a cookie that nobody was given may
// have been set by somebody who knows it.
func (p *People) withDevice(tx *db.Tx, v Visitor, fresh string) (with Visitor, cookie string, err error) {
	var n int64
	if v.device != "" {
		err := tx.QueryRow(`SELECT COUNT(*) FROM devices WHERE hash = $1 AND seen_at > $2`, v.device, db.At(tx.Now.Add(-deviceFor))).Scan(&n)
		if err != nil {
			return v, "", fmt.Errorf("look for a device: %w", err)
		}
	}
	if n == 0 {
		v.device, cookie = p.deviceHash(fresh), fresh
	}
	return v, cookie, nil
}

func giveDevice(w http.ResponseWriter, cookie string) {
	http.SetCookie(w, &http.Cookie{
		Name: DeviceCookie, Value: cookie, Path: "/", MaxAge: int(deviceFor / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

package identity

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

// Purpose is what a mailed token is for.
type Purpose string

// The purposes.
const (
	VerifyEmail   Purpose = "verify_email"
	ResetPassword Purpose = "reset_password"
	ChangeEmail   Purpose = "change_email"
)

// lifetime is how long a token of that purpose can be spent.
func (p Purpose) lifetime() time.Duration {
	if p == VerifyEmail {
		return 24 * time.Hour
	}
	return time.Hour
}

// tokenBytes is how many random bytes a token has.
const tokenBytes = 32

func newToken() string {
	raw := make([]byte, tokenBytes)
	_, _ = rand.Read(raw) // never fails: the runtime stops the program instead
	return base64.RawURLEncoding.EncodeToString(raw)
}

// mailed is a token as it is stored.
type mailed struct {
	accountID string
	email     string // the address that it was mailed to
}

// issue stores a token's hash in the place of an older one of the same purpose.
func (p *People) issue(tx *db.Tx, purpose Purpose, m mailed, token string) error {
	_, err := tx.Exec(`
		INSERT INTO tokens (account_id, purpose, hash, email, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (account_id, purpose) DO UPDATE SET hash = $3, email = $4, created_at = $5, expires_at = $6`,
		m.accountID, string(purpose), p.ring.HashToken(token), m.email, db.At(tx.Now), db.At(tx.Now.Add(purpose.lifetime())))
	if err != nil {
		return fmt.Errorf("issue a token: %w", err)
	}
	return nil
}

// spend ends a token and returns what it stood for. Of many who spend it at once
// one succeeds. What was mailed to an address that the account has left is of no use:
// it may have been asked for at the very moment of the change.
func (p *People) spend(tx *db.Tx, purpose Purpose, token string) (m mailed, err error) {
	if m, err = p.peek(tx, purpose, token); err != nil {
		return m, err
	}
	// The account first: who suspends it locks in this order too.
	var present string
	if err := tx.QueryRow(`SELECT email FROM accounts WHERE id = $1 FOR NO KEY UPDATE`, m.accountID).Scan(&present); err != nil {
		return m, fmt.Errorf("lock account: %w", err)
	}
	if purpose != ChangeEmail && present != m.email {
		return m, badToken()
	}
	err = tx.QueryRow(`DELETE FROM tokens WHERE hash = ANY($1) AND purpose = $2 AND expires_at > $3 RETURNING account_id, email`,
		p.ring.TokenHashes(token), string(purpose), db.At(tx.Now)).Scan(&m.accountID, &m.email)
	return m, tokenError(err)
}

// Peek reports for whom a token could be spent, and spends nothing: mail scanners
// open links too. It returns the address that the token was mailed to.
func (p *People) Peek(ctx context.Context, purpose Purpose, token string) (email string, err error) {
	var m mailed
	err = p.db.Read(ctx, func(tx *db.Tx) error {
		m, err = p.peek(tx, purpose, token)
		return err
	})
	return m.email, err
}

func (p *People) peek(tx *db.Tx, purpose Purpose, token string) (m mailed, err error) {
	err = tx.QueryRow(`SELECT account_id, email FROM tokens WHERE hash = ANY($1) AND purpose = $2 AND expires_at > $3`,
		p.ring.TokenHashes(token), string(purpose), db.At(tx.Now)).Scan(&m.accountID, &m.email)
	return m, tokenError(err)
}

func tokenError(err error) error {
	if errors.Is(err, db.ErrNoRows) {
		return badToken()
	}
	if err != nil {
		return fmt.Errorf("find a token: %w", err)
	}
	return nil
}

package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/staff"
)

// sessionStore keeps scs's sessions. Tokens come hashed by scs, and are hashed once
// more under the panel's key.
type sessionStore struct{ p *People }

var errNoContext = errors.New("sessions are kept with a request's context alone")

// Find implements scs.Store.
func (*sessionStore) Find(string) ([]byte, bool, error) { return nil, false, errNoContext }

// Commit implements scs.Store.
func (*sessionStore) Commit(string, []byte, time.Time) error { return errNoContext }

// Delete implements scs.Store.
func (*sessionStore) Delete(string) error { return errNoContext }

// personColumns are what readPerson and the session's read have in common; the
// account may be missing.
const personColumns = `COALESCE(a.id, ''), COALESCE(a.email, ''), COALESCE(` + account.RoleColumn + `, ''), COALESCE(a.tier, ''), COALESCE(a.state, ''),
	COALESCE((SELECT r.permissions FROM staff_roles r WHERE r.id = a.staff_role), ''), COALESCE(a.language, ''), COALESCE(a.time_zone, ''), COALESCE(a.theme, ''), COALESCE(a.sign_in_version, 0),
	(SELECT COUNT(*) FROM totp f WHERE f.account_id = a.id AND f.confirmed_at IS NOT NULL),
	(SELECT COUNT(*) FROM passkeys f WHERE f.account_id = a.id),
	(SELECT COUNT(*) FROM passkeys f WHERE f.account_id = a.id AND f.cloned_at IS NOT NULL),
	(SELECT COUNT(*) FROM recovery_codes f WHERE f.account_id = a.id)`

// personRow is what personColumns are scanned into.
type personRow struct {
	Person

	version int64
	totp    int64
}

func (r *personRow) into() []any {
	return []any{
		&r.AccountID, &r.Email, &r.Role, &r.Tier, &r.State, &r.Permissions, &r.Language, &r.TimeZone, &r.Theme, &r.version,
		&r.totp, &r.Passkeys, &r.Cloned, &r.Recovery,
	}
}

func (r *personRow) at(now time.Time) Person {
	r.TOTP, r.now = r.totp > 0, now
	if r.Role == account.Owner {
		r.Permissions = staff.Everything()
	}
	return r.Person
}

func readPerson(tx *db.Tx, accountID string) (Person, error) {
	var row personRow
	err := tx.QueryRow(`SELECT `+personColumns+` FROM accounts a WHERE a.id = $1`, accountID).Scan(row.into()...)
	if err != nil {
		return Person{}, fmt.Errorf("read the account %s: %w", accountID, err)
	}
	return row.at(tx.Now), nil
}

// FindCtx implements scs.CtxStore. With the session it reads who is signed in. A
// session that is past its time, or of an account whose sessions were ended, is
// none.
func (s *sessionStore) FindCtx(ctx context.Context, key string) (data []byte, found bool, err error) {
	var row personRow
	var as viewing
	var who Person
	var text string
	var version int64
	var seenAt time.Time
	v := visitOf(ctx)
	err = s.p.db.Read(ctx, func(tx *db.Tx) error {
		row, as = personRow{}, viewing{}
		err := tx.QueryRow(`
			SELECT s.id, s.data, s.sign_in_version, s.seen_at, s.fresh_at, s.viewing, s.viewing_until, `+personColumns+`
			FROM sessions s LEFT JOIN accounts a ON a.id = s.account_id
			WHERE s.hash = ANY($1) AND s.expires_at > $2 AND s.seen_at > $3`,
			s.p.ring.TokenHashes(key), db.At(tx.Now), db.At(tx.Now.Add(-idleFor))).
			Scan(append([]any{&row.SessionID, &text, &version, db.Time(&seenAt), db.Time(&row.FreshAt), db.String(&as.accountID), db.Time(&as.until)}, row.into()...)...)
		if err != nil {
			return err
		}
		row.at(tx.Now)
		who, err = s.p.asSeen(tx, row.Person, as)
		return err
	})
	if errors.Is(err, db.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read a session: %w", err)
	}
	if row.AccountID != "" && (row.State != account.Active || row.version != version) {
		return nil, false, nil
	}
	v.key, v.id, v.person, v.signedIn = key, row.SessionID, who, row.AccountID != ""
	if row.now.Sub(seenAt) >= touchEvery {
		err = s.touch(ctx, row.SessionID)
	}
	return []byte(text), true, err
}

// touch notes that a session is in use.
func (s *sessionStore) touch(ctx context.Context, sessionID string) error {
	return s.p.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE sessions SET seen_at = $2 WHERE id = $1 AND seen_at <= $3`,
			sessionID, db.At(tx.Now), db.At(tx.Now.Add(-touchEvery)))
		if err != nil {
			return fmt.Errorf("touch a session: %w", err)
		}
		return nil
	})
}

// CommitCtx implements scs.CtxStore. A session that was ended while its request ran
// is not made again.
func (s *sessionStore) CommitCtx(ctx context.Context, key string, data []byte, _ time.Time) error {
	v := visitOf(ctx)
	if v.key == key {
		return s.p.db.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE sessions SET data = $2 WHERE id = $1`, v.id, string(data))
			if err != nil {
				return fmt.Errorf("keep a session: %w", err)
			}
			return nil
		})
	}
	b, lifetime := begun{id: id.New(id.Session)}, anonymousFor
	if v.begun != nil {
		b, lifetime = *v.begun, sessionFor
	}
	err := s.p.db.Write(ctx, func(tx *db.Tx) error {
		var freshAt time.Time
		if b.accountID != "" {
			freshAt = tx.Now
		}
		_, err := tx.Exec(`
			INSERT INTO sessions (id, hash, account_id, sign_in_version, data, address, agent, created_at, seen_at, fresh_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10)`,
			b.id, s.p.ring.HashToken(key), db.Text(b.accountID), b.version, string(data), v.visitor.address(), v.visitor.Agent,
			db.At(tx.Now), db.At(freshAt), db.At(tx.Now.Add(lifetime)))
		if err != nil || b.accountID == "" {
			return err
		}
		_, err = tx.Exec(`
			DELETE FROM sessions WHERE account_id = $1 AND id NOT IN
				(SELECT id FROM sessions WHERE account_id = $1 ORDER BY seen_at DESC, id DESC LIMIT $2)`, b.accountID, maxSessions)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep a session: %w", err)
	}
	v.key, v.id = key, b.id
	return nil
}

// DeleteCtx implements scs.CtxStore.
func (s *sessionStore) DeleteCtx(ctx context.Context, key string) error {
	return s.p.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM sessions WHERE hash = ANY($1)`, s.p.ring.TokenHashes(key))
		if err != nil {
			return fmt.Errorf("delete a session: %w", err)
		}
		return nil
	})
}

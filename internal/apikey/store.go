package apikey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/plain"
	"github.com/notpanel/notpanel/internal/secret"
)

// MaxActive is how many keys an account may have that are neither revoked nor
// expired, live and test together.
const MaxActive = 10

// MaxName bounds a key's name, in bytes.
const MaxName = 64

// TooManyKeys is why an account's eleventh active key is refused.
const TooManyKeys fault.Reason = "too_many_keys"

// Dialect is the form of requests and answers that a key's user speaks.
type Dialect string

// The dialects.
const (
	Native  Dialect = "native"
	Classic Dialect = "classic"
)

// Key is an API key without its value.
type Key struct {
	ID          string
	AccountID   string
	Name        string
	Dialect     Dialect
	Mode        Mode
	Prefix      string // what is shown of the value
	CreatedAt   time.Time
	RotatedAt   time.Time // zero: never
	ExpiresAt   time.Time // zero: never
	RevokedAt   time.Time // zero: not revoked
	LastUsedAt  time.Time // zero: never; kept to the minute
	SeenInURLAt time.Time // zero: never; the value was sent in a URL and may stand in logs

	Settings
}

// Active reports whether the key is neither revoked nor expired.
func (k Key) Active(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || k.ExpiresAt.After(now))
}

// Store keeps keys.
type Store struct {
	// Tell is called in the transaction that gives a key a value, new or rotated. Nil
	// tells nobody.
	Tell func(*db.Tx, Key) error
	// Ended is called in the transaction that revokes a key, for what belongs to it.
	// Nil: nothing does.
	Ended func(tx *db.Tx, keyID string) error

	db    *db.DB
	ring  *secret.Ring
	guard account.Guard
}

// Under returns the store that revokes the keys of those accounts that a guard lets
// through.
func (s *Store) Under(g account.Guard) *Store {
	guarded := *s
	guarded.guard = g
	return &guarded
}

func (s *Store) tell(tx *db.Tx, k Key) error {
	if s.Tell == nil {
		return nil
	}
	return s.Tell(tx, k)
}

// NewStore returns the keys of d, hashed under ring.
func NewStore(d *db.DB, ring *secret.Ring) *Store { return &Store{db: d, ring: ring} }

// NewKey says what a key to be issued is like.
type NewKey struct {
	AccountID string
	Name      string
	Dialect   Dialect
	Mode      Mode
	ExpiresAt time.Time // zero: never

	Settings
}

func (n *NewKey) check() error {
	if n.Mode != Live && n.Mode != Test {
		return fault.Newf(fault.Invalid, "mode must be %s or %s", Live, Test)
	}
	if err := checkName(n.Name); err != nil {
		return err
	}
	if err := checkDialect(n.Dialect); err != nil {
		return err
	}
	if err := n.Settings.check(); err != nil {
		return err
	}
	return n.fit(n.Dialect)
}

func checkName(name string) error {
	if len(name) > MaxName {
		return fault.Newf(fault.Invalid, "name must have at most %d bytes", MaxName)
	}
	return plain.Line("name", name)
}

func checkDialect(d Dialect) error {
	if d != Native && d != Classic {
		return fault.Newf(fault.Invalid, "dialect must be %s or %s", Native, Classic)
	}
	return nil
}

// Issue makes a key and returns its value, which is nowhere kept and can't be
// shown again. The eleventh active key of an account is refused.
func (s *Store) Issue(ctx context.Context, n NewKey, actor string) (value string, k Key, err error) {
	if err := n.check(); err != nil {
		return "", Key{}, err
	}
	value = NewValue(n.Mode)
	k = Key{
		ID: id.New(id.Key), AccountID: n.AccountID, Name: n.Name, Dialect: n.Dialect, Mode: n.Mode,
		Prefix: DisplayPrefix(value), ExpiresAt: n.ExpiresAt, Settings: n.Settings,
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		k.CreatedAt = tx.Now
		if err := countActive(tx, n.AccountID); err != nil {
			return err
		}
		_, err := tx.Exec(`
			INSERT INTO api_keys (id, account_id, name, dialect, mode, hash, prefix, created_at, expires_at, `+settingColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
			append([]any{
				k.ID, k.AccountID, k.Name, string(k.Dialect), string(k.Mode), s.ring.HashAPIKey(value)[0],
				k.Prefix, db.At(k.CreatedAt), db.At(k.ExpiresAt),
			}, k.stored()...)...)
		if err != nil {
			return fmt.Errorf("issue key: %w", err)
		}
		if err := s.tell(tx, k); err != nil {
			return err
		}
		return account.Record(tx, actor, "key.create", k.ID, k.Prefix)
	})
	return value, k, err
}

// countActive refuses one key too many. The account's row stays locked, so that
// of two keys made at once the second counts the first.
func countActive(tx *db.Tx, accountID string) error {
	var closed bool
	err := tx.QueryRow(`SELECT closed_at IS NOT NULL FROM accounts WHERE id = $1 FOR NO KEY UPDATE`, accountID).Scan(&closed)
	if errors.Is(err, db.ErrNoRows) {
		return fault.New(fault.NotFound, "Account not found")
	}
	if err != nil {
		return fmt.Errorf("lock account: %w", err)
	}
	if closed {
		return fault.New(fault.Conflict, "The account was closed by its owner: `notpanel account resume` opens it again")
	}
	var active int
	err = tx.QueryRow(`
		SELECT COUNT(*) FROM api_keys
		WHERE account_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`,
		accountID, db.At(tx.Now)).Scan(&active)
	if err != nil {
		return fmt.Errorf("count keys: %w", err)
	}
	if active >= MaxActive {
		return fault.Newf(fault.Conflict, "an account has at most %d active keys: revoke one first", MaxActive).Because(TooManyKeys)
	}
	return nil
}

// Rotate gives a key a new value. The old one ends with the commit; requests
// already past the check complete.
func (s *Store) Rotate(ctx context.Context, keyID, actor string) (value string, k Key, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if k, err = active(tx, keyID); err != nil {
			return err
		}
		if !k.Active(tx.Now) {
			return fault.Newf(fault.Conflict, "key %s has expired: create a new one", keyID)
		}
		value = NewValue(k.Mode)
		k.Prefix, k.RotatedAt = DisplayPrefix(value), tx.Now
		_, err := tx.Exec(`UPDATE api_keys SET hash = $2, prefix = $3, rotated_at = $4, seen_in_url_at = NULL WHERE id = $1`,
			k.ID, s.ring.HashAPIKey(value)[0], k.Prefix, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("rotate key: %w", err)
		}
		if err := s.tell(tx, k); err != nil {
			return err
		}
		if err := epoch.MoveAuth(tx); err != nil {
			return err
		}
		return account.Record(tx, actor, "key.rotate", k.ID, k.Prefix)
	})
	if err != nil {
		return "", Key{}, err
	}
	return value, k, nil
}

// Revoke ends a key for good.
func (s *Store) Revoke(ctx context.Context, keyID, actor string) (k Key, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if k, err = active(tx, keyID); err != nil {
			return err
		}
		k.RevokedAt = tx.Now
		if _, err := tx.Exec(`UPDATE api_keys SET revoked_at = $2 WHERE id = $1`, k.ID, db.At(tx.Now)); err != nil {
			return fmt.Errorf("revoke key: %w", err)
		}
		if s.Ended != nil {
			if err := s.Ended(tx, k.ID); err != nil {
				return err
			}
		}
		if err := epoch.MoveAuth(tx); err != nil {
			return err
		}
		if err := s.guard.Allow(tx, k.AccountID); err != nil {
			return err
		}
		return account.Record(tx, actor, "key.revoke", k.ID, k.Prefix)
	})
	return k, err
}

// RevokeAll ends all keys of an account in the caller's transaction and reports how
// many there were. The caller moves the auth epoch.
func (s *Store) RevokeAll(tx *db.Tx, accountID, actor string) (n int, err error) {
	keys, err := db.All(tx, scan, `SELECT `+columns+` FROM api_keys WHERE account_id = $1 AND revoked_at IS NULL ORDER BY id FOR NO KEY UPDATE`, accountID)
	if err != nil {
		return 0, fmt.Errorf("revoke keys: %w", err)
	}
	for _, k := range keys {
		if _, err := tx.Exec(`UPDATE api_keys SET revoked_at = $2 WHERE id = $1`, k.ID, db.At(tx.Now)); err != nil {
			return 0, fmt.Errorf("revoke key: %w", err)
		}
		if s.Ended != nil {
			if err := s.Ended(tx, k.ID); err != nil {
				return 0, err
			}
		}
		if err := account.Record(tx, actor, "key.revoke", k.ID, k.Prefix); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

// active returns a locked key that is not revoked.
func active(tx *db.Tx, keyID string) (Key, error) {
	k, err := scan(tx.QueryRow(`SELECT `+columns+` FROM api_keys WHERE id = $1 FOR NO KEY UPDATE`, keyID))
	switch {
	case errors.Is(err, db.ErrNoRows):
		return k, fault.Newf(fault.NotFound, "no key %s: `notpanel key list` shows them", keyID)
	case err != nil:
		return k, fmt.Errorf("find key: %w", err)
	case !k.RevokedAt.IsZero():
		return k, fault.Newf(fault.Conflict, "key %s is revoked already", keyID)
	}
	return k, nil
}

// Own returns a key of an account, usable or not. Another account's is not there.
func (s *Store) Own(ctx context.Context, accountID, keyID string) (k Key, err error) {
	if !id.Valid(id.Key, keyID) { // it comes from an address, and may be no text at all
		return k, fault.New(fault.NotFound, "Key not found")
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		k, err = scan(tx.QueryRow(`SELECT `+columns+` FROM api_keys WHERE id = $1 AND account_id = $2`, keyID, accountID))
		if errors.Is(err, db.ErrNoRows) {
			return fault.New(fault.NotFound, "Key not found")
		}
		return err
	})
	return k, err
}

// Latest returns up to limit keys of an account: those in use first, then the newest
// of the others. However many it had, one in use is not missing.
func (s *Store) Latest(ctx context.Context, accountID string, limit int) (all []Key, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scan, `SELECT `+columns+` FROM api_keys WHERE account_id = $1
			ORDER BY CASE WHEN revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) THEN 0 ELSE 1 END, id DESC LIMIT $3`,
			accountID, db.At(tx.Now), limit)
		return err
	})
	return all, err
}

// OwnersOf returns whose keys begin so, as far as it is shown of them: up to limit
// accounts.
func (s *Store) OwnersOf(ctx context.Context, prefix string, limit int) (accountIDs []string, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		accountIDs, err = db.All(tx, func(r db.Scanner) (accountID string, err error) {
			err = r.Scan(&accountID)
			return accountID, err
		}, `SELECT DISTINCT account_id FROM api_keys WHERE prefix = $1 ORDER BY account_id DESC LIMIT $2`, prefix, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for a key: %w", err)
	}
	return accountIDs, nil
}

// List returns the keys of an account, or all with an empty id, oldest first.
func (s *Store) List(ctx context.Context, accountID, afterID string, limit int) (all []Key, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scan, `SELECT `+columns+` FROM api_keys
			WHERE ($1 = '' OR account_id = $1) AND id > $2 ORDER BY id LIMIT $3`, accountID, afterID, limit)
		return err
	})
	return all, err
}

const columns = `id, account_id, name, dialect, mode, prefix, created_at, rotated_at, expires_at, revoked_at, last_used_at, seen_in_url_at, ` + settingColumns

func scan(s db.Scanner) (k Key, err error) {
	var c scanned
	err = s.Scan(append([]any{
		&k.ID, &k.AccountID, &k.Name, &k.Dialect, &k.Mode, &k.Prefix, db.Time(&k.CreatedAt), db.Time(&k.RotatedAt),
		db.Time(&k.ExpiresAt), db.Time(&k.RevokedAt), db.Time(&k.LastUsedAt), db.Time(&k.SeenInURLAt),
	}, c.into(&k.Settings)...)...)
	if err != nil {
		return k, err
	}
	return k, c.unpack(&k.Settings)
}

package apikey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/secret"
)

// maxValue is where a value that came in is cut before it is hashed, in bytes.
const maxValue = 128

// maxCached bounds the keys kept in memory; above it the cache starts anew.
const maxCached = 20_000

// ErrUnusable answers every value that is not a usable key: missing, malformed,
// unknown, revoked, expired or refused for its address look the same and cost the
// same.
var ErrUnusable = fault.New(fault.Unauthorized, "Invalid API key")

// Principal is who a request acts for.
type Principal struct {
	KeyID     string
	AccountID string
	WalletID  string
	Mode      Mode
	Dialect   Dialect
	State     account.State
	Tier      account.Tier

	Settings

	until  time.Time // it expires then by this node's clock; zero: never
	readAt int64     // the auth epoch it was read at
}

// Authenticator recognises keys. What it knows it keeps in memory together with
// the epoch it was read at, and uses it only while that epoch is current.
type Authenticator struct {
	db    *db.DB
	ring  *secret.Ring
	now   clock.Clock
	looks atomic.Int64

	mu    sync.Mutex
	known map[string]Principal // by hash
	used  map[string]time.Time // key id → last use not yet written
}

// NewAuthenticator returns an Authenticator of d's keys.
func NewAuthenticator(d *db.DB, ring *secret.Ring, now clock.Clock) *Authenticator {
	return &Authenticator{db: d, ring: ring, now: now, known: map[string]Principal{}, used: map[string]time.Time{}}
}

// Lookups counts the look-ups in the database. A refused value costs exactly
// one, whatever is wrong with it.
func (a *Authenticator) Lookups() int64 { return a.looks.Load() }

// Authenticate returns who value belongs to, or ErrUnusable. The auth epoch must
// come from a read that began after the request's body had arrived. From is the
// client's address; the zero Addr is an address that nobody knows.
func (a *Authenticator) Authenticate(ctx context.Context, value string, auth int64, from netip.Addr) (Principal, error) {
	hashes := a.ring.HashAPIKey(value[:min(len(value), maxValue)])
	now := a.now()
	if p, ok := a.cached(hashes, auth, now, from); ok {
		a.noteUse(p.KeyID, now)
		return p, nil
	}
	p, hash, err := a.lookUp(ctx, hashes, now)
	if err != nil {
		return Principal{}, err
	}
	if !p.usable(now, from) {
		return Principal{}, ErrUnusable
	}
	if hash != hashes[0] {
		if err := a.hashAnew(ctx, p.KeyID, hash, hashes[0]); err != nil {
			return Principal{}, err
		}
		hash = hashes[0]
	}
	a.keep(hash, p)
	a.noteUse(p.KeyID, now)
	return p, nil
}

// hashAnew stores a key that was found under the panel's old key under the
// current one: once every key was used, the old one can go.
func (a *Authenticator) hashAnew(ctx context.Context, keyID, old, current string) error {
	err := a.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE api_keys SET hash = $3 WHERE id = $1 AND hash = $2`, keyID, old, current)
		return err
	})
	if err != nil {
		return fault.Wrap(fault.Unavailable, "Temporarily unavailable", fmt.Errorf("hash key anew: %w", err))
	}
	return nil
}

// usable judges what no epoch counts: the time and the address. The monotonic clock
// may stand still while the machine sleeps, and the wall clock may be set: a key that
// has expired by either is looked up anew.
func (p *Principal) usable(now time.Time, from netip.Addr) bool {
	lasts := p.until.IsZero() || now.Before(p.until) && now.Round(0).Before(p.until.Round(0))
	return lasts && p.allows(from)
}

// cached returns a known key while it can be used. A key that has expired since
// it was cached, or comes from elsewhere, takes the way of every refused value.
func (a *Authenticator) cached(hashes []string, auth int64, now time.Time, from netip.Addr) (Principal, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, h := range hashes {
		if p, ok := a.known[h]; ok && p.readAt >= auth && p.usable(now, from) {
			return p, true
		}
	}
	return Principal{}, false
}

// lookUp reads the key and the epoch it is valid at in one statement. Nodes may differ
// about the time: a key expires by the database's clock. How long it lasts is counted
// from now, which is before the read began.
func (a *Authenticator) lookUp(ctx context.Context, hashes []string, now time.Time) (p Principal, hash string, err error) {
	a.looks.Add(1)
	var c scanned
	err = a.db.Read(ctx, func(tx *db.Tx) error {
		var expires time.Time
		err := tx.QueryRow(`
			SELECT k.hash, k.id, k.account_id, w.id, k.mode, k.dialect, `+account.StateColumn+`, a.tier, k.expires_at, e.auth,
				k.per_minute, k.networks, k.daily_cap, k.classic_ids, k.allow_get, k.replay_window, k.descriptions
			FROM api_keys k
			JOIN accounts a ON a.id = k.account_id
			JOIN wallets w ON w.account_id = k.account_id AND w.mode = k.mode
			JOIN epochs e ON e.id = 1
			WHERE k.hash = ANY($1) AND k.revoked_at IS NULL`, hashes).
			Scan(append([]any{
				&hash, &p.KeyID, &p.AccountID, &p.WalletID, &p.Mode, &p.Dialect, &p.State, &p.Tier, db.Time(&expires), &p.readAt,
			}, c.into(&p.Settings)...)...)
		if !expires.IsZero() {
			p.until = now.Add(expires.Sub(tx.Now))
		}
		return err
	})
	if errors.Is(err, db.ErrNoRows) {
		return p, "", ErrUnusable
	}
	if err != nil {
		return p, "", fault.Wrap(fault.Unavailable, "Temporarily unavailable", fmt.Errorf("look up key: %w", err))
	}
	if err := c.unpack(&p.Settings); err != nil {
		return p, "", fmt.Errorf("key %s: %w", p.KeyID, err)
	}
	return p, hash, nil
}

func (a *Authenticator) keep(hash string, p Principal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxCached {
		a.known = map[string]Principal{}
	}
	a.known[hash] = p
}

func (a *Authenticator) noteUse(keyID string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used[keyID] = now
}

// LastUse returns when a key was last used through this Authenticator; not ok
// where that is stored already, or never was.
func (a *Authenticator) LastUse(keyID string) (at time.Time, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, ok = a.used[keyID]
	return at, ok
}

// WriteUses stores when keys were last used. It moves no epoch: nobody's rights
// depend on it. What could not be written is kept for the next time.
func (a *Authenticator) WriteUses(ctx context.Context) error {
	a.mu.Lock()
	used := a.used
	a.used = map[string]time.Time{}
	a.mu.Unlock()
	if len(used) == 0 {
		return nil
	}
	rows := make([][]any, 0, len(used))
	for _, keyID := range slices.Sorted(maps.Keys(used)) { // one lock order on all nodes
		rows = append(rows, []any{keyID, db.At(used[keyID])})
	}
	err := a.db.Write(ctx, func(tx *db.Tx) error {
		return tx.ExecMany(`
			UPDATE api_keys SET last_used_at = $2
			WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)`, rows)
	})
	if err != nil {
		a.keepUses(used)
	}
	return err
}

func (a *Authenticator) keepUses(used map[string]time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for keyID, at := range used {
		if a.used[keyID].Before(at) {
			a.used[keyID] = at
		}
	}
}

// NoteInURL marks that a key's value was sent in a URL, where it may stand in
// logs: its owner sees the warning beside the key.
func (a *Authenticator) NoteInURL(ctx context.Context, keyID string) error {
	noted := false
	err := a.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM api_keys WHERE id = $1 AND seen_in_url_at >= $2)`,
			keyID, db.At(tx.Now.Add(-time.Hour))).Scan(&noted)
	})
	if err != nil || noted {
		return err // within the hour a look is enough
	}
	return a.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`
			UPDATE api_keys SET seen_in_url_at = $2
			WHERE id = $1 AND (seen_in_url_at IS NULL OR seen_in_url_at < $3)`,
			keyID, db.At(tx.Now), db.At(tx.Now.Add(-time.Hour)))
		return err
	})
}

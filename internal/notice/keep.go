package notice

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// KeptMost is how many notices the pages keep of an account.
	KeptMost = 500
	// Kept is for how long.
	Kept = 90 * 24 * time.Hour
	// purgeMost is how many one transaction takes out.
	purgeMost = 500
	// trimEvery is how often accounts are looked at that have new notices.
	trimEvery = time.Minute
)

// Keeper takes out what is old or too much, and tells of keys that expire.
type Keeper struct {
	db *db.DB
	// seen is the newest notice whose account was looked at.
	seen string
}

// NewKeeper returns a keeper of a database.
func NewKeeper(d *db.DB) *Keeper { return &Keeper{db: d} }

// Loops are what it does.
func (k *Keeper) Loops() []worker.Loop {
	return []worker.Loop{
		{Name: "notice-purge", Every: 10 * time.Minute, Pass: k.Purge},
		{Name: "notice-trim", Every: trimEvery, Pass: k.Trim},
		{Name: "key-expiry", Every: 10 * time.Minute, Pass: k.TellExpiries},
	}
}

// Purge takes out some notices that are older than they are kept. It returns how many.
func (k *Keeper) Purge(ctx context.Context) (purged int, err error) {
	err = k.db.Write(ctx, func(tx *db.Tx) error {
		old, err := db.All(tx, scanID, `SELECT id FROM notices WHERE created_at < $1 ORDER BY created_at, id LIMIT $2`,
			db.At(tx.Now.Add(-Kept)), purgeMost)
		if err != nil {
			return fmt.Errorf("find old notices: %w", err)
		}
		purged = len(old)
		return remove(tx, old)
	})
	return purged, err
}

// remove takes notices out, wherever they wait.
func remove(tx *db.Tx, noticeIDs []string) error {
	rows := make([][]any, len(noticeIDs))
	for i, noticeID := range noticeIDs {
		rows[i] = []any{noticeID}
	}
	for _, query := range []string{`DELETE FROM notice_waiting WHERE notice_id = $1`, `DELETE FROM notices WHERE id = $1`} {
		if err := tx.ExecMany(query, rows); err != nil {
			return fmt.Errorf("remove notices: %w", err)
		}
	}
	return nil
}

// Trim takes out the oldest notices of accounts that have more than are kept. It
// looks at those that got some since it looked last, the first time within an hour,
// and returns how many notices it went through.
func (k *Keeper) Trim(ctx context.Context) (found int, err error) {
	type written struct{ id, accountID string }
	var news []written
	err = k.db.Read(ctx, func(tx *db.Tx) error {
		since := tx.Now.Add(-time.Hour)
		news, err = db.All(tx, func(s db.Scanner) (w written, err error) {
			err = s.Scan(&w.id, &w.accountID)
			return w, err
		}, `SELECT id, account_id FROM notices WHERE created_at >= $1 AND id > $2 ORDER BY id LIMIT $3`, db.At(since), k.seen, purgeMost)
		return err
	})
	if err != nil || len(news) == 0 {
		return 0, wrap("look for new notices", err)
	}
	var accounts []string
	for _, w := range news {
		accounts = append(accounts, w.accountID)
	}
	slices.Sort(accounts)
	for _, accountID := range slices.Compact(accounts) {
		if err := k.trim(ctx, accountID); err != nil {
			return 0, err
		}
	}
	k.seen = news[len(news)-1].id
	return len(news), nil
}

// trim takes out an account's oldest notices, a chunk at a time. What waits to be
// sent is left for its round.
func (k *Keeper) trim(ctx context.Context, accountID string) error {
	for more := true; more; {
		err := k.db.Write(ctx, func(tx *db.Tx) error {
			more = false
			var oldest string
			kept, err := db.All(tx, scanID, `SELECT id FROM notices WHERE account_id = $1 AND web ORDER BY id DESC LIMIT $2`, accountID, KeptMost)
			if err != nil || len(kept) < KeptMost {
				return err
			}
			oldest = kept[KeptMost-1]
			over, err := db.All(tx, scanID, `SELECT id FROM notices n WHERE account_id = $1 AND web AND id < $2
				AND NOT EXISTS (SELECT 1 FROM notice_waiting w WHERE w.notice_id = n.id) ORDER BY id LIMIT $3`, accountID, oldest, purgeMost)
			if err != nil {
				return err
			}
			more = len(over) == purgeMost
			return remove(tx, over)
		})
		if err != nil {
			return wrap("trim notices", err)
		}
	}
	return nil
}

const (
	// expiryAhead is how long before a key expires its owner is told.
	expiryAhead = 7 * 24 * time.Hour
	// expiryMost is how many keys one transaction tells of.
	expiryMost = 100
)

// expiring is a key that expires.
type expiring struct {
	id, accountID, name, prefix string
	expires                     time.Time
}

// TellExpiries tells of live keys that expire within a week, of each expiry once. A
// key that was made for less than that has an owner who knows. It returns how many.
func (k *Keeper) TellExpiries(ctx context.Context) (told int, err error) {
	err = k.db.Write(ctx, func(tx *db.Tx) error {
		keys, err := db.All(tx, func(s db.Scanner) (e expiring, err error) {
			err = s.Scan(&e.id, &e.accountID, &e.name, &e.prefix, db.Time(&e.expires))
			return e, err
		}, `SELECT id, account_id, name, prefix, expires_at FROM api_keys
			WHERE expires_at IS NOT NULL AND revoked_at IS NULL AND expires_at > $1 AND expires_at <= $2 AND mode = 'live'
				AND COALESCE(expiry_told, 0) <> expires_at AND expires_at - created_at > $3
			ORDER BY expires_at LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED`,
			db.At(tx.Now), db.At(tx.Now.Add(expiryAhead)), expiryAhead.Microseconds(), expiryMost)
		if err != nil {
			return fmt.Errorf("find keys that expire: %w", err)
		}
		told = len(keys)
		for _, e := range keys {
			name := e.name
			if name == "" || keyValue.MatchString(name) {
				name = e.prefix
			}
			if _, err := Tell(tx, Told{AccountID: e.accountID, Kind: KeyExpires, Subject: e.id, Data: Data{Name: name, Until: e.expires}}); err != nil {
				return err
			}
			if _, err := tx.Exec(`UPDATE api_keys SET expiry_told = expires_at WHERE id = $1`, e.id); err != nil {
				return fmt.Errorf("note what was told of key %s: %w", e.id, err)
			}
		}
		return nil
	})
	return told, err
}

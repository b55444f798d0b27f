package notice

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/secret"
)

// Store is what the pages ask.
type Store struct {
	db   *db.DB
	ring *secret.Ring
}

// NewStore returns the store of a database. Ring hashes the codes that link chats.
func NewStore(d *db.DB, ring *secret.Ring) *Store { return &Store{db: d, ring: ring} }

// UnreadMost is how far unread notices are counted: nobody counts further.
const UnreadMost = 10

// Unread returns how many notices an account has not read, UnreadMost at most.
func (s *Store) Unread(ctx context.Context, accountID string) (n int64, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*) FROM (SELECT 1 FROM notices WHERE account_id = $1 AND web AND read_at IS NULL LIMIT $2) u`,
			accountID, UnreadMost).Scan(&n)
	})
	return n, wrap("count unread notices", err)
}

// Of returns notices of an account, the newest first, from the one before an id on;
// "" begins with the newest.
func (s *Store) Of(ctx context.Context, accountID, before string, limit int) (all []Notice, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanNotice, `SELECT n.`+noticeColumns+` FROM notices n
			WHERE n.account_id = $1 AND n.web AND ($2 = '' OR n.id < $2) ORDER BY n.id DESC LIMIT $3`, accountID, before, limit)
		return err
	})
	return all, wrap("list notices", err)
}

// MarkRead marks the notices of an account as read up to an id: what came after the
// page was shown stays unread.
func (s *Store) MarkRead(ctx context.Context, accountID, through string) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE notices SET read_at = $3 WHERE account_id = $1 AND id <= $2 AND web AND read_at IS NULL`,
			accountID, through, db.At(tx.Now))
		return wrap("mark notices as read", err)
	})
}

// Choices returns what an account has chosen.
func (s *Store) Choices(ctx context.Context, accountID string) (c Choices, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		c, err = ChoicesOf(tx, accountID)
		return err
	})
	return c, err
}

// SetChoices replaces what an account has chosen.
func (s *Store) SetChoices(ctx context.Context, accountID string, c Choices) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("choices of notices: %w", err)
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`
			INSERT INTO notice_choices (account_id, choices, updated_at) VALUES ($1, $2, $3)
			ON CONFLICT (account_id) DO UPDATE SET choices = $2, updated_at = $3`, accountID, string(text), db.At(tx.Now))
		return wrap("set choices of notices", err)
	})
}

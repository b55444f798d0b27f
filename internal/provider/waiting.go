package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

// HeldMost is up to how many held orders of a text are counted.
const HeldMost = 1000

// WaitingText is a refusal of any provider as staff decide it.
type WaitingText struct {
	RefusalText

	ProviderID string
	Held       int64 // orders that it holds now, up to HeldMost
}

// TextCursor is where a page of texts goes on; the zero value is the beginning.
type TextCursor struct {
	At         time.Time
	ProviderID string
	Text       string
}

// OpenTexts returns the refusals that wait for a decision, the newest first.
func (s *Store) OpenTexts(ctx context.Context, before TextCursor, limit int) ([]WaitingText, error) {
	return s.textPage(ctx, `class = ''`, `last_at`, before, limit)
}

// DecidedTexts returns the refusals that were decided, the latest decision first.
func (s *Store) DecidedTexts(ctx context.Context, before TextCursor, limit int) ([]WaitingText, error) {
	return s.textPage(ctx, `class <> ''`, `decided_at`, before, limit)
}

// TextOf returns one refusal.
func (s *Store) TextOf(ctx context.Context, providerID, text string) (t WaitingText, found bool, err error) {
	var all []WaitingText
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = readTexts(tx, `WHERE provider_id = $1 AND text = $2`, providerID, text)
		return err
	})
	if err != nil || len(all) == 0 {
		return t, false, err
	}
	return all[0], true, nil
}

// textPage reads a page by a column that is one of ours.
func (s *Store) textPage(ctx context.Context, where, by string, before TextCursor, limit int) (all []WaitingText, err error) {
	var args []any
	last := `$1`
	if !before.At.IsZero() {
		where += ` AND (` + by + `, provider_id, text) < ($1, $2, $3)`
		args, last = append(args, db.At(before.At), before.ProviderID, before.Text), `$4`
	}
	args = append(args, limit)
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = readTexts(tx, `WHERE `+where+` ORDER BY `+by+` DESC, provider_id DESC, text DESC LIMIT `+last, args...)
		return err
	})
	return all, err
}

func readTexts(tx *db.Tx, rest string, args ...any) ([]WaitingText, error) {
	all, err := db.All(tx, func(r db.Scanner) (w WaitingText, err error) {
		err = r.Scan(&w.ProviderID, &w.Text, &w.Decision, &w.Seen, db.Time(&w.FirstAt), db.Time(&w.LastAt), db.Time(&w.DecidedAt))
		return w, err
	}, `SELECT provider_id, text, class, seen, first_at, last_at, decided_at FROM provider_texts `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("read refusals: %w", err)
	}
	rows := make([][]any, len(all))
	for i, w := range all {
		rows[i] = []any{w.ProviderID, w.Text, HeldMost}
	}
	err = tx.QueryMany(func(i int, r db.Scanner) error { return r.Scan(&all[i].Held) }, `
		SELECT COUNT(*) FROM (SELECT 1 FROM orders WHERE provider_id = $1 AND refusal = $2 AND state = 'held' LIMIT $3) o`, rows)
	if err != nil {
		return nil, fmt.Errorf("count held orders: %w", err)
	}
	return all, nil
}

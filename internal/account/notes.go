package account

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/plain"
)

// MaxNote is how many characters a note may have.
const MaxNote = 2000

// Note is what staff wrote about an account. Notes are added and never changed; the
// account does not see them.
type Note struct {
	ID     string
	Author string // who wrote it: an account's id, or the command line
	Email  string // of the author's account; "": there is none
	Text   string // with its line ends
	At     time.Time
}

// AddNote adds a note to an account.
func (s *Store) AddNote(ctx context.Context, accountID, text, actor string) (Note, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if n := utf8.RuneCountInString(text); n == 0 || n > MaxNote {
		return Note{}, fault.Newf(fault.Invalid, "the note must have 1 to %d characters", MaxNote).Because(fault.BadField, "note")
	}
	for line := range strings.SplitSeq(text, "\n") {
		if err := plain.Line("note", line); err != nil {
			return Note{}, err
		}
	}
	n := Note{ID: id.New(id.Note), Author: actor, Text: text}
	err := s.db.Write(ctx, func(tx *db.Tx) error {
		n.At = tx.Now
		a, err := find(tx, accountID)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO account_notes (id, account_id, author, text, created_at) VALUES ($1, $2, $3, $4, $5)`,
			n.ID, a.ID, n.Author, n.Text, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("add a note: %w", err)
		}
		return s.record(tx, actor, "account.note", a.ID, n.ID)
	})
	return n, err
}

// Notes returns up to limit notes about an account, the newest first.
func (s *Store) Notes(ctx context.Context, accountID string, limit int) (all []Note, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(r db.Scanner) (n Note, err error) {
			err = r.Scan(&n.ID, &n.Author, &n.Email, &n.Text, db.Time(&n.At))
			return n, err
		}, `SELECT n.id, n.author, COALESCE(a.email, ''), n.text, n.created_at
			FROM account_notes n LEFT JOIN accounts a ON a.id = n.author
			WHERE n.account_id = $1 ORDER BY n.id DESC LIMIT $2`, accountID, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("notes about %s: %w", accountID, err)
	}
	return all, nil
}

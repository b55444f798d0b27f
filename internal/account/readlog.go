package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

// Act is a row of the audit log.
type Act struct {
	Seq    int64
	At     time.Time
	Actor  string // an account's id, or a word for what acted
	Email  string // of the actor's account; "": there is none
	Action string
	Target string // an id, or a word
	Named  string // the address of the account that the target is; "": it is none
	Detail string
}

// LogQuery says which rows of the audit log to return. What is empty is any.
type LogQuery struct {
	Actor  string // an id, or an account's e-mail address
	Action string
	Target string // an id, or an account's e-mail address
	// From and Until bound when it was; Until is not in it.
	From, Until time.Time
	// Before is the row that the page before ended with; 0 begins with the newest.
	Before int64
	Limit  int
}

// slack is how far a row may be behind the row before it: its time is when its
// transaction began.
const slack = time.Hour

// Log returns a page of the audit log, the newest first, and the row that the next
// page goes on before; 0 is none.
func (s *Store) Log(ctx context.Context, q LogQuery) (page []Act, next int64, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		page = nil
		where, args, err := q.where(tx)
		if err != nil {
			return err
		}
		args = append(args, q.Limit+1)
		page, err = db.All(tx, scanAct, `
			SELECT l.seq, l.at, l.actor, COALESCE(a.email, ''), l.action, l.target, COALESCE(t.email, ''), l.detail
			FROM audit_log l LEFT JOIN accounts a ON a.id = l.actor LEFT JOIN accounts t ON t.id = l.target
			WHERE `+where+` ORDER BY l.seq DESC LIMIT `+place(len(args)), args...)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read the audit log: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = page[q.Limit-1].Seq
	}
	return page, next, nil
}

func scanAct(r db.Scanner) (a Act, err error) {
	err = r.Scan(&a.Seq, db.Time(&a.At), &a.Actor, &a.Email, &a.Action, &a.Target, &a.Named, &a.Detail)
	return a, err
}

func (q LogQuery) where(tx *db.Tx) (text string, args []any, err error) {
	all := []string{`l.seq > 0`}
	add := func(condition string, value any) {
		args = append(args, value)
		all = append(all, condition+place(len(args)))
	}
	for _, side := range []struct{ condition, said string }{{`l.actor = `, q.Actor}, {`l.target = `, q.Target}} {
		if side.said == "" {
			continue
		}
		named, err := named(tx, side.said)
		if err != nil {
			return "", nil, err
		}
		add(side.condition, named)
	}
	if q.Action != "" {
		add(`l.action = `, q.Action)
	}
	if q.Before > 0 {
		add(`l.seq < `, q.Before)
	}
	// Rows go by their numbers: a bound of time is one of numbers first, or a page of
	// long ago would be looked for from today on.
	if !q.From.IsZero() {
		add(`l.at >= `, db.At(q.From))
		seq, found, err := firstSince(tx, q.From.Add(-slack))
		if err != nil {
			return "", nil, err
		}
		if !found {
			return `FALSE`, nil, nil
		}
		add(`l.seq >= `, seq)
	}
	if !q.Until.IsZero() {
		add(`l.at < `, db.At(q.Until))
		seq, found, err := firstSince(tx, q.Until.Add(slack))
		if err != nil {
			return "", nil, err
		}
		if found {
			add(`l.seq < `, seq)
		}
	}
	return strings.Join(all, ` AND `), args, nil
}

// firstSince returns the first row that is not older than a moment.
func firstSince(tx *db.Tx, at time.Time) (seq int64, found bool, err error) {
	err = tx.QueryRow(`SELECT seq FROM audit_log WHERE at >= $1 ORDER BY at, seq LIMIT 1`, db.At(at)).Scan(&seq)
	if errors.Is(err, db.ErrNoRows) {
		return 0, false, nil
	}
	return seq, err == nil, err
}

// named is the id of the account with an address, and everything else as it is.
func named(tx *db.Tx, said string) (string, error) {
	said = strings.TrimSpace(said)
	if !strings.Contains(said, "@") {
		return said, nil
	}
	var accountID string
	err := tx.QueryRow(`SELECT id FROM accounts WHERE email = $1`, strings.ToLower(said)).Scan(&accountID)
	if errors.Is(err, db.ErrNoRows) {
		return said, nil
	}
	return accountID, err
}

// Actions returns the actions that the audit log has rows of, by their names. It
// goes from one to the next by the index, however many rows there are.
func (s *Store) Actions(ctx context.Context) (all []string, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all = nil
		for after := ""; ; {
			err := tx.QueryRow(`SELECT action FROM audit_log WHERE action > $1 ORDER BY action LIMIT 1`, after).Scan(&after)
			if errors.Is(err, db.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			all = append(all, after)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("actions of the audit log: %w", err)
	}
	return all, nil
}

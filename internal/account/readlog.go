package account

import (
	"context"
	"errors"
	"fmt"
	"math"
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
//
// Each combination of actor, target and action has an index that ends in the row's
// number, written as these indexes alone have it: so the page is a stretch of one of
// them, and no database finds another way that reads what does not belong to the page.
func (s *Store) Log(ctx context.Context, q LogQuery) (page []Act, next int64, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		page = nil
		b, err := q.bounds(tx)
		if err != nil || b.from >= b.until {
			return err
		}
		text, args := b.query(q.Limit + 1) // one more tells whether there is another page
		page, err = db.All(tx, scanAct, `
			SELECT l.seq, l.at, l.actor, COALESCE(a.email, ''), l.action, l.target, COALESCE(t.email, ''), l.detail
			FROM (`+text+`) l LEFT JOIN accounts a ON a.id = l.actor LEFT JOIN accounts t ON t.id = l.target ORDER BY l.seq DESC`, args...)
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

// logBounds is the stretch of an index that a page of the log lies in.
type logBounds struct {
	columns     []string // that are narrowed by, in the order of their index
	values      []any
	from, until int64 // rows; until is not in it
	since       any   // the time that a row must have, where it is bounded
	before      any
}

// bounds finds the stretch. Rows go by their numbers: a bound of time is one of numbers
// first, or a page of long ago would be looked for from today on.
func (q LogQuery) bounds(tx *db.Tx) (b logBounds, err error) {
	b.from, b.until = 1, math.MaxInt64
	for _, side := range []struct{ column, said string }{{`actor`, q.Actor}, {`target`, q.Target}, {`action`, q.Action}} {
		if side.said == "" {
			continue
		}
		value := side.said
		if side.column != `action` {
			if value, err = named(tx, side.said); err != nil {
				return b, err
			}
		}
		b.columns, b.values = append(b.columns, side.column), append(b.values, value)
	}
	if q.Before > 0 {
		b.until = q.Before
	}
	if !q.From.IsZero() {
		b.since = db.At(q.From)
		seq, found, err := firstSince(tx, q.From.Add(-slack))
		if err != nil {
			return b, err
		}
		if b.from = seq; !found {
			b.from = b.until
		}
	}
	if !q.Until.IsZero() {
		b.before = db.At(q.Until)
		seq, found, err := firstSince(tx, q.Until.Add(slack))
		if err != nil {
			return b, err
		}
		if found {
			b.until = min(b.until, seq)
		}
	}
	return b, nil
}

// query reads so many rows of the stretch, from its end on. Its texts are constant.
func (b logBounds) query(limit int) (text string, args []any) {
	add := func(v any) string {
		args = append(args, v)
		return place(len(args))
	}
	var all []string
	for i, column := range b.columns {
		all = append(all, column+` = `+add(b.values[i]))
	}
	seq := `seq`
	if len(b.columns) > 0 {
		seq = `seq + 0`
	}
	all = append(all, seq+` >= `+add(b.from), seq+` < `+add(b.until))
	if b.since != nil {
		all = append(all, `at + 0 >= `+add(b.since))
	}
	if b.before != nil {
		all = append(all, `at + 0 < `+add(b.before))
	}
	return `SELECT seq, at, actor, action, target, detail FROM audit_log WHERE ` + strings.Join(all, ` AND `) +
		` ORDER BY ` + seq + ` DESC LIMIT ` + add(limit), args
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

package requestlog

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// MaxPage is how many entries a page has at most.
	MaxPage = 100
	// forgetMost is how many rows are dropped at once.
	forgetMost = 500
	// afterAll sorts behind every request's id, however a database compares texts: a
	// ULID begins with 7 at most.
	afterAll = string(id.Request) + "8"
)

// Store reads what was recorded; the last second may be missing yet.
type Store struct{ db *db.DB }

// NewStore returns the requests of d.
func NewStore(d *db.DB) *Store { return &Store{d} }

// Query asks for a page of a key's log.
type Query struct {
	AccountID   string // whose key it must be
	KeyID       string
	Before      string // an entry's id: only older ones; "" begins with the newest
	Limit       int    // 1 to MaxPage
	OnlyRefused bool
}

// Page returns entries, the newest first. Next is the Before of the page after,
// "" where this is the last. Another account's key has no entries.
func (s *Store) Page(ctx context.Context, q Query) (page []Entry, next string, err error) {
	switch {
	case q.Limit < 1 || q.Limit > MaxPage:
		return nil, "", fault.Newf(fault.Invalid, "limit must be between 1 and %d", MaxPage)
	case q.Before != "" && !id.Valid(id.Request, q.Before):
		return nil, "", fault.New(fault.Invalid, "before must be a request's id")
	}
	if q.Before == "" {
		q.Before = afterAll
	}
	query := `
		SELECT id, key_id, account_id, mode, at, action, dialect, status, outcome, error, duration, client
		FROM api_requests WHERE key_id = $1 AND account_id = $2 AND id < $3`
	if q.OnlyRefused {
		query += ` AND outcome <> 'ok'`
	}
	query += ` ORDER BY id DESC LIMIT $4`
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		page, err = db.All(tx, scanEntry, query, q.KeyID, q.AccountID, q.Before, int64(q.Limit+1))
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read requests: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = page[q.Limit-1].ID
	}
	return page, next, nil
}

func scanEntry(s db.Scanner) (e Entry, err error) {
	var outcome, client string
	var duration int64
	err = s.Scan(&e.ID, &e.KeyID, &e.AccountID, &e.Mode, db.Time(&e.At), &e.Action, &e.Dialect, &e.Status, &outcome, &e.Error, &duration, &client)
	if err != nil {
		return e, err
	}
	if outcome != answered {
		e.Refused = fault.Code(outcome)
	}
	e.Duration = time.Duration(duration) * time.Microsecond
	if client != "" {
		if e.Client, err = netip.ParseAddr(client); err != nil {
			return e, fmt.Errorf("request %s: %w", e.ID, err)
		}
	}
	return e, nil
}

// Step is how long a point of usage is, in hours.
type Step int64

// The steps. Days are those of UTC.
const (
	Hour Step = 1
	Day  Step = 24
)

// Span says whose usage is asked for, and when.
type Span struct {
	AccountID string
	KeyID     string // "" is all keys of the account, revoked ones too
	// From and To are widened to whole steps; they may be KeptUsage apart.
	From, To time.Time
}

// Point is how many requests came within a step.
type Point struct {
	At          time.Time // the step's beginning
	OK, Refused int64
}

// Usage returns a point for every step of the span, the oldest first, those
// without requests too. Another account's key has none.
func (s *Store) Usage(ctx context.Context, span Span, step Step) ([]Point, error) {
	first, end, err := span.steps(step)
	if err != nil {
		return nil, err
	}
	points := make([]Point, end-first)
	for i := range points {
		points[i].At = time.Unix((first+int64(i))*int64(step)*int64(time.Hour/time.Second), 0).UTC()
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.Each(func(row db.Scanner) error {
			var at, ok, refused int64
			if err := row.Scan(&at, &ok, &refused); err != nil {
				return err
			}
			points[at-first].OK, points[at-first].Refused = ok, refused
			return nil
		}, `
			SELECT hour / $5, CAST(SUM(ok) AS BIGINT), CAST(SUM(refused) AS BIGINT)
			FROM api_usage
			WHERE key_id IN (SELECT id FROM api_keys WHERE account_id = $1 AND ($2 = '' OR id = $2)) AND hour >= $3 AND hour < $4
			GROUP BY 1`, span.AccountID, span.KeyID, first*int64(step), end*int64(step), int64(step))
	})
	if err != nil {
		return nil, fmt.Errorf("read usage: %w", err)
	}
	return points, nil
}

// ActionUse is how often an action was asked for; "" stands for requests that
// named none that there is.
type ActionUse struct {
	Action      string
	OK, Refused int64
}

// Actions returns the actions that were asked for within the hours of a span, the
// most frequent first.
func (s *Store) Actions(ctx context.Context, span Span) (all []ActionUse, err error) {
	first, end, err := span.steps(Hour)
	if err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(row db.Scanner) (a ActionUse, err error) {
			err = row.Scan(&a.Action, &a.OK, &a.Refused)
			return a, err
		}, `
			SELECT action, CAST(SUM(ok) AS BIGINT), CAST(SUM(refused) AS BIGINT)
			FROM api_usage
			WHERE key_id IN (SELECT id FROM api_keys WHERE account_id = $1 AND ($2 = '' OR id = $2)) AND hour >= $3 AND hour < $4
			GROUP BY action ORDER BY SUM(ok + refused) DESC, action`, span.AccountID, span.KeyID, first, end)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read usage: %w", err)
	}
	return all, nil
}

// steps returns the span in whole steps since 1970, the end excluded.
func (span *Span) steps(step Step) (first, end int64, err error) {
	if step != Hour && step != Day {
		return 0, 0, fault.New(fault.Invalid, "usage is counted by hour or by day")
	}
	if !span.From.Before(span.To) || span.To.Sub(span.From) > KeptUsage || span.From.Unix() < 0 {
		return 0, 0, fault.Newf(fault.Invalid, "from must be before to, by at most %d days", KeptUsage/(24*time.Hour))
	}
	seconds := int64(step) * int64(time.Hour/time.Second)
	return span.From.Unix() / seconds, span.To.Add(-1).Unix()/seconds + 1, nil
}

// Forget drops what is older than is kept, a part of it, and returns how many
// rows that was.
func (s *Store) Forget(ctx context.Context) (forgotten int, err error) {
	for _, drop := range []func(*db.Tx) (int64, error){forgetRows, forgetCounts} {
		n := int64(0)
		err := s.db.Write(ctx, func(tx *db.Tx) (err error) {
			n, err = drop(tx)
			return err
		})
		if err != nil {
			return forgotten, fmt.Errorf("drop old requests: %w", err)
		}
		forgotten += int(n)
	}
	return forgotten, nil
}

func forgetRows(tx *db.Tx) (int64, error) {
	return tx.Exec(`DELETE FROM api_requests WHERE id IN (SELECT id FROM api_requests WHERE at < $1 ORDER BY at LIMIT $2)`,
		db.At(tx.Now.Add(-KeptLog)), forgetMost)
}

func forgetCounts(tx *db.Tx) (int64, error) {
	return tx.Exec(`
		DELETE FROM api_usage WHERE (key_id, hour, action) IN
			(SELECT key_id, hour, action FROM api_usage WHERE hour < $1 ORDER BY hour LIMIT $2)`,
		hourOf(tx.Now.Add(-KeptUsage)), forgetMost)
}

// Loop drops what is old.
func (s *Store) Loop() worker.Loop {
	return worker.Loop{Name: "old-requests", Every: 10 * time.Minute, Pass: s.Forget}
}

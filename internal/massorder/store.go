package massorder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/worker"
)

// Store keeps mass orders. Each call sees those of one account alone.
type Store struct{ db *db.DB }

// NewStore returns the mass orders of a database.
func NewStore(d *db.DB) *Store { return &Store{db: d} }

// Add keeps lines that were checked. The oldest mass order of the account makes room
// where there are too many; one that is being placed does not.
func (s *Store) Add(ctx context.Context, accountID string, lines []Line) (massID string, err error) {
	if len(lines) == 0 || len(lines) > MaxLines {
		return "", fault.Newf(fault.Invalid, "Send 1 to %d lines", MaxLines)
	}
	massID = id.New(id.Mass)
	rows := make([][]any, len(lines))
	for i, l := range lines {
		fields, err := json.Marshal(l.Fields)
		if err != nil {
			return "", fmt.Errorf("fields of a line: %w", err)
		}
		rows[i] = []any{massID, l.Number, string(fields), l.Charge, l.Refusal.stored()}
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if err := makeRoom(tx, accountID); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO mass_orders (id, account_id, state, created_at) VALUES ($1, $2, $3, $4)`,
			massID, accountID, string(Checked), db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("keep a mass order: %w", err)
		}
		if err := tx.ExecMany(`INSERT INTO mass_lines (mass_id, line, fields, charge, refusal) VALUES ($1, $2, $3, $4, $5)`, rows); err != nil {
			return fmt.Errorf("keep its lines: %w", err)
		}
		return nil
	})
	return massID, err
}

// makeRoom takes the account's oldest out until there is room for one more.
func makeRoom(tx *db.Tx, accountID string) error {
	var there string
	if err := tx.QueryRow(`SELECT id FROM accounts WHERE id = $1 FOR NO KEY UPDATE`, accountID).Scan(&there); err != nil {
		return fmt.Errorf("lock an account: %w", err)
	}
	var kept, placing int
	err := tx.QueryRow(`SELECT COUNT(*), COALESCE(SUM(CASE WHEN state = 'placing' THEN 1 ELSE 0 END), 0) FROM mass_orders WHERE account_id = $1`, accountID).
		Scan(&kept, &placing)
	if err != nil {
		return fmt.Errorf("count mass orders: %w", err)
	}
	if placing >= MaxKept {
		return errBusy
	}
	if kept < MaxKept {
		return nil
	}
	old, err := ids(tx, `SELECT id FROM mass_orders WHERE account_id = $1 AND state <> 'placing' ORDER BY id LIMIT $2 FOR UPDATE`, accountID, kept-MaxKept+1)
	if err != nil {
		return err
	}
	return remove(tx, old)
}

func ids(tx *db.Tx, query string, args ...any) ([]string, error) {
	all, err := db.All(tx, func(r db.Scanner) (massID string, err error) {
		err = r.Scan(&massID)
		return massID, err
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("find mass orders: %w", err)
	}
	return all, nil
}

func remove(tx *db.Tx, massIDs []string) error {
	for _, query := range []string{`DELETE FROM mass_lines WHERE mass_id = ANY($1)`, `DELETE FROM mass_orders WHERE id = ANY($1)`} {
		if _, err := tx.Exec(query, massIDs); err != nil {
			return fmt.Errorf("take mass orders out: %w", err)
		}
	}
	return nil
}

const selectMass = `
	SELECT m.id, m.account_id, m.state, m.whole, m.created_at,
		COUNT(*), COALESCE(SUM(CASE WHEN l.refusal <> '' THEN 1 ELSE 0 END), 0), COUNT(l.number),
		COALESCE(SUM(CASE WHEN l.refusal = '' THEN l.charge END), 0), COALESCE(SUM(l.charged), 0)
	FROM mass_orders m JOIN mass_lines l ON l.mass_id = m.id`

func scanMass(s db.Scanner) (m Mass, err error) {
	err = s.Scan(&m.ID, &m.AccountID, &m.State, &m.Whole, db.Time(&m.CreatedAt), &m.Lines, &m.Bad, &m.Placed, &m.Shown, &m.Charged)
	return m, err
}

// Get returns a mass order of an account.
func (s *Store) Get(ctx context.Context, accountID, massID string) (m Mass, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		m, err = scanMass(tx.QueryRow(selectMass+`
			WHERE m.id = $1 AND m.account_id = $2 GROUP BY m.id, m.account_id, m.state, m.whole, m.created_at`, massID, accountID))
		if errors.Is(err, db.ErrNoRows) {
			return errNotFound
		}
		return err
	})
	return m, err
}

// Of returns what an account keeps, the newest first.
func (s *Store) Of(ctx context.Context, accountID string) (all []Mass, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanMass, selectMass+`
			WHERE m.account_id = $1 GROUP BY m.id, m.account_id, m.state, m.whole, m.created_at ORDER BY m.id DESC`, accountID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("mass orders: %w", err)
	}
	return all, nil
}

// Lines returns up to limit lines of an account's mass order that come after a line;
// with bad only those that were refused.
func (s *Store) Lines(ctx context.Context, accountID, massID string, after int64, bad bool, limit int) (all []Line, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, scanLine, `SELECT `+lineColumns+` FROM mass_lines
			WHERE mass_id = (SELECT id FROM mass_orders WHERE id = $1 AND account_id = $2) AND line > $3 AND (NOT $4 OR refusal <> '')
			ORDER BY line LIMIT $5`, massID, accountID, after, bad, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lines of %s: %w", massID, err)
	}
	return all, nil
}

// Begin says that the good lines of a mass order are to be placed; with whole only
// if none is bad. Once is enough: it changes nothing for one that has begun.
func (s *Store) Begin(ctx context.Context, accountID, massID string, whole bool) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE mass_orders SET state = 'placing', whole = $3 WHERE id = $1 AND account_id = $2 AND state = 'checked'`, massID, accountID, whole)
		if err != nil {
			return fmt.Errorf("begin with %s: %w", massID, err)
		}
		return nil
	})
}

const (
	purgeEvery = time.Hour
	purgeMost  = 1 // mass orders of one pass: each may have a thousand lines
)

// Purge is the loop that takes out what is past its time.
func (s *Store) Purge() worker.Loop {
	return worker.Loop{Name: "mass-purge", Every: purgeEvery, Pass: s.purge}
}

func (s *Store) purge(ctx context.Context) (purged int, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		old, err := ids(tx, `SELECT id FROM mass_orders
			WHERE created_at < $1 AND (state = 'checked' OR state = 'done' AND created_at < $2) ORDER BY created_at LIMIT $3 FOR UPDATE SKIP LOCKED`,
			db.At(tx.Now.Add(-draftKept)), db.At(tx.Now.Add(-doneKept)), purgeMost)
		if err != nil {
			return err
		}
		purged = len(old)
		return remove(tx, old)
	})
	return purged, err
}

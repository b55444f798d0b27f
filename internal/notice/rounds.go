package notice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

const (
	// linesMost is how many notices a mail or a message tells in words; of the others
	// it says how many they are.
	linesMost = 10
	// foldMost is how many of the others one transaction takes out.
	foldMost = 500
	// triesMost is how often a message is sent whose end nobody knows: once more.
	triesMost = 2
	// patience is how long a notice waits for its round before it is dropped.
	patience = 24 * time.Hour
	// lease is how long a claimed round belongs to its node.
	lease = 2 * time.Minute
)

// round is what waits for one account on one channel, claimed by this node.
type round struct {
	accountID string
	by        Channel
	claim     int64
	folded    int64
	failures  int64
	notices   []Notice
}

// claimRound takes the round that is due first; found is false where none is.
func claimRound(ctx context.Context, d *db.DB, by Channel) (r round, found bool, err error) {
	due := false
	err = d.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM notice_rounds WHERE channel = $1 AND due_at <= $2 AND not_before <= $2)`,
			string(by), db.At(tx.Now)).Scan(&due)
	})
	if err != nil || !due {
		return r, false, wrap("look for a round", err)
	}
	err = d.Write(ctx, func(tx *db.Tx) error {
		r = round{by: by}
		all, err := db.All(tx, func(s db.Scanner) (one round, err error) {
			err = s.Scan(&one.accountID, &one.claim, &one.folded, &one.failures)
			return one, err
		}, `SELECT account_id, claim, folded, failures FROM notice_rounds
			WHERE channel = $1 AND due_at <= $2 AND not_before <= $2 ORDER BY due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`, string(by), db.At(tx.Now))
		found = len(all) > 0
		if err != nil || !found {
			return err
		}
		r = all[0]
		r.by, r.claim = by, r.claim+1
		_, err = tx.Exec(`UPDATE notice_rounds SET claim = $3, not_before = $4 WHERE account_id = $1 AND channel = $2`,
			r.accountID, string(by), r.claim, db.At(tx.Now.Add(lease)))
		return err
	})
	return r, found, wrap("claim a round", err)
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// fold takes out what a round has no lines for and counts it. A round that is sent
// once more stays as it was.
func (r *round) fold(ctx context.Context, d *db.DB) error {
	for {
		more := false
		err := d.Write(ctx, func(tx *db.Tx) error {
			more = false
			if ours, err := r.holds(tx); err != nil || !ours {
				return err
			}
			if all, err := r.drop(tx); err != nil || !all {
				more = err == nil
				return err
			}
			rest, err := db.All(tx, scanID, `SELECT notice_id FROM notice_waiting w WHERE account_id = $1 AND channel = $2
					AND NOT EXISTS (SELECT 1 FROM notice_waiting o WHERE o.account_id = $1 AND o.channel = $2 AND o.tries > 0)
				ORDER BY notice_id LIMIT $3`, r.accountID, string(r.by), linesMost+foldMost)
			if err != nil || len(rest) <= linesMost {
				return err
			}
			more = len(rest) == linesMost+foldMost
			return r.takeOut(tx, rest[linesMost:], int64(len(rest)-linesMost))
		})
		if err != nil || !more {
			return wrap("fold a round", err)
		}
	}
}

// drop forgets what waited too long, and what was sent as often as it may be without
// anybody knowing whether it arrived. All is false where there is more of it.
func (r *round) drop(tx *db.Tx) (all bool, err error) {
	old, err := db.All(tx, scanID, `SELECT w.notice_id FROM notice_waiting w JOIN notices n ON n.id = w.notice_id
		WHERE w.account_id = $1 AND w.channel = $2 AND (n.created_at < $3 OR w.tries >= $4) ORDER BY w.notice_id LIMIT $5`,
		r.accountID, string(r.by), db.At(tx.Now.Add(-patience)), triesMost, foldMost)
	if err != nil {
		return false, fmt.Errorf("find what waited too long: %w", err)
	}
	return len(old) < foldMost, r.takeOut(tx, old, 0)
}

// takeOut ends the waiting of notices, and counts some of them as folded. Those that
// are not for the pages have no other place.
func (r *round) takeOut(tx *db.Tx, noticeIDs []string, folded int64) error {
	rows, notices := make([][]any, len(noticeIDs)), make([][]any, len(noticeIDs))
	for i, noticeID := range noticeIDs {
		rows[i], notices[i] = []any{r.accountID, string(r.by), noticeID}, []any{noticeID}
	}
	if err := tx.ExecMany(`DELETE FROM notice_waiting WHERE account_id = $1 AND channel = $2 AND notice_id = $3`, rows); err != nil {
		return fmt.Errorf("take notices out: %w", err)
	}
	err := tx.ExecMany(`DELETE FROM notices WHERE id = $1 AND NOT web
		AND NOT EXISTS (SELECT 1 FROM notice_waiting w WHERE w.notice_id = $1)`, notices)
	if err != nil {
		return fmt.Errorf("take notices out: %w", err)
	}
	if folded == 0 {
		return nil
	}
	_, err = tx.Exec(`UPDATE notice_rounds SET folded = folded + $3 WHERE account_id = $1 AND channel = $2`, r.accountID, string(r.by), folded)
	return wrap("count what was folded", err)
}

// read reads what the round tells. What was sent before without an end goes alone.
func (r *round) read(tx *db.Tx) (err error) {
	r.notices, err = db.All(tx, scanNotice, `SELECT n.`+noticeColumns+` FROM notice_waiting w JOIN notices n ON n.id = w.notice_id
		WHERE w.account_id = $1 AND w.channel = $2
			AND (w.tries > 0 OR NOT EXISTS (SELECT 1 FROM notice_waiting o WHERE o.account_id = $1 AND o.channel = $2 AND o.tries > 0))
		ORDER BY w.notice_id LIMIT $3`, r.accountID, string(r.by), linesMost)
	if err != nil {
		return fmt.Errorf("read a round: %w", err)
	}
	err = tx.QueryRow(`SELECT folded FROM notice_rounds WHERE account_id = $1 AND channel = $2`, r.accountID, string(r.by)).Scan(&r.folded)
	return wrap("read a round", err)
}

// try counts a sending before it begins. ours is false where the round was claimed
// by another node since.
func (r *round) try(tx *db.Tx) (ours bool, err error) {
	if ours, err = r.holds(tx); err != nil || !ours {
		return ours, err
	}
	return true, r.setTries(tx, "tries + 1")
}

// unsent takes back that a sending was counted: it has certainly not arrived.
func (r *round) unsent(tx *db.Tx) error { return r.setTries(tx, "tries - 1") }

func (r *round) setTries(tx *db.Tx, to string) error {
	rows := make([][]any, len(r.notices))
	for i, n := range r.notices {
		rows[i] = []any{r.accountID, string(r.by), n.ID}
	}
	err := tx.ExecMany(`UPDATE notice_waiting SET tries = `+to+` WHERE account_id = $1 AND channel = $2 AND notice_id = $3`, rows)
	return wrap("count a sending", err)
}

// holds locks the round and reports whether it is still this node's.
func (r *round) holds(tx *db.Tx) (bool, error) {
	var claim int64
	err := tx.QueryRow(`SELECT claim FROM notice_rounds WHERE account_id = $1 AND channel = $2 FOR NO KEY UPDATE`, r.accountID, string(r.by)).Scan(&claim)
	return claim == r.claim, wrap("lock a round", err)
}

// end ends a round that was sent. What came meanwhile waits for the next.
func (r *round) end(tx *db.Tx) error {
	if err := r.takeOut(tx, idsOf(r.notices), 0); err != nil {
		return err
	}
	gather, pause := mailGather, mailPause
	if r.by == Telegram {
		gather, pause = chatGather, chatPause
	}
	_, err := tx.Exec(`
		UPDATE notice_rounds SET last_at = $3, failures = 0, folded = folded - $4, not_before = $5,
			due_at = CASE WHEN EXISTS (SELECT 1 FROM notice_waiting w WHERE w.account_id = $1 AND w.channel = $2) THEN CAST($6 AS BIGINT) END
		WHERE account_id = $1 AND channel = $2`,
		r.accountID, string(r.by), db.At(tx.Now), r.folded, db.At(tx.Now.Add(gather)), db.At(tx.Now.Add(pause)))
	return wrap("end a round", err)
}

// later puts a round off after a failure, for a while or longer each time.
func (r *round) later(tx *db.Tx, pause time.Duration) error {
	pauses := []time.Duration{10 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}
	pause = max(pause, pauses[min(r.failures, int64(len(pauses)-1))])
	_, err := tx.Exec(`UPDATE notice_rounds SET failures = failures + 1, not_before = $4 WHERE account_id = $1 AND channel = $2 AND claim = $3`,
		r.accountID, string(r.by), r.claim, db.At(tx.Now.Add(pause)))
	return wrap("put a round off", err)
}

// forgetRound drops all that waits for an account on a channel, some at a time. It
// returns whether there is more.
func forgetRound(tx *db.Tx, accountID string, by Channel) (more bool, err error) {
	r := round{accountID: accountID, by: by}
	if _, err := r.holds(tx); err != nil && !errors.Is(err, db.ErrNoRows) {
		return false, err
	}
	rest, err := db.All(tx, scanID, `SELECT notice_id FROM notice_waiting WHERE account_id = $1 AND channel = $2 ORDER BY notice_id LIMIT $3`,
		accountID, string(by), foldMost)
	if err != nil {
		return false, fmt.Errorf("forget a round: %w", err)
	}
	if err := r.takeOut(tx, rest, 0); err != nil {
		return false, err
	}
	_, err = tx.Exec(`UPDATE notice_rounds SET due_at = NULL, folded = 0, failures = 0 WHERE account_id = $1 AND channel = $2`, accountID, string(by))
	return len(rest) == foldMost, wrap("forget a round", err)
}

func idsOf(all []Notice) []string {
	ids := make([]string, len(all))
	for i, n := range all {
		ids[i] = n.ID
	}
	return ids
}

const noticeColumns = `id, n.account_id, n.kind, n.subject, n.data, n.read_at, n.created_at`

func scanNotice(s db.Scanner) (n Notice, err error) {
	var data string
	if err := s.Scan(&n.ID, &n.AccountID, &n.Kind, &n.Subject, &data, db.Time(&n.ReadAt), db.Time(&n.CreatedAt)); err != nil {
		return n, err
	}
	if err := json.Unmarshal([]byte(data), &n.Data); err != nil {
		return n, fmt.Errorf("notice %s: %w", n.ID, err)
	}
	return n, nil
}

func scanID(s db.Scanner) (name string, err error) {
	err = s.Scan(&name)
	return name, err
}

// Package fulfil forwards orders to providers, follows them to their end and
// settles those of which nobody knows whether they arrived.
//
// It owns the submissions: the record that an order was sent, written before the
// call. What happens to an order it reports to package order.
package fulfil

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/order"
)

// Outcome is what is known of a submission.
type Outcome string

// The outcomes. While one is sending, unknown or accepted, the order can't have
// another submission: the database holds that.
const (
	Sending     Outcome = "sending"
	Unknown     Outcome = "unknown"
	Accepted    Outcome = "accepted"
	Refused     Outcome = "refused"
	NotSent     Outcome = "not_sent"
	NotAccepted Outcome = "not_accepted" // a person settled it so
	Dead        Outcome = "dead"         // the provider's order is certain to have ended
	Late        Outcome = "late"         // accepted after it was settled otherwise: the order may exist twice
)

// Submission is one sending of an order.
type Submission struct {
	ID         string
	OrderID    string
	ProviderID string
	Generation int64  // of the order; with its id it is the request id that a native provider gets
	Token      string // whoever holds it may store the outcome
	Outcome    Outcome
	UpstreamID string // beside an unknown outcome a hint only
	Sent       bool   // a byte of the request left
	HTTPStatus int64
	Answer     string // the beginning of what came back
	LeaseUntil time.Time
	BeganAt    time.Time
	EndedAt    time.Time // when the call was over; zero: unknown
	LastSentAt time.Time // when it was last put on record as being sent
}

const submissionColumns = `id, order_id, provider_id, generation, token, outcome, upstream_id, sent, http_status, answer, lease_until, began_at, ended_at, last_sent_at`

func scanSubmission(s db.Scanner) (*Submission, error) {
	u := &Submission{}
	err := s.Scan(&u.ID, &u.OrderID, &u.ProviderID, &u.Generation, &u.Token, &u.Outcome, db.String(&u.UpstreamID), &u.Sent, &u.HTTPStatus,
		&u.Answer, db.Time(&u.LeaseUntil), db.Time(&u.BeganAt), db.Time(&u.EndedAt), db.Time(&u.LastSentAt))
	return u, err
}

// begin records that orders are being sent, before they are.
func begin(tx *db.Tx, orders []*order.Order, lease time.Duration) ([]*Submission, error) {
	all, rows := make([]*Submission, len(orders)), make([][]any, len(orders))
	for i, o := range orders {
		u := &Submission{
			ID: id.New(id.Submission), OrderID: o.ID, ProviderID: o.ProviderID, Generation: o.Generation, Token: rand.Text(),
			Outcome: Sending, BeganAt: tx.Now, LastSentAt: tx.Now, LeaseUntil: tx.Now.Add(lease),
		}
		all[i] = u
		rows[i] = []any{u.ID, u.OrderID, u.ProviderID, o.EqualKey, o.Generation, u.Token, string(u.Outcome), db.At(u.LeaseUntil), db.At(u.BeganAt)}
	}
	err := tx.ExecMany(`
		INSERT INTO submissions (id, order_id, provider_id, equal_key, generation, token, outcome, lease_until, began_at, last_sent_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`, rows)
	if err != nil {
		return nil, fmt.Errorf("begin submissions: %w", err)
	}
	return all, nil
}

// lockSubmission locks a submission for who holds its token.
func lockSubmission(tx *db.Tx, submissionID, token string) (*Submission, error) {
	u, err := scanSubmission(tx.QueryRow(`SELECT `+submissionColumns+` FROM submissions
		WHERE id = $1 AND token = $2 FOR NO KEY UPDATE`, submissionID, token))
	if err != nil {
		return nil, fmt.Errorf("lock submission %s: %w", submissionID, err)
	}
	return u, nil
}

// openSubmission locks the submission of an order that is sending or unknown.
func openSubmission(tx *db.Tx, orderID string) (u *Submission, found bool, err error) {
	u, err = scanSubmission(tx.QueryRow(`SELECT `+submissionColumns+` FROM submissions
		WHERE order_id = $1 AND outcome IN ('sending', 'unknown') FOR NO KEY UPDATE`, orderID))
	if errors.Is(err, db.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("open submission of %s: %w", orderID, err)
	}
	return u, true, nil
}

// requestID is what a native provider knows the sending by. It stays the same for
// as long as nobody knows whether the order is there.
func (u *Submission) requestID() string { return u.OrderID + "." + strconv.FormatInt(u.Generation, 10) }

// save writes what became of a submission.
func (u *Submission) save(tx *db.Tx) error {
	_, err := tx.Exec(`
		UPDATE submissions SET outcome = $2, upstream_id = $3, sent = $4, http_status = $5, answer = $6, ended_at = $7,
			token = $8, lease_until = $9, last_sent_at = $10
		WHERE id = $1`,
		u.ID, string(u.Outcome), db.Text(u.UpstreamID), u.Sent, u.HTTPStatus, u.Answer, db.At(u.EndedAt), u.Token, db.At(u.LeaseUntil), db.At(u.LastSentAt))
	if err != nil {
		return fmt.Errorf("save submission %s: %w", u.ID, err)
	}
	return nil
}

// Submissions returns all sendings of an order, oldest first.
func Submissions(tx *db.Tx, orderID string) ([]*Submission, error) {
	return db.All(tx, scanSubmission, `SELECT `+submissionColumns+` FROM submissions WHERE order_id = $1 ORDER BY id`, orderID)
}

package provider

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

const (
	// healthSpan is how far back a provider's health looks, and healthMost at how many
	// of the newest submissions.
	healthSpan = 24 * time.Hour
	healthMost = 500
)

// Health is how a provider answered the newest submissions of a day.
type Health struct {
	Submissions int64
	Accepted    int64
	Refused     int64 // a definite no: that is an answer, not an error
	Errors      int64 // of unknown outcome, or not sent for a failure
	Half        time.Duration
	Most        time.Duration // nine of ten took no longer
}

// ErrorShare is errors of all submissions, in thousandths.
func (h Health) ErrorShare() int64 {
	if h.Submissions == 0 {
		return 0
	}
	const thousand = 1000
	return (h.Errors*thousand + h.Submissions/2) / h.Submissions
}

// Health returns how providers answered of late.
func (s *Store) Health(ctx context.Context, providerIDs []string) (map[string]Health, error) {
	all := map[string]Health{}
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		clear(all)
		for _, providerID := range providerIDs {
			h, err := healthOf(tx, providerID)
			if err != nil {
				return err
			}
			all[providerID] = h
		}
		return nil
	})
	return all, err
}

func healthOf(tx *db.Tx, providerID string) (h Health, err error) {
	var took []time.Duration
	err = tx.Each(func(r db.Scanner) error {
		var outcome string
		var began, ended time.Time
		if err := r.Scan(&outcome, db.Time(&began), db.Time(&ended)); err != nil {
			return err
		}
		switch outcome {
		case "sending":
			return nil // nobody knows yet
		case "accepted", "late":
			h.Accepted++
		case "refused", "not_accepted":
			h.Refused++
		default:
			h.Errors++
		}
		h.Submissions++
		if !ended.IsZero() {
			took = append(took, ended.Sub(began))
		}
		return nil
	}, `
		SELECT outcome, began_at, ended_at FROM submissions WHERE provider_id = $1 AND began_at > $2
		ORDER BY began_at DESC LIMIT $3`, providerID, db.At(tx.Now.Add(-healthSpan)), healthMost)
	if err != nil {
		return h, fmt.Errorf("health of %s: %w", providerID, err)
	}
	if len(took) > 0 {
		slices.Sort(took)
		h.Half, h.Most = took[len(took)/2], took[len(took)*9/10]
	}
	return h, nil
}

package webhook

import (
	"context"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// Reasons of refusals that have words of their own in each language.
const (
	TooMany      fault.Reason = "too_many_webhooks"
	TooManyTests fault.Reason = "too_many_tests"
	IsDisabled   fault.Reason = "webhook_disabled"
)

// DeliveriesIn is Deliveries of one outcome; "" is every one.
func (s *Store) DeliveriesIn(ctx context.Context, by Owner, endpointID string, only Outcome, before string, limit int) (page []Delivery, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		if _, err := find(tx, by, endpointID, ""); err != nil {
			return err
		}
		page, err = whole(tx, `d.endpoint_id = $1 AND ($2 = '' OR d.id < $2) AND ($4 = '' OR d.state = $4) ORDER BY d.id DESC LIMIT $3`,
			endpointID, before, limit, string(only))
		return err
	})
	return page, err
}

// lookAgain is how often Await looks.
const lookAgain = 50 * time.Millisecond

// Await returns a delivery as soon as it was tried more often than tries or is
// done with, or as it is after a while.
func (s *Store) Await(ctx context.Context, by Owner, deliveryID string, tries int64, most time.Duration) (d Delivery, err error) {
	end := clock.System().Add(most)
	for {
		d, err = s.Delivery(ctx, by, deliveryID)
		if err != nil || d.Tries > tries || d.State != Pending || !clock.System().Before(end) {
			return d, err
		}
		select {
		case <-ctx.Done():
			return d, nil
		case <-time.After(lookAgain):
		}
	}
}

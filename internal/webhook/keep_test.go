package webhook_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/webhook"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// A delivery that is replayed again and again keeps its latest attempts alone, with
// their numbers: its log does not grow for ever.
func TestReplaysDontFillTheLog(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		r.Status(http.StatusTeapot)
		e, _ := s.add(r, "")
		deliveryID, err := s.store.Test(context.Background(), s.by, e.ID)
		ordertest.Must(t, err)
		s.send(1)
		const replays = 24
		for n := range replays + 1 {
			if n > 0 {
				ordertest.Must(t, s.store.Replay(context.Background(), s.by, deliveryID))
			}
			s.until(e, "failed", func(all []webhook.Delivery) bool { return all[0].State == webhook.Failed && all[0].Tries == int64(n)+1 })
		}
		got := s.log(e)[0].Attempts
		if len(got) != 20 || got[0].Number != 6 || got[19].Number != 25 {
			t.Errorf("%d attempts are kept, the first is %d", len(got), got[0].Number)
		}
	})
}

// A webhook that was removed goes with the last of its log.
func TestRemovedWebhooksGo(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		kept, _ := s.add(webhooktest.New(t), "")
		gone, _ := s.add(webhooktest.New(t), "")
		sender := s.sender(1)
		s.happened(1, "order.created")
		s.all(sender.Fan)
		ordertest.Must(t, s.store.Remove(context.Background(), s.by, gone.ID, "test"))
		s.all(sender.Claim)
		_, err := sender.Purge(context.Background())
		ordertest.Must(t, err)
		if n := s.count(`SELECT COUNT(*) FROM webhook_endpoints`); n != 2 {
			t.Errorf("%d webhooks while one has a log", n)
		}
		d.AdvanceClock(webhook.Kept + time.Hour)
		s.Exec(`UPDATE webhook_deliveries SET state = 'delivered', due_at = NULL`)
		_, err = sender.Purge(context.Background())
		ordertest.Must(t, err)
		if n := s.count(`SELECT COUNT(*) FROM webhook_endpoints WHERE id = $1`, kept.ID); n != 1 || s.count(`SELECT COUNT(*) FROM webhook_endpoints`) != 1 {
			t.Error("the removed one alone should be gone")
		}
	})
}

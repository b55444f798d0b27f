package webhook_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/webhook"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// A key adds so many webhooks in an hour, also where it removes each: its owner is
// mailed of every one.
func TestAddsInAnHour(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx := context.Background()
		r := webhooktest.New(t)
		for range webhook.AddsPerHour {
			e, _ := s.add(r, "")
			ordertest.Must(t, s.store.Remove(ctx, s.by, e.ID, "test"))
		}
		_, _, err := s.store.Add(ctx, s.by, r.URL, "", "test")
		if f := fault.From(err); f.Code != fault.Conflict || f.Reason != webhook.TooManyAdds {
			t.Errorf("one more: %v", err)
		}
		d.AdvanceClock(time.Hour + time.Second)
		s.add(r, "")
	})
}

// All that failed is sent again once, however many ask at the same moment, and not
// again for a while.
func TestReplaysTakeTurns(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx := context.Background()
		r := webhooktest.New(t)
		r.Status(http.StatusInternalServerError)
		e, _ := s.add(r, "")
		since := s.now()
		s.send(1)
		_, err := s.store.Test(ctx, s.by, e.ID)
		ordertest.Must(t, err)
		s.until(e, "the ping has failed", ended(1, webhook.Failed))
		var mu sync.Mutex
		var all sync.WaitGroup
		replayed := 0
		for range 8 {
			all.Go(func() {
				n, err := s.store.ReplayFailed(ctx, s.by, e.ID, since)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					replayed += n
				} else if fault.From(err).Reason != webhook.TooManyReplays {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if replayed != 1 {
			t.Errorf("%d were sent again", replayed)
		}
		s.until(e, "the ping has failed again", func(all []webhook.Delivery) bool {
			return len(all) == 1 && all[0].Tries == 2 && all[0].State == webhook.Failed
		})
		if n, err := s.store.ReplayFailed(ctx, s.by, e.ID, since); fault.From(err).Reason != webhook.TooManyReplays {
			t.Errorf("at once: %d, %v", n, err)
		}
		d.AdvanceClock(webhook.ReplayEvery)
		if n, err := s.store.ReplayFailed(ctx, s.by, e.ID, since); err != nil || n != 1 {
			t.Errorf("later: %d, %v", n, err)
		}
	})
}

// A delivery that is under way is not sent beside itself.
func TestWhatIsUnderWayIsNotReplayed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx := context.Background()
		r := webhooktest.New(t)
		arrived, answer := make(chan struct{}, 2), make(chan struct{})
		r.Answer(func(http.ResponseWriter, *http.Request) {
			arrived <- struct{}{}
			<-answer
		})
		e, _ := s.add(r, "")
		s.send(1)
		deliveryID, err := s.store.Test(ctx, s.by, e.ID)
		ordertest.Must(t, err)
		<-arrived
		ordertest.Must(t, s.store.Replay(ctx, s.by, deliveryID))
		_, err = s.store.Test(ctx, s.by, e.ID) // sent behind it: a replay would have gone before
		ordertest.Must(t, err)
		<-arrived
		close(answer)
		s.until(e, "both are delivered", ended(2, webhook.Delivered))
		if got := len(r.All()); got != 2 {
			t.Errorf("%d arrived", got)
		}
	})
}

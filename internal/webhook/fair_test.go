package webhook_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// Endpoints at one server share its places: those with much to be told leave some
// to the one with little.
func TestABusyNeighbourLeavesPlaces(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		const busy, orders, early = 4, 400, 100 // four of four take all places of their server
		var told atomic.Int64
		some := make(chan struct{})
		for range busy {
			r := webhooktest.New(t)
			r.Answer(func(http.ResponseWriter, *http.Request) {
				if told.Add(1) == early {
					close(some)
				}
				<-time.After(20 * time.Millisecond)
			})
			s.add(r, "order.in_progress")
		}
		calm := webhooktest.New(t)
		s.by = s.key(apikey.Live)
		s.add(calm, "order.completed")
		s.happen(s.sender(1), newOrders(orders), 1, 1)
		s.send(1)
		<-some
		o := s.Place("one", "https://example.com/", 100)
		s.finished(o.ID, order.Completed, 0)
		calm.Wait(t, 1)
		if n := told.Load(); n >= busy*orders {
			t.Errorf("it was told when the others had all of their %d", busy*orders)
		}
	})
}

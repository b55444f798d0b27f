package webhook_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
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

// A delivery that its owner replays while it is being taken out for its age is sent.
func TestReplayOutlastsTheEndOfTheLog(t *testing.T) {
	t.Parallel()
	s, r, old := atTheEndOfTheLog(t)

	// The purge, which has chosen what goes, is held up until somebody has replayed it.
	s.holdUp("webhook_attempts", `EXISTS (SELECT 1 FROM webhook_deliveries WHERE state = 'pending')`)
	purged := s.purge()
	s.untilHeldUp("webhook_attempts")
	ordertest.Must(t, s.store.Replay(context.Background(), s.by, old.ID))
	ordertest.Must(t, <-purged)
	if n := s.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE id = $1 AND state = 'pending'`, old.ID); n != 1 {
		t.Fatal("what was replayed is gone")
	}
	s.send(1)
	r.Wait(t, 2)
}

// Who replays a delivery that is just being taken out is told that it is gone, and not
// that it goes again.
func TestReplayOfWhatIsBeingTakenOut(t *testing.T) {
	t.Parallel()
	s, _, old := atTheEndOfTheLog(t)
	// The purge, which has taken the delivery out, is held up until somebody waits for it.
	s.holdUp("webhook_events", `EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))`)
	purged := s.purge()
	s.untilHeldUp("webhook_events")
	if err := s.store.Replay(context.Background(), s.by, old.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("the replay: %v, want that there is no such delivery", err)
	}
	ordertest.Must(t, <-purged)
	if n := s.count(`SELECT COUNT(*) FROM webhook_deliveries`); n != 0 {
		t.Errorf("%d deliveries are left", n)
	}
}

// atTheEndOfTheLog is a delivery that is old enough to be taken out. On SQLite nobody can
// do anything about it meanwhile.
func atTheEndOfTheLog(t *testing.T) (s *scene, r *webhooktest.Receiver, old webhook.Delivery) {
	t.Helper()
	s, r = setup(t, dbtest.Open(t, db.Postgres)), webhooktest.New(t)
	e, _ := s.add(r, "")
	stop := s.send(1)
	s.Place("one", "https://example.com/", 100)
	old = s.until(e, "delivered", ended(1, webhook.Delivered))[0]
	stop()
	s.DB.AdvanceClock(webhook.Kept + time.Hour)
	return s, r, old
}

// holdUp lets who deletes from a table wait before it until something is so.
func (s *scene) holdUp(table, until string) {
	s.t.Helper()
	s.Exec(`CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN WHILE NOT ` + until + ` LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NULL; END $$`)
	s.Exec(`CREATE TRIGGER hold_up BEFORE DELETE ON ` + table + ` FOR EACH STATEMENT EXECUTE FUNCTION hold_up()`)
}

// untilHeldUp waits for who deletes from a table.
func (s *scene) untilHeldUp(table string) {
	s.t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.NewTimer(time.Minute)
	defer tick.Stop()
	defer late.Stop()
	for s.count(`SELECT COUNT(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DELETE FROM `+table+`%' AND datname = current_database()`) == 0 {
		select {
		case <-tick.C:
		case <-late.C:
			s.t.Fatal("nobody deletes from " + table)
		}
	}
}

// purge takes the log's end out meanwhile.
func (s *scene) purge() (ended chan error) {
	ended = make(chan error, 1)
	go func() {
		_, err := s.sender(1).Purge(context.Background())
		ended <- err
	}()
	return ended
}

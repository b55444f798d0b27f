package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/webhook"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// soon shortens the pauses so that the first retry comes at once.
const soon = 0.001

// Both signatures of a delivery fit its secret and no other, and each attempt is
// signed anew.
func TestDeliveriesAreSigned(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		r.Status(http.StatusInternalServerError)
		e, secret := s.add(r, "")
		s.send(soon)
		s.Place("one", "https://example.com/", 100)
		r.Wait(t, 1)
		r.Status(http.StatusNoContent)
		s.until(e, "delivered", ended(1, webhook.Delivered))
		got := r.All()
		first, last := got[0], got[len(got)-1]
		for _, g := range got {
			if err := g.Verify(secret); err != nil {
				t.Error(err)
			}
			if g.Verify(webhook.NewSecret()) == nil {
				t.Error("another secret fits")
			}
			changed := g
			changed.Body = strings.Replace(g.Body, "0.20", "0.21", 1)
			if changed.Body == g.Body || changed.Verify(secret) == nil {
				t.Error("a changed body fits")
			}
		}
		if first.Body != last.Body || first.Header.Get("Webhook-Id") != last.Header.Get("Webhook-Id") {
			t.Error("the attempts tell of two events")
		}
		delivery := s.log(e)[0]
		if first.Header.Get("X-NotPanel-Delivery") != delivery.ID+".1" || last.Header.Get("X-NotPanel-Delivery") != fmt.Sprintf("%s.%d", delivery.ID, len(got)) {
			t.Errorf("attempts %s and %s", first.Header.Get("X-NotPanel-Delivery"), last.Header.Get("X-NotPanel-Delivery"))
		}
		if first.Body != delivery.Body || len(delivery.Attempts) != len(got) {
			t.Errorf("the log has %+v", delivery)
		}
	})
}

// A delivery carries the time of the database's clock: a receiver refuses one that
// seems to be minutes old, and a node's own clock may be as far off.
func TestDeliveriesCarryTheDatabasesTime(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		const off = time.Hour
		d.AdvanceClock(off)
		r := webhooktest.New(t)
		_, secret := s.add(r, "")
		before := clock.System().Add(off - time.Second) // a second is cut to its beginning
		s.send(1)
		s.Place("one", "https://example.com/", 100)
		got := r.Wait(t, 1)[0]
		ordertest.Must(t, got.Verify(secret))
		at, err := strconv.ParseInt(got.Header.Get("Webhook-Timestamp"), 10, 64)
		ordertest.Must(t, err)
		if signed := time.Unix(at, 0); signed.Before(before) || signed.After(clock.System().Add(off)) {
			t.Errorf("signed at %s, it is %s", signed, clock.System().Add(off))
		}
	})
}

// What goes wrong has a class that says enough, and the log keeps the answer.
func TestFailuresAreLogged(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		other := webhooktest.New(t)
		for _, c := range []struct {
			name   string
			answer http.HandlerFunc
			status int
			class  string
			said   string
		}{
			{"status", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no\x00t \xff now", http.StatusTeapot) }, http.StatusTeapot, "", "no\uFFFDt \uFFFD now\n"},
			{"redirect", func(w http.ResponseWriter, q *http.Request) {
				http.Redirect(w, q, other.URL, http.StatusTemporaryRedirect)
			}, http.StatusTemporaryRedirect, "", ""},
			{"cut off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "connection broken", ""},
			{"long", func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadGateway)
				_, _ = w.Write([]byte(strings.Repeat("x", 1<<20)))
			}, http.StatusBadGateway, "", strings.Repeat("x", 4<<10)},
			{"refused", nil, 0, "connection refused", ""},
		} {
			r := webhooktest.New(t)
			if c.answer == nil {
				r.Close()
			}
			r.Answer(c.answer)
			by := s.key(apikey.Live)
			e, _, err := s.store.Add(context.Background(), by, r.URL, "", "test")
			ordertest.Must(t, err)
			_, err = s.store.Test(context.Background(), by, e.ID)
			ordertest.Must(t, err)
			stop := s.send(1)
			s.by = by
			got := s.until(e, c.name, ended(1, webhook.Failed))[0].Attempts
			if len(got) != 1 || got[0].Status != c.status || got[0].Error != c.class || !strings.HasPrefix(got[0].Answer, c.said) || len(got[0].Answer) > 4<<10 {
				t.Errorf("%s: %+v", c.name, got)
			}
			stop()
		}
		if len(other.All()) != 0 {
			t.Error("a redirect was followed")
		}
	})
}

// Of one order's events a receiver gets the next only when the one before arrived;
// other orders don't wait.
func TestAFailingEventHoldsBackItsOrderAlone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		held := s.Place("held", "https://example.com/held", 100)
		refused := make(chan struct{}, 100)
		r.Answer(func(w http.ResponseWriter, q *http.Request) {
			if all := r.All(); strings.Contains(all[len(all)-1].Body, held.ID) && q.Header.Get("X-NotPanel-Event") == "order.in_progress" {
				w.WriteHeader(http.StatusServiceUnavailable)
				refused <- struct{}{}
			}
		})
		e, _ := s.add(r, "")
		s.send(soon)
		s.finished(held.ID, order.Completed, 0)
		<-refused
		free := s.Place("free", "https://example.com/free", 100)
		s.finished(free.ID, order.Completed, 0)
		s.until(e, "the free order is told to its end", func(all []webhook.Delivery) bool {
			return slices.ContainsFunc(all, func(d webhook.Delivery) bool {
				return d.OrderID == free.ID && d.Type == "order.completed" && d.State == webhook.Delivered
			})
		})
		for _, g := range r.All() {
			if g.Event.Data["order"] == held.ID && g.Event.Type == "order.completed" {
				t.Error("the held order's end came before its beginning")
			}
		}
		r.Answer(nil)
		s.until(e, "all delivered", ended(5, webhook.Delivered))
		inOrder(t, r.All())
	})
}

// inOrder checks that of each order no event arrived after a later one, leaving
// out what came again.
func inOrder(t *testing.T, all []webhooktest.Got) {
	t.Helper()
	last, seen := map[any]int64{}, map[string]bool{}
	for _, g := range all {
		if seen[g.Event.ID] {
			continue
		}
		seen[g.Event.ID] = true
		if g.Event.Sequence < last[g.Event.Data["order"]] {
			t.Errorf("event %d of %v came after %d", g.Event.Sequence, g.Event.Data["order"], last[g.Event.Data["order"]])
		}
		last[g.Event.Data["order"]] = g.Event.Sequence
	}
}

// A delivery is tried for three days, with growing pauses, and then given up; what
// waited behind it goes then.
func TestADeliveryIsGivenUpAfterThreeDays(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		r.Answer(func(w http.ResponseWriter, q *http.Request) {
			if q.Header.Get("X-NotPanel-Event") == "order.created" {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
		e, _ := s.add(r, "")
		s.send(1)
		o := s.Place("one", "https://example.com/", 100)
		s.move(o.ID, 0, order.Canceled)
		begun := s.now()
		want := []time.Duration{0, 10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 12 * time.Hour, 12 * time.Hour, 12 * time.Hour}
		for i := range want {
			r.Wait(t, i+1)
			log := s.until(e, "the attempt is written down", func(all []webhook.Delivery) bool { return len(all) == 2 && len(all[0].Attempts) == i+1 })
			if log[0].State != webhook.Pending {
				break
			}
			pause := log[0].DueAt.Sub(s.now())
			if usual := want[min(i+1, len(want)-1)]; pause < usual*79/100-time.Minute || pause > usual*121/100 {
				t.Errorf("after attempt %d: %s, want %s ± 20 %%", i+1, pause, usual)
			}
			if !log[1].DueAt.IsZero() {
				t.Error("the later event does not wait")
			}
			d.AdvanceClock(pause + time.Second)
		}
		log := s.until(e, "given up", func(all []webhook.Delivery) bool {
			return all[0].State == webhook.Failed && all[1].State == webhook.Delivered
		})
		if took := s.now().Sub(begun); took < 48*time.Hour || took > 73*time.Hour {
			t.Errorf("given up after %s and %d attempts", took, len(log[0].Attempts))
		}
	})
}

// now is the database's time.
func (s *scene) now() (now time.Time) {
	s.t.Helper()
	s.Read(func(tx *db.Tx) error {
		now = tx.Now
		return nil
	})
	return now
}

// 410 takes the endpoint away, and with it what waited for it.
func TestGoneRemovesTheEndpoint(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		r.Status(http.StatusGone)
		s.add(r, "")
		o := s.Place("one", "https://example.com/", 100)
		s.move(o.ID, 0, order.Canceled)
		stop := s.send(1)
		r.Wait(t, 1)
		s.eventually("nothing waits", func() bool { return s.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending'`) == 0 })
		stop()
		all, _, err := s.store.List(context.Background(), s.by)
		ordertest.Must(t, err)
		if len(all) != 0 || len(r.All()) != 1 || !slices.Contains(s.notices, webhook.NoticeGone) {
			t.Errorf("%d webhooks, %d deliveries, notices %v", len(all), len(r.All()), s.notices)
		}
	})
}

// eventually waits for what other goroutines bring about.
func (s *scene) eventually(what string, is func() bool) {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(20 * time.Second); !is(); {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// After five days of nothing but failures an endpoint is disabled and its owner
// told. What happens meanwhile is kept; a test that arrives enables it, and a
// replay brings the rest.
func TestFiveDaysOfFailuresDisable(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx := context.Background()
		r := webhooktest.New(t)
		r.Status(http.StatusInternalServerError)
		e, _ := s.add(r, "")
		since := s.now()
		s.send(1)
		s.Place("first", "https://example.com/1", 100)
		s.eventually("the failures have begun", func() bool { return s.count(`SELECT COUNT(failing_since) FROM webhook_endpoints`) == 1 })
		d.AdvanceClock(4 * 24 * time.Hour)
		s.Place("second", "https://example.com/2", 100)
		s.until(e, "the second is tried", func(all []webhook.Delivery) bool { return len(all) == 2 && len(all[1].Attempts) == 1 })
		if got := s.state(e); got != webhook.Active {
			t.Errorf("after four days it is %s", got)
		}
		d.AdvanceClock(25 * time.Hour)
		s.eventually("it is disabled", func() bool { return s.state(e) == webhook.Disabled })
		if !slices.Contains(s.notices, webhook.NoticeDisabled) {
			t.Errorf("notices %v", s.notices)
		}
		s.Place("third", "https://example.com/3", 100)
		s.until(e, "all have failed", ended(3, webhook.Failed))
		seen := len(r.All())
		if _, err := s.store.ReplayFailed(ctx, s.by, e.ID, since); err == nil {
			t.Error("a replay to what is disabled is taken")
		}
		r.Answer(nil)
		_, err := s.store.Test(ctx, s.by, e.ID)
		ordertest.Must(t, err)
		s.eventually("the ping enables it", func() bool { return s.state(e) == webhook.Active })
		n, err := s.store.ReplayFailed(ctx, s.by, e.ID, since)
		if err != nil || n != 3 {
			t.Fatalf("replayed %d, %v", n, err)
		}
		s.until(e, "all delivered", ended(4, webhook.Delivered))
		var events []string
		for _, g := range r.All()[seen:] {
			events = append(events, g.Event.ID)
		}
		slices.Sort(events)
		if len(slices.Compact(events)) != 4 {
			t.Errorf("%v arrived", events)
		}
	})
}

func (s *scene) state(e *webhook.Endpoint) webhook.State {
	s.t.Helper()
	now, err := s.store.Get(context.Background(), s.by, e.ID)
	ordertest.Must(s.t, err)
	return now.State
}

// One success in between, and the five days begin anew.
func TestASuccessEndsTheFailures(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		e, _ := s.add(r, "")
		s.send(1)
		for i, status := range []int{500, 200, 500} {
			r.Status(status)
			s.Place(strconv.Itoa(i), "https://example.com/"+strconv.Itoa(i), 100)
			s.until(e, "it is tried", func(all []webhook.Delivery) bool { return len(all) == i+1 && len(all[i].Attempts) > 0 })
			if status == 200 {
				s.eventually("the failures have ended", func() bool { return s.count(`SELECT COUNT(failing_since) FROM webhook_endpoints`) == 0 })
			}
			d.AdvanceClock(4 * 24 * time.Hour)
		}
		if got := s.state(e); got != webhook.Active {
			t.Errorf("it is %s", got)
		}
	})
}

// While a rotation lasts both secrets fit; after it the new one alone.
func TestRotationOverlaps(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx := context.Background()
		r := webhooktest.New(t)
		e, before := s.add(r, "")
		_, after, err := s.store.Rotate(ctx, s.by, e.ID, time.Hour, "test")
		ordertest.Must(t, err)
		check := func(what string, signatures int, fit map[string]bool) {
			t.Helper()
			stop := s.send(1)
			defer stop()
			_, err := s.store.Test(ctx, s.by, e.ID)
			ordertest.Must(t, err)
			got := r.Wait(t, 1)
			g := got[len(got)-1]
			if g.Signatures() != signatures {
				t.Errorf("%s: %d signatures", what, g.Signatures())
			}
			for secret, want := range fit {
				if fits := g.Verify(secret) == nil; fits != want {
					t.Errorf("%s: a secret fits: %t", what, fits)
				}
			}
		}
		check("within the overlap", 2, map[string]bool{before: true, after: true})
		d.AdvanceClock(time.Hour)
		r = s.moved(e)
		check("after it", 1, map[string]bool{before: false, after: true})
		_, last, err := s.store.Rotate(ctx, s.by, e.ID, 0, "test")
		ordertest.Must(t, err)
		r = s.moved(e)
		check("without one", 1, map[string]bool{after: false, last: true})
	})
}

// The first delivery after a rotation has the new secret, whatever was sent just
// before.
func TestARotationHoldsAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx := context.Background()
		r := webhooktest.New(t)
		r.Status(http.StatusInternalServerError) // whose lane is remembered
		e, _ := s.add(r, "")
		s.send(1)
		for i := range 5 {
			_, secret, err := s.store.Rotate(ctx, s.by, e.ID, 0, "test")
			ordertest.Must(t, err)
			_, err = s.store.Test(ctx, s.by, e.ID)
			ordertest.Must(t, err)
			if err := r.Wait(t, i+1)[i].Verify(secret); err != nil {
				t.Errorf("rotation %d: %v", i, err)
			}
		}
	})
}

// moved gives an endpoint a fresh receiver.
func (s *scene) moved(e *webhook.Endpoint) *webhooktest.Receiver {
	s.t.Helper()
	r := webhooktest.New(s.t)
	s.Write(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE webhook_endpoints SET url = $2 WHERE id = $1`, e.ID, r.URL)
		return err
	})
	return r
}

// What another node took and did not send, for it was killed, is sent when its
// lease has run out; until then nobody else sends it.
func TestWhatADeadNodeTookIsSentAfterItsLease(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx := context.Background()
		r := webhooktest.New(t)
		hang := make(chan struct{})
		r.Answer(func(http.ResponseWriter, *http.Request) { <-hang })
		e, _ := s.add(r, "")
		s.Place("one", "https://example.com/", 100)
		dead := s.sender(1)
		_, err := dead.Fan(ctx)
		ordertest.Must(t, err)
		taken, err := dead.Claim(ctx)
		if err != nil || taken != 1 {
			t.Fatalf("taken %d, %v", taken, err)
		}
		r.Wait(t, 1) // and no answer, nor anybody to write it down
		if again, err := s.sender(1).Claim(ctx); err != nil || again != 0 {
			t.Errorf("another node took %d, %v", again, err)
		}
		d.AdvanceClock(time.Minute)
		alive := webhooktest.New(t)
		s.Write(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE webhook_endpoints SET url = $2 WHERE id = $1`, e.ID, alive.URL)
			return err
		})
		s.send(1)
		alive.Wait(t, 1)
		s.until(e, "delivered", ended(1, webhook.Delivered))
		close(hang)
	})
}

// Several nodes send each event once and in order.
func TestSeveralNodesShareTheWork(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		e, _ := s.add(r, "")
		for range 3 {
			s.send(1)
		}
		const orders = 40
		for i := range orders {
			o := s.Place(strconv.Itoa(i), fmt.Sprint("https://example.com/", i), 100)
			s.finished(o.ID, order.Completed, 0)
		}
		s.until(e, "all delivered", ended(3*orders, webhook.Delivered))
		got := r.All()
		if len(got) != 3*orders {
			t.Errorf("%d arrived, want %d", len(got), 3*orders)
		}
		inOrder(t, got)
	})
}

// A stop waits for what is under way and writes it down: nothing comes twice.
func TestAStopLosesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		e, _ := s.add(r, "")
		begun, goOn := make(chan struct{}, 100), make(chan struct{})
		r.Answer(func(http.ResponseWriter, *http.Request) {
			begun <- struct{}{}
			<-goOn
		})
		stop := s.send(1)
		s.Place("one", "https://example.com/", 100)
		<-begun
		stopped := make(chan struct{})
		go func() {
			stop()
			close(stopped)
		}()
		close(goOn)
		<-stopped
		if log := s.log(e); len(log) != 1 || log[0].State != webhook.Delivered {
			t.Errorf("the log is %+v", log)
		}
		d.AdvanceClock(time.Hour)
		s.send(1)
		s.Place("two", "https://example.com/2", 100)
		s.until(e, "both delivered", ended(2, webhook.Delivered))
		if n := len(r.All()); n != 2 {
			t.Errorf("%d arrived", n)
		}
	})
}

// A receiver that takes for ever holds its own places and no others.
func TestASlowReceiverDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		stuck, well := webhooktest.New(t), webhooktest.New(t)
		hang := make(chan struct{})
		defer close(hang)
		stuck.Answer(func(http.ResponseWriter, *http.Request) { <-hang })
		s.add(stuck, "order.created")
		e, _ := s.add(well, "order.created")
		s.send(1)
		const orders = 60
		for i := range orders {
			s.Place(strconv.Itoa(i), fmt.Sprint("https://example.com/", i), 100)
		}
		s.until(e, "the other has all of its own", ended(orders, webhook.Delivered))
		if n := len(stuck.All()); n > 4 {
			t.Errorf("%d are under way to the slow one", n)
		}
	})
}

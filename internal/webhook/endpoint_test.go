package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/webhook"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// Of many that are added at once to a key that has four, one wins.
func TestTheFifthIsTheLast(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		for range webhook.MaxPerKey - 1 {
			s.add(r, "")
		}
		var wg sync.WaitGroup
		errs := make([]error, 10)
		for i := range errs {
			wg.Go(func() {
				_, _, errs[i] = s.store.Add(context.Background(), s.by, fmt.Sprint(r.URL, i), "", "test")
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !fault.Is(err, fault.Conflict) {
				t.Error(err)
			}
		}
		if n := s.count(`SELECT COUNT(*) FROM webhook_endpoints`); won != 1 || n != webhook.MaxPerKey {
			t.Errorf("%d won, there are %d", won, n)
		}
	})
}

// A key that was revoked or has expired takes its webhooks with it: nothing more is
// sent, and none can be added or rotated.
func TestWebhooksGoWithTheirKey(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx := context.Background()
		for name, end := range map[string]func(webhook.Owner){
			"revoked": func(by webhook.Owner) {
				_, err := s.keys.Revoke(ctx, by.KeyID, "test")
				ordertest.Must(t, err)
			},
			"expired": func(by webhook.Owner) {
				s.Write(func(tx *db.Tx) error {
					_, err := tx.Exec(`UPDATE api_keys SET expires_at = $2 WHERE id = $1`, by.KeyID, db.At(tx.Now))
					return err
				})
			},
		} {
			r := webhooktest.New(t)
			s.by = s.key(apikey.Live)
			e, _ := s.add(r, "")
			stop := s.send(1)
			s.Place(name+"-before", "https://example.com/"+name, 100)
			r.Wait(t, 1)
			end(s.by)
			if _, _, err := s.store.Rotate(ctx, s.by, e.ID, 0, "test"); err == nil {
				t.Errorf("%s: rotated", name)
			}
			if _, _, err := s.store.Add(ctx, s.by, r.URL, "", "test"); !fault.Is(err, fault.Unauthorized) {
				t.Errorf("%s: added, %v", name, err)
			}
			stop()
			stop = s.send(1) // its first pass ends those of expired keys
			s.eventually(name+": removed", func() bool {
				return s.count(`SELECT COUNT(*) FROM webhook_endpoints WHERE id = $1 AND state = 'removed' AND reason = 'revoked'`, e.ID) == 1
			})
			s.Place(name+"-after", "https://example.com/"+name+"/2", 100)
			s.eventually(name+": nothing waits", s.idle)
			stop()
			if n := len(r.All()); n != 1 {
				t.Errorf("%s: %d arrived", name, n)
			}
		}
	})
}

// What was disabled by its owner is told nothing, keeps what it missed, and gets
// all of that by a replay.
func TestDisabledByItsOwner(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx := context.Background()
		r := webhooktest.New(t)
		e, _ := s.add(r, "")
		since := s.now()
		ordertest.Must(t, s.store.Disable(ctx, s.by, e.ID, "test"))
		s.send(1)
		const orders = 450 // more than one transaction replays
		for i := range orders {
			s.Place(strconv.Itoa(i), fmt.Sprint("https://example.com/", i), 10)
		}
		s.until(e, "all are kept", ended(orders, webhook.Failed))
		_, err := s.store.Test(ctx, s.by, e.ID)
		ordertest.Must(t, err)
		s.until(e, "the ping arrives", func(all []webhook.Delivery) bool { return all[len(all)-1].State == webhook.Delivered })
		if got := s.state(e); got != webhook.Disabled {
			t.Errorf("a ping has made it %s", got)
		}
		ordertest.Must(t, s.store.Enable(ctx, s.by, e.ID, "test"))
		n, err := s.store.ReplayFailed(ctx, s.by, e.ID, since)
		if err != nil || n != orders {
			t.Fatalf("replayed %d, %v", n, err)
		}
		s.until(e, "all delivered", ended(orders+1, webhook.Delivered))
		if n := len(r.All()); n != orders+1 {
			t.Errorf("%d arrived", n)
		}
	})
}

// One delivery is sent again with the same event, and its attempts are numbered on.
func TestReplayOfOne(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		e, _ := s.add(r, "")
		s.send(1)
		s.Place("one", "https://example.com/", 100)
		first := s.until(e, "delivered", ended(1, webhook.Delivered))[0]
		ordertest.Must(t, s.store.Replay(context.Background(), s.by, first.ID))
		got := r.Wait(t, 2)
		if got[0].Body != got[1].Body || got[1].Header.Get("X-NotPanel-Delivery") != first.ID+".2" {
			t.Errorf("again: %v %s", got[1].Header, got[1].Body)
		}
		again := s.until(e, "delivered", ended(1, webhook.Delivered))[0]
		if len(again.Attempts) != 2 || again.Attempts[1].Number != 2 {
			t.Errorf("attempts %+v", again.Attempts)
		}
	})
}

// Nobody reaches another account's webhooks or those of another key, whatever they
// know of them.
func TestWebhooksAreTheirKeysAlone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx := context.Background()
		r := webhooktest.New(t)
		e, _ := s.add(r, "")
		delivery, err := s.store.Test(ctx, s.by, e.ID)
		ordertest.Must(t, err)
		mine := s.by
		foreign := s.Buyer
		s.Buyer = s.NewBuyer(0)
		theirs := s.key(apikey.Live)
		s.Buyer = foreign
		for name, by := range map[string]webhook.Owner{
			"another key": s.key(apikey.Live), "another account": theirs, "another account as a person": {AccountID: theirs.AccountID},
			"the key under another account": {AccountID: theirs.AccountID, KeyID: mine.KeyID},
		} {
			_, getErr := s.store.Get(ctx, by, e.ID)
			_, _, rotateErr := s.store.Rotate(ctx, by, e.ID, 0, "test")
			_, testErr := s.store.Test(ctx, by, e.ID)
			_, logErr := s.store.Deliveries(ctx, by, e.ID, "", 10)
			_, oneErr := s.store.Delivery(ctx, by, delivery)
			_, failedErr := s.store.ReplayFailed(ctx, by, e.ID, time.Time{})
			for what, err := range map[string]error{
				"get": getErr, "rotate": rotateErr, "test": testErr, "log": logErr, "delivery": oneErr, "replay of failed": failedErr,
				"replay":  s.store.Replay(ctx, by, delivery),
				"remove":  s.store.Remove(ctx, by, e.ID, "test"),
				"disable": s.store.Disable(ctx, by, e.ID, "test"),
				"enable":  s.store.Enable(ctx, by, e.ID, "test"),
				"choose":  s.store.Choose(ctx, by, e.ID, "", "test"),
			} {
				if !fault.Is(err, fault.NotFound) {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			}
			if all, _, err := s.store.List(ctx, by); err != nil || len(all) != 0 {
				t.Errorf("%s: lists %d, %v", name, len(all), err)
			}
		}
		person := webhook.Owner{AccountID: mine.AccountID}
		if all, latest, err := s.store.List(ctx, person); err != nil || len(all) != 1 || latest[e.ID].ID != delivery {
			t.Errorf("the account's owner sees %d, %v, %v", len(all), latest, err)
		}
	})
}

// A secret stands nowhere in the database in clear.
func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		e, first := s.add(r, "")
		_, second, err := s.store.Rotate(context.Background(), s.by, e.ID, time.Hour, "test")
		ordertest.Must(t, err)
		s.Read(func(tx *db.Tx) error {
			var stored, before string
			if err := tx.QueryRow(`SELECT secret, previous_secret FROM webhook_endpoints WHERE id = $1`, e.ID).Scan(&stored, &before); err != nil {
				return err
			}
			for _, value := range []string{first, second} {
				raw := strings.TrimPrefix(value, "whsec_")
				if strings.Contains(stored+before, raw) || strings.Contains(stored+before, raw[:20]) {
					t.Error("a secret is stored in clear")
				}
			}
			// Nor does a sealed one open in another place.
			for _, place := range [][2]string{{"previous_secret", e.ID}, {"secret", "whk_other"}} {
				if _, err := s.Ring.Open(stored, "webhook_endpoints", place[0], place[1]); err == nil {
					t.Errorf("the secret opens as %v", place)
				}
			}
			return nil
		})
	})
}

// What is old goes, with its attempts; what waits stays.
func TestThePurgeTakesWhatIsOld(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx := context.Background()
		r := webhooktest.New(t)
		e, _ := s.add(r, "")
		stop := s.send(1)
		s.Place("old", "https://example.com/old", 100)
		s.until(e, "delivered", ended(1, webhook.Delivered))
		stop()
		s.Place("waits", "https://example.com/waits", 100)
		sender := s.sender(1)
		_, err := sender.Fan(ctx)
		ordertest.Must(t, err)
		d.AdvanceClock(webhook.Kept - time.Hour)
		if n, err := sender.Purge(ctx); err != nil || n != 0 {
			t.Errorf("purged %d, %v", n, err)
		}
		d.AdvanceClock(2 * time.Hour)
		if n, err := sender.Purge(ctx); err != nil || n != 1 {
			t.Errorf("purged %d, %v", n, err)
		}
		if left := s.log(e); len(left) != 1 || left[0].State != webhook.Pending {
			t.Errorf("left is %+v", left)
		}
		for table, want := range map[string]int64{"webhook_events": 1, "webhook_deliveries": 1, "webhook_attempts": 0} {
			if n := s.count(`SELECT COUNT(*) FROM ` + table); n != want {
				t.Errorf("%s has %d rows, want %d", table, n, want)
			}
		}
	})
}

// Lists of events are read as they are written, and shown in one order.
func TestParseEvents(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]event.Type{
		"":                                event.Usual(),
		"  ":                              event.Usual(),
		"ping":                            nil,
		"order.created":                   {event.OrderCreated},
		"order.completed, order.created ": {event.OrderCreated, event.OrderCompleted},
		"order.created,order.created":     {event.OrderCreated},
		"order.created,,":                 nil,
		"service.changed":                 {event.ServiceChanged},
		"Order.Created":                   nil,
	} {
		got, err := webhook.ParseEvents(list)
		if want == nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v, %v", list, got, err)
			}
			continue
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", list, got, err)
		}
	}
}

// What was taken for a webhook when its key is revoked is not sent any more.
func TestNothingIsSentAfterItsKeyWasRevoked(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		e, _ := s.add(r, "")
		under, release := make(chan struct{}, 100), make(chan struct{})
		r.Answer(func(http.ResponseWriter, *http.Request) {
			under <- struct{}{}
			<-release
		})
		s.happened(20, "order.created")
		s.send(1)
		const places = 4
		for range places {
			<-under
		}
		_, err := s.keys.Revoke(context.Background(), e.KeyID, "test")
		ordertest.Must(t, err)
		close(release)
		s.eventually("nothing is under way", s.idle)
		if n := len(r.All()); n != places {
			t.Errorf("%d arrived, want the %d that were under way", n, places)
		}
	})
}

// Tests are counted over all webhooks of an account, also when they come at once.
func TestTestsAtOnceAreCounted(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		var tests []func() error
		for range 4 {
			by := s.key(apikey.Live)
			for range webhook.MaxPerKey {
				e, _, err := s.store.Add(context.Background(), by, r.URL, "", "test")
				ordertest.Must(t, err)
				tests = append(tests, func() error {
					_, err := s.store.Test(context.Background(), by, e.ID)
					return err
				})
			}
		}
		var sent atomic.Int64
		var calls sync.WaitGroup
		for _, test := range tests {
			calls.Go(func() {
				switch err := test(); {
				case err == nil:
					sent.Add(1)
				case !fault.Is(err, fault.Conflict):
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if sent.Load() != webhook.TestsPerMin {
			t.Errorf("%d tests of %d were sent within a minute", sent.Load(), webhook.TestsPerMin)
		}
	})
}

// All that ever failed is sent again, however long ago "since" is.
func TestReplaySinceEver(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		e, _ := s.add(webhooktest.New(t), "")
		for i, since := range []string{"0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"} {
			if i == 0 {
				s.happened(1, "order.created")
				s.all(s.sender(1).Fan)
			}
			s.Exec(`UPDATE webhook_deliveries SET state = 'failed', finished_at = created_at, due_at = NULL`)
			from, err := time.Parse(time.RFC3339, since)
			ordertest.Must(t, err)
			want := 1
			if from.After(time.Now()) {
				want = 0
			}
			if n, err := s.store.ReplayFailed(context.Background(), s.by, e.ID, from); n != want || err != nil {
				t.Errorf("since %s: %d, %v", since, n, err)
			}
		}
	})
}

// Who may add no webhook lets no name be looked up either.
func TestWhoMayAddNoneLooksNothingUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		looked := 0
		s.store.CheckURL = func(_ context.Context, raw string) (string, error) {
			looked++
			return raw, nil
		}
		for n := range webhook.MaxPerKey + 1 {
			_, _, err := s.store.Add(context.Background(), s.by, "https://receiver.example/", "", "test")
			if full := n == webhook.MaxPerKey; fault.Is(err, fault.Conflict) != full || !full && err != nil {
				t.Errorf("webhook %d: %v", n+1, err)
			}
		}
		s.Exec(`UPDATE accounts SET email_verified_at = NULL`)
		if _, _, err := s.store.Add(context.Background(), s.key(apikey.Live), "https://receiver.example/", "", "test"); !fault.Is(err, fault.Forbidden) {
			t.Errorf("without a confirmed address: %v", err)
		}
		if looked != webhook.MaxPerKey {
			t.Errorf("%d addresses were looked at, want %d", looked, webhook.MaxPerKey)
		}
	})
}

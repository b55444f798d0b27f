package webhook_test

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/webhook"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
	"github.com/notpanel/notpanel/internal/worker"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// scene is a panel with a customer, their key and a store of webhooks that may lead
// to this machine.
type scene struct {
	*ordertest.Fixture

	t       *testing.T
	keys    *apikey.Store
	store   *webhook.Store
	guard   *outbound.Guard
	by      webhook.Owner
	notices []webhook.Notice
}

func setup(t *testing.T, d *db.DB) *scene {
	t.Helper()
	f := ordertest.New(t, d, "https://provider.example/api/v2", 100*money.Unit)
	s := &scene{
		Fixture: f, t: t, keys: apikey.NewStore(d, f.Ring), store: webhook.NewStore(d, f.Ring),
		guard: outbound.NewCustomerDev([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}),
	}
	s.store.CheckURL = s.guard.CheckURL
	s.store.Tell = func(_ *db.Tx, n webhook.Notice, _ *webhook.Endpoint) error {
		s.notices = append(s.notices, n)
		return nil
	}
	s.keys.Ended = webhook.KeyRevoked
	s.by = s.key(apikey.Live)
	return s
}

// key makes a key of the customer's.
func (s *scene) key(mode apikey.Mode) webhook.Owner {
	s.t.Helper()
	_, k, err := s.keys.Issue(context.Background(), apikey.NewKey{AccountID: s.Buyer.AccountID, Mode: mode, Dialect: apikey.Native}, "test")
	ordertest.Must(s.t, err)
	return webhook.Owner{AccountID: k.AccountID, KeyID: k.ID}
}

// add registers a receiver for the customer's key.
func (s *scene) add(r *webhooktest.Receiver, events string) (*webhook.Endpoint, string) {
	s.t.Helper()
	e, secret, err := s.store.Add(context.Background(), s.by, r.URL, events, "test")
	ordertest.Must(s.t, err)
	return e, secret
}

// sender returns one that is not running.
func (s *scene) sender(backoff float64) *webhook.Sender {
	return webhook.NewSender(webhook.SenderOptions{
		DB: s.DB, Store: s.store, Client: s.guard.DeliveryClient(), Backoff: backoff, Log: slog.New(slog.DiscardHandler),
	})
}

// send runs a sender until stop or the test's end.
func (s *scene) send(backoff float64) (stop func()) {
	s.t.Helper()
	g := worker.NewGroup(slog.New(slog.DiscardHandler), clock.System)
	sender := s.sender(backoff)
	sender.Run(g)
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			g.Stop()
			sender.Drain()
		}
	}
	s.t.Cleanup(stop)
	return stop
}

// move takes an order along a path of states.
func (s *scene) move(orderID string, remains int64, path ...order.State) {
	s.t.Helper()
	for _, to := range path {
		s.Write(func(tx *db.Tx) error {
			o, book, err := order.Lock(tx, orderID)
			if err != nil {
				return err
			}
			if to == order.InProgress || to.Final() {
				o.StartCount, o.Remains = new(int64(1234)), &remains
			}
			return order.Transition(tx, book, o, order.Change{To: to, Actor: "panel", Reason: "test"})
		})
	}
}

// finished takes a new order to its end.
func (s *scene) finished(orderID string, end order.State, remains int64) {
	s.t.Helper()
	s.move(orderID, remains, order.Submitting, order.Processing, order.InProgress, end)
}

// log returns an endpoint's deliveries, the oldest first.
func (s *scene) log(e *webhook.Endpoint) (all []webhook.Delivery) {
	s.t.Helper()
	found, err := s.store.Deliveries(context.Background(), s.by, e.ID, "", 1000)
	ordertest.Must(s.t, err)
	for i := range found {
		all = append(all, found[len(found)-1-i])
	}
	return all
}

// until waits for the log of an endpoint to be as it should.
func (s *scene) until(e *webhook.Endpoint, what string, is func([]webhook.Delivery) bool) []webhook.Delivery {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(20 * time.Second); ; {
		all := s.log(e)
		if is(all) {
			return all
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("%s: not within 20 s; the log is %+v", what, all)
		}
	}
}

// ended reports that n deliveries have the outcome and none waits.
func ended(n int, outcome webhook.Outcome) func([]webhook.Delivery) bool {
	return func(all []webhook.Delivery) bool {
		found := 0
		for _, d := range all {
			if d.State == webhook.Pending {
				return false
			}
			if d.State == outcome {
				found++
			}
		}
		return found == n
	}
}

// count is the result of a query for one number.
func (s *scene) count(query string, args ...any) (n int64) {
	s.t.Helper()
	s.Read(func(tx *db.Tx) error { return tx.QueryRow(query, args...).Scan(&n) })
	return n
}

// idle reports that nothing waits to be told.
func (s *scene) idle() bool {
	s.t.Helper()
	return s.count(`SELECT COUNT(*) FROM webhook_events WHERE fanned_at IS NULL`)+s.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending'`) == 0
}

// audit proves that what was told did no harm to what was booked.
func (s *scene) audit() {
	s.t.Helper()
	differs := func(text string) { s.t.Errorf("audit: %s", text) }
	_, err := ledger.Audit(context.Background(), s.DB, differs)
	ordertest.Must(s.t, err)
	_, err = order.Audit(context.Background(), s.DB, differs)
	ordertest.Must(s.t, err)
}

// types are the types of what arrived.
func types(all []webhooktest.Got) (names []string) {
	for _, g := range all {
		names = append(names, g.Event.Type)
	}
	return names
}

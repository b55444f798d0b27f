package fulfil_test

import (
	"context"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/provider/simulator"
)

// stage is a panel's forwarding half beside a simulated provider, both on a clock
// that the test moves.
type stage struct {
	*ordertest.Fixture

	d         *db.DB
	sim       *simulator.Simulator
	forwarder *fulfil.Forwarder
	follower  *fulfil.Follower
	actor     *fulfil.Actor
	ahead     atomic.Int64 // how far the test has moved the clocks
}

const (
	classicKey = "a-classic-key-of-the-simulator"
	nativeKey  = "a-native-key-of-the-simulator"
)

func newStage(t *testing.T, d *db.DB, kind provider.Kind) *stage {
	t.Helper()
	k := &stage{d: d}
	var err error
	k.sim, err = simulator.New(simulator.Options{
		Key: classicKey, NativeKey: nativeKey, Pace: time.Minute,
		Clock: func() time.Time { return time.Now().Add(time.Duration(k.ahead.Load())) },
	})
	ordertest.Must(t, err)
	server := httptest.NewServer(k.sim)
	t.Cleanup(func() {
		_ = k.sim.Close()
		server.Close()
	})
	k.Fixture = ordertest.New(t, d, server.URL+"/api/v2", 1000*money.Unit)
	key := classicKey
	if kind == provider.Native {
		key = nativeKey
		k.Exec(`UPDATE providers SET kind = 'native'`)
	}
	ordertest.Must(t, k.Providers.SetAddress(context.Background(), k.Provider.ID, server.URL+"/api/v2", key, "test"))
	k.Exec(`UPDATE sources SET cost = 350000`) // what the simulator takes for its service 101
	k.Exec(`UPDATE services SET cancel = TRUE, refill = TRUE, dripfeed = TRUE`)
	options := node(t, d, k.Fixture)
	options.Timeout = 300 * time.Millisecond
	k.forwarder, k.follower, k.actor = fulfil.NewForwarder(options), fulfil.NewFollower(options), fulfil.NewActor(options)
	return k
}

// pass lets every loop look once, and then moves the clocks.
func (k *stage) pass(by time.Duration) {
	k.T.Helper()
	ctx := context.Background()
	for _, loop := range []func(context.Context) (int, error){
		func(ctx context.Context) (int, error) { return order.Feed(ctx, k.d, func() {}) },
		func(ctx context.Context) (int, error) { return order.Unqueue(ctx, k.d) },
		k.forwarder.Pass, k.forwarder.Again, k.actor.Cancels, k.actor.Refills, k.follower.Pass,
	} {
		_, err := loop(ctx)
		ordertest.Must(k.T, err)
		if !k.forwarder.Drain() || !k.follower.Drain() || !k.actor.Drain() {
			k.T.Fatal("calls did not end")
		}
	}
	k.d.AdvanceClock(by)
	k.ahead.Add(int64(by))
}

// play lets all loops look again and again until done says so, for an hour at most.
func (k *stage) play(done func() bool) {
	k.T.Helper()
	for range 240 {
		if done() {
			return
		}
		k.pass(15 * time.Second)
	}
	var open []string
	k.Read(func(tx *db.Tx) error {
		return tx.Each(func(s db.Scanner) error {
			var link, state, attention string
			err := s.Scan(&link, &state, &attention)
			open = append(open, link+" "+state+" "+attention)
			return err
		}, `SELECT link, state, attention FROM orders WHERE finished_at IS NULL`)
	})
	k.T.Fatalf("after an hour these have not ended: %s", strings.Join(open, "; "))
}

// ended reports whether all orders have.
func (k *stage) ended() bool {
	return k.Count(`SELECT COUNT(*) FROM orders WHERE finished_at IS NULL`) == 0
}

// sim places an order that asks the simulator for an outcome.
func (k *stage) order(word string) *order.Order {
	k.T.Helper()
	n := k.Count(`SELECT COUNT(*) FROM orders`)
	return k.Place("r"+strconv.FormatInt(n, 10), "https://example.com/"+strconv.FormatInt(n, 10)+"#sim="+word, 1000)
}

// t returns the test itself.
func (k *stage) t() *testing.T {
	t, ok := k.T.(*testing.T)
	if !ok {
		k.T.Fatal("the fixture's test is none")
	}
	return t
}

// trail is an order's timeline, for a test that fails.
func (k *stage) trail(o *order.Order) string {
	k.T.Helper()
	var all strings.Builder
	k.Read(func(tx *db.Tx) error {
		steps, err := order.Timeline(tx, o.ID)
		for _, s := range steps {
			all.WriteString("\n" + s.At.Format(time.TimeOnly) + " " + string(s.To) + ": " + s.Reason)
		}
		return err
	})
	return all.String()
}

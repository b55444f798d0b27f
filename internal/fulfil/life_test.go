package fulfil_test

import (
	"context"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/provider"
)

// At a native provider no order stays uncertain, whatever became of its answer:
// each is there once and is paid for once.
func TestNativeProviderSettlesWhatIsUncertain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newStage(t, d, provider.Native)
		words := []string{
			"timeout-accepted", "timeout-lost", "timeout-lost:2", "500-accepted", "500-json-accepted", "garbage", "drop-body",
			"empty", "no-id", "redirect", "timeout-accepted,partial:40", "http:502", "complete",
		}
		var all []*order.Order
		for _, word := range words {
			if word == "http:502" {
				continue // never accepted, however often: see the test of what stays open
			}
			all = append(all, k.order(word))
		}
		k.play(k.ended)
		for i, o := range all {
			now := k.Order(o.ID)
			want, refunded := order.Completed, money.Amount(0)
			if now.Link[len(now.Link)-3:] == ":40" {
				want, refunded = order.Partial, 1_200_000
			}
			if now.State != want || now.Refunded != refunded || now.Attention != "" {
				t.Errorf("%s: %s with %s refunded, attention %q", all[i].Link, now.State, now.Refunded, now.Attention)
			}
		}
		seen := map[string]int{}
		for _, held := range k.sim.Orders() {
			seen[held.Link]++
		}
		for _, o := range all {
			if seen[o.Link] != 1 {
				t.Errorf("the provider has %s %d times", o.Link, seen[o.Link])
			}
		}
		k.Audit()
	})
}

// A customer who cancels an order whose outcome is unknown at a native provider
// pays for it only if it was there: it is looked up, never sent again.
func TestNativeLookUpForACancelWish(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newStage(t, d, provider.Native)
		there, lost := k.order("timeout-accepted"), k.order("timeout-lost")
		k.forwarderPass()
		for _, o := range []*order.Order{there, lost} {
			if now := k.Order(o.ID); now.State != order.Uncertain {
				t.Fatalf("%s is %s", o.Link, now.State)
			}
			_, err := order.NewCanceller(d, nil).Cancel(context.Background(), k.Buyer.Scope, order.Ref(o.ID), "key_test")
			ordertest.Must(t, err)
		}
		k.pass(30 * time.Second)
		if now := k.Order(lost.ID); now.State != order.Uncertain {
			t.Errorf("not found counts after %s already: %s", 30*time.Second, now.State)
		}
		k.play(k.ended)
		for _, o := range []*order.Order{there, lost} {
			if now := k.Order(o.ID); now.State != order.Canceled {
				t.Errorf("%s is %s%s", o.Link, now.State, k.trail(o))
			}
		}
		if n := len(k.sim.Orders()); n != 1 {
			t.Errorf("the provider has %d orders, want the one that it took", n)
		}
		var subs []*fulfil.Submission
		k.Read(func(tx *db.Tx) (err error) {
			subs, err = fulfil.Submissions(tx, there.ID)
			return err
		})
		if now := k.Order(there.ID); len(subs) != 1 || subs[0].Outcome != fulfil.Accepted || subs[0].UpstreamID == "" || subs[0].UpstreamID != now.UpstreamID {
			t.Errorf("it is there as %q, and its sending on record as %+v", now.UpstreamID, subs)
		}
		if got := k.Balance(k.Buyer.WalletID); got < 998*money.Unit {
			t.Errorf("balance %s", got)
		}
		k.Audit()
	})
}

func (k *stage) forwarderPass() {
	k.T.Helper()
	for range 4 { // after an unknown outcome one order goes at a time
		_, err := k.forwarder.Pass(context.Background())
		ordertest.Must(k.T, err)
		k.forwarder.Drain()
	}
}

// A running order is canceled at its provider: what was delivered is paid, a refusal
// lets it go on and can be read, and an order that completes all the same is paid.
func TestCancelOfARunningOrder(t *testing.T) {
	t.Parallel()
	for _, kind := range []provider.Kind{provider.Classic, provider.Native} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				k := newStage(t, d, kind)
				canceled, refused, later := k.order("complete"), k.order("cancel-refuse"), k.order("cancel-later")
				k.pass(15 * time.Second)
				k.pass(15 * time.Second)
				for _, o := range []*order.Order{canceled, refused, later} {
					for range 2 {
						_, err := order.NewCanceller(d, nil).Cancel(context.Background(), k.Buyer.Scope, order.Ref(o.ID), "key_test")
						ordertest.Must(t, err)
					}
				}
				k.pass(time.Second)
				if now := k.Order(refused.ID); now.CancelState != order.CancelRefused || !now.CancelWishAt.IsZero() || now.State.Final() {
					t.Errorf("refused: %s, wish %q", now.State, now.CancelState)
				}
				k.play(k.ended)
				if now := k.Order(canceled.ID); now.State != order.Canceled || now.Paid() == 0 || now.Paid() >= 2*money.Unit {
					t.Errorf("canceled: %s, paid %s of 2.00", now.State, now.Paid())
				}
				for _, o := range []*order.Order{refused, later} {
					if now := k.Order(o.ID); now.State != order.Completed || now.Refunded != 0 {
						t.Errorf("%s: %s, %s refunded", o.Link, now.State, now.Refunded)
					}
				}
				k.Audit()
			})
		})
	}
}

// A refill is asked for once, followed to its end, and refused with a reason.
func TestRefillsAreForwardedAndFollowed(t *testing.T) {
	t.Parallel()
	for _, kind := range []provider.Kind{provider.Classic, provider.Native} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				k := newStage(t, d, kind)
				// The simulator refills its service 106.
				k.Exec(`UPDATE sources SET provider_service = '` + refillable(k) + `'`)
				orders := map[string]*order.Order{}
				for _, word := range []string{"complete", "refill-reject", "refill-refuse", "refill-number"} {
					orders[word] = k.order(word)
				}
				k.play(k.ended)
				refiller, ctx := order.NewRefiller(d, nil), context.Background()
				for _, o := range orders {
					_, err := refiller.Request(ctx, k.Buyer.Scope, order.Ref(o.ID), "key_test")
					ordertest.Must(t, err)
				}
				k.play(func() bool { return k.Count(`SELECT COUNT(*) FROM refills WHERE finished_at IS NULL`) == 0 })
				for word, o := range orders {
					r, err := refiller.ByOrder(ctx, k.Buyer.Scope, order.Ref(o.ID))
					ordertest.Must(t, err)
					want := order.RefillCompleted
					if word == "refill-reject" || word == "refill-refuse" {
						want = order.RefillRejected
					}
					if r.State != want || (r.Reason == "") != (want == order.RefillCompleted) {
						t.Errorf("%s: %s, %q", word, r.State, r.Reason)
					}
				}
				asked := 0
				for _, held := range k.sim.Orders() {
					asked += len(held.Refills)
				}
				if asked != 3 {
					t.Errorf("the provider has %d refills, want 3", asked)
				}
				k.Audit()
			})
		})
	}
}

// refillable is the number of a service that the simulator refills, of type Default.
func refillable(k *stage) string {
	k.T.Helper()
	p, err := k.Providers.Find(context.Background(), k.Provider.ID)
	ordertest.Must(k.T, err)
	client, err := k.Providers.Client(p, node(k.t(), k.d, k.Fixture).Guard, time.Second)
	ordertest.Must(k.T, err)
	listings, err := client.Services(context.Background())
	ordertest.Must(k.T, err)
	for _, l := range listings {
		if l.Refill && l.Type == "Default" && l.Min <= 1000 && l.Max >= 1000 {
			k.Exec(`UPDATE sources SET cost = $1`, l.Cost)
			k.Exec(`UPDATE services SET rate = $1`, 2*l.Cost)
			return l.ID
		}
	}
	k.T.Fatal("the simulator refills nothing")
	return ""
}

// A subscription ends with exactly what its posts were charged, however it ends.
func TestSubscriptionsAreFollowed(t *testing.T) {
	t.Parallel()
	for _, kind := range []provider.Kind{provider.Classic, provider.Native} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				k := newStage(t, d, kind)
				there, cost := k.serviceOf("Subscriptions")
				k.Exec(`UPDATE services SET type = 'Subscriptions', min_quantity = 1, rate = $1`, 2*cost)
				k.Exec(`UPDATE sources SET provider_service = $1, cost = $2`, there, cost)
				subs := map[string]*order.Order{}
				p := order.NewPlacer(d, order.PlacerOptions{})
				defer p.Close()
				for _, name := range []string{"weekly", "stopped#sim=stop:2", "expired#sim=expire:1", "never#sim=stop:0"} {
					fields := map[string]string{
						"service": "1", "request_id": name[:4], "username": name, "min": "100", "max": "100", "posts": "4", "delay": "0",
					}
					r, err := order.ParseRequest(func(field string) string { return fields[field] })
					ordertest.Must(t, err)
					placed, err := p.Place(context.Background(), k.Buyer, r, k.Snapshot())
					ordertest.Must(t, err)
					subs[name] = k.Order(placed.OrderID)
				}
				k.play(k.ended)
				share := subs["weekly"].Charge / 4
				for name, want := range map[string]struct {
					state order.State
					posts money.Amount
				}{
					"weekly": {order.Completed, 4}, "stopped#sim=stop:2": {order.Canceled, 2}, "expired#sim=expire:1": {order.Partial, 1}, "never#sim=stop:0": {order.Canceled, 0},
				} {
					now := k.Order(subs[name].ID)
					if now.State != want.state || now.Paid() != want.posts*share || now.Run != int64(want.posts) {
						t.Errorf("%s: %s, paid %s for %d posts; want %s, %s%s", name, now.State, now.Paid(), now.Run, want.state, want.posts*share, k.trail(now))
					}
				}
				k.Audit()
			})
		})
	}
}

// serviceOf returns the simulator's number and cost of a service of a type.
func (k *stage) serviceOf(of string) (number string, cost money.Amount) {
	k.T.Helper()
	p, err := k.Providers.Find(context.Background(), k.Provider.ID)
	ordertest.Must(k.T, err)
	client, err := k.Providers.Client(p, node(k.t(), k.d, k.Fixture).Guard, time.Second)
	ordertest.Must(k.T, err)
	listings, err := client.Services(context.Background())
	ordertest.Must(k.T, err)
	for _, l := range listings {
		if string(l.Type) == of {
			return l.ID, l.Cost
		}
	}
	k.T.Fatalf("the simulator sells no %s", of)
	return "", 0
}

// Whatever the simulator makes of an order, our customer pays for what was
// delivered and nothing else, or a person is asked.
func TestAWholeLifeOfOrders(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newStage(t, d, provider.Classic)
		wants := map[string]struct {
			state order.State
			paid  money.Amount
		}{
			"complete": {order.Completed, 2_000_000}, "partial:40": {order.Partial, 800_000}, "cancel": {order.Canceled, 0},
			"cancel-at:40": {order.Canceled, 800_000}, "refuse": {order.Failed, 0}, "refuse-later:2": {order.Completed, 2_000_000},
			"string-id": {order.Completed, 2_000_000}, "created": {order.Completed, 2_000_000}, "numbers,partial:40": {order.Partial, 800_000},
			"keyed": {order.Completed, 2_000_000}, "order-inside,partial:10": {order.Partial, 200_000}, "charge:long": {order.Completed, 2_000_000},
			"partial:40,charge:none": {order.Partial, 800_000},
		}
		orders := map[string]*order.Order{}
		for word := range wants {
			orders[word] = k.order(word)
		}
		k.play(k.ended)
		for word, want := range wants {
			if now := k.Order(orders[word].ID); now.State != want.state || now.Paid() != want.paid || now.Attention != "" {
				t.Errorf("%s: %s, paid %s, attention %q; want %s, %s%s", word, now.State, now.Paid(), now.Attention, want.state, want.paid, k.trail(now))
			}
		}
		// What makes no sense moves no money and asks for a person.
		odd := []*order.Order{
			k.order("fail"), k.order("partial:40,remains:1001"), k.order("partial:40,remains:-7"), k.order("word:In%20review"),
			k.order("forgotten"), k.order("bare-error"), k.order("cancel,charge:full"),
		}
		k.play(func() bool {
			return k.Count(`SELECT COUNT(*) FROM orders WHERE finished_at IS NULL AND attention = ''`) == 0
		})
		for _, o := range odd {
			if now := k.Order(o.ID); now.Refunded != 0 || now.State.Final() || now.Attention == "" {
				t.Errorf("%s: %s with %s refunded, attention %q%s", o.Link, now.State, now.Refunded, now.Attention, k.trail(now))
			}
		}
		k.Audit()
	})
}

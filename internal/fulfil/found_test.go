package fulfil_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/provider/providertest"
)

// why is an order's timeline in one line, for a test that fails.
func (k *desk) why(o *order.Order) string {
	k.T.Helper()
	var all []string
	k.Read(func(tx *db.Tx) error {
		steps, err := order.Timeline(tx, o.ID)
		for _, s := range steps {
			all = append(all, string(s.To)+": "+s.Reason)
		}
		return err
	})
	return strings.Join(all, " | ")
}

// A test order is in no live order's way.
func TestTestOrderBlocksNoLiveOrder(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{"refuse", "queue"} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				k := newDesk(t, d)
				k.Exec(`UPDATE services SET overlap = $1`, rule)
				live := k.Buyer
				k.Buyer = k.NewBuyer(0)
				k.Buyer.Mode, k.Buyer.WalletID = ledger.Test, k.Wallet(k.Buyer.AccountID, ledger.Test)
				k.Place("play", "https://example.com/target", 10)
				k.Buyer = live
				o := k.Place("real", "https://example.com/target", 1000)
				k.forward()
				k.forward()
				k.want(o, order.Processing, "0.00")
			})
		})
	}
}

// Who let an order go for its provider's words did not let it go at another price.
func TestReleaseHoldsForWhatWasSeen(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		other := k.second()
		k.Exec(`UPDATE sources SET cost = 50000000 WHERE preference = 2`)
		k.upstream.Add(providertest.Write(`{"error":"the stars are not right"}`))
		o := k.Place("r", "https://example.com/a", 1000)
		k.forward()
		k.want(o, order.Held, "0.00")
		_, err := fulfil.NewSettler(d).Settle(context.Background(), o.ID, fulfil.Settlement{How: fulfil.WasNotAccepted, Actor: "test"})
		ordertest.Must(t, err)
		k.upstream.Add(providertest.Write(`{"error":"Incorrect service ID"}`))
		for range 3 {
			k.forward()
		}
		if now := k.Order(o.ID); now.State != order.Held || len(other.Adds()) != 0 {
			t.Errorf("sold at 2.00 and sent %d times at 50.00: %s", len(other.Adds()), k.why(o))
		}
	})
}

// A native provider that may have an order is not changed for another account: asked
// there again, the order would be bought twice.
func TestNativeProviderStaysWhileItMayHaveOrders(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newStage(t, d, provider.Native)
		o := k.order("timeout-accepted")
		k.forwarderPass()
		if now := k.Order(o.ID); now.State != order.Uncertain {
			t.Fatalf("%s", now.State)
		}
		key := "another-accounts-key"
		_, err := k.Providers.Set(context.Background(), k.Provider.ID, provider.Change{Key: &key}, "test")
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "--same-account") {
			t.Errorf("the key was changed: %v", err)
		}
		k.play(k.ended)
		_, err = k.Providers.Set(context.Background(), k.Provider.ID, provider.Change{Key: &key}, "test")
		ordertest.Must(t, err)
	})
}

// An order that its customer wishes away and its provider refuses, in whatever words,
// is canceled: nobody has it.
func TestWishIsCarriedOutAfterAnUnclassifiedRefusal(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.Place("r", "https://example.com/a", 1000)
		gate := make(chan struct{})
		k.upstream.Add(func(w http.ResponseWriter, r *http.Request, v url.Values) {
			<-gate
			providertest.Write(`{"error":"the stars are not right"}`)(w, r, v)
		})
		_, err := k.forwarder.Pass(context.Background())
		ordertest.Must(t, err)
		_, err = order.NewCanceller(d, nil).Cancel(context.Background(), k.Buyer.Scope, order.Ref(o.ID), "key_test")
		ordertest.Must(t, err)
		close(gate)
		k.forwarder.Drain()
		k.want(o, order.Canceled, "2.00")
	})
}

// What is on record as being sent is sent, although an order beside it could not be
// refused: its customer's wallet is locked.
func TestClaimedOrdersAreSentWhateverFailsBeside(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, db.Postgres)
	k := newDesk(t, d)
	k.Place("1", "https://example.com/a", 1000)
	k.forward()
	k.Place("2", "https://example.com/a", 500)
	mine := k.Buyer
	k.Buyer = k.NewBuyer(10 * money.Unit)
	other := k.Place("3", "https://example.com/b", 500)
	k.Exec(`UPDATE services SET overlap = 'refuse'`)
	locked, free := make(chan struct{}), make(chan struct{})
	go func() {
		_ = d.Write(context.Background(), func(tx *db.Tx) error {
			_, err := ledger.Open(tx, mine.WalletID)
			close(locked)
			<-free
			return err
		})
	}()
	<-locked
	_, err := k.forwarder.Pass(context.Background())
	if err == nil {
		t.Error("the pass says nothing of the order that could not be refused")
	}
	close(free)
	k.forwarder.Drain()
	k.want(other, order.Processing, "0.00")
}

// subscribed places a subscription of four posts for 0.80 that its provider has.
func subscribed(t *testing.T, d *db.DB) (*desk, *order.Order) {
	t.Helper()
	k := newDesk(t, d)
	k.Exec(`UPDATE services SET type = 'Subscriptions'`)
	p := order.NewPlacer(d, order.PlacerOptions{})
	defer p.Close()
	fields := map[string]string{"service": "1", "request_id": "s", "username": "u", "min": "100", "max": "100", "posts": "4", "delay": "0"}
	r, err := order.ParseRequest(func(f string) string { return fields[f] })
	ordertest.Must(t, err)
	placed, err := p.Place(context.Background(), k.Buyer, r, k.Snapshot())
	ordertest.Must(t, err)
	k.forward()
	return k, k.want(k.Order(placed.OrderID), order.Processing, "0.00")
}

// apply lets a provider report something.
func (k *desk) apply(orderID string, r provider.Report) {
	k.T.Helper()
	asked := k.Order(orderID)
	k.Write(func(tx *db.Tx) error { return fulfil.Apply(tx, asked, r) })
}

// What a post was charged its last report says: an earlier charge is of before its
// work, and nothing is as good as not told.
func TestPostIsPaidByItsLastReport(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k, sub := subscribed(t, d)
		k.apply(sub.ID, provider.Report{Word: provider.WordInProgress, Said: "Active", PostsTold: true, Orders: []string{"71"}})
		var post string
		k.Read(func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT id FROM orders WHERE parent_id = $1`, sub.ID).Scan(&post)
		})
		zero := money.Amount(0)
		k.apply(post, provider.Report{Word: provider.WordWaiting, Said: "Pending", Charge: &zero})
		k.apply(post, provider.Report{Word: provider.WordCompleted, Said: "Completed"})
		k.want(k.Order(post), order.Completed, "0.00")
	})
}

// A subscription whose posts its provider does not name is not paid back by itself:
// nobody knows what was delivered. Posts in any form of a list are read.
func TestSubscriptionWithoutItsPostsAsksForAPerson(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		read   bool
	}{
		"counted and charged": {`{"status":"Completed","posts":"4","charge":"0.40","remains":"0"}`, false},
		"counted":             {`{"status":"Completed","posts":4}`, false},
		"a plain status":      {`{"charge":"0.40","start_count":"0","status":"Completed","remains":"0","currency":"USD"}`, false},
		"canceled, charged":   {`{"charge":"0.40","status":"Canceled"}`, false},
		"half named":          {`{"status":"Completed","posts":"4","charge":"0.40","orders":[71,72]}`, false},
		"named as objects":    {`{"status":"Completed","posts":"4","charge":"0.40","orders":[{"id":71},{"id":72},{"id":73},{"id":74}]}`, true},
		"named with commas":   {`{"status":"Completed","posts":"4","charge":"0.40","orders":"71,72,73,74"}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				k, sub := subscribed(t, d)
				k.upstream.Report(sub.UpstreamID, c.answer)
				d.AdvanceClock(time.Minute)
				k.follow()
				now := k.want(sub, map[bool]order.State{true: order.Completed, false: order.Processing}[c.read], "0.00")
				if (now.Attention == "") != c.read {
					t.Errorf("attention %q", now.Attention)
				}
			})
		})
	}
}

// The alarm of a refill that nobody answers for outlives the order's next status, and
// so does that of a wish to cancel, which can be wished again.
func TestAlarmsOfWishesStay(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.Exec(`UPDATE services SET refill = TRUE`)
		ctx, actor := context.Background(), fulfil.NewActor(k.options)
		done, running := k.Place("done", "https://example.com/a", 1000), k.Place("running", "https://example.com/b", 1000)
		k.forward()
		k.end(done)
		_, err := order.NewRefiller(d, nil).Request(ctx, k.Buyer.Scope, order.Ref(done.ID), "key_test")
		ordertest.Must(t, err)
		k.Exec(`UPDATE refills SET ever_unknown = TRUE`) // the program ended in the middle of the call
		cancel := func() {
			_, err := order.NewCanceller(d, nil).Cancel(ctx, k.Buyer.Scope, order.Ref(running.ID), "key_test")
			ordertest.Must(t, err)
		}
		cancel()
		k.upstream.Report(k.Order(done.ID).UpstreamID, `{"status":"Completed"}`)
		k.upstream.Report(k.Order(running.ID).UpstreamID, `{"status":"In progress"}`)
		for range 20 { // the fake provider answers cancels with an error that says nothing
			d.AdvanceClock(time.Hour)
			_, err := actor.Cancels(ctx)
			ordertest.Must(t, err)
			_, err = actor.Refills(ctx)
			ordertest.Must(t, err)
			actor.Drain()
			k.follow()
		}
		if now := k.Order(done.ID); !strings.HasPrefix(now.Attention, "wish: ") {
			t.Errorf("the refill's alarm is %q", now.Attention)
		}
		if now := k.Order(running.ID); now.CancelState == order.CancelWished && now.CancelDueAt.IsZero() && now.Attention == "" {
			t.Errorf("the wish is lost silently: %s", k.why(running))
		}
		k.Exec(`UPDATE orders SET cancel_state = 'wished', cancel_due_at = NULL WHERE id = $1`, running.ID)
		cancel()
		if k.Order(running.ID).CancelDueAt.IsZero() {
			t.Error("a wish that was given up can't be wished again")
		}
		k.Audit()
	})
}

// One alarm is one row of the timeline, however often it is found again.
func TestOverchargeIsToldOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.Place("r", "https://example.com/a", 1000)
		k.forward()
		k.upstream.Report("1", `{"status":"In progress","charge":"1.50","remains":"900"}`)
		for range 10 {
			d.AdvanceClock(2 * time.Hour)
			k.follow()
		}
		if n := strings.Count(k.why(o), "it charged"); n != 1 {
			t.Errorf("%d rows: %s", n, k.why(o))
		}
	})
}

// Orders of a paused source do not age; those that can't be sent at all do.
func TestWhoWaitsHowLong(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k, ctx := newDesk(t, d), context.Background()
		k.upstream.Add(providertest.Write(`{"error":"maintenance"}`))
		later := k.Place("later", "https://example.com/a", 1000)
		k.forward()
		ordertest.Must(t, k.Providers.SetState(ctx, k.Provider.ID, provider.Paused, "x", "test"))
		d.AdvanceClock(25 * time.Hour)
		ordertest.Must(t, k.Providers.SetState(ctx, k.Provider.ID, provider.Active, "", "test"))
		_, err := order.GiveUp(ctx, d)
		ordertest.Must(t, err)
		k.want(later, order.Pending, "0.00")
		ordertest.Must(t, k.Providers.SetAddress(ctx, k.Provider.ID, "http://127.0.0.1:1/api/v2", "upstream-key", "test"))
		unsent := k.Place("unsent", "https://example.com/b", 1000)
		for range 5 {
			k.forward()
			d.AdvanceClock(6 * time.Hour)
			_, err := order.GiveUp(ctx, d)
			ordertest.Must(t, err)
		}
		k.want(unsent, order.Canceled, "2.00")
		if n := k.Count(`SELECT unknown_row FROM providers`); n == 0 {
			t.Error("the breaker does not count what can't be sent")
		}
	})
}

// A customer's pace is that of what the customer places, not of a drip-feed's runs.
func TestVelocityCountsNoRuns(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.Exec(`UPDATE services SET dripfeed = TRUE`)
		k.options.Rules = fulfil.Rules{OrdersAMinute: 3}
		k.forwarder = fulfil.NewForwarder(k.options)
		p := order.NewPlacer(d, order.PlacerOptions{})
		defer p.Close()
		for i := range 5 {
			_, err := p.Place(context.Background(), k.Buyer,
				k.Request(fmt.Sprint("d", i), fmt.Sprint("https://example.com/", i), 100, "runs", "3", "interval", "60"), k.Snapshot())
			ordertest.Must(t, err)
			d.AdvanceClock(time.Hour)
		}
		_, err := order.Feed(context.Background(), d, func() {})
		ordertest.Must(t, err)
		k.Place("one", "https://example.com/one", 100)
		for range 6 {
			k.forward()
		}
		if n := k.Count(`SELECT COUNT(*) FROM orders WHERE state = 'held'`); n != 0 {
			t.Errorf("%d orders are held; the customer placed one this hour", n)
		}
	})
}

// An order placed while a new exchange rate is stored and the sources are not priced
// anew has a cost and a rate that belong together.
func TestExchangeRateAndCostBelongTogether(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.Exec(`UPDATE providers SET currency = 'EUR'`)
		k.Exec(`INSERT INTO exchange_rates (currency, rate, updated_at) VALUES ('EUR', 1000000000, 1)`)
		k.Exec(`UPDATE sources SET foreign_cost = 1000000, cost = 1000000`)
		k.Exec(`UPDATE exchange_rates SET rate = 1200000000`)
		o := k.Place("r", "https://example.com/a", 1000)
		k.forward()
		left, charge := int64(400), money.Amount(600_000)
		k.apply(o.ID, provider.Report{Word: provider.WordCanceled, Said: "Canceled", Remains: &left, Charge: &charge})
		k.want(o, order.Canceled, "0.80")
	})
}

// A wish to cancel an order that people deliver reaches them, and what they say was
// delivered is paid.
func TestWishReachesPeople(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.Exec(`UPDATE providers SET kind = 'manual'`)
		o := k.Place("r", "https://example.com/a", 1000)
		k.forward()
		_, err := order.NewCanceller(d, nil).Cancel(context.Background(), k.Buyer.Scope, order.Ref(o.ID), "key_test")
		ordertest.Must(t, err)
		_, err = fulfil.NewActor(k.options).Cancels(context.Background())
		ordertest.Must(t, err)
		if now := k.Order(o.ID); !strings.Contains(now.Attention, "cancel asked for") {
			t.Errorf("attention %q", now.Attention)
		}
		rest := int64(400)
		_, err = fulfil.NewSettler(d).Work(context.Background(), o.ID, fulfil.Work{State: order.Canceled, Remains: &rest, Actor: "staff"})
		ordertest.Must(t, err)
		if now := k.want(o, order.Canceled, "0.80"); now.Attention != "" {
			t.Errorf("attention %q after the end", now.Attention)
		}
	})
}

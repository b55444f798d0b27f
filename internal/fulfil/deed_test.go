package fulfil_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/provider/providertest"
)

const clerk = "acc_clerk"

// does wants a deed to be done.
func (k *desk) does(o *order.Order, d fulfil.Deed) {
	k.T.Helper()
	if _, err := fulfil.NewSettler(k.DB).Do(context.Background(), o.ID, d, clerk); err != nil {
		k.T.Fatalf("%s: %v", d.Kind, err)
	}
}

// refuses wants a deed to be refused, and nothing to have changed.
func (k *desk) refuses(o *order.Order, d fulfil.Deed) {
	k.T.Helper()
	before := k.Order(o.ID)
	_, err := fulfil.NewSettler(k.DB).Do(context.Background(), o.ID, d, clerk)
	if !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Invalid) {
		k.T.Errorf("%+v of a %s order: %v, want a refusal", d, before.State, err)
	}
	if after := k.Order(o.ID); after.Step != before.Step || after.State != before.State || after.Refunded != before.Refunded {
		k.T.Errorf("%+v: refused, and the order moved from %s to %s", d, before.State, after.State)
	}
}

// running places an order of 1,000 for 2.00 that its provider has.
func (k *desk) running(requestID string) *order.Order {
	k.T.Helper()
	o := k.Place(requestID, "https://example.com/"+requestID, 1000)
	k.forward()
	return k.want(o, order.Processing, "0.00")
}

// What staff say of a running order moves it with the money that belongs to it, once.
func TestStaffSayHowFarAnOrderIs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		state := func(to order.State, remains *int64) fulfil.Deed {
			return fulfil.Deed{Kind: fulfil.SetState, State: to, Remains: remains}
		}
		o := k.running("a")
		k.does(o, fulfil.Deed{Kind: fulfil.Counts, StartCount: new(int64(7)), Remains: new(int64(900))})
		k.refuses(o, fulfil.Deed{Kind: fulfil.Counts, Remains: new(int64(1001))})
		k.refuses(o, state(order.Partial, new(int64(1000))))
		k.refuses(o, state(order.Partial, nil))
		k.does(o, state(order.InProgress, nil))
		k.does(o, state(order.Partial, new(int64(250))))
		k.want(o, order.Partial, "0.50")
		k.refuses(o, state(order.Partial, new(int64(250))))
		k.refuses(o, state(order.Canceled, new(int64(100))))
		k.refuses(o, state(order.Completed, nil))
		k.does(o, state(order.Partial, new(int64(500))))
		k.want(o, order.Partial, "1.00")
		k.does(o, fulfil.Deed{Kind: fulfil.GiveBack})
		k.want(o, order.Refunded, "2.00")
		k.refuses(o, fulfil.Deed{Kind: fulfil.GiveBack})

		o = k.running("b")
		k.does(o, state(order.Canceled, new(int64(400))))
		k.want(o, order.Canceled, "0.80")
		o = k.running("c")
		k.does(o, state(order.Canceled, nil))
		k.want(o, order.Canceled, "2.00")
		k.refuses(o, fulfil.Deed{Kind: fulfil.GiveBack})
		o = k.running("d")
		k.refuses(o, fulfil.Deed{Kind: fulfil.GiveBack})
		k.does(o, state(order.Completed, nil))
		k.want(o, order.Completed, "0.00")
		if n := k.Count(`SELECT COUNT(*) FROM audit_log WHERE actor = $1 AND action = 'order.state'`, clerk); n != 6 {
			t.Errorf("%d acts in the audit log, want 6", n)
		}
	})
}

// A running order is sent again only where staff vouch for the provider's order
// being dead. The new sending is a new generation, and what is still said of the
// old one moves nothing.
func TestStaffSendADeadOrderAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.running("a")
		k.refuses(o, fulfil.Deed{Kind: fulfil.Resend})
		k.does(o, fulfil.Deed{Kind: fulfil.Resend, Dead: o.UpstreamID})
		waiting := k.want(o, order.Pending, "0.00")
		if waiting.UpstreamID != "" || waiting.Generation != o.Generation+1 {
			t.Errorf("it has id %q there, generation %d", waiting.UpstreamID, waiting.Generation)
		}
		k.Write(func(tx *db.Tx) error {
			return fulfil.Apply(tx, o, provider.Report{Word: provider.WordCompleted, Said: "Completed"})
		})
		k.want(o, order.Pending, "0.00")
		k.forward()
		again := k.want(o, order.Processing, "0.00")
		k.Write(func(tx *db.Tx) error {
			return fulfil.Apply(tx, o, provider.Report{Word: provider.WordCanceled, Said: "Canceled"})
		})
		k.want(o, order.Processing, "0.00")
		if again.UpstreamID == o.UpstreamID || len(k.upstream.Adds()) != 2 {
			t.Errorf("it went there as %q, %d times", again.UpstreamID, len(k.upstream.Adds()))
		}
		var outcomes []fulfil.Outcome
		for _, u := range k.submissions(o.ID) {
			outcomes = append(outcomes, u.Outcome)
		}
		if !slices.Equal(outcomes, []fulfil.Outcome{fulfil.Dead, fulfil.Accepted}) {
			t.Errorf("submissions %v", outcomes)
		}
		k.refuses(o, fulfil.Deed{Kind: fulfil.Resend, Dead: o.UpstreamID}) // the same click once more
		k.end(again)
		k.want(o, order.Completed, "0.00")
		k.refuses(o, fulfil.Deed{Kind: fulfil.Resend, Dead: again.UpstreamID})
	})
}

// A customer's wish to cancel outlives staff's wish to send it again.
func TestADeadOrderThatWasToBeCanceledIsRefunded(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.running("a")
		_, err := order.NewCanceller(d, nil).Cancel(context.Background(), k.Buyer.Scope, order.Ref(o.ID), "key_test")
		ordertest.Must(t, err)
		k.does(o, fulfil.Deed{Kind: fulfil.Resend, Dead: o.UpstreamID})
		k.want(o, order.Canceled, "2.00")
		k.forward()
		if n := len(k.upstream.Adds()); n != 1 {
			t.Errorf("sent %d times", n)
		}
	})
}

// Two who send the same dead order again at once send it once.
func TestTwoSendADeadOrderAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.running("a")
		var both sync.WaitGroup
		errs := make([]error, 2)
		for i := range errs {
			both.Go(func() {
				_, errs[i] = fulfil.NewSettler(d).Do(context.Background(), o.ID, fulfil.Deed{Kind: fulfil.Resend, Dead: o.UpstreamID}, clerk)
			})
		}
		both.Wait()
		k.forward()
		k.forward()
		if n := len(k.upstream.Adds()); n != 2 {
			t.Errorf("sent %d times in all, want twice (%v)", n, errs)
		}
		if now := k.want(o, order.Processing, "0.00"); now.Generation != o.Generation+1 {
			t.Errorf("generation %d", now.Generation)
		}
	})
}

// An order that is held goes where staff send it: to a source of its service, and
// under the rules that hold there.
func TestStaffSendAHeldOrderElsewhere(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		other := providertest.New(t)
		second, err := k.Providers.Add(t.Context(), "Second", other.URL, "key", "test")
		ordertest.Must(t, err)
		k.upstream.Add(providertest.Write(`{"error":"the stars are not right"}`))
		o := k.Place("a", "https://example.com/a", 1000)
		k.forward()
		k.want(o, order.Held, "0.00")
		k.refuses(o, fulfil.Deed{Kind: fulfil.Resend, Source: second.ID})
		ordertest.Must(t, catalog.NewStore(d).AddSource(t.Context(), catalog.ServiceSource{
			ServiceID: o.ServiceID, Preference: 2, ProviderID: second.ID, ProviderService: "9", Cost: ordertest.Cost / 2,
		}, "test"))
		k.does(o, fulfil.Deed{Kind: fulfil.Resend, Source: second.ID})
		if now := k.want(o, order.Pending, "0.00"); now.ProviderID != second.ID || now.Cost != ordertest.Cost/2 {
			t.Errorf("goes to %s at %s", now.ProviderID, now.Cost)
		}
		k.forward()
		k.want(o, order.Processing, "0.00")
		if len(other.Adds()) != 1 || len(k.upstream.Adds()) != 1 {
			t.Errorf("sent %d and %d times", len(k.upstream.Adds()), len(other.Adds()))
		}
	})
}

// An uncertain order is not sent again by any word but what became of it.
func TestStaffSendNoUncertainOrderAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.upstream.Add(providertest.Cut)
		o := k.Place("a", "https://example.com/a", 1000)
		k.forward()
		k.want(o, order.Uncertain, "0.00")
		for _, d := range []fulfil.Deed{
			{Kind: fulfil.Resend, Dead: "77"},
			{Kind: fulfil.SetState, State: order.Canceled},
			{Kind: fulfil.SetState, State: order.InProgress},
			{Kind: fulfil.Counts, Remains: new(int64(1))},
			{Kind: fulfil.GiveBack},
			{Kind: fulfil.Refill},
		} {
			k.refuses(o, d)
		}
		k.does(o, fulfil.Deed{Kind: fulfil.Settling, How: fulfil.AcceptedAs, UpstreamID: "77"})
		k.want(o, order.Processing, "0.00")
	})
}

// Notes are for staff: the customer's timeline has no word of them.
func TestNotesAreForStaff(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.running("a")
		k.does(o, fulfil.Deed{Kind: fulfil.Noting, Note: "asked the provider by mail"})
		k.refuses(o, fulfil.Deed{Kind: fulfil.Noting, Note: " "})
		k.refuses(o, fulfil.Deed{Kind: fulfil.Noting, Note: "two\nlines"})
		k.refuses(o, fulfil.Deed{Kind: fulfil.Noting, Note: strings.Repeat("a", fulfil.MaxNote+1)})
		k.refuses(o, fulfil.Deed{Kind: fulfil.Seen})
		k.Write(func(tx *db.Tx) error {
			locked, err := order.LockAlone(tx, o.ID)
			if err != nil {
				return err
			}
			return order.Raise(tx, locked, "panel", "provider: it says Trouble")
		})
		k.does(o, fulfil.Deed{Kind: fulfil.Seen})
		var steps []order.Step
		k.Read(func(tx *db.Tx) (err error) {
			steps, err = order.Timeline(tx, o.ID)
			return err
		})
		noted := 0
		for _, s := range steps {
			if s.Actor == clerk {
				noted++
				if s.CustomerNote() != "" {
					t.Errorf("the customer reads %q", s.CustomerNote())
				}
			}
		}
		if noted != 2 || k.Order(o.ID).Attention != "" {
			t.Errorf("%d steps by staff, attention %q", noted, k.Order(o.ID).Attention)
		}
	})
}

// Staff cancel and refill as the customer can, and no further.
func TestStaffCancelAndRefillAsTheCustomerCan(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.Exec(`UPDATE services SET refill = TRUE, refill_days = 30`)
		waiting := k.Place("a", "https://example.com/a", 1000)
		k.does(waiting, fulfil.Deed{Kind: fulfil.Cancel})
		k.want(waiting, order.Canceled, "2.00")
		k.refuses(waiting, fulfil.Deed{Kind: fulfil.Cancel})
		o := k.running("b")
		k.refuses(o, fulfil.Deed{Kind: fulfil.Refill})
		k.end(o)
		k.does(o, fulfil.Deed{Kind: fulfil.Refill})
		k.refuses(o, fulfil.Deed{Kind: fulfil.Refill})
		if n := k.Count(`SELECT COUNT(*) FROM refills WHERE order_id = $1 AND key_id = $2`, o.ID, clerk); n != 1 {
			t.Errorf("%d refills", n)
		}
	})
}

// While nobody knows whether its provider has a subscription, it is not canceled past
// the question; and the answer that comes in is taken.
func TestStaffCancelNoSubscriptionThatIsBeingSent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k, sub := subscribed(t, d)
		cancel := fulfil.Deed{Kind: fulfil.SetState, State: order.Canceled}
		for _, state := range []order.State{order.Submitting, order.Uncertain, order.Pending, order.Held} {
			k.Exec(`UPDATE orders SET state = $1 WHERE id = $2`, string(state), sub.ID)
			k.refuses(sub, cancel)
		}
		k.Exec(`UPDATE orders SET state = 'processing' WHERE id = $1`, sub.ID)
		k.does(sub, cancel)
		k.want(sub, order.Canceled, sub.Charge.String())
		k.refuses(sub, cancel)
	})
}

// Who says that nothing remains gives nothing back by it.
func TestCanceledWithNothingRemainingIsRefused(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.running("a")
		k.refuses(o, fulfil.Deed{Kind: fulfil.SetState, State: order.Canceled, Remains: new(int64(0))})
		k.does(o, fulfil.Deed{Kind: fulfil.SetState, State: order.Canceled, Remains: new(int64(1000))})
		k.want(o, order.Canceled, "2.00")
	})
}

package fulfil_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/provider/providertest"
)

// reaching has an order sent whose provider has the request and does not answer until
// answer is called, which waits for what becomes of it.
func (k *desk) reaching(with providertest.Answer) (o *order.Order, answer func()) {
	k.T.Helper()
	reached, release := make(chan struct{}), make(chan struct{})
	k.upstream.Add(func(w http.ResponseWriter, r *http.Request, form url.Values) {
		close(reached)
		<-release
		with(w, r, form)
	})
	o = k.Place("a", "https://example.com/a", 1000)
	_, err := k.forwarder.Pass(context.Background())
	ordertest.Must(k.T, err)
	<-reached
	return o, func() {
		close(release)
		if !k.forwarder.Drain() {
			k.T.Error("the call did not end")
		}
	}
}

// A process that died while it was sending leaves the order uncertain once its
// lease has run out, and not before; nothing is sent again.
func TestRecoverAfterCrash(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o, answer := k.reaching(k.upstream.Accept)
		recoverer := fulfil.NewRecoverer(d, slog.New(slog.DiscardHandler))
		if n, err := recoverer.Pass(context.Background()); n != 0 || err != nil {
			t.Fatalf("recovered %d before the lease ran out, %v", n, err)
		}
		d.AdvanceClock(timeout + 61*time.Second)
		if n, err := recoverer.Pass(context.Background()); n != 1 || err != nil {
			t.Fatalf("recovered %d, %v", n, err)
		}
		k.want(o, order.Uncertain, "0.00")

		// The answer comes late after all: it is stored on its own submission.
		answer()
		now := k.want(o, order.Processing, "0.00")
		if subs := k.submissions(o.ID); len(subs) != 1 || subs[0].Outcome != fulfil.Accepted || now.UpstreamID != "1" {
			t.Errorf("submissions %+v, id %q", subs, now.UpstreamID)
		}
	})
}

// An acceptance that arrives after a person settled otherwise is an alarm: the
// order may exist twice.
func TestLateAcceptanceIsAnAlarm(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o, answer := k.reaching(k.upstream.Accept)
		d.AdvanceClock(timeout + 61*time.Second)
		_, err := fulfil.NewRecoverer(d, slog.New(slog.DiscardHandler)).Pass(context.Background())
		ordertest.Must(t, err)
		_, err = fulfil.NewSettler(d).Settle(context.Background(), o.ID, fulfil.Settlement{How: fulfil.CancelIt, Actor: "test"})
		ordertest.Must(t, err)
		k.want(o, order.Canceled, "2.00")
		answer()
		now := k.want(o, order.Canceled, "2.00")
		if !strings.HasPrefix(now.Attention, "exists twice") {
			t.Errorf("attention %q", now.Attention)
		}
		if subs := k.submissions(o.ID); subs[0].Outcome != fulfil.Late || subs[0].UpstreamID != "1" {
			t.Errorf("submission %+v", subs[0])
		}
	})
}

// An acceptance under the id that a person has named meanwhile, and has since called dead, tells
// nothing new: nobody is alarmed because of the order that was sent after it.
func TestLateAcceptanceOfADeadOrderIsNoAlarm(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o, answer := k.reaching(providertest.Write(`{"order":"early"}`))
		d.AdvanceClock(timeout + 61*time.Second)
		_, err := fulfil.NewRecoverer(d, slog.New(slog.DiscardHandler)).Pass(context.Background())
		ordertest.Must(t, err)
		_, err = fulfil.NewSettler(d).Settle(context.Background(), o.ID, fulfil.Settlement{How: fulfil.AcceptedAs, UpstreamID: "early", Actor: "test"})
		ordertest.Must(t, err)
		k.does(o, fulfil.Deed{Kind: fulfil.Resend, Dead: "early"})
		answer()
		k.upstream.Add(providertest.Write(`{"order":"anew"}`))
		k.forward()
		if now := k.want(o, order.Processing, "0.00"); now.Attention != "" || now.UpstreamID != "anew" {
			t.Errorf("id %q, attention %q", now.UpstreamID, now.Attention)
		}
		if subs := k.submissions(o.ID); len(subs) != 2 || subs[0].Outcome != fulfil.Dead || subs[1].Outcome != fulfil.Accepted {
			t.Errorf("submissions %+v", subs)
		}
	})
}

// The three ways to settle, with exact money, and what is refused.
func TestSettle(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		settler, ctx := fulfil.NewSettler(d), context.Background()
		k.upstream.Add(providertest.Cut)
		orders := make([]*order.Order, 4)
		for i := range orders {
			orders[i] = k.Place(fmt.Sprint("r", i), fmt.Sprint("https://example.com/", i), 1000)
		}
		k.forward()
		k.upstream.Add(k.upstream.Accept)
		settle := func(o *order.Order, s fulfil.Settlement) error {
			s.Actor = "test"
			_, err := settler.Settle(ctx, o.ID, s)
			return err
		}
		ordertest.Must(t, settle(orders[0], fulfil.Settlement{How: fulfil.AcceptedAs, UpstreamID: "900"}))
		ordertest.Must(t, settle(orders[1], fulfil.Settlement{How: fulfil.WasNotAccepted}))
		ordertest.Must(t, settle(orders[2], fulfil.Settlement{How: fulfil.CancelIt}))
		if err := settle(orders[3], fulfil.Settlement{How: fulfil.AcceptedAs, UpstreamID: "900"}); !fault.Is(err, fault.Conflict) {
			t.Errorf("an id that another order has: %v", err)
		}
		if err := settle(orders[2], fulfil.Settlement{How: fulfil.CancelIt}); !fault.Is(err, fault.Conflict) {
			t.Errorf("settled twice: %v", err)
		}
		k.forward() // four unknown outcomes in a row: the provider's balance is read first
		k.forward()
		k.want(orders[0], order.Processing, "0.00")
		k.want(orders[1], order.Processing, "0.00")
		k.want(orders[2], order.Canceled, "2.00")
		k.want(orders[3], order.Uncertain, "0.00")
		if n := len(k.upstream.Adds()); n != 5 {
			t.Errorf("the provider was sent %d orders, want 4 and the one that was sent again", n)
		}
	})
}

// While the call may still be under way nobody can say that it was not accepted.
func TestSettleWaitsForTheCall(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.Place("a", "https://example.com/a", 1000)
		// A node that died: the record is there, the call's end is not.
		k.Write(func(tx *db.Tx) error {
			locked, book, err := order.Lock(tx, o.ID)
			if err != nil {
				return err
			}
			if err := order.Transition(tx, nil, locked, order.Change{To: order.Submitting, Actor: "test", Reason: "sent"}); err != nil {
				return err
			}
			_, err = tx.Exec(`
				INSERT INTO submissions (id, order_id, provider_id, equal_key, generation, token, outcome, lease_until, began_at)
				VALUES ('sub_1', $1, $2, 'x', 1, 't', 'unknown', $3, $4)`, o.ID, k.Provider.ID, db.At(tx.Now.Add(time.Minute)), db.At(tx.Now))
			if err != nil {
				return err
			}
			return order.Transition(tx, book, locked, order.Change{To: order.Uncertain, Actor: "test", Reason: "unknown"})
		})
		for _, how := range []fulfil.Way{fulfil.WasNotAccepted, fulfil.CancelIt} {
			_, err := fulfil.NewSettler(d).Settle(context.Background(), o.ID, fulfil.Settlement{How: how, Actor: "test"})
			if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "may still be under way") {
				t.Errorf("settled early: %v", err)
			}
		}
		d.AdvanceClock(2 * time.Minute)
		_, err := fulfil.NewSettler(d).Settle(context.Background(), o.ID, fulfil.Settlement{How: fulfil.CancelIt, Actor: "test"})
		ordertest.Must(t, err)
		k.want(o, order.Canceled, "2.00")
	})
}

// The customer asked to cancel while the order was uncertain: settled as not
// accepted it is refunded, settled as accepted it goes on.
func TestSettleWithCancelWish(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.upstream.Add(providertest.Cut)
		gone, there := k.Place("a", "https://example.com/a", 1000), k.Place("b", "https://example.com/b", 1000)
		k.forward()
		for _, o := range []*order.Order{gone, there} {
			_, err := order.NewCanceller(d, nil).Cancel(context.Background(), k.Buyer.Scope, order.Ref(o.ID), "key_test")
			ordertest.Must(t, err)
		}
		settler := fulfil.NewSettler(d)
		_, err := settler.Settle(context.Background(), gone.ID, fulfil.Settlement{How: fulfil.WasNotAccepted, Actor: "test"})
		ordertest.Must(t, err)
		_, err = settler.Settle(context.Background(), there.ID, fulfil.Settlement{How: fulfil.AcceptedAs, UpstreamID: "9", Actor: "test"})
		ordertest.Must(t, err)
		k.want(gone, order.Canceled, "2.00")
		k.want(there, order.Processing, "0.00")
		k.forward()
		if n := len(k.upstream.Adds()); n != 2 {
			t.Errorf("the provider was sent %d orders, want the first two", n)
		}
	})
}

package fulfil_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/provider/providertest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const timeout = 2 * time.Second

// desk is a panel's forwarding half beside a provider that does as it is told.
type desk struct {
	*ordertest.Fixture

	upstream  *providertest.Server
	forwarder *fulfil.Forwarder
	options   fulfil.Options
}

func newDesk(t *testing.T, d *db.DB) *desk {
	t.Helper()
	upstream := providertest.New(t)
	f := ordertest.New(t, d, upstream.URL, 1000*money.Unit)
	k := &desk{Fixture: f, upstream: upstream}
	k.options = node(t, d, f)
	k.forwarder = fulfil.NewForwarder(k.options)
	return k
}

// node are the options of one node on d.
func node(t *testing.T, d *db.DB, f *ordertest.Fixture) fulfil.Options {
	t.Helper()
	allow, err := outbound.ParseAllow("127.0.0.0/8,::1/128")
	ordertest.Must(t, err)
	return fulfil.Options{
		DB: d, Providers: provider.NewStore(d, f.Ring), Guard: outbound.NewOperator(allow), Timeout: timeout,
		Log: slog.New(slog.DiscardHandler), Now: clock.System,
	}
}

// forward sends what is due and waits for the outcomes.
func (k *desk) forward() {
	k.T.Helper()
	_, err := k.forwarder.Pass(context.Background())
	ordertest.Must(k.T, err)
	if !k.forwarder.Drain() {
		k.T.Fatal("calls did not end")
	}
}

// submissions returns the outcomes of an order's sendings, oldest first.
func (k *desk) submissions(orderID string) (all []*fulfil.Submission) {
	k.T.Helper()
	k.Read(func(tx *db.Tx) (err error) {
		all, err = fulfil.Submissions(tx, orderID)
		return err
	})
	return all
}

// want checks an order's state and what it cost, against the ledger.
func (k *desk) want(o *order.Order, state order.State, refunded string) *order.Order {
	k.T.Helper()
	now := k.Order(o.ID)
	if now.State != state || now.Refunded.String() != refunded {
		k.T.Fatalf("order is %s with %s refunded, want %s with %s (attention %q)", now.State, now.Refunded, state, refunded, now.Attention)
	}
	k.Audit()
	return now
}

// Every kind of answer moves the order where the design says, and only a definite
// refusal lets it be sent again.
func TestForwardOutcomes(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		answer   providertest.Answer
		state    order.State
		refunded string
		outcome  fulfil.Outcome
		paused   bool
	}{
		"accepted":              {providertest.Write(`{"order":23501}`), order.Processing, "0.00", fulfil.Accepted, false},
		"accepted as text":      {providertest.Write(`{"order":"5f3a","status":"success"}`), order.Processing, "0.00", fulfil.Accepted, false},
		"customer's fault":      {providertest.Write(`{"error":"Incorrect link"}`), order.Failed, "2.00", fulfil.Refused, false},
		"service unknown there": {providertest.Write(`{"error":"Incorrect service ID"}`), order.Failed, "2.00", fulfil.Refused, false},
		"try later":             {providertest.Write(`{"error":"You have active order with this link. Please wait until order being completed."}`), order.Pending, "0.00", fulfil.Refused, false},
		"rate limit":            {providertest.WriteStatus(429, "slow down"), order.Pending, "0.00", fulfil.Refused, false},
		"no funds":              {providertest.Write(`{"error":"Not enough funds on balance"}`), order.Pending, "0.00", fulfil.Refused, true},
		"bad key":               {providertest.WriteStatus(401, `{"error":"who are you"}`), order.Pending, "0.00", fulfil.Refused, true},
		"unclassified":          {providertest.Write(`{"error":"the stars are not right"}`), order.Held, "0.00", fulfil.Refused, false},
		"id beside error":       {providertest.Write(`{"order":7,"error":"Incorrect link"}`), order.Uncertain, "0.00", fulfil.Unknown, false},
		"500 with refusal":      {providertest.WriteStatus(500, `{"error":"Incorrect link"}`), order.Uncertain, "0.00", fulfil.Unknown, false},
		"500 with acceptance":   {providertest.WriteStatus(500, `{"order":7}`), order.Uncertain, "0.00", fulfil.Unknown, false},
		"uncertain text":        {providertest.Write(`{"error":"SQLSTATE[HY000]: gone away"}`), order.Uncertain, "0.00", fulfil.Unknown, false},
		"html":                  {providertest.Write(`<html>welcome</html>`), order.Uncertain, "0.00", fulfil.Unknown, false},
		"empty":                 {providertest.Write(``), order.Uncertain, "0.00", fulfil.Unknown, false},
		"neither":               {providertest.Write(`{"ok":true}`), order.Uncertain, "0.00", fulfil.Unknown, false},
		"cut":                   {providertest.Cut, order.Uncertain, "0.00", fulfil.Unknown, false},
		"redirect": {func(w http.ResponseWriter, r *http.Request, _ url.Values) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, order.Uncertain, "0.00", fulfil.Unknown, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				k := newDesk(t, d)
				k.upstream.Add(c.answer)
				o := k.Place("r", "https://example.com/a", 1000)
				k.forward()
				now := k.want(o, c.state, c.refunded)
				subs := k.submissions(o.ID)
				if len(subs) != 1 || subs[0].Outcome != c.outcome || !subs[0].Sent || subs[0].EndedAt.IsZero() {
					t.Errorf("submissions %+v, want one %s", subs, c.outcome)
				}
				k.forward() // whatever comes next, it is not due again now
				if n := len(k.upstream.Adds()); n != 1 {
					t.Errorf("the provider was sent %d orders, want 1", n)
				}
				p, err := k.Providers.Find(context.Background(), k.Provider.ID)
				if err != nil || (p.State == provider.Paused) != c.paused {
					t.Errorf("provider is %s (%s), %v", p.State, p.PauseReason, err)
				}
				if c.state == order.Uncertain != now.EverUnknown {
					t.Errorf("ever unknown is %v", now.EverUnknown)
				}
			})
		})
	}
}

// A provider that can't be reached has been sent nothing: the order waits and
// goes out once when it is back.
func TestForwardNotSent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		ctx := context.Background()
		ordertest.Must(t, k.Providers.SetAddress(ctx, k.Provider.ID, "http://127.0.0.1:1/api/v2", "k", "test"))
		o := k.Place("r", "https://example.com/a", 1000)
		k.forward()
		k.want(o, order.Pending, "0.00")
		if subs := k.submissions(o.ID); len(subs) != 1 || subs[0].Outcome != fulfil.NotSent || subs[0].Sent {
			t.Fatalf("submissions %+v", subs)
		}
		ordertest.Must(t, k.Providers.SetAddress(ctx, k.Provider.ID, k.upstream.URL, "k", "test"))
		d.AdvanceClock(time.Minute)
		k.forward()
		k.want(o, order.Processing, "0.00")
		if n := len(k.upstream.Adds()); n != 1 {
			t.Errorf("the provider was sent %d orders", n)
		}
	})
}

// Two nodes forward the same orders: each is sent once.
func TestForwardTwoNodesSendOnce(t *testing.T) {
	t.Parallel()
	url := dbtest.NewURL(t, db.Postgres)
	k := newDesk(t, dbtest.Connect(t, url))
	other := fulfil.NewForwarder(node(t, dbtest.Connect(t, url), k.Fixture))
	placer := order.NewPlacer(k.DB, order.PlacerOptions{})
	t.Cleanup(placer.Close)
	const n = 60
	snapshot := k.Snapshot()
	for i := range n {
		_, err := placer.Place(context.Background(), k.Buyer, k.Request(fmt.Sprint("r", i), fmt.Sprint("https://example.com/", i), 1000), snapshot)
		ordertest.Must(t, err)
	}
	for range 40 {
		var wg sync.WaitGroup
		for _, f := range []*fulfil.Forwarder{k.forwarder, other} {
			wg.Go(func() {
				if _, err := f.Pass(context.Background()); err != nil {
					t.Error(err)
				}
				f.Drain()
			})
		}
		wg.Wait()
	}
	links := map[string]int{}
	for _, form := range k.upstream.Adds() {
		links[form.Get("link")]++
	}
	for link, times := range links {
		if times != 1 {
			t.Errorf("%s was sent %d times", link, times)
		}
	}
	if got := k.Count(`SELECT COUNT(*) FROM orders WHERE state = 'processing'`); len(links) != n || got != n {
		t.Errorf("%d links sent, %d orders processing, want %d", len(links), got, n)
	}
	k.Audit()
}

// Orders that a provider could take for one go one after the other: while the
// first is uncertain, the second waits.
func TestForwardEqualOrdersTakeTurns(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		first, second := k.Place("a", "https://example.com/a", 1000), k.Place("b", "https://example.com/a", 1000)
		third := k.Place("c", "https://example.com/a", 1001)
		k.upstream.Add(providertest.Cut)
		k.forward()
		k.want(first, order.Uncertain, "0.00")
		k.want(second, order.Pending, "0.00")
		k.want(third, order.Uncertain, "0.00")
		k.upstream.Add(k.upstream.Accept)
		k.forward()
		k.want(second, order.Pending, "0.00")
		_, err := fulfil.NewSettler(d).Settle(context.Background(), first.ID, fulfil.Settlement{How: fulfil.AcceptedAs, UpstreamID: "77", Actor: "test"})
		ordertest.Must(t, err)
		k.forward()
		k.want(second, order.Processing, "0.00")
	})
}

// An id that another order has already is no acceptance.
func TestForwardIDThatIsTaken(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.upstream.Add(providertest.Write(`{"order":5}`))
		first := k.Place("a", "https://example.com/a", 1000)
		k.forward()
		second := k.Place("b", "https://example.com/b", 1000)
		k.forward()
		k.want(first, order.Processing, "0.00")
		now := k.want(second, order.Uncertain, "0.00")
		if now.UpstreamID != "" {
			t.Errorf("the order took the id %s", now.UpstreamID)
		}
		if n := k.Count(`SELECT COUNT(*) FROM order_timeline WHERE order_id = $1 AND reason LIKE $2`, second.ID, "%"+first.ID+"%"); n != 1 {
			t.Error("the timeline does not name the other order")
		}
	})
}

// "Active order with this link" may speak of our own order once a submission of
// it had an unknown outcome.
func TestForwardLinkActiveAfterUnknown(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.Place("a", "https://example.com/a", 1000)
		k.upstream.Add(providertest.Cut)
		k.forward()
		_, err := fulfil.NewSettler(d).Settle(context.Background(), o.ID, fulfil.Settlement{How: fulfil.WasNotAccepted, Actor: "test"})
		ordertest.Must(t, err)
		k.upstream.Add(providertest.Write(`{"error":"You have active order with this link. Please wait until order being completed."}`))
		k.forward()
		k.want(o, order.Uncertain, "0.00")
	})
}

// A process that died while it was sending leaves the order uncertain once its
// lease has run out, and not before; nothing is sent again.
func TestRecoverAfterCrash(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		reached, release := make(chan struct{}), make(chan struct{})
		k.upstream.Add(func(w http.ResponseWriter, r *http.Request, form url.Values) {
			close(reached)
			<-release
			k.upstream.Accept(w, r, form)
		})
		o := k.Place("a", "https://example.com/a", 1000)
		_, err := k.forwarder.Pass(context.Background())
		ordertest.Must(t, err)
		<-reached
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
		close(release)
		k.forwarder.Drain()
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
		reached, release := make(chan struct{}), make(chan struct{})
		k.upstream.Add(func(w http.ResponseWriter, r *http.Request, form url.Values) {
			close(reached)
			<-release
			k.upstream.Accept(w, r, form)
		})
		o := k.Place("a", "https://example.com/a", 1000)
		_, err := k.forwarder.Pass(context.Background())
		ordertest.Must(t, err)
		<-reached
		d.AdvanceClock(timeout + 61*time.Second)
		_, err = fulfil.NewRecoverer(d, slog.New(slog.DiscardHandler)).Pass(context.Background())
		ordertest.Must(t, err)
		_, err = fulfil.NewSettler(d).Settle(context.Background(), o.ID, fulfil.Settlement{How: fulfil.CancelIt, Actor: "test"})
		ordertest.Must(t, err)
		k.want(o, order.Canceled, "2.00")
		close(release)
		k.forwarder.Drain()
		now := k.want(o, order.Canceled, "2.00")
		if !strings.HasPrefix(now.Attention, "exists twice") {
			t.Errorf("attention %q", now.Attention)
		}
		if subs := k.submissions(o.ID); subs[0].Outcome != fulfil.Late || subs[0].UpstreamID != "1" {
			t.Errorf("submission %+v", subs[0])
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

// More than eight orders wait for a slow provider: eight calls run, and none is
// lost.
func TestForwardSlots(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		var running, most atomic.Int64
		full, release := make(chan struct{}, 100), make(chan struct{})
		k.upstream.Add(func(w http.ResponseWriter, r *http.Request, form url.Values) {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			full <- struct{}{}
			<-release
			running.Add(-1)
			k.upstream.Accept(w, r, form)
		})
		for i := range 12 {
			k.Place(fmt.Sprint("r", i), fmt.Sprint("https://example.com/", i), 1000)
		}
		for range 3 {
			_, err := k.forwarder.Pass(context.Background())
			ordertest.Must(t, err)
		}
		for range 8 {
			<-full
		}
		close(release)
		k.forwarder.Drain()
		k.forward()
		if most.Load() != 8 {
			t.Errorf("%d calls ran at once, want 8", most.Load())
		}
		if n := k.Count(`SELECT COUNT(*) FROM orders WHERE state = 'processing'`); n != 12 {
			t.Errorf("%d orders were sent, want 12", n)
		}
	})
}

// The record of a sending is there before the provider can see anything of it.
func TestForwardRecordsBeforeItSends(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.Place("a", "https://example.com/a", 1000)
		var seen order.State
		var outcomes []string
		k.upstream.Add(func(w http.ResponseWriter, r *http.Request, form url.Values) {
			err := d.Read(context.Background(), func(tx *db.Tx) error {
				now, err := order.Get(tx, o.ID)
				subs, subErr := fulfil.Submissions(tx, o.ID)
				seen = now.State
				for _, s := range subs {
					outcomes = append(outcomes, string(s.Outcome))
				}
				return errors.Join(err, subErr)
			})
			if err != nil {
				t.Error(err)
			}
			k.upstream.Accept(w, r, form)
		})
		k.forward()
		if seen != order.Submitting || len(outcomes) != 1 || outcomes[0] != "sending" {
			t.Errorf("while the provider was called the order was %s, submissions %v", seen, outcomes)
		}
	})
}

package fulfil_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
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

// placeMany places that many orders for links of their own.
func (k *desk) placeMany(n int, prefix string) (all []*order.Order) {
	k.T.Helper()
	p := order.NewPlacer(k.DB, order.PlacerOptions{})
	defer p.Close()
	snapshot, ids := k.Snapshot(), make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			name := fmt.Sprint(prefix, i)
			placed, err := p.Place(context.Background(), k.Buyer, k.Request(name, "https://example.com/"+name, 1000), snapshot)
			if err != nil {
				k.T.Error(err)
			}
			ids[i] = placed.OrderID
		})
	}
	wg.Wait()
	for _, orderID := range ids {
		all = append(all, k.Order(orderID))
	}
	return all
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

// Of a claim whose commit nobody knows what became of it nothing was sent: the order
// goes out, once, whether the claim was on record or not, and no person is asked.
func TestForwardAfterAClaimOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	for name, level := range map[string]string{"committed": "WARNING", "undone": "EXCEPTION"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newDesk(t, dbtest.Open(t, db.Postgres))
			k.Exec(`CREATE SEQUENCE claims`)
			k.Exec(`CREATE FUNCTION first_is_unknown() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN IF nextval('claims') = 1 THEN RAISE ` + level + ` 'no standby'; END IF; RETURN NULL; END $$`)
			k.Exec(`CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON submissions DEFERRABLE INITIALLY DEFERRED
				FOR EACH ROW EXECUTE FUNCTION first_is_unknown()`)
			o := k.Place("r", "https://example.com/a", 1000)
			if _, err := k.forwarder.Pass(context.Background()); !errors.Is(err, db.ErrOutcomeUnknown) {
				t.Errorf("Pass = %v, want an unknown outcome", err)
			}
			k.forwarder.Drain()
			k.want(o, order.Pending, "0.00")
			k.forward()
			k.want(o, order.Processing, "0.00")
			for _, u := range k.submissions(o.ID) {
				if u.Outcome == fulfil.Sending || u.Outcome == fulfil.Unknown {
					t.Errorf("a submission is left as %s", u.Outcome)
				}
			}
			if n := len(k.upstream.Adds()); n != 1 {
				t.Errorf("the provider was sent %d orders, want 1", n)
			}
		})
	}
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

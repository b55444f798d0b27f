package fulfil_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/provider/providertest"
)

// end lets a provider complete an order.
func (k *desk) end(o *order.Order) {
	k.T.Helper()
	asked := k.Order(o.ID)
	k.Write(func(tx *db.Tx) error {
		return fulfil.Apply(tx, asked, provider.Report{Word: provider.WordCompleted, Said: "Completed"})
	})
}

// unqueue lets orders go on that nothing is in the way of.
func (k *desk) unqueue() {
	k.T.Helper()
	_, err := order.Unqueue(context.Background(), k.DB)
	ordertest.Must(k.T, err)
}

// With queue, orders for one target go one after the other, the oldest first; others
// are not held up.
func TestOverlapQueues(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.Exec(`UPDATE services SET overlap = 'queue'`)
		first := k.Place("1", "https://example.com/a", 1000)
		second := k.Place("2", "https://www.Example.com/a/#again", 500)
		third := k.Place("3", "https://example.com/a", 700)
		other := k.Place("4", "https://example.com/b", 1000)
		k.forward()
		k.want(first, order.Processing, "0.00")
		k.want(second, order.Queued, "0.00")
		k.want(third, order.Queued, "0.00")
		k.want(other, order.Processing, "0.00")
		k.unqueue()
		k.forward()
		k.want(second, order.Queued, "0.00")
		k.end(first)
		k.unqueue()
		k.forward()
		k.want(second, order.Processing, "0.00")
		k.want(third, order.Queued, "0.00")
		k.end(second)
		k.unqueue()
		k.forward()
		k.want(third, order.Processing, "0.00")
		if n := len(k.upstream.Adds()); n != 4 {
			t.Errorf("the provider was sent %d orders, want 4", n)
		}
	})
}

// With refuse, the later order is canceled and refunded when it would be sent, and
// never reaches the provider. A queued order that waits a day is refunded too.
func TestOverlapRefuses(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		first, second := k.Place("1", "https://example.com/a", 1000), k.Place("2", "https://example.com/a", 500)
		k.Exec(`UPDATE services SET overlap = 'refuse'`) // or both came at the same moment
		k.forward()
		k.forward()
		k.want(first, order.Processing, "0.00")
		k.want(second, order.Canceled, "1.00")
		p := order.NewPlacer(d, order.PlacerOptions{})
		defer p.Close()
		_, err := p.Place(context.Background(), k.Buyer, k.Request("told", "https://example.com/a#x", 700), k.Snapshot())
		if err == nil || fault.From(err).Reason != fault.LinkBusy || !strings.Contains(err.Error(), "active order with this link") {
			t.Errorf("told while placing: %v", err)
		}
		k.Exec(`UPDATE services SET overlap = 'queue'`)
		third := k.Place("3", "https://example.com/a", 500)
		k.forward()
		k.want(third, order.Queued, "0.00")
		d.AdvanceClock(order.Patience + time.Minute)
		_, err = order.GiveUp(context.Background(), d)
		ordertest.Must(t, err)
		k.want(third, order.Canceled, "1.00")
		if n := len(k.upstream.Adds()); n != 1 {
			t.Errorf("the provider was sent %d orders, want 1", n)
		}
	})
}

// An order whose cost has risen above what it was sold at is held until a person
// lets it go; it then goes out once.
func TestMarginGuardHolds(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.options.Rules = fulfil.Rules{MarginFloor: 10 * money.Percent(money.Unit)}
		k.forwarder = fulfil.NewForwarder(k.options)
		k.Exec(`UPDATE sources SET cost = 1800000`) // sold at 2.00: 10 % are left
		fine := k.Place("fine", "https://example.com/a", 1000)
		k.forward()
		k.want(fine, order.Processing, "0.00")
		o := k.Place("held", "https://example.com/b", 1000)
		k.Exec(`UPDATE sources SET cost = 1800001`)
		k.forward()
		now := k.want(o, order.Held, "0.00")
		if n := len(k.upstream.Adds()); n != 1 || !now.GiveUpAt.After(now.CreatedAt) {
			t.Errorf("%d orders were sent, gives up at %s", n, now.GiveUpAt)
		}
		_, err := fulfil.NewSettler(d).Settle(context.Background(), o.ID, fulfil.Settlement{How: fulfil.WasNotAccepted, Actor: "test"})
		ordertest.Must(t, err)
		k.forward()
		k.want(o, order.Processing, "0.00")
	})
}

// The rules hold, they do not cancel; each counts what it says.
func TestAbuseRulesHold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		states := func() (all []string) {
			k.forward()
			k.Read(func(tx *db.Tx) error {
				return tx.Each(func(s db.Scanner) error {
					var state string
					err := s.Scan(&state)
					all = append(all, state)
					return err
				}, `SELECT state FROM orders ORDER BY id`)
			})
			return all
		}
		k.options.Rules = fulfil.Rules{SameLink: 3, OrdersAMinute: 4, Unfunded: time.Hour}
		k.forwarder = fulfil.NewForwarder(k.options)
		mine := k.Buyer
		for i := range 3 { // three accounts, one target: the third is held
			k.Buyer = k.NewBuyer(10 * money.Unit)
			k.Place(fmt.Sprint("same", i), "https://example.com/same", 100+int64(i)) // equal ones would go one after the other
		}
		if got := strings.Join(states(), " "); got != "processing processing held" {
			t.Errorf("same link: %s", got)
		}
		k.Buyer = mine
		for i := range 6 { // the fifth and sixth within a minute are held
			k.Place(fmt.Sprint("fast", i), fmt.Sprint("https://example.com/fast", i), 100)
		}
		if got := strings.Join(states()[3:], " "); got != "processing processing processing processing held held" {
			t.Errorf("velocity: %s", got)
		}
		k.Exec(`UPDATE services SET rate = 0`)
		k.Exec(`UPDATE sources SET cost = 0`)
		k.Buyer = k.NewBuyer(0)
		k.Place("free", "https://example.com/free", 100)
		if got := states()[9]; got != "held" {
			t.Errorf("an order of an account that never paid in is %s", got)
		}
		k.Audit()
	})
}

// second adds a provider that is the service's second source.
func (k *desk) second() *providertest.Server {
	k.T.Helper()
	upstream := providertest.New(k.T)
	p, err := k.Providers.Add(context.Background(), "Second", upstream.URL, "second-key", "test")
	ordertest.Must(k.T, err)
	k.Exec(`INSERT INTO sources (service_id, preference, provider_id, provider_service, cost) VALUES (1, 2, $1, '77', 1500000)`, p.ID)
	return upstream
}

// A definite refusal that another source may not share sends the order there; an
// unknown outcome never does.
func TestFailOverOnlyAfterADefiniteRefusal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer providertest.Answer
		state  order.State
		there  int // orders that the second source got
	}{
		"service unknown there": {providertest.Write(`{"error":"Incorrect service ID"}`), order.Processing, 1},
		"no funds":              {providertest.Write(`{"error":"Not enough funds on balance"}`), order.Processing, 1},
		"bad key":               {providertest.WriteStatus(http.StatusUnauthorized, `{}`), order.Processing, 1},
		"customer's fault":      {providertest.Write(`{"error":"Incorrect link"}`), order.Failed, 0},
		"try later":             {providertest.Write(`{"error":"maintenance"}`), order.Pending, 0},
		"unclassified":          {providertest.Write(`{"error":"the stars are not right"}`), order.Held, 0},
		"cut":                   {providertest.Cut, order.Uncertain, 0},
		"server error":          {providertest.WriteStatus(http.StatusBadGateway, `{"error":"Incorrect service ID"}`), order.Uncertain, 0},
		"time-out": {func(_ http.ResponseWriter, r *http.Request, _ url.Values) {
			<-r.Context().Done()
		}, order.Uncertain, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				k := newDesk(t, d)
				other := k.second()
				k.upstream.Add(c.answer)
				o := k.Place("r", "https://example.com/a", 1000)
				for range 3 {
					k.forward()
				}
				now := k.Order(o.ID)
				if now.State != c.state || len(other.Adds()) != c.there || len(k.upstream.Adds()) != 1 {
					t.Errorf("order is %s, sent %d and %d times", now.State, len(k.upstream.Adds()), len(other.Adds()))
				}
				if c.there == 1 && (now.Cost != 1_500_000 || now.ProviderService != "77" || other.Adds()[0].Get("service") != "77") {
					t.Errorf("at the second source it is service %s at %s", now.ProviderService, now.Cost)
				}
				k.Audit()
			})
		})
	}
}

// When every source refuses for the service the order fails and is refunded; sources
// that the provider no longer lists, or that are paused, are passed over.
func TestFailOverEnds(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		other := k.second()
		for _, s := range []*providertest.Server{k.upstream, other} {
			s.Add(providertest.Write(`{"error":"Incorrect service ID"}`))
		}
		o := k.Place("r", "https://example.com/a", 1000)
		k.forward()
		k.forward()
		k.want(o, order.Failed, "2.00")
		k.Exec(`UPDATE sources SET gone_at = 1 WHERE preference = 2`)
		gone := k.Place("gone", "https://example.com/b", 1000)
		k.forward()
		k.forward()
		k.want(gone, order.Failed, "2.00")
		if n := len(other.Adds()); n != 1 {
			t.Errorf("the second source was sent %d orders, want 1", n)
		}
	})
}

// One call of unknown outcome is one for the breaker and one step in the timeline,
// also where the commit that stores it has to be made twice.
func TestAnUnknownOutcomeCountsOnce(t *testing.T) {
	t.Parallel()
	k := newDesk(t, dbtest.Open(t, db.Postgres))
	firstIsUnknown(k.Fixture, "UPDATE ON submissions", "NEW.outcome = 'unknown'", "WARNING")
	o := k.Place("r", "https://example.com/a", 1000)
	k.upstream.Add(providertest.Cut)
	k.forward()
	k.want(o, order.Uncertain, "0.00")
	if n := k.Count(`SELECT unknown_row FROM providers WHERE id = $1`, k.Provider.ID); n != 1 {
		t.Errorf("one unknown outcome is counted %d times", n)
	}
	if n := k.Count(`SELECT COUNT(*) FROM order_timeline WHERE order_id = $1`, o.ID); n != 3 {
		t.Errorf("%d steps, want placed, sent and uncertain: %s", n, k.why(o))
	}
}

// One unknown outcome and a provider gets one order at a time; after three in a row
// none, until it answers for its balance, and then one; a definite answer ends it.
func TestBreaker(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		now := time.Now()
		k.options.Now = func() time.Time { return now }
		k.forwarder = fulfil.NewForwarder(k.options)
		place := func(n int) {
			for i := range n {
				k.Place(fmt.Sprint("r", k.Count(`SELECT COUNT(*) FROM orders`)), fmt.Sprint("https://example.com/", n, "/", i), 100)
			}
		}
		sent := func() int { return len(k.upstream.Adds()) }
		k.upstream.Add(providertest.Cut)
		place(1)
		k.forward()
		place(5)
		for want := 2; want <= 3; want++ { // one at a time
			k.forward()
			if sent() != want {
				t.Fatalf("%d orders were sent, want %d", sent(), want)
			}
		}
		k.forward() // stopped; the balance is read, and one may go
		if sent() != 3 {
			t.Fatalf("%d orders were sent to a stopped provider, want 3", sent())
		}
		k.forward()
		if sent() != 4 {
			t.Fatalf("%d orders were sent after the balance was read, want 4", sent())
		}
		k.forward() // lost as well; the next look at the balance is not due
		k.forward()
		if sent() != 4 {
			t.Fatalf("%d orders were sent, want 4", sent())
		}
		k.upstream.Add(k.upstream.Accept)
		now = now.Add(11 * time.Second)
		k.forward()
		k.forward()
		if sent() != 5 {
			t.Fatalf("%d orders were sent, want 5", sent())
		}
		place(3)
		k.forward() // it answered: all may go
		if sent() != 9 {
			t.Errorf("%d orders were sent, want 9", sent())
		}
		k.Audit()
	})
}

// A service's new orders go to its first source that is listed and takes orders.
func TestNewOrdersGoToTheFirstSourceThatTakesThem(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.second()
		first := k.Snapshot().Services[0].Source
		ordertest.Must(t, k.Providers.SetState(context.Background(), k.Provider.ID, provider.Paused, "test", "test"))
		second := k.Snapshot().Services[0].Source
		if first.Preference != 1 || second.Preference != 2 || second.Cost != 1_500_000 {
			t.Errorf("sources %+v and %+v", first, second)
		}
		k.Exec(`UPDATE sources SET gone_at = 1 WHERE preference = 2`)
		if again := k.Snapshot().Services[0].Source; again != (catalog.Source{
			Preference: 1, ProviderID: k.Provider.ID, ProviderService: "101", Cost: ordertest.Cost, Exchange: 1_000_000_000,
		}) {
			t.Errorf("with the other gone: %+v", again)
		}
	})
}

// One pass looks at many orders together: those that the rules hold and that wait for
// another are left out of what is sent.
func TestManyAreSiftedAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		good := k.placeMany(6, "good")
		second := k.Place("second", good[0].Link, 500)
		dear := k.Place("dear", "https://example.com/dear", 1000)
		equal := k.Place("equal", good[1].Link, 1000)
		k.Exec(`UPDATE services SET overlap = 'queue'`)
		k.Exec(`UPDATE orders SET rate = 500000 WHERE id = $1`, dear.ID) // sold for less than it costs now
		k.forward()
		for _, o := range good {
			if now := k.Order(o.ID); now.State != order.Processing {
				t.Errorf("%s is %s", o.Link, now.State)
			}
			if subs := k.submissions(o.ID); len(subs) != 1 || subs[0].Outcome != fulfil.Accepted || subs[0].Generation != o.Generation {
				t.Errorf("submissions of %s: %+v", o.Link, subs)
			}
		}
		for o, want := range map[*order.Order]order.State{second: order.Queued, dear: order.Held, equal: order.Pending} {
			if now := k.Order(o.ID); now.State != want || len(k.submissions(o.ID)) != 0 {
				t.Errorf("%s is %s, want %s and nothing sent", o.RequestID, now.State, want)
			}
		}
		k.forward()
		if now := k.Order(equal.ID); now.State != order.Queued {
			t.Errorf("the equal order is %s, want it to wait for the first", now.State)
		}
		if n := len(k.upstream.Adds()); n != len(good) {
			t.Errorf("the provider was sent %d orders, want %d", n, len(good))
		}
		k.Exec(`UPDATE orders SET rate = 2000000 WHERE id = $1`, dear.ID)
		k.Audit()
	})
}

// Orders that are refused for their target make way together: those of others that wait
// behind them don't wait for one pass after the other.
func TestManyRefusedOverlapsHoldUpNobody(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		first := k.Place("first", "https://example.com/a", 1000)
		k.forward()
		equal := make([]*order.Order, 2*k.Provider.Slots)
		for i := range equal {
			equal[i] = k.Place(fmt.Sprint("equal", i), first.Link, 1000)
		}
		other := k.Place("other", "https://example.com/b", 1000)
		k.Exec(`UPDATE services SET overlap = 'refuse'`) // or all came at the same moment
		for range 3 {
			moved, err := k.forwarder.Pass(context.Background())
			ordertest.Must(t, err)
			if moved == 0 {
				t.Error("a pass that refuses orders says that nothing was there to do")
			}
		}
		if !k.forwarder.Drain() {
			t.Fatal("calls did not end")
		}
		k.want(other, order.Processing, "0.00")
		for _, o := range equal {
			k.want(o, order.Canceled, "2.00")
		}
	})
}

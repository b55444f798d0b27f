package simulator_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/money"
)

func subscribing(username string, more ...string) string {
	return adding("127", append([]string{"link", "", "username", username, "min", "50", "max", "60", "delay", "30", "posts", "2"}, more...)...)
}

// A post appears every slice of the pace, is an order of its own and charges for
// itself; the subscription is paid for in advance and gives back what is left.
func TestSubscriptionPostByPost(t *testing.T) {
	t.Parallel()
	p := setup(t)
	steps := []struct {
		after       time.Duration
		query, want string
	}{
		{0, subscribing("trade-weekly", "expiry", "31/12/2026"), `{"order":23501}`},
		{0, "action=balance", `{"balance":"999.7325","currency":"USD"}`}, // 50 and 57 of 2.50 for 1,000
		{0, "action=status&order=23501", `{"status":"Active","expiry":"31/12/2026","posts":"0","orders":[]}`},
		{0, "action=status&order=23502", `{"error":"Incorrect order ID"}`},
		{2 * time.Second, "action=status&order=23501", `{"status":"Active","expiry":"31/12/2026","posts":"1","orders":[23502]}`},
		{2 * time.Second, "action=status&order=23502", `{"charge":"0.125","start_count":"0","status":"Pending","remains":"50","currency":"USD"}`},
		{4 * time.Second, "action=status&orders=23502,23503", `{"23502":{"charge":"0.125","start_count":"24992","status":"Completed","remains":"0","currency":"USD"},` +
			`"23503":{"charge":"0.1425","start_count":"0","status":"Pending","remains":"57","currency":"USD"}}`},
		{4 * time.Second, "action=cancel&order=23503", `{"error":"Order cannot be canceled"}`},
		{4 * time.Second, "action=refill&order=23502", `{"refill":"901"}`},
		{6 * time.Second, "action=status&order=23501", `{"status":"Completed","expiry":"31/12/2026","posts":"2","orders":[23502,23503]}`},
		{6 * time.Second, "action=refill&order=23501", `{"error":"Order cannot be refilled: the order is not completed"}`},
		{6 * time.Second, "action=balance", `{"balance":"999.7325","currency":"USD"}`},
		{6 * time.Second, order(101, 1000, ""), `{"order":23504}`},
	}
	var passed time.Duration
	for _, step := range steps {
		p.clock.advance(step.after - passed)
		passed = step.after
		p.expect(t, step.query, step.want)
	}
}

// How a subscription ends before its time, and what that leaves of the money.
func TestSubscriptionEnds(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, query, want, balance string }{
		{"stopped", subscribing("a#sim=stop:1"), `{"status":"Canceled","expiry":"","posts":"1","orders":[23502]}`, "999.875"},
		{"before the first post", subscribing("a#sim=stop:0"), `{"status":"Canceled","expiry":"","posts":"0","orders":[]}`, "1000.00"},
		{"after the last post", subscribing("a#sim=stop:2"), `{"status":"Canceled","expiry":"","posts":"2","orders":[23502,23503]}`, "999.7325"},
		{"expired", subscribing("a#sim=expire:1"), `{"status":"Expired","expiry":"","posts":"1","orders":[23502]}`, "999.875"},
		{"paused", subscribing("a#sim=pause:1"), `{"status":"Paused","expiry":"","posts":"1","orders":[23502]}`, "999.7325"},
		{"each post in part", subscribing("a#sim=partial:50"), `{"status":"Completed","expiry":"","posts":"2","orders":[23502,23503]}`, "999.8675"},
		{"a last word", subscribing("a#sim=word:Retired"), `{"status":"Retired","expiry":"","posts":"2","orders":[23502,23503]}`, "999.7325"},
		{"a link is no matter", subscribing("a", "link", "https://example.com/#sim=refuse"), `{"status":"Completed","expiry":"","posts":"2","orders":[23502,23503]}`, "999.7325"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := setup(t)
			p.expect(t, c.query, `{"order":23501}`)
			p.clock.advance(pace)
			p.expect(t, "action=status&order=23501", c.want)
			p.expect(t, "action=balance", `{"balance":"`+c.balance+`","currency":"USD"}`)
		})
	}
}

// Its last day ends a subscription, whichever way the day is written.
func TestSubscriptionExpires(t *testing.T) {
	t.Parallel()
	for _, day := range []string{"1/3/2026", "2026-03-01", "01/03/2026"} {
		clock := newHands()
		p := setupIn(t, "", clock)
		clock.advance(12*time.Hour - 3*time.Second) // noon, until the first post
		p.expect(t, subscribing("a", "expiry", day), `{"order":23501}`)
		clock.advance(pace)
		p.expect(t, "action=status&order=23501", `{"status":"Expired","expiry":"`+day+`","posts":"1","orders":[23502]}`)
	}
}

// A client cancels a subscription, a paused one too: posts that appeared go on.
func TestSubscriptionIsCanceled(t *testing.T) {
	t.Parallel()
	cases := []struct {
		username     string
		after        time.Duration
		answer, want string
		balance      string
	}{
		{"a", 3 * time.Second, `{"cancel":1}`, `{"status":"Canceled","expiry":"","posts":"1","orders":[23502]}`, "999.875"},
		{"a", 6 * time.Second, `{"error":"Order cannot be canceled"}`, `{"status":"Completed","expiry":"","posts":"2","orders":[23502,23503]}`, "999.7325"},
		{"a#sim=pause:1", 5 * time.Second, `{"cancel":1}`, `{"status":"Canceled","expiry":"","posts":"1","orders":[23502]}`, "999.875"},
		{"a#sim=cancel-later", 3 * time.Second, `{"cancel":1}`, `{"status":"Completed","expiry":"","posts":"2","orders":[23502,23503]}`, "999.7325"},
		{"a#sim=cancel-refuse", 3 * time.Second, `{"error":"Order cannot be canceled"}`, `{"status":"Completed","expiry":"","posts":"2","orders":[23502,23503]}`, "999.7325"},
	}
	for _, c := range cases {
		p := setup(t)
		p.call(t, subscribing(c.username))
		p.clock.advance(c.after)
		p.expect(t, "action=cancel&order=23501", c.answer)
		p.clock.advance(pace)
		p.expect(t, "action=status&order=23501", c.want)
		p.expect(t, "action=balance", `{"balance":"`+c.balance+`","currency":"USD"}`)
	}
}

// Without a number of posts there are thirty.
func TestSubscriptionWithoutPostsEnds(t *testing.T) {
	t.Parallel()
	for _, none := range []string{"", "0", "undefined"} {
		p := setup(t)
		p.call(t, subscribing("a", "posts", none))
		p.clock.advance(pace)
		if o := p.Orders(); len(o) != 31 || len(o[0].Parts) != 30 || o[0].Status != "Completed" {
			t.Errorf("posts %q: %d orders, the first %+v", none, len(o), o[0])
		}
	}
}

func TestDripFeedRunByRun(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.expect(t, adding("113", "quantity", "1000", "runs", "3", "interval", "5", "link", "https://example.com/#sim=stop:2,partial:50"), `{"order":23501}`)
	p.expect(t, "action=balance", `{"balance":"998.20","currency":"USD"}`)
	p.expect(t, "action=status&order=23501", `{"status":"Pending","runs":"0","orders":[]}`)
	p.clock.advance(1500 * time.Millisecond)
	p.expect(t, "action=status&order=23501", `{"status":"In progress","runs":"1","orders":[23502]}`)
	p.clock.advance(1500 * time.Millisecond)
	p.expect(t, "action=status&order=23502", `{"charge":"0.30","start_count":"24992","status":"Partial","remains":"500","currency":"USD"}`)
	p.clock.advance(3 * time.Second)
	p.expect(t, "action=status&order=23501", `{"status":"Canceled","runs":"2","orders":[23502,23503]}`)
	p.expect(t, "action=status&order=23504", `{"error":"Incorrect order ID"}`)
	p.expect(t, "action=balance", `{"balance":"999.40","currency":"USD"}`)
	if o := p.Orders(); len(o) != 3 || o[0].Quantity != 3000 || o[0].Remains != 2000 || o[1].Parent != 23501 {
		t.Errorf("%+v", o)
	}
}

// What a restart finds of posts, runs and refills is what was there.
func TestRestartKeepsParts(t *testing.T) {
	t.Parallel()
	dir, clock := filepath.Join(t.TempDir(), "sim"), newHands()
	p := setupIn(t, dir, clock)
	p.call(t, subscribing("a#sim=stop:1", "expiry", "2/3/2026"))
	p.call(t, adding("129", "quantity", "100", "runs", "3", "interval", "5", "country", "US", "device", "1", "type_of_traffic", "3"))
	p.call(t, order(113, 100, ""))
	clock.advance(pace)
	p.expect(t, "action=refill&order=23508", `{"refill":"901"}`)
	before := p.Orders()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p = setupIn(t, dir, clock)
	for i := range before {
		before[i].Requests = 1
		if before[i].Parent != 0 {
			before[i].Requests = 0
		}
	}
	if got := p.Orders(); !reflect.DeepEqual(got, before) {
		t.Errorf("\n got %+v\nwant %+v", got, before)
	}
	p.expect(t, "action=refill&order=23508", `{"error":"Order cannot be refilled: one is in progress"}`)
	p.expect(t, order(113, 100, ""), `{"order":23509}`)
}

// More than the balance holds is refused: a series is paid for in advance.
func TestSeriesNeedsTheWholePrice(t *testing.T) {
	t.Parallel()
	p := setup(t)
	if err := p.SetBalance(267_499 * money.Unit / 1_000_000); err != nil {
		t.Fatal(err)
	}
	if got := p.call(t, subscribing("a")); !strings.Contains(got, "Not enough funds") {
		t.Error(got)
	}
}

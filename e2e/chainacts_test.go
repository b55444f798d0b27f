//go:build linux

package e2e_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// slowPace is that of a provider whose orders can be seen on their way.
const slowPace = 12 * time.Second

// wish is a word that steers what the simulator does with a wish to cancel.
type wish struct {
	word  string
	near  order.State
	whole bool // nothing is given back
}

var wishes = []wish{
	{"complete", order.Canceled, false},
	{"cancel-refuse", order.Completed, true},
	{"cancel-later", order.Completed, true},
	{"cancel-partial", order.Partial, false},
	{"cancel-partial:canceled", order.Canceled, false},
}

// What customers wish of their orders goes all the way down, and what comes of it
// all the way up, with the money that belongs to it at every step.
func TestWishesAndSeriesComeThroughTwoPanels(t *testing.T) {
	t.Parallel()
	chains(t, func(t *testing.T, c *chain) {
		c.up = newSlowUpstream(t, slowPace)
		c.reprice()
		services := []string{"127"}
		for _, v := range everyType {
			services = append(services, v.service)
		}
		c.supply("Below", provider.Classic, services...)
		c.open()
		var checks []func()
		for _, part := range []func() func(){c.takenBack, c.subscriptions, c.dripFeeds, c.refills, c.fields, c.cancels} {
			checks = append(checks, part())
		}
		for _, check := range slices.Backward(checks) { // cancels first: the provider's clock stands still for them
			check()
		}
		c.balanced()
	})
}

// cancels places orders that their customer cancels on their way: what was
// delivered by then is paid. The provider's clock stands still until it has
// every wish.
func (c *chain) cancels() (check func()) {
	c.up.pause()
	orders := map[string]string{}
	for _, w := range wishes {
		at := link("wish/"+w.word, "", w.word)
		orders[w.word] = c.listed("Below", at)
		eventually(c.t, at+" is at the provider", func() bool { return len(c.up.has(at)) == 1 })
	}
	c.up.halfway()
	return func() {
		for _, w := range wishes {
			c.reaches(orders[w.word], order.InProgress)
			c.cancel(orders[w.word])
		}
		eventually(c.t, "the provider has every wish", func() bool { return c.up.wishes() == len(wishes) })
		c.up.goOn()
		for _, w := range wishes {
			want := w.near
			if c.kind == provider.Classic && want == order.Canceled {
				want = order.Partial
			}
			o := c.reaches(orders[w.word], want)
			c.exact(o)
			if w.whole != (o.Refunded == 0) || o.Paid() == 0 {
				c.t.Errorf("%s: refunded %s of %s", w.word, o.Refunded, o.Charge)
			}
		}
	}
}

// takenBack places orders of which the provider takes its last word back: so do
// both panels, once.
func (c *chain) takenBack() (check func()) {
	taken := c.listed("Below", link("taken", "", "take-back:40"))
	revoked := c.listed("Below", link("revoked", "", "revoke"))
	return func() {
		c.exact(c.reaches(taken, order.Partial))
		if o := c.reaches(revoked, order.Canceled); o.Paid() != 0 {
			c.t.Errorf("revoked: %s are paid", o.Paid())
		}
		c.exact(c.near.order(revoked))
		for _, orderID := range []string{taken, revoked} {
			if !c.near.passed(orderID, order.Completed) {
				c.t.Errorf("%s was never completed at the near panel", orderID)
			}
		}
	}
}

// passed reports whether an order was ever in a state.
func (w *world) passed(orderID string, state order.State) (found bool) {
	w.t.Helper()
	w.read(func(tx *db.Tx) error {
		steps, err := order.Timeline(tx, orderID)
		found = slices.ContainsFunc(steps, func(s order.Step) bool { return s.To == state })
		return err
	})
	return found
}

// refills places orders that are refilled: each is asked for once at every step.
func (c *chain) refills() (check func()) {
	words := map[string]order.RefillState{
		"complete": order.RefillCompleted, "refill-number": order.RefillCompleted,
		"refill-reject": order.RefillRejected, "refill-refuse": order.RefillRejected,
	}
	orders := map[string]string{}
	for word := range words {
		orders[word] = c.listed("Below", link("refill/"+word, "", word))
	}
	return func() {
		for word := range words {
			c.exact(c.reaches(orders[word], order.Completed))
			a := c.nearNode.call(form(c.buyer.key, "refill", "order", orders[word]))
			if a.status != http.StatusOK {
				c.t.Fatalf("%s: refill: status %d, %s", word, a.status, a.body)
			}
		}
		for word, want := range words {
			c.soon(word+": the refill ends", func() bool {
				return c.near.count(`SELECT COUNT(*) FROM refills WHERE order_id = $1 AND state = $2`, orders[word], string(want)) == 1
			})
			near := c.near.order(orders[word])
			if asked := len(c.simulated(near.Link).Refills); (asked == 1) != (word != "refill-refuse") {
				c.t.Errorf("%s: the provider has %d refills", word, asked)
			}
			if n := c.far.count(`SELECT COUNT(*) FROM refills WHERE order_id = $1`, c.farOf(near).ID); n != 1 {
				c.t.Errorf("%s: the far panel has %d refills", word, n)
			}
		}
	}
}

// dripFeeds places orders in runs. Each run is an order of its own at the far
// panel; the sum of what they cost is what their customer pays.
func (c *chain) dripFeeds() (check func()) {
	const runs = 3
	whole := c.listed("Below", link("drip/whole", "", "complete"), "runs", strconv.Itoa(runs), "interval", "1")
	part := c.listed("Below", link("drip/part", "", "partial:40"), "runs", strconv.Itoa(runs), "interval", "1")
	return func() {
		for orderID, want := range map[string]order.State{whole: order.Completed, part: order.Partial} {
			o := c.reaches(orderID, want)
			if far, held := len(c.there(o.Link)), len(c.up.has(o.Link)); far != runs || held != runs {
				c.t.Errorf("%s: %d orders at the far panel, %d at the provider, want %d", o.Link, far, held, runs)
			}
			c.runsExact(o, runs)
		}
	}
}

// runsExact compares the runs of a drip-feed with their far orders.
func (c *chain) runsExact(o *order.Order, runs int) {
	c.t.Helper()
	children := c.near.ordersWhere(`parent_id = $1`, o.ID)
	var shares, paid money.Amount
	for _, run := range children {
		far := c.farOf(run)
		shares, paid = shares+run.Charge, paid+run.Paid()
		if run.Refunded != money.Refund(run.Charge, givenBack(far), run.Quantity) || *run.ProviderCharge != far.Paid() {
			c.t.Errorf("run %d: refunded %s of %s, cost %s; the far panel refunded %s of %s",
				run.Run, run.Refunded, run.Charge, *run.ProviderCharge, far.Refunded, far.Charge)
		}
	}
	if len(children) != runs || shares != o.Charge || paid != o.Paid() {
		c.t.Errorf("%s: %d runs are %s of %s and paid with %s of %s", o.Link, len(children), shares, o.Charge, paid, o.Paid())
	}
}

// subscriptions places some that end in each way. One is forwarded as a whole;
// each post costs its customer what it cost at the far panel, at the near rate.
func (c *chain) subscriptions() (check func()) {
	posts := map[string]int64{"trade-weekly": 3, "stopped-weekly#sim=stop:2": 2, "expired-weekly#sim=expire:1": 1, "never-weekly#sim=stop:0": 0}
	orders := map[string]string{}
	for name := range posts {
		orders[name] = c.place("Below", "127", "sub-"+name, "username", name, "min", "70", "max", "77", "posts", "3", "delay", "0")
	}
	return func() {
		for name, want := range posts {
			var o *order.Order
			c.soon(name+" ends", func() bool {
				o = c.near.order(orders[name])
				return o.State.Final() && c.near.count(`SELECT COUNT(*) FROM orders WHERE parent_id = $1 AND finished_at IS NULL`, o.ID) == 0
			})
			if o.Run != want {
				c.t.Errorf("%s: %s after %d posts, want %d", name, o.State, o.Run, want)
			}
			c.postsExact(o)
		}
	}
}

// postsExact compares what the posts of a subscription cost at both ends.
func (c *chain) postsExact(o *order.Order) {
	c.t.Helper()
	var paid money.Amount
	for _, post := range c.near.ordersWhere(`parent_id = $1`, o.ID) {
		far := c.farOf(post)
		want, err := money.Scale(far.Paid(), int64(o.Rate), int64(o.Cost))
		must(c.t, err)
		if post.Paid() != min(want, post.Charge) || *post.ProviderCharge != far.Paid() {
			c.t.Errorf("post %d of %s: paid %s of %s, cost %s; the far panel took %s", post.Run, o.ID, post.Paid(), post.Charge, *post.ProviderCharge, far.Paid())
		}
		paid += post.Paid()
	}
	if o.Paid() != paid {
		c.t.Errorf("%s is paid with %s, its posts with %s", o.ID, o.Paid(), paid)
	}
}

// typed is what an order of a type has beside its link.
type typed struct {
	service string
	fields  []string
}

var everyType = []typed{
	{service: listing, fields: []string{"quantity", "333"}},
	{service: "114"},
	{service: "116", fields: []string{"comments", "First: 50 % more + 2 & 3 = ☕🎉\r\nSecond, with a comma\r\nDritte Zeile: größer"}},
	{service: "117", fields: []string{"comments", "Is 1+1=2?\nIs 100%25 right & proper?"}},
	{service: "118", fields: []string{"quantity", "12", "username", "reviewer+one & co"}},
	{service: "119", fields: []string{"username", "réviseur", "comments", "Thanks! 👍\r\n+1 & agreed"}},
	{service: "120", fields: []string{"quantity", "12", "usernames", "firm-one\r\nfirm+two", "hashtags", "print&paper\r\nd%C3%A9sign"}},
	{service: "121", fields: []string{"usernames", "firm-one\r\nfirm & sons\r\nfirm ☕"}},
	{service: "122", fields: []string{"quantity", "12", "hashtag", "r+d&more"}},
	{service: "123", fields: []string{"quantity", "60", "username", "trade weekly 100%"}},
	{service: "124", fields: []string{"quantity", "60", "media", "https://example.com/paper?a=1+2&b=%C3%A9"}},
	{service: "125", fields: []string{"quantity", "12", "answer_number", "3"}},
	{service: "126", fields: []string{"quantity", "60", "groups", "https://example.com/g?a=1&b=2\r\nhttps://example.com/h"}},
	{service: "128", fields: []string{"quantity", "12", "keywords", "paper + print\r\n50 % off & more\r\nкниги"}},
	{service: "129", fields: []string{"quantity", "200", "country", "DE", "device", "5", "type_of_traffic", "2", "referring_url", "https://example.com/?q=a+b&c=%25"}},
}

// fields places an order of each type: every field arrives at the provider as the
// first customer sent it, through two panels.
func (c *chain) fields() (check func()) {
	at := func(v typed) string { return "https://example.com/" + v.service + "?q=a+b&c=%25&d=%F0%9F%8E%89" }
	orders := map[string]string{}
	for _, v := range everyType {
		orders[v.service] = c.place("Below", v.service, v.service, append([]string{"link", at(v)}, v.fields...)...)
	}
	return func() {
		for _, v := range everyType {
			o := c.reaches(orders[v.service], order.Completed)
			c.exact(o)
			held := c.simulated(at(v))
			if held.Quantity != o.Quantity {
				c.t.Errorf("%s: %d units at the provider, %d at the near panel", v.service, held.Quantity, o.Quantity)
			}
			for i := 0; i < len(v.fields); i += 2 {
				got := held.Fields[v.fields[i]]
				if v.fields[i] == "quantity" {
					got = strconv.FormatInt(held.Quantity, 10)
				}
				// Line ends are LF within the panel and beyond it.
				if want := strings.ReplaceAll(v.fields[i+1], "\r\n", "\n"); got != want {
					c.t.Errorf("%s: %s arrived as %q, was sent as %q", v.service, v.fields[i], got, v.fields[i+1])
				}
			}
		}
	}
}

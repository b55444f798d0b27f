//go:build linux

package e2e_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/provider/simulator"
)

// What most orders of a chain are of: impressions of a listing, with drip-feed,
// refill and cancel. Its price there is one that no share of divides evenly, and
// so are the mark-ups of both panels.
const (
	listing     = "113"
	listingRate = money.Amount(617_283)
	farMarkup   = "7.3%"
	nearMarkup  = "13.7%"
	chainOrder  = 333
	chainMoney  = 1000 * money.Unit
)

// chain is two panels of which the far one is the near one's provider. The far
// one's is the simulator.
type chain struct {
	t         *testing.T
	kind      provider.Kind // that the far panel is to the near one
	up        *upstream
	far, near *world
	farEnv    []string // of the far panel, besides

	farNode, nearNode *panel
	line              *line     // between the panels
	reseller          *customer // the near panel, as the far one sees it
	buyer             *customer // of the near panel
	below             map[string]*source
	above             *source
}

// chains runs a test on a chain of each kind, the near panel on each database and
// the far one on the other.
func chains(t *testing.T, test func(t *testing.T, c *chain)) {
	t.Helper()
	for _, kind := range []provider.Kind{provider.Native, provider.Classic} {
		chainsOf(t, kind, test)
	}
}

func chainsOf(t *testing.T, kind provider.Kind, test func(t *testing.T, c *chain)) {
	t.Helper()
	for near, far := range map[db.Engine]db.Engine{db.SQLite: db.Postgres, db.Postgres: db.SQLite} {
		t.Run(string(kind)+" "+string(near)+" above "+string(far), func(t *testing.T) {
			t.Parallel()
			test(t, &chain{t: t, kind: kind, far: newWorld(t, far), near: newWorld(t, near), below: map[string]*source{}})
		})
	}
}

// supply gives the far panel a provider under a name, of which it sells services.
func (c *chain) supply(name string, kind provider.Kind, services ...string) {
	c.t.Helper()
	key := upstreamKey
	if kind == provider.Native {
		key = nativeUpstreamKey
	}
	n := provider.New{Name: name, URL: c.up.URL + "/api/v2", Key: key, Kind: kind}
	if kind != provider.Native {
		n.Profile.PackagePrice = provider.PriceFlat
	}
	c.below[name] = c.far.resell(n, farMarkup, services...)
}

// open starts both panels once the far one has what it sells.
func (c *chain) open(env ...string) {
	c.t.Helper()
	c.farNode = c.far.serve(append([]string{"NOTPANEL_PROVIDER_TIMEOUT=1s"}, c.farEnv...)...)
	c.line = newLine(c.t, c.farNode)
	c.reseller = c.far.customer(chainMoney)
	key := c.reseller.key
	if c.kind == provider.Classic {
		key = c.far.classicKey(c.reseller)
	}
	n := provider.New{Name: "Far", URL: c.line.url + "/api/v2", Key: key, Kind: c.kind}
	if c.kind == provider.Classic {
		n.Profile.PackagePrice = provider.PricePer1000
	}
	c.above = c.near.resell(n, nearMarkup)
	c.nearNode = c.near.serve(env...)
	c.buyer = c.near.customer(chainMoney)
}

// classicKey gives a customer a key of the classic dialect.
func (w *world) classicKey(c *customer) string {
	w.t.Helper()
	key, _, err := w.keys.Issue(w.t.Context(), apikey.NewKey{AccountID: c.account.ID, Dialect: apikey.Classic, Mode: apikey.Live}, "test")
	must(w.t, err)
	return key
}

// resell adds a provider and sells services of it, all without a name.
func (w *world) resell(n provider.New, raise string, services ...string) *source {
	w.t.Helper()
	ctx := w.t.Context()
	p, err := w.providers.Create(ctx, n, "test")
	must(w.t, err)
	allow, err := outbound.ParseAllow("127.0.0.0/8")
	must(w.t, err)
	markup, err := money.ParsePercent(raise)
	must(w.t, err)
	_, err = provider.Importer{
		Providers: w.providers, Catalog: w.catalog, Guard: outbound.NewOperator(allow), Timeout: 10 * time.Second, Currency: "USD",
	}.Run(ctx, p.ID, provider.ImportOptions{Markup: &markup, Only: services}, "test")
	must(w.t, err)
	s := &source{provider: p, services: map[string]int64{}}
	all, err := w.catalog.List(ctx)
	must(w.t, err)
	for _, v := range all {
		if v.Source.ProviderID == p.ID {
			s.services[v.Source.ProviderService] = v.ID
		}
	}
	return s
}

// service is the near panel's number of what the far one buys from a provider.
func (c *chain) service(name, service string) string {
	c.t.Helper()
	far := c.below[name].services[service]
	near := c.above.services[strconv.FormatInt(far, 10)]
	if far == 0 || near == 0 {
		c.t.Fatalf("service %s of %s is %d at the far panel and %d at the near one", service, name, far, near)
	}
	return strconv.FormatInt(near, 10)
}

// place orders at the near panel and returns the order's id there.
func (c *chain) place(name, service, requestID string, more ...string) string {
	c.t.Helper()
	fields := append([]string{"service", c.service(name, service), "request_id", requestID}, more...)
	return c.nearNode.place(form(c.buyer.key, "add", fields...)).Order
}

// listed orders impressions of a listing.
func (c *chain) listed(name, at string, more ...string) string {
	c.t.Helper()
	return c.place(name, listing, at, append([]string{"link", at, "quantity", strconv.Itoa(chainOrder)}, more...)...)
}

// there returns the far panel's orders for a link.
func (c *chain) there(at string) (all []*order.Order) {
	c.t.Helper()
	return c.far.ordersWhere(`link = $1`, at)
}

// farOf returns the far panel's order that a near one became.
func (c *chain) farOf(near *order.Order) *order.Order {
	c.t.Helper()
	all := c.far.ordersWhere(`id = $1 OR CAST(number AS TEXT) = $2 AND account_id = $3`, near.UpstreamID, near.UpstreamID, c.reseller.account.ID)
	if len(all) != 1 {
		c.t.Fatalf("%d orders are %q at the far panel", len(all), near.UpstreamID)
	}
	return all[0]
}

// ordersWhere reads orders that are alike, oldest first.
func (w *world) ordersWhere(condition string, args ...any) (all []*order.Order) {
	w.t.Helper()
	w.read(func(tx *db.Tx) error {
		all = nil
		ids, err := db.All(tx, func(s db.Scanner) (id string, err error) {
			err = s.Scan(&id)
			return id, err
		}, `SELECT id FROM orders WHERE `+condition+` ORDER BY id`, args...)
		for _, id := range ids {
			o, getErr := order.Get(tx, id)
			if getErr != nil {
				return getErr
			}
			all = append(all, o)
		}
		return err
	})
	return all
}

// hurry makes due what a panel would do later: asking about orders, those that
// have ended too, and about refills, sending what was put off, the next run.
func (w *world) hurry() {
	w.t.Helper()
	w.write(func(tx *db.Tx) error {
		now := db.At(tx.Now)
		for _, statement := range []string{
			`UPDATE orders SET next_check_at = $1 WHERE next_check_at > $1`,
			`UPDATE orders SET due_at = $1 WHERE due_at > $1 AND state = 'pending'`,
			`UPDATE orders SET next_run_at = $1 WHERE next_run_at > $1`,
			`UPDATE refills SET next_check_at = $1 WHERE next_check_at > $1`,
			`UPDATE submissions SET lease_until = $1 WHERE lease_until > $1 AND outcome = 'unknown' AND ended_at IS NOT NULL`,
		} {
			if _, err := tx.Exec(statement, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// soon waits until done returns true, in a time in which both panels hurry.
func (c *chain) soon(what string, done func() bool) {
	c.t.Helper()
	looks := 0
	eventually(c.t, what, func() bool {
		if looks++; looks%25 == 0 {
			c.far.hurry()
			c.near.hurry()
		}
		return done()
	})
}

// reaches waits until a near order is in a state.
func (c *chain) reaches(orderID string, state order.State) (o *order.Order) {
	c.t.Helper()
	waiting := true
	defer func() {
		if waiting {
			c.t.Log(c.trails(o.Link))
		}
	}()
	c.soon(orderID+" becomes "+string(state), func() bool {
		o = c.near.order(orderID)
		return o.State == state
	})
	waiting = false
	return o
}

// cancel asks the near panel to cancel an order.
func (c *chain) cancel(orderID string) {
	c.t.Helper()
	a := c.nearNode.call(form(c.buyer.key, "cancel", "order", orderID))
	if a.status != http.StatusOK {
		c.t.Fatalf("cancel: status %d, %s", a.status, a.body)
	}
}

// exact compares what an order cost at both ends: each customer pays for what was
// delivered by the rate that he bought at, and the near panel's cost is what the
// far panel took.
func (c *chain) exact(near *order.Order) {
	c.t.Helper()
	far := c.farOf(near)
	for panel, o := range map[string]*order.Order{"near": near, "far": far} {
		full, err := money.Charge(o.Rate, o.Quantity)
		must(c.t, err)
		if left := givenBack(o); o.Charge != full || o.Refunded != money.Refund(full, left, o.Quantity) {
			c.t.Errorf("%s: the %s panel charged %s and refunded %s of %s for %d of %d",
				o.Link, panel, o.Charge, o.Refunded, full, left, o.Quantity)
		}
	}
	if givenBack(near) != givenBack(far) {
		c.t.Errorf("%s: near %d of %d were refunded, far %d", near.Link, givenBack(near), near.Quantity, givenBack(far))
	}
	if near.ProviderCharge == nil || *near.ProviderCharge != far.Paid() {
		c.t.Errorf("%s: the near panel says that it cost %v, the far one took %s", near.Link, near.ProviderCharge, far.Paid())
	}
}

// givenBack is the quantity for which an order was refunded.
func givenBack(o *order.Order) int64 {
	switch {
	case o.Refunded == 0:
		return 0
	case o.Remains == nil && o.Refunded == o.Charge:
		return o.Quantity // it never went out
	case o.Remains == nil:
		return -1
	}
	return *o.Remains
}

// balanced compares both wallets with the orders: what the near panel's books say
// that it spent is what is missing in its wallet at the far one.
func (c *chain) balanced() {
	c.t.Helper()
	sum := func(w *world, of string) money.Amount {
		return money.Amount(w.count(`SELECT CAST(COALESCE(SUM(` + of + `), 0) AS BIGINT) FROM orders WHERE kind <> 'run' AND kind <> 'post'`))
	}
	spent := money.Amount(c.near.count(`SELECT CAST(COALESCE(SUM(provider_charge), 0) AS BIGINT) FROM orders
		WHERE id NOT IN (SELECT parent_id FROM orders WHERE parent_id IS NOT NULL)`))
	paid := sum(c.far, "charge - refunded")
	if spent != paid {
		c.t.Errorf("the near panel's orders cost it %s by its books, the far panel took %s", spent, paid)
	}
	c.far.holds(c.reseller.wallet, chainMoney-paid)
	c.near.holds(c.buyer.wallet, chainMoney-sum(c.near, "charge - refunded"))
	if n := c.near.count(`SELECT COUNT(*) FROM transfers WHERE kind = $1`, string(ledger.OrderCharge)); n != c.near.count(`SELECT COUNT(*) FROM orders WHERE kind <> 'run' AND kind <> 'post'`) {
		c.t.Errorf("%d charges at the near panel", n)
	}
}

// simulated returns the provider's only order for a link.
func (c *chain) simulated(at string) simulator.Order {
	c.t.Helper()
	held := c.up.has(at)
	if len(held) != 1 {
		c.t.Fatalf("%s: the provider holds %d orders", at, len(held))
	}
	return held[0]
}

// reprice gives the listing the price that no share of divides evenly.
func (c *chain) reprice() {
	c.t.Helper()
	rate := listingRate
	must(c.t, c.up.sim.Change(simulator.Change{Service: 113, Rate: &rate}))
}

// fate is a word that steers the simulator below the far panel, and what becomes
// of an order of the near one's customer.
type fate struct {
	word  string
	below provider.Kind                             // that the simulator is to the far panel; "" is classic
	far   order.State                               // where the far panel's order rests by itself
	staff func(c *chain, far *order.Order) []string // what its staff say then, after `order settle ID`
	buyer bool                                      // the near panel's customer cancels then
	near  order.State                               // where the near panel's order ends
	upTo  int64                                     // percent of it that are paid
}

// name is the provider's at the far panel: each fate has one of its own, so that
// one's trouble is not another's.
func (f fate) name() string { return strings.TrimSpace(string(f.below) + " " + f.word) }

// link is where an order of that fate goes.
func (f fate) link() string {
	return link(strings.ReplaceAll(f.name(), " ", "/"), "", f.word)
}

func accepted(c *chain, far *order.Order) []string {
	return []string{"--accepted-as", strconv.FormatInt(c.simulated(far.Link).ID, 10)}
}
func notAccepted(*chain, *order.Order) []string { return []string{"--not-accepted"} }
func givenUp(*chain, *order.Order) []string     { return []string{"--cancel"} }

var fates = []fate{
	{word: "complete", near: order.Completed, upTo: 100},
	{word: "partial:40", near: order.Partial, upTo: 40},
	{word: "partial:0", near: order.Partial, upTo: 0},
	{word: "cancel", near: order.Canceled, upTo: 0},
	{word: "cancel-at:40", near: order.Canceled, upTo: 40},
	{word: "refuse", near: order.Canceled, upTo: 0},
	{word: "refuse-later:2", near: order.Completed, upTo: 100},
	{word: "refuse-unknown", far: order.Held, staff: givenUp, near: order.Canceled, upTo: 0},
	{word: "no-funds", far: order.Pending, buyer: true, near: order.Canceled, upTo: 0},
	{word: "string-id,numbers,charge:long,partial:40", near: order.Partial, upTo: 40},
	{word: "timeout-accepted", far: order.Uncertain, staff: accepted, near: order.Completed, upTo: 100},
	{word: "timeout-lost:1", far: order.Uncertain, staff: notAccepted, near: order.Completed, upTo: 100},
	{word: "timeout-lost", far: order.Uncertain, staff: givenUp, near: order.Canceled, upTo: 0},
	{word: "500-accepted", far: order.Uncertain, staff: accepted, near: order.Completed, upTo: 100},
	{word: "500-accepted,partial:40", far: order.Uncertain, staff: accepted, near: order.Partial, upTo: 40},
	{word: "500-json-accepted", far: order.Uncertain, staff: givenUp, near: order.Canceled, upTo: 0},
	{word: "garbage", far: order.Uncertain, staff: accepted, near: order.Completed, upTo: 100},
	{word: "drop-body", far: order.Uncertain, staff: accepted, near: order.Completed, upTo: 100},
	{word: "empty,cancel", far: order.Uncertain, staff: accepted, near: order.Canceled, upTo: 0},
	{word: "no-id", far: order.Uncertain, staff: accepted, near: order.Completed, upTo: 100},
	{word: "timeout-accepted", below: provider.Native, near: order.Completed, upTo: 100},
	{word: "timeout-lost", below: provider.Native, near: order.Completed, upTo: 100},
	{word: "500-accepted,cancel-at:40", below: provider.Native, near: order.Canceled, upTo: 40},
	{word: "garbage,partial:40", below: provider.Native, near: order.Partial, upTo: 40},
}

// Whatever becomes of an order at the far end, by itself or by what the far
// panel's staff say, becomes of it at the near end, with the money that belongs
// to it at every step.
func TestEveryOutcomeComesThroughTwoPanels(t *testing.T) {
	t.Parallel()
	chains(t, func(t *testing.T, c *chain) {
		c.up = newUpstream(t)
		c.reprice()
		for _, f := range fates {
			c.supply(f.name(), f.below, listing)
		}
		c.supply("fail", provider.Classic, listing)
		c.open()
		failed := c.listed("fail", link("fail", "", "fail"))
		orders := map[string]string{}
		for _, f := range fates {
			orders[f.name()] = c.listed(f.name(), f.link())
		}
		for _, f := range fates {
			c.meets(f, orders[f.name()])
		}
		c.waitsBelow(failed)
		c.balanced()
		if n := c.near.count(`SELECT COUNT(*) FROM orders WHERE ever_unknown`); n > 0 {
			t.Errorf("%d orders between the panels had an unknown outcome", n)
		}
	})
}

// waitsBelow waits until an order needs a person at the far panel: the near one
// sees it run, and gives nothing back.
func (c *chain) waitsBelow(orderID string) {
	c.t.Helper()
	c.soon("the far panel asks for a person", func() bool {
		near := c.near.order(orderID)
		return near.UpstreamID != "" && near.ProviderCharge != nil && c.farOf(near).Attention != ""
	})
	near := c.near.order(orderID)
	if far := c.farOf(near); near.State.Final() || far.State.Final() || near.Refunded != 0 || far.Refunded != 0 || near.Attention != "" {
		c.t.Errorf("%s: near %s with %s refunded, %q; far %s with %s refunded", near.Link, near.State, near.Refunded, near.Attention, far.State, far.Refunded)
	}
}

// meets waits for what an order must become and compares the money.
func (c *chain) meets(f fate, orderID string) {
	c.t.Helper()
	if f.far != "" {
		c.decides(f, orderID)
	}
	want := f.near
	if c.kind == provider.Classic && want == order.Canceled && f.upTo > 0 {
		want = order.Partial // the classic word for it
	}
	o := c.reaches(orderID, want)
	c.exact(o)
	if full := f.upTo == 100; full != (o.Refunded == 0) || f.upTo == 0 && o.Paid() != 0 {
		c.t.Errorf("%s: refunded %s of %s, want %d percent of it", f.word, o.Refunded, o.Charge, 100-f.upTo)
	}
	if f.upTo > 0 && f.upTo < 100 {
		if held := c.simulated(o.Link); *o.Remains != held.Remains || (chainOrder-held.Remains)*100/chainOrder != f.upTo-1 && (chainOrder-held.Remains)*100/chainOrder != f.upTo {
			c.t.Errorf("%s: %d remain at the near panel, %d at the provider", f.word, *o.Remains, held.Remains)
		}
	}
	if far := c.there(o.Link); len(far) != 1 {
		c.t.Errorf("%s: the far panel holds %d orders", f.word, len(far))
	}
}

// decides waits until the far panel's order rests and says what it waits for.
func (c *chain) decides(f fate, orderID string) {
	c.t.Helper()
	var far *order.Order
	c.soon("the far order of "+f.word+" is "+string(f.far), func() bool {
		all := c.there(c.near.order(orderID).Link)
		if len(all) == 1 {
			far = all[0]
		}
		return far != nil && far.State == f.far && len(c.far.submissions(far.ID)) > 0
	})
	if near := c.near.order(orderID); near.Refunded != 0 || near.State.Final() {
		c.t.Errorf("%s: the near order is %s with %s refunded before anybody knows", f.word, near.State, near.Refunded)
	}
	if f.staff != nil {
		c.far.command(slices.Concat([]string{"order", "settle", far.ID}, f.staff(c, far))...)
	}
	if f.buyer {
		c.cancel(orderID)
	}
}

// trails is what both panels know of an order, for a test that fails.
func (c *chain) trails(at string) string {
	c.t.Helper()
	var all strings.Builder
	for name, w := range map[string]*world{"near": c.near, "far": c.far} {
		for _, o := range w.ordersWhere(`link = $1`, at) {
			must(c.t, w.db.Read(context.WithoutCancel(c.t.Context()), func(tx *db.Tx) error {
				steps, err := order.Timeline(tx, o.ID)
				for _, s := range steps {
					_, _ = all.WriteString("\n" + name + " " + s.At.Format(time.TimeOnly) + " " + string(s.To) + ": " + s.Reason)
				}
				return err
			}))
		}
	}
	return all.String()
}

//go:build linux

package e2e_test

import (
	"strconv"
	"testing"

	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// faults are ways in which the line between the panels breaks while an order is
// being sent, as a link's query says them.
var faults = []string{
	cutAfter + "=0", cutAfter + "=1", cutAfter + "=20", keepTail + "=1", keepTail + "=2", keepTail + "=30", unsent, stalled,
	cutAfter + "=0&" + times + "=3", unsent + "&" + times + "=2",
}

// However the line to a native panel breaks, every order settles by itself, and
// is there once.
func TestABrokenLineToANativePanelSettlesByItself(t *testing.T) {
	t.Parallel()
	chainsOf(t, provider.Native, func(t *testing.T, c *chain) {
		c.up = newUpstream(t)
		c.supply("Below", provider.Classic, listing)
		c.open("NOTPANEL_PROVIDER_TIMEOUT=1s")
		orders := map[string]string{}
		for _, fault := range faults {
			at := link("broken", fault, "partial:40")
			orders[at] = c.listed("Below", at)
		}
		c.onceEach(orders, order.Partial)
		if n := c.near.count(`SELECT COUNT(*) FROM orders WHERE ever_unknown`); n != int64(len(faults)) {
			t.Errorf("%d of %d orders were ever uncertain", n, len(faults))
		}
	})
}

// onceEach waits for the end of orders by their links, and compares: each is at
// the far panel once, at its provider once, and exact.
func (c *chain) onceEach(orders map[string]string, want order.State) {
	c.t.Helper()
	for at, orderID := range orders {
		o := c.reaches(orderID, want)
		if far := len(c.there(at)); far != 1 || len(c.up.has(at)) != 1 || o.Attention != "" {
			c.t.Errorf("%s: the far panel holds %d orders, the provider %d; attention %q", at, far, len(c.up.has(at)), o.Attention)
		}
		c.exact(o)
	}
	if n := c.far.count(`SELECT COUNT(*) FROM orders`); n != int64(len(orders)) {
		c.t.Errorf("the far panel holds %d orders for %d", n, len(orders))
	}
	c.balanced()
}

// An order whose answer from a classic panel broke off waits for a person, and is
// never sent again by itself.
func TestABrokenLineToAClassicPanelWaitsForAPerson(t *testing.T) {
	t.Parallel()
	chainsOf(t, provider.Classic, func(t *testing.T, c *chain) {
		c.up = newUpstream(t)
		c.supply("Below", provider.Classic, listing)
		c.open("NOTPANEL_PROVIDER_TIMEOUT=1s")
		orders := map[string]string{}
		for i, fault := range faults[:8] {
			at := link("broken", fault, "complete")
			orders[at] = c.listed("Below", at)
			c.reaches(orders[at], order.Uncertain)
			// A definite answer between them: three without one would stop the sending.
			c.reaches(c.listed("Below", link("between/"+strconv.Itoa(i), "", "complete")), order.Completed)
		}
		for at, orderID := range orders {
			o := c.near.order(orderID)
			far := int64(len(c.there(at)))
			if o.State != order.Uncertain || o.Refunded != 0 || c.line.sent(at) != 1 || far > 1 {
				t.Errorf("%s: %s, refunded %s, sent %d times, %d at the far panel", at, o.State, o.Refunded, c.line.sent(at), far)
			}
			how := []string{"--not-accepted"}
			if far == 1 {
				how = []string{"--accepted-as", strconv.FormatInt(c.there(at)[0].Number, 10)}
			}
			c.near.command(append([]string{"order", "settle", orderID}, how...)...)
		}
		for at, orderID := range orders {
			c.exact(c.reaches(orderID, order.Completed))
			if far := len(c.there(at)); far != 1 {
				t.Errorf("%s: %d at the far panel", at, far)
			}
		}
		c.balanced()
	})
}

// A near panel that is killed while the far one answers asks again when it is
// back, and gets the orders that are there.
func TestTheNearPanelIsKilledWhileTheFarOneAnswers(t *testing.T) {
	t.Parallel()
	chainsOf(t, provider.Native, func(t *testing.T, c *chain) {
		c.up = newUpstream(t)
		c.supply("Below", provider.Classic, listing)
		c.open("NOTPANEL_PROVIDER_TIMEOUT=60s")
		orders := map[string]string{}
		for i := range provider.DefaultSlots {
			at := link("killed/"+strconv.Itoa(i), stalled, "partial:40")
			orders[at] = c.listed("Below", at)
		}
		eventually(t, "the far panel has all", func() bool { return c.far.count(`SELECT COUNT(*) FROM orders`) == int64(len(orders)) })
		c.nearNode.kill()
		c.near.endLeases()
		c.nearNode = c.near.serve()
		c.onceEach(orders, order.Partial)
	})
}

// A far panel that is killed while orders arrive has each of them once when it is
// back, and the near one learns of all.
func TestTheFarPanelIsKilledWhileOrdersArrive(t *testing.T) {
	t.Parallel()
	chainsOf(t, provider.Native, func(t *testing.T, c *chain) {
		c.up = newUpstream(t)
		c.supply("Below", provider.Native, listing)
		c.open()
		orders := map[string]string{}
		for i := range 40 {
			at := link("killed/"+strconv.Itoa(i), "", "partial:40")
			orders[at] = c.listed("Below", at)
			if i == 20 {
				eventually(t, "some have arrived", func() bool { return c.far.count(`SELECT COUNT(*) FROM orders`) >= 5 })
				c.farNode.kill()
			}
		}
		c.far.endLeases()
		c.farNode = c.far.serve("NOTPANEL_PROVIDER_TIMEOUT=1s")
		c.line.leads(c.farNode)
		c.onceEach(orders, order.Partial)
	})
}

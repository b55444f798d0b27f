//go:build linux

package e2e_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
)

// Test keys order from a sandbox over HTTP: each outcome settles by itself, staff
// see nothing of it, no provider hears of it, and live orders go on beside it.
func TestTheSandboxBesideLiveOrders(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		up := newUpstream(t)
		from, c, other := w.source("Upstream", up.URL), w.customer(chainMoney), w.customer(chainMoney)
		n := w.serve()
		ends := map[string]order.State{
			"complete": order.Completed, "partial:40": order.Partial, "cancel": order.Canceled, "cancel-at:40": order.Canceled, "refuse": order.Failed,
			"refuse-unknown": order.Canceled, "refuse-later:2": order.Completed, "no-funds": order.Canceled, "timeout-accepted": order.Completed,
			"timeout-lost": order.Canceled, "500-accepted": order.Completed, "garbage": order.Completed, "fail": order.Canceled, "http:502": order.Canceled,
		}
		played := map[string]string{}
		for word := range ends {
			played[word] = n.place(adding(c.testKey, from, "play-"+word, link("play/"+word, "", word))).Order
		}
		const live = 60
		var orders []string
		for i := range live {
			name := "live-" + strconv.Itoa(i)
			orders = append(orders, n.place(adding(other.key, from, name, link(name, "", "complete"))).Order)
		}
		looks := 0
		eventually(t, "all test orders settle by themselves", func() bool {
			if looks++; looks%20 == 0 {
				w.hurry()
				n.showsNothingOf(w)
			}
			return w.count(`SELECT COUNT(*) FROM orders WHERE mode = 'test' AND finished_at IS NULL`) == 0
		})
		for word, want := range ends {
			if o := w.order(played[word]); o.State != want || o.Attention != "" {
				t.Errorf("%s: %s, attention %q; want %s", word, o.State, o.Attention, want)
			}
		}
		for _, orderID := range orders {
			w.reaches(orderID, order.Completed)
		}
		w.holds(c.wallet, chainMoney)
		w.holds(other.wallet, chainMoney-live*charge)
		for _, held := range up.sim.Orders() {
			if strings.Contains(held.Link, "/play/") {
				t.Errorf("the provider got the test order %s", held.Link)
			}
		}
		w.playIsApart(n, played)
	})
}

// showsNothingOf fails the test if an order of the sandbox counts as one that
// waits for a person.
func (n *panel) showsNothingOf(w *world) {
	n.t.Helper()
	for _, path := range []string{"/metrics", "/readyz"} {
		request, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, n.ops+path, http.NoBody)
		must(n.t, err)
		a, err := n.do(request)
		must(n.t, err)
		if a.status != http.StatusOK {
			n.t.Errorf("%s: status %d, %s", path, a.status, a.body)
		}
		for line := range strings.Lines(a.body) {
			if strings.HasPrefix(line, "notpanel_orders_waiting{") && !strings.HasSuffix(strings.TrimSpace(line), " 0") {
				n.t.Errorf("%s, and %d live orders wait", strings.TrimSpace(line),
					w.count(`SELECT COUNT(*) FROM orders WHERE mode = 'live' AND (state IN ('held', 'uncertain') OR attention <> '')`))
			}
		}
	}
}

// playIsApart looks for test orders where staff look, and in the money.
func (w *world) playIsApart(n *panel, played map[string]string) {
	w.t.Helper()
	listed, test := w.command("order", "list", "--limit", "500"), w.command("order", "list", "--limit", "500", "--test")
	for word, orderID := range played {
		if strings.Contains(listed, orderID) || !strings.Contains(test, orderID) {
			w.t.Errorf("%s: in the list of live orders, or not in that of test orders", word)
		}
	}
	if waiting := w.command("order", "list", "--attention", "--limit", "500"); strings.Contains(waiting, "ord_") {
		w.t.Errorf("these wait for a person:\n%s", waiting)
	}
	if transfers := w.count(`SELECT COUNT(*) FROM transfers WHERE kind IN ($1, $2) AND ref IN (SELECT id FROM orders WHERE mode = 'test')
		AND debit NOT LIKE 'test:%' AND credit NOT LIKE 'test:%'`, string(ledger.OrderCharge), string(ledger.OrderRefund)); transfers != 0 {
		w.t.Errorf("%d transfers of test orders are of real money", transfers)
	}
	n.showsNothingOf(w)
}

package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
)

// setUpOrders returns a panel with a customer who has 10.00, and n orders of
// 0.60 each that wait for a person in the state.
func setUpOrders(t *testing.T, n int, state order.State) (p *panel, ids []string) {
	t.Helper()
	p = newPanel(t)
	p.account("a@example.com")
	p.ok("account", "credit", "a@example.com", "10", "--reason", "x")
	p.ok("provider", "add", "--name", "Theirs", "--url", newProvider(t, "k"), "--key", "k")
	p.ok("provider", "import", "Theirs", "--markup", "20", "--outbound-allow", "127.0.0.0/8")
	core := p.core()
	for i := range n {
		orderID := place(t, core, "request-"+strconv.Itoa(i))
		await(t, core, orderID, state)
		ids = append(ids, orderID)
	}
	return p, ids
}

// place orders 1,000 of the first service.
func place(t *testing.T, core *app.Core, requestID string) (orderID string) {
	t.Helper()
	placer := order.NewPlacer(core.DB, order.PlacerOptions{})
	defer placer.Close()
	fields := map[string]string{"service": "1", "link": "https://example.com/a?b=1&c=2", "quantity": "1000", "request_id": requestID}
	request, err := order.ParseRequest(func(name string) string { return fields[name] })
	if err != nil {
		t.Fatal(err)
	}
	buyer, snapshot := buyerOf(t, core)
	placed, err := placer.Place(t.Context(), buyer, request, snapshot)
	if err != nil {
		t.Fatal(err)
	}
	return placed.OrderID
}

// await moves a pending order to a state in which it waits for a person.
func await(t *testing.T, core *app.Core, orderID string, state order.State) {
	t.Helper()
	err := core.DB.Write(t.Context(), func(tx *db.Tx) error {
		o, book, err := order.Lock(tx, orderID)
		if err != nil {
			return err
		}
		return order.Transition(tx, book, o, order.Change{To: state, Actor: "test", Reason: "to be settled"})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Settling moves the order, and the refund of a cancel reaches the wallet.
func TestOrderSettle(t *testing.T) {
	t.Parallel()
	p, ids := setUpOrders(t, 3, order.Uncertain)
	contains(t, p.ok("order", "settle", ids[0], "--accepted-as", "4711"), "is processing; 0.00 of its charge of 0.60 USD")
	contains(t, p.fails(exitFailed, "order", "settle", ids[1], "--accepted-as", "4711"), ids[0])
	contains(t, p.ok("order", "settle", ids[1], "--not-accepted"), "is pending")
	contains(t, p.ok("order", "settle", ids[2], "--cancel"), "is canceled; 0.60 of its charge of 0.60 USD")
	contains(t, p.fails(exitFailed, "order", "settle", ids[2], "--cancel"), "is canceled")
	if a := read[[]accountView](t, p.ok("account", "list", "--json")); a[0].Balance != "8.80" {
		t.Errorf("balance %s, want 10.00 less two orders of 0.60", a[0].Balance)
	}
	contains(t, p.ok("audit"), "2 wallets, 3 orders", "all agree")
}

func TestOrderListFilters(t *testing.T) {
	t.Parallel()
	p, ids := setUpOrders(t, 3, order.Held)
	p.account("b@example.com")
	p.ok("order", "settle", ids[0], "--cancel")
	p.tamper(`UPDATE orders SET attention = 'look' WHERE id = $1`, ids[1])
	for _, c := range []struct {
		args []string
		want []string
	}{
		{nil, []string{ids[2], ids[1], ids[0]}},
		{[]string{"--limit", "2"}, []string{ids[2], ids[1]}},
		{[]string{"--state", "held"}, []string{ids[2], ids[1]}},
		{[]string{"--state", "canceled"}, []string{ids[0]}},
		{[]string{"--attention"}, []string{ids[2], ids[1]}},
		{[]string{"--test"}, nil},
		{[]string{"--account", "a@example.com", "--state", "held", "--limit", "1"}, []string{ids[2]}},
		{[]string{"--account", "b@example.com"}, nil},
	} {
		got := read[[]orderView](t, p.ok(append([]string{"order", "list", "--json"}, c.args...)...))
		if len(got) != len(c.want) {
			t.Errorf("%v: %d orders, want %d", c.args, len(got), len(c.want))
			continue
		}
		for i, o := range got {
			if o.ID != c.want[i] {
				t.Errorf("%v: order %d is %s, want %s", c.args, i, o.ID, c.want[i])
			}
		}
	}
	contains(t, p.ok("order", "list"), "ATTENTION", "look", "held", "a@example.com", ids[0])
}

// An order shows what was sent and what came back.
func TestOrderShow(t *testing.T) {
	t.Parallel()
	p, ids := setUpOrders(t, 1, order.Uncertain)
	p.tamper(`
		INSERT INTO submissions (id, order_id, provider_id, equal_key, generation, token, outcome, sent, http_status, answer, lease_until, began_at, ended_at)
		SELECT 'sub_1', id, provider_id, equal_key, 1, 'the-token', 'unknown', TRUE, 502, $2, created_at, created_at, created_at FROM orders WHERE id = $1`,
		ids[0], "<b>Bad \x1b[31mgateway</b>")

	printed := p.ok("order", "show", ids[0])
	contains(t, printed, "a@example.com", "https://example.com/a?b=1&c=2", "0.60 USD", "to be settled", "Theirs",
		"Bytes sent        yes", "502", "gateway</b>")
	asJSON := p.ok("order", "show", ids[0], "--json")
	v := read[wholeOrderView](t, asJSON)
	if v.ID != ids[0] || v.Charge != "0.60" || v.Service != 1 || v.CreatedAt == nil || v.FinishedAt != nil || len(v.Timeline) != 2 {
		t.Errorf("order %+v", v)
	}
	if v.Timeline[1].From != "pending" || v.Timeline[1].To != "uncertain" || v.Timeline[1].Actor != "test" {
		t.Errorf("timeline %+v", v.Timeline)
	}
	if len(v.Submissions) != 1 || !v.Submissions[0].Sent || v.Submissions[0].HTTPStatus != 502 || v.Submissions[0].Outcome != "unknown" {
		t.Errorf("submissions %+v", v.Submissions)
	}
	for _, secret := range []string{"\x1b", "the-token"} {
		if strings.Contains(printed+asJSON, secret) {
			t.Errorf("%q is printed", secret)
		}
	}
}

// buyerOf returns the first account as a buyer, and the catalogue.
func buyerOf(t *testing.T, core *app.Core) (order.Buyer, *catalog.Snapshot) {
	t.Helper()
	owner, err := core.Accounts.Find(t.Context(), "a@example.com")
	if err != nil {
		t.Fatal(err)
	}
	b := order.Buyer{Scope: order.Scope{AccountID: owner.ID, Mode: ledger.Live}}
	var s *catalog.Snapshot
	err = core.DB.Read(t.Context(), func(tx *db.Tx) (err error) {
		if b.WalletID, err = ledger.WalletID(tx, owner.ID, ledger.Live); err != nil {
			return err
		}
		s, err = catalog.Load(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, s
}

// A drip-feed is shown as what it is, paused and resumed; other orders are not.
func TestOrderPauseAndResume(t *testing.T) {
	t.Parallel()
	p, ids := setUpOrders(t, 2, order.Held)
	core := p.core()
	err := core.DB.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE orders SET kind = 'drip', state = 'pending', runs = 5, run = 0, every_minutes = 60, next_run_at = created_at, give_up_at = NULL WHERE id = $1`, ids[0])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	contains(t, p.ok("order", "pause", ids[0]), ids[0]+" is paused after 0 of 5 runs")
	contains(t, p.fails(exitFailed, "order", "pause", ids[0]), "is paused already")
	contains(t, p.ok("order", "show", ids[0]), "drip-feed: 0 of 5 runs, every 60 minutes, paused")
	contains(t, p.ok("order", "resume", ids[0]), "run 1 of 5 is due at 2")
	contains(t, p.fails(exitFailed, "order", "resume", ids[0]), "is not paused")
	contains(t, p.fails(exitFailed, "order", "pause", ids[1]), "is no drip-feed")
	contains(t, p.fails(exitFailed, "order", "pause", "ord_x"), "no order ord_x")
}

// People see what they have to deliver and say how it went, with its money.
func TestOrderWork(t *testing.T) {
	t.Parallel()
	p, ids := setUpOrders(t, 2, order.Submitting)
	core := p.core()
	for _, id := range ids {
		await(t, core, id, order.Processing)
	}
	contains(t, p.ok("order", "queue"), "The work queue is empty")
	contains(t, p.fails(exitFailed, "order", "work", ids[0], "--state", "completed"), "is not delivered by hand")
	err := core.DB.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE providers SET kind = 'manual'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	contains(t, p.ok("order", "queue"), ids[0], ids[1], "Theirs", "processing")
	contains(t, p.fails(exitUsage, "order", "work", ids[0]), "say what to note")
	contains(t, p.fails(exitUsage, "order", "work", ids[0], "--state", "partial"), "remains must be between 1 and 999")
	contains(t, p.ok("order", "work", ids[0], "--state", "partial", "--remains", "250"), ids[0]+" is partial; 0.15 of its charge of 0.60 USD is refunded")
	contains(t, p.ok("order", "work", ids[1], "--start-count", "7"), "is processing; 0.00")
	contains(t, p.ok("order", "work", ids[1], "--state", "canceled"), "is canceled; 0.60")
	contains(t, p.fails(exitUsage, "order", "refill", "ref_x"), "--completed or --rejected")
	contains(t, p.fails(exitFailed, "order", "refill", "ref_x", "--completed"), "Refill not found")
	contains(t, p.ok("audit"), "all agree")
}

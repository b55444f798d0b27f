package fulfil_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// newSandbox is a desk whose buyer orders with play money.
func newSandbox(t *testing.T, d *db.DB) (k *desk, play func(done func() bool)) {
	t.Helper()
	k = newDesk(t, d)
	k.Exec(`UPDATE services SET cancel = TRUE, refill = TRUE, dripfeed = TRUE`)
	k.Buyer.Mode = ledger.Test
	k.Buyer.WalletID = k.Wallet(k.Buyer.AccountID, ledger.Test)
	sandbox := fulfil.NewPlay(d)
	return k, func(done func() bool) {
		t.Helper()
		for range 100 {
			if done() {
				return
			}
			_, err := order.Feed(context.Background(), d, func() {})
			ordertest.Must(t, err)
			_, err = sandbox.Pass(context.Background())
			ordertest.Must(t, err)
			d.AdvanceClock(2 * time.Second)
		}
		t.Fatalf("%d test orders have not ended", k.Count(`SELECT COUNT(*) FROM orders WHERE finished_at IS NULL`))
	}
}

func (k *desk) ended() bool {
	return k.Count(`SELECT COUNT(*) FROM orders WHERE finished_at IS NULL`) == 0
}

// Test orders walk through every outcome by themselves, with play money alone; no
// provider hears of them and no list of staff shows them.
func TestSandboxWalksThroughEveryOutcome(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k, play := newSandbox(t, d)
		wants := map[string]struct {
			state order.State
			paid  money.Amount
		}{
			"complete": {order.Completed, 2_000_000}, "partial:40": {order.Partial, 800_000}, "cancel": {order.Canceled, 0},
			"cancel-at:40": {order.Canceled, 800_000}, "refuse": {order.Failed, 0}, "refuse-unknown": {order.Canceled, 0},
			"no-funds": {order.Canceled, 0}, "refuse-later:2": {order.Completed, 2_000_000}, "timeout-accepted": {order.Completed, 2_000_000},
			"timeout-lost": {order.Canceled, 0}, "500-accepted": {order.Completed, 2_000_000}, "garbage": {order.Completed, 2_000_000},
			"fail": {order.Canceled, 0}, "word:In%20review": {order.Canceled, 0}, "http:429": {order.Canceled, 0}, "http:502": {order.Canceled, 0},
		}
		orders := map[string]*order.Order{}
		for word := range wants {
			orders[word] = k.Place("r"+strconv.Itoa(len(orders)), "https://example.com/#sim="+word, 1000)
		}
		play(k.ended)
		for word, want := range wants {
			if now := k.Order(orders[word].ID); now.State != want.state || now.Paid() != want.paid || now.Attention != "" {
				t.Errorf("%s: %s, paid %s, attention %q; want %s, %s", word, now.State, now.Paid(), now.Attention, want.state, want.paid)
			}
		}
		if n := len(k.upstream.Adds()); n != 0 {
			t.Errorf("a provider got %d test orders", n)
		}
		waiting, err := order.NewStore(d).Waiting(context.Background())
		if err != nil || waiting != (order.Waiting{}) {
			t.Errorf("staff is shown %+v, %v", waiting, err)
		}
		if n := k.Count(`SELECT COUNT(*) FROM transfers WHERE kind IN ('order', 'refund') AND debit NOT LIKE 'test:%' AND credit NOT LIKE 'test:%'`); n != 0 {
			t.Errorf("%d transfers of real money", n)
		}
		k.Audit()
	})
}

// Cancels, refills, drip-feeds and subscriptions work in the sandbox too.
func TestSandboxActs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k, play := newSandbox(t, d)
		ctx := context.Background()
		running, kept := k.Place("running", "https://example.com/a", 1000), k.Place("kept", "https://example.com/b#sim=cancel-refuse", 1000)
		play(func() bool { return k.Order(kept.ID).State == order.InProgress })
		for _, o := range []*order.Order{running, kept} {
			_, err := order.NewCanceller(d, nil).Cancel(ctx, k.Buyer.Scope, order.Ref(o.ID), "key_test")
			ordertest.Must(t, err)
		}
		play(k.ended)
		if now := k.Order(running.ID); now.State != order.Canceled || now.Paid() == 0 || now.Paid() >= now.Charge {
			t.Errorf("canceled: %s, paid %s", now.State, now.Paid())
		}
		if now := k.Order(kept.ID); now.State != order.Completed || now.CancelState != order.CancelRefused {
			t.Errorf("kept: %s, %q", now.State, now.CancelState)
		}
		refiller := order.NewRefiller(d, nil)
		_, err := refiller.Request(ctx, k.Buyer.Scope, order.Ref(kept.ID), "key_test")
		ordertest.Must(t, err)
		play(func() bool { return k.Count(`SELECT COUNT(*) FROM refills WHERE finished_at IS NULL`) == 0 })
		if r, err := refiller.ByOrder(ctx, k.Buyer.Scope, order.Ref(kept.ID)); err != nil || r.State != order.RefillCompleted {
			t.Errorf("refill %+v, %v", r, err)
		}
		p := order.NewPlacer(d, order.PlacerOptions{})
		defer p.Close()
		placed, err := p.Place(ctx, k.Buyer, k.Request("drip", "https://example.com/d", 100, "runs", "3", "interval", "1"), k.Snapshot())
		ordertest.Must(t, err)
		play(k.ended)
		if now := k.Order(placed.OrderID); now.State != order.Completed || now.Run != 3 {
			t.Errorf("drip-feed: %s after %d runs", now.State, now.Run)
		}
		k.Exec(`UPDATE services SET type = 'Subscriptions'`)
		fields := map[string]string{"service": "1", "request_id": "sub", "username": "weekly#sim=stop:2", "min": "10", "max": "10", "posts": "5", "delay": "0"}
		r, err := order.ParseRequest(func(name string) string { return fields[name] })
		ordertest.Must(t, err)
		placed, err = p.Place(ctx, k.Buyer, r, k.Snapshot())
		ordertest.Must(t, err)
		play(k.ended)
		if now := k.Order(placed.OrderID); now.State != order.Canceled || now.Run != 2 || now.Paid() <= 0 || now.Paid() > now.Charge*2/5 {
			t.Errorf("subscription: %s with %d posts, paid %s of %s", now.State, now.Run, now.Paid(), now.Charge)
		}
		k.Audit()
	})
}

// A day has so many test orders and no more; what ended a month ago is taken out,
// and what is left proves itself.
func TestSandboxIsBounded(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k, play := newSandbox(t, d)
		k.Exec(`UPDATE services SET rate = 0`)
		k.Exec(`UPDATE sources SET cost = 0`)
		first := k.Place("first", "https://example.com/a#sim=refuse", 100)
		k.Exec(`UPDATE orders SET number = 1 WHERE id = $1`, first.ID)
		k.Exec(`UPDATE wallets SET last_number = 1000 WHERE id = $1`, k.Buyer.WalletID)
		p := order.NewPlacer(d, order.PlacerOptions{})
		defer p.Close()
		if _, err := p.Place(context.Background(), k.Buyer, k.Request("more", "https://example.com/b", 100), k.Snapshot()); err == nil {
			t.Error("the order after a thousand was placed")
		}
		d.AdvanceClock(24 * time.Hour)
		k.Exec(`UPDATE wallets SET last_number = 1 WHERE id = $1`, k.Buyer.WalletID)
		k.Exec(`UPDATE services SET rate = 2000000`)
		for i := range 5 {
			k.Place("r"+strconv.Itoa(i), "https://example.com/"+strconv.Itoa(i)+"#sim=partial:50", 100)
		}
		_, err := p.Place(context.Background(), k.Buyer, k.Request("drip", "https://example.com/d", 100, "runs", "2", "interval", "1"), k.Snapshot())
		ordertest.Must(t, err)
		play(k.ended)
		d.AdvanceClock(31 * 24 * time.Hour)
		k.Place("young", "https://example.com/young", 100)
		purged, err := order.PurgePlay(context.Background(), d)
		if err != nil || purged == 0 || k.Count(`SELECT COUNT(*) FROM orders`) != 1 || k.Count(`SELECT COUNT(*) FROM order_timeline`) != 1 {
			t.Errorf("purged %d, %v; %d orders are left", purged, err, k.Count(`SELECT COUNT(*) FROM orders`))
		}
		if n := k.Count(`SELECT COUNT(*) FROM transfers WHERE kind = 'order'`); n < 6 {
			t.Errorf("%d charges are left, want all", n)
		}
		lines, err := order.NewStore(d).Statement(t.Context(), k.Buyer.WalletID, 0, 100)
		ordertest.Must(t, err)
		for i, l := range lines {
			// No line names an order that nobody can ask about.
			if last := i == len(lines)-1; (l.OrderID != "") != last || (l.Number != 0) != last {
				t.Errorf("line %d is of order %q, %d", i, l.OrderID, l.Number)
			}
		}
		k.Audit()
	})
}

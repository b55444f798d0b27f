package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/webhook/webhooktest"
)

// An order's life arrives as events that say what the API says then, numbered
// without a gap.
func TestAnOrdersLifeIsTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		s.add(r, "")
		s.send(1)
		o := s.Place("shop-1", "https://example.com/a?b=1&c=2", 1000)
		s.finished(o.ID, order.Partial, 250)
		got := r.Wait(t, 3)
		want := []webhooktest.Event{
			{Type: "order.created", Sequence: 1, Data: told(o, "pending", "2.00", "0.00", nil, nil)},
			{Type: "order.in_progress", Sequence: 2, Data: told(o, "in_progress", "2.00", "0.00", "1234", "250")},
			{Type: "order.partial", Sequence: 3, Data: told(o, "partial", "1.50", "0.50", "1234", "250")},
		}
		for i, g := range got {
			want[i].ID, want[i].Created = g.Header.Get("Webhook-Id"), g.Event.Created
			if diff := cmp.Diff(want[i], g.Event); diff != "" {
				t.Error(diff)
			}
			if g.Header.Get("X-NotPanel-Event") != want[i].Type || g.Header.Get("Content-Type") != "application/json" {
				t.Errorf("headers: %v", g.Header)
			}
		}
		if len(got) != 3 {
			t.Errorf("%d arrived", len(got))
		}
		s.audit()
	})
}

func told(o *order.Order, status, charge, refunded string, start, remains any) map[string]any {
	return map[string]any{
		"order": o.ID, "number": float64(o.Number), "request_id": o.RequestID, "status": status, "charge": charge, "refunded": refunded,
		"start_count": start, "remains": remains, "currency": "USD", "link": o.Link, "service": float64(o.ServiceID),
	}
}

// Each final word has its event, and what moves no word that customers see has none.
func TestEveryWordHasItsEvent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		e, _ := s.add(r, "")
		running := []order.State{order.Submitting, order.Processing, order.InProgress}
		for i, path := range [][]order.State{
			append(slices.Clone(running), order.Completed, order.Refunded),
			append(slices.Clone(running), order.Canceled),
			{order.Held, order.Pending, order.Submitting, order.Uncertain, order.Failed},
			{order.Queued, order.Canceled},
			append(slices.Clone(running), order.Partial),
		} {
			o := s.Place(fmt.Sprint("life-", i), "https://example.com/"+strconv.Itoa(i), 100)
			s.move(o.ID, 40, path...)
			if i == 4 { // more is taken back: the same word, with another refund
				s.move(o.ID, 60, order.Partial)
			}
		}
		s.send(1)
		const all = 5 + 3 + 2 + 1 + 1 + 3
		byOrder := map[any][]string{}
		for _, g := range r.Wait(t, all) {
			byOrder[g.Event.Data["number"]] = append(byOrder[g.Event.Data["number"]], g.Event.Type)
		}
		want := map[any][]string{
			1.0: {"order.created", "order.in_progress", "order.completed", "order.refunded"},
			2.0: {"order.created", "order.in_progress", "order.canceled"},
			3.0: {"order.created", "order.failed"},
			4.0: {"order.created", "order.canceled"},
			5.0: {"order.created", "order.in_progress", "order.partial", "order.partial"},
		}
		if diff := cmp.Diff(want, byOrder); diff != "" {
			t.Error(diff)
		}
		s.until(e, "all delivered", ended(all, "delivered"))
		s.audit()
	})
}

// A change that is rolled back is told to nobody.
func TestWhatWasRolledBackIsNotTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		s.add(webhooktest.New(t), "")
		o := s.Place("one", "https://example.com/", 100)
		refused := errors.New("the step after it fails")
		err := s.DB.Write(context.Background(), func(tx *db.Tx) error {
			locked, book, err := order.Lock(tx, o.ID)
			if err != nil {
				return err
			}
			if err := order.Transition(tx, book, locked, order.Change{To: order.Canceled, Actor: "panel", Reason: "test"}); err != nil {
				return err
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Fatal(err)
		}
		if n := s.count(`SELECT COUNT(*) FROM webhook_events`); n != 1 {
			t.Errorf("%d events, want that of the order alone", n)
		}
		if got := s.Order(o.ID); got.Events != 1 {
			t.Errorf("the order has caused %d events", got.Events)
		}
	})
}

// Where nobody listens nothing is written, and who listens later gets the numbers
// that go on from there.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		o := s.Place("one", "https://example.com/", 100)
		if n := s.count(`SELECT COUNT(*) FROM webhook_events`); n != 0 {
			t.Errorf("%d events", n)
		}
		r := webhooktest.New(t)
		s.add(r, "")
		s.send(1)
		s.move(o.ID, 0, order.Canceled)
		if got := r.Wait(t, 1)[0].Event; got.Sequence != 2 || got.Type != "order.canceled" {
			t.Errorf("got %+v", got)
		}
	})
}

// What a test key ordered is told to test keys alone, and another account's to
// nobody else.
func TestModesAndAccountsDontHearEachOther(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		live, test := webhooktest.New(t), webhooktest.New(t)
		s.add(live, "order.created")
		_, _, err := s.store.Add(context.Background(), s.key(apikey.Test), test.URL, "order.created", "test")
		ordertest.Must(t, err)
		mine, other := s.Buyer, s.NewBuyer(10*money.Unit)
		play := mine
		play.Mode, play.WalletID = ledger.Test, s.Wallet(mine.AccountID, ledger.Test)
		s.send(1)
		s.Buyer = other
		s.Place("other's", "https://example.com/", 100)
		s.Buyer = play
		s.Place("play", "https://example.com/", 100)
		s.Buyer = mine
		s.Place("mine", "https://example.com/", 100)
		if got := live.Wait(t, 1); len(got) != 1 || got[0].Event.Data["request_id"] != "mine" {
			t.Errorf("live: %v", got)
		}
		if got := test.Wait(t, 1); len(got) != 1 || got[0].Event.Data["request_id"] != "play" {
			t.Errorf("test: %v", got)
		}
	})
}

// Refills and refused cancels are told with their order's next number.
func TestRefillsAndRefusedCancelsAreTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		s.add(r, "refill.completed,refill.rejected,cancel.rejected")
		s.Exec(`UPDATE services SET refill = TRUE`)
		s.send(1)
		o := s.Place("one", "https://example.com/", 100)
		s.move(o.ID, 0, order.Submitting, order.Processing)
		s.Write(func(tx *db.Tx) error {
			locked, err := order.LockAlone(tx, o.ID)
			if err != nil {
				return err
			}
			return order.EndWish(tx, locked, "panel", "the provider says no")
		})
		s.move(o.ID, 0, order.InProgress, order.Completed)
		refiller := order.NewRefiller(d, nil)
		var refills []string
		for _, end := range []order.RefillState{order.RefillRejected, order.RefillCompleted} {
			wished, err := refiller.Request(context.Background(), s.Buyer.Scope, order.Ref(o.ID), "test")
			ordertest.Must(t, err)
			refills = append(refills, wished.ID)
			s.Write(func(tx *db.Tx) error {
				o, locked, err := order.LockRefill(tx, wished.ID)
				if err != nil {
					return err
				}
				return order.MoveRefill(tx, o, locked, end, "as the provider says")
			})
		}
		got := r.Wait(t, 3)
		if want := []string{"cancel.rejected", "refill.rejected", "refill.completed"}; !slices.Equal(types(got), want) {
			t.Fatalf("got %v, want %v", types(got), want)
		}
		for i, want := range []struct {
			sequence int64
			refill   any
		}{{2, nil}, {5, refills[0]}, {6, refills[1]}} {
			if g := got[i].Event; g.Sequence != want.sequence || g.Data["refill"] != want.refill || g.Data["order"] != o.ID {
				t.Errorf("%s: %+v", g.Type, g)
			}
		}
		s.audit()
	})
}

// A fall of the balance below the threshold is told once, and again after the next
// fall.
func TestLowBalanceIsToldOncePerFall(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		s.add(r, "balance.low,balance.credited")
		accounts := account.NewStore(d)
		ctx := context.Background()
		_, err := accounts.SetLowBalance(ctx, s.Buyer.AccountID, new(99*money.Unit), "test")
		ordertest.Must(t, err)
		s.send(1)
		s.Place("at-it", "https://example.com/", 500)                                  // 99.00 is not below
		s.Place("falls", "https://example.com/", 100)                                  // 98.80
		s.Place("is-below", "https://example.com/", 100)                               // 98.60
		_, err = accounts.Credit(ctx, s.Buyer.AccountID, money.Unit, "a gift", "test") // 99.60
		ordertest.Must(t, err)
		_, err = accounts.Credit(ctx, s.Buyer.AccountID, -money.Unit, "taken back", "test") // 98.60
		ordertest.Must(t, err)
		_, err = accounts.SetLowBalance(ctx, s.Buyer.AccountID, new(money.Amount(0)), "test")
		ordertest.Must(t, err)
		_, err = accounts.Credit(ctx, s.Buyer.AccountID, money.Unit, "the last", "test") // 99.60
		ordertest.Must(t, err)
		s.Place("not-told-any-more", "https://example.com/", 1000)
		_, err = accounts.Credit(ctx, s.Buyer.AccountID, money.Unit, "the end", "test") // 98.60
		ordertest.Must(t, err)
		got := map[string]map[string]any{}
		for _, g := range r.Wait(t, 5) {
			got[fmt.Sprint(g.Event.Data["balance"], " ", g.Event.Type)] = g.Event.Data
		}
		want := map[string]map[string]any{
			"98.80 balance.low":      {"balance": "98.80", "threshold": "99.00", "currency": "USD"},
			"99.60 balance.credited": {"balance": "99.60", "amount": "1.00", "currency": "USD"},
			"98.60 balance.low":      {"balance": "98.60", "threshold": "99.00", "currency": "USD"},
			"98.60 balance.credited": {"balance": "98.60", "amount": "1.00", "currency": "USD"},
		}
		if diff := cmp.Diff(want, got); diff != "" || len(r.All()) != 5 {
			t.Errorf("%d arrived\n%s", len(r.All()), diff)
		}
	})
}

// Changes of the catalogue go to those who asked for them, whoever they are.
func TestChangesOfTheCatalogueAreToldToWhoAsked(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		asked, usual := webhooktest.New(t), webhooktest.New(t)
		s.add(usual, "")
		ctx := context.Background()
		price := catalog.NewStore(d)
		_, err := price.Set(ctx, s.Service.ID, catalog.Change{Rate: new(3 * money.Unit)}, "test") // before anybody asked
		ordertest.Must(t, err)
		_, err = s.sender(1).TellChanges(ctx)
		ordertest.Must(t, err)
		s.add(asked, "service.changed")
		s.send(1)
		_, err = price.Set(ctx, s.Service.ID, catalog.Change{Rate: new(4 * money.Unit)}, "test")
		ordertest.Must(t, err)
		got := asked.Wait(t, 1)
		last := got[0].Event
		if len(got) != 1 || last.Type != "service.changed" || last.Data["before"] != "3.00" || last.Data["after"] != "4.00" || last.Data["field"] != "rate" {
			t.Errorf("got %+v", last)
		}
		if len(usual.All()) != 0 {
			t.Errorf("who did not ask got %v", types(usual.All()))
		}
	})
}

// Of a service that is not sold nobody is told more than that, as the action changes
// does it: its name or its price may be the operator's secret yet.
func TestChangesOfWhatIsNotSoldAreNotTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		s.all(s.sender(1).TellChanges) // before anybody asked
		s.add(r, "service.changed")
		s.send(1)
		services := catalog.NewStore(d)
		for _, c := range []catalog.Change{
			{State: new(catalog.Paused)}, {Name: new("Not for sale yet")}, {Rate: new(9 * money.Unit)}, {State: new(catalog.Retired)},
		} {
			_, err := services.Set(t.Context(), s.Service.ID, c, "test")
			ordertest.Must(t, err)
		}
		s.eventually("all was looked at", func() bool {
			return s.count(`SELECT COUNT(*) FROM catalog_changes WHERE seq > (SELECT seq FROM webhook_changes)`) == 0 && s.idle()
		})
		got := r.Wait(t, 1)
		if last := got[0].Event.Data; len(got) != 1 || last["field"] != "state" || last["before"] != "active" || last["after"] != "paused" {
			t.Errorf("got %v of %v", types(got), last)
		}
	})
}

// The runs of a drip-feed are told of as one order.
func TestADripFeedIsToldAsOneOrder(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		s.add(r, "")
		s.Exec(`UPDATE services SET dripfeed = TRUE`)
		s.send(1)
		p := order.NewPlacer(d, order.PlacerOptions{})
		defer p.Close()
		placed, err := p.Place(context.Background(), s.Buyer, s.Request("drip", "https://example.com/", 100, "runs", "2", "interval", "1"), s.Snapshot())
		ordertest.Must(t, err)
		for run := range 2 {
			_, err := order.Feed(context.Background(), d, func() {})
			ordertest.Must(t, err)
			var child string
			s.Read(func(tx *db.Tx) error {
				return tx.QueryRow(`SELECT id FROM orders WHERE parent_id = $1 AND run = $2`, placed.OrderID, run+1).Scan(&child)
			})
			s.finished(child, order.Completed, 0)
			s.eventually("nothing is under way", s.idle) // a clock that jumps ends leases
			d.AdvanceClock(2 * time.Minute)
		}
		_, err = order.Feed(context.Background(), d, func() {})
		ordertest.Must(t, err)
		if got := types(r.Wait(t, 3)); !slices.Equal(got, []string{"order.created", "order.in_progress", "order.completed"}) {
			t.Errorf("got %v", got)
		}
		s.audit()
	})
}

// A drip-feed that is canceled under way says so once, with its end: neither that it
// is in progress again, nor what the provider says to the cancel of a run.
func TestACanceledDripFeedIsToldAsOneOrder(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		r := webhooktest.New(t)
		s.add(r, "")
		s.Exec(`UPDATE services SET dripfeed = TRUE, cancel = TRUE`)
		s.send(1)
		p := order.NewPlacer(d, order.PlacerOptions{})
		defer p.Close()
		placed, err := p.Place(t.Context(), s.Buyer, s.Request("drip", "https://example.com/", 100, "runs", "2", "interval", "1"), s.Snapshot())
		ordertest.Must(t, err)
		_, err = order.Feed(t.Context(), d, func() {})
		ordertest.Must(t, err)
		var run string
		s.Read(func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT id FROM orders WHERE parent_id = $1`, placed.OrderID).Scan(&run)
		})
		s.move(run, 0, order.Submitting, order.Processing, order.InProgress)
		_, err = order.NewCanceller(d, nil).Cancel(t.Context(), s.Buyer.Scope, order.Ref(placed.OrderID), "test")
		ordertest.Must(t, err)
		s.Write(func(tx *db.Tx) error {
			locked, err := order.LockAlone(tx, run)
			if err != nil {
				return err
			}
			return order.EndWish(tx, locked, "provider", "the provider says no")
		})
		s.move(run, 0, order.Completed)
		_, err = order.Feed(t.Context(), d, func() {})
		ordertest.Must(t, err)
		r.Wait(t, 3)
		s.eventually("nothing is under way", s.idle)
		got := r.All()
		if !slices.Equal(types(got), []string{"order.created", "order.in_progress", "order.partial"}) {
			t.Fatalf("got %v", types(got))
		}
		for i, g := range got {
			if g.Event.Sequence != int64(i)+1 || g.Event.Data["order"] != placed.OrderID {
				t.Errorf("event %d: %+v", i+1, g.Event)
			}
		}
		if last := got[2].Event.Data; last["charge"] != "0.20" || last["refunded"] != "0.20" {
			t.Errorf("in the end: %v", last)
		}
		s.audit()
	})
}

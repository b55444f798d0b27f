package fulfil_test

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/provider/providertest"
)

// Whatever a provider answers, the order goes where the answer's class says: what
// leaves anything open is never sent again, and money comes back only with a
// definite no that nobody can change.
func TestHostileAnswersNeverOrderTwiceNorRefundWrongly(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.options.Timeout = 300 * time.Millisecond
		k.forwarder = fulfil.NewForwarder(k.options)
		rows := providertest.Hostile()
		if len(rows) < 100 {
			t.Errorf("%d answers, want 100 at least", len(rows))
		}
		for i, row := range rows {
			k.Exec(`UPDATE providers SET state = 'active', pause_reason = '', unknown_row = 0, probe = FALSE`)
			k.Exec(`DELETE FROM provider_texts`)
			k.upstream.Add(func(w http.ResponseWriter, r *http.Request, _ url.Values) { row.Behaviour(w, r) })
			before := len(k.upstream.Adds())
			o := k.Place("hostile-"+strconv.Itoa(i), "https://example.com/"+strconv.Itoa(i), 1000)
			k.forward()
			state, refunded := wanted(row)
			now := k.Order(o.ID)
			if now.State != state || now.Refunded != refunded {
				t.Errorf("%s: %s with %s refunded, want %s with %s", row.Name, now.State, now.Refunded, state, refunded)
			}
			k.forward()
			resumed := state == order.Pending && row.Class == "source paused"
			if sent := len(k.upstream.Adds()) - before; sent != 1 && !resumed {
				t.Errorf("%s: it was sent %d times", row.Name, sent)
			}
			// Out of the way of the next row: an acceptance's id may come again, and what
			// waits would be sent.
			k.Exec(`UPDATE orders SET due_at = NULL, upstream_id = NULL, next_check_at = NULL WHERE id = $1`, o.ID)
		}
		k.Audit()
	})
}

// wanted is where an answer must take its order of 2.00.
func wanted(row providertest.HostileAnswer) (order.State, money.Amount) {
	switch row.Outcome {
	case "accepted":
		return order.Processing, 0
	case "refused":
		switch row.Class {
		case "try later", "source paused":
			return order.Pending, 0
		case "unclassified":
			return order.Held, 0
		}
		return order.Failed, 2 * money.Unit
	case "not_sent":
		return order.Pending, 0
	}
	return order.Uncertain, 0
}

// Orders that were held for words that nobody knew move on with the decision about
// them, all at once, and so does whatever is refused with them later.
func TestClassifiedTextMovesItsOrders(t *testing.T) {
	t.Parallel()
	for decision, want := range map[string]order.State{
		"try_later": order.Pending, "next_source": order.Failed, "refuse": order.Failed,
	} {
		t.Run(decision, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				k := newDesk(t, d)
				k.upstream.Add(providertest.Write(`{"error":"the stars of order 4711 are not right"}`))
				var held []*order.Order
				for i := range 3 {
					held = append(held, k.Place("r"+strconv.Itoa(i), "https://example.com/"+strconv.Itoa(i), 1000))
				}
				k.forward()
				for _, o := range held {
					k.want(o, order.Held, "0.00")
				}
				k.Exec(`UPDATE provider_texts SET class = $1, decided_at = 1`, decision)
				moved, err := fulfil.MoveDecided(context.Background(), d, k.Providers)
				if err != nil || moved != 3 {
					t.Errorf("moved %d, %v", moved, err)
				}
				later := k.Place("later", "https://example.com/later", 1000)
				k.forward()
				for _, o := range append(held, later) {
					if now := k.Order(o.ID); now.State != want {
						t.Errorf("%s, want %s%s", now.State, want, "")
					}
				}
				k.Audit()
			})
		})
	}
}

// A refill whose answer was lost, or whose asking was cut off by the end of the
// program, is not asked for again: a person looks.
func TestRefillWithoutAnAnswerIsNotRepeated(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.Exec(`UPDATE services SET refill = TRUE`)
		o := k.Place("r", "https://example.com/a", 1000)
		k.forward()
		k.end(o)
		refiller, ctx := order.NewRefiller(d, nil), context.Background()
		r, err := refiller.Request(ctx, k.Buyer.Scope, order.Ref(o.ID), "key_test")
		ordertest.Must(t, err)
		k.Exec(`UPDATE refills SET ever_unknown = TRUE`) // the program ended in the middle of the call
		actor := fulfil.NewActor(k.options)
		for range 2 {
			_, err = actor.Refills(ctx)
			ordertest.Must(t, err)
			actor.Drain()
			d.AdvanceClock(time.Hour)
		}
		if now := k.Order(o.ID); now.Attention == "" {
			t.Error("nobody is asked to look")
		}
		settler := fulfil.NewSettler(d)
		_, err = settler.WorkRefill(ctx, r.ID, true, "", "staff")
		ordertest.Must(t, err)
		if found, err := refiller.ByOrder(ctx, k.Buyer.Scope, order.Ref(o.ID)); err != nil || found.State != order.RefillCompleted {
			t.Errorf("%+v, %v", found, err)
		}
		k.Audit()
	})
}

// A refill that waits in a restored copy may have been asked for since: it is not asked
// for, a person looks.
func TestRestoredRefillsAreNotAskedFor(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.Exec(`UPDATE services SET refill = TRUE`)
		o := k.Place("r", "https://example.com/a", 1000)
		k.forward()
		k.end(o)
		ctx := context.Background()
		_, err := order.NewRefiller(d, nil).Request(ctx, k.Buyer.Scope, order.Ref(o.ID), "key_test")
		ordertest.Must(t, err)
		for _, want := range []int{1, 0} { // broken off and run again it is the same
			changed, err := fulfil.Restored(ctx, d)
			ordertest.Must(t, err)
			if changed.Refills != want {
				t.Errorf("%d refills were left to a person, want %d", changed.Refills, want)
			}
		}
		actor := fulfil.NewActor(k.options)
		for range 2 {
			d.AdvanceClock(time.Hour)
			_, err = actor.Refills(ctx)
			ordertest.Must(t, err)
			actor.Drain()
		}
		if n := k.Count(`SELECT COUNT(*) FROM refills WHERE state = 'pending' AND due_at IS NULL`); n != 1 {
			t.Error("the refill was asked for")
		}
		if now := k.Order(o.ID); now.Attention == "" {
			t.Error("nobody is asked to look")
		}
		k.Audit()
	})
}

// Orders of a manual provider wait for people, who end them with the money that
// belongs to it; nothing is called.
func TestManualOrdersAreDeliveredByPeople(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.Exec(`UPDATE providers SET kind = 'manual'`)
		whole, part, none := k.Place("1", "https://example.com/1", 1000), k.Place("2", "https://example.com/2", 1000), k.Place("3", "https://example.com/3", 1000)
		k.forward()
		settler, ctx := fulfil.NewSettler(d), context.Background()
		queue, err := settler.Queue(ctx, 10)
		if err != nil || len(queue) != 3 || queue[0].ID != whole.ID {
			t.Fatalf("%d orders in the queue, %v", len(queue), err)
		}
		work := func(o *order.Order, w fulfil.Work) error {
			w.Actor = "staff"
			_, err := settler.Work(ctx, o.ID, w)
			return err
		}
		count, rest, all := int64(500), int64(400), int64(1000)
		ordertest.Must(t, work(whole, fulfil.Work{State: order.InProgress, StartCount: &count}))
		ordertest.Must(t, work(whole, fulfil.Work{State: order.Completed}))
		if err := work(part, fulfil.Work{State: order.Partial}); err == nil {
			t.Error("partial without remains")
		}
		if err := work(part, fulfil.Work{State: order.Partial, Remains: &all}); err == nil {
			t.Error("partial with nothing delivered")
		}
		ordertest.Must(t, work(part, fulfil.Work{State: order.Partial, Remains: &rest}))
		ordertest.Must(t, work(none, fulfil.Work{State: order.Canceled}))
		if err := work(none, fulfil.Work{State: order.Completed}); err == nil {
			t.Error("an ended order was moved on")
		}
		k.want(whole, order.Completed, "0.00")
		k.want(part, order.Partial, "0.80")
		k.want(none, order.Canceled, "2.00")
		if n := len(k.upstream.Adds()); n != 0 {
			t.Errorf("%d calls to a manual provider", n)
		}
	})
}

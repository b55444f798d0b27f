package bulk_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/bulk"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/staff"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// desk is a panel with an owner and orders of 2.00.
type desk struct {
	*ordertest.Fixture

	works *bulk.Store
	owner staff.Actor
}

func each(t *testing.T, test func(t *testing.T, k *desk)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := &desk{Fixture: ordertest.New(t, d, "https://provider.example/api/v2", 2000*money.Unit), works: bulk.NewStore(d)}
		owner, err := account.NewStore(d).Create(t.Context(), "owner@example.com", "a password of tests", account.Owner, "test")
		ordertest.Must(t, err)
		k.owner = staff.Actor{AccountID: owner.ID}
		test(t, k)
		k.Audit()
	})
}

// orders places n orders and returns their ids.
func (k *desk) orders(n int) (orderIDs []string) {
	k.T.Helper()
	for i := range n {
		o := k.Place("r"+strconv.Itoa(i), "https://example.com/"+strconv.Itoa(i), 1000)
		orderIDs = append(orderIDs, o.ID)
	}
	return orderIDs
}

func (k *desk) begin(d fulfil.Deed, orderIDs []string) string {
	k.T.Helper()
	workID := bulk.NewID()
	ordertest.Must(k.T, k.works.Begin(context.Background(), workID, k.owner, staff.OrdersChange, d, orderIDs))
	ordertest.Must(k.T, k.works.Begin(context.Background(), workID, k.owner, staff.OrdersChange, d, orderIDs)) // sent twice
	return workID
}

// finish passes until nothing is left, and returns the work.
func (k *desk) finish(workID string) bulk.Work {
	k.T.Helper()
	for range 100 {
		if found, err := k.works.Pass(context.Background()); err != nil || found == 0 {
			ordertest.Must(k.T, err)
			break
		}
	}
	w, err := k.works.Find(context.Background(), workID)
	ordertest.Must(k.T, err)
	return w
}

func (k *desk) states(state order.State) int64 {
	return k.Count(`SELECT COUNT(*) FROM orders WHERE state = $1`, string(state))
}

// Each chosen order is worked on once, with its money; those that the deed is not
// for are named with why, and the others go on.
func TestADeedForMany(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		all := k.orders(7)
		_, err := fulfil.NewSettler(k.DB).Do(t.Context(), all[2], fulfil.Deed{Kind: fulfil.Cancel}, k.owner.AccountID)
		ordertest.Must(t, err)
		workID := k.begin(fulfil.Deed{Kind: fulfil.Cancel}, all[:6])
		w := k.finish(workID)
		if w.Done != 5 || w.Refused != 1 || w.FinishedAt.IsZero() || w.Stopped != "" {
			t.Errorf("%+v", w)
		}
		refused, err := k.works.Refused(t.Context(), workID, "", 10)
		if err != nil || len(refused) != 1 || refused[0].OrderID != all[2] || !strings.Contains(refused[0].Reason, "cannot be canceled") {
			t.Errorf("%+v, %v", refused, err)
		}
		if k.states(order.Canceled) != 6 || k.Balance(k.Buyer.WalletID) != 1998*money.Unit {
			t.Errorf("%d canceled, the wallet holds %s", k.states(order.Canceled), k.Balance(k.Buyer.WalletID))
		}
	})
}

// Another work under the id of one that has begun is refused, whatever it differs in.
func TestAnotherWorkUnderAnIDIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		all := k.orders(3)
		deed := fulfil.Deed{Kind: fulfil.Noting, Note: "asked by mail"}
		workID := k.begin(deed, all[:2])
		other := deed
		other.Note = "asked by telephone"
		for name, begin := range map[string]func() error{
			"another deed": func() error { return k.works.Begin(t.Context(), workID, k.owner, staff.OrdersChange, other, all[:2]) },
			"fewer orders": func() error { return k.works.Begin(t.Context(), workID, k.owner, staff.OrdersChange, deed, all[:1]) },
			"other orders": func() error { return k.works.Begin(t.Context(), workID, k.owner, staff.OrdersChange, deed, all[1:]) },
		} {
			if err := begin(); fault.From(err).Reason != bulk.OtherWork {
				t.Errorf("%s: %v", name, err)
			}
		}
		if w := k.finish(workID); w.Done != 2 || w.Total != 2 {
			t.Errorf("%+v", w)
		}
	})
}

// Two nodes at the same work do each order once.
func TestTwoNodesAtOneWork(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		workID := k.begin(fulfil.Deed{Kind: fulfil.Noting, Note: "asked by mail"}, k.orders(40))
		var nodes sync.WaitGroup
		for range 3 {
			nodes.Go(func() {
				for range 20 {
					if found, err := k.works.Pass(context.Background()); err != nil || found == 0 {
						if err != nil {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		nodes.Wait()
		if w := k.finish(workID); w.Done != 40 || w.Refused != 0 {
			t.Errorf("%+v", w)
		}
		if n := k.Count(`SELECT COUNT(*) FROM order_timeline WHERE reason = 'staff: asked by mail'`); n != 40 {
			t.Errorf("%d notes", n)
		}
	})
}

// A pass that ends in the middle leaves the rest waiting, and the next goes on
// there.
func TestWorkGoesOnAfterAnEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		all := k.orders(6)
		workID := k.begin(fulfil.Deed{Kind: fulfil.Noting, Note: "seen"}, all)
		k.Exec(`UPDATE bulk_items SET outcome = 'done' WHERE order_id = ANY($1)`, all[:2]) // as if their deeds had been committed
		if w := k.finish(workID); w.Done != 6 {
			t.Errorf("%+v", w)
		}
		if n := k.Count(`SELECT COUNT(*) FROM order_timeline WHERE reason = 'staff: seen'`); n != 4 {
			t.Errorf("%d notes, want those of the four that waited", n)
		}
	})
}

// What was decided by somebody who may not do it any more is not done.
func TestWorkEndsWithThePermission(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		ctx := t.Context()
		roles := staff.NewStore(k.DB)
		role, err := roles.Create(ctx, "Support", staff.SetOf(staff.OrdersChange), k.owner)
		ordertest.Must(t, err)
		helper := staff.Actor{AccountID: k.Buyer.AccountID, Permissions: staff.Everything()}
		all := k.orders(3)
		err = k.works.Begin(ctx, bulk.NewID(), helper, staff.OrdersChange, fulfil.Deed{Kind: fulfil.Cancel}, all)
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("a customer begins: %v", err)
		}
		_, err = roles.Appoint(ctx, helper.AccountID, role.ID, k.owner)
		ordertest.Must(t, err)
		workID := bulk.NewID()
		err = k.works.Begin(ctx, workID, helper, staff.OrdersChange, fulfil.Deed{Kind: fulfil.Cancel}, all)
		ordertest.Must(t, err)
		_, err = roles.Appoint(ctx, helper.AccountID, "", k.owner)
		ordertest.Must(t, err)
		if w := k.finish(workID); w.Done != 0 || w.Stopped == "" || k.states(order.Canceled) != 0 {
			t.Errorf("%+v, %d canceled", w, k.states(order.Canceled))
		}
	})
}

// A work that was stopped does no more, and its notes go with time: some at once, for
// whoever writes meanwhile waits, and the work itself with the last of them.
func TestStoppedWorkIsForgottenLater(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		ctx := t.Context()
		const many = 501
		workID := k.begin(fulfil.Deed{Kind: fulfil.Cancel}, k.orders(many))
		ordertest.Must(t, k.works.Stop(ctx, workID, k.owner))
		if w := k.finish(workID); w.Done != 0 || w.FinishedAt.IsZero() || k.states(order.Canceled) != 0 {
			t.Errorf("%+v", w)
		}
		forgets := func(want int) {
			t.Helper()
			if n, err := k.works.Forget(ctx); err != nil || n != want {
				t.Errorf("forgot %d, %v; want %d", n, err, want)
			}
		}
		forgets(0)
		k.DB.AdvanceClock(91 * 24 * time.Hour)
		forgets(many - 1)
		if items, works := k.Count(`SELECT COUNT(*) FROM bulk_items`), k.Count(`SELECT COUNT(*) FROM bulk_works`); items != 1 || works != 1 {
			t.Errorf("%d notes and %d works are left, want the last of each", items, works)
		}
		forgets(2)
		if k.Count(`SELECT COUNT(*) FROM bulk_items`)+k.Count(`SELECT COUNT(*) FROM bulk_works`) != 0 {
			t.Error("some notes are left")
		}
		forgets(0)
	})
}

// What says something of one order is done to no other.
func TestDeedsOfOneOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		all := k.orders(1)
		for _, d := range []fulfil.Deed{
			{Kind: fulfil.Resend, Dead: "7"},
			{Kind: fulfil.Settling, How: fulfil.AcceptedAs, UpstreamID: "7"},
			{Kind: fulfil.SetState, State: order.Partial, Remains: new(int64(5))},
			{Kind: fulfil.Counts, Remains: new(int64(5))},
		} {
			err := k.works.Begin(t.Context(), bulk.NewID(), k.owner, staff.OrdersChange, d, all)
			if f, is := errors.AsType[*fault.Error](err); !is || f.Reason != bulk.NotForAll {
				t.Errorf("%+v: %v", d, err)
			}
		}
		if err := k.works.Begin(t.Context(), bulk.NewID(), k.owner, staff.OrdersChange, fulfil.Deed{Kind: fulfil.Cancel}, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("none: %v", err)
		}
	})
}

// An order that can't be read holds back neither the rest of its work nor the works
// behind it, and stays to be done.
func TestABrokenOrderHoldsBackNoOther(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		ctx := t.Context()
		all := k.orders(4)
		k.Exec(`UPDATE orders SET fields = 'broken' WHERE id = $1`, all[0])
		first, second := k.begin(fulfil.Deed{Kind: fulfil.Cancel}, all[:2]), k.begin(fulfil.Deed{Kind: fulfil.Cancel}, all[2:])
		failed := false
		for range 6 {
			_, err := k.works.Pass(ctx)
			failed = failed || err != nil
		}
		w, err := k.works.Find(ctx, first)
		if err != nil || w.Done != 1 || !w.FinishedAt.IsZero() || !failed {
			t.Errorf("%+v, %v; an error was told: %v", w, err, failed)
		}
		if w, err = k.works.Find(ctx, second); err != nil || w.Done != 2 || w.FinishedAt.IsZero() {
			t.Errorf("the next one: %+v, %v", w, err)
		}
		k.Exec(`UPDATE orders SET fields = '' WHERE id = $1`, all[0])
		if w = k.finish(first); w.Done != 2 {
			t.Errorf("mended: %+v", w)
		}
	})
}

package order_test

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// Orders are answered in the order in which they were asked for, by id and by number,
// one that is asked for twice twice; what is another scope's is not there.
func TestStatusAnswersInTheOrderOfTheQuestion(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*money.Unit)
		a, b := f.Place("a", "https://example.com/a", 1000), f.Place("b", "https://example.com/b", 500)
		refs := []order.Ref{order.Ref(b.ID), "1", order.Ref(id.New(id.Order)), order.Ref(a.ID), "77", "1", "2", "none"}
		want := []string{b.ID, a.ID, "", a.ID, "", a.ID, b.ID, ""}
		store := order.NewStore(d)
		found, err := store.Status(context.Background(), f.Buyer.Scope, refs)
		ordertest.Must(t, err)
		for i, one := range found {
			switch {
			case want[i] == "":
				if !errors.Is(one.Err, order.ErrNotFound) {
					t.Errorf("%s: %+v", refs[i], one)
				}
			case one.Err != nil || one.Order.ID != want[i]:
				t.Errorf("%s: %+v, want %s", refs[i], one, want[i])
			}
		}
		if got := found[0].Order; got.Number != b.Number || got.Quantity != 500 || got.Charge != b.Charge || got.State != order.Pending || got.ServiceID != b.ServiceID {
			t.Errorf("%+v", got)
		}
		for _, ref := range []order.Ref{order.Ref(b.ID), "2"} {
			one, err := store.One(context.Background(), f.Buyer.Scope, ref)
			ordertest.Must(t, err)
			if one.ID != b.ID || one.Link != "https://example.com/b" {
				t.Errorf("One(%s) = %+v", ref, one)
			}
		}
		others := []order.Scope{{AccountID: f.Buyer.AccountID, Mode: ledger.Test}, {AccountID: id.New(id.Account), Mode: ledger.Live}}
		for _, in := range others {
			if one, err := store.One(context.Background(), in, order.Ref(a.ID)); !errors.Is(err, order.ErrNotFound) {
				t.Errorf("%+v has %+v", in, one)
			}
			found, err := store.Status(context.Background(), in, []order.Ref{order.Ref(a.ID), order.Ref(strconv.FormatInt(a.Number, 10))})
			ordertest.Must(t, err)
			for _, one := range found {
				if !errors.Is(one.Err, order.ErrNotFound) {
					t.Errorf("%+v sees %+v", in, one.Order)
				}
			}
		}
	})
}

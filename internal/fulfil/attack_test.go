package fulfil_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/fulfil"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/provider/providertest"
)

// An order of which the provider says nothing, again and again, gets a person's
// attention; when it is heard of again, the attention goes.
func TestFollowNoticesSilence(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.Place("r", "https://example.com/a", 1000)
		k.forward()
		f := fulfil.NewFollower(k.options)
		ask := func() {
			d.AdvanceClock(2 * time.Hour)
			_, err := f.Pass(context.Background())
			ordertest.Must(t, err)
			f.Drain()
		}
		k.upstream.Report("1", `null`)
		for range 5 {
			if a := k.Order(o.ID).Attention; a != "" {
				t.Fatalf("attention %q too early", a)
			}
			ask()
		}
		if a := k.want(o, order.Processing, "0.00").Attention; !strings.Contains(a, "leave the order out") {
			t.Errorf("attention %q", a)
		}
		k.upstream.Report("1", `{"status":"In progress"}`)
		ask()
		if a := k.want(o, order.InProgress, "0.00").Attention; a != "" {
			t.Errorf("attention %q of an order that is heard of", a)
		}
	})
}

// One id that spoils the whole answer holds up none of the others.
func TestFollowHalvesASpoiltBatch(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		orders := make([]*order.Order, 7)
		for i := range orders {
			orders[i] = k.Place(fmt.Sprint("r", i), fmt.Sprint("https://example.com/", i), 1000)
		}
		k.forward()
		poison := k.Order(orders[3].ID).UpstreamID
		for i := 1; i <= len(orders); i++ {
			k.upstream.Report(strconv.Itoa(i), `{"status":"Completed"}`)
		}
		k.upstream.Spoil(poison)
		f := fulfil.NewFollower(k.options)
		for range 5 {
			d.AdvanceClock(2 * time.Hour)
			_, err := f.Pass(context.Background())
			ordertest.Must(t, err)
			f.Drain()
		}
		for i, o := range orders {
			if i == 3 {
				if a := k.want(o, order.Processing, "0.00").Attention; !strings.Contains(a, "nothing of use") {
					t.Errorf("attention of the spoiling order: %q", a)
				}
				continue
			}
			k.want(o, order.Completed, "0.00")
		}
	})
}

// The alarm that an order may exist twice outlives whatever the provider says
// next.
func TestAlarmsOutliveReports(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.Place("r", "https://example.com/a", 1000)
		k.forward()
		k.Write(func(tx *db.Tx) error {
			locked, _, err := order.Lock(tx, o.ID)
			if err != nil {
				return err
			}
			return order.Raise(tx, locked, "panel", "exists twice: test")
		})
		for _, report := range []string{`{"error":"Incorrect order ID"}`, `{"status":"In progress"}`, `{"status":"Fail"}`, `{"status":"Completed","charge":"9"}`} {
			k.upstream.Report("1", report)
			d.AdvanceClock(2 * time.Hour)
			k.follow()
			if a := k.Order(o.ID).Attention; a != "exists twice: test" {
				t.Fatalf("after %s the attention is %q", report, a)
			}
		}
		k.want(o, order.Completed, "0.00")
	})
}

// A person's word for an id is held to what an id can be.
func TestSettleRefusesImpossibleIDs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		o := k.Place("r", "https://example.com/a", 1000)
		k.upstream.Add(providertest.Cut)
		k.forward()
		for _, upstreamID := range []string{"", " ", "0", "000", "null", "91,92", "5\n6", "é", "a b", "-5", strings.Repeat("9", 65)} {
			_, err := fulfil.NewSettler(d).Settle(context.Background(), o.ID, fulfil.Settlement{How: fulfil.AcceptedAs, UpstreamID: upstreamID, Actor: "test"})
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("accepted as %q: %v", upstreamID, err)
			}
		}
		k.want(o, order.Uncertain, "0.00")
	})
}

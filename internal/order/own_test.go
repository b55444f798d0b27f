package order_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// days places an order a day and returns when each was placed.
func days(f *ordertest.Fixture, n int) (placed []*order.Order) {
	f.T.Helper()
	for i := range n {
		if i > 0 {
			f.DB.AdvanceClock(24 * time.Hour)
		}
		placed = append(placed, f.Place(fmt.Sprintf("req-%d", i+1), fmt.Sprintf("https://example.com/Part_%d", i+1), 10))
	}
	return placed
}

// Orders are found by when they were placed, to the microsecond, at any size of a
// page and with holes among the numbers.
func TestOwnOrdersByDate(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*ordertest.Rate)
		s := order.NewStore(d)
		if got, _ := walk(t, s, f.Buyer.Scope, order.Page{Limit: 5, From: time.Unix(1, 0)}); len(got) > 0 {
			t.Errorf("without an order: %v", got)
		}
		all := days(f, 12)
		f.Exec(`UPDATE orders SET number = number + 1000 WHERE number > 6`)
		at := func(i int) time.Time { return all[i-1].CreatedAt }
		for name, c := range map[string]struct {
			from, until time.Time
			want        []int64
		}{
			"from one on":      {at(10), time.Time{}, []int64{1012, 1011, 1010}},
			"before one":       {time.Time{}, at(3), []int64{2, 1}},
			"between":          {at(5), at(8), []int64{1007, 6, 5}},
			"just after":       {at(5).Add(time.Microsecond), at(6).Add(time.Microsecond), []int64{6}},
			"none between":     {at(5).Add(time.Hour), at(6), nil},
			"before all":       {time.Time{}, at(1), nil},
			"after all":        {at(12).Add(time.Second), time.Time{}, nil},
			"the wrong way":    {at(8), at(5), nil},
			"all":              {at(1), at(12).Add(time.Microsecond), []int64{1012, 1011, 1010, 1009, 1008, 1007, 6, 5, 4, 3, 2, 1}},
			"within the slack": {at(6).Add(time.Minute), at(7).Add(-time.Minute), nil},
		} {
			for _, limit := range []int{1, 2, 25} {
				if got, _ := walk(t, s, f.Buyer.Scope, order.Page{Limit: limit, From: c.from, Until: c.until}); !slices.Equal(got, c.want) {
					t.Errorf("%s by %d: %v, want %v", name, limit, got, c.want)
				}
			}
		}
	})
}

// Orders are found by number, id and request id, and by a part of the link in any
// spelling; what is a pattern to the database is text here.
func TestOwnOrdersByText(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*ordertest.Rate)
		all := days(f, 12)
		other := f.Buyer
		f.Buyer = f.NewBuyer(100 * ordertest.Rate)
		f.Place("req-theirs", "https://example.com/Part_theirs", 10)
		s := order.NewStore(d)
		for text, want := range map[string][]int64{
			"12":            {12},
			"2":             {2, 12}, // the one of that number first
			"part_1":        {12, 11, 10, 1},
			"PART_12":       {12},
			all[4].ID:       {5},
			"req-7":         {7},
			"req":           nil, // a request id is known whole
			"part%":         nil,
			"par_":          nil,
			`\`:             nil,
			"' OR 1=1 --":   nil,
			"theirs":        nil,
			"req-theirs":    nil,
			"99999999999":   nil,
			"/Part_3":       {3},
			"EXAMPLE.com/p": {12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1},
		} {
			for _, limit := range []int{1, 2, 25} {
				if got, _ := walk(t, s, other.Scope, order.Page{Limit: limit, Text: text}); !slices.Equal(got, want) {
					t.Errorf("%q by %d: %v, want %v", text, limit, got, want)
				}
			}
		}
		p := order.Page{Limit: 25, Text: "2", From: all[5].CreatedAt}
		if got, _ := walk(t, s, other.Scope, p); !slices.Equal(got, []int64{12}) {
			t.Errorf("with a date: %v", got)
		}
		briefs, next, err := s.Briefs(t.Context(), other.Scope, order.Page{Limit: 2, Text: "part_1"})
		ordertest.Must(t, err)
		if len(briefs) != 2 || next != 11 || briefs[0].Link != "https://example.com/Part_12" || briefs[0].Charge != all[11].Charge ||
			briefs[0].RequestID != "req-12" || !briefs[0].CreatedAt.Equal(all[11].CreatedAt) {
			t.Errorf("to download: %+v, %d", briefs, next)
		}
	})
}

// A list that is read in pages has each order once, though orders are placed
// meanwhile: those that there were when it began.
func TestBriefsWhileOrdersArePlaced(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 1000*ordertest.Rate)
		p := newPlacer(t, d)
		place := func(from, to int) {
			for i := from; i < to; i++ {
				_, err := p.Place(context.Background(), f.Buyer, f.Request(fmt.Sprint("r", i), "https://example.com/a", 10), f.Snapshot())
				ordertest.Must(t, err)
			}
		}
		place(0, 30)
		s := order.NewStore(d)
		seen := map[int64]int{}
		next := int64(0)
		for page := 0; ; page++ {
			all, onward, err := s.Briefs(t.Context(), f.Buyer.Scope, order.Page{Before: next, Limit: 7})
			ordertest.Must(t, err)
			for _, b := range all {
				seen[b.Number]++
			}
			place(30+5*page, 35+5*page)
			if next = onward; next == 0 {
				break
			}
		}
		for number := int64(1); number <= 30; number++ {
			if seen[number] != 1 {
				t.Errorf("order %d came %d times", number, seen[number])
			}
		}
		if len(seen) != 30 {
			t.Errorf("%d orders, want those 30 that there were", len(seen))
		}
	})
}

// Drip-feeds are a list of their own, their runs come in pages, and what a cancel
// would give back is what it gives back.
func TestOwnDripFeeds(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := newDripping(t, d)
		f.Place("single", "https://example.com/single", 10)
		parent := f.drip("drip", 1000, 4)
		s, in := order.NewStore(d), f.Buyer.Scope
		f.feed()
		d.AdvanceClock(time.Hour)
		f.feed()
		if got, _ := walk(t, s, in, order.Page{Limit: 1, Kind: order.Drip}); !slices.Equal(got, []int64{2}) {
			t.Errorf("drip-feeds: %v", got)
		}
		if got, _ := walk(t, s, in, order.Page{Limit: 1, Kind: order.Subscription}); len(got) > 0 {
			t.Errorf("subscriptions: %v", got)
		}
		if got, _ := walk(t, s, in, order.Page{Limit: 5, Text: "4"}); !slices.Equal(got, []int64{4}) {
			t.Errorf("a run by its number: %v", got)
		}
		runs, err := s.Runs(t.Context(), in, "2", 0, 1)
		ordertest.Must(t, err)
		earlier, err := s.Runs(t.Context(), in, "2", runs[0].Run, 5)
		ordertest.Must(t, err)
		if len(runs) != 1 || runs[0].Number != 4 || len(earlier) != 1 || earlier[0].Number != 3 {
			t.Errorf("runs: %+v, before it %+v", runs, earlier)
		}
		f.end(runs[0], 0, order.Submitting, order.Processing)
		before := f.Balance(f.Buyer.WalletID)
		w, err := s.Whole(t.Context(), in, "2")
		ordertest.Must(t, err)
		if want := (order.May{Cancel: order.CancelRest, Refund: 6 * money.Unit, Pause: true}); w.May != want {
			t.Errorf("it may %+v, want %+v", w.May, want)
		}
		if _, err := order.NewCanceller(d, nil).Cancel(t.Context(), in, "2", "key_test"); err != nil {
			t.Fatal(err)
		}
		if got := f.Balance(f.Buyer.WalletID) - before; got != 6*money.Unit || f.Order(parent.ID).Refunded != got {
			t.Errorf("%s came back, want 6.00", got)
		}
		if w, err = s.Whole(t.Context(), in, "2"); err != nil || w.May != (order.May{}) {
			t.Errorf("afterwards it may %+v, %v", w.May, err)
		}
		f.Audit()
	})
}

// A customer pauses and resumes drip-feeds of their own and nobody else's.
func TestOwnPause(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := newDripping(t, d)
		f.drip("drip", 1000, 4)
		f.Place("single", "https://example.com/single", 10)
		s, in := order.NewStore(d), f.Buyer.Scope
		for _, stranger := range []order.Scope{f.NewBuyer(0).Scope, {AccountID: in.AccountID, Mode: ledger.Test}} {
			if _, err := s.Pause(t.Context(), stranger, "1", "x"); !errors.Is(err, order.ErrNotFound) {
				t.Errorf("a stranger: %v", err)
			}
		}
		if _, err := s.Pause(t.Context(), in, "2", "x"); !fault.Is(err, fault.Conflict) {
			t.Errorf("an order that is no drip-feed: %v", err)
		}
		o, err := s.Pause(t.Context(), in, "1", "x")
		if err != nil || o.PausedAt.IsZero() {
			t.Fatalf("%+v, %v", o, err)
		}
		if _, err := s.Pause(t.Context(), in, "1", "x"); !fault.Is(err, fault.Conflict) {
			t.Errorf("twice: %v", err)
		}
		f.feed()
		if w, err := s.Whole(t.Context(), in, "1"); err != nil || !w.May.Resume || w.May.Pause || w.Run != 0 {
			t.Errorf("paused: %+v, %v", w.May, err)
		}
		if o, err = s.Resume(t.Context(), in, "1", "x"); err != nil || !o.PausedAt.IsZero() {
			t.Fatalf("%+v, %v", o, err)
		}
		f.feed()
		if f.run(o, 1).State != order.Pending {
			t.Error("it did not go on")
		}
	})
}

// What may be done with an order is what is then done.
func TestMay(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := &dripping{ordertest.New(t, d, provider, 100*money.Unit), t}
		f.Exec(`UPDATE services SET refill = TRUE, refill_days = 30, refill_most = 1`)
		s, in := order.NewStore(d), f.Buyer.Scope
		canceller, refiller := order.NewCanceller(d, nil), order.NewRefiller(d, nil)
		for i, c := range []struct {
			states []order.State
			may    order.May
		}{
			{nil, order.May{Cancel: order.CancelNow, Refund: 2 * money.Unit}},
			{[]order.State{order.Held}, order.May{Cancel: order.CancelNow, Refund: 2 * money.Unit}},
			{[]order.State{order.Submitting}, order.May{Cancel: order.CancelAsked}},
			{[]order.State{order.Submitting, order.Processing}, order.May{Cancel: order.CancelAsked}},
			{[]order.State{order.Submitting, order.Processing, order.Completed}, order.May{Refill: true}},
			{[]order.State{order.Submitting, order.Processing, order.Canceled}, order.May{}},
		} {
			o := f.Place(fmt.Sprint("r", i), "https://example.com/a", 1000)
			ref := order.Ref(o.ID)
			f.end(o, 0, c.states...)
			w, err := s.Whole(t.Context(), in, ref)
			if err != nil || w.May != c.may {
				t.Errorf("after %v it may %+v, want %+v, %v", c.states, w.May, c.may, err)
			}
			before := f.Balance(f.Buyer.WalletID)
			if _, err := canceller.Cancel(t.Context(), in, ref, "x"); (err == nil) != (c.may.Cancel != order.NoCancel) {
				t.Errorf("after %v a cancel is %v", c.states, err)
			}
			if got := f.Balance(f.Buyer.WalletID) - before; got != c.may.Refund {
				t.Errorf("after %v a cancel gives %s back, want %s", c.states, got, c.may.Refund)
			}
			if _, err := refiller.Request(t.Context(), in, ref, "x"); (err == nil) != c.may.Refill {
				t.Errorf("after %v a refill is %v", c.states, err)
			}
			if w, err = s.Whole(t.Context(), in, ref); err != nil || w.May != (order.May{}) {
				t.Errorf("after %v and the deed it may %+v, %v", c.states, w.May, err)
			}
		}
		own, err := refiller.Own(t.Context(), in, 0, 10)
		if err != nil || len(own) != 1 || own[0].Order != 5 || own[0].Service != f.Service.ID || own[0].State != order.RefillPending {
			t.Errorf("refills: %+v, %v", own, err)
		}
		if own, err = refiller.Own(t.Context(), in, own[0].Number, 10); err != nil || len(own) > 0 {
			t.Errorf("before the first: %+v, %v", own, err)
		}
		if own, err = refiller.Own(t.Context(), f.NewBuyer(0).Scope, 0, 10); err != nil || len(own) > 0 {
			t.Errorf("a stranger's: %+v, %v", own, err)
		}
		f.Audit()
	})
}

// The mark of an order changes with all that its page shows: also with what a run
// gives back.
func TestMarks(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := newDripping(t, d)
		parent := f.drip("drip", 1000, 2)
		other := f.Place("single", "https://example.com/single", 10)
		f.feed()
		run := f.run(parent, 1)
		s := order.NewStore(d)
		marks := func() map[string]order.Mark {
			t.Helper()
			all, err := s.Marks(t.Context(), []string{parent.ID, run.ID, other.ID, "ord_none"})
			if err != nil || len(all) != 3 {
				t.Fatalf("%+v, %v", all, err)
			}
			return all
		}
		before := marks()
		if again := marks(); again[parent.ID] != before[parent.ID] {
			t.Error("it changes by itself")
		}
		f.end(run, 500, order.Submitting, order.Processing, order.Partial)
		after := marks()
		if after[run.ID] == before[run.ID] || after[parent.ID] == before[parent.ID] || after[other.ID] != before[other.ID] {
			t.Errorf("%+v, before %+v", after, before)
		}
	})
}

// The services of the newest orders are offered as filters, and test orders are
// known to be there.
func TestOwnServices(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		f := ordertest.New(t, d, provider, 100*ordertest.Rate)
		s, in := order.NewStore(d), f.Buyer.Scope
		for range 2 {
			f.Place(fmt.Sprint("r", f.Count(`SELECT COUNT(*) FROM orders`)), "https://example.com/a", 10)
		}
		services, err := s.Services(t.Context(), in)
		if err != nil || !slices.Equal(services, []int64{f.Service.ID}) {
			t.Errorf("%v, %v", services, err)
		}
		if has, err := s.HasTest(t.Context(), in.AccountID); err != nil || has {
			t.Errorf("test orders: %t, %v", has, err)
		}
		f.Buyer = order.Buyer{Scope: order.Scope{AccountID: in.AccountID, Mode: ledger.Test}, WalletID: f.Wallet(in.AccountID, ledger.Test), KeyID: "key_test"}
		f.Place("t", "https://example.com/a", 10)
		if has, err := s.HasTest(t.Context(), in.AccountID); err != nil || !has {
			t.Errorf("test orders: %t, %v", has, err)
		}
		found, err := s.ByNumbers(t.Context(), in, []int64{1, 2, 3})
		if err != nil || len(found) != 2 || found[0].Number != 2 {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

package notice_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/notice"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// Who orders on the pages is told once of each order's end, and of nothing between.
func TestEndsOfOrdersAreToldOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ends := []*order.Order{
			s.ends("completed", order.Completed, 0), s.ends("partial", order.Partial, 50), s.ends("canceled", order.Canceled, 100),
			s.ends("failed", order.Failed, 0), s.ends("refunded", order.Refunded, 0),
		}
		var want []string
		for i, text := range []string{
			"Order # is completed.", "Order # was delivered in part; $0.10 came back to your wallet.",
			"Order # was canceled; $0.20 came back to your wallet.", "Order # could not be delivered; $0.20 came back to your wallet.",
			"Order # is completed.", "Order # was refunded: $0.20 came back to your wallet.",
		} {
			o := ends[min(i, len(ends)-1)]
			want = append(want, strings.ReplaceAll(text, "#", strconv.FormatInt(o.Number, 10)))
			if n := s.notices()[i]; n.Subject != o.ID || n.Data.Service != o.ServiceID || !n.ReadAt.IsZero() {
				t.Errorf("%d is %+v, want it of %s", i, n, o.ID)
			}
		}
		if diff := cmp.Diff(want, s.said()); diff != "" {
			t.Error(diff)
		}
		if n := s.Count(`SELECT COUNT(*) FROM webhook_events`); n != 0 {
			t.Errorf("%d events were written for webhooks that nobody has", n)
		}
		s.Audit()
	})
}

// A program's orders are the program's: its owner is told of none, unless they ask.
func TestOrdersOfAKeyAreToldWhoAsks(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		s.Buyer.KeyID = "key_test"
		s.ends("quiet", order.Completed, 0)
		if n := s.Count(`SELECT COUNT(*) FROM notices`) + s.Count(`SELECT COUNT(*) FROM notice_rounds`); n != 0 {
			t.Errorf("%d rows of an order that a program placed", n)
		}
		s.choose(func(c *notice.Choices) { c.KeyOrders = true })
		s.ends("asked", order.Completed, 0)
		if got := len(s.notices()); got != 1 {
			t.Errorf("%d notices", got)
		}
	})
}

// What is chosen is told on that channel and no other; what nobody wants leaves no row.
func TestChoicesAreKept(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		s.choose(func(c *notice.Choices) { c.Set(notice.OrderCompleted, notice.Web, false) })
		s.ends("none", order.Completed, 0)
		if n := s.Count(`SELECT COUNT(*) FROM notices`); n != 0 {
			t.Errorf("%d notices that nobody wants", n)
		}
		s.choose(func(c *notice.Choices) {
			c.Set(notice.OrderCompleted, notice.Web, false)
			c.Set(notice.OrderCompleted, notice.Mail, true)
		})
		s.ends("mailed", order.Completed, 0)
		if got := s.notices(); len(got) != 0 || s.waits(notice.Mail) != 1 {
			t.Errorf("on the page: %+v; %d wait for a mail", got, s.waits(notice.Mail))
		}
		s.pass(2 * time.Minute)
		if s.mailAll() != 1 || len(s.mails) != 1 {
			t.Errorf("mails: %+v", s.mails)
		}
		if n := s.Count(`SELECT COUNT(*) FROM notices`); n != 0 {
			t.Errorf("%d notices that are not for the page are left behind their mail", n)
		}
	})
}

// A change that is not committed has told nobody.
func TestNoticeIsPartOfItsChange(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		o := s.Place("one", "https://site.example/1", 100)
		broken := errors.New("the power fails")
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			for _, to := range []order.State{order.Submitting, order.Processing, order.Completed} {
				if err := move(tx, o.ID, to, 0); err != nil {
					return err
				}
			}
			return broken
		})
		if !errors.Is(err, broken) || len(s.notices()) != 0 {
			t.Errorf("%v; told: %q", err, s.said())
		}
	})
}

// A balance that falls below the threshold is told once, until it has been above.
func TestLowBalanceIsToldWhenItFalls(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		s.Buyer.KeyID = "key_test" // money is the owner's business, whoever spends it
		s.Exec(`UPDATE accounts SET low_balance = $2 WHERE id = $1`, s.Buyer.AccountID, 99*money.Unit)
		s.Place("one", "https://site.example/1", 1000)
		if got := s.notices(); len(got) != 1 || got[0].Kind != notice.BalanceLow {
			t.Fatalf("told: %q", s.said())
		}
		s.Place("two", "https://site.example/2", 1000)
		if diff := cmp.Diff([]string{"Your balance is $98.00, below $99.00. Top up before orders are refused."}, s.said()); diff != "" {
			t.Error(diff)
		}
		if s.waits(notice.Mail) != 1 {
			t.Errorf("%d wait for a mail", s.waits(notice.Mail))
		}
	})
}

// The pages count what is new no further than they show, list in pages, and mark as
// read what they showed; nobody's but their own.
func TestNoticesAreReadByTheirAccount(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx, account := context.Background(), s.Buyer.AccountID
		other := s.NewBuyer(0).AccountID
		s.tell(account, 12)
		unread := func(of string) int64 {
			n, err := s.store.Unread(ctx, of)
			ordertest.Must(t, err)
			return n
		}
		if unread(account) != notice.UnreadMost || unread(other) != 0 {
			t.Errorf("unread: %d and %d of another", unread(account), unread(other))
		}
		first, err := s.store.Of(ctx, account, "", 5)
		ordertest.Must(t, err)
		second, err := s.store.Of(ctx, account, first[4].ID, 50)
		ordertest.Must(t, err)
		if len(first) != 5 || len(second) != 7 || first[4].ID <= second[0].ID {
			t.Errorf("pages of %d and %d", len(first), len(second))
		}
		foreign, err := s.store.Of(ctx, other, first[0].ID, 50)
		ordertest.Must(t, err)
		ordertest.Must(t, s.store.MarkRead(ctx, other, first[0].ID))
		if len(foreign) != 0 || unread(account) != notice.UnreadMost {
			t.Errorf("another reads %d and leaves %d", len(foreign), unread(account))
		}
		ordertest.Must(t, s.store.MarkRead(ctx, account, first[2].ID))
		if unread(account) != 2 {
			t.Errorf("%d are unread, want the two above", unread(account))
		}
	})
}

// tell writes notices to an account.
func (s *scene) tell(accountID string, n int) {
	s.t.Helper()
	s.Write(func(tx *db.Tx) error {
		all := make([]notice.Told, n)
		for i := range all {
			all[i] = notice.Told{AccountID: accountID, Kind: notice.OrderCompleted, Subject: "ord_1", Data: notice.Data{Number: int64(i + 1)}}
		}
		return notice.Write(tx, all...)
	})
}

// An account's notices are bounded, and old ones go; both in chunks.
func TestNoticesAreBounded(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx, keeper := context.Background(), notice.NewKeeper(d)
		for range 5 {
			s.tell(s.Buyer.AccountID, 250)
		}
		for n := 1; n > 0; {
			var err error
			n, err = keeper.Trim(ctx)
			ordertest.Must(t, err)
		}
		all := s.notices()
		if len(all) != notice.KeptMost || all[0].Data.Number != 1 || all[len(all)-1].Data.Number != 250 {
			t.Fatalf("%d are left, from %d to %d", len(all), all[0].Data.Number, all[len(all)-1].Data.Number)
		}
		s.pass(notice.Kept - time.Hour)
		s.tell(s.Buyer.AccountID, 1)
		s.pass(2 * time.Hour)
		for n := 1; n > 0; {
			var err error
			n, err = keeper.Purge(ctx)
			ordertest.Must(t, err)
		}
		if got := s.notices(); len(got) != 1 {
			t.Errorf("%d are left of which one is young", len(got))
		}
	})
}

// A key that expires within a week is told of once, and again where its end was moved.
func TestExpiryOfKeysIsTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		ctx, keeper, keys := context.Background(), notice.NewKeeper(d), apikey.NewStore(d, s.Ring)
		issue := func(name string, lives time.Duration, mode apikey.Mode) apikey.Key {
			_, k, err := keys.Issue(ctx, apikey.NewKey{
				AccountID: s.Buyer.AccountID, Name: name, Mode: mode, Dialect: apikey.Native, ExpiresAt: s.now().Add(lives),
			}, "test")
			ordertest.Must(t, err)
			return k
		}
		shop := issue("Shop", 30*24*time.Hour, apikey.Live)
		issue("Trial", 2*24*time.Hour, apikey.Live)
		issue("Sandbox", 30*24*time.Hour, apikey.Test)
		tell := func() {
			_, err := keeper.TellExpiries(ctx)
			ordertest.Must(t, err)
		}
		tell()
		if got := s.said(); len(got) != 0 {
			t.Errorf("long before: %q", got)
		}
		s.pass(24 * 24 * time.Hour)
		tell()
		tell()
		got := s.notices()
		if len(got) != 1 || got[0].Subject != shop.ID || !strings.HasPrefix(s.said()[0], "The API key Shop stops working on ") {
			t.Fatalf("a week before: %q", s.said())
		}
		s.Exec(`UPDATE api_keys SET expires_at = expires_at + $2 WHERE id = $1`, shop.ID, time.Hour.Microseconds())
		tell()
		if got := s.notices(); len(got) != 2 {
			t.Errorf("after its end was moved: %q", s.said())
		}
	})
}

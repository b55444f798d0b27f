package notice_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/notice"
	"github.com/notpanel/notpanel/internal/notify"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
)

// mailed makes the customer want mails of their orders.
func (s *scene) mailed() {
	s.t.Helper()
	s.choose(func(c *notice.Choices) { c.Set(notice.OrderCompleted, notice.Mail, true) })
}

// orders writes notices of completed orders as their ends would.
func (s *scene) orders(from, to int) {
	s.t.Helper()
	c, err := s.store.Choices(context.Background(), s.Buyer.AccountID)
	ordertest.Must(s.t, err)
	s.Write(func(tx *db.Tx) error {
		var all []notice.Told
		for n := from; n <= to; n++ {
			all = append(all, notice.Told{AccountID: s.Buyer.AccountID, Kind: notice.OrderCompleted, Data: notice.Data{Number: int64(n)}, Choices: c})
		}
		return notice.Write(tx, all...)
	})
}

// Thousands of orders make one mail an hour, which tells some and counts the others.
func TestMailsOfOrdersAreGathered(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		s.mailed()
		s.orders(1, 700)
		if s.mailAll() != 0 {
			t.Error("mailed at once")
		}
		s.orders(701, 1300)
		s.pass(2 * time.Minute)
		if rounds := s.mailAll(); rounds != 1 || len(s.mails) != 1 {
			t.Fatalf("%d rounds, %d mails", rounds, len(s.mails))
		}
		m := s.mails[0]
		want := map[string]string{
			"count": "1300", "line1": "Order 1 is completed.", "line10": "Order 10 is completed.", "line11": "And 1,290 more.",
			"link": "https://panel.example/dashboard/notices",
		}
		for name, text := range want {
			if m.Data[name] != text {
				t.Errorf("%s is %q, want %q", name, m.Data[name], text)
			}
		}
		if m.Template != notify.Notices || len(m.Data) != 13 || s.waits(notice.Mail) != 0 {
			t.Errorf("%s with %d values; %d wait", m.Template, len(m.Data), s.waits(notice.Mail))
		}
		s.orders(2001, 2003)
		s.pass(50 * time.Minute)
		if s.mailAll() != 0 {
			t.Error("a second mail within the hour")
		}
		s.pass(11 * time.Minute)
		if s.mailAll() != 1 || s.mails[1].Data["count"] != "3" || s.mails[1].Data["line3"] != "Order 2003 is completed." || s.mails[1].Data["line4"] != "" {
			t.Errorf("the next hour's: %+v", s.mails[1:])
		}
	})
}

// Money waits less than orders do, and takes along what waits.
func TestMailsOfMoneyWaitLess(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		s.mailed()
		s.orders(1, 1)
		s.pass(2 * time.Minute)
		s.mailAll()
		s.orders(2, 2)
		s.Write(func(tx *db.Tx) error {
			_, err := notice.Tell(tx, notice.Told{AccountID: s.Buyer.AccountID, Kind: notice.BalanceLow})
			return err
		})
		s.pass(5 * time.Minute)
		if s.mailAll() != 0 {
			t.Error("within ten minutes of the last")
		}
		s.pass(6 * time.Minute)
		if s.mailAll() != 1 || s.mails[1].Data["count"] != "2" {
			t.Errorf("%+v", s.mails)
		}
	})
}

// A mailer that is killed in the middle leaves no mail, and the next one mails once;
// of two at the same time one does.
func TestRoundIsMailedOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		s.mailed()
		s.orders(1, 2)
		s.pass(2 * time.Minute)
		killed := s.mailer()
		killed.Queue = func(*db.Tx, notify.Mail) error { return errors.New("killed") }
		if _, err := killed.Pass(context.Background()); err == nil {
			t.Error("no error of what failed")
		}
		if s.mailAll() != 0 {
			t.Error("mailed while another node holds the round")
		}
		s.pass(3 * time.Minute)
		passes := make(chan error, 2)
		for range 2 {
			m := &notice.Mailer{Writer: s.words, Queue: notify.NewStore(s.Ring).Queue}
			go func() {
				_, err := m.Pass(context.Background())
				passes <- err
			}()
		}
		for range 2 {
			ordertest.Must(t, <-passes)
		}
		if n := s.Count(`SELECT COUNT(*) FROM mails WHERE template = 'notices'`); n != 1 || s.waits(notice.Mail) != 0 {
			t.Errorf("%d mails; %d wait", n, s.waits(notice.Mail))
		}
	})
}

// What waits too long is not mailed any more, and an account that no mail reaches
// keeps nobody waiting.
func TestStaleNoticesAreNotMailed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		s.mailed()
		s.orders(1, 600)
		s.pass(25 * time.Hour)
		s.orders(601, 601)
		s.pass(2 * time.Minute)
		s.mailAll()
		if len(s.mails) != 1 || s.mails[0].Data["line1"] != "Order 601 is completed." || strings.Contains(s.mails[0].Data["line2"], "Order") {
			t.Errorf("%+v", s.mails)
		}
		s.words.Reader = func(*db.Tx, string) (notice.Reader, error) { return notice.Reader{}, nil }
		s.orders(602, 602)
		s.pass(2 * time.Hour)
		if s.mailAll() != 1 || len(s.mails) != 1 || s.waits(notice.Mail) != 0 {
			t.Errorf("%d mails; %d wait", len(s.mails), s.waits(notice.Mail))
		}
	})
}

// The value of a key that somebody wrote into a reference is in no mail.
func TestMailsShowNoKeys(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		s.Write(func(tx *db.Tx) error {
			_, err := notice.Tell(tx, notice.Told{
				AccountID: s.Buyer.AccountID, Kind: notice.TopupRejected,
				Data: notice.Data{Name: "np_live_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1fIRFH\nline two", Reason: strings.Repeat("long ", 200)},
			})
			return err
		})
		s.pass(2 * time.Minute)
		if s.mailAll() != 1 {
			t.Fatal("no mail")
		}
		line := s.mails[0].Data["line1"]
		if strings.Contains(line, "003aUl") || strings.Contains(line, "\n") || !strings.Contains(line, "(np_live_… line two)") || len([]rune(line)) > 240 {
			t.Errorf("it says %q", line)
		}
	})
}

// Accounts are told in the words of their language.
func TestMailsAreInTheLanguageOfTheirReader(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		s.Exec(`UPDATE accounts SET language = 'tr' WHERE id = $1`, s.Buyer.AccountID)
		s.choose(func(c *notice.Choices) { c.Set(notice.OrderCanceled, notice.Mail, true) })
		s.ends("one", order.Failed, 0)
		s.pass(2 * time.Minute)
		s.mailAll()
		if len(s.mails) != 1 {
			t.Fatalf("%d mails", len(s.mails))
		}
		if diff := cmp.Diff("1 numaralı sipariş teslim edilemedi; $0,20 cüzdanınıza geri döndü.", s.mails[0].Data["line1"]); diff != "" || s.mails[0].Language != "tr" {
			t.Error(diff)
		}
	})
}

package app

import (
	"log/slog"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/notice"
)

// Who wins in a giveaway is told on the pages and by mail, as of money that came; who
// has closed their account is mailed no notice.
func TestAPrizeIsTold(t *testing.T) {
	t.Parallel()
	settings := served(t, "", "")
	s, err := NewServer(t.Context(), settings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.release() })
	ctx, c := t.Context(), s.Core
	a, err := c.Accounts.Create(ctx, "ann@example.com", "a password of tests", account.Customer, "test")
	if err != nil {
		t.Fatal(err)
	}
	g, err := c.Giveaways.Open(ctx, giveaway.Terms{
		Language: "en", Title: "First orders", Body: "Enter.", Prize: 5 * money.Unit, Places: 1, ClosesAt: time.Now().Add(time.Hour),
	}, "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Giveaways.Enter(ctx, a.ID, g.ID); err != nil {
		t.Fatal(err)
	}
	c.DB.AdvanceClock(2 * time.Hour)
	if _, _, err := c.Giveaways.Draw(ctx, g.ID, "test"); err != nil {
		t.Fatal(err)
	}
	all, err := c.Notices.Of(ctx, a.ID, "", 10)
	if err != nil || len(all) != 1 || all[0].Kind != notice.Credited || all[0].Subject != g.ID {
		t.Fatalf("%+v, %v", all, err)
	}
	if text := all[0].Line(s.languages.English(), "USD"); text != "You have won $5.00 in “First orders”. It is in your wallet." {
		t.Errorf("it says %q", text)
	}
	var mails int64
	reader := func() (r notice.Reader) {
		t.Helper()
		err := c.DB.Write(ctx, func(tx *db.Tx) (err error) {
			if err := tx.QueryRow(`SELECT COUNT(*) FROM notice_waiting WHERE account_id = $1 AND channel = 'mail'`, a.ID).Scan(&mails); err != nil {
				return err
			}
			r, err = noticeReader(tx, a.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if to := reader(); to.Email != a.Email || mails != 1 {
		t.Errorf("%d mails wait for %q", mails, to.Email)
	}
	if err := c.DB.Write(ctx, func(tx *db.Tx) error { return account.Close(tx, a.ID) }); err != nil {
		t.Fatal(err)
	}
	if to := reader(); to.Email != "" {
		t.Errorf("a closed account is mailed at %q", to.Email)
	}
}

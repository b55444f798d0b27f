package closing_test

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/notice"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/telegram"
	"github.com/notpanel/notpanel/internal/telegram/telegramtest"
)

// To the chat of an account that was closed nothing goes any more: neither what waited
// nor what comes, and a code that was made before links no other.
func TestNothingIsSentToTheChatOfAClosedAccount(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := setup(t, d)
		api := telegramtest.Start(t)
		languages, err := locale.Load()
		ordertest.Must(t, err)
		store := notice.NewStore(d, h.Ring)
		words := notice.Writer{
			DB: d, Languages: languages, Currency: "USD", Panel: func() string { return "Panel" }, URL: "https://panel.example",
			Reader: func(tx *db.Tx, accountID string) (notice.Reader, error) {
				c, err := account.ContactOf(tx, accountID)
				return notice.Reader{Language: c.Language}, err
			},
		}
		guard := outbound.NewOperator([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
		bot := telegram.NewBot(guard, telegram.Settings{API: api.URL, Token: telegramtest.Token})
		m := notice.NewMessenger(words, bot, store, slog.New(slog.DiscardHandler))
		m.Now = func() time.Time { return clock.System().Add(24 * time.Hour) }
		listen := func(chat int64, text string) {
			t.Helper()
			api.Write(chat, text)
			if n, err := m.Listen(t.Context()); err != nil || n != 1 {
				t.Fatalf("heard %d, %v", n, err)
			}
		}
		listen(1, "hello") // makes the bot's name known
		a := h.member("ann@example.com", account.Customer, 0)
		code, _, err := store.Link(t.Context(), a.ID)
		ordertest.Must(t, err)
		listen(7, "/start "+code)
		_, err = h.accounts.Credit(t.Context(), a.ID, money.Unit, "waits", "a test")
		ordertest.Must(t, err)
		if n := h.Count(`SELECT COUNT(*) FROM notice_waiting WHERE account_id = $1 AND channel = 'telegram'`, a.ID); n != 1 {
			t.Fatalf("%d messages wait, want one", n)
		}
		another, _, err := store.Link(t.Context(), a.ID)
		ordertest.Must(t, err)
		greeted := len(api.Messages())

		b := h.browser()
		ordertest.Must(t, b.signIn(a.Email))
		ordertest.Must(t, b.close(money.Unit))
		_, err = h.accounts.Credit(t.Context(), a.ID, -money.Unit, "paid out", "a test")
		ordertest.Must(t, err)
		h.Write(func(tx *db.Tx) error {
			_, err := notice.Tell(tx, notice.Told{AccountID: a.ID, Kind: notice.Credited, Subject: a.ID})
			return err
		})
		d.AdvanceClock(time.Hour)
		for {
			n, err := m.Send(t.Context())
			ordertest.Must(t, err)
			if n == 0 {
				break
			}
		}
		if sent := api.Messages()[greeted:]; len(sent) > 0 {
			t.Errorf("it was sent %+v", sent)
		}
		listen(9, "/start "+another)
		if _, found, err := store.Chat(t.Context(), a.ID); err != nil || found {
			t.Errorf("a chat is linked: %v, %v", found, err)
		}
		if n := h.Count(`SELECT COUNT(*) FROM notice_waiting WHERE account_id = $1 AND channel = 'telegram'`, a.ID); n != 0 {
			t.Errorf("%d messages wait still", n)
		}
	})
}

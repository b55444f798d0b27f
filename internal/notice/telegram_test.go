package notice_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/notice"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/order/ordertest"
	"github.com/notpanel/notpanel/internal/telegram/telegramtest"
)

// linked is a scene whose customer has linked a chat, and what the bot has said.
func linked(t *testing.T, d *db.DB) (*scene, *notice.Messenger, *telegramtest.Server) {
	t.Helper()
	s, api := setup(t, d), telegramtest.Start(t)
	m := s.messenger(api)
	s.link(m, api)
	if all := api.Messages(); len(all) != 1 || all[0].ChatID != chat || !strings.HasPrefix(all[0].Text, "This chat is now linked to your account at Panel.") {
		t.Fatalf("the bot answered %+v", all)
	}
	return s, m, api
}

// told are the messages behind the bot's answer to the link.
func told(api *telegramtest.Server) []telegramtest.Message { return api.Messages()[1:] }

// A code links a chat once and for a quarter of an hour; the database does not hold it.
//
//nolint:contextcheck // the fixture's questions have a context of their own
func TestChatIsLinkedByACode(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, api := setup(t, d), telegramtest.Start(t)
		m := s.messenger(api)
		ctx, account := context.Background(), s.Buyer.AccountID
		if _, _, err := s.store.Link(ctx, account); err == nil {
			t.Error("a code for a bot that nobody knows")
		}
		s.introduce(m, api)
		code := func() string {
			code, _, err := s.store.Link(ctx, account)
			ordertest.Must(t, err)
			if n := s.Count(`SELECT COUNT(*) FROM telegram_codes WHERE hash = $1 OR hash LIKE '%' || $1 || '%'`, code); n != 0 || len(code) > 64 {
				t.Errorf("the database holds the code, which has %d characters", len(code))
			}
			return code
		}
		says := func(text string) (answer string) {
			before := len(api.Messages())
			api.Write(chat, text)
			s.listen(m, 1)
			if all := api.Messages(); len(all) > before {
				return all[len(all)-1].Text
			}
			return ""
		}
		const bad, good = "This link was used already", "This chat is now linked"
		replaced, late := code(), ""
		if got := says("/start wrong"); !strings.HasPrefix(got, bad) {
			t.Errorf("a wrong code: %q", got)
		}
		late = code()
		if got := says("/start " + replaced); !strings.HasPrefix(got, bad) {
			t.Errorf("a replaced code: %q", got)
		}
		s.pass(16 * time.Minute)
		if got := says("/start " + late); !strings.HasPrefix(got, bad) {
			t.Errorf("a late code: %q", got)
		}
		fresh := code()
		api.WriteIn("group", -7, "/start "+fresh)
		s.listen(m, 1)
		if _, found, err := s.store.Chat(ctx, account); found || err != nil {
			t.Errorf("linked to a group (%v)", err)
		}
		if got := says("/start " + fresh); !strings.HasPrefix(got, good) {
			t.Errorf("a good code: %q", got)
		}
		if got := says("/start " + fresh); !strings.HasPrefix(got, bad) {
			t.Errorf("a spent code: %q", got)
		}
		if c, found, err := s.store.Chat(ctx, account); !found || c.Name != "Person 5000000001" || c.Lost || err != nil {
			t.Errorf("linked: %+v (%v)", c, err)
		}
		if got := says("/start"); !strings.HasPrefix(got, "To be told here") {
			t.Errorf("no code: %q", got)
		}
		if got := says("how are you?"); got != "" {
			t.Errorf("talk is answered: %q", got)
		}
	})
}

// What happens is sent as plain text, gathered, and no more than once a minute.
func TestNoticesAreSentToTheChat(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, m, api := linked(t, d)
		s.ends("one", order.Partial, 50)
		s.ends("two", order.Completed, 0)
		if s.send(m) != 0 {
			t.Error("sent without gathering")
		}
		s.pass(6 * time.Second)
		s.send(m)
		const link = "\n\nhttps://panel.example/dashboard/notices"
		want := []telegramtest.Message{{ChatID: chat, Text: "Order 1 was delivered in part; $0.10 came back to your wallet.\n\nOrder 2 is completed." + link}}
		if diff := cmp.Diff(want, told(api)); diff != "" {
			t.Error(diff)
		}
		s.orders(11, 611)
		s.pass(30 * time.Second)
		if s.send(m) != 0 {
			t.Error("a second message within the minute")
		}
		s.pass(31 * time.Second)
		s.send(m)
		if all := told(api); len(all) != 2 || !strings.HasPrefix(all[1].Text, "Order 11 is completed.") || !strings.HasSuffix(all[1].Text, "And 591 more."+link) {
			t.Errorf("%+v", all)
		}
		if s.waits(notice.Telegram) != 0 {
			t.Errorf("%d wait", s.waits(notice.Telegram))
		}
	})
}

// /stop, or unlinking on the page, ends the chat and what waits for it.
func TestChatIsUnlinked(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, m, api := linked(t, d)
		s.orders(1, 600)
		api.Write(chat, "/stop@"+telegramtest.Name)
		s.listen(m, 1)
		s.pass(time.Minute)
		s.send(m)
		if all := told(api); len(all) != 1 || all[0].Text != "Nothing more is sent here." || s.waits(notice.Telegram) != 0 {
			t.Errorf("after /stop: %+v; %d wait", all, s.waits(notice.Telegram))
		}
		s.link(m, api)
		ordertest.Must(t, s.store.Unlink(context.Background(), s.Buyer.AccountID))
		s.orders(601, 601)
		if s.waits(notice.Telegram) != 0 {
			t.Error("something waits for a chat that is no more")
		}
	})
}

// Who blocks the bot is unlinked, reads so on the page, and can link it again.
func TestBlockedBotUnlinks(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, m, api := linked(t, d)
		api.Block(chat, true)
		s.orders(1, 1)
		s.pass(time.Minute)
		s.send(m)
		c, found, err := s.store.Chat(context.Background(), s.Buyer.AccountID)
		if !found || !c.Lost || err != nil || len(told(api)) != 0 {
			t.Errorf("the chat is %+v (%v)", c, err)
		}
		if all := s.said(); len(all) != 2 || !strings.HasPrefix(all[1], "Telegram no longer lets us write") {
			t.Errorf("on the page: %q", all)
		}
		s.orders(2, 2)
		s.pass(time.Hour)
		if s.send(m) != 0 || s.waits(notice.Telegram) != 0 {
			t.Error("something waits for a lost chat")
		}
		api.Block(chat, false)
		s.link(m, api)
		s.orders(3, 3)
		s.pass(time.Minute)
		s.send(m)
		if all := told(api); len(all) != 2 || !strings.HasPrefix(all[1].Text, "Order 3 is completed.") {
			t.Errorf("linked again: %+v", all)
		}
	})
}

// An answer to wait is waited for, by every message, and nothing is lost or doubled.
func TestRetryAfterIsWaitedFor(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, m, api := linked(t, d)
		api.Refuse(http.StatusTooManyRequests, "Too Many Requests: retry after 90", 90)
		s.orders(1, 1)
		s.pass(time.Minute)
		s.send(m)
		s.pass(80 * time.Second)
		if s.send(m) != 0 || len(told(api)) != 0 {
			t.Errorf("asked again before the time: %+v", told(api))
		}
		s.pass(11 * time.Second)
		s.send(m)
		if all := told(api); len(all) != 1 || s.waits(notice.Telegram) != 0 {
			t.Errorf("%+v; %d wait", all, s.waits(notice.Telegram))
		}
	})
}

// A message whose answer never came is sent once more, and then no more.
func TestMessageWithoutAnEndIsRepeatedOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, m, api := linked(t, d)
		for range 3 {
			api.Break()
		}
		s.orders(1, 2)
		s.pass(time.Minute)
		s.send(m)
		s.orders(3, 3) // it waits behind them, and is no part of the repetition
		for range 5 {
			s.pass(time.Hour)
			s.send(m)
		}
		var texts []string
		for _, one := range told(api) {
			texts = append(texts, strings.Join(strings.Fields(strings.ReplaceAll(one.Text, "https://panel.example/dashboard/notices", "")), " "))
		}
		const twice, later = "Order 1 is completed. Order 2 is completed.", "Order 3 is completed."
		if diff := cmp.Diff([]string{twice, twice, later, later}, texts); diff != "" || s.waits(notice.Telegram) != 0 {
			t.Errorf("%s; %d wait", diff, s.waits(notice.Telegram))
		}
	})
}

// A node that is killed between sending and noting it has its message repeated once by
// the node that goes on; if that is killed too, it is not sent a third time.
func TestKilledNodeRepeatsOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _, api := linked(t, d)
		s.orders(1, 1)
		for range 4 {
			s.pass(time.Hour)
			ctx, kill := context.WithCancel(context.Background())
			node := s.messenger(api)
			api.Meanwhile(func() {
				// Its claim is gone when it comes back: what it notes is not taken.
				s.Exec(`UPDATE notice_rounds SET claim = claim + 1, not_before = 0`)
				kill()
			})
			if _, err := node.Send(ctx); err != nil {
				t.Log(err)
			}
			kill()
		}
		if all := told(api); len(all) != 2 || s.waits(notice.Telegram) != 0 {
			t.Errorf("sent %d times; %d wait", len(all), s.waits(notice.Telegram))
		}
	})
}

// What the API can't make sense of is not tried again; the next is.
func TestRefusedMessageIsDropped(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, m, api := linked(t, d)
		api.Refuse(http.StatusBadRequest, "Bad Request: message is too long", 0)
		s.orders(1, 1)
		s.pass(time.Hour)
		s.send(m)
		s.orders(2, 2)
		s.pass(time.Hour)
		s.send(m)
		if all := told(api); len(all) != 1 || !strings.HasPrefix(all[0].Text, "Order 2 is completed.") {
			t.Errorf("%+v", all)
		}
	})
}

// Of several nodes one asks for news; another goes on where it stopped.
func TestOneNodeListens(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, api := setup(t, d), telegramtest.Start(t)
		first, second := s.messenger(api), s.messenger(api)
		s.introduce(first, api)
		api.Write(chat, "/stop")
		s.listen(second, 0)
		if n := len(api.Messages()); n != 0 {
			t.Errorf("two nodes listen: %d answers", n)
		}
		s.pass(2 * time.Minute)
		s.listen(second, 1)
		s.listen(first, 0)
		if n, most := len(api.Messages()), api.MostPollers(); n != 1 || most != 1 {
			t.Errorf("%d answers, %d nodes at once", n, most)
		}
	})
}

// The bot's token is in no log, no error and no row, whatever the API answers; nor is
// a code.
func TestTokenOfTheBotIsNowhere(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, m, api := linked(t, d)
		_, secret, _ := strings.Cut(telegramtest.Token, ":")
		var errs []string
		fails := func(answer func()) {
			answer()
			s.orders(1, 1)
			s.pass(2 * time.Hour)
			s.send(m)
		}
		fails(func() { api.Refuse(http.StatusUnauthorized, "Unauthorized: /bot"+telegramtest.Token+"/sendMessage", 0) })
		fails(func() { api.Refuse(http.StatusBadGateway, "broken at "+api.URL+"/bot"+telegramtest.Token, 0) })
		fails(api.Break)
		api.Close()
		fails(func() {})
		s.pass(2 * time.Hour)
		if _, err := m.Listen(context.Background()); err == nil {
			t.Error("no error of a server that is away")
		} else {
			errs = append(errs, err.Error())
		}
		logged := s.log.String()
		if !strings.Contains(logged, "a message was not sent") || !strings.Contains(logged, "[token]") {
			t.Errorf("the log does not tell: %s", logged)
		}
		for _, text := range append(errs, logged) {
			if strings.Contains(text, secret) {
				t.Errorf("the token is in %s", text)
			}
		}
		if n := s.Count(`SELECT COUNT(*) FROM telegram_updates WHERE name LIKE '%' || $1 || '%' OR bot LIKE '%' || $1 || '%'`, secret); n != 0 {
			t.Error("the token is in the database")
		}
		if !slices.Contains(strings.Fields(strings.ReplaceAll(logged, "=", " ")), "refused:") && !strings.Contains(logged, "connection refused") {
			t.Errorf("the log does not say that the server is away: %s", logged)
		}
	})
}

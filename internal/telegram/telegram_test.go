package telegram_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/telegram"
	"github.com/notpanel/notpanel/internal/telegram/telegramtest"
)

func bot(allow, api string) *telegram.Bot {
	return telegram.NewBot(outbound.NewOperator([]netip.Prefix{netip.MustParsePrefix(allow)}), telegram.Settings{API: api, Token: telegramtest.Token})
}

// Each failure says what is known of the message, and none the token.
func TestOutcomesOfSending(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*telegramtest.Server)
		allow   string
		want    telegram.Error
		lost    bool
	}{
		"blocked":     {func(s *telegramtest.Server) { s.Block(1, true) }, "127.0.0.0/8", telegram.Error{Outcome: telegram.Refused, Status: http.StatusForbidden}, true},
		"no chat":     {func(s *telegramtest.Server) { s.Refuse(400, "Bad Request: chat not found", 0) }, "127.0.0.0/8", telegram.Error{Outcome: telegram.Refused, Status: 400}, true},
		"for now":     {func(s *telegramtest.Server) { s.Refuse(429, "Too Many Requests", 7) }, "127.0.0.0/8", telegram.Error{Outcome: telegram.Refused, Status: 429, Retry: 7 * time.Second}, false},
		"too long":    {func(s *telegramtest.Server) { s.Refuse(429, "Too Many Requests", 1<<30) }, "127.0.0.0/8", telegram.Error{Outcome: telegram.Refused, Status: 429, Retry: time.Hour}, false},
		"broken":      {func(s *telegramtest.Server) { s.Refuse(502, "Bad Gateway", 0) }, "127.0.0.0/8", telegram.Error{Outcome: telegram.Unknown, Status: 502}, false},
		"cut off":     {(*telegramtest.Server).Break, "127.0.0.0/8", telegram.Error{Outcome: telegram.Unknown}, false},
		"away":        {(*telegramtest.Server).Close, "127.0.0.0/8", telegram.Error{Outcome: telegram.NotSent}, false},
		"not allowed": {func(*telegramtest.Server) {}, "10.0.0.0/8", telegram.Error{Outcome: telegram.NotSent}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := telegramtest.Start(t)
			c.prepare(api)
			b := bot(c.allow, api.URL)
			err := b.Send(t.Context(), 1, "hello")
			got, is := errors.AsType[*telegram.Error](err)
			if !is || got.Outcome != c.want.Outcome || got.Status != c.want.Status || got.Retry != c.want.Retry || got.Lost() != c.lost {
				t.Fatalf("%+v, want %+v", got, c.want)
			}
			_, secret, _ := strings.Cut(telegramtest.Token, ":")
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v %s %v", err, got, b, b)} {
				if strings.Contains(text, secret) {
					t.Errorf("the token is in %s", text)
				}
			}
			if c.want.Outcome == telegram.NotSent && len(api.Messages()) != 0 {
				t.Error("it was sent")
			}
		})
	}
}

// Updates are asked for from one on, and those before are forgotten.
func TestUpdatesAreRead(t *testing.T) {
	t.Parallel()
	api := telegramtest.Start(t)
	b := bot("127.0.0.0/8", api.URL)
	api.Write(5, "/start abc")
	api.WriteIn("group", -6, "/stop")
	all, err := b.Updates(t.Context(), 0, time.Second)
	if err != nil || len(all) != 2 || all[0].ChatID != 5 || !all[0].Private || all[0].Text != "/start abc" || all[0].Name != "Person 5" || all[1].Private {
		t.Fatalf("%+v, %v", all, err)
	}
	again, err := b.Updates(t.Context(), all[1].ID, time.Second)
	if err != nil || len(again) != 1 || again[0].ID != all[1].ID {
		t.Errorf("%+v, %v", again, err)
	}
	none, err := b.Updates(t.Context(), all[1].ID+1, 0)
	if err != nil || len(none) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
	if name, err := b.Me(t.Context()); err != nil || name != telegramtest.Name {
		t.Errorf("%q, %v", name, err)
	}
}

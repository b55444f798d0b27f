// Package telegram speaks the bot API of Telegram: it reads what people write to the
// operator's bot, and sends texts to chats. It knows no accounts.
//
// The bot's token stands in the path of every call, so no error and no log holds
// an address or what a server made of one.
package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/outbound"
)

// DefaultAPI is where the bot API is.
const DefaultAPI = "https://api.telegram.org"

const (
	// callTimeout bounds a call beside what it waits for news.
	callTimeout = 10 * time.Second
	// maxAnswer bounds an answer; updatesMost updates of the longest messages are less.
	maxAnswer   = 1 << 20
	updatesMost = 10
	// maxSaid is how much of what the server says of an error is kept.
	maxSaid = 200
)

// token is a bot's number and its secret.
var token = regexp.MustCompile(`^([0-9]{1,20}):[A-Za-z0-9_-]{20,100}$`)

// Settings are a bot's token and where its API is.
type Settings struct{ API, Token string }

// CheckToken says what is wrong with the token. It never repeats it.
func (s Settings) CheckToken() error {
	if !token.MatchString(s.Token) {
		return errors.New("is no token of a bot, such as 123456:ABC…")
	}
	return nil
}

// CheckAPI says what is wrong with the API's address.
func (s Settings) CheckAPI() error {
	u, err := url.Parse(s.API)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must be an address such as " + DefaultAPI)
	}
	return nil
}

// Bot is the operator's bot.
type Bot struct {
	guard *outbound.Guard
	s     Settings
}

// NewBot returns a bot. Its settings were checked.
func NewBot(guard *outbound.Guard, s Settings) *Bot {
	s.API = strings.TrimSuffix(s.API, "/")
	return &Bot{guard: guard, s: s}
}

// Number tells a bot from another: it is the public part of its token.
func (b *Bot) Number() string {
	number, _, _ := strings.Cut(b.s.Token, ":")
	return number
}

// String names the bot and hides its token.
func (b *Bot) String() string { return "telegram.Bot(" + b.Number() + ")" }

// GoString is String.
func (b *Bot) GoString() string { return b.String() }

// Format prints String for every verb.
func (b *Bot) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(b.String())) }

// Outcome says what is known of a call that failed.
type Outcome int

// The outcomes.
const (
	Refused Outcome = iota + 1 // the server said no
	NotSent                    // it was never asked
	Unknown                    // it may have done it
)

// Error is a call that failed.
type Error struct {
	Outcome Outcome
	Status  int           // of a refusal, as the API numbers it
	Said    string        // by the server, for the log
	Retry   time.Duration // of a refusal for now: how long to wait
}

// Error returns what may be logged.
func (e *Error) Error() string {
	text := "Telegram: " + e.Said
	if e.Status != 0 {
		text = fmt.Sprintf("Telegram answered %d: %s", e.Status, e.Said)
	}
	return text
}

// Lost reports that a chat can't be written to any more: its person has blocked the
// bot, or is gone.
func (e *Error) Lost() bool {
	return e.Outcome == Refused && (e.Status == http.StatusForbidden ||
		e.Status == http.StatusBadRequest && strings.Contains(strings.ToLower(e.Said), "chat not found"))
}

// answer is how the API answers every call.
type answer struct {
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	ErrorCode   int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter int64 `json:"retry_after"`
	} `json:"parameters"`
}

// Me returns the name under which people find the bot.
func (b *Bot) Me(ctx context.Context) (name string, err error) {
	var me struct {
		Username string `json:"username"`
	}
	if err := b.ask(ctx, "getMe", struct{}{}, 0, &me); err != nil {
		return "", err
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_]{3,64}$`).MatchString(me.Username) {
		return "", &Error{Outcome: Unknown, Said: "the bot has no name that can be linked to"}
	}
	return me.Username, nil
}

// Update is a message to the bot.
type Update struct {
	ID       int64
	ChatID   int64 // 0: it is no message
	Private  bool  // of one person to the bot
	Name     string
	Language string // of the person's app, as en or pt-br
	Text     string
}

// Updates returns the updates from next on, the oldest first. Where there are none it
// waits for one, for as long as wait. Those before next are forgotten by the server.
func (b *Bot) Updates(ctx context.Context, next int64, wait time.Duration) ([]Update, error) {
	var raw []struct {
		ID      int64 `json:"update_id"`
		Message struct {
			From struct {
				FirstName string `json:"first_name"`
				Username  string `json:"username"`
				Language  string `json:"language_code"`
			} `json:"from"`
			Chat struct {
				ID   int64  `json:"id"`
				Type string `json:"type"`
			} `json:"chat"`
			Text string `json:"text"`
		} `json:"message"`
	}
	question := struct {
		Offset  int64    `json:"offset"`
		Limit   int      `json:"limit"`
		Timeout int64    `json:"timeout"`
		Allowed []string `json:"allowed_updates"`
	}{next, updatesMost, int64(wait / time.Second), []string{"message"}}
	if err := b.ask(ctx, "getUpdates", question, wait, &raw); err != nil {
		return nil, err
	}
	all := make([]Update, len(raw))
	for i, r := range raw {
		m := r.Message
		all[i] = Update{ID: r.ID, ChatID: m.Chat.ID, Private: m.Chat.Type == "private", Name: m.From.FirstName, Language: m.From.Language, Text: m.Text}
		if m.From.Username != "" {
			all[i].Name = "@" + m.From.Username
		}
	}
	return all, nil
}

// ask makes a call that may be repeated.
func (b *Bot) ask(ctx context.Context, method string, question any, wait time.Duration, result any) error {
	request, err := b.request(ctx, method, question)
	if err != nil {
		return err
	}
	response, err := b.guard.Client(wait + callTimeout).Do(request)
	if err != nil {
		return &Error{Outcome: Unknown, Said: outbound.Strip(err).Error()}
	}
	defer func() { _ = response.Body.Close() }()
	return b.read(response, result)
}

// Send sends a text to a chat, as it is: nothing in it is mark-up. It is sent at
// most once; an error is an *Error and says what is known of it.
func (b *Bot) Send(ctx context.Context, chatID int64, text string) error {
	type noPreview struct {
		Disabled bool `json:"is_disabled"`
	}
	request, err := b.request(ctx, "sendMessage", struct {
		ChatID  int64     `json:"chat_id"`
		Text    string    `json:"text"`
		Preview noPreview `json:"link_preview_options"`
	}{chatID, text, noPreview{true}})
	if err != nil {
		return err
	}
	watch := outbound.NewSubmission(clock.System, clock.System(), callTimeout)
	response, err := b.guard.SubmissionClient(watch, callTimeout).Do(request)
	if err != nil {
		outcome := NotSent
		if watch.Sent() {
			outcome = Unknown
		}
		return &Error{Outcome: outcome, Said: outbound.Strip(err).Error()}
	}
	defer func() { _ = response.Body.Close() }()
	return b.read(response, nil)
}

func (b *Bot) request(ctx context.Context, method string, question any) (*http.Request, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return nil, &Error{Outcome: NotSent, Said: "the question can't be written"}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.s.API+"/bot"+b.s.Token+"/"+method, bytes.NewReader(body))
	if err != nil {
		return nil, &Error{Outcome: NotSent, Said: "the API's address can't be used"} // err would hold the token
	}
	request.Header.Set("Content-Type", "application/json")
	return request, nil
}

// read reads an answer into result, which nil leaves out.
func (b *Bot) read(response *http.Response, result any) error {
	body, truncated, err := outbound.ReadBody(response.Body, maxAnswer)
	var a answer
	if err != nil || truncated || json.Unmarshal(body, &a) != nil {
		return &Error{Outcome: Unknown, Status: response.StatusCode, Said: "an answer that can't be read"}
	}
	switch {
	case a.OK && response.StatusCode == http.StatusOK:
		if result != nil && json.Unmarshal(a.Result, result) != nil {
			return &Error{Outcome: Unknown, Status: response.StatusCode, Said: "a result that can't be read"}
		}
		return nil
	case response.StatusCode >= http.StatusInternalServerError || a.OK || a.ErrorCode >= http.StatusInternalServerError:
		return &Error{Outcome: Unknown, Status: response.StatusCode, Said: b.said(a.Description)}
	}
	const longest = 3600 // seconds: who is told to wait longer asks again then
	return &Error{
		Outcome: Refused, Status: response.StatusCode, Said: b.said(a.Description),
		Retry: time.Duration(min(max(a.Parameters.RetryAfter, 0), longest)) * time.Second,
	}
}

// said makes a short line of what a server says, without our token if it repeats it.
func (b *Bot) said(text string) string {
	_, secret, _ := strings.Cut(b.s.Token, ":")
	text = strings.ReplaceAll(text, secret, "[token]")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxSaid {
		text = string(runes[:maxSaid])
	}
	return text
}

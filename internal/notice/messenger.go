package notice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/telegram"
	"github.com/notpanel/notpanel/internal/worker"
)

// Messenger is the panel's side of the operator's bot: it sends what accounts are to
// be told, and listens to who links a chat or ends it.
type Messenger struct {
	Writer

	Bot   *telegram.Bot
	Store *Store
	Log   *slog.Logger
	Now   clock.Clock

	node string    // holds the lease of the updates
	held time.Time // nothing is sent before
}

// NewMessenger returns a messenger that does nothing until its loops run.
func NewMessenger(w Writer, bot *telegram.Bot, store *Store, log *slog.Logger) *Messenger {
	return &Messenger{Writer: w, Bot: bot, Store: store, Log: log, Now: clock.System, node: id.New(id.Request)}
}

// Run starts the loops.
func (m *Messenger) Run(g *worker.Group) {
	g.Go(worker.Loop{Name: "telegram-updates", Every: time.Second, Pass: m.Listen})
	g.Go(worker.Loop{Name: "telegram", Every: 2 * time.Second, Pass: m.Send, Backlog: backlog(m.DB, Telegram)})
}

// Send sends one account's round, and returns whether there was one. A message that
// can't be sent is no error of the pass: it waits for its next time.
//
// A message whose end nobody knows, because the connection broke or the program was
// killed before it was noted, is sent once more and then no more.
func (m *Messenger) Send(ctx context.Context) (found int, err error) {
	if m.Now().Before(m.held) {
		return 0, nil
	}
	r, is, err := claimRound(ctx, m.DB, Telegram)
	if err != nil || !is {
		return 0, err
	}
	if err := r.fold(ctx, m.DB); err != nil {
		return 0, err
	}
	chatID, text, err := m.begin(ctx, &r)
	if err != nil || text == "" {
		return 1, err
	}
	sent := m.Bot.Send(ctx, chatID, text)
	ctx = context.WithoutCancel(ctx) // a program that stops notes it all the same
	return 1, m.DB.Write(ctx, func(tx *db.Tx) error {
		if ours, err := r.holds(tx); err != nil || !ours {
			return err
		}
		return m.settle(ctx, tx, &r, chatID, sent)
	})
}

// begin puts a round into words and counts its sending. The text is "" where nothing
// is to be sent.
func (m *Messenger) begin(ctx context.Context, r *round) (chatID int64, text string, err error) {
	err = m.DB.Write(ctx, func(tx *db.Tx) error {
		chatID, text = 0, ""
		ours, err := r.holds(tx)
		if err != nil || !ours {
			return err
		}
		to, linked, err := chatOf(tx, r.accountID)
		if err != nil {
			return err
		}
		if !linked {
			return m.forget(tx, r)
		}
		if err := r.read(tx); err != nil {
			return err
		}
		if len(r.notices) == 0 {
			return r.end(tx)
		}
		reader, err := m.Reader(tx, r.accountID)
		if err != nil {
			return err
		}
		if _, err := r.try(tx); err != nil {
			return err
		}
		l, _ := m.Languages.Find(reader.Language)
		lines := r.lines(l, m.Currency)
		for i := range lines {
			lines[i] = WithoutKeys(lines[i])
		}
		chatID, text = to, strings.Join(append(lines, m.URL+path), "\n\n")
		return nil
	})
	return chatID, text, err
}

// forget drops what waits for a chat that is no more; what is left of much is dropped
// when the round is claimed again.
func (m *Messenger) forget(tx *db.Tx, r *round) error {
	more, err := forgetRound(tx, r.accountID, Telegram)
	if err != nil || !more {
		return err
	}
	_, err = tx.Exec(`UPDATE notice_rounds SET due_at = $3, not_before = 0 WHERE account_id = $1 AND channel = $2`,
		r.accountID, string(Telegram), db.At(tx.Now))
	return wrap("forget a round", err)
}

// settle stores what became of a message.
func (m *Messenger) settle(ctx context.Context, tx *db.Tx, r *round, chatID int64, sent error) error {
	if sent == nil {
		return r.end(tx)
	}
	failed, is := errors.AsType[*telegram.Error](sent)
	if !is {
		failed = &telegram.Error{Outcome: telegram.Unknown, Said: "it failed"}
	}
	m.Log.LogAttrs(ctx, slog.LevelWarn, "a message was not sent", slog.String("account", r.accountID), slog.Any("error", failed))
	switch {
	case failed.Lost():
		if err := lose(tx, r.accountID, chatID); err != nil {
			return err
		}
		return m.forget(tx, r)
	case failed.Outcome == telegram.Refused && failed.Status == badRequest:
		return r.end(tx) // it would be refused each time
	case failed.Outcome == telegram.Unknown:
		m.hold(0)
		return r.later(tx, 0)
	}
	m.hold(failed.Retry)
	if err := r.unsent(tx); err != nil {
		return err
	}
	return r.later(tx, failed.Retry)
}

// badRequest is the status of what the API can't make sense of.
const badRequest = 400

// hold keeps all messages back: what the server says or lacks concerns each of them.
func (m *Messenger) hold(pause time.Duration) {
	m.held = m.Now().Add(max(pause, 5*time.Second))
}

// said is what the bot answers somebody.
type said struct {
	chatID int64
	text   string
}

const (
	// listenFor is how long the server may wait for news, updatesLease how long the
	// node that asks is the only one.
	listenFor    = 10 * time.Second
	updatesLease = time.Minute
)

// Listen reads what people wrote to the bot, on one node at a time, and returns how
// much it was.
func (m *Messenger) Listen(ctx context.Context) (found int, err error) {
	next, named, held, err := m.lease(ctx)
	if err != nil || !held {
		return 0, err
	}
	defer func() {
		if ctx.Err() != nil { // stopping: another node goes on at once
			m.release(context.WithoutCancel(ctx))
		}
	}()
	if !named {
		if next, err = m.introduce(ctx); err != nil {
			return 0, err
		}
	}
	updates, err := m.Bot.Updates(ctx, next, listenFor)
	if err != nil {
		return 0, err
	}
	for _, u := range updates {
		answer, err := m.hear(ctx, u)
		if err != nil {
			return 0, err
		}
		if answer.text == "" {
			continue
		}
		if err := m.Bot.Send(ctx, answer.chatID, answer.text); err != nil {
			m.Log.LogAttrs(ctx, slog.LevelWarn, "the bot could not answer", slog.Any("error", err))
		}
	}
	return len(updates), nil
}

// lease makes this node the one that reads the updates, if none other is. Named
// reports that the bot is the one whose updates were read before.
func (m *Messenger) lease(ctx context.Context) (next int64, named, held bool, err error) {
	var bot, name string
	err = m.DB.Write(ctx, func(tx *db.Tx) error {
		held = false
		err := tx.QueryRow(`
			UPDATE telegram_updates SET holder = $1, lease_until = $2 WHERE id = 1 AND (holder = $1 OR lease_until <= $3)
			RETURNING next, bot, name`, m.node, db.At(tx.Now.Add(updatesLease)), db.At(tx.Now)).Scan(&next, &bot, &name)
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		held = err == nil
		return wrap("lease the updates", err)
	})
	return next, bot == m.Bot.Number() && name != "", held, err
}

func (m *Messenger) release(ctx context.Context) {
	err := m.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE telegram_updates SET holder = '', lease_until = 0 WHERE id = 1 AND holder = $1`, m.node)
		return wrap("release the updates", err)
	})
	if err != nil {
		m.Log.LogAttrs(ctx, slog.LevelWarn, "the updates' lease runs out by itself", slog.Any("error", err))
	}
}

// introduce asks the bot's name, under which the pages link to it. Another bot has
// updates of its own.
func (m *Messenger) introduce(ctx context.Context) (next int64, err error) {
	name, err := m.Bot.Me(ctx)
	if err != nil {
		return 0, err
	}
	err = m.DB.Write(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`UPDATE telegram_updates SET bot = $1, name = $2, next = CASE WHEN bot = $1 THEN next ELSE 0 END
			WHERE id = 1 RETURNING next`, m.Bot.Number(), name).Scan(&next)
	})
	return next, wrap("introduce the bot", err)
}

// hear does what a message asks for and notes that it was heard, at once: a message
// that is read again does nothing more.
func (m *Messenger) hear(ctx context.Context, u telegram.Update) (answer said, err error) {
	err = m.DB.Write(ctx, func(tx *db.Tx) error {
		answer = said{chatID: u.ChatID}
		heard, err := tx.ExecOne(`UPDATE telegram_updates SET next = $2 WHERE id = 1 AND bot = $1 AND next <= $3`, m.Bot.Number(), u.ID+1, u.ID)
		if err != nil || !heard || !u.Private {
			return wrap("note what was heard", err)
		}
		answer.text, err = m.obey(tx, u)
		return err
	})
	return answer, err
}

// obey returns the answer to a message of one person. What is none of the commands is
// left without one.
func (m *Messenger) obey(tx *db.Tx, u telegram.Update) (answer string, err error) {
	l := m.Languages.Match(u.Language)
	command, code, _ := strings.Cut(strings.TrimSpace(u.Text), " ")
	command, _, _ = strings.Cut(command, "@") // as in a menu: /stop@the_bot
	switch command {
	case "/stop":
		if _, err := tx.Exec(`DELETE FROM telegram_chats WHERE chat_id = $1`, u.ChatID); err != nil {
			return "", fmt.Errorf("end a chat: %w", err)
		}
		return l.Text("chat.reply_stopped"), nil
	case "/start":
	default:
		return "", nil
	}
	if code = strings.TrimSpace(code); code == "" {
		return l.Text("chat.reply_start", "Panel", m.Panel()), nil
	}
	accountID, result, err := m.Store.link(tx, code, u.ChatID, u.Name)
	if err != nil {
		return "", err
	}
	switch result {
	case nowLinked:
		reader, err := m.Reader(tx, accountID)
		if err != nil {
			return "", err
		}
		if own, found := m.Languages.Find(reader.Language); found {
			l = own
		}
		return l.Text("chat.reply_linked", "Panel", m.Panel()), nil
	case fullChat:
		return l.Text("chat.reply_full", "Most", chatMost), nil
	case badCode:
	}
	return l.Text("chat.reply_bad_code", "Panel", m.Panel()), nil
}

package notice

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

const (
	// codeBytes is how many random bytes a code has. Telegram takes 64 characters.
	codeBytes = 32
	// codeLifetime is how long a code links a chat.
	codeLifetime = 15 * time.Minute
	// chatMost is how many accounts one chat may be linked to.
	chatMost = 5
	// maxName bounds what is kept of a person's name, in characters.
	maxName = 64
)

// Chat is where an account reads what the bot writes.
type Chat struct {
	Name string // of the person, as Telegram tells it
	Lost bool   // the bot may write there no more
}

// Chat returns the chat of an account; found is false where none was linked.
func (s *Store) Chat(ctx context.Context, accountID string) (c Chat, found bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT name, lost_at IS NOT NULL FROM telegram_chats WHERE account_id = $1`, accountID).Scan(&c.Name, &c.Lost)
	})
	if errors.Is(err, db.ErrNoRows) {
		return c, false, nil
	}
	return c, err == nil, wrap("find a chat", err)
}

// Link returns a code that links a chat to an account, once and for 15 minutes, and
// the bot that it is to be sent to. An older code ends.
func (s *Store) Link(ctx context.Context, accountID string) (code, bot string, err error) {
	raw := make([]byte, codeBytes)
	_, _ = rand.Read(raw) // never fails: the runtime stops the program instead
	code = base64.RawURLEncoding.EncodeToString(raw)
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if err := tx.QueryRow(`SELECT name FROM telegram_updates WHERE id = 1`).Scan(&bot); err != nil {
			return fmt.Errorf("find the bot: %w", err)
		}
		if bot == "" {
			return fault.New(fault.Unavailable, "Telegram can't be reached at the moment")
		}
		_, err := tx.Exec(`
			INSERT INTO telegram_codes (account_id, hash, expires_at) VALUES ($1, $2, $3)
			ON CONFLICT (account_id) DO UPDATE SET hash = $2, expires_at = $3`,
			accountID, s.ring.HashToken(hashed(code)), db.At(tx.Now.Add(codeLifetime)))
		return wrap("make a code", err)
	})
	return code, bot, err
}

// hashed is what is hashed of a code: it is no token of another use.
func hashed(code string) string { return "telegram " + code }

// Unlink ends an account's chat. What waited for it is forgotten in its round.
func (s *Store) Unlink(ctx context.Context, accountID string) error {
	return s.db.Write(ctx, func(tx *db.Tx) error { return UnlinkIn(tx, accountID) })
}

// UnlinkIn is Unlink within a transaction: that of closing the account.
func UnlinkIn(tx *db.Tx, accountID string) error {
	// The code first: who is linking a chat with it ends before the chat is taken away.
	for _, query := range []string{`DELETE FROM telegram_codes WHERE account_id = $1`, `DELETE FROM telegram_chats WHERE account_id = $1`} {
		if _, err := tx.Exec(query, accountID); err != nil {
			return fmt.Errorf("unlink a chat: %w", err)
		}
	}
	return nil
}

// linkResult is what became of a code that was sent to the bot.
type linkResult int

const (
	badCode linkResult = iota
	fullChat
	nowLinked
)

// link spends a code for a chat, and returns whose it is.
func (s *Store) link(tx *db.Tx, code string, chatID int64, name string) (accountID string, result linkResult, err error) {
	var accounts int64
	if err := tx.QueryRow(`SELECT COUNT(*) FROM telegram_chats WHERE chat_id = $1`, chatID).Scan(&accounts); err != nil {
		return "", badCode, fmt.Errorf("count a chat's accounts: %w", err)
	}
	if accounts >= chatMost {
		return "", fullChat, nil
	}
	err = tx.QueryRow(`DELETE FROM telegram_codes WHERE hash = ANY($1) AND expires_at > $2 RETURNING account_id`,
		s.ring.TokenHashes(hashed(code)), db.At(tx.Now)).Scan(&accountID)
	if errors.Is(err, db.ErrNoRows) {
		return "", badCode, nil
	}
	if err != nil {
		return "", badCode, fmt.Errorf("spend a code: %w", err)
	}
	_, err = tx.Exec(`
		INSERT INTO telegram_chats (account_id, chat_id, name, linked_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account_id) DO UPDATE SET chat_id = $2, name = $3, linked_at = $4, lost_at = NULL`,
		accountID, chatID, plainName(name), db.At(tx.Now))
	return accountID, nowLinked, wrap("link a chat", err)
}

// plainName makes a name that others chose one short line.
func plainName(name string) string {
	name = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(name, " "))), " ")
	if runes := []rune(name); len(runes) > maxName {
		name = string(runes[:maxName-1]) + "…"
	}
	if name == "" {
		name = "Telegram"
	}
	return name
}

// chatOf returns where an account's messages go; found is false where the bot may not
// write.
func chatOf(tx *db.Tx, accountID string) (chatID int64, found bool, err error) {
	err = tx.QueryRow(`SELECT chat_id FROM telegram_chats WHERE account_id = $1 AND lost_at IS NULL`, accountID).Scan(&chatID)
	if errors.Is(err, db.ErrNoRows) {
		return 0, false, nil
	}
	return chatID, err == nil, wrap("find a chat", err)
}

// lose notes that the bot may not write to an account's chat any more, and tells the
// account so. A chat that was linked since is another.
func lose(tx *db.Tx, accountID string, chatID int64) error {
	lost, err := tx.ExecOne(`UPDATE telegram_chats SET lost_at = $3 WHERE account_id = $1 AND chat_id = $2 AND lost_at IS NULL`,
		accountID, chatID, db.At(tx.Now))
	if err != nil || !lost {
		return wrap("lose a chat", err)
	}
	_, err = Tell(tx, Told{AccountID: accountID, Kind: ChatLost, Subject: accountID})
	return err
}

package notice

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
)

// How long what happens is gathered before it is sent together, and how long after
// that the next may follow. Orders may come by the thousand; money and what stops
// working waits less.
const (
	mailGather     = time.Minute
	mailPause      = 10 * time.Minute
	mailOrderPause = time.Hour
	chatGather     = 5 * time.Second
	chatPause      = time.Minute
)

// Told is a notice that is to be written.
type Told struct {
	AccountID string
	Kind      Kind
	Subject   string
	Data      Data
	// Choices are those of the account.
	Choices Choices
	// Mailed says that who tells it mails it too, in words of its own.
	Mailed bool
}

// by reports whether it goes out by a channel.
func (t Told) by(c Channel) bool {
	return t.Choices.Wants(t.Kind, c) && (c != Mail || !t.Mailed)
}

// ChoicesOf returns what an account has chosen.
func ChoicesOf(tx *db.Tx, accountID string) (Choices, error) {
	var stored string
	err := tx.QueryRow(`SELECT choices FROM notice_choices WHERE account_id = $1`, accountID).Scan(&stored)
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return Choices{}, fmt.Errorf("choices of %s: %w", accountID, err)
	}
	return ReadChoices(stored)
}

// Tell writes one notice of an account whose choices the caller does not know, and
// returns them.
func Tell(tx *db.Tx, t Told) (Choices, error) {
	var err error
	if t.Choices, err = ChoicesOf(tx, t.AccountID); err != nil {
		return t.Choices, err
	}
	return t.Choices, Write(tx, t)
}

// Write writes notices in the caller's transaction, for the channels that their
// accounts want. What nobody wants is not written.
func Write(tx *db.Tx, all ...Told) error {
	// The rounds are locked in one order: transactions may tell several accounts.
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Told) int { return cmp.Compare(a.AccountID, b.AccountID) })
	var notices [][]any
	var mails, messages []waiting
	for _, t := range all {
		web, mail, chat := t.by(Web), t.by(Mail), t.by(Telegram)
		if !web && !mail && !chat {
			continue
		}
		data, err := json.Marshal(t.Data)
		if err != nil {
			return fmt.Errorf("notice %s: %w", t.Kind, err)
		}
		noticeID := id.New(id.Notice)
		notices = append(notices, []any{noticeID, t.AccountID, string(t.Kind), t.Subject, string(data), web, db.At(tx.Now), web || mail})
		one := waiting{accountID: t.AccountID, noticeID: noticeID, order: t.Kind.ofOrder()}
		if mail {
			mails = append(mails, one)
		}
		if chat {
			messages = append(messages, one)
		}
	}
	if err := insert(tx, notices); err != nil {
		return err
	}
	if err := await(tx, Mail, mails); err != nil {
		return err
	}
	return await(tx, Telegram, messages)
}

// insert leaves out what would go to a chat alone, where there is none.
func insert(tx *db.Tx, rows [][]any) error {
	err := tx.ExecMany(`
		INSERT INTO notices (id, account_id, kind, subject, data, web, created_at)
		SELECT $1, $2, $3, $4, $5, CAST($6 AS BOOLEAN), CAST($7 AS BIGINT)
		WHERE CAST($8 AS BOOLEAN) OR EXISTS (SELECT 1 FROM telegram_chats t WHERE t.account_id = $2 AND t.lost_at IS NULL)`, rows)
	if err != nil {
		return fmt.Errorf("write notices: %w", err)
	}
	return nil
}

// waiting is a notice that is to go out.
type waiting struct {
	accountID, noticeID string
	order               bool
}

// insertWaiting and insertRound write nothing for an account without a chat.
const (
	toChat        = ` WHERE $2 <> 'telegram' OR EXISTS (SELECT 1 FROM telegram_chats t WHERE t.account_id = $1 AND t.lost_at IS NULL)`
	insertWaiting = `INSERT INTO notice_waiting (account_id, channel, notice_id) SELECT $1, $2, $3` + toChat
	insertRound   = `
		INSERT INTO notice_rounds (account_id, channel, due_at) SELECT $1, $2, CAST($3 AS BIGINT)` + toChat + `
		ON CONFLICT (account_id, channel) DO UPDATE SET due_at = CASE
			WHEN notice_rounds.due_at <= $3 THEN notice_rounds.due_at
			WHEN notice_rounds.last_at + $4 <= $3 THEN $3
			WHEN notice_rounds.due_at <= notice_rounds.last_at + $4 THEN notice_rounds.due_at
			ELSE notice_rounds.last_at + $4 END`
)

// await puts notices into their accounts' next rounds.
func await(tx *db.Tx, by Channel, all []waiting) error {
	if len(all) == 0 {
		return nil
	}
	gather := mailGather
	if by == Telegram {
		gather = chatGather
	}
	rows, rounds := make([][]any, len(all)), make([][]any, len(all))
	for i, w := range all {
		pause := mailPause
		switch {
		case by == Telegram:
			pause = chatPause
		case w.order:
			pause = mailOrderPause
		}
		rows[i] = []any{w.accountID, string(by), w.noticeID}
		rounds[i] = []any{w.accountID, string(by), db.At(tx.Now.Add(gather)), pause.Microseconds()}
	}
	if err := tx.ExecMany(insertWaiting, rows); err != nil {
		return fmt.Errorf("notices for %s: %w", by, err)
	}
	if err := tx.ExecMany(insertRound, rounds); err != nil {
		return fmt.Errorf("rounds of %s: %w", by, err)
	}
	return nil
}

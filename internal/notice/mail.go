package notice

import (
	"context"
	"regexp"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/notify"
	"github.com/notpanel/notpanel/internal/worker"
)

// Reader is to whom an account's notices go.
type Reader struct {
	Email    string // "": no mail reaches them
	Language string
}

// Writer is what every channel needs to put notices into words.
type Writer struct {
	DB        *db.DB
	Languages *locale.Set
	Currency  string
	Panel     func() string // its name now
	URL       string        // its address, without a slash at its end
	// Reader returns to whom an account's notices go.
	Reader func(tx *db.Tx, accountID string) (Reader, error)
}

// path is where the notices stand in the pages.
const path = "/dashboard/notices"

// Mailer mails what accounts are to be told, some at once.
type Mailer struct {
	Writer

	// Queue stores a mail in a transaction.
	Queue func(tx *db.Tx, m notify.Mail) error
}

// Loop mails what is due.
func (m *Mailer) Loop() worker.Loop {
	return worker.Loop{Name: "notice-mail", Every: 5 * time.Second, Pass: m.Pass, Backlog: backlog(m.DB, Mail)}
}

// Pass mails one account's round, and returns whether there was one.
func (m *Mailer) Pass(ctx context.Context) (found int, err error) {
	r, is, err := claimRound(ctx, m.DB, Mail)
	if err != nil || !is {
		return 0, err
	}
	if err := r.fold(ctx, m.DB); err != nil {
		return 0, err
	}
	return 1, m.DB.Write(ctx, func(tx *db.Tx) error {
		if ours, err := r.holds(tx); err != nil || !ours {
			return err // somebody else has it
		}
		if err := r.read(tx); err != nil {
			return err
		}
		if err := m.queue(tx, &r); err != nil {
			return err
		}
		return r.end(tx)
	})
}

// queue stores the round's mail: it is queued when the round has ended, and once.
func (m *Mailer) queue(tx *db.Tx, r *round) error {
	if len(r.notices) == 0 {
		return nil
	}
	to, err := m.Reader(tx, r.accountID)
	if err != nil || to.Email == "" {
		return err
	}
	l, _ := m.Languages.Find(to.Language)
	data := map[string]string{
		"count": strconv.FormatInt(int64(len(r.notices))+r.folded, 10), "link": m.URL + path,
	}
	for i, line := range r.lines(l, m.Currency) {
		data["line"+strconv.Itoa(i+1)] = WithoutKeys(line)
	}
	return m.Queue(tx, notify.Mail{To: to.Email, Language: to.Language, Template: notify.Notices, Data: data})
}

// keyValue is the value of an API key, which somebody may have written into a name
// or a reference. No mail and no message shows one.
var keyValue = regexp.MustCompile(`np_(live|test)_[0-9A-Za-z]{12,}`)

// WithoutKeys masks them in a line that somebody wrote.
func WithoutKeys(line string) string { return keyValue.ReplaceAllString(line, "np_${1}_…") }

// backlog counts the rounds of a channel that are late.
func backlog(d *db.DB, by Channel) func(context.Context) (worker.Backlog, error) {
	return func(ctx context.Context) (b worker.Backlog, err error) {
		return b, d.Read(ctx, func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COUNT(*), MIN(due_at) FROM notice_rounds WHERE channel = $1 AND due_at <= $2 AND not_before <= $2`,
				string(by), db.At(tx.Now)).Scan(&b.Count, db.Time(&b.Oldest))
		})
	}
}

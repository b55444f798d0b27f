package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/secret"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// atOnce is how many mails are on their way at once, from a node.
	atOnce = 4
	// lease is how long a claimed mail belongs to its node: its delivery has ended then.
	lease = 3 * time.Minute
	// lastTry is how long before a mail is given up it is tried for the last time:
	// a link in it should work for as long as it takes to read.
	lastTry = 5 * time.Minute
	// kept is how long is remembered what became of a mail.
	kept = 30 * 24 * time.Hour
	// forgetMost is how many one transaction forgets.
	forgetMost = 500
)

// Options are what a Sender needs.
type Options struct {
	DB        *db.DB
	Ring      *secret.Ring
	Languages *locale.Set
	Guard     *outbound.Guard
	Server    *Server         // nil: there is none, and mails wait until they are given up
	Identity  func() Identity // whose mails they are now; nil: notpanel's
	// ShowOutbox shows mails instead of sending them while there is no server: in
	// development.
	ShowOutbox bool
	Log        *slog.Logger
}

// Sender sends what Store queued.
type Sender struct {
	o        Options
	renderer *renderer
}

// NewSender returns a sender that does nothing until its loops run.
func NewSender(o Options) (*Sender, error) {
	r, err := newRenderer(o.Languages, o.Identity)
	if err != nil {
		return nil, err
	}
	return &Sender{o: o, renderer: r}, nil
}

// CanSend reports whether a mail that is queued reaches its reader: by a server,
// or in development in the outbox.
func (s *Sender) CanSend() bool { return s.o.Server != nil || s.o.ShowOutbox }

// Run starts the loops in g and returns what wakes them, for a mail that was just
// committed in this process.
func (s *Sender) Run(g *worker.Group) (wake func()) {
	g.Go(worker.Loop{Name: "mail-forget", Every: time.Hour, Pass: s.Forget})
	return g.Go(worker.Loop{Name: "mail", Every: 2 * time.Second, Pass: s.Pass, Backlog: s.backlog})
}

// Pass sends what is due, a few mails at once, and returns how many it took up.
// A mail that can't be sent is no error of the pass: it waits for its next time.
func (s *Sender) Pass(ctx context.Context) (found int, err error) {
	if s.showsOutbox() {
		return 0, nil
	}
	due, err := s.claim(ctx)
	if err != nil {
		return 0, err
	}
	errs := make([]error, len(due))
	var deliveries sync.WaitGroup
	for i, c := range due {
		deliveries.Go(func() { errs[i] = s.work(ctx, c) })
	}
	deliveries.Wait()
	return len(due), errors.Join(errs...)
}

func (s *Sender) showsOutbox() bool { return s.o.ShowOutbox && s.o.Server == nil }

// claimed is a mail that this node is to send.
type claimed struct {
	id               string
	mail             Mail
	sealed           string
	attempts         int64 // this one counted; it also tells our claim from a later one
	created, expires time.Time
}

const columns = `id, recipient, language, template, data_sealed, attempts, created_at, expires_at`

func scan(r db.Scanner) (c claimed, err error) {
	err = r.Scan(&c.id, &c.mail.To, &c.mail.Language, &c.mail.Template, &c.sealed, &c.attempts, db.Time(&c.created), db.Time(&c.expires))
	return c, err
}

// claim gives up what waited too long and takes what is due.
func (s *Sender) claim(ctx context.Context) (due []claimed, err error) {
	waiting := false
	err = s.o.DB.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM mails WHERE due_at <= $1 AND (expires_at <= $1 OR $2))`,
			db.At(tx.Now), s.o.Server != nil).Scan(&waiting)
	})
	if err != nil || !waiting {
		return nil, wrap("look for mails", err)
	}
	late := int64(0)
	err = s.o.DB.Write(ctx, func(tx *db.Tx) error {
		late, err = tx.Exec(`
			UPDATE mails SET state = 'given_up', data_sealed = '', due_at = NULL, ended_at = $1,
				failure = CASE WHEN failure = '' THEN $2 ELSE failure END
			WHERE due_at <= $1 AND expires_at <= $1`, db.At(tx.Now), string(TooLate))
		if err != nil || s.o.Server == nil {
			return err
		}
		due, err = db.All(tx, scan, `SELECT `+columns+` FROM mails
			WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`, db.At(tx.Now), int64(atOnce))
		if err != nil {
			return err
		}
		rows := make([][]any, len(due))
		for i := range due {
			due[i].attempts++
			rows[i] = []any{due[i].id, due[i].attempts, db.At(tx.Now), db.At(tx.Now.Add(lease))}
		}
		return tx.ExecMany(`UPDATE mails SET attempts = $2, tried_at = $3, due_at = $4 WHERE id = $1`, rows)
	})
	if err == nil && late > 0 {
		s.o.Log.LogAttrs(ctx, slog.LevelWarn, "mails given up: they waited too long", slog.Int64("mails", late))
	}
	return due, wrap("claim mails", err)
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// work sends a mail and stores what became of it. A program that stops stores it
// all the same.
func (s *Sender) work(ctx context.Context, c claimed) error {
	err := s.send(ctx, c)
	ctx = context.WithoutCancel(ctx)
	if err == nil {
		return s.end(ctx, c, "sent", "")
	}
	failed, ok := errors.AsType[*DeliveryError](err)
	if !ok {
		failed = &DeliveryError{Class: Unreadable, detail: err.Error()}
	}
	return s.put(ctx, c, failed)
}

func (s *Sender) send(ctx context.Context, c claimed) error {
	m, err := s.open(c)
	if err != nil {
		return err
	}
	r, err := s.renderer.render(m, c.created)
	if err != nil {
		return err
	}
	message, err := s.o.Server.message(c.id, m.To, s.renderer.identity().Name, r, c.created)
	if err != nil {
		return err
	}
	return s.o.Server.deliver(ctx, s.o.Guard, message)
}

// open reads what stands in a mail.
func (s *Sender) open(c claimed) (Mail, error) {
	text, err := s.o.Ring.Open(c.sealed, "mails", "data", c.id)
	if err != nil {
		return Mail{}, fmt.Errorf("open mail %s: %w", c.id, err)
	}
	m := c.mail
	if err := json.Unmarshal(text, &m.Data); err != nil {
		return Mail{}, fmt.Errorf("open mail %s: no data", c.id) // the error would quote it
	}
	return m, nil
}

// end stores that a mail has its end, and drops what stood in it. That it was
// sent holds whoever claimed it since.
func (s *Sender) end(ctx context.Context, c claimed, state string, why Class) error {
	return wrap("end mail "+c.id, s.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`
			UPDATE mails SET state = $2, failure = $3, data_sealed = '', due_at = NULL, ended_at = $4
			WHERE id = $1 AND state = 'waiting' AND ($2 = 'sent' OR attempts = $5)`,
			c.id, state, string(why), db.At(tx.Now), c.attempts)
		return err
	}))
}

// put stores a failure and when the mail is tried again, or that it never is.
func (s *Sender) put(ctx context.Context, c claimed, failed *DeliveryError) error {
	attributes := []slog.Attr{
		slog.String("mail", c.id), slog.String("template", c.mail.Template), slog.Int64("attempt", c.attempts), slog.Any("error", failed),
	}
	next, again := time.Time{}, false
	err := s.o.DB.Write(ctx, func(tx *db.Tx) error {
		next, again = following(c, tx.Now)
		if failed.final() || !again {
			return nil
		}
		_, err := tx.Exec(`UPDATE mails SET failure = $2, due_at = $3 WHERE id = $1 AND state = 'waiting' AND attempts = $4`,
			c.id, string(failed.Class), db.At(next), c.attempts)
		return err
	})
	if err != nil {
		return fmt.Errorf("put mail %s off: %w", c.id, err)
	}
	if failed.final() || !again {
		s.o.Log.LogAttrs(ctx, slog.LevelWarn, "mail given up", attributes...)
		return s.end(ctx, c, "given_up", failed.Class)
	}
	s.o.Log.LogAttrs(ctx, slog.LevelWarn, "mail not sent", append(attributes, slog.Time("again_at", next))...)
	return nil
}

// following returns when a mail is tried again after a failure; not ok after its
// last try.
func following(c claimed, now time.Time) (next time.Time, ok bool) {
	pauses := []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour}
	last := c.expires.Add(-lastTry)
	if !now.Before(last) {
		return time.Time{}, false
	}
	next = now.Add(pauses[min(max(c.attempts, 1), int64(len(pauses)))-1])
	if next.After(last) {
		next = last
	}
	return next, true
}

// Forget deletes what is known of some old mails, and returns of how many.
func (s *Sender) Forget(ctx context.Context) (forgotten int, err error) {
	err = s.o.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(`DELETE FROM mails WHERE id IN (SELECT id FROM mails WHERE created_at <= $1 ORDER BY created_at LIMIT $2)`,
			db.At(tx.Now.Add(-kept)), forgetMost)
		forgotten = int(n)
		return err
	})
	return forgotten, wrap("forget old mails", err)
}

func (s *Sender) backlog(ctx context.Context) (b worker.Backlog, err error) {
	if s.showsOutbox() {
		return b, nil
	}
	return b, s.o.DB.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*), MIN(due_at) FROM mails WHERE due_at <= $1`, db.At(tx.Now)).Scan(&b.Count, db.Time(&b.Oldest))
	})
}

// Try sends the test mail at once, past the table: it needs no database. An error
// is a *DeliveryError or says what can't be sent.
func (s *Sender) Try(ctx context.Context, to, language string) error {
	m := Mail{To: to, Language: language, Template: testMail}
	if _, err := m.check(); err != nil {
		return err
	}
	at := clock.System()
	r, err := s.renderer.render(m, at)
	if err != nil {
		return err
	}
	message, err := s.o.Server.message(id.New(id.Mail), to, s.renderer.identity().Name, r, at)
	if err != nil {
		return err
	}
	return s.o.Server.deliver(ctx, s.o.Guard, message)
}

package notify

import (
	"context"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// Shown is a mail as the outbox shows it.
type Shown struct {
	ID        string
	To        string
	Template  string
	Language  string
	Subject   string
	Text      string
	HTML      string // a whole document; it belongs in a sandboxed frame
	CreatedAt time.Time
}

// Outbox returns the latest mails as their readers would see them, the newest
// first. Outside development, and where a server sends them, there is none.
func (s *Sender) Outbox(ctx context.Context, limit int) (all []Shown, err error) {
	if !s.showsOutbox() {
		return nil, fault.New(fault.NotFound, "There is no outbox")
	}
	var found []claimed
	err = s.o.DB.Read(ctx, func(tx *db.Tx) error {
		found, err = db.All(tx, scan, `SELECT `+columns+` FROM mails WHERE state = 'waiting' ORDER BY created_at DESC, id DESC LIMIT $1`, int64(limit))
		return err
	})
	if err != nil {
		return nil, wrap("read the outbox", err)
	}
	for _, c := range found {
		m, err := s.open(c)
		if err != nil {
			return nil, err
		}
		r, err := s.renderer.render(m, c.created)
		if err != nil {
			return nil, err
		}
		all = append(all, Shown{
			ID: c.id, To: m.To, Template: m.Template, Language: m.Language, Subject: r.subject, Text: r.text, HTML: r.html, CreatedAt: c.created,
		})
	}
	return all, nil
}

package app

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/notify"
)

// A panel without a mail server starts and says once that it sends none; in
// development its mails are in the outbox.
func TestPanelWithoutAMailServer(t *testing.T) {
	t.Parallel()
	for name, dev := range map[string]bool{"serving": false, "development": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := served(t, "", "")
			settings.Dev = dev
			var log bytes.Buffer
			s, err := NewServer(t.Context(), settings, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.release() })
			warned := bytes.Count(log.Bytes(), []byte("no mail can be sent"))
			if s.mails.CanSend() != dev || (warned == 1) == dev || warned > 1 {
				t.Errorf("can send %v, warned %d times", s.mails.CanSend(), warned)
			}
			err = s.Core.DB.Write(t.Context(), func(tx *db.Tx) error {
				return s.Core.Mails.Queue(tx, notify.Mail{To: "reader@example.com", Language: "tr", Template: notify.PasswordChanged})
			})
			if err != nil {
				t.Fatal(err)
			}
			if shown, _ := s.mails.Outbox(t.Context(), 10); (len(shown) == 1) != dev {
				t.Errorf("the outbox shows %d mails", len(shown))
			}
		})
	}
}

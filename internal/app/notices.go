package app

import (
	"strings"

	"github.com/notpanel/notpanel/internal/notice"
	"github.com/notpanel/notpanel/internal/telegram"
)

// startNotices starts what tells people of what happened.
func (s *Server) startNotices() {
	words := notice.Writer{
		DB: s.Core.DB, Languages: s.languages, Currency: s.Core.Currency, Panel: func() string { return s.panel.Brand().Name }, URL: strings.TrimSuffix(s.URL(), "/"),
		Reader: noticeReader,
	}
	mailer := notice.Mailer{Writer: words, Queue: s.Core.Mails.Queue}
	s.workers.Go(mailer.Loop())
	for _, l := range notice.NewKeeper(s.Core.DB).Loops() {
		s.workers.Go(l)
	}
	if bot, set, err := s.settings.TelegramBot(); err == nil && set { // checked before anything was opened
		notice.NewMessenger(words, telegram.NewBot(s.guard, bot), s.Core.Notices, s.log).Run(s.workers)
	}
}

package web

import (
	"net/http"
	"time"

	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/web/back"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Names of the cookies of who is not signed in. Who is has these in the account.
const (
	languageCookie = "__Host-language"
	themeCookie    = "__Host-theme"
)

// view makes what the pages know of a request's reader.
func (s *Server) view(r *http.Request) *ui.View {
	return &ui.View{
		Language: s.language(r), Languages: s.Languages.All(), Zone: time.UTC, Theme: themeOf(r), Now: s.Now(),
		Path: r.URL.Path, Return: back.Own(r.URL.RequestURI()), Panel: s.Panel(),
		Waits: s.Waits != nil && s.Waits(),
	}
}

// language is what the address asks for, else what was chosen, else what the
// browser prefers.
func (s *Server) language(r *http.Request) *locale.Language {
	if l, found := s.Languages.Find(r.URL.Query().Get("lang")); found {
		return l
	}
	if c, err := r.Cookie(languageCookie); err == nil {
		if l, found := s.Languages.Find(c.Value); found {
			return l
		}
	}
	return s.Languages.Match(r.Header.Get("Accept-Language"))
}

func themeOf(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

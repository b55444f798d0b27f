package web

import (
	"net/http"
	"net/url"
	"time"
)

// preferencesKept is how long a browser keeps a choice.
const preferencesKept = 365 * 24 * time.Hour

// setPreferences keeps the language and theme of a browser and leads back.
func (s *Server) setPreferences(w http.ResponseWriter, r *http.Request) error {
	if l, found := s.Languages.Find(r.PostFormValue("language")); found {
		setChoice(w, languageCookie, l.Code)
	}
	switch theme := r.PostFormValue("theme"); theme {
	case "light", "dark":
		setChoice(w, themeCookie, theme)
	case "system":
		setChoice(w, themeCookie, "")
	}
	http.Redirect(w, r, withoutLanguage(ownPath(r.PostFormValue("next"))), http.StatusSeeOther) //nolint:gosec // ownPath leaves paths of ours
	return nil
}

func setChoice(w http.ResponseWriter, name, value string) {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(preferencesKept / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// withoutLanguage takes the language out of an address: it would go before the
// one just chosen.
func withoutLanguage(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return "/"
	}
	q := u.Query()
	q.Del("lang")
	u.RawQuery = q.Encode()
	return u.String()
}

package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/notpanel/notpanel/internal/web/back"
)

// preferencesKept is how long a browser keeps a choice.
const preferencesKept = 365 * 24 * time.Hour

// setPreferences keeps the language and theme of a browser, and of who is signed
// in there, and leads back.
func (s *Server) setPreferences(w http.ResponseWriter, r *http.Request) error {
	who, signedIn := s.People.Current(r.Context())
	chosen := who.Preferences
	if l, found := s.Languages.Find(r.PostFormValue("language")); found {
		chosen.Language = l.Code
		setChoice(w, languageCookie, l.Code)
	}
	switch theme := r.PostFormValue("theme"); theme {
	case "light", "dark":
		chosen.Theme = theme
		setChoice(w, themeCookie, theme)
	case "system":
		chosen.Theme = ""
		setChoice(w, themeCookie, "")
	}
	if signedIn && chosen != who.Preferences {
		accountID := who.AccountID
		if who.Viewer != nil {
			accountID = who.Viewer.AccountID
		}
		if err := s.Accounts.SetPreferences(r.Context(), accountID, chosen); err != nil {
			return err
		}
	}
	http.Redirect(w, r, withoutLanguage(back.Own(r.PostFormValue("next"))), http.StatusSeeOther) //nolint:gosec // a path of ours
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

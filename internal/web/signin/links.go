package signin

import (
	"net/http"
	"net/url"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// opened shows the page of a mailed link. Opening one spends nothing: mail
// scanners do it too. The page sends its address, which holds the token, nowhere.
func (p *Pages) opened(w http.ResponseWriter, r *http.Request, purpose identity.Purpose, page func(email, token string) templ.Component) error {
	keepToken(w)
	token := r.URL.Query().Get("token")
	if token == "" { // nobody came by a mail
		return ui.See(w, r, beforeMail(purpose))
	}
	email, err := p.people.Peek(r.Context(), purpose, token)
	if because(err, identity.BadToken) {
		return p.dead(w, r, purpose)
	}
	if err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, page(email, token))
}

// beforeMail is where a mail of a purpose is asked for.
func beforeMail(purpose identity.Purpose) string {
	switch purpose {
	case identity.ResetPassword:
		return forgotPath
	case identity.ChangeEmail:
		return accountPath
	case identity.VerifyEmail:
	}
	return homePath
}

// keepToken keeps the address of a page from what the page leads to, and its answer
// from being kept.
func keepToken(w http.ResponseWriter) {
	w.Header().Set("Referrer-Policy", "same-origin") // not "no-referrer": then old browsers send the form without an origin
	neverKept(w)
}

// neverKept keeps a page that anyone may see from being kept, as others of theirs
// are.
func neverKept(w http.ResponseWriter) { w.Header().Set("Cache-Control", "private, no-store") }

// dead says that a link is of no use, and where another comes from.
func (p *Pages) dead(w http.ResponseWriter, r *http.Request, purpose identity.Purpose) error {
	keepToken(w)
	who, _ := p.people.Current(r.Context())
	return ui.Render(w, r, http.StatusGone, deadPage(purpose, who))
}

// Verify shows the page of the link that verifies an address.
func (p *Pages) Verify(w http.ResponseWriter, r *http.Request) error {
	return p.opened(w, r, identity.VerifyEmail, func(email, token string) templ.Component {
		return verifyPage(email, token, ui.NewForm(nil))
	})
}

// SpendVerify verifies an address and signs in, for the password.
func (p *Pages) SpendVerify(w http.ResponseWriter, r *http.Request) error {
	keepToken(w)
	f := ui.Sent(r)
	token := f.Value("token")
	err := p.people.Verify(r.Context(), token, r.PostFormValue("password"))
	switch {
	case because(err, identity.BadToken):
		return p.dead(w, r, identity.VerifyEmail)
	case err != nil:
		return again(w, r, f, err, p.asked(identity.VerifyEmail, token, verifyPage))
	}
	return ui.See(w, r, homePath)
}

// asked shows the form of a mailed link once more.
func (p *Pages) asked(purpose identity.Purpose, token string, page func(email, token string, f *ui.Form) templ.Component) show {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		email, err := p.people.Peek(r.Context(), purpose, token)
		if err != nil {
			return p.dead(w, r, purpose)
		}
		return ui.Render(w, r, status, page(email, token, f))
	}
}

// Change shows the page of the link that changes an address, to who asked for it.
func (p *Pages) Change(w http.ResponseWriter, r *http.Request) error {
	token := r.URL.Query().Get("token")
	if _, err := p.people.PeekChange(r.Context(), token); because(err, identity.NotYours) {
		return p.notYours(w, r, token)
	}
	return p.opened(w, r, identity.ChangeEmail, changePage)
}

// SpendChange changes an address.
func (p *Pages) SpendChange(w http.ResponseWriter, r *http.Request) error {
	token := r.PostFormValue("token")
	switch err := p.people.ConfirmEmailChange(r.Context(), token); {
	case because(err, identity.BadToken):
		return p.dead(w, r, identity.ChangeEmail)
	case because(err, identity.NotYours), because(err, identity.SignInAgain):
		return p.notYours(w, r, token)
	case err != nil:
		return err
	}
	return ui.See(w, r, accountPath)
}

// notYours asks who opens a link to sign in as the account that asked for it. The
// sign-in leads back to the link, where nobody else is signed in.
func (p *Pages) notYours(w http.ResponseWriter, r *http.Request, token string) error {
	keepToken(w)
	_, signedIn := p.people.Current(r.Context())
	next := identity.ChangePath + "?" + url.Values{"token": {token}}.Encode()
	return ui.Render(w, r, http.StatusForbidden, notYoursPage(withNext(loginPath, next), signedIn))
}

// Forgot shows the form that asks for a link to set a new password.
func (p *Pages) Forgot(w http.ResponseWriter, r *http.Request) error {
	return p.showForgot(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showForgot(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	neverKept(w)
	if !p.mails.CanSend() {
		return ui.Render(w, r, status, noMailPage("forgot.title", "forgot.no_mail"))
	}
	return ui.Render(w, r, status, forgotPage(f))
}

// AskReset mails the link, where there is somebody to mail it to.
func (p *Pages) AskReset(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	if !p.mails.CanSend() {
		return p.showForgot(w, r, http.StatusConflict, f)
	}
	if err := p.people.RequestReset(r.Context(), f.Value("email")); err != nil {
		return again(w, r, f, err, p.showForgot)
	}
	return p.inbox(w, r, "forgot.sent", f.Value("email"))
}

// Reset shows the page of the link that sets a new password.
func (p *Pages) Reset(w http.ResponseWriter, r *http.Request) error {
	return p.opened(w, r, identity.ResetPassword, func(email, token string) templ.Component {
		return resetPage(email, token, ui.NewForm(nil))
	})
}

// SpendReset sets a new password. Nobody is signed in by it.
func (p *Pages) SpendReset(w http.ResponseWriter, r *http.Request) error {
	keepToken(w)
	f := ui.Sent(r)
	token := f.Value("token")
	err := p.people.Reset(r.Context(), token, r.PostFormValue("new_password"))
	switch {
	case because(err, identity.BadToken):
		return p.dead(w, r, identity.ResetPassword)
	case err != nil:
		return again(w, r, f, err, p.asked(identity.ResetPassword, token, resetPage))
	}
	return ui.See(w, r, loginPath+"?done="+doneReset)
}

package signin

import (
	"net/http"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// maxCode is how many characters of a code are taken: recovery codes come with
// spaces and dashes.
const maxCode = 32

// codeKind lets the passkey stand out, where there is one.
func codeKind(pending identity.PendingSignIn) string {
	if pending.Passkeys {
		return ""
	}
	return "primary"
}

// SignUp shows the form of a new account.
func (p *Pages) SignUp(w http.ResponseWriter, r *http.Request) error {
	return p.showSignUp(w, r, http.StatusOK, ui.NewForm(nil))
}

func (p *Pages) showSignUp(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	switch {
	case !p.open():
		return ui.Render(w, r, status, noMailPage("signup.title", "signup.closed"))
	case !p.mails.CanSend():
		return ui.Render(w, r, status, noMailPage("signup.title", "signup.no_mail"))
	}
	return ui.Render(w, r, status, signUpPage(f))
}

// Register makes an account, and answers alike where the address has one.
func (p *Pages) Register(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	if !p.open() || !p.mails.CanSend() {
		return p.showSignUp(w, r, http.StatusConflict, f)
	}
	n := identity.NewPerson{
		Email: f.Value("email"), Password: r.PostFormValue("new_password"), Language: ui.Of(r.Context()).Language.Code, TimeZone: f.Value("time_zone"),
	}
	if (account.Preferences{TimeZone: n.TimeZone}).Check() != nil {
		n.TimeZone = "" // the browser's guess, which nobody typed
	}
	if err := p.people.SignUp(r.Context(), n); err != nil {
		return again(w, r, f, err, p.showSignUp)
	}
	return p.inbox(w, r, "signup.sent", n.Email)
}

// inbox asks to look for a mail.
func (*Pages) inbox(w http.ResponseWriter, r *http.Request, text, email string) error {
	return ui.Render(w, r, http.StatusOK, inboxPage(text, email))
}

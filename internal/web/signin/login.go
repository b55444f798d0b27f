package signin

import (
	"net/http"

	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/web/back"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// What led to the page of the sign-in and is said there.
const (
	doneReset  = "reset"
	doneAgain  = "again"  // the sign-in under way ended
	doneClosed = "closed" // the account
)

// loginView is what the page of the sign-in shows.
type loginView struct {
	Form *ui.Form
	Next string
	Done string // one of the constants above, or ""
}

// doneOf reads why the page was led to.
func doneOf(r *http.Request) string {
	switch done := r.URL.Query().Get("done"); done {
	case doneReset, doneAgain, doneClosed:
		return done
	default:
		return ""
	}
}

// Login shows the page of the sign-in.
func (*Pages) Login(w http.ResponseWriter, r *http.Request) error {
	return ui.Render(w, r, http.StatusOK, loginPage(loginView{
		Form: ui.NewForm(nil), Next: nextOf(r.URL.Query().Get("next")), Done: doneOf(r),
	}))
}

func showLogin(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	return ui.Render(w, r, status, loginPage(loginView{Form: f, Next: nextOf(f.Value("next"))}))
}

// SignIn takes the first step of a sign-in.
func (p *Pages) SignIn(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	second, err := p.people.SignIn(r.Context(), f.Value("email"), r.PostFormValue("password"))
	if err != nil {
		return again(w, r, f, err, showLogin)
	}
	next := nextOf(f.Value("next"))
	if second {
		next = withNext(factorPath, next)
	}
	return ui.See(w, r, next)
}

// PasskeyOptions is what a browser needs to sign in with a passkey alone.
func (p *Pages) PasskeyOptions(w http.ResponseWriter, r *http.Request) error {
	options, err := p.people.SignInOptions(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, options)
}

// SignInWithPasskey signs in with a passkey alone.
func (p *Pages) SignInWithPasskey(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	err := p.people.SignInWithPasskey(r.Context(), []byte(r.PostFormValue("passkey")))
	if because(err, identity.BadPasskey) {
		f.Error = ui.T(r.Context(), "login.passkey_failed")
		return showLogin(w, r, refusal.Status(err), f)
	}
	if err != nil {
		return again(w, r, f, err, showLogin)
	}
	return ui.See(w, r, nextOf(f.Value("next")))
}

// Factor shows the second step of a sign-in, to who has taken the first.
func (p *Pages) Factor(w http.ResponseWriter, r *http.Request) error {
	f := ui.NewForm(nil)
	f.Values.Set("next", nextOf(r.URL.Query().Get("next")))
	return p.showFactor(w, r, http.StatusOK, f)
}

func (p *Pages) showFactor(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	pending, found, err := p.people.Pending(r.Context())
	if err != nil {
		return err
	}
	next := nextOf(f.Value("next"))
	if !found {
		return ui.See(w, r, withNext(loginPath, next))
	}
	return ui.Render(w, r, status, factorPage(pending, f, next))
}

// FactorOptions is what a browser needs to answer the second step with a passkey.
func (p *Pages) FactorOptions(w http.ResponseWriter, r *http.Request) error {
	options, err := p.people.SecondFactorOptions(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, options)
}

// SecondFactor takes the second step of a sign-in.
func (p *Pages) SecondFactor(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	err := p.people.SecondFactor(r.Context(), identity.Factor{
		Code: r.PostFormValue("code"), Passkey: []byte(r.PostFormValue("passkey")),
	})
	switch {
	case because(err, identity.SignInAgain):
		return ui.See(w, r, loginPath+"?done="+doneAgain)
	case err != nil:
		return again(w, r, f, err, p.showFactor)
	}
	return ui.See(w, r, nextOf(f.Value("next")))
}

// CancelFactor forgets a sign-in that waits for its second step.
func (p *Pages) CancelFactor(w http.ResponseWriter, r *http.Request) error {
	p.people.CancelPending(r.Context())
	return ui.See(w, r, loginPath)
}

// SignOut ends the session.
func (p *Pages) SignOut(w http.ResponseWriter, r *http.Request) error {
	if err := p.people.SignOut(r.Context()); err != nil {
		return err
	}
	return ui.See(w, r, back.Home)
}

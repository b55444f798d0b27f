package dashboard

import (
	"net/http"

	"github.com/notpanel/notpanel/internal/web/proof"

	"github.com/notpanel/notpanel/internal/web/refusal"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// The pages of the account, each with its form.
const (
	accountPath     = "/dashboard/account"
	emailPath       = accountPath + "/email"
	passwordPath    = accountPath + "/password"
	preferencesPath = accountPath + "/preferences"
	appPath         = accountPath + "/app"
	codesPath       = accountPath + "/recovery-codes"
	passkeysPath    = accountPath + "/passkeys"
	sessionsPath    = accountPath + "/sessions"
)

func passkeyPath(passkeyID string) string { return passkeysPath + "/" + passkeyID }

// historyShown is how many sign-ins the page lists.
const historyShown = 20

// accountView is what the page of the account shows.
type accountView struct {
	Who      identity.Person
	Enrol    bool // nothing else is open before there is a second factor
	Done     string
	Passkeys []identity.Passkey
	Sessions []identity.Session
	History  []identity.SignedIn
}

// others reports whether there are sessions besides this one.
func (v accountView) others() bool { return len(v.Sessions) > 1 }

// Account shows the account: what belongs to it and where it is signed in.
func (d *Dashboard) Account(w http.ResponseWriter, r *http.Request) (err error) {
	ctx, people := r.Context(), d.deps.People
	v := accountView{Who: d.person(r), Done: doneText(r)}
	v.Enrol = people.MustEnrol(v.Who)
	if v.Passkeys, err = people.Passkeys(ctx); err != nil {
		return err
	}
	if v.Sessions, err = people.Sessions(ctx); err != nil {
		return err
	}
	if v.History, err = people.History(ctx, historyShown); err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, accountPage(v))
}

// doneText is the text of what a form has just done, whose answer led here.
func doneText(r *http.Request) string {
	switch done := r.URL.Query().Get("done"); done {
	case "email", "password", "preferences", "app", "app_removed", "passkey", "passkey_renamed", "passkey_removed", "session", "sessions":
		return "account.done_" + done
	default:
		return ""
	}
}

// accountDone ends a form: in a dialog it says so there, else on the page of the
// account.
func accountDone(w http.ResponseWriter, r *http.Request, done string) error {
	if ui.Partial(r) {
		return ui.Render(w, r, http.StatusOK, ui.Done(ui.T(r.Context(), "account.done_"+done), accountPath))
	}
	return ui.See(w, r, accountPath+"?done="+done)
}

// prove makes sure of who sends a form that needs a fresh proof.
func (d *Dashboard) prove(r *http.Request) error { return proof.Check(d.deps.People, r) }

// show shows a form, with what was wrong.
type show = func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error

// provenForm shows a form that needs a fresh proof.
func (d *Dashboard) provenForm(title string, form func(f *ui.Form, p proof.Asked) templ.Component) show {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		p, err := proof.Fresh(d.deps.People, r)
		if err != nil {
			return err
		}
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), title)}, form(f, p))
	}
}

// AskEmail shows the form of another e-mail address.
func (d *Dashboard) AskEmail(w http.ResponseWriter, r *http.Request) error {
	return d.showEmail(w, r, http.StatusOK, ui.NewForm(nil))
}

func (d *Dashboard) showEmail(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	canSend := d.deps.CanMail()
	return d.provenForm("account.email_title", func(f *ui.Form, p proof.Asked) templ.Component {
		return emailForm(f, p, d.person(r).Email, canSend)
	})(w, r, status, f)
}

// SetEmail mails a link to the new address, which confirms it.
func (d *Dashboard) SetEmail(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f := ui.Sent(r)
	if !d.deps.CanMail() {
		return d.showEmail(w, r, http.StatusConflict, f)
	}
	email := f.Value("email")
	if sameAddress(email, d.person(r).Email) {
		f.Refuse("email", ui.T(ctx, "account.error_same_email"))
		return d.showEmail(w, r, http.StatusUnprocessableEntity, f)
	}
	err := d.prove(r)
	if err == nil {
		err = d.deps.People.RequestEmailChange(ctx, email)
	}
	if err != nil {
		return refusal.Again(w, r, f, err, d.showEmail)
	}
	return accountDone(w, r, "email")
}

// AskPassword shows the form of another password.
func (d *Dashboard) AskPassword(w http.ResponseWriter, r *http.Request) error {
	return d.showPassword(w, r, http.StatusOK, ui.NewForm(nil))
}

func (d *Dashboard) showPassword(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	return d.provenForm("account.password_title", func(f *ui.Form, p proof.Asked) templ.Component {
		return passwordForm(f, p, d.person(r).Email)
	})(w, r, status, f)
}

// SetPassword changes the password: always for the present one, and with a second
// factor for that too. Everybody else who is signed in is signed out.
func (d *Dashboard) SetPassword(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	var err error
	if d.person(r).HasSecondFactor() {
		err = d.prove(r)
	}
	if err == nil {
		err = d.deps.People.ChangePassword(r.Context(), r.PostFormValue("password"), r.PostFormValue("new_password"))
	}
	if err != nil {
		return refusal.Again(w, r, f, err, d.showPassword)
	}
	return accountDone(w, r, "password")
}

// RevokeSession signs another browser out.
func (d *Dashboard) RevokeSession(w http.ResponseWriter, r *http.Request) error {
	if err := d.deps.People.RevokeSession(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	return ui.See(w, r, accountPath+"?done=session#sessions")
}

// RevokeOthers signs out everybody but this browser.
func (d *Dashboard) RevokeOthers(w http.ResponseWriter, r *http.Request) error {
	if err := d.deps.People.RevokeOtherSessions(r.Context()); err != nil {
		return err
	}
	return ui.See(w, r, accountPath+"?done=sessions#sessions")
}

package dashboard

import (
	"net/http"

	"github.com/notpanel/notpanel/internal/web/proof"

	"github.com/notpanel/notpanel/internal/web/refusal"

	"github.com/a-h/templ"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// BeginApp shows the secret of an authenticator app, to who proved themselves a
// moment ago; others are asked first. Each time it is another secret: one that
// somebody else saw before is good for nothing.
func (d *Dashboard) BeginApp(w http.ResponseWriter, r *http.Request) error {
	if !d.person(r).Fresh() {
		return d.askForApp(w, r, http.StatusOK, ui.NewForm(nil))
	}
	return d.newApp(w, r)
}

// ProveForApp is BeginApp behind the question.
func (d *Dashboard) ProveForApp(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	if err := d.prove(r); err != nil {
		return refusal.Again(w, r, f, err, d.askForApp)
	}
	return d.newApp(w, r)
}

func (d *Dashboard) askForApp(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	return d.provenForm("app.title", func(f *ui.Form, p proof.Asked) templ.Component {
		return proofPage("app.title", appPath, f, p)
	})(w, r, status, f)
}

func (d *Dashboard) newApp(w http.ResponseWriter, r *http.Request) error {
	e, err := d.deps.People.BeginTOTP(r.Context())
	if fault.Is(err, fault.Conflict) { // there is one already
		return accountDone(w, r, "app")
	}
	if err != nil {
		return err
	}
	return d.renderApp(w, r, http.StatusOK, ui.NewForm(nil), e)
}

func (*Dashboard) renderApp(w http.ResponseWriter, r *http.Request, status int, f *ui.Form, e identity.Enrolment) error {
	qr, err := ui.NewQR(e.URI)
	if err != nil {
		return err
	}
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "app.title")}, appForm(f, qr, e.Secret))
}

// showApp shows the secret under way once more, for another code.
func (d *Dashboard) showApp(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	if !d.person(r).Fresh() {
		return d.askForApp(w, r, status, f)
	}
	e, found, err := d.deps.People.PendingTOTP(r.Context())
	if err != nil {
		return err
	}
	if !found {
		return d.newApp(w, r)
	}
	return d.renderApp(w, r, status, f, e)
}

// ConfirmApp makes the app count, for a code that it shows.
func (d *Dashboard) ConfirmApp(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	codes, err := d.deps.People.ConfirmTOTP(r.Context(), r.PostFormValue("code"))
	if fault.Is(err, fault.Conflict) { // nothing is under way
		return d.newApp(w, r)
	}
	if err != nil {
		return refusal.Again(w, r, f, err, d.showApp)
	}
	return factorAdded(w, r, codes, "app")
}

// factorAdded shows the recovery codes that came with the first second factor.
func factorAdded(w http.ResponseWriter, r *http.Request, codes []string, done string) error {
	if len(codes) == 0 {
		return accountDone(w, r, done)
	}
	return showCodes(w, r, codes, "account.done_"+done)
}

// showCodes shows recovery codes, this once.
func showCodes(w http.ResponseWriter, r *http.Request, codes []string, done string) error {
	return ui.RenderDialog(w, r, http.StatusOK, ui.Page{Title: ui.T(r.Context(), "codes.title")}, codesPage(codes, done))
}

// AskRemoveApp asks before the authenticator app is taken away.
func (d *Dashboard) AskRemoveApp(w http.ResponseWriter, r *http.Request) error {
	return d.showRemoveApp(w, r, http.StatusOK, ui.NewForm(nil))
}

func (d *Dashboard) showRemoveApp(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	last := d.person(r).Passkeys == 0
	return d.provenForm("app.remove_title", func(f *ui.Form, p proof.Asked) templ.Component {
		return removeAppForm(f, p, last)
	})(w, r, status, f)
}

// RemoveApp takes the authenticator app away.
func (d *Dashboard) RemoveApp(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	err := d.prove(r)
	if err == nil {
		err = d.deps.People.RemoveTOTP(r.Context())
	}
	if err != nil && !fault.Is(err, fault.Conflict) { // gone already is what was wanted
		return refusal.Again(w, r, f, err, d.showRemoveApp)
	}
	return accountDone(w, r, "app_removed")
}

// AskCodes asks before the recovery codes are made anew.
func (d *Dashboard) AskCodes(w http.ResponseWriter, r *http.Request) error {
	return d.showAskCodes(w, r, http.StatusOK, ui.NewForm(nil))
}

func (d *Dashboard) showAskCodes(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	return d.provenForm("codes.renew_title", renewCodesForm)(w, r, status, f)
}

// RenewCodes makes recovery codes anew and shows them this once.
func (d *Dashboard) RenewCodes(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	var codes []string
	err := d.prove(r)
	if err == nil {
		codes, err = d.deps.People.RegenerateRecoveryCodes(r.Context())
	}
	if err != nil {
		return refusal.Again(w, r, f, err, d.showAskCodes)
	}
	return showCodes(w, r, codes, "codes.renewed")
}

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

// maxPasskeyName is how many characters a passkey's name may have here; the domain
// counts bytes.
const maxPasskeyName = 40

// NewPasskey shows the form of a new passkey, to who proved themselves a moment
// ago; others are asked first.
func (d *Dashboard) NewPasskey(w http.ResponseWriter, r *http.Request) error {
	return d.showNewPasskey(w, r, http.StatusOK, ui.NewForm(nil))
}

// ProveForPasskey is NewPasskey behind the question.
func (d *Dashboard) ProveForPasskey(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	if err := d.prove(r); err != nil {
		return refusal.Again(w, r, f, err, d.showNewPasskey)
	}
	return d.showNewPasskey(w, r, http.StatusOK, ui.NewForm(nil))
}

func (d *Dashboard) showNewPasskey(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	if !d.person(r).Fresh() {
		return d.provenForm("passkeys.new_title", func(f *ui.Form, p proof.Asked) templ.Component {
			return proofPage("passkeys.new_title", passkeysPath+"/new", f, p)
		})(w, r, status, f)
	}
	options, err := d.deps.People.AddPasskeyOptions(r.Context())
	if err != nil {
		return err
	}
	usual := deviceName(r.Context(), r.UserAgent())
	return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "passkeys.new_title")}, newPasskeyForm(f, string(options), usual))
}

// AddPasskey keeps what the browser made.
func (d *Dashboard) AddPasskey(w http.ResponseWriter, r *http.Request) error {
	f := ui.Sent(r)
	if refuseName(r, f) {
		return d.showNewPasskey(w, r, http.StatusUnprocessableEntity, f)
	}
	codes, err := d.deps.People.AddPasskey(r.Context(), f.Value("name"), []byte(r.PostFormValue("passkey")))
	if err != nil {
		return d.passkeyAgain(w, r, f, err)
	}
	return factorAdded(w, r, codes, "passkey")
}

// passkeyAgain shows the form once more: an answer of the browser is good for one
// try.
func (d *Dashboard) passkeyAgain(w http.ResponseWriter, r *http.Request, f *ui.Form, err error) error {
	text := ""
	switch {
	case isReason(err, identity.BadPasskey):
		text = "passkeys.not_accepted"
	case fault.Is(err, fault.Conflict):
		text = "passkeys.too_many"
	default:
		return refusal.Again(w, r, f, err, d.showNewPasskey)
	}
	f.Error = ui.T(r.Context(), text)
	return d.showNewPasskey(w, r, http.StatusUnprocessableEntity, f)
}

// refuseName reports whether a passkey's name can't be taken, and says so.
func refuseName(r *http.Request, f *ui.Form) bool {
	name := []rune(f.Value("name"))
	if len(name) == 0 || len(name) > maxPasskeyName {
		f.Refuse("name", ui.T(r.Context(), "passkeys.error_name", "Most", maxPasskeyName))
		return true
	}
	return false
}

// ownPasskey returns the passkey that the path names. Another account's is not
// there.
func (d *Dashboard) ownPasskey(r *http.Request) (identity.Passkey, error) {
	all, err := d.deps.People.Passkeys(r.Context())
	if err != nil {
		return identity.Passkey{}, err
	}
	for _, k := range all {
		if k.ID == r.PathValue("id") {
			return k, nil
		}
	}
	return identity.Passkey{}, fault.New(fault.NotFound, "Passkey not found")
}

// AskRenamePasskey shows the form of a passkey's name.
func (d *Dashboard) AskRenamePasskey(w http.ResponseWriter, r *http.Request) error {
	k, err := d.ownPasskey(r)
	if err != nil {
		return err
	}
	return showRenamePasskey(k)(w, r, http.StatusOK, ui.NewForm(nil))
}

func showRenamePasskey(k identity.Passkey) show {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		return ui.RenderDialog(w, r, status, ui.Page{Title: ui.T(r.Context(), "passkeys.rename_title")}, renamePasskeyForm(k, f))
	}
}

// RenamePasskey gives a passkey another name.
func (d *Dashboard) RenamePasskey(w http.ResponseWriter, r *http.Request) error {
	k, err := d.ownPasskey(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	if refuseName(r, f) {
		return showRenamePasskey(k)(w, r, http.StatusUnprocessableEntity, f)
	}
	if err := d.deps.People.RenamePasskey(r.Context(), k.ID, f.Value("name")); err != nil {
		return refusal.Again(w, r, f, err, showRenamePasskey(k))
	}
	return accountDone(w, r, "passkey_renamed")
}

// AskRemovePasskey asks before a passkey is taken away.
func (d *Dashboard) AskRemovePasskey(w http.ResponseWriter, r *http.Request) error {
	k, err := d.ownPasskey(r)
	if err != nil {
		return err
	}
	return d.showRemovePasskey(k)(w, r, http.StatusOK, ui.NewForm(nil))
}

func (d *Dashboard) showRemovePasskey(k identity.Passkey) show {
	return func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
		who := d.person(r)
		last := who.Passkeys == 1 && !who.TOTP
		return d.provenForm("passkeys.remove_title", func(f *ui.Form, p proof.Asked) templ.Component {
			return removePasskeyForm(k, f, p, last)
		})(w, r, status, f)
	}
}

// RemovePasskey takes a passkey away.
func (d *Dashboard) RemovePasskey(w http.ResponseWriter, r *http.Request) error {
	k, err := d.ownPasskey(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	err = d.prove(r)
	if err == nil {
		err = d.deps.People.RemovePasskey(r.Context(), k.ID)
	}
	if err != nil {
		return refusal.Again(w, r, f, err, d.showRemovePasskey(k))
	}
	return accountDone(w, r, "passkey_removed")
}

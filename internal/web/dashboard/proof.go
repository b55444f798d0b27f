package dashboard

import (
	"net/http"

	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// proofFields are what a form asks for that needs a proof.
func (d *Dashboard) proofFields(r *http.Request) (p ui.ProofFields, err error) {
	who := d.person(r)
	p.Code = who.HasSecondFactor()
	if who.UsablePasskeys() == 0 {
		return p, nil
	}
	options, err := d.deps.People.ProofOptions(r.Context())
	p.Passkey = string(options)
	return p, err
}

// proofOf reads the proof in a form.
func proofOf(r *http.Request) identity.Proof {
	return identity.Proof{
		Password: r.PostFormValue("password"),
		Factor:   identity.Factor{Code: r.PostFormValue("code"), Passkey: []byte(r.PostFormValue("passkey"))},
	}
}

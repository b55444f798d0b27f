// Package proof asks for the password and the second factor in forms whose deed
// needs that they were proved a short while ago.
package proof

import (
	"net/http"

	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Asked is what a form asks for.
type Asked struct {
	ui.ProofFields

	Wanted bool // false: the proof is fresh, or the deed needs none
}

// Fields returns what a form asks of who is signed in, whatever they proved before.
func Fields(people *identity.People, r *http.Request) (p ui.ProofFields, err error) {
	who, _ := people.Current(r.Context())
	p.Code = who.HasSecondFactor()
	if who.UsablePasskeys() == 0 {
		return p, nil
	}
	options, err := people.ProofOptions(r.Context())
	p.Passkey = string(options)
	return p, err
}

// Fresh returns what a form asks whose deed is content with a proof of some minutes
// ago.
func Fresh(people *identity.People, r *http.Request) (a Asked, err error) {
	if who, _ := people.Current(r.Context()); who.Fresh() {
		return a, nil
	}
	a.Wanted = true
	a.ProofFields, err = Fields(people, r)
	return a, err
}

// Of reads the proof in a form.
func Of(r *http.Request) identity.Proof {
	return identity.Proof{
		Password: r.PostFormValue("password"),
		Factor:   identity.Factor{Code: r.PostFormValue("code"), Passkey: []byte(r.PostFormValue("passkey"))},
	}
}

// Check makes sure of who sends a form that Fresh was asked for. One that was shown
// while the proof was fresh did not ask for it: that is no wrong guess.
func Check(people *identity.People, r *http.Request) error {
	who, _ := people.Current(r.Context())
	switch {
	case who.Fresh():
		return nil
	case !r.PostForm.Has("password"):
		return people.RequireFresh(r.Context())
	}
	return people.Prove(r.Context(), Of(r))
}

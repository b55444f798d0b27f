// Package signin is how people come in: signing in and up, the links in mails, a
// forgotten password, and in development the mails themselves.
//
// It translates between pages and identity, which decides; who may come to a page
// stands in the route table in web.
package signin

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/notify"
	"github.com/notpanel/notpanel/internal/web/back"
	"github.com/notpanel/notpanel/internal/web/refusal"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// The pages, as they lead to each other. Those of mailed links are identity's.
const (
	loginPath     = "/login"
	passkeyPath   = loginPath + "/passkey"
	factorPath    = loginPath + "/second-factor"
	optionsSuffix = "/options"
	signupPath    = "/signup"
	forgotPath    = "/forgot-password"
	outboxPath    = "/_outbox"
	homePath      = "/dashboard"
	accountPath   = "/dashboard/account"
)

// Mails are what pages know of mail.
type Mails interface {
	// CanSend reports whether a mail reaches its reader.
	CanSend() bool
	// Outbox returns the latest mails, in development.
	Outbox(ctx context.Context, limit int) ([]notify.Shown, error)
}

// Pages answers for the pages of this package.
type Pages struct {
	people *identity.People
	mails  Mails
	open   func() bool // people may make accounts now
}

// New returns the pages. Open reports whether people may make accounts.
func New(people *identity.People, mails Mails, open func() bool) *Pages {
	return &Pages{people: people, mails: mails, open: open}
}

// show shows a form, with what was wrong.
type show = func(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error

// again shows a form once more with why it was refused.
func again(w http.ResponseWriter, r *http.Request, f *ui.Form, err error, show show) error {
	if !refusal.Into(r.Context(), f, err) {
		return err
	}
	return show(w, r, refusal.Status(err), f)
}

// because reports whether identity refused for a reason.
func because(err error, reason fault.Reason) bool {
	f, is := errors.AsType[*fault.Error](err)
	return is && f.Reason == reason
}

// nextOf is where a form leads when it is done: a path of ours, else the
// dashboard.
func nextOf(sent string) string {
	if next := back.Own(sent); next != back.Home {
		return next
	}
	return homePath
}

// withNext is a path that carries on where to come back to.
func withNext(path, next string) string {
	if next == homePath {
		return path
	}
	return path + "?" + url.Values{"next": {next}}.Encode()
}

// writeJSON answers a script of ours.
func writeJSON(w http.ResponseWriter, content []byte) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(content)
	return err //nolint:wrapcheck // the reader has gone
}

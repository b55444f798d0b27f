// Package refusal says in the reader's language why the domain refused
// something. What has no words of its own is shown as the domain wrote it, in
// English, unless it is ours and hidden.
package refusal

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/closing"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/staff"
	"github.com/notpanel/notpanel/internal/web/ui"
	"github.com/notpanel/notpanel/internal/webhook"
)

// Text returns what a form says about an error. Not ok is an error that no form
// can mend: it is shown as a page.
func Text(ctx context.Context, err error) (text string, ok bool) {
	f, is := errors.AsType[*fault.Error](err)
	if !is {
		return "", false
	}
	switch f.Code {
	case fault.Internal, fault.NotFound, fault.MethodNotAllowed, fault.TooLarge:
		return "", false
	default:
	}
	switch f.Reason {
	case identity.Throttled:
		return ui.T(ctx, "refusal.throttled", "Wait", wait(ctx, f.Args)), true
	case identity.BadEmail, identity.WeakPassword, identity.BadCredentials, identity.IsSuspended, identity.IsClosed, identity.WrongPassword,
		identity.BadCode, identity.BadPasskey, identity.BadToken, identity.SignInAgain, identity.NeedsProof, identity.NeedsFactor, identity.NotYours,
		apikey.TooManyKeys, webhook.IsDisabled, payment.NotOffered, payment.Decided, payment.Waits, payment.AlreadyCredited,
		account.OtherCredit, account.IsVerified, account.NoFactor, identity.NoViewing,
		fault.Maintenance, identity.SignUpClosed,
		staff.Beyond, staff.NoRole, staff.NameTaken, staff.InUse, staff.IsOwner, staff.NotActive, staff.Yourself, staff.NotHeld:
		return ui.T(ctx, "refusal."+string(f.Reason), "Most", apikey.MaxActive), true
	case account.LastOwner, closing.BalanceMoved:
		return ui.T(ctx, "refusal."+string(f.Reason)), true
	case closing.OrdersOpen:
		return ui.N(ctx, "refusal."+string(f.Reason), number(f.Args)), true
	case identity.TooManyCopies:
		return ui.T(ctx, "refusal."+string(f.Reason), "Most", identity.CopiesMost), true
	case staff.TooMany:
		return ui.T(ctx, "refusal."+string(f.Reason), "Most", staff.MaxRoles), true
	case payment.TooMany:
		return ui.T(ctx, "refusal."+string(f.Reason), "Most", payment.MaxWaiting), true
	case webhook.TooMany:
		return ui.T(ctx, "refusal."+string(f.Reason), "Most", webhook.MaxPerKey), true
	case webhook.TooManyAdds:
		return ui.T(ctx, "refusal."+string(f.Reason), "Most", webhook.AddsPerHour), true
	case webhook.TooManyReplays:
		return ui.T(ctx, "refusal."+string(f.Reason), "Seconds", int(webhook.ReplayEvery.Seconds())), true
	case webhook.TooManyTests:
		return ui.T(ctx, "refusal."+string(f.Reason), "Most", webhook.TestsPerMin), true
	default:
		return f.Text, true
	}
}

// Field returns the field of a form that an error is about, "" for the form as a
// whole.
func Field(err error) string {
	f, is := errors.AsType[*fault.Error](err)
	if !is {
		return ""
	}
	switch f.Reason {
	case identity.WrongPassword:
		return "password"
	case identity.BadCode:
		return "code"
	case identity.BadEmail:
		return "email"
	case identity.WeakPassword:
		return "new_password"
	case staff.NameTaken:
		return "name"
	case staff.NoRole:
		return "role"
	case fault.BadField, fault.MissingField:
		if len(f.Args) > 0 {
			return f.Args[0]
		}
	default:
	}
	return ""
}

// Into writes an error into a form and reports whether it could.
func Into(ctx context.Context, f *ui.Form, err error) bool {
	text, ok := Text(ctx, err)
	if !ok {
		return false
	}
	if field := Field(err); field != "" {
		f.Refuse(field, text)
	} else {
		f.Error = text
	}
	return true
}

// Status is the HTTP status of a form that comes back with its errors.
func Status(err error) int {
	const unprocessable = 422
	if fault.Is(err, fault.RateLimited) || fault.Is(err, fault.Unavailable) {
		return fault.From(err).Code.HTTPStatus()
	}
	return unprocessable
}

// wait is how long to wait, from the seconds that a refusal names.
func wait(ctx context.Context, args []string) string {
	if len(args) == 0 {
		return ""
	}
	seconds, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return ""
	}
	return ui.Of(ctx).Language.Span(time.Duration(seconds) * time.Second)
}

// number is the first argument of a refusal that counts.
func number(args []string) int64 {
	if len(args) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Again shows a form once more with why the domain refused it. An error that no
// form can mend is returned.
func Again(w http.ResponseWriter, r *http.Request, f *ui.Form, err error, show ui.ShowForm) error {
	if !Into(r.Context(), f, err) {
		return err
	}
	return show(w, r, Status(err), f)
}

package identity

import (
	"errors"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/fault"
)

// Why something was refused, so that pages find their own words. Args are in the
// comment.
const (
	BadEmail       fault.Reason = "bad_email"
	WeakPassword   fault.Reason = "weak_password" // length, common or personal
	BadCredentials fault.Reason = "bad_credentials"
	IsSuspended    fault.Reason = "suspended"
	IsClosed       fault.Reason = "closed"
	Throttled      fault.Reason = "throttled" // the seconds to wait
	WrongPassword  fault.Reason = "wrong_password"
	BadCode        fault.Reason = "bad_code"
	BadPasskey     fault.Reason = "bad_passkey"
	BadToken       fault.Reason = "bad_token"
	SignInAgain    fault.Reason = "sign_in_again"
	NeedsProof     fault.Reason = "needs_proof"
	NeedsFactor    fault.Reason = "needs_factor" // staff without a second factor
	NotYours       fault.Reason = "not_yours"    // a link that another account asked for
	SignUpClosed   fault.Reason = "signup_closed"
)

// because reports whether err was refused for that reason.
func because(err error, reason fault.Reason) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Reason == reason
}

func badCredentials() error {
	return fault.New(fault.Unauthorized,
		"The e-mail address or the password is not right, or the address is not confirmed yet: look into your inbox").Because(BadCredentials)
}

func suspended() error {
	return fault.New(fault.Forbidden, "Account suspended").Because(IsSuspended)
}

func closed() error {
	return fault.New(fault.Forbidden, "Account closed").Because(IsClosed)
}

func wrongPassword() error {
	return fault.New(fault.Unauthorized, "The password is not right").Because(WrongPassword)
}

func badCode() error {
	return fault.New(fault.Unauthorized, "The code is not right or was used already").Because(BadCode)
}

func badPasskey(cause error) error {
	return fault.Wrap(fault.Unauthorized, "The passkey was not accepted", cause).Because(BadPasskey)
}

func badToken() error {
	return fault.New(fault.Conflict, "This link was used already or has expired").Because(BadToken)
}

func signInAgain() error {
	return fault.New(fault.Unauthorized, "Sign in again").Because(SignInAgain)
}

func needsProof() error {
	return fault.New(fault.Unauthorized, "Confirm your password first").Because(NeedsProof)
}

func notYours() error {
	return fault.New(fault.Forbidden, "Sign in first as the account that asked for this link, then open it again").Because(NotYours)
}

// throttled names the wait in whole minutes, rounded up.
func throttled(wait time.Duration) error {
	minutes := max(1, int64((wait+time.Minute-1)/time.Minute))
	text := "Too many attempts: try again in a minute"
	if minutes > 1 {
		text = "Too many attempts: try again in " + strconv.FormatInt(minutes, 10) + " minutes"
	}
	return fault.New(fault.RateLimited, text).Because(Throttled, strconv.FormatInt(max(1, int64(wait/time.Second)), 10))
}

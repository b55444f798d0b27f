// Package fault is the one error type that crosses package borders. A fault has
// a code for machines, a text that may be shown to whoever asked, and an
// optional cause for the log.
//
// An error that is not a fault is ours: its text is never shown, and it is
// answered as Internal.
package fault

import (
	"errors"
	"fmt"
	"net/http"
)

// Code says what kind of refusal a fault is.
type Code string

// The codes, and with HTTPStatus the only place that maps them to HTTP.
const (
	Invalid           Code = "invalid"            // a field is missing or malformed
	Unauthorized      Code = "unauthorized"       // the key or password is not usable
	Forbidden         Code = "forbidden"          // the account may not act now
	NotFound          Code = "not_found"          // nothing of the caller's has that id
	Conflict          Code = "conflict"           // the state of things does not allow it
	InsufficientFunds Code = "insufficient_funds" // the wallet is too small
	MethodNotAllowed  Code = "method_not_allowed"
	TooLarge          Code = "too_large"
	RateLimited       Code = "rate_limited"
	Unavailable       Code = "unavailable" // nothing was done; the same request may be repeated
	Internal          Code = "internal"
)

// HTTPStatus returns the status that a code is answered with.
func (c Code) HTTPStatus() int {
	switch c {
	case Forbidden:
		return http.StatusForbidden
	case MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case RateLimited:
		return http.StatusTooManyRequests
	case Unavailable:
		return http.StatusServiceUnavailable
	case Internal:
		return http.StatusInternalServerError
	case Invalid, Unauthorized, NotFound, Conflict, InsufficientFunds:
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// Reason says why something was refused where several refusals share a code. It
// lets each face of the panel find its own words.
type Reason string

// The reasons; Args are in the comment.
const (
	MissingField  Reason = "missing_field" // the field's name
	BadField      Reason = "bad_field"     // the field's name
	BadLink       Reason = "bad_link"
	LinkBusy      Reason = "link_busy" // an order for the target is not finished
	Blocked       Reason = "blocked"   // nobody may order for the target
	QuantityLow   Reason = "quantity_low"
	QuantityHigh  Reason = "quantity_high"
	QuantityStep  Reason = "quantity_step"
	BadInterval   Reason = "bad_interval"
	BadPosts      Reason = "bad_posts"
	NoService     Reason = "no_service"
	NoFunds       Reason = "no_funds"
	NoOrder       Reason = "no_order"
	NoRefill      Reason = "no_refill"
	NotCancelable Reason = "not_cancelable"
	NotRefillable Reason = "not_refillable"
	SpendCap      Reason = "cap" // of the key, for the day
	MaxCharge     Reason = "max_charge"
	Reused        Reason = "reused" // the request id, with other fields
	BadCoupon     Reason = "coupon"
	Maintenance   Reason = "maintenance" // the panel is closed for it
)

// Error is a refusal with a text for its reader.
type Error struct {
	Code   Code
	Text   string   // public
	Reason Reason   // "" where the code says it all
	Args   []string // of the reason: the bound of a quantity, the name of a field
	Cause  error    // for the log only
	// Kept is what is stored in place of Text where that repeats what came in.
	Kept string
}

// New returns a fault without a cause.
func New(code Code, text string) *Error {
	return &Error{Code: code, Text: text}
}

// Newf is New with a format. Its arguments become public text.
func Newf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Because returns the fault with a reason.
func (e *Error) Because(r Reason, args ...string) *Error {
	same := *e
	same.Reason, same.Args = r, args
	return &same
}

// Keeping returns the fault with another text where it is stored: of one that
// repeats what came in.
func (e *Error) Keeping(text string) *Error {
	same := *e
	same.Kept = text
	return &same
}

// Lasting is the public text without what came in, which may be stored.
func (e *Error) Lasting() string {
	if e.Kept != "" {
		return e.Kept
	}
	return e.Text
}

// Wrap returns a fault that shows text and keeps cause for the log.
func Wrap(code Code, text string, cause error) *Error {
	return &Error{Code: code, Text: text, Cause: cause}
}

// Error returns the public text and, behind it, the cause.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Text + ": " + e.Cause.Error()
	}
	return e.Text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether err is a fault of that code.
func Is(err error, code Code) bool {
	f, ok := errors.AsType[*Error](err)
	return ok && f.Code == code
}

// From returns the fault inside err, or an Internal one that hides err's text.
func From(err error) *Error {
	if f, ok := errors.AsType[*Error](err); ok {
		return f
	}
	return Wrap(Internal, "Internal error", err)
}

package client

import (
	"errors"
	"fmt"
	"time"
)

// What can go wrong, for [errors.Is]. Each error of a call is one of these, or the
// context's own.
var (
	// ErrInvalidKey: the key is unknown, revoked, expired or used from an address that its owner has not allowed.
	ErrInvalidKey = errors.New("invalid key")
	// ErrInsufficientBalance: the wallet holds less than the charge.
	ErrInsufficientBalance = errors.New("insufficient balance")
	// ErrNotFound: the service, order, refill, webhook or delivery is not known to this key.
	ErrNotFound = errors.New("not found")
	// ErrInvalidRequest: the panel refuses the request as it is; the text says why.
	ErrInvalidRequest = errors.New("invalid request")
	// ErrAccountSuspended: the account may not use the API at present.
	ErrAccountSuspended = errors.New("account suspended")
	// ErrRateLimited: a limit of requests is used up; nothing was done. See [*RateLimitError].
	ErrRateLimited = errors.New("rate limited")
	// ErrServer: the panel, or a proxy before it, is in trouble (a status of 500 and above).
	ErrServer = errors.New("server error")
	// ErrConnection: no answer came. See [*ConnectionError].
	ErrConnection = errors.New("connection trouble")
	// ErrTimeout: no answer came in time. Such an error is an ErrConnection too.
	ErrTimeout = errors.New("time-out")
	// ErrBadAnswer: an answer came that is none of the API. See [*AnswerError].
	ErrBadAnswer = errors.New("bad answer")
	// ErrUncertain: an order may have been placed. See [*UncertainError].
	ErrUncertain = errors.New("uncertain outcome")
)

// APIError is a refusal: by the panel or, where it is no JSON, by a proxy before it.
type APIError struct {
	// Status is the HTTP status, 0 for one of many in the answer to a batch.
	Status int
	// Message is the panel's text, such as "Service not found", in English.
	Message string
	// AnswerID is the answer's X-Request-Id. Tell it to the panel's operator when you
	// ask about a request. "" where the answer had none.
	AnswerID string

	kind    error
	ofPanel bool          // it came as the API's JSON
	wait    time.Duration // of Retry-After
}

// Error implements error.
func (e *APIError) Error() string {
	text := "notpanel: " + e.Message
	if e.Status != 0 {
		text += fmt.Sprintf(" (HTTP %d", e.Status)
		if e.AnswerID != "" {
			text += ", " + e.AnswerID
		}
		text += ")"
	}
	return text
}

// Unwrap returns which of the package's errors it is.
func (e *APIError) Unwrap() error { return e.kind }

// RateLimitError is a refusal because a limit of requests is used up. Nothing was
// done. What the panel does not tell is nil or "".
type RateLimitError struct {
	*APIError

	// Limit is how many requests a minute may have, and Remaining how many this one has left.
	Limit, Remaining *int64
	// Reset is when the next minute begins.
	Reset *time.Time
	// TierRemaining is what is left to all live keys of the account together.
	TierRemaining *int64
	// DeniedBy names the limit: "ip", "key" or "tier".
	DeniedBy string
	// RetryAfter is how long to wait.
	RetryAfter time.Duration
}

// Error implements error.
func (e *RateLimitError) Error() string {
	text := e.APIError.Error()
	if e.DeniedBy != "" {
		text += fmt.Sprintf(": the limit of %s is used up", e.DeniedBy)
	}
	if e.RetryAfter > 0 {
		text += fmt.Sprintf(", try again in %v", e.RetryAfter)
	}
	return text
}

// Unwrap returns the refusal as an [*APIError].
func (e *RateLimitError) Unwrap() error { return e.APIError }

// ConnectionError says that no whole answer came.
type ConnectionError struct {
	// Sent reports whether the panel may have got the request, and done it.
	Sent bool
	// Err is the cause.
	Err error

	timeout bool
}

// Error implements error.
func (e *ConnectionError) Error() string {
	what := "no answer came"
	if e.timeout {
		what = "no answer came in time"
	}
	if !e.Sent {
		what += ", nothing was sent"
	}
	return "notpanel: " + what + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *ConnectionError) Unwrap() error { return e.Err }

// Is makes it an [ErrConnection] and, where time ran out, an [ErrTimeout].
func (e *ConnectionError) Is(target error) bool {
	return target == ErrConnection || (target == ErrTimeout && e.timeout)
}

// Timeout reports whether time ran out.
func (e *ConnectionError) Timeout() bool { return e.timeout }

// AnswerError says that what came is no answer of the API: a page of some proxy, a
// redirect, JSON of another shape, or more than 32 MiB.
type AnswerError struct {
	Status int
	// Reason says what is wrong with it.
	Reason string
	// AnswerID is as in [APIError].
	AnswerID string
}

// Error implements error.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("notpanel: %s (HTTP %d): is the base URL a panel's?", e.Reason, e.Status)
}

// Unwrap makes it an [ErrBadAnswer].
func (e *AnswerError) Unwrap() error { return ErrBadAnswer }

// UncertainError says that nobody knows whether an order was placed: it may have
// been, and charged, though no answer tells so. To find out, repeat [Client.Add] with
// the same fields and this RequestID, which is charged once, or ask
// [Client.OrderByRequestID].
type UncertainError struct {
	RequestID string
	// Err is why the last attempt failed.
	Err error
}

// Error implements error.
func (e *UncertainError) Error() string {
	return fmt.Sprintf("notpanel: the order with the request id %s may have been placed: %v", e.RequestID, e.Err)
}

// Is makes it an [ErrUncertain], beside what Err is.
func (e *UncertainError) Is(target error) bool { return target == ErrUncertain }

// Unwrap returns why the last attempt failed.
func (e *UncertainError) Unwrap() error { return e.Err }

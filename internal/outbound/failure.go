package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
)

// The classes of failure. They are all that a customer is told.
const (
	classNotAllowed  = "not allowed"
	classTimeout     = "timeout"
	classCanceled    = "canceled"
	classTLS         = "TLS"
	classRefused     = "connection refused"
	classUnreachable = "unreachable"
	classBroken      = "connection broken"
	classTooLate     = "too late"
	classOther       = "no usable answer"
)

// dialError is a failure before the request was sent. Its text may be logged: it
// knows host and port, and the server has seen nothing of ours to repeat.
type dialError struct {
	tls bool
	err error
}

// Error returns the text of the failure.
func (e *dialError) Error() string { return e.err.Error() }

// Unwrap returns the failure.
func (e *dialError) Unwrap() error { return e.err }

// Class names what went wrong with a call, for people who may not know more. A
// name that does not resolve and an address that is not allowed are the same
// class, so that nobody maps a private network with it. Of no error it is empty.
func Class(err error) string {
	if stripped, ok := errors.AsType[*strippedError](err); ok {
		return stripped.class
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrNotAllowed) || is[*net.DNSError](err) || is[*net.AddrError](err):
		return classNotAllowed
	case errors.Is(err, ErrTooLate):
		return classTooLate
	case isTimeout(err):
		return classTimeout
	case errors.Is(err, context.Canceled):
		return classCanceled
	case isTLS(err):
		return classTLS
	case errors.Is(err, syscall.ECONNREFUSED):
		return classRefused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return classUnreachable
	case isBroken(err):
		return classBroken
	}
	return classOther
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isTimeout(err error) bool {
	network, ok := errors.AsType[net.Error](err)
	return ok && network.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// isTLS knows failed handshakes, and the alerts that a server sends after one.
func isTLS(err error) bool {
	dial, ok := errors.AsType[*dialError](err)
	return ok && dial.tls || is[tls.AlertError](err) || is[tls.RecordHeaderError](err) ||
		is[*tls.CertificateVerificationError](err) || is[x509.HostnameError](err)
}

func isBroken(err error) bool {
	for _, target := range []error{syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// Strip returns an error that may be logged: url.Error prints the whole URL, and
// net/http quotes what a server sent, either of which may hold a key. It keeps
// the class, and host and cause of a failure before anything was sent. What
// errors.Is finds in err it finds in the result; nothing can be unwrapped.
func Strip(err error) error {
	if err == nil {
		return nil
	}
	return &strippedError{class: Class(err), detail: detail(err), hidden: err}
}

// detail returns the part of an error's text that can't hold a key.
func detail(err error) string {
	if stripped, ok := errors.AsType[*strippedError](err); ok {
		return stripped.detail
	}
	if dial, ok := errors.AsType[*dialError](err); ok {
		return dial.Error()
	}
	for _, own := range []error{ErrTooLate, ErrSpent, ErrUnasked, ErrSwitched} {
		if errors.Is(err, own) {
			return own.Error()
		}
	}
	if parse, ok := errors.AsType[*url.Error](err); ok && parse.Op == "parse" {
		return "not a URL"
	}
	return ""
}

type strippedError struct {
	class, detail string
	hidden        error
}

// Error returns the class and, where it is safe to tell, more.
func (e *strippedError) Error() string {
	if e.detail == "" {
		return e.class
	}
	return e.class + ": " + e.detail
}

// Is reports whether the hidden error is target.
func (e *strippedError) Is(target error) bool { return errors.Is(e.hidden, target) }

package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/textproto"
	"strings"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/notpanel/notpanel/internal/outbound"
)

// Class says why a mail was not sent. It is all that is stored and logged of it:
// what a server says may repeat the mail.
type Class string

// The classes.
const (
	Settings        Class = "settings"          // ours can't be used
	NotReached      Class = "not reached"       // no connection, for the reason that the detail names
	TimedOut        Class = "timeout"           // the server, or the way to it, was too slow
	NoTLS           Class = "no STARTTLS"       // the server offers none
	BadTLS          Class = "TLS"               // no handshake: another protocol, or a certificate that can't be trusted
	SignInRefused   Class = "sign-in refused"   // user or password, or no way to sign in
	SenderRefused   Class = "sender refused"    // NOTPANEL_MAIL_FROM may not be used there
	Refused         Class = "recipient refused" // for good: there is no such mailbox
	MessageRefused  Class = "message refused"   // what was sent, not to whom
	RefusedForNow   Class = "refused for now"   // the server asks to come again
	Broken          Class = "connection broken" // on the way; the server may have the mail
	Unreadable      Class = "unreadable"        // the sealed data can't be opened
	TooLate         Class = "too late"          // it waited longer than it is good for
	otherwiseFailed Class = "no usable answer"  // something else
	endOfRecipient        = 500                 // SMTP codes from here on are for good
	authRequired          = 530                 // to a recipient: it is the sign-in that is missing
	firstForNow           = 400
)

// DeliveryError is a delivery that did not succeed.
type DeliveryError struct {
	Class Class
	Code  int // what the server said as a number; 0: nothing

	detail string // host and cause of what failed before anything was sent
	said   string // the server's words
}

// Error returns what may be logged.
func (f *DeliveryError) Error() string {
	text := string(f.Class)
	if f.Code != 0 {
		text = fmt.Sprintf("%s (%d)", text, f.Code)
	}
	if f.detail != "" {
		text += ": " + f.detail
	}
	return text
}

// Said returns the server's words, for the person who tries the settings. They
// may repeat what was sent, and so belong in no log.
func (f *DeliveryError) Said() string { return f.said }

// final reports a failure that no later attempt mends.
func (f *DeliveryError) final() bool { return f.Class == Refused || f.Class == Unreadable }

// failure names what went wrong in a delivery.
func (s Server) failure(ctx context.Context, line *watched, err error) *DeliveryError {
	f := &DeliveryError{Class: otherwiseFailed}
	if spoken, ok := errors.AsType[*textproto.Error](err); ok {
		f.Code, f.said = spoken.Code, spoken.Error()
	}
	sent, sending := errors.AsType[*gomail.SendError](err)
	if sending && sent.ErrorCode() != 0 {
		f.Code, f.said = sent.ErrorCode(), sent.Error()
	}
	broke := outbound.Class(line.broke())
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		f.Class = TimedOut
	case ctx.Err() != nil:
		f.Class = Broken // the panel stops
	case line.never():
		f.Class, f.detail = NotReached, outbound.Strip(err).Error()
		if outbound.Class(err) == string(TimedOut) {
			f.Class = TimedOut
		}
	case badTLS(err):
		f.Class, f.detail = BadTLS, err.Error()
	case strings.Contains(err.Error(), "does not support STARTTLS"):
		f.Class = NoTLS
	case sending && f.Code != 0:
		f.Class = refusal(sent.Reason, f.Code)
	case !sending && isSignIn(err, f.Code):
		f.Class = SignInRefused
	case f.Code >= firstForNow:
		f.Class = RefusedForNow
	case broke == string(TimedOut):
		f.Class = TimedOut
	case broke != "" || sending:
		f.Class = Broken // a server that ends TLS in order ends the mail all the same
	}
	return f
}

// never reports that there was no connection.
func (w *watched) never() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Conn == nil
}

// badTLS knows handshakes that failed.
func badTLS(err error) bool {
	if _, ok := errors.AsType[*handshakeError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.HostnameError](err)
	return ok
}

// isSignIn knows refusals to let us in.
func isSignIn(err error, code int) bool {
	switch code {
	case 504, 530, 534, 535, 538: // RFC 4954
		return true
	}
	for _, none := range []error{gomail.ErrNoSupportedAuthDiscovered, gomail.ErrPlainAuthNotSupported, gomail.ErrLoginAuthNotSupported, smtp.ErrUnencrypted} {
		if errors.Is(err, none) {
			return true
		}
	}
	return code == 0 && strings.Contains(err.Error(), "does not support SMTP AUTH") ||
		code >= endOfRecipient && strings.HasPrefix(err.Error(), "SMTP AUTH failed")
}

// refusal names what a server refused.
func refusal(at gomail.SendErrReason, code int) Class {
	switch {
	case code < endOfRecipient:
		return RefusedForNow
	case code == authRequired:
		return SignInRefused
	case at == gomail.ErrSMTPMailFrom:
		return SenderRefused
	case at == gomail.ErrSMTPRcptTo:
		return Refused
	}
	return MessageRefused
}

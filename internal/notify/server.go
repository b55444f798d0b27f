package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/notpanel/notpanel/internal/outbound"
)

// Security says how a mail server is spoken to.
type Security int

// The ways.
const (
	StartTLS Security = iota + 1 // in clear until STARTTLS, which must be there
	Implicit                     // TLS from the first byte
	Clear                        // never encrypted: only to addresses that the guard lists
)

// Server is the operator's mail server and whom mails come from.
type Server struct {
	Host     string
	Port     int
	Security Security
	User     string // "": nobody signs in
	Password string
	From     mail.Address

	// Roots verify its certificate. Nil: those of the system.
	Roots *x509.CertPool
	// Patience bounds a whole delivery. Zero: a minute.
	Patience time.Duration
}

// ParseServer reads an address such as smtp://user@mail.example:587 (STARTTLS),
// smtps://mail.example (port 465) or smtp+plain://10.0.0.5 (port 25). It never
// holds the password.
func ParseServer(address string) (Server, error) {
	bad := errors.New("must be such as smtp://user@mail.example:587, smtps://user@mail.example:465 or smtp+plain://10.0.0.5:25")
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return Server{}, bad
	}
	if _, holds := u.User.Password(); holds {
		return Server{}, errors.New("must not hold the password: set NOTPANEL_SMTP_PASSWORD or NOTPANEL_SMTP_PASSWORD_FILE")
	}
	s := Server{Host: u.Hostname(), User: u.User.Username()}
	switch u.Scheme {
	case "smtp":
		s.Security, s.Port = StartTLS, 587
	case "smtps":
		s.Security, s.Port = Implicit, 465
	case "smtp+plain":
		s.Security, s.Port = Clear, 25
	default:
		return Server{}, bad
	}
	if u.Port() != "" {
		if s.Port, err = strconv.Atoi(u.Port()); err != nil || s.Port < 1 || s.Port > 65535 {
			return Server{}, bad
		}
	}
	return s, nil
}

// String names the server without its user and password.
func (s Server) String() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

const (
	defaultPatience = time.Minute
	// stepPatience bounds each step of a delivery.
	stepPatience = 20 * time.Second
	// stopPatience is how long a delivery may go on after the panel was told to
	// stop: cut off, it might be made twice.
	stopPatience = 5 * time.Second
)

// deliver sends one message and returns once the server has it. Anything but nil
// is a *DeliveryError. A message that the server had when the connection broke is a
// failure too: it is sent again.
func (s Server) deliver(ctx context.Context, guard *outbound.Guard, message *gomail.Msg) error {
	most := s.Patience
	if most == 0 {
		most = defaultPatience
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopPatience, cancel) })()

	line := &watched{}
	defer line.end()
	client, err := s.client(guard, line, min(most, stepPatience))
	if err != nil {
		return err
	}
	defer context.AfterFunc(limited, line.end)()
	session, err := client.DialToSMTPClientWithContext(limited)
	if err != nil {
		return s.failure(limited, line, err)
	}
	err = client.SendWithSMTPClient(session, message)
	if message.IsDelivered() {
		_ = session.Quit() // it has the message, whatever it says now
		return nil
	}
	if err == nil {
		err = errors.New("the message was not sent")
	}
	return s.failure(limited, line, err)
}

// client is go-mail's, dialling through the guard on a line that is watched.
func (s Server) client(guard *outbound.Guard, line *watched, step time.Duration) (*gomail.Client, error) {
	config := &tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
	options := []gomail.Option{
		gomail.WithPort(s.Port), gomail.WithTimeout(step), gomail.WithHELO(s.domain()), gomail.WithTLSConfig(config),
		gomail.WithTLSPolicy(gomail.TLSMandatory), gomail.WithoutNoop(), gomail.WithoutRset(),
	}
	dial, clear := guard.DialContext, s.Security == Clear
	switch s.Security {
	case StartTLS:
	case Implicit:
		options = append(options, gomail.WithSSL())
	case Clear:
		dial = guard.DialPlain
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	options = append(options, gomail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		line.begin(raw)
		if s.Security != Implicit {
			return line, nil
		}
		conn := tls.Client(line, config)
		if err := conn.HandshakeContext(ctx); err != nil {
			return nil, &handshakeError{err}
		}
		return conn, nil
	}))
	if s.User != "" {
		options = append(options, gomail.WithUsername(s.User), gomail.WithPassword(s.Password),
			gomail.WithOpportunisticSMTPAuth(signIns(clear)...))
	}
	client, err := gomail.NewClient(s.Host, options...)
	if err != nil {
		return nil, &DeliveryError{Class: Settings, said: err.Error()}
	}
	return client, nil
}

// signIns are the ways to sign in, the best first.
func signIns(clear bool) []gomail.SMTPAuthType {
	ways := []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1}
	if clear {
		return append(ways, gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc)
	}
	return append(ways, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin)
}

// domain is what mails come from: it names the panel to the server.
func (s Server) domain() string {
	if at := strings.LastIndexByte(s.From.Address, '@'); at >= 0 {
		return s.From.Address[at+1:]
	}
	return "localhost"
}

// message writes a mail in the form of the wire.
func (s Server) message(mailID, to, panel string, r rendered, at time.Time) (*gomail.Msg, error) {
	m := gomail.NewMsg(gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent())
	from := s.From
	if from.Name == "" {
		from.Name = oneLine(panel)
	}
	m.FromMailAddress(&from)
	if err := m.EnvelopeFrom(from.Address); err != nil {
		return nil, fmt.Errorf("the sender's address: %w", err)
	}
	if err := CheckAddress(to); err != nil {
		return nil, err
	}
	if err := m.To(to); err != nil {
		return nil, errNoAddress
	}
	m.Subject(r.subject)
	m.SetDateWithValue(at)
	// The same at every attempt, so that a reader's server knows a repetition.
	m.SetMessageIDWithValue(mailID + "@" + s.domain())
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("X-Auto-Response-Suppress", "All")
	m.SetBodyString(gomail.TypeTextPlain, r.text)
	m.AddAlternativeString(gomail.TypeTextHTML, r.html)
	return m, nil
}

// watched is a connection that remembers what broke it: go-mail tells of that in
// words alone.
type watched struct {
	net.Conn

	mu    sync.Mutex
	ended bool
	err   error
}

func (w *watched) begin(conn net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Conn = conn
	if w.ended {
		_ = conn.Close()
	}
}

// end closes the connection, which go-mail leaves open after some failures.
func (w *watched) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if w.Conn != nil {
		_ = w.Close()
	}
}

// Read reads from the connection.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	return n, w.note(err)
}

// Write writes to the connection.
func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	return n, w.note(err)
}

func (w *watched) note(err error) error {
	if err != nil {
		w.mu.Lock()
		w.err = errors.Join(w.err, err)
		w.mu.Unlock()
	}
	return err
}

func (w *watched) broke() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// handshakeError is a failure of TLS.
type handshakeError struct{ err error }

// Error says what the handshake failed at.
func (e *handshakeError) Error() string { return "TLS: " + e.err.Error() }

// Unwrap returns the failure.
func (e *handshakeError) Unwrap() error { return e.err }

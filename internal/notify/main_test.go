package notify

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/secret"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// inbox is a real mail server that keeps what it takes.
type inbox struct {
	port  int
	roots *x509.CertPool

	mu       sync.Mutex
	user     string // "": nobody need sign in
	password string
	auth     error         // answers a sign-in that is right
	from     error         // answers MAIL
	to       error         // answers RCPT
	data     error         // answers the end of DATA
	cut      int           // how many of the next messages end the connection mid-way
	hold     chan struct{} // not nil: the answer to the end of DATA waits
	taken    []letter
	rcpts    int
}

// letter is a message as it came in.
type letter struct {
	from, to string
	raw      string
	secure   bool
}

type inboxOptions struct{ implicit, noTLS bool }

func newInbox(t *testing.T, o inboxOptions) *inbox {
	t.Helper()
	certified := httptest.NewTLSServer(nil)
	config := &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}
	b := &inbox{roots: x509.NewCertPool()}
	b.roots.AddCert(certified.Certificate())
	certified.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("no TCP address")
	}
	b.port = address.Port
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{inbox: b, conn: c}, nil }))
	server.Domain, server.AllowInsecureAuth, server.ErrorLog = "mail.example", o.noTLS, quiet{}
	if !o.noTLS {
		server.TLSConfig = config
	}
	if o.implicit {
		l = tls.NewListener(l, config)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // until it is closed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		_ = l.Close() // the server may not have come to know it
		<-done
	})
	return b
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// set changes what the server does from now on.
func (b *inbox) set(change func(*inbox)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

func (b *inbox) letters() []letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]letter(nil), b.taken...)
}

// server is how the panel is set up to use it.
func (b *inbox) server(s Security) *Server {
	return &Server{
		Host: "127.0.0.1", Port: b.port, Security: s, Roots: b.roots, User: b.user, Password: b.password,
		From: mail.Address{Address: "panel@panel.example"}, Patience: 20 * time.Second,
	}
}

type session struct {
	inbox    *inbox
	conn     *smtp.Conn
	signedIn bool
	letter   letter
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.inbox.mu.Lock()
		defer s.inbox.mu.Unlock()
		if user != s.inbox.user || password != s.inbox.password {
			return smtp.ErrAuthFailed
		}
		s.signedIn = s.inbox.auth == nil
		return s.inbox.auth
	}), nil
}

func (s *session) Reset()        { s.letter = letter{} }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	if s.inbox.user != "" && !s.signedIn {
		return smtp.ErrAuthRequired
	}
	_, secure := s.conn.TLSConnectionState()
	s.letter = letter{from: from, secure: secure}
	return s.inbox.from
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	s.inbox.rcpts++
	s.letter.to = to
	return s.inbox.to
}

func (s *session) Data(r io.Reader) error {
	s.inbox.mu.Lock()
	cut, hold, refuse := s.inbox.cut > 0, s.inbox.hold, s.inbox.data
	if cut {
		s.inbox.cut--
	}
	s.inbox.mu.Unlock()
	if cut {
		_, _ = io.CopyN(io.Discard, r, 100)
		_ = s.conn.Conn().Close()
		return errors.New("cut")
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if hold != nil {
		<-hold
	}
	if refuse != nil {
		return refuse
	}
	s.letter.raw = string(raw)
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	s.inbox.taken = append(s.inbox.taken, s.letter)
	return nil
}

// loopback is a guard that lets mail to this machine out.
func loopback() *outbound.Guard {
	return outbound.NewOperator([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
}

// fixture is a sender on a database, and what it logged.
type fixture struct {
	t      *testing.T
	d      *db.DB
	store  *Store
	sender *Sender
	log    *bytes.Buffer
}

func ring(t *testing.T) *secret.Ring {
	t.Helper()
	key, err := secret.Parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	if err != nil {
		t.Fatal(err)
	}
	r, err := secret.NewRing(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func languages(t *testing.T) *locale.Set {
	t.Helper()
	s, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func setup(t *testing.T, d *db.DB, server *Server) *fixture {
	t.Helper()
	f := &fixture{t: t, d: d, log: &bytes.Buffer{}}
	r := ring(t)
	f.store = NewStore(r)
	var err error
	f.sender, err = NewSender(Options{
		DB: d, Ring: r, Languages: languages(t), Guard: loopback(), Server: server,
		Identity: func() Identity { return Identity{Name: "Panel Örnek", URL: "https://panel.example"} },
		Log:      slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) queue(m Mail) {
	f.t.Helper()
	if err := f.d.Write(f.t.Context(), func(tx *db.Tx) error { return f.store.Queue(tx, m) }); err != nil {
		f.t.Fatal(err)
	}
}

// pass runs a pass that must find so many mails.
func (f *fixture) pass(want int) {
	f.t.Helper()
	if found, err := f.sender.Pass(f.t.Context()); err != nil || found != want {
		f.t.Fatalf("the pass found %d, %v; want %d", found, err, want)
	}
}

// row is a mail as it is stored.
type row struct {
	State, Failure, Sealed string
	Attempts               int64
	Created, Due, Ended    time.Time
}

func (f *fixture) rows() (all []row) {
	f.t.Helper()
	err := f.d.Read(f.t.Context(), func(tx *db.Tx) (err error) {
		all, err = db.All(tx, func(s db.Scanner) (r row, err error) {
			err = s.Scan(&r.State, &r.Failure, &r.Sealed, &r.Attempts, db.Time(&r.Created), db.Time(&r.Due), db.Time(&r.Ended))
			return r, err
		}, `SELECT state, failure, data_sealed, attempts, created_at, due_at, ended_at FROM mails ORDER BY id`)
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return all
}

// only is the one mail that is stored.
func (f *fixture) only() row {
	f.t.Helper()
	all := f.rows()
	if len(all) != 1 {
		f.t.Fatalf("%d mails are stored, want 1", len(all))
	}
	return all[0]
}

// received is a letter taken apart.
type received struct {
	header     mail.Header
	subject    string
	text, html string
}

func parse(t *testing.T, raw string) (r received) {
	t.Helper()
	message, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r.header = message.Header
	if r.subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		t.Fatal(err)
	}
	kind, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	parts := multipart.NewReader(message.Body, parameters["boundary"])
	for i := 0; ; i++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return r
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := part.Header.Get("Content-Transfer-Encoding"); got != "quoted-printable" {
			t.Errorf("part %d is %s", i, got)
		}
		content, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		switch text := strings.ReplaceAll(string(content), "\r\n", "\n"); part.Header.Get("Content-Type") {
		case "text/plain; charset=UTF-8":
			r.text = text
		case "text/html; charset=UTF-8":
			r.html = text
		default:
			t.Errorf("part %d: %s", i, part.Header.Get("Content-Type"))
		}
	}
}

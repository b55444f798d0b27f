package notify

import (
	"context"
	"errors"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/outbound"
)

// try sends the test mail and returns how it failed; nil: it did not.
func try(t *testing.T, server *Server, guard *outbound.Guard) *DeliveryError {
	t.Helper()
	sender, err := NewSender(Options{Languages: languages(t), Guard: guard, Server: server})
	if err != nil {
		t.Fatal(err)
	}
	err = sender.Try(t.Context(), "reader@example.com", "en")
	if err == nil {
		return nil
	}
	failed, ok := errors.AsType[*DeliveryError](err)
	if !ok {
		t.Fatal(err)
	}
	return failed
}

func TestAddressesOfServers(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]Server{
		"smtp://mail.example":                       {Host: "mail.example", Port: 587, Security: StartTLS},
		"smtp://panel%40panel.example@mail.example": {Host: "mail.example", Port: 587, Security: StartTLS, User: "panel@panel.example"},
		"smtp://panel@panel.example@mail.example/":  {Host: "mail.example", Port: 587, Security: StartTLS, User: "panel@panel.example"},
		"smtp://u@mail.example:2525":                {Host: "mail.example", Port: 2525, Security: StartTLS, User: "u"},
		"smtps://u@[2001:db8::1]":                   {Host: "2001:db8::1", Port: 465, Security: Implicit, User: "u"},
		"smtp+plain://10.0.0.5":                     {Host: "10.0.0.5", Port: 25, Security: Clear},
	} {
		if got, err := ParseServer(address); err != nil || got != want {
			t.Errorf("%s: %+v, %v", address, got, err)
		}
	}
	for _, address := range []string{
		"", "mail.example", "mail.example:587", "http://mail.example", "smtp://", "smtp://mail.example/path", "smtp://mail.example?tls=no",
		"smtp://mail.example:0", "smtp://mail.example:65536", "smtp:mail.example", "smtp://mail.example\r\nRCPT",
	} {
		if got, err := ParseServer(address); err == nil {
			t.Errorf("%s: %+v", address, got)
		}
	}
	if _, err := ParseServer("smtp://u:" + canary + "@mail.example"); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("a password in the address: %v", err)
	}
}

// Nothing goes out in clear, to somebody else, or into a private network that the
// operator did not list.
func TestWhatIsNotSentAtAll(t *testing.T) {
	t.Parallel()
	nobody := outbound.NewOperator(nil)
	for name, c := range map[string]struct {
		options  inboxOptions
		security Security
		change   func(*Server)
		guard    *outbound.Guard
		class    Class
	}{
		"a server without STARTTLS":         {inboxOptions{noTLS: true}, StartTLS, nil, loopback(), NoTLS},
		"a certificate of a stranger":       {inboxOptions{}, StartTLS, func(s *Server) { s.Roots = nil }, loopback(), BadTLS},
		"a stranger's with TLS at once":     {inboxOptions{implicit: true}, Implicit, func(s *Server) { s.Roots = nil }, loopback(), BadTLS},
		"a certificate of another host":     {inboxOptions{}, StartTLS, func(s *Server) { s.Host = "localhost" }, loopback(), BadTLS},
		"TLS with a port that has none":     {inboxOptions{}, Implicit, nil, loopback(), BadTLS},
		"a private address":                 {inboxOptions{}, StartTLS, nil, nobody, NotReached},
		"a private address with TLS":        {inboxOptions{implicit: true}, Implicit, nil, nobody, NotReached},
		"in clear to an address not listed": {inboxOptions{noTLS: true}, Clear, nil, nobody, NotReached},
		"nobody who can be signed in to":    {inboxOptions{noTLS: true}, Clear, func(s *Server) { s.User, s.Password = "u", "wrong" }, loopback(), SignInRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newInbox(t, c.options)
			server := b.server(c.security)
			if c.change != nil {
				c.change(server)
			}
			failed := try(t, server, c.guard)
			if failed == nil || failed.Class != c.class {
				t.Errorf("%+v, want %s", failed, c.class)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			if len(b.taken) != 0 || b.rcpts != 0 {
				t.Errorf("the server was told of %d recipients and has %v", b.rcpts, b.taken)
			}
		})
	}
}

// listenFor runs serve for each connection to a port of this machine.
func listenFor(t *testing.T, serve func(net.Conn)) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	address, _ := l.Addr().(*net.TCPAddr)
	return &Server{Host: "127.0.0.1", Port: address.Port, Security: StartTLS, From: mail.Address{Address: "panel@panel.example"}, Patience: 5 * time.Second}
}

// A server that says nothing, or hangs up, is told from one that refuses.
func TestServersThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	silent := listenFor(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1)) // until the panel hangs up
		_ = conn.Close()
	})
	silent.Patience = 300 * time.Millisecond
	closed := listenFor(t, func(net.Conn) {})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	address, _ := l.Addr().(*net.TCPAddr)
	closed.Port = address.Port
	for name, c := range map[string]struct {
		server *Server
		class  Class
	}{
		"silent":        {silent, TimedOut},
		"nobody there":  {closed, NotReached},
		"hangs up":      {listenFor(t, func(conn net.Conn) { _ = conn.Close() }), Broken},
		"busy":          {listenFor(t, func(conn net.Conn) { _, _ = conn.Write([]byte("421 too busy\r\n")); _ = conn.Close() }), RefusedForNow},
		"not a server":  {listenFor(t, func(conn net.Conn) { _, _ = conn.Write([]byte("hello\r\n")); _ = conn.Close() }), otherwiseFailed},
		"no such name":  {&Server{Host: "no-such-host.invalid", Port: 25, Security: StartTLS, From: silent.From}, NotReached},
		"not its place": {listenFor(t, func(conn net.Conn) { _, _ = conn.Write([]byte("554 no mail here\r\n")); _ = conn.Close() }), RefusedForNow},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if failed := try(t, c.server, loopback()); failed == nil || failed.Class != c.class {
				t.Errorf("%+v, want %s", failed, c.class)
			}
		})
	}
}

// A panel that stops lets a delivery end, and stores that it did.
func TestStopLetsADeliveryEnd(t *testing.T) {
	t.Parallel()
	b := newInbox(t, inboxOptions{})
	hold := make(chan struct{})
	b.set(func(b *inbox) { b.hold = hold })
	f := setup(t, dbtest.Open(t, db.SQLite), b.server(StartTLS))
	f.queue(verify("reader@example.com"))
	ctx, stop := context.WithCancel(t.Context())
	context.AfterFunc(ctx, func() { close(hold) })
	due, err := f.sender.claim(ctx)
	if err != nil || len(due) != 1 {
		t.Fatal(due, err)
	}
	stop()
	if err := f.sender.work(ctx, due[0]); err != nil || f.only().State != "sent" || len(b.letters()) != 1 {
		t.Errorf("%v, %+v", err, f.only())
	}
}

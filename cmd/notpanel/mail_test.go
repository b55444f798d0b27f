package main

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
)

// mailbox is a mail server that answers recipients with its error.
func mailbox(t *testing.T, to error) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return recipient{to}, nil }))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // until it is closed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

type recipient struct{ refusal error }

func (recipient) Reset()                                 {}
func (recipient) Logout() error                          { return nil }
func (recipient) Mail(string, *smtp.MailOptions) error   { return nil }
func (r recipient) Rcpt(string, *smtp.RcptOptions) error { return r.refusal }
func (recipient) Data(r io.Reader) error                 { _, err := io.Copy(io.Discard, r); return err }

// The command says that the mail was taken, or what went wrong and what to do.
func TestMailTest(t *testing.T) {
	t.Parallel()
	open := mailbox(t, nil)
	shut := mailbox(t, &smtp.SMTPError{Code: 550, Message: "no such mailbox"})
	const to = "--to=reader@example.com"
	for name, c := range map[string]struct {
		args []string
		code int
		said []string
	}{
		"taken":      {[]string{"--smtp-url=smtp+plain://" + open, "--outbound-allow=127.0.0.1", "--language=tr", to}, 0, []string{open + " took the mail to reader@example.com"}},
		"refused":    {[]string{"--smtp-url=smtp+plain://" + shut, "--outbound-allow=127.0.0.1", to}, exitFailed, []string{"recipient refused (550)", "The server said: ", "no such mailbox", "knows no such recipient"}},
		"private":    {[]string{"--smtp-url=smtp+plain://" + open, to}, exitFailed, []string{"not reached: not allowed", "NOTPANEL_OUTBOUND_ALLOW"}},
		"no TLS":     {[]string{"--smtp-url=smtp://" + open, "--outbound-allow=127.0.0.1", to}, exitFailed, []string{"no STARTTLS", "smtps://"}},
		"no server":  {[]string{to}, exitUsage, []string{"no mail server is set"}},
		"no address": {[]string{"--smtp-url=smtp://" + open, "--to=reader"}, exitUsage, []string{"--to must be"}},
		"a language": {[]string{"--smtp-url=smtp://" + open, "--language=xx", to}, exitUsage, []string{"no language xx"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runCommand(t, "", append([]string{"mail", "test", "--mail-from=panel@panel.example"}, c.args...)...)
			if r.code != c.code {
				t.Errorf("exit %d, want %d", r.code, c.code)
			}
			for _, want := range c.said {
				if !strings.Contains(r.out+r.err, want) {
					t.Errorf("%q is not said:\n%s%s", want, r.out, r.err)
				}
			}
		})
	}
}

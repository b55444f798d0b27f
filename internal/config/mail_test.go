package config

import (
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/notify"
)

// The password comes by environment or file alone, and settings that don't belong
// together are told of by name.
func TestMailServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const url, from = "smtp://panel@mail.example", "Panel <panel@panel.example>"
	for name, c := range map[string]struct {
		url, from, password, file string
		want                      string // the password, or what the error says
		fails                     bool
	}{
		"by environment":   {url, from, "secret", "", "secret", false},
		"by file":          {url, from, "", file, "from a file", false},
		"by both":          {url, from, "secret", file, "both set", true},
		"by a file missed": {url, from, "", file + "x", "NOTPANEL_SMTP_PASSWORD_FILE", true},
		"no password":      {url, from, "", "", "NOTPANEL_SMTP_PASSWORD or", true},
		"no user":          {"smtp://mail.example", from, "secret", "", "names no user", true},
		"nobody":           {"smtp://mail.example", from, "", "", "", false},
		"no sender":        {url, "", "secret", "", "NOTPANEL_MAIL_FROM is needed", true},
		"a bad sender":     {url, "panel", "secret", "", "NOTPANEL_MAIL_FROM must", true},
		"a bad address":    {"mail.example", from, "secret", "", "NOTPANEL_SMTP_URL must be such as", true},
		"password in it":   {"smtp://panel:secret@mail.example", from, "", "", "must not hold the password", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NOTPANEL_SMTP_PASSWORD", c.password)
			t.Setenv("NOTPANEL_SMTP_PASSWORD_FILE", c.file)
			got, err := Mail{SMTPURL: c.url, MailFrom: c.from}.MailServer()
			if c.fails {
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
					t.Errorf("%v, want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := notify.Server{
				Host: "mail.example", Port: 587, Security: notify.StartTLS, User: got.User, Password: c.want,
				From: mail.Address{Name: "Panel", Address: "panel@panel.example"},
			}
			if *got != want {
				t.Errorf("%+v, want %+v", *got, want)
			}
		})
	}
	if got, err := (Mail{MailFrom: from}).MailServer(); got != nil || err != nil {
		t.Errorf("without a server: %v, %v", got, err)
	}
}

package config

import (
	"errors"
	"fmt"
	"net/mail"
	"os"

	"github.com/notpanel/notpanel/internal/notify"
)

// Mail says how mails leave the panel.
type Mail struct {
	SMTPURL  string `name:"smtp-url" env:"NOTPANEL_SMTP_URL" help:"The mail server: smtp://USER@HOST:587 (STARTTLS), smtps://USER@HOST:465, or smtp+plain://HOST:25 for an address in NOTPANEL_OUTBOUND_ALLOW. Its password belongs into NOTPANEL_SMTP_PASSWORD or NOTPANEL_SMTP_PASSWORD_FILE."`
	MailFrom string `name:"mail-from" env:"NOTPANEL_MAIL_FROM" help:"Whom mails come from: panel@panel.example, or with a name: Panel <panel@panel.example>."`
}

// MailServer checks the settings, reads the password and returns the mail server; nil
// where none is set.
func (m Mail) MailServer() (*notify.Server, error) {
	if m.SMTPURL == "" {
		return nil, nil //nolint:nilnil // not set is no error
	}
	server, err := notify.ParseServer(m.SMTPURL)
	if err != nil {
		return nil, fmt.Errorf("NOTPANEL_SMTP_URL %w", err)
	}
	if m.MailFrom == "" {
		return nil, errors.New("NOTPANEL_MAIL_FROM is needed beside NOTPANEL_SMTP_URL: set it to the address that mails come from")
	}
	from, err := mail.ParseAddress(m.MailFrom)
	if err != nil || notify.CheckAddress(from.Address) != nil {
		return nil, errors.New("NOTPANEL_MAIL_FROM must be an address such as panel@panel.example or Panel <panel@panel.example>")
	}
	server.From = *from
	if server.Password, err = smtpPassword(); err != nil {
		return nil, err
	}
	switch {
	case server.User != "" && server.Password == "":
		return nil, errors.New("NOTPANEL_SMTP_PASSWORD or NOTPANEL_SMTP_PASSWORD_FILE is needed: NOTPANEL_SMTP_URL names a user")
	case server.User == "" && server.Password != "":
		return nil, errors.New("NOTPANEL_SMTP_URL names no user for NOTPANEL_SMTP_PASSWORD: smtp://USER@HOST:587")
	}
	return &server, nil
}

func smtpPassword() (string, error) {
	password, file := os.Getenv("NOTPANEL_SMTP_PASSWORD"), os.Getenv("NOTPANEL_SMTP_PASSWORD_FILE")
	if file == "" {
		return password, nil
	}
	if password != "" {
		return "", errors.New("NOTPANEL_SMTP_PASSWORD and NOTPANEL_SMTP_PASSWORD_FILE are both set: set one")
	}
	password, err := line(file)
	if err != nil {
		return "", fmt.Errorf("NOTPANEL_SMTP_PASSWORD_FILE: %w", err)
	}
	return password, nil
}

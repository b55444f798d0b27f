package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/locale"
	"github.com/notpanel/notpanel/internal/notify"
	"github.com/notpanel/notpanel/internal/outbound"
)

// mailCommands are the commands about mail.
type mailCommands struct {
	Test mailTest `cmd:"" help:"Send one mail now, with the settings of serve, and say what the server answers."`
}

// mailTest sends a mail past everything but the mail server.
type mailTest struct {
	config.Mail `embed:""`

	OutboundAllow string `env:"NOTPANEL_OUTBOUND_ALLOW" help:"Networks beside the public ones that the mail server may be in, such as 10.0.0.0/8; comma-separated."`
	PublicURL     string `name:"public-url" env:"NOTPANEL_PUBLIC_URL" help:"The panel's address, for the end of the mail."`
	To            string `required:"" placeholder:"E" help:"Whom to send it to."`
	Language      string `default:"en" help:"The language of the mail."`
}

// Run sends the mail.
func (c *mailTest) Run(ctx context.Context, t terminal) error {
	server, err := c.MailServer()
	if err != nil {
		return &usageError{err.Error()}
	}
	if server == nil {
		return &usageError{"no mail server is set: NOTPANEL_SMTP_URL, such as smtp://user@mail.example:587, and NOTPANEL_MAIL_FROM"}
	}
	allow, err := outbound.ParseAllow(c.OutboundAllow)
	if err != nil {
		return &usageError{"NOTPANEL_OUTBOUND_ALLOW: " + err.Error()}
	}
	if notify.CheckAddress(c.To) != nil {
		return &usageError{"--to must be a plain address such as name@example.com"}
	}
	languages, err := locale.Load()
	if err != nil {
		return err
	}
	if _, known := languages.Find(c.Language); !known {
		return &usageError{"the panel has no language " + c.Language}
	}
	sender, err := notify.NewSender(notify.Options{
		Languages: languages, Guard: outbound.NewOperator(allow), Server: server, Identity: func() notify.Identity { return notify.Identity{URL: c.PublicURL} },
	})
	if err != nil {
		return err
	}
	next, done := t.progress()
	next("sending by " + server.String())
	err = sender.Try(ctx, c.To, c.Language)
	done()
	if failed, ok := errors.AsType[*notify.DeliveryError](err); ok {
		return explain(server, failed)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s took the mail to %s. If it does not arrive, look at the spam folder and at SPF and DKIM of %s.\n", server, c.To, server.From.Address)
	return nil
}

// explain says what a failure means and what to do.
func explain(server *notify.Server, failed *notify.DeliveryError) error {
	text := fmt.Sprintf("%s: %s", server, failed)
	if failed.Said() != "" {
		text += "\nThe server said: " + failed.Said()
	}
	if advice := mailAdvice(failed.Class); advice != "" {
		text += "\n" + advice
	}
	return errors.New(text)
}

// mailAdvice is what to do about a failure.
func mailAdvice(class notify.Class) string {
	switch class {
	case notify.NotReached:
		return "Look at host and port in NOTPANEL_SMTP_URL. A server in a private network must be in NOTPANEL_OUTBOUND_ALLOW."
	case notify.TimedOut:
		return "Many hosters block the ports 25, 465 and 587: try the others, or ask them. A port that expects TLS at once needs smtps://."
	case notify.NoTLS:
		return "The server offers no STARTTLS. Use smtps:// if it has a port with TLS, or smtp+plain:// if it is in NOTPANEL_OUTBOUND_ALLOW."
	case notify.BadTLS:
		return "Port 587 mostly wants smtp://, port 465 smtps://. The certificate must be for the host in NOTPANEL_SMTP_URL and from an authority that this machine knows."
	case notify.SignInRefused:
		return "Look at the user in NOTPANEL_SMTP_URL and at NOTPANEL_SMTP_PASSWORD; some providers want a password for programs."
	case notify.SenderRefused:
		return "The server lets nobody send from NOTPANEL_MAIL_FROM, or not this user."
	case notify.Refused:
		return "The server knows no such recipient, or does not send to it for this sender."
	case notify.MessageRefused:
		return "The server took sender and recipient and refused the message."
	case notify.RefusedForNow:
		return "The server asks to come again later. The panel does; nothing needs to be set."
	case notify.Broken, notify.Settings, notify.Unreadable, notify.TooLate:
	}
	return ""
}

package app

import (
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/notify"
)

// identityMails queues what people are told of their sign-ins.
type identityMails struct {
	mails    *notify.Store
	resetURL string // where a password is set anew
}

// Queue queues a mail in the words of the templates.
func (q identityMails) Queue(tx *db.Tx, m identity.Mail) error {
	data := map[string]string{}
	for name, value := range m.Data {
		switch name {
		case "email":
			name = "new"
		case "change":
			name, value = "what", secondFactorChange(value)
		}
		if value == "" {
			value = "–" // a browser that gives no name, an address that nobody knows
		}
		data[name] = value
	}
	if m.Template == identity.MailRegistered {
		data["reset"] = q.resetURL
	}
	return q.mails.Queue(tx, notify.Mail{To: m.To, Language: m.Language, Template: m.Template, Data: data})
}

func secondFactorChange(change string) string {
	switch change {
	case identity.ChangeTOTPAdded:
		return notify.TOTPOn
	case identity.ChangeTOTPRemoved:
		return notify.TOTPOff
	case identity.ChangePasskeyAdded:
		return notify.PasskeyAdded
	case identity.ChangePasskeyRemoved:
		return notify.PasskeyRemoved
	case identity.ChangePasskeyCloned:
		return notify.PasskeyCloned
	case identity.ChangeRecoveryCodes:
		return notify.CodesRenewed
	}
	return change
}

// tellOfKey queues the notice that a key has got a value. Whoever else can make
// keys of an account can't do it unnoticed.
func tellOfKey(mails *notify.Store) func(*db.Tx, apikey.Key) error {
	return func(tx *db.Tx, k apikey.Key) error {
		to, err := account.ContactOf(tx, k.AccountID)
		if err != nil {
			return err
		}
		template := notify.KeyCreated
		if !k.RotatedAt.IsZero() {
			template = notify.KeyRotated
		}
		if unreachable := notify.CheckAddress(to.Email); unreachable != nil {
			return nil //nolint:nilerr // such an account has keys all the same
		}
		name := k.Name
		if name == "" || strings.Contains(name, "np_") {
			name = k.Prefix // who names a key by its value is not to find it in a mail
		}
		return mails.Queue(tx, notify.Mail{To: to.Email, Language: to.Language, Template: template, Data: map[string]string{
			"name": name, "prefix": k.Prefix, "time": tx.Now.UTC().Format(time.RFC3339), "zone": to.TimeZone,
		}})
	}
}

package app

import (
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/notify"
	"github.com/notpanel/notpanel/internal/payment"
	"github.com/notpanel/notpanel/internal/webhook"
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
		template := notify.KeyCreated
		if !k.RotatedAt.IsZero() {
			template = notify.KeyRotated
		}
		name := k.Name
		if name == "" || strings.Contains(name, "np_") {
			name = k.Prefix // who names a key by its value is not to find it in a mail
		}
		return tell(tx, mails, k.AccountID, template, map[string]string{"name": name, "prefix": k.Prefix})
	}
}

// tellOfWebhook queues the notice of what became of a webhook. Its address may
// hold a password in its path, so only the server is named.
func tellOfWebhook(mails *notify.Store) func(*db.Tx, webhook.Notice, *webhook.Endpoint) error {
	templates := map[webhook.Notice]string{
		webhook.NoticeAdded: notify.WebhookAdded, webhook.NoticeDisabled: notify.WebhookDisabled, webhook.NoticeGone: notify.WebhookGone,
	}
	return func(tx *db.Tx, n webhook.Notice, e *webhook.Endpoint) error {
		return tell(tx, mails, e.AccountID, templates[n], map[string]string{"host": e.Host(), "webhook": e.ID})
	}
}

// tellOfPayment queues the notice of how a top-up ended.
func tellOfPayment(mails *notify.Store, currency string) func(*db.Tx, payment.Payment) error {
	return func(tx *db.Tx, p payment.Payment) error {
		template, amount := notify.TopUpCredited, p.Amount
		if p.State == payment.Rejected {
			template, amount = notify.TopUpRejected, p.Asked
		}
		return tell(tx, mails, p.AccountID, template, map[string]string{
			"amount": amount.String() + " " + currency, "reference": p.Reference, "reason": p.Reason,
		})
	}
}

// tellOfFall queues the notice that a balance fell below what its account wants to be
// told of.
func tellOfFall(mails *notify.Store, currency string) event.TellFall {
	return func(tx *db.Tx, f event.Fall) error {
		return tell(tx, mails, f.AccountID, notify.BalanceLow, map[string]string{
			"balance": f.Balance.String() + " " + currency, "threshold": f.Threshold.String() + " " + currency,
		})
	}
}

// tellOfClosing queues the notice that an account is closed, with what is left on it.
func tellOfClosing(mails *notify.Store, currency string) func(*db.Tx, string, money.Amount) error {
	return func(tx *db.Tx, accountID string, left money.Amount) error {
		return tell(tx, mails, accountID, notify.AccountClosed, map[string]string{"balance": left.String() + " " + currency})
	}
}

// tell queues a notice to the owner of an account, if mail can reach them.
func tell(tx *db.Tx, mails *notify.Store, accountID, template string, data map[string]string) error {
	to, err := account.ContactOf(tx, accountID)
	if err != nil {
		return err
	}
	if unreachable := notify.CheckAddress(to.Email); unreachable != nil {
		return nil //nolint:nilerr // such an account works all the same
	}
	data["time"], data["zone"] = tx.Now.UTC().Format(time.RFC3339), to.TimeZone
	return mails.Queue(tx, notify.Mail{To: to.Email, Language: to.Language, Template: template, Data: data})
}

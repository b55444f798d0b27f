package app

import (
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/identity"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/notice"
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

// tellOfWebhook tells what became of a webhook. Its address may hold a password in
// its path, so only the server is named. That one was added is always mailed: it may
// have been a stranger.
func tellOfWebhook(mails *notify.Store) func(*db.Tx, webhook.Notice, *webhook.Endpoint) error {
	return func(tx *db.Tx, n webhook.Notice, e *webhook.Endpoint) error {
		template, detail := notify.WebhookDisabled, ""
		switch n {
		case webhook.NoticeGone:
			template, detail = notify.WebhookGone, notice.Gone
		case webhook.NoticeAdded:
			return tell(tx, mails, e.AccountID, notify.WebhookAdded, webhookData(e))
		case webhook.NoticeDisabled:
		}
		return tellAndMail(tx, mails, notice.Told{
			AccountID: e.AccountID, Kind: notice.WebhookStopped, Subject: e.ID, Data: notice.Data{Detail: detail, Name: e.Host()},
		}, template, webhookData(e))
	}
}

func webhookData(e *webhook.Endpoint) map[string]string {
	return map[string]string{"host": e.Host(), "webhook": e.ID}
}

// tellOfPayment tells how a top-up ended.
func tellOfPayment(mails *notify.Store, currency string) func(*db.Tx, payment.Payment) error {
	return func(tx *db.Tx, p payment.Payment) error {
		template, kind, amount := notify.TopUpCredited, notice.Credited, p.Amount
		if p.State == payment.Rejected {
			template, kind, amount = notify.TopUpRejected, notice.TopupRejected, p.Asked
		}
		return tellAndMail(tx, mails, notice.Told{
			AccountID: p.AccountID, Kind: kind, Subject: p.ID, Data: notice.Data{Amount: amount, Name: p.Reference, Reason: p.Reason},
		}, template, map[string]string{"amount": amount.String() + " " + currency, "reference": notice.WithoutKeys(p.Reference), "reason": notice.WithoutKeys(p.Reason)})
	}
}

// tellOfPrize tells who won in a giveaway, as they want to be told of money that came.
func tellOfPrize(tx *db.Tx, w giveaway.Win) error {
	_, err := notice.Tell(tx, notice.Told{
		AccountID: w.Entry.AccountID, Kind: notice.Credited, Subject: w.Giveaway.ID,
		Data: notice.Data{Detail: notice.Prize, Amount: w.Giveaway.Prize, Name: w.Giveaway.Title},
	})
	return err
}

// tellOfClosing queues the notice that an account is closed, with what is left on it.
func tellOfClosing(mails *notify.Store, currency string) func(*db.Tx, string, money.Amount) error {
	return func(tx *db.Tx, accountID string, left money.Amount) error {
		return tell(tx, mails, accountID, notify.AccountClosed, map[string]string{"balance": left.String() + " " + currency})
	}
}

// tellAndMail writes a notice whose mail has a template of its own, and queues that
// where the account wants it.
func tellAndMail(tx *db.Tx, mails *notify.Store, t notice.Told, template string, data map[string]string) error {
	t.Mailed = true
	choices, err := notice.Tell(tx, t)
	if err != nil || !choices.Wants(t.Kind, notice.Mail) {
		return err
	}
	return tell(tx, mails, t.AccountID, template, data)
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

// noticeReader is to whom an account's notices go, by mail where they have confirmed
// their address and not closed the account.
func noticeReader(tx *db.Tx, accountID string) (notice.Reader, error) {
	to, err := account.ContactOf(tx, accountID)
	if err != nil {
		return notice.Reader{}, err
	}
	r := notice.Reader{Language: to.Language}
	if to.Verified && !to.Closed && notify.CheckAddress(to.Email) == nil {
		r.Email = to.Email
	}
	return r, nil
}

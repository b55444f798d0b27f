package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
)

// NewPerson is who signs up.
type NewPerson struct {
	Email    string
	Password string
	Language string // in which they read the page; mails come in it
	TimeZone string
}

// SignUp makes an unverified account and mails its address a link. Where the
// address has an account already, its owner is mailed that instead: the caller
// can't tell the one from the other.
func (p *People) SignUp(ctx context.Context, n NewPerson) error {
	if !p.options.SignUpOpen() {
		return fault.New(fault.Conflict, "Sign-up is closed").Because(SignUpClosed)
	}
	email, err := normalEmail(n.Email)
	if err != nil {
		return err
	}
	preferences := account.Preferences{Language: n.Language, TimeZone: n.TimeZone}
	if err := preferences.Check(); err != nil {
		return err
	}
	if err := checkNewPassword(n.Password, email); err != nil {
		return err
	}
	buckets := p.mailBuckets(p.VisitorOf(ctx), MailVerify, email)
	if err := p.takeNow(ctx, buckets); err != nil {
		return err
	}
	hash, err := p.gate.hash(ctx, p.VisitorOf(ctx).Address, n.Password)
	if err != nil {
		return p.untried(ctx, buckets, err)
	}
	a := account.Account{ID: id.New(id.Account), Email: email, State: account.Active, Tier: account.Standard, Role: account.Customer}
	token := newToken()
	return p.db.Write(ctx, func(tx *db.Tx) error {
		a.CreatedAt = tx.Now
		created, err := account.Insert(tx, a, hash, time.Time{})
		if err != nil {
			return err
		}
		if !created {
			return p.remindOwner(tx, email)
		}
		_, err = tx.Exec(`UPDATE accounts SET language = $2, time_zone = $3 WHERE id = $1`, a.ID, n.Language, n.TimeZone)
		if err != nil {
			return fmt.Errorf("sign up: %w", err)
		}
		if err := p.mailVerification(tx, mailed{a.ID, email}, n.Language, token); err != nil {
			return err
		}
		return account.Record(tx, a.ID, account.CreateAct, a.ID, email+" as "+string(a.Role))
	})
}

// remindOwner mails the owner of a known address that they have an account.
func (p *People) remindOwner(tx *db.Tx, email string) error {
	var language string
	err := tx.QueryRow(`SELECT language FROM accounts WHERE email = $1`, email).Scan(&language)
	if err != nil {
		return fmt.Errorf("sign up: %w", err)
	}
	return p.options.Mailer.Queue(tx, Mail{
		To: email, Language: language, Template: MailRegistered, Data: map[string]string{mailLink: p.options.PublicURL + signInPath},
	})
}

func (p *People) mailVerification(tx *db.Tx, m mailed, language, token string) error {
	if err := p.issue(tx, VerifyEmail, m, token); err != nil {
		return err
	}
	return p.options.Mailer.Queue(tx, Mail{
		To: m.email, Language: language, Template: MailVerify, Data: map[string]string{mailLink: p.link(VerifyPath, token)},
	})
}

// verifyAgain mails an unverified account another link; the older one ends. These
// mails are counted by themselves: out of the budgets of what anybody can ask for, the
// visitor would learn that one was sent. Where there is nothing to mail it writes as
// much all the same, to the attempts that were counted in buckets, so that both take
// one time.
func (p *People) verifyAgain(ctx context.Context, c candidate, buckets []bucket, right bool) error {
	mails := []bucket{p.hidden("mail again", c.email, mailLimit, mailWindow)}
	if !right || c.state != account.Active {
		const tokenAndMail = 2
		return p.db.Write(ctx, func(tx *db.Tx) error {
			for range len(mails) + tokenAndMail {
				if _, err := tx.Exec(`UPDATE attempts SET used = used WHERE bucket = $1`, buckets[0].name); err != nil {
					return fmt.Errorf("mail nothing: %w", err)
				}
			}
			return nil
		})
	}
	token := newToken()
	err := p.db.Write(ctx, func(tx *db.Tx) error {
		if _, err := take(tx, mails); err != nil {
			return err
		}
		return p.mailVerification(tx, mailed{c.id, c.email}, c.language, token)
	})
	if because(err, Throttled) {
		return nil
	}
	return err
}

// Verify spends the token of a verification mail and signs in, for who knows the
// account's password: somebody else may have signed up with the address, and a click of
// its owner must not open that account to them. A wrong password spends nothing, and
// counts as a wrong sign-in does.
func (p *People) Verify(ctx context.Context, token, password string) error {
	v := visitOf(ctx)
	var m mailed
	err := p.db.Read(ctx, func(tx *db.Tx) (err error) {
		m, err = p.peek(tx, VerifyEmail, token)
		return err
	})
	if err != nil {
		return err
	}
	c, err := p.candidate(ctx, v.visitor, "a.id = $1", m.accountID)
	if err != nil {
		return err
	}
	if c.id == "" || c.verified {
		return badToken()
	}
	c.verified = true // as far as the password is concerned
	buckets := p.passwordBuckets(v.visitor, c.email, c.known)
	if err := p.tryPassword(ctx, c, password, buckets, nil); err != nil {
		return asWrongPassword(err)
	}
	if c.state != account.Active {
		return p.stopped(ctx, c, ByPassword)
	}
	return p.complete(ctx, c, func(tx *db.Tx) (Method, error) {
		if err := p.verify(tx, token); err != nil {
			return "", err
		}
		return ByPassword, giveBack(tx, buckets)
	})
}

// verify spends the token of a verification mail.
func (p *People) verify(tx *db.Tx, token string) error {
	m, err := p.spend(tx, VerifyEmail, token)
	if err != nil {
		return err
	}
	verified, err := tx.ExecOne(`UPDATE accounts SET email_verified_at = $3 WHERE id = $1 AND email = $2 AND email_verified_at IS NULL`,
		m.accountID, m.email, db.At(tx.Now))
	if err != nil {
		return fmt.Errorf("verify an address: %w", err)
	}
	if !verified {
		return badToken()
	}
	return account.Record(tx, m.accountID, "account.verify_email", m.accountID, m.email)
}

func normalEmail(email string) (string, error) {
	normal, err := account.NormalEmail(email)
	if err != nil {
		return "", fault.New(fault.Invalid, "The e-mail address must be like name@example.com").Because(BadEmail)
	}
	return normal, nil
}

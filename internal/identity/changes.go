package identity

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// mail queues a notice to somebody's present address.
func (p *People) mail(tx *db.Tx, who Person, template string, data map[string]string) error {
	return p.options.Mailer.Queue(tx, Mail{To: who.Email, Language: who.Language, Template: template, Data: data})
}

// record notes what somebody did to their own account.
func (*People) record(tx *db.Tx, accountID, action, detail string) error {
	return account.Record(tx, accountID, action, accountID, detail)
}

func base32Secret(secret string) ([]byte, error) {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		return nil, errors.New("a stored TOTP secret is malformed")
	}
	return raw, nil
}

// ChangePassword needs the present one; where there is a second factor, also a
// fresh proof. All other sessions and the mailed tokens end, and other browsers are
// forgotten.
func (p *People) ChangePassword(ctx context.Context, present, next string) error {
	v, err := p.current(ctx)
	if err != nil {
		return err
	}
	c, err := p.candidate(ctx, v.visitor, "a.id = $1", v.person.AccountID)
	if err != nil {
		return err
	}
	if c.second && !v.person.Fresh() {
		return needsProof()
	}
	if err := checkNewPassword(next, c.email); err != nil {
		return err
	}
	buckets := p.passwordBuckets(v.visitor, c.email, c.known)
	if err := p.tryPassword(ctx, c, present, buckets, nil); err != nil {
		return asWrongPassword(err)
	}
	hash, err := p.gate.hash(ctx, p.VisitorOf(ctx).Address, next)
	if err != nil {
		return p.untried(ctx, buckets, err)
	}
	var version int64
	err = p.write(ctx, v, func(tx *db.Tx) error {
		if err := stillOpen(tx, c); err != nil {
			return err
		}
		if version, err = p.setPassword(tx, v.visitor, c.id, hash); err != nil {
			return err
		}
		if err := forgetOthers(tx, c.id, v.visitor.device); err != nil {
			return err
		}
		if err := giveBack(tx, buckets); err != nil {
			return err
		}
		if _, err := take(tx, changeBuckets(c.id)); err != nil {
			return err
		}
		return p.record(tx, c.id, "account.password", "changed")
	})
	if err != nil {
		return err
	}
	return p.begin(ctx, c.id, version)
}

// setPassword stores a password, ends all sessions and tokens and tells the owner.
func (p *People) setPassword(tx *db.Tx, v Visitor, accountID, hash string) (version int64, err error) {
	_, err = tx.Exec(`UPDATE accounts SET password_hash = $2, password_changed_at = $3 WHERE id = $1`, accountID, hash, db.At(tx.Now))
	if err != nil {
		return 0, fmt.Errorf("set a password: %w", err)
	}
	if version, err = account.EndSessions(tx, accountID); err != nil {
		return 0, err
	}
	who, err := readPerson(tx, accountID)
	if err != nil {
		return 0, err
	}
	return version, p.mail(tx, who, MailPassword, v.facts(tx.Now))
}

// RequestReset mails a link to set a new password, where the address has an account
// that is not suspended. The caller can't tell whether it has.
func (p *People) RequestReset(ctx context.Context, email string) error {
	email, err := normalEmail(email)
	if err != nil {
		return err
	}
	token := newToken()
	return p.db.Write(ctx, func(tx *db.Tx) error {
		var id, language string
		err := tx.QueryRow(`SELECT id, language FROM accounts WHERE email = $1 AND state = 'active'`, email).Scan(&id, &language)
		switch {
		case errors.Is(err, db.ErrNoRows):
		case err != nil:
			return fmt.Errorf("ask for a reset: %w", err)
		default:
			if err := p.issue(tx, ResetPassword, mailed{id, email}, token); err != nil {
				return err
			}
			data := map[string]string{mailLink: p.link(ResetPath, token)}
			if err := p.options.Mailer.Queue(tx, Mail{To: email, Language: language, Template: MailReset, Data: data}); err != nil {
				return err
			}
		}
		_, err = take(tx, p.mailBuckets(p.VisitorOf(ctx), MailReset, email))
		return err
	})
}

// Reset spends the token of a reset mail and sets the password. All sessions and
// other tokens end, other browsers are forgotten, the address's wait ends, and the address
// counts as verified: its owner has the mail. It signs nobody in, so a second factor
// is still asked for.
func (p *People) Reset(ctx context.Context, token, password string) error {
	email, err := p.Peek(ctx, ResetPassword, token)
	if err != nil {
		return err
	}
	if err := checkNewPassword(password, email); err != nil {
		return err
	}
	hash, err := p.gate.hash(ctx, p.VisitorOf(ctx).Address, password)
	if err != nil {
		return err
	}
	at := visitOf(ctx)
	cookie, fresh := "", newToken()
	err = p.db.Write(ctx, func(tx *db.Tx) error {
		m, err := p.spend(tx, ResetPassword, token)
		if err != nil {
			return err
		}
		var v Visitor
		if v, cookie, err = p.withDevice(tx, at.visitor, fresh); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE accounts SET email_verified_at = $3 WHERE id = $1 AND email = $2 AND email_verified_at IS NULL`,
			m.accountID, m.email, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("reset a password: %w", err)
		}
		if _, err := p.setPassword(tx, v, m.accountID, hash); err != nil {
			return err
		}
		// Who resets may fear that somebody else was in: no other browser is known any
		// more. This one is, or who goes on guessing would keep the owner out.
		if err := forgetOthers(tx, m.accountID, ""); err != nil {
			return err
		}
		if _, err := meet(tx, m.accountID, v.device); err != nil {
			return err
		}
		if err := forget(tx, p.emailBucket(m.email)); err != nil {
			return err
		}
		return p.record(tx, m.accountID, "account.password", "reset")
	})
	if err == nil && cookie != "" {
		giveDevice(at.w, cookie)
	}
	return err
}

// RequestEmailChange mails a link to the new address and a notice to the present
// one. Where the new address has an account already, its owner is mailed that
// instead of the link. It needs a fresh proof.
func (p *People) RequestEmailChange(ctx context.Context, email string) error {
	v, err := p.fresh(ctx)
	if err != nil {
		return err
	}
	if email, err = normalEmail(email); err != nil {
		return err
	}
	if email == v.person.Email {
		return fault.New(fault.Invalid, "This is your address already").Because(BadEmail)
	}
	token := newToken()
	return p.writeFresh(ctx, v, func(tx *db.Tx) error {
		var taken int64
		if err := tx.QueryRow(`SELECT COUNT(*) FROM accounts WHERE email = $1`, email).Scan(&taken); err != nil {
			return fmt.Errorf("change an address: %w", err)
		}
		if err := p.mailChange(tx, v.person, email, token, taken > 0); err != nil {
			return err
		}
		notice := v.visitor.facts(tx.Now)
		notice[mailEmail] = email
		if err := p.mail(tx, v.person, MailChangeNotice, notice); err != nil {
			return err
		}
		if _, err := take(tx, p.mailBuckets(v.visitor, MailChange, email)); err != nil {
			return err
		}
		return p.record(tx, v.person.AccountID, "account.email_asked", email)
	})
}

// mailChange mails the link, or a taken address's owner that they have an account. It
// ends an earlier link both times: whether that one still works would tell them apart.
func (p *People) mailChange(tx *db.Tx, who Person, email, token string, taken bool) error {
	if err := p.issue(tx, ChangeEmail, mailed{who.AccountID, email}, token); err != nil {
		return err
	}
	if taken { // nobody gets the token
		return p.remindOwner(tx, email)
	}
	return p.options.Mailer.Queue(tx, Mail{
		To: email, Language: who.Language, Template: MailChange,
		Data: map[string]string{mailLink: p.link(ChangePath, token), mailEmail: email},
	})
}

// PeekChange is Peek for the change of an address. NotYours answers, with the token
// unspent, who is not signed in as the account that asked for the change.
func (p *People) PeekChange(ctx context.Context, token string) (email string, err error) {
	var m mailed
	err = p.db.Read(ctx, func(tx *db.Tx) error {
		m, err = p.peek(tx, ChangeEmail, token)
		return err
	})
	if err == nil && !visitOf(ctx).is(m.accountID) {
		err = notYours()
	}
	return m.email, err
}

// ConfirmEmailChange spends the token that was mailed to the new address, for who is
// signed in as the account that asked: whose address somebody else wants for their
// account must not give it away with a click. The old address gets a last notice, and
// tokens that were mailed to it end. It signs nobody in or out.
func (p *People) ConfirmEmailChange(ctx context.Context, token string) error {
	if _, err := p.PeekChange(ctx, token); err != nil {
		return err
	}
	v := visitOf(ctx)
	err := p.write(ctx, v, func(tx *db.Tx) error {
		m, err := p.spend(tx, ChangeEmail, token)
		if err != nil {
			return err
		}
		who, err := readPerson(tx, m.accountID)
		if err != nil {
			return err
		}
		changed, err := tx.ExecOne(`
			UPDATE accounts SET email = $2, email_verified_at = $3
			WHERE id = $1 AND state = 'active' AND NOT EXISTS (SELECT 1 FROM accounts o WHERE o.email = $2)`,
			m.accountID, m.email, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("change an address: %w", err)
		}
		if !changed {
			return badToken()
		}
		if _, err := tx.Exec(`DELETE FROM tokens WHERE account_id = $1`, m.accountID); err != nil {
			return fmt.Errorf("change an address: %w", err)
		}
		data := v.visitor.facts(tx.Now)
		data[mailEmail] = m.email
		if err := p.mail(tx, who, MailChanged, data); err != nil {
			return err
		}
		return p.record(tx, m.accountID, "account.email", who.Email+" is now "+m.email)
	})
	if db.IsUnique(err) { // somebody signed up with it at this moment
		return badToken()
	}
	return err
}

package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

// Factor is what somebody offers as their second factor: a code of the
// authenticator app, a recovery code, or what a passkey answered to the options
// that the session keeps.
type Factor struct {
	Code    string
	Passkey []byte // JSON of the browser's PublicKeyCredential; used where Code is empty
}

// checked is a factor that was looked at and is to be spent in a transaction.
type checked func(tx *db.Tx) (Method, error)

// check looks at a factor, outside of any transaction. A wrong code is found out
// when it is spent, a wrong passkey here.
func (p *People) check(ctx context.Context, c candidate, f Factor, purpose string) (checked, error) {
	if f.Code != "" || len(f.Passkey) == 0 {
		guess, err := p.readCode(ctx, c.id, f.Code)
		if err != nil {
			return nil, err
		}
		v := p.VisitorOf(ctx)
		return func(tx *db.Tx) (Method, error) { return p.spendCode(tx, c, guess, v) }, nil
	}
	used, err := p.assertion(ctx, purpose, c.id, f.Passkey)
	if err != nil {
		return nil, err
	}
	return func(tx *db.Tx) (Method, error) { return ByFactor, p.usePasskey(tx, used) }, nil
}

// SecondFactor takes the second step of a sign-in. The fifth wrong answer ends it.
func (p *People) SecondFactor(ctx context.Context, f Factor) error {
	w, c, err := p.pending(ctx)
	if err != nil {
		return err
	}
	own := []bucket{{"pending:" + w.ID, pendingLimit, pendingFor}}
	codes := p.codeBuckets(p.VisitorOf(ctx), c.id, c.known)
	var used []int64
	err = p.db.Write(ctx, func(tx *db.Tx) error {
		if !tx.Now.Before(w.Until) {
			return signInAgain()
		}
		if _, err := take(tx, codes); err != nil {
			return err
		}
		if used, err = take(tx, own); because(err, Throttled) {
			return signInAgain()
		}
		return err
	})
	if err == nil {
		err = p.second(ctx, c, f, slices.Concat(own, codes))
	}
	if isWrongFactor(err) && used[0] >= pendingLimit {
		err = signInAgain()
	}
	if because(err, SignInAgain) {
		p.scs.Remove(ctx, pendingValue)
	}
	return err
}

// second checks the factor of a sign-in and completes it. What is right is given
// back to the buckets.
func (p *People) second(ctx context.Context, c candidate, f Factor, buckets []bucket) error {
	spend, err := p.check(ctx, c, f, forSecond)
	if err == nil {
		err = p.complete(ctx, c, func(tx *db.Tx) (Method, error) {
			method, err := spend(tx)
			if err != nil {
				return "", err
			}
			return method, giveBack(tx, buckets)
		})
	}
	if !isWrongFactor(err) {
		return err
	}
	return p.noteWrongFactor(ctx, c, f, err)
}

// isWrongFactor reports whether a code or a passkey was refused.
func isWrongFactor(err error) bool { return because(err, BadCode) || because(err, BadPasskey) }

// noteWrongFactor keeps a wrong one in the history and returns err.
func (p *People) noteWrongFactor(ctx context.Context, c candidate, f Factor, err error) error {
	method := ByTOTP
	if f.Code == "" && len(f.Passkey) > 0 {
		method = ByFactor
	}
	v := p.VisitorOf(ctx)
	if failed := p.db.Write(ctx, func(tx *db.Tx) error { return note(tx, c.id, v, method, OutcomeCode) }); failed != nil {
		return failed
	}
	return err
}

// Proof is what somebody gives who is signed in and does something grave.
type Proof struct {
	Password string
	Factor
}

// Prove checks the password and, where the account has a second factor, that too.
// What is right makes the session fresh for ten minutes; what is wrong counts as a
// wrong sign-in does. WrongPassword, BadCode and BadPasskey are the refusals.
func (p *People) Prove(ctx context.Context, proof Proof) error {
	v, err := p.current(ctx)
	if err != nil {
		return err
	}
	c, err := p.candidate(ctx, v.visitor, "a.id = $1", v.person.AccountID)
	if err != nil {
		return err
	}
	if c.id == "" {
		return signInAgain()
	}
	buckets := p.passwordBuckets(v.visitor, c.email, c.known)
	var codes []bucket
	if c.second {
		codes = p.codeBuckets(v.visitor, c.id, c.known)
	}
	if err := p.tryPassword(ctx, c, proof.Password, buckets, codes); err != nil {
		return asWrongPassword(err)
	}
	spend := checked(func(*db.Tx) (Method, error) { return ByPassword, nil })
	if c.second {
		spend, err = p.check(ctx, c, proof.Factor, forProof)
	}
	if err == nil {
		err = p.makeFresh(ctx, c, spend, slices.Concat(buckets, codes))
	}
	if !isWrongFactor(err) {
		return err
	}
	failed := p.db.Write(ctx, func(tx *db.Tx) error { return giveBack(tx, buckets) })
	if failed != nil {
		return failed
	}
	return p.noteWrongFactor(ctx, c, proof.Factor, err)
}

func (p *People) makeFresh(ctx context.Context, c candidate, spend checked, buckets []bucket) error {
	v := visitOf(ctx)
	now := v.person.now
	err := p.write(ctx, v, func(tx *db.Tx) error {
		now = tx.Now
		if err := stillOpen(tx, c); err != nil {
			return err
		}
		if _, err := spend(tx); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE sessions SET fresh_at = $2 WHERE id = $1`, v.person.SessionID, db.At(tx.Now)); err != nil {
			return fmt.Errorf("note a proof: %w", err)
		}
		return giveBack(tx, buckets)
	})
	if err == nil {
		v.person.FreshAt, v.person.now = now, now
	}
	return err
}

// ProveForKey is Prove for making, rotating and loosening API keys, each time. It
// returns who may do it.
func (p *People) ProveForKey(ctx context.Context, proof Proof) (Person, error) {
	v, err := p.current(ctx)
	if err != nil {
		return Person{}, err
	}
	if p.MustEnrol(v.person) {
		return Person{}, fault.New(fault.Forbidden, "Set up a second factor first").Because(NeedsFactor)
	}
	if err := p.takeNow(ctx, []bucket{{"key:" + v.person.AccountID, keyLimit, keyWindow}}); err != nil {
		return Person{}, err
	}
	if err := p.Prove(ctx, proof); err != nil {
		return Person{}, err
	}
	return v.person, nil
}

// asWrongPassword gives a wrong password the words for who is signed in.
func asWrongPassword(err error) error {
	if errors.Is(err, errWrong) {
		return wrongPassword()
	}
	return err
}

// distrustOthers ends what was proved elsewhere while there was one factor less: other
// browsers are unknown again, and other sessions are not fresh.
func distrustOthers(tx *db.Tx, v *visit) error {
	if err := forgetOthers(tx, v.person.AccountID, v.visitor.device); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE sessions SET fresh_at = NULL WHERE account_id = $1 AND id <> $2`, v.person.AccountID, v.person.SessionID)
	if err != nil {
		return fmt.Errorf("end older proofs: %w", err)
	}
	return nil
}

// changedFactor tells the owner and the audit log of a change to the second
// factors. What is done over and over is refused: it would fill both.
func (p *People) changedFactor(tx *db.Tx, v *visit, change, detail string) error {
	if _, err := take(tx, changeBuckets(v.person.AccountID)); err != nil {
		return err
	}
	data := v.visitor.facts(tx.Now)
	data[mailChange] = change
	if err := p.mail(tx, v.person, MailSecondFactor, data); err != nil {
		return err
	}
	return p.record(tx, v.person.AccountID, "account."+change, detail)
}

package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
)

// SecondFactorOptions returns, as JSON, what the browser needs to answer the second
// step of a sign-in with a passkey.
func (p *People) SecondFactorOptions(ctx context.Context) ([]byte, error) {
	_, c, err := p.pending(ctx)
	if err != nil {
		return nil, err
	}
	return p.assertionOptions(ctx, forSecond, c.id)
}

// ProofOptions returns, as JSON, what the browser needs to answer Prove with a
// passkey.
func (p *People) ProofOptions(ctx context.Context) ([]byte, error) {
	v, err := p.current(ctx)
	if err != nil {
		return nil, err
	}
	return p.assertionOptions(ctx, forProof, v.person.AccountID)
}

func (p *People) assertionOptions(ctx context.Context, purpose, accountID string) ([]byte, error) {
	o, err := p.prover(ctx, accountID)
	if err != nil {
		return nil, err
	}
	if len(o.keys) == 0 {
		return nil, fault.New(fault.Conflict, "There are no passkeys")
	}
	options, data, err := p.webauthn.BeginLogin(o, webauthn.WithUserVerification(protocol.VerificationPreferred))
	if err != nil {
		return nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	return p.keep(ctx, purpose, data, options)
}

// usedPasskey is a passkey whose answer was right.
type usedPasskey struct {
	id     string
	before uint32 // its counter until now
	after  uint32
	cloned bool
}

// assertion checks the answer of one of an account's passkeys.
func (p *People) assertion(ctx context.Context, purpose, accountID string, response []byte) (u usedPasskey, err error) {
	data, err := p.kept(ctx, purpose)
	if err != nil {
		return u, err
	}
	parsed, err := parseAssertion(response)
	if err != nil {
		return u, err
	}
	o, err := p.prover(ctx, accountID)
	if err != nil {
		return u, err
	}
	key, err := p.webauthn.ValidateLogin(o, data, parsed)
	if err != nil {
		return u, badPasskey(err)
	}
	if u, err = o.used(key); err != nil {
		return u, err
	}
	return u, p.checkClone(ctx, accountID, u)
}

func parseAssertion(response []byte) (*protocol.ParsedCredentialAssertionData, error) {
	if len(response) > maxResponse {
		return nil, badPasskey(errors.New("the answer is too long"))
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return nil, badPasskey(err)
	}
	return parsed, nil
}

func (o *owner) used(key *webauthn.Credential) (usedPasskey, error) {
	for i, known := range o.keys {
		if string(known.ID) == string(key.ID) {
			return usedPasskey{o.ids[i], known.Authenticator.SignCount, key.Authenticator.SignCount, key.Authenticator.CloneWarning}, nil
		}
	}
	return usedPasskey{}, badPasskey(errors.New("the passkey is not the account's"))
}

// usePasskey moves a passkey's counter on.
func (*People) usePasskey(tx *db.Tx, u usedPasskey) error {
	moved, err := tx.ExecOne(`UPDATE passkeys SET sign_count = $3, last_used_at = $4 WHERE id = $1 AND sign_count = $2 AND cloned_at IS NULL`,
		u.id, int64(u.before), int64(u.after), db.At(tx.Now))
	if err != nil {
		return fmt.Errorf("use a passkey: %w", err)
	}
	if !moved {
		return badPasskey(errors.New("the passkey was removed or used at the same moment"))
	}
	return nil
}

// checkClone refuses a passkey whose counter went back: there may be a copy of it. It
// proves nothing from then on, and its owner is told.
func (p *People) checkClone(ctx context.Context, accountID string, u usedPasskey) error {
	if !u.cloned {
		return nil
	}
	v := p.VisitorOf(ctx)
	err := p.db.Write(ctx, func(tx *db.Tx) error {
		var name string
		err := tx.QueryRow(`UPDATE passkeys SET cloned_at = $2 WHERE id = $1 AND cloned_at IS NULL RETURNING name`, u.id, db.At(tx.Now)).Scan(&name)
		if errors.Is(err, db.ErrNoRows) { // found out at this moment, or removed
			return nil
		}
		if err != nil {
			return fmt.Errorf("mark a passkey: %w", err)
		}
		who, err := readPerson(tx, accountID)
		if err != nil {
			return err
		}
		data := v.facts(tx.Now)
		data[mailChange] = ChangePasskeyCloned
		if err := p.mail(tx, who, MailSecondFactor, data); err != nil {
			return err
		}
		return p.record(tx, accountID, "account."+ChangePasskeyCloned, name)
	})
	return errors.Join(err, badPasskey(errors.New("the passkey's counter went back: there may be a copy of it")))
}

// SignInOptions returns, as JSON, what the browser needs to sign in with a passkey
// alone.
func (p *People) SignInOptions(ctx context.Context) ([]byte, error) {
	if v := visitOf(ctx); v.key == "" { // it makes a session
		if err := p.takeNow(ctx, lines("visit", v.visitor.Address, visitLimit, visitWindow)); err != nil {
			return nil, err
		}
	}
	options, data, err := p.webauthn.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	return p.keep(ctx, forSignIn, data, options)
}

// SignInWithPasskey signs in by a passkey that has verified its user, which is two
// factors in one.
func (p *People) SignInWithPasskey(ctx context.Context, response []byte) error {
	v := visitOf(ctx)
	buckets := lines("from", v.visitor.Address, lineLimit, passwordWindow)
	if err := p.takeNow(ctx, buckets); err != nil {
		return err
	}
	data, err := p.kept(ctx, forSignIn)
	if err != nil {
		return err
	}
	parsed, err := parseAssertion(response)
	if err != nil {
		return err
	}
	var o *owner
	key, err := p.webauthn.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
		if !id.Valid(id.Account, string(handle)) {
			return nil, errors.New("the user handle is no account")
		}
		o, err = p.prover(ctx, string(handle))
		return o, err
	}, data, parsed)
	if err != nil {
		return badPasskey(err)
	}
	used, err := o.used(key)
	if err != nil {
		return err
	}
	if err := p.checkClone(ctx, o.accountID, used); err != nil {
		return err
	}
	c, err := p.candidate(ctx, v.visitor, "a.id = $1", o.accountID)
	if err != nil {
		return err
	}
	if c.state != account.Active {
		return p.stopped(ctx, c, ByPasskey)
	}
	return p.complete(ctx, c, func(tx *db.Tx) (Method, error) {
		if err := p.usePasskey(tx, used); err != nil {
			return "", err
		}
		return ByPasskey, giveBack(tx, buckets)
	})
}

package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/plain"
)

const (
	maxPasskeys    = 20
	maxPasskeyName = 64
	maxResponse    = 64 << 10
	challengeFor   = 5 * time.Minute
	challengeValue = "challenge"

	// What a challenge is for: it is good for nothing else.
	forRegistration = "register"
	forSecond       = "second"
	forProof        = "proof"
	forSignIn       = "sign_in"
)

// Passkey is a key that an account's owner carries.
type Passkey struct {
	ID         string
	Name       string
	CreatedAt  time.Time
	LastUsedAt time.Time // zero: never
	ClonedAt   time.Time // zero: never; its counter went back, so a copy may be in use, and it proves nothing any more
}

// owner is an account as the webauthn library sees it.
type owner struct {
	accountID string
	email     string
	keys      []webauthn.Credential
	ids       []string // of the rows
}

// WebAuthnID implements webauthn.User.
func (o *owner) WebAuthnID() []byte { return []byte(o.accountID) }

// WebAuthnName implements webauthn.User.
func (o *owner) WebAuthnName() string { return o.email }

// WebAuthnDisplayName implements webauthn.User.
func (o *owner) WebAuthnDisplayName() string { return o.email }

// WebAuthnCredentials implements webauthn.User.
func (o *owner) WebAuthnCredentials() []webauthn.Credential { return o.keys }

// owner reads an account with its passkeys.
func (p *People) owner(ctx context.Context, accountID string) (*owner, error) {
	return p.ownerOf(ctx, accountID, "")
}

// prover is owner with the passkeys that prove something.
func (p *People) prover(ctx context.Context, accountID string) (*owner, error) {
	return p.ownerOf(ctx, accountID, " AND cloned_at IS NULL")
}

func (p *People) ownerOf(ctx context.Context, accountID, which string) (o *owner, err error) {
	err = p.db.Read(ctx, func(tx *db.Tx) error {
		o = &owner{accountID: accountID}
		if err := tx.QueryRow(`SELECT email FROM accounts WHERE id = $1`, accountID).Scan(&o.email); err != nil {
			return err
		}
		return tx.Each(func(s db.Scanner) error {
			var rowID, text string
			var count uint32
			var key webauthn.Credential
			if err := s.Scan(&rowID, &text, &count); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(text), &key); err != nil {
				return fmt.Errorf("read a passkey: %w", err)
			}
			key.Authenticator.SignCount = count
			o.ids, o.keys = append(o.ids, rowID), append(o.keys, key)
			return nil
		}, `SELECT id, credential, sign_count FROM passkeys WHERE account_id = $1`+which+` ORDER BY id`, accountID)
	})
	if err != nil {
		return nil, fmt.Errorf("read the passkeys of %s: %w", accountID, err)
	}
	return o, nil
}

// kept is a challenge in the session.
type kept struct {
	For   string               `json:"for"`
	Until time.Time            `json:"until"`
	Data  webauthn.SessionData `json:"data"`
}

// keep puts a challenge into the session, in the place of an older one, and
// returns the options for the browser.
func (p *People) keep(ctx context.Context, purpose string, data *webauthn.SessionData, options any) ([]byte, error) {
	k := kept{For: purpose, Data: *data}
	err := p.db.Read(ctx, func(tx *db.Tx) error {
		k.Until = tx.Now.Add(challengeFor)
		return nil
	})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(k)
	if err == nil {
		p.scs.Put(ctx, challengeValue, string(text))
		text, err = json.Marshal(options)
	}
	if err != nil {
		return nil, fmt.Errorf("keep a challenge: %w", err)
	}
	return text, nil
}

// kept takes the challenge out of the session. The bucket sees to it that of many
// requests at once one has it.
func (p *People) kept(ctx context.Context, purpose string) (webauthn.SessionData, error) {
	text := p.scs.PopString(ctx, challengeValue)
	var k kept
	if text == "" {
		return k.Data, badPasskey(errors.New("there is no challenge"))
	}
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		return k.Data, fmt.Errorf("read a challenge: %w", err)
	}
	err := p.db.Write(ctx, func(tx *db.Tx) error {
		if k.For != purpose || !tx.Now.Before(k.Until) {
			return badPasskey(errors.New("the challenge is old or for something else"))
		}
		_, err := take(tx, []bucket{p.hidden("challenge", k.Data.Challenge, 1, challengeWindow)})
		if because(err, Throttled) {
			return badPasskey(errors.New("the challenge was used"))
		}
		return err
	})
	return k.Data, err
}

// AddPasskeyOptions returns, as JSON, what the browser needs to make a passkey. It
// needs a fresh proof.
func (p *People) AddPasskeyOptions(ctx context.Context) ([]byte, error) {
	v, err := p.fresh(ctx)
	if err != nil {
		return nil, err
	}
	o, err := p.owner(ctx, v.person.AccountID)
	if err != nil {
		return nil, err
	}
	options, data, err := p.webauthn.BeginRegistration(o, p.named,
		webauthn.WithExclusions(webauthn.Credentials(o.keys).CredentialDescriptors()),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationPreferred,
		}))
	if err != nil {
		return nil, fmt.Errorf("begin a passkey: %w", err)
	}
	return p.keep(ctx, forRegistration, data, options)
}

// named calls the panel what it is called now, in what the browser asks its owner.
func (p *People) named(o *protocol.PublicKeyCredentialCreationOptions) error {
	o.RelyingParty.Name = p.options.Name()
	return nil
}

// AddPasskey takes what the browser made. Where it is the account's first second
// factor it returns recovery codes, which can't be shown again.
func (p *People) AddPasskey(ctx context.Context, name string, response []byte) (recovery []string, err error) {
	v, err := p.fresh(ctx)
	if err != nil {
		return nil, err
	}
	if name, err = passkeyName(name); err != nil {
		return nil, err
	}
	data, err := p.kept(ctx, forRegistration)
	if err != nil {
		return nil, err
	}
	o, err := p.owner(ctx, v.person.AccountID)
	if err != nil {
		return nil, err
	}
	if len(response) > maxResponse {
		return nil, badPasskey(errors.New("the answer is too long"))
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return nil, badPasskey(err)
	}
	key, err := p.webauthn.CreateCredential(o, data, parsed)
	if err != nil {
		return nil, badPasskey(err)
	}
	text, err := json.Marshal(key)
	if err != nil {
		return nil, fmt.Errorf("keep a passkey: %w", err)
	}
	set := newRecoveryCodes()
	err = p.writeFresh(ctx, v, func(tx *db.Tx) error {
		if err := p.insertPasskey(tx, v.person.AccountID, name, key, string(text)); err != nil {
			return err
		}
		if recovery, err = p.firstRecoveryCodes(tx, v.person.AccountID, set); err != nil {
			return err
		}
		if err := distrustOthers(tx, v); err != nil {
			return err
		}
		return p.changedFactor(tx, v, ChangePasskeyAdded, name)
	})
	if db.IsUnique(err) {
		return nil, fault.New(fault.Conflict, "This passkey is in use already").Because(BadPasskey)
	}
	if err != nil {
		return nil, err
	}
	v.person.Passkeys++
	return recovery, nil
}

// insertPasskey stores a passkey. The account is locked.
func (*People) insertPasskey(tx *db.Tx, accountID, name string, key *webauthn.Credential, text string) error {
	var n int64
	err := tx.QueryRow(`SELECT COUNT(*) FROM passkeys WHERE account_id = $1`, accountID).Scan(&n)
	if err != nil {
		return fmt.Errorf("count passkeys: %w", err)
	}
	if n >= maxPasskeys {
		return fault.Newf(fault.Conflict, "An account has at most %d passkeys: remove one first", maxPasskeys)
	}
	_, err = tx.Exec(`
		INSERT INTO passkeys (id, account_id, credential_id, credential, name, sign_count, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id.New(id.Passkey), accountID, base64.RawURLEncoding.EncodeToString(key.ID), text, name, int64(key.Authenticator.SignCount), db.At(tx.Now))
	return err
}

// Passkeys lists the person's, oldest first.
func (p *People) Passkeys(ctx context.Context) (all []Passkey, err error) {
	v, err := p.current(ctx)
	if err != nil {
		return nil, err
	}
	err = p.db.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, func(s db.Scanner) (k Passkey, err error) {
			err = s.Scan(&k.ID, &k.Name, db.Time(&k.CreatedAt), db.Time(&k.LastUsedAt), db.Time(&k.ClonedAt))
			return k, err
		}, `SELECT id, name, created_at, last_used_at, cloned_at FROM passkeys WHERE account_id = $1 ORDER BY id`, v.person.AccountID)
		return err
	})
	return all, err
}

// RenamePasskey gives one of the person's passkeys another name.
func (p *People) RenamePasskey(ctx context.Context, passkeyID, name string) error {
	v, err := p.current(ctx)
	if err != nil {
		return err
	}
	if !id.Valid(id.Passkey, passkeyID) {
		return noPasskey()
	}
	if name, err = passkeyName(name); err != nil {
		return err
	}
	return p.write(ctx, v, func(tx *db.Tx) error {
		renamed, err := tx.ExecOne(`UPDATE passkeys SET name = $3 WHERE id = $1 AND account_id = $2`, passkeyID, v.person.AccountID, name)
		if err == nil && !renamed {
			return noPasskey()
		}
		return err
	})
}

// RemovePasskey takes one of the person's passkeys away, and the recovery codes with
// the last second factor. It needs a fresh proof.
func (p *People) RemovePasskey(ctx context.Context, passkeyID string) error {
	v, err := p.fresh(ctx)
	if err != nil {
		return err
	}
	if !id.Valid(id.Passkey, passkeyID) {
		return noPasskey()
	}
	var clonedAt time.Time
	err = p.writeFresh(ctx, v, func(tx *db.Tx) error {
		var name string
		err := tx.QueryRow(`DELETE FROM passkeys WHERE id = $1 AND account_id = $2 RETURNING name, cloned_at`, passkeyID, v.person.AccountID).
			Scan(&name, db.Time(&clonedAt))
		if errors.Is(err, db.ErrNoRows) {
			return noPasskey()
		}
		if err != nil {
			return fmt.Errorf("remove a passkey: %w", err)
		}
		if err := dropIdleRecoveryCodes(tx, v.person.AccountID); err != nil {
			return err
		}
		return p.changedFactor(tx, v, ChangePasskeyRemoved, name)
	})
	if err != nil {
		return err
	}
	v.person.Passkeys--
	if !clonedAt.IsZero() {
		v.person.Cloned--
	}
	return nil
}

func noPasskey() error { return fault.New(fault.NotFound, "Passkey not found") }

func passkeyName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > maxPasskeyName {
		return "", fault.Newf(fault.Invalid, "The name must have between 1 and %d characters", maxPasskeyName).Because(fault.BadField, "name")
	}
	return name, plain.Line("name", name)
}

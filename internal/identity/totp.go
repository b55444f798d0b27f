package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"image/png"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
)

const (
	totpDigits  = 6
	totpPeriod  = 30 // seconds
	totpSkew    = 1  // steps before and after the present one that count too
	totpTable   = "totp"
	totpColumn  = "secret_sealed"
	recoverySet = 10

	// recoveryLength is the number of characters of a recovery code: 50 random bits.
	recoveryLength   = 10
	recoveryAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"
)

// Enrolment is an authenticator app on its way: the URI is what a QR code holds.
type Enrolment struct {
	Secret string // base32, for typing
	URI    string // otpauth://…
}

// qrPixels is the width of the QR code.
const qrPixels = 240

// QR returns the URI as a QR code, a PNG of 240 pixels.
func (e Enrolment) QR() ([]byte, error) {
	key, err := otp.NewKeyFromURL(e.URI)
	if err != nil {
		return nil, fmt.Errorf("draw a QR code: %w", err)
	}
	picture, err := key.Image(qrPixels, qrPixels)
	if err != nil {
		return nil, fmt.Errorf("draw a QR code: %w", err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return nil, fmt.Errorf("draw a QR code: %w", err)
	}
	return out.Bytes(), nil
}

// enrolmentValue holds, in a session, the secret under way that was made there, sealed as
// it is stored.
const enrolmentValue = "enrolment"

// BeginTOTP makes the secret of an authenticator app. It counts once ConfirmTOTP was
// given a code of it in the same session; until then each call makes a new one. It needs
// a fresh proof.
func (p *People) BeginTOTP(ctx context.Context) (Enrolment, error) {
	v, err := p.fresh(ctx)
	if err != nil {
		return Enrolment{}, err
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: p.options.Name(), AccountName: v.person.Email})
	if err != nil {
		return Enrolment{}, fmt.Errorf("make a TOTP secret: %w", err)
	}
	sealed := p.ring.Seal([]byte(key.Secret()), totpTable, totpColumn, v.person.AccountID)
	err = p.writeFresh(ctx, v, func(tx *db.Tx) error {
		made, err := tx.ExecOne(`
			INSERT INTO totp (account_id, secret_sealed, created_at) VALUES ($1, $2, $3)
			ON CONFLICT (account_id) DO UPDATE SET secret_sealed = $2, created_at = $3 WHERE totp.confirmed_at IS NULL`,
			v.person.AccountID, sealed, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("keep a TOTP secret: %w", err)
		}
		if !made {
			return fault.New(fault.Conflict, "There is an authenticator app already: remove it first")
		}
		return nil
	})
	if err != nil {
		return Enrolment{}, err
	}
	p.scs.Put(ctx, enrolmentValue, sealed)
	return Enrolment{Secret: key.Secret(), URI: key.URL()}, nil
}

// underWay is the secret that waits for its code, where this session made it: another
// one's is known to who sits there.
func (p *People) underWay(ctx context.Context, accountID string) (secret totpSecret, found bool, err error) {
	secret, found, err = p.totpSecret(ctx, accountID, false)
	return secret, found && secret.sealed == p.scs.GetString(ctx, enrolmentValue), err
}

// PendingTOTP returns this session's enrolment that waits for its code, so that a page
// can be shown again. It needs a fresh proof, as it shows the secret.
func (p *People) PendingTOTP(ctx context.Context) (e Enrolment, found bool, err error) {
	v, err := p.fresh(ctx)
	if err != nil {
		return e, false, err
	}
	secret, found, err := p.underWay(ctx, v.person.AccountID)
	if err != nil || !found {
		return e, false, err
	}
	raw, err := base32Secret(secret.plain)
	if err != nil {
		return e, false, err
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: p.options.Name(), AccountName: v.person.Email, Secret: raw})
	if err != nil {
		return e, false, fmt.Errorf("show a TOTP secret: %w", err)
	}
	return Enrolment{Secret: key.Secret(), URI: key.URL()}, true, nil
}

// ConfirmTOTP makes the authenticator app count. Where it is the account's first
// second factor it returns recovery codes, which can't be shown again.
func (p *People) ConfirmTOTP(ctx context.Context, code string) (recovery []string, err error) {
	v, err := p.fresh(ctx)
	if err != nil {
		return nil, err
	}
	codes := p.codeBuckets(v.visitor, v.person.AccountID, false)
	if err := p.takeNow(ctx, codes); err != nil {
		return nil, err
	}
	secret, found, err := p.underWay(ctx, v.person.AccountID)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fault.New(fault.Conflict, "There is no authenticator app to confirm")
	}
	step := secret.matchStep(cleanCode(code))
	if step == 0 {
		return nil, badCode()
	}
	return p.confirmTOTP(ctx, v, secret, step, codes)
}

// confirmTOTP confirms the secret whose code was checked, and no other that was made
// meanwhile. What was right is given back to the buckets.
func (p *People) confirmTOTP(ctx context.Context, v *visit, secret totpSecret, step int64, codes []bucket) (recovery []string, err error) {
	fresh := newRecoveryCodes()
	err = p.writeFresh(ctx, v, func(tx *db.Tx) error {
		recovery = nil
		confirmed, err := tx.ExecOne(`
			UPDATE totp SET confirmed_at = $2, last_step = $3 WHERE account_id = $1 AND confirmed_at IS NULL AND secret_sealed = $4`,
			v.person.AccountID, db.At(tx.Now), step, secret.sealed)
		if err != nil {
			return fmt.Errorf("confirm an authenticator app: %w", err)
		}
		if !confirmed {
			return badCode()
		}
		if recovery, err = p.firstRecoveryCodes(tx, v.person.AccountID, fresh); err != nil {
			return err
		}
		if err := distrustOthers(tx, v); err != nil {
			return err
		}
		if err := giveBack(tx, codes); err != nil {
			return err
		}
		return p.changedFactor(tx, v, ChangeTOTPAdded, "")
	})
	if err != nil {
		return nil, err
	}
	p.scs.Remove(ctx, enrolmentValue)
	v.person.TOTP = true
	return recovery, nil
}

// RemoveTOTP takes the authenticator app away, and the recovery codes with the last
// second factor. It needs a fresh proof.
func (p *People) RemoveTOTP(ctx context.Context) error {
	v, err := p.fresh(ctx)
	if err != nil {
		return err
	}
	err = p.writeFresh(ctx, v, func(tx *db.Tx) error {
		removed, err := tx.ExecOne(`DELETE FROM totp WHERE account_id = $1`, v.person.AccountID)
		if err != nil {
			return fmt.Errorf("remove an authenticator app: %w", err)
		}
		if !removed {
			return fault.New(fault.Conflict, "There is no authenticator app")
		}
		if err := dropIdleRecoveryCodes(tx, v.person.AccountID); err != nil {
			return err
		}
		return p.changedFactor(tx, v, ChangeTOTPRemoved, "")
	})
	if err == nil {
		v.person.TOTP = false
	}
	return err
}

// totpSecret is the secret of an account's authenticator app.
type totpSecret struct {
	plain  string // base32
	sealed string // as it is stored
	now    time.Time
}

// totpSecret reads an account's secret, with the database's time.
func (p *People) totpSecret(ctx context.Context, accountID string, confirmed bool) (secret totpSecret, found bool, err error) {
	err = p.db.Read(ctx, func(tx *db.Tx) error {
		secret.now = tx.Now
		return tx.QueryRow(`SELECT secret_sealed FROM totp WHERE account_id = $1 AND (confirmed_at IS NOT NULL) = $2`,
			accountID, confirmed).Scan(&secret.sealed)
	})
	if errors.Is(err, db.ErrNoRows) {
		return secret, false, nil
	}
	if err != nil {
		return secret, false, fmt.Errorf("read a TOTP secret: %w", err)
	}
	plain, err := p.ring.Open(secret.sealed, totpTable, totpColumn, accountID)
	secret.plain = string(plain)
	return secret, err == nil, err
}

// matchStep returns the step whose code it is, or 0.
func (s totpSecret) matchStep(code string) int64 {
	present := s.now.Unix() / totpPeriod
	found := int64(0)
	for step := present - totpSkew; step <= present+totpSkew; step++ {
		want, err := hotp.GenerateCode(s.plain, uint64(max(0, step)))
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = step
		}
	}
	return found
}

// guess is a code that came in, read both ways.
type guess struct {
	step     int64    // of the authenticator app, 0: of none
	recovery []string // hashes under which it may be stored as a recovery code
}

func cleanCode(code string) string {
	return strings.NewReplacer(" ", "", "-", "", "\t", "", "\u00a0", "").Replace(strings.ToLower(code))
}

func (p *People) readCode(ctx context.Context, accountID, code string) (g guess, err error) {
	code = cleanCode(code)
	if len(code) != totpDigits {
		g.recovery = p.ring.TokenHashes(recoveryName(accountID, code))
		return g, nil
	}
	secret, found, err := p.totpSecret(ctx, accountID, true)
	if found {
		g.step = secret.matchStep(code)
	}
	return g, err
}

// spendCode ends a code: the step of the app counts once, a recovery code is gone.
// Of many who spend one at once one succeeds.
func (p *People) spendCode(tx *db.Tx, c candidate, g guess, v Visitor) (Method, error) {
	if g.step > 0 {
		spent, err := tx.ExecOne(`UPDATE totp SET last_step = $2 WHERE account_id = $1 AND confirmed_at IS NOT NULL AND last_step < $2`, c.id, g.step)
		if err != nil {
			return "", fmt.Errorf("spend a code: %w", err)
		}
		if !spent {
			return "", badCode()
		}
		return ByTOTP, nil
	}
	if len(g.recovery) == 0 {
		return "", badCode()
	}
	spent, err := tx.ExecOne(`DELETE FROM recovery_codes WHERE account_id = $1 AND hash = ANY($2)`, c.id, g.recovery)
	if err != nil {
		return "", fmt.Errorf("spend a recovery code: %w", err)
	}
	if !spent {
		return "", badCode()
	}
	who, err := readPerson(tx, c.id)
	if err != nil {
		return "", err
	}
	data := v.facts(tx.Now)
	data[mailLeft] = strconv.FormatInt(who.Recovery, 10)
	return ByRecovery, p.mail(tx, who, MailRecoveryCode, data)
}

// newRecoveryCodes makes a set, in the form in which it is shown.
func newRecoveryCodes() []string {
	set := make([]string, recoverySet)
	for i := range set {
		raw := make([]byte, recoveryLength)
		_, _ = rand.Read(raw) // never fails: the runtime stops the program instead
		var code strings.Builder
		for n, b := range raw {
			if n == recoveryLength/2 {
				code.WriteByte('-')
			}
			code.WriteByte(recoveryAlphabet[int(b)%len(recoveryAlphabet)])
		}
		set[i] = code.String()
	}
	return set
}

// recoveryName is what is hashed of a recovery code: letters that are read as
// figures are taken for them.
func recoveryName(accountID, code string) string {
	code = strings.NewReplacer("i", "1", "l", "1", "o", "0").Replace(cleanCode(code))
	return "recovery:" + accountID + ":" + code
}

// firstRecoveryCodes stores a set for an account that has none and returns it.
func (p *People) firstRecoveryCodes(tx *db.Tx, accountID string, set []string) ([]string, error) {
	var n int64
	if err := tx.QueryRow(`SELECT COUNT(*) FROM recovery_codes WHERE account_id = $1`, accountID).Scan(&n); err != nil {
		return nil, fmt.Errorf("count recovery codes: %w", err)
	}
	if n > 0 {
		return nil, nil
	}
	return set, p.storeRecoveryCodes(tx, accountID, set)
}

func (p *People) storeRecoveryCodes(tx *db.Tx, accountID string, set []string) error {
	rows := make([][]any, len(set))
	for i, code := range set {
		rows[i] = []any{accountID, p.ring.HashToken(recoveryName(accountID, code)), db.At(tx.Now)}
	}
	err := tx.ExecMany(`INSERT INTO recovery_codes (account_id, hash, created_at) VALUES ($1, $2, $3)`, rows)
	if err != nil {
		return fmt.Errorf("store recovery codes: %w", err)
	}
	return nil
}

// dropIdleRecoveryCodes takes them away from an account without second factor.
func dropIdleRecoveryCodes(tx *db.Tx, accountID string) error {
	_, err := tx.Exec(`
		DELETE FROM recovery_codes WHERE account_id = $1
			AND NOT EXISTS (SELECT 1 FROM totp f WHERE f.account_id = $1 AND f.confirmed_at IS NOT NULL)
			AND NOT EXISTS (SELECT 1 FROM passkeys f WHERE f.account_id = $1)`, accountID)
	if err != nil {
		return fmt.Errorf("drop recovery codes: %w", err)
	}
	return nil
}

// RegenerateRecoveryCodes makes a new set, which can't be shown again; the old one
// ends. It needs a fresh proof and a second factor.
func (p *People) RegenerateRecoveryCodes(ctx context.Context) ([]string, error) {
	v, err := p.fresh(ctx)
	if err != nil {
		return nil, err
	}
	set := newRecoveryCodes()
	err = p.writeFresh(ctx, v, func(tx *db.Tx) error {
		if _, err := tx.Exec(`DELETE FROM recovery_codes WHERE account_id = $1`, v.person.AccountID); err != nil {
			return fmt.Errorf("regenerate recovery codes: %w", err)
		}
		who, err := readPerson(tx, v.person.AccountID)
		if err != nil {
			return err
		}
		if !who.HasSecondFactor() {
			return fault.New(fault.Conflict, "Recovery codes come with a second factor")
		}
		if err := p.storeRecoveryCodes(tx, v.person.AccountID, set); err != nil {
			return err
		}
		return p.changedFactor(tx, v, ChangeRecoveryCodes, "")
	})
	if err != nil {
		return nil, err
	}
	return set, nil
}

package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
)

// maxEmailSent bounds what is looked up as an e-mail address, in bytes.
const maxEmailSent = 254

// candidate is an account that somebody wants to sign in to, as a read saw it.
type candidate struct {
	id      string // "": nobody has the address
	email   string
	hash    string // of the password
	state   account.State
	version int64

	language string // in which they are mailed
	verified bool   // the address is theirs
	second   bool   // has a second factor
	known    bool   // was signed in from this device before
}

// countFactors is how many second factors the account a has.
const countFactors = `(SELECT COUNT(*) FROM totp f WHERE f.account_id = a.id AND f.confirmed_at IS NOT NULL)
	+ (SELECT COUNT(*) FROM passkeys f WHERE f.account_id = a.id)`

func (p *People) candidate(ctx context.Context, v Visitor, where string, arg any) (c candidate, err error) {
	err = p.db.Read(ctx, func(tx *db.Tx) error {
		c = candidate{}
		var factors int64
		var verifiedAt time.Time
		err := tx.QueryRow(`
			SELECT a.id, a.email, a.password_hash, `+account.StateColumn+`, a.sign_in_version, a.language, a.email_verified_at, `+countFactors+`
			FROM accounts a WHERE `+where, arg).
			Scan(&c.id, &c.email, &c.hash, &c.state, &c.version, &c.language, db.Time(&verifiedAt), &factors)
		if err != nil && !errors.Is(err, db.ErrNoRows) {
			return fmt.Errorf("look for an account: %w", err)
		}
		// Who is unknown is asked for as much as who is known, so that both take the same
		// time.
		c.verified, c.second = !verifiedAt.IsZero(), factors > 0
		c.known, err = isKnown(tx, c.id, v.device)
		return err
	})
	return c, err
}

// SignIn takes the first step: the e-mail address and the password. It reports
// whether a second factor is still needed; Pending then has it. All that is wrong
// with address or password has one answer and takes one time, and so has an address
// that is not verified: who has just signed up with one would learn from another
// answer whether it was free. With the right password its link is mailed again.
func (p *People) SignIn(ctx context.Context, email, password string) (secondFactor bool, err error) {
	v := visitOf(ctx)
	email = strings.ToLower(strings.TrimSpace(email))
	email = strings.ToValidUTF8(strings.ReplaceAll(email[:min(len(email), maxEmailSent)], "\x00", ""), "")
	c, err := p.candidate(ctx, v.visitor, "a.email = $1", email)
	if err != nil {
		return false, err
	}
	if c.id == "" {
		c.email, c.hash = email, p.dummy
	}
	buckets := p.passwordBuckets(v.visitor, c.email, c.known)
	if err := p.tryPassword(ctx, c, password, buckets, nil); err != nil {
		if !errors.Is(err, errWrong) {
			return false, err
		}
		if err := p.verifyAgain(ctx, c, buckets, errors.Is(err, errUnverified)); err != nil {
			return false, err
		}
		return false, badCredentials()
	}
	if c.state != account.Active {
		return false, p.stopped(ctx, c, ByPassword)
	}
	if c.second {
		return true, p.suspend(ctx, c, buckets)
	}
	return false, p.complete(ctx, c, func(tx *db.Tx) (Method, error) { return ByPassword, giveBack(tx, buckets) })
}

// errWrong says that a password is not the account's, errUnverified that it is, and
// of no use before the address is verified.
var (
	errWrong      = errors.New("wrong password")
	errUnverified = fmt.Errorf("%w: the address is not verified", errWrong)
)

// tryPassword counts an attempt and compares. A wrong one is noted; of a right one
// the caller gives the attempt back. The attempt is counted in codes too, for a code
// that comes with the password; where the password is wrong that one was no attempt.
func (p *People) tryPassword(ctx context.Context, c candidate, password string, buckets, codes []bucket) error {
	all := slices.Concat(buckets, codes)
	if err := p.takeNow(ctx, all); err != nil {
		return err
	}
	same, err := p.gate.same(ctx, p.VisitorOf(ctx).Address, password, c.hash)
	if err != nil {
		return p.untried(ctx, all, err)
	}
	same = same && c.id != ""
	if same && c.verified {
		return nil
	}
	err = p.db.Write(ctx, func(tx *db.Tx) error {
		if c.id != "" {
			return errors.Join(note(tx, c.id, p.VisitorOf(ctx), ByPassword, OutcomeWrong), giveBack(tx, codes))
		}
		// A write for who is unknown too, so that both take the same time.
		_, err := tx.Exec(`UPDATE attempts SET used = used WHERE bucket = $1`, buckets[len(buckets)-1].name)
		return err
	})
	if err != nil {
		return fmt.Errorf("note a wrong password: %w", err)
	}
	if same {
		return errUnverified
	}
	return errWrong
}

// complete ends a sign-in that was right and begins a session. last spends the last
// proof in the transaction that notes the sign-in, and says by what it was.
func (p *People) complete(ctx context.Context, c candidate, last func(*db.Tx) (Method, error)) error {
	v := visitOf(ctx)
	visitor, cookie, fresh := v.visitor, "", newToken()
	err := p.db.Write(ctx, func(tx *db.Tx) error {
		if err := stillOpen(tx, c); err != nil {
			return err
		}
		var err error
		if visitor, cookie, err = p.withDevice(tx, v.visitor, fresh); err != nil {
			return err
		}
		method, err := last(tx)
		if err != nil {
			return err
		}
		strange, err := meet(tx, c.id, visitor.device)
		if err != nil {
			return err
		}
		if err := note(tx, c.id, visitor, method, OK); err != nil || !strange {
			return err
		}
		return p.tellOfDevice(tx, c.id, visitor)
	})
	if err != nil {
		return err
	}
	if cookie != "" {
		giveDevice(v.w, cookie)
	}
	v.visitor = visitor
	return p.begin(ctx, c.id, c.version)
}

// tellOfDevice mails an account's owner that it was signed in from a new browser. Who
// does so over and over is told of in the history alone.
func (p *People) tellOfDevice(tx *db.Tx, accountID string, v Visitor) error {
	_, err := take(tx, []bucket{{"notice:" + accountID, noticeLimit, noticeWindow}})
	if because(err, Throttled) {
		return nil
	}
	if err != nil {
		return err
	}
	who, err := readPerson(tx, accountID)
	if err != nil {
		return err
	}
	return p.mail(tx, who, MailNewDevice, v.facts(tx.Now))
}

// stillOpen locks the account and refuses where it was suspended or signed out since
// c was read, or got its first second factor: then the password is not enough any more.
func stillOpen(tx *db.Tx, c candidate) error {
	var state account.State
	var version, factors int64
	err := tx.QueryRow(`SELECT state, sign_in_version FROM accounts WHERE id = $1 FOR NO KEY UPDATE`, c.id).Scan(&state, &version)
	if err == nil { // by itself: what the lock waited for is seen only now
		err = tx.QueryRow(`SELECT `+countFactors+` FROM accounts a WHERE a.id = $1`, c.id).Scan(&factors)
	}
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	if state != account.Active || version != c.version || (factors > 0 && !c.second) {
		return signInAgain()
	}
	return nil
}

// stopped answers who is suspended, or has closed the account, and knows the password.
// The attempt stays counted.
func (p *People) stopped(ctx context.Context, c candidate, method Method) error {
	err := p.db.Write(ctx, func(tx *db.Tx) error { return note(tx, c.id, p.VisitorOf(ctx), method, OutcomeStopped) })
	if c.state == account.Closed {
		return errors.Join(err, closed())
	}
	return errors.Join(err, suspended())
}

// PendingSignIn is a sign-in whose password was right.
type PendingSignIn struct {
	Email    string
	TOTP     bool
	Passkeys bool // has one that can answer
}

// pending is what a session keeps of it.
type pending struct {
	ID      string    `json:"id"` // names the bucket of its codes
	Account string    `json:"account"`
	Version int64     `json:"version"`
	Until   time.Time `json:"until"`
}

const (
	pendingValue = "pending"
	pendingFor   = 15 * time.Minute
)

// suspend keeps in the session that the password was right.
func (p *People) suspend(ctx context.Context, c candidate, buckets []bucket) error {
	w := pending{ID: newToken(), Account: c.id, Version: c.version}
	err := p.db.Write(ctx, func(tx *db.Tx) error {
		w.Until = tx.Now.Add(pendingFor)
		return giveBack(tx, buckets)
	})
	if err != nil {
		return err
	}
	if err := p.rotate(ctx); err != nil {
		return err
	}
	text, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("keep a sign-in: %w", err)
	}
	p.scs.Put(ctx, pendingValue, string(text))
	return nil
}

// pending returns the sign-in under way.
func (p *People) pending(ctx context.Context) (w pending, c candidate, err error) {
	text := p.scs.GetString(ctx, pendingValue)
	if text == "" {
		return w, c, signInAgain()
	}
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return w, c, fmt.Errorf("read a sign-in: %w", err)
	}
	c, err = p.candidate(ctx, p.VisitorOf(ctx), "a.id = $1", w.Account)
	if err != nil {
		return w, c, err
	}
	if c.state != account.Active || c.version != w.Version {
		p.scs.Remove(ctx, pendingValue)
		return w, c, signInAgain()
	}
	return w, c, nil
}

// Pending returns the sign-in that waits for its second factor.
func (p *People) Pending(ctx context.Context) (one PendingSignIn, found bool, err error) {
	if p.scs.GetString(ctx, pendingValue) == "" {
		return one, false, nil
	}
	w, c, err := p.pending(ctx)
	if because(err, SignInAgain) {
		return one, false, nil
	}
	if err != nil {
		return one, false, err
	}
	err = p.db.Read(ctx, func(tx *db.Tx) error {
		found = tx.Now.Before(w.Until)
		who, err := readPerson(tx, c.id)
		one = PendingSignIn{Email: c.email, TOTP: who.TOTP, Passkeys: who.UsablePasskeys() > 0}
		return err
	})
	return one, found, err
}

// CancelPending forgets the sign-in under way.
func (p *People) CancelPending(ctx context.Context) { p.scs.Remove(ctx, pendingValue) }

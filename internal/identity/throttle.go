package identity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/notpanel/notpanel/internal/db"
)

// How often what may be guessed or asked for. An attempt counts before it is looked
// at, so that many at once don't pass together, and is given back when it was right.
const (
	passwordLimit   = 10 // wrong ones for an e-mail address or from a known device
	lineLimit       = 30 // wrong ones from an address
	passwordWindow  = 15 * time.Minute
	codeLimit       = 10 // wrong ones for an account or from a known device
	codeWindow      = time.Hour
	pendingLimit    = 5 // wrong ones in one sign-in
	mailLimit       = 3 // mails of a kind that were asked for an address
	mailLineLimit   = 10
	mailWindow      = time.Hour
	noticeLimit     = 5 // mails of new browsers to an account
	noticeWindow    = time.Hour
	changeLimit     = 30 // changes of an account's password and second factors
	changeWindow    = time.Hour
	keyLimit        = 60 // proofs for an account's keys, right ones too
	keyWindow       = time.Hour
	visitLimit      = 100 // sessions of nobody from an address
	visitWindow     = 15 * time.Minute
	challengeWindow = 2 * challengeFor

	// IPv6 is handed out by the /64 at least and by the /48 at most. A site has some
	// times the limit of a line.
	lineBits, siteBits = 64, 48
	siteTimes          = 10
)

// bucket is something whose attempts are counted together.
type bucket struct {
	name   string
	limit  int64
	window time.Duration
}

// hidden names a bucket after something that is not to stand in the database.
func (p *People) hidden(kind, value string, limit int64, window time.Duration) bucket {
	return bucket{kind + ":" + p.ring.HashToken(kind+":"+value), limit, window}
}

// lines are the buckets of where a visitor comes from.
func lines(kind string, from netip.Addr, limit int64, window time.Duration) []bucket {
	from = from.Unmap().WithZone("")
	if !from.Is6() {
		return []bucket{{kind + ":" + from.String(), limit, window}}
	}
	line, _ := from.Prefix(lineBits) // the bits are within the address
	site, _ := from.Prefix(siteBits)
	return []bucket{{kind + ":" + line.String(), limit, window}, {kind + ":" + site.String(), limit * siteTimes, window}}
}

// passwordBuckets count guesses of a password. A device from which the account was
// signed in before has a bucket of its own and no other, so that strangers' guesses
// don't lock its owner out, not even from the same address. known is only ever true
// of the account's own devices.
func (p *People) passwordBuckets(v Visitor, email string, known bool) []bucket {
	if known {
		return []bucket{p.hidden("device", email+" "+v.device, passwordLimit, passwordWindow)}
	}
	return append(lines("from", v.Address, lineLimit, passwordWindow), p.emailBucket(email))
}

func (p *People) emailBucket(email string) bucket {
	return p.hidden("email", email, passwordLimit, passwordWindow)
}

// codeBuckets count guesses of a second factor.
func (p *People) codeBuckets(v Visitor, accountID string, known bool) []bucket {
	if known {
		return []bucket{p.hidden("device-code", accountID+" "+v.device, codeLimit, codeWindow)}
	}
	return []bucket{{"code:" + accountID, codeLimit, codeWindow}}
}

// mailBuckets count mails that anybody can ask for. Each template is counted by
// itself: who asks for others uses up nobody's resets.
func (p *People) mailBuckets(v Visitor, template, email string) []bucket {
	return append(lines("mail-from", v.Address, mailLineLimit, mailWindow), p.hidden("mail "+template, email, mailLimit, mailWindow))
}

// changeBuckets count what an account changes and is mailed of.
func changeBuckets(accountID string) []bucket {
	return []bucket{{"change:" + accountID, changeLimit, changeWindow}}
}

// take counts an attempt in all buckets, or in none where one is full. It returns
// what each bucket has used, in the order given.
func take(tx *db.Tx, all []bucket) (used []int64, err error) {
	used = make([]int64, len(all))
	for _, i := range inOrder(all) {
		b := all[i]
		err := tx.QueryRow(`
			INSERT INTO attempts (bucket, used, ends_at) VALUES ($1, 1, $3)
			ON CONFLICT (bucket) DO UPDATE SET
				used = CASE WHEN attempts.ends_at <= $2 THEN 1 ELSE attempts.used + 1 END,
				ends_at = CASE WHEN attempts.ends_at <= $2 THEN $3 ELSE attempts.ends_at END
			WHERE attempts.ends_at <= $2 OR attempts.used < $4
			RETURNING used`, b.name, db.At(tx.Now), db.At(tx.Now.Add(b.window)), b.limit).Scan(&used[i])
		if errors.Is(err, db.ErrNoRows) {
			return nil, refusal(tx, b)
		}
		if err != nil {
			return nil, fmt.Errorf("count an attempt: %w", err)
		}
	}
	return used, nil
}

// inOrder returns the indexes of buckets in the order in which everybody locks them.
func inOrder(all []bucket) []int {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(all[a].name, all[b].name) })
	return order
}

// refusal says how long a bucket is full.
func refusal(tx *db.Tx, b bucket) error {
	var ends time.Time
	err := tx.QueryRow(`SELECT ends_at FROM attempts WHERE bucket = $1`, b.name).Scan(db.Time(&ends))
	if err != nil {
		return fmt.Errorf("count an attempt: %w", err)
	}
	return throttled(ends.Sub(tx.Now))
}

// takeNow is take in a transaction of its own.
func (p *People) takeNow(ctx context.Context, all []bucket) error {
	return p.db.Write(ctx, func(tx *db.Tx) error {
		_, err := take(tx, all)
		return err
	})
}

// giveBack takes an attempt back that was right.
func giveBack(tx *db.Tx, all []bucket) error {
	for _, i := range inOrder(all) {
		_, err := tx.Exec(`UPDATE attempts SET used = used - 1 WHERE bucket = $1 AND used > 0 AND ends_at > $2`, all[i].name, db.At(tx.Now))
		if err != nil {
			return fmt.Errorf("give an attempt back: %w", err)
		}
	}
	return nil
}

// untried gives back what was not looked at, because hashing had no room.
func (p *People) untried(ctx context.Context, all []bucket, cause error) error {
	return errors.Join(cause, p.db.Write(ctx, func(tx *db.Tx) error { return giveBack(tx, all) }))
}

// forget empties a bucket.
func forget(tx *db.Tx, b bucket) error {
	_, err := tx.Exec(`DELETE FROM attempts WHERE bucket = $1`, b.name)
	if err != nil {
		return fmt.Errorf("forget attempts: %w", err)
	}
	return nil
}

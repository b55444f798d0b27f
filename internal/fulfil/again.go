package fulfil

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

const (
	// againMost is how many uncertain orders of a native provider one pass asks about.
	againMost = 20
	// notThereAfter is how long after the last sending *not found* means that a
	// native provider does not have the order: a request may still be on its way.
	notThereAfter = 10 * time.Minute
)

// nextAsk is how long an uncertain order of a native provider waits before it is
// asked for again: longer each time, between 5 s and 5 min.
func nextAsk(u *Submission, now time.Time) time.Duration {
	const shortest, longest = 5 * time.Second, 5 * time.Minute
	return min(max(now.Sub(u.BeganAt)/2, shortest), longest)
}

// Again settles uncertain orders at native providers: such a provider gives the
// same answer to the same request id, so asking again orders nothing twice.
func (f *Forwarder) Again(ctx context.Context) (asked int, err error) {
	providers, err := f.providers.List(ctx)
	if err != nil {
		return 0, fmt.Errorf("list providers: %w", err)
	}
	for _, p := range providers {
		if p.Kind != provider.Native {
			continue
		}
		n, providerErr := f.again(ctx, p)
		if providerErr != nil {
			err = errors.Join(err, fmt.Errorf("ask %s again: %w", p.Name, providerErr))
		}
		asked += n
	}
	return asked, err
}

// dueAgain selects submissions of uncertain orders that are due to be asked for.
const dueAgain = `
	SELECT u.id, o.id FROM submissions u JOIN orders o ON o.id = u.order_id
	WHERE u.provider_id = $1 AND u.outcome = 'unknown' AND u.lease_until <= $2 AND o.state = 'uncertain'
	ORDER BY u.lease_until LIMIT $3`

// waiting is an uncertain order and its open submission.
type waiting struct{ submission, order string }

func (f *Forwarder) again(ctx context.Context, p provider.Provider) (int, error) {
	var due []waiting
	err := f.db.Read(ctx, func(tx *db.Tx) (err error) {
		due, err = db.All(tx, func(s db.Scanner) (w waiting, err error) {
			err = s.Scan(&w.submission, &w.order)
			return w, err
		}, dueAgain, p.ID, db.At(tx.Now), againMost)
		return err
	})
	if err != nil || len(due) == 0 {
		return 0, err
	}
	client, err := f.providers.Client(p, f.guard, f.timeout)
	if err != nil {
		return 0, err
	}
	asked := 0
	for _, w := range due {
		start := f.now()
		c, found, claimErr := f.claimAgain(ctx, p, w)
		if claimErr != nil {
			err = errors.Join(err, claimErr)
			continue
		}
		if !found {
			continue
		}
		asked++
		if c.onlyLook { // nothing is sent there
			f.calls.Go(func() { f.lookUp(context.WithoutCancel(ctx), client, c) })
			continue
		}
		f.start(client, start, []claim{c}) //nolint:contextcheck // a call runs to its end, whatever happens to the pass
	}
	return asked, err
}

// claimAgain takes an uncertain order's submission under a new token and lease:
// what an older call still brings is nobody's then.
func (f *Forwarder) claimAgain(ctx context.Context, p provider.Provider, w waiting) (c claim, found bool, err error) {
	err = f.db.Write(ctx, func(tx *db.Tx) error {
		found = false
		o, err := order.LockAlone(tx, w.order)
		if err != nil || o.State != order.Uncertain {
			return err
		}
		u, open, err := openSubmission(tx, o.ID)
		if err != nil || !open || u.ID != w.submission || u.Outcome != Unknown || u.LeaseUntil.After(tx.Now) {
			return err
		}
		restored, err := isRestored(tx, u)
		if err != nil {
			return err
		}
		u.Token, u.LeaseUntil, u.EndedAt = rand.Text(), tx.Now.Add(f.timeout+leaseMargin), time.Time{}
		onlyLook := restored || !o.CancelWishAt.IsZero() || p.State == provider.Paused
		if !onlyLook {
			u.LastSentAt = tx.Now
		}
		c, found = claim{provider: p, order: o, submission: u, again: true, onlyLook: onlyLook, restored: restored}, true
		return u.save(tx)
	})
	return c, found, err
}

// isRestored reports whether a submission comes from a restored copy. After the copy
// was made the order may have been refused and sent anew under another request id, so
// the one that is on record is looked up and not sent again.
func isRestored(tx *db.Tx, u *Submission) (is bool, err error) {
	err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM order_timeline WHERE order_id = $1 AND to_state = 'uncertain' AND reason = $2 AND at >= $3)`,
		u.OrderID, restoredReason, db.At(u.BeganAt)).Scan(&is)
	if err != nil {
		return false, fmt.Errorf("look whether %s is restored: %w", u.OrderID, err)
	}
	return is, nil
}

// lookUp asks a native provider only whether it has the order: the customer wishes
// it away, it comes from a restored copy, or nothing is sent there. Not found counts when no request can be on its way any more.
func (f *Forwarder) lookUp(ctx context.Context, client *provider.Client, c claim) {
	upstreamID, there, err := client.OrderByRequestID(ctx, c.submission.requestID())
	err = errors.Join(err, f.db.Write(ctx, func(tx *db.Tx) error {
		o, book, lockErr := order.Lock(tx, c.order.ID)
		if lockErr != nil || o.State != order.Uncertain {
			return lockErr
		}
		u, lockErr := lockSubmission(tx, c.submission.ID, c.submission.Token)
		if errors.Is(lockErr, db.ErrNoRows) {
			return nil // somebody else holds the submission now
		}
		if lockErr != nil {
			return lockErr
		}
		u.EndedAt, u.LeaseUntil = tx.Now, tx.Now.Add(nextAsk(u, tx.Now))
		r := &recording{tx: tx, book: book, order: o, submission: u, provider: c.provider, repeated: true}
		switch {
		case err == nil && there:
			r.answer, u.UpstreamID = provider.Answer{Outcome: provider.Accepted, UpstreamID: upstreamID}, upstreamID
			return r.accepted()
		case err == nil && !c.restored && !o.CancelWishAt.IsZero() && tx.Now.Sub(u.LastSentAt) > max(notThereAfter, f.timeout+leaseMargin):
			if err := r.close(NotAccepted); err != nil {
				return err
			}
			o.Generation++
			return r.move(order.Pending, c.provider.Name+" does not have it")
		}
		return u.save(tx)
	}))
	if err != nil {
		f.log.LogAttrs(ctx, slog.LevelWarn, "order not looked up", slog.String("order", c.order.ID), slog.Any("error", err))
	}
}

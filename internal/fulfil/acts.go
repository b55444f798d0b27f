package fulfil

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// actsMost is how many cancels or refills of a provider one pass takes.
	actsMost = 100
	// actTriesMost is how often a wish is told to a provider that gives no answer
	// of use before a person is asked.
	actTriesMost = 8
	// refillCheck is how long after it was asked for a refill is asked about.
	refillCheck = 30 * time.Second
)

// Actor tells providers what customers wish of orders that they have: cancels and
// refills, and asks what became of the refills.
type Actor struct {
	db        *db.DB
	providers *provider.Store
	guard     *outbound.Guard
	timeout   time.Duration
	log       *slog.Logger
}

// NewActor returns an actor that does nothing until its loops run.
func NewActor(o Options) *Actor {
	return &Actor{db: o.DB, providers: o.Providers, guard: o.Guard, timeout: o.Timeout, log: o.Log}
}

// Run starts the loops in g and returns what wakes them.
func (a *Actor) Run(g *worker.Group) (wake func()) {
	cancels := g.Go(worker.Loop{Name: "cancel", Every: 2 * time.Second, Pass: a.Cancels})
	refills := g.Go(worker.Loop{Name: "refill", Every: 2 * time.Second, Pass: a.Refills})
	return func() {
		cancels()
		refills()
	}
}

// each runs pass for every provider that has an API; one that fails holds up no other.
func (a *Actor) each(ctx context.Context, pass func(context.Context, provider.Provider, *provider.Client) (int, error)) (done int, err error) {
	providers, err := a.providers.List(ctx)
	if err != nil {
		return 0, fmt.Errorf("list providers: %w", err)
	}
	for _, p := range providers {
		if p.Kind == provider.Manual {
			continue
		}
		client, passErr := a.providers.Client(p, a.guard, a.timeout)
		n := 0
		if passErr == nil {
			n, passErr = pass(ctx, p, client)
		}
		if passErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", p.Name, passErr))
		}
		done += n
	}
	return done, err
}

// lease is how long a claimed wish belongs to its node.
func (a *Actor) lease() time.Duration { return a.timeout + leaseMargin }

// Cancels tells providers which of their orders customers want canceled. A provider
// may be told twice: what is canceled twice is canceled.
func (a *Actor) Cancels(ctx context.Context) (told int, err error) {
	return a.each(ctx, func(ctx context.Context, p provider.Provider, client *provider.Client) (int, error) {
		due, err := a.claimCancels(ctx, p.ID)
		if err != nil || len(due) == 0 {
			return 0, err
		}
		ids := make([]string, len(due))
		for i, o := range due {
			ids[i] = o.UpstreamID
		}
		results, callErr := client.Cancel(ctx, ids)
		for _, o := range due {
			result, said := results[o.UpstreamID]
			err = errors.Join(err, a.db.Write(ctx, func(tx *db.Tx) error { return canceled(tx, o.ID, p.Name, result, said) }))
		}
		if callErr != nil {
			a.log.LogAttrs(ctx, slog.LevelWarn, "cancel not answered", slog.String("provider", p.Name), slog.Any("error", callErr))
		}
		return len(due), err
	})
}

// claimCancels takes the wishes of which a provider has to be told.
func (a *Actor) claimCancels(ctx context.Context, providerID string) (due []*order.Order, err error) {
	any := false
	err = a.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM orders WHERE provider_id = $1 AND cancel_due_at <= $2)`,
			providerID, db.At(tx.Now)).Scan(&any)
	})
	if err != nil || !any {
		return nil, err
	}
	err = a.db.Write(ctx, func(tx *db.Tx) error {
		due, err = order.ClaimCancels(tx, providerID, actsMost, a.lease())
		return err
	})
	return due, err
}

// canceled stores what a provider said to the wish to cancel an order.
func canceled(tx *db.Tx, orderID, providerName string, result provider.CancelResult, said bool) error {
	o, err := order.LockAlone(tx, orderID)
	if err != nil || o.CancelState != order.CancelWished || o.State.Final() {
		return err
	}
	switch {
	case said && result.Accepted:
		o.CancelState, o.CancelDueAt = order.CancelForwarded, time.Time{}
		o.NextCheckAt = tx.Now // its status says what became of it
		return order.Note(tx, o, "provider", providerName+" takes the cancel")
	case said:
		return order.EndWish(tx, o, "provider", providerName+" refused: "+cut(result.Text))
	}
	o.CancelTries++
	if o.CancelTries >= actTriesMost {
		o.CancelDueAt = time.Time{}
		return order.Raise(tx, o, "panel", reported+"it answers nothing of use to the wish to cancel")
	}
	o.CancelDueAt = tx.Now.Add(backoff(o.CancelTries))
	return order.Save(tx, o, o.State)
}

// Refills asks providers for the refills that customers wished, and about those
// that they have.
func (a *Actor) Refills(ctx context.Context) (told int, err error) {
	return a.each(ctx, func(ctx context.Context, p provider.Provider, client *provider.Client) (int, error) {
		var wished, running []*order.Refill
		any := false
		err := a.db.Read(ctx, func(tx *db.Tx) error {
			return tx.QueryRow(`
				SELECT EXISTS (SELECT 1 FROM refills WHERE provider_id = $1 AND due_at <= $2)
					OR EXISTS (SELECT 1 FROM refills WHERE provider_id = $1 AND next_check_at <= $2)`, p.ID, db.At(tx.Now)).Scan(&any)
		})
		if err != nil || !any {
			return 0, err
		}
		err = a.db.Write(ctx, func(tx *db.Tx) error {
			if wished, err = order.ClaimRefills(tx, p.ID, actsMost, a.lease()); err != nil {
				return err
			}
			running, err = order.ClaimRefillChecks(tx, p.ID, actsMost, a.lease())
			return err
		})
		if err != nil {
			return 0, err
		}
		for _, r := range wished {
			err = errors.Join(err, a.refill(ctx, p, client, r))
		}
		err = errors.Join(err, a.askRefills(ctx, p, client, running))
		return len(wished) + len(running), err
	})
}

// refill asks for one refill and stores what was said. A call without an answer
// is not repeated: a second refill would be another's loss, so a person looks.
func (a *Actor) refill(ctx context.Context, p provider.Provider, client *provider.Client, r *order.Refill) error {
	var upstreamID string
	err := a.db.Write(ctx, func(tx *db.Tx) error {
		o, locked, err := order.LockRefill(tx, r.ID)
		if err != nil {
			return err
		}
		upstreamID = ""
		if locked.State != order.RefillPending {
			return nil
		}
		if locked.EverUnknown { // the panel stopped before the answer was stored
			return refillUnknown(tx, o, locked, "the panel stopped while it was being asked for")
		}
		upstreamID = o.UpstreamID
		locked.EverUnknown = true // until the answer is stored
		return order.SaveRefill(tx, locked)
	})
	if err != nil || upstreamID == "" {
		return err
	}
	answer := client.Refill(ctx, upstreamID)
	return a.db.Write(context.WithoutCancel(ctx), func(tx *db.Tx) error { return refilled(tx, r.ID, p.Name, answer) })
}

// refilled stores what a provider said to the wish for a refill.
func refilled(tx *db.Tx, refillID, providerName string, answer provider.Answer) error {
	o, r, err := order.LockRefill(tx, refillID)
	if err != nil || r.State != order.RefillPending {
		return err
	}
	switch answer.Outcome {
	case provider.Accepted:
		r.UpstreamID, r.EverUnknown = answer.UpstreamID, false
		r.NextCheckAt = tx.Now.Add(refillCheck)
		if r.UpstreamID == "" {
			r.NextCheckAt = time.Time{} // it gave no number to ask about
		}
		return order.MoveRefill(tx, o, r, order.RefillInProgress, providerName+" takes it "+answer.UpstreamID)
	case provider.Refused:
		if answer.Class != provider.TryLater && answer.Class != provider.SourcePaused {
			r.EverUnknown, r.Reason = false, "the provider refused it"
			return order.MoveRefill(tx, o, r, order.RefillRejected, providerName+" refused: "+cut(answer.Text))
		}
	case provider.NotSent:
	case provider.Unknown:
		return refillUnknown(tx, o, r, answer.Text)
	}
	r.Tries++
	r.EverUnknown, r.DueAt = false, tx.Now.Add(backoff(r.Tries))
	if r.Tries < actTriesMost {
		return order.SaveRefill(tx, r)
	}
	r.Reason = "the provider can't be asked"
	return order.MoveRefill(tx, o, r, order.RefillRejected, cut(answer.Text))
}

// refillUnknown leaves a refill to a person.
func refillUnknown(tx *db.Tx, o *order.Order, r *order.Refill, why string) error {
	r.DueAt, r.EverUnknown = time.Time{}, true
	if err := order.SaveRefill(tx, r); err != nil {
		return err
	}
	return order.Raise(tx, o, "panel", reported+"nobody knows whether it took refill "+r.ID+": "+cut(why))
}

// askRefills asks about the refills that a provider has.
func (a *Actor) askRefills(ctx context.Context, p provider.Provider, client *provider.Client, running []*order.Refill) error {
	if len(running) == 0 {
		return nil
	}
	ids := make([]string, len(running))
	for i, r := range running {
		ids[i] = r.UpstreamID
	}
	reports, err := client.RefillStatus(ctx, ids)
	if err != nil {
		a.log.LogAttrs(ctx, slog.LevelWarn, "refills not learnt", slog.String("provider", p.Name), slog.Any("error", err))
	}
	var errs []error
	for _, r := range running {
		report, said := reports[r.UpstreamID]
		errs = append(errs, a.db.Write(ctx, func(tx *db.Tx) error { return refillSaid(tx, r.ID, report, said) }))
	}
	return errors.Join(errs...)
}

// refillSaid moves a refill to what its provider says of it.
func refillSaid(tx *db.Tx, refillID string, report provider.RefillReport, said bool) error {
	o, r, err := order.LockRefill(tx, refillID)
	if err != nil || r.State != order.RefillInProgress {
		return err
	}
	r.NextCheckAt = tx.Now.Add(nextRefillCheck(tx.Now.Sub(r.CreatedAt)))
	if said && report.Err == "" {
		switch report.Word {
		case provider.RefillCompleted:
			return order.MoveRefill(tx, o, r, order.RefillCompleted, "the provider says "+cut(report.Said))
		case provider.RefillRejected:
			r.Reason = "the provider rejected it"
			return order.MoveRefill(tx, o, r, order.RefillRejected, "the provider says "+cut(report.Said))
		case provider.RefillWaiting, provider.RefillRunning:
		case provider.RefillUnknown:
			err = order.Raise(tx, o, "provider", reported+"it says of refill "+r.ID+" a word that nobody knows: "+cut(report.Said))
		}
	} else if said {
		err = order.Raise(tx, o, "provider", reported+"it no longer knows refill "+r.ID+": "+cut(report.Err))
	}
	return errors.Join(err, order.SaveRefill(tx, r))
}

// nextRefillCheck is how long to wait before a refill of that age is asked about
// again: from half a minute, growing with its age, to an hour.
func nextRefillCheck(age time.Duration) time.Duration { return min(max(age/4, refillCheck), time.Hour) }

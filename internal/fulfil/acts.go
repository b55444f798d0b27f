package fulfil

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/outbound"
	"github.com/notpanel/notpanel/internal/provider"
	"github.com/notpanel/notpanel/internal/worker"
)

const (
	// actsMost is how many cancels of a provider, or refills that it has, one call names.
	actsMost = 100
	// refillsAtOnce is how many refills a provider is asked for at once: each is a
	// call of its own, and all must end within their lease.
	refillsAtOnce = 8
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
	now       clock.Clock

	busy  turns // by work and provider
	calls sync.WaitGroup
}

// NewActor returns an actor that does nothing until its loops run.
func NewActor(o Options) *Actor {
	return &Actor{db: o.DB, providers: o.Providers, guard: o.Guard, timeout: o.Timeout, log: o.Log, now: o.Now}
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

// Drain waits for the calls under way.
func (a *Actor) Drain() { a.calls.Wait() }

// each starts work for every provider that has an API and is not at it already: one
// that is slow or fails holds up no other.
func (a *Actor) each(ctx context.Context, name string, work func(context.Context, provider.Provider, *provider.Client) error) (int, error) {
	providers, err := a.providers.List(ctx)
	if err != nil {
		return 0, fmt.Errorf("list providers: %w", err)
	}
	for _, p := range providers {
		if p.Kind == provider.Manual || !a.busy.take(name+p.ID) {
			continue
		}
		a.calls.Go(func() {
			defer a.busy.give(name + p.ID)
			ctx := context.WithoutCancel(ctx)
			client, err := a.providers.Client(p, a.guard, a.timeout)
			if err == nil {
				err = work(ctx, p, client)
			}
			if err != nil {
				a.log.LogAttrs(ctx, slog.LevelError, "wishes not told", slog.String("work", name), slog.String("provider", p.Name), slog.Any("error", err))
			}
		})
	}
	return 0, nil
}

// lease is how long a claimed wish belongs to its node: its call has ended then.
func (a *Actor) lease() time.Duration { return a.timeout + leaseMargin }

// Cancels tells providers which of their orders customers want canceled. A provider
// may be told twice: what is canceled twice is canceled.
func (a *Actor) Cancels(ctx context.Context) (int, error) {
	told, err := tellPeople(ctx, a.db)
	if err != nil {
		return told, err
	}
	return a.each(ctx, "cancel", func(ctx context.Context, p provider.Provider, client *provider.Client) error {
		due, err := a.claimCancels(ctx, p.ID)
		if err != nil || len(due) == 0 {
			return err
		}
		ids := make([]string, len(due))
		for i, o := range due {
			ids[i] = o.UpstreamID
		}
		results, callErr := client.Cancel(ctx, ids)
		errs := []error{callErr}
		for _, o := range due {
			said := wishAnswer{asked: callErr == nil}
			said.result, said.told = results[o.UpstreamID]
			errs = append(errs, a.db.Write(ctx, func(tx *db.Tx) error { return canceled(tx, o.ID, o.UpstreamID, p.Name, said) }))
		}
		return errors.Join(errs...)
	})
}

// wishAnswer is what a provider said to the wish to cancel an order.
type wishAnswer struct {
	result provider.CancelResult
	told   bool // it said something
	asked  bool // the whole call was answered: silence is the provider's
}

// claimCancels takes the wishes of which a provider has to be told.
func (a *Actor) claimCancels(ctx context.Context, providerID string) (due []*order.Order, err error) {
	waiting := false
	err = a.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM orders WHERE provider_id = $1 AND cancel_due_at <= $2)`,
			providerID, db.At(tx.Now)).Scan(&waiting)
	})
	if err != nil || !waiting {
		return nil, err
	}
	err = a.db.Write(ctx, func(tx *db.Tx) error {
		due, err = order.ClaimCancels(tx, providerID, actsMost, a.lease())
		return err
	})
	return due, err
}

// canceled stores what a provider said to the wish to cancel an order.
func canceled(tx *db.Tx, orderID, upstreamID, providerName string, said wishAnswer) error {
	o, err := order.LockAlone(tx, orderID)
	if err != nil || o.UpstreamID != upstreamID || o.CancelState != order.CancelWished || o.State.Final() {
		return err
	}
	if said.told && strings.HasPrefix(o.Attention, wish+"cancel") {
		o.Attention = ""
	}
	switch {
	case said.told && said.result.Accepted:
		o.CancelState, o.CancelDueAt = order.CancelForwarded, time.Time{}
		o.NextCheckAt = tx.Now // its status says what became of it
		return order.Note(tx, o, "provider", providerName+" takes the cancel")
	case said.told:
		return order.EndWish(tx, o, "provider", providerName+" refused: "+cut(said.result.Text))
	}
	o.CancelTries++
	if said.asked && o.CancelTries >= actTriesMost {
		o.CancelDueAt = time.Time{}
		return order.Raise(tx, o, "panel", wish+"cancel is answered with nothing of use by "+providerName)
	}
	o.CancelDueAt = tx.Now.Add(backoff(o.CancelTries))
	return order.Save(tx, o, o.State)
}

// Refills asks providers for the refills that customers wished, and about those
// that they have.
func (a *Actor) Refills(ctx context.Context) (int, error) {
	return a.each(ctx, "refill", func(ctx context.Context, p provider.Provider, client *provider.Client) error {
		wished, running, err := a.claimRefills(ctx, p.ID)
		if err != nil {
			return err
		}
		errs := make([]error, len(wished)+1)
		var calls sync.WaitGroup
		for i, r := range wished {
			calls.Go(func() { errs[i] = a.refill(ctx, p, client, r) })
		}
		errs[len(wished)] = a.askRefills(ctx, client, running)
		calls.Wait()
		return errors.Join(errs...)
	})
}

// claimRefills takes the refills that a provider has to be told of or asked about.
func (a *Actor) claimRefills(ctx context.Context, providerID string) (wished, running []*order.Refill, err error) {
	due := false
	err = a.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`
			SELECT EXISTS (SELECT 1 FROM refills WHERE provider_id = $1 AND due_at <= $2)
				OR EXISTS (SELECT 1 FROM refills WHERE provider_id = $1 AND next_check_at <= $2)`, providerID, db.At(tx.Now)).Scan(&due)
	})
	if err != nil || !due {
		return nil, nil, err
	}
	err = a.db.Write(ctx, func(tx *db.Tx) error {
		if wished, err = order.ClaimRefills(tx, providerID, refillsAtOnce, a.lease()); err != nil {
			return err
		}
		running, err = order.ClaimRefillChecks(tx, providerID, actsMost, a.lease())
		return err
	})
	return wished, running, err
}

// refill asks for one refill and stores what was said. A call without an answer
// is not repeated: a second refill would be another's loss, so a person looks.
func (a *Actor) refill(ctx context.Context, p provider.Provider, client *provider.Client, r *order.Refill) error {
	var upstreamID string
	start := a.now() // both clocks, before it is on record that it is asked for
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
	answer := client.Refill(ctx, outbound.NewSubmission(a.now, start, firstByte), upstreamID)
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
		taken, err := order.RefillTaken(tx, r.ProviderID, answer.UpstreamID)
		if err != nil {
			return err
		}
		if taken {
			return refillUnknown(tx, o, r, "it answered with the id of another refill, "+answer.UpstreamID)
		}
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
	return order.Raise(tx, o, "panel", wish+"nobody knows whether the provider took refill "+r.ID+": "+cut(why))
}

// askRefills asks about the refills that a provider has.
func (a *Actor) askRefills(ctx context.Context, client *provider.Client, running []*order.Refill) error {
	if len(running) == 0 {
		return nil
	}
	ids := make([]string, len(running))
	for i, r := range running {
		ids[i] = r.UpstreamID
	}
	reports, err := client.RefillStatus(ctx, ids)
	errs := []error{err}
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

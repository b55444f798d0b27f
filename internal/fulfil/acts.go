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
	// neverStored is why a person is asked about a refill whose claim ran out.
	neverStored = "the panel stopped while it was being asked for"
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
	insist    *insistence

	busy  turns // by work and provider
	calls sync.WaitGroup
}

// NewActor returns an actor that does nothing until its loops run.
func NewActor(o Options) *Actor {
	return &Actor{
		db: o.DB, providers: o.Providers, guard: o.Guard, timeout: o.Timeout, log: o.Log, now: o.Now,
		insist: newInsistence(o.DB, o.Log, wishesMost),
	}
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

// Drain waits for the calls under way as the forwarder's does.
func (a *Actor) Drain() bool { return drained(&a.calls, a.timeout+drainMargin, a.insist.giveUp) }

// store writes what only this process knows beside the work that brought it, so that
// one that can't be written holds up no other.
func (a *Actor) store(ctx context.Context, write func(*db.Tx) error, what string, attrs ...slog.Attr) {
	a.calls.Go(func() { a.insist.write(context.WithoutCancel(ctx), write, what, attrs...) })
}

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
		results, err := client.Cancel(ctx, ids)
		for _, o := range due {
			said := wishAnswer{asked: err == nil}
			said.result, said.told = results[o.UpstreamID]
			a.store(ctx, func(tx *db.Tx) error { return canceled(tx, o, p.Name, said) }, "answer to a cancel", slog.String("order", o.ID))
		}
		return err
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
	var until time.Time
	err = a.db.Write(ctx, func(tx *db.Tx) error {
		until = tx.Now.Add(a.lease())
		due, err = order.ClaimCancels(tx, providerID, actsMost, a.lease())
		return err
	})
	if errors.Is(err, db.ErrOutcomeUnknown) { // nobody is told before its commit is certain
		for _, o := range due {
			a.store(ctx, func(tx *db.Tx) error { return untold(tx, o.ID, until) }, "that the cancel was not told", slog.String("order", o.ID))
		}
	}
	return due, err
}

// untold lets a wish to cancel be told now that was claimed until then and not told.
func untold(tx *db.Tx, orderID string, until time.Time) error {
	o, err := order.LockAlone(tx, orderID)
	if err != nil || !sameTime(o.CancelDueAt, until) {
		return err // the claim is not on record, or somebody else's since
	}
	o.CancelDueAt = tx.Now
	return order.Save(tx, o, o.State)
}

// sameTime compares times as the database keeps them.
func sameTime(a, b time.Time) bool { return clock.Micros(a) == clock.Micros(b) }

// canceled stores what a provider said to the wish to cancel an order, which was
// claimed as asked. It may come again: it is stored once, and on that wish alone.
func canceled(tx *db.Tx, asked *order.Order, providerName string, said wishAnswer) error {
	o, err := order.LockAlone(tx, asked.ID)
	if err != nil || o.UpstreamID != asked.UpstreamID || o.CancelState != order.CancelWished || o.State.Final() ||
		!o.CancelWishAt.Equal(asked.CancelWishAt) || !said.told && o.CancelTries != asked.CancelTries {
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
	var until time.Time
	err = a.db.Write(ctx, func(tx *db.Tx) error {
		until = tx.Now.Add(a.lease())
		if wished, err = order.ClaimRefills(tx, providerID, refillsAtOnce, a.lease()); err != nil {
			return err
		}
		running, err = order.ClaimRefillChecks(tx, providerID, actsMost, a.lease())
		return err
	})
	for _, r := range wished {
		r.DueAt = until
		if errors.Is(err, db.ErrOutcomeUnknown) {
			a.putBack(ctx, r)
		}
	}
	return wished, running, err
}

// putBack takes back that a refill is being asked for: it was not, for nobody knows
// whether that is on record.
func (a *Actor) putBack(ctx context.Context, claimed *order.Refill) {
	a.store(ctx, func(tx *db.Tx) error {
		_, r, err := order.LockRefill(tx, claimed.ID)
		if err != nil || r.State != order.RefillPending || !sameTime(r.DueAt, claimed.DueAt) {
			return err // the claim is not on record, or somebody else's since, who may have asked
		}
		r.EverUnknown, r.DueAt = claimed.EverUnknown, tx.Now
		return order.SaveRefill(tx, r)
	}, "that the refill was not asked for", slog.String("refill", claimed.ID))
}

// refill asks for one refill and stores what was said. A call without an answer
// is not repeated: a second refill would be another's loss, so a person looks.
func (a *Actor) refill(ctx context.Context, p provider.Provider, client *provider.Client, r *order.Refill) error {
	var upstreamID string
	var claimed order.Refill
	start := a.now() // both clocks, before it is on record that it is asked for
	err := a.db.Write(ctx, func(tx *db.Tx) error {
		o, locked, err := order.LockRefill(tx, r.ID)
		if err != nil {
			return err
		}
		upstreamID = ""
		if locked.State != order.RefillPending || !sameTime(locked.DueAt, r.DueAt) {
			return nil // the claim ran out
		}
		if locked.EverUnknown { // the panel stopped before the answer was stored
			return refillUnknown(tx, o, locked, neverStored)
		}
		upstreamID, claimed = o.UpstreamID, *locked
		locked.EverUnknown = true // until the answer is stored
		return order.SaveRefill(tx, locked)
	})
	if errors.Is(err, db.ErrOutcomeUnknown) && upstreamID != "" {
		a.putBack(ctx, &claimed)
	}
	if err != nil || upstreamID == "" {
		return err
	}
	answer := client.Refill(ctx, outbound.NewSubmission(a.now, start, firstByte), upstreamID)
	a.store(ctx, func(tx *db.Tx) error { return refilled(tx, &claimed, p.Name, answer) }, "answer to a refill",
		slog.String("refill", r.ID), slog.String("outcome", answer.Outcome.String()), slog.String("upstream_id", answer.UpstreamID))
	return nil
}

// refilled stores what a provider said to the wish for a refill, which was claimed
// as given. It may come again: it is stored once. It may come after the claim ran out
// and a person was asked: what it settles is settled then.
func refilled(tx *db.Tx, claimed *order.Refill, providerName string, answer provider.Answer) error {
	o, r, err := order.LockRefill(tx, claimed.ID)
	if err != nil || r.State != order.RefillPending || !r.EverUnknown || r.Tries != claimed.Tries {
		return err // stored before
	}
	alarmed := strings.HasPrefix(o.Attention, refillAlarm(r))
	seen := r.DueAt.IsZero() && o.Attention != refillAlarm(r)+neverStored // a person looks after it
	if alarmed && answer.Outcome != provider.Unknown {
		o.Attention = ""
		if err := order.Save(tx, o, o.State); err != nil {
			return err
		}
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
		if r.DueAt.IsZero() {
			return nil // a person was asked
		}
		return refillUnknown(tx, o, r, answer.Text)
	}
	if seen {
		return nil
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
	return order.Raise(tx, o, "panel", refillAlarm(r)+cut(why))
}

// refillAlarm begins what a person is told of a refill that a provider may have.
func refillAlarm(r *order.Refill) string {
	return wish + "nobody knows whether the provider took refill " + r.ID + ": "
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

package fulfil

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	// firstByte is how long after its submission a request may begin to leave. A
	// process that was stopped meanwhile sends nothing when it wakes.
	firstByte = 5 * time.Second
	// leaseMargin is added to the time-out of add: after both, a call has surely
	// ended, whatever became of its process.
	leaseMargin = 60 * time.Second
	// drainMargin is what a call may take beyond its time-out when the program ends.
	drainMargin = 5 * time.Second
)

// Forwarder sends pending orders to their providers, each at most once.
type Forwarder struct {
	db        *db.DB
	providers *provider.Store
	guard     *outbound.Guard
	timeout   time.Duration
	log       *slog.Logger
	now       clock.Clock
	observe   func(outcome string)

	rules  Rules
	insist *insistence

	mu     sync.Mutex
	busy   map[string]int       // calls under way, by provider
	probed map[string]time.Time // when a stopped provider was last asked
	calls  sync.WaitGroup
	wake   func()
}

// Options are what the forwarder and the follower need.
type Options struct {
	DB        *db.DB
	Providers *provider.Store
	Guard     *outbound.Guard
	Timeout   time.Duration // of add
	Log       *slog.Logger
	Now       clock.Clock
	Rules     Rules
	Observe   func(outcome string) // told each outcome of a submission, for metrics; may be nil
}

// NewForwarder returns a forwarder that does nothing until its loop runs.
func NewForwarder(o Options) *Forwarder {
	f := &Forwarder{
		db: o.DB, providers: o.Providers, guard: o.Guard, timeout: o.Timeout, log: o.Log, now: o.Now, observe: o.Observe,
		rules: o.Rules, insist: newInsistence(o.DB, o.Log, outcomesMost), busy: map[string]int{}, probed: map[string]time.Time{}, wake: func() {},
	}
	if f.observe == nil {
		f.observe = func(string) {}
	}
	return f
}

// Run starts the loops in g and returns what wakes the one that forwards.
func (f *Forwarder) Run(g *worker.Group) (wake func()) {
	wake = g.Go(worker.Loop{Name: "forward", Every: time.Second, Pass: f.Pass, Backlog: f.backlog})
	g.Go(worker.Loop{Name: "ask-again", Every: 2 * time.Second, Pass: f.Again})
	f.mu.Lock()
	f.wake = wake
	f.mu.Unlock()
	return wake
}

// Drain waits for the calls under way; their outcomes are stored then. It
// reports whether all came to an end in time. What could not be stored until then,
// for the database is away, is given up.
func (f *Forwarder) Drain() bool {
	return drained(&f.calls, f.timeout+drainMargin, f.insist.giveUp)
}

// Pass claims due orders for every free slot and starts their calls.
func (f *Forwarder) Pass(ctx context.Context) (claimed int, err error) {
	providers, err := f.providers.List(ctx)
	if err != nil {
		return 0, fmt.Errorf("list providers: %w", err)
	}
	for _, p := range providers {
		if p.State != provider.Active {
			continue
		}
		n, providerErr := f.forward(ctx, p)
		if providerErr != nil { // the other providers' orders go on
			err = errors.Join(err, fmt.Errorf("forward to %s: %w", p.Name, providerErr))
		}
		claimed += n
	}
	return claimed, err
}

// claim is an order that is on record as being sent.
type claim struct {
	provider   provider.Provider
	order      *order.Order
	submission *Submission
	start      time.Time // before the record was begun
	again      bool      // a native provider is asked once more with the same request id
	onlyLook   bool      // it is only asked whether it has the order
	restored   bool      // by a copy of the past: that it has it not says nothing
}

// forward fills a provider's free slots.
func (f *Forwarder) forward(ctx context.Context, p provider.Provider) (int, error) {
	f.mu.Lock()
	free := int(p.Slots) - f.busy[p.ID]
	f.mu.Unlock()
	if free <= 0 {
		return 0, nil
	}
	if due, err := f.anyDue(ctx, p.ID); err != nil || !due {
		return 0, err
	}
	if p.Kind == provider.Manual {
		return f.toPeople(ctx, p, free)
	}
	client, err := f.providers.Client(p, f.guard, f.timeout)
	if err != nil {
		return 0, err
	}
	start := f.now() // both clocks, before the transaction begins
	var found claims
	err = f.db.Write(ctx, func(tx *db.Tx) error {
		found, err = claimDue(tx, p, free, f.timeout+leaseMargin, f.rules)
		return err
	})
	if errors.Is(err, db.ErrOutcomeUnknown) {
		f.withdraw(found.sending) //nolint:contextcheck // it outlives the pass, as a call does
	}
	if err != nil {
		return 0, err
	}
	// What is on record as being sent is sent, whatever fails beside it.
	f.start(client, start, found.sending) //nolint:contextcheck // a call runs to its end, whatever happens to the pass
	if found.stopped {
		f.probe(ctx, p)
	}
	return len(found.sending) + found.moved + len(found.refused), f.refuse(ctx, found.refused)
}

// refuse cancels orders whose service refuses overlaps.
func (f *Forwarder) refuse(ctx context.Context, orderIDs []string) (err error) {
	for _, orderID := range orderIDs {
		err = errors.Join(err, f.db.Write(ctx, func(tx *db.Tx) error { return order.RefuseOverlap(tx, orderID) }))
	}
	return err
}

// start makes the calls that are on record since start.
func (f *Forwarder) start(client *provider.Client, start time.Time, all []claim) {
	f.mu.Lock()
	for _, c := range all {
		f.busy[c.provider.ID]++
	}
	f.mu.Unlock()
	f.calls.Add(len(all))
	for _, c := range all {
		c.start = start
		go f.send(client, c)
	}
}

func (f *Forwarder) anyDue(ctx context.Context, providerID string) (due bool, err error) {
	err = f.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM orders WHERE provider_id = $1 AND due_at <= $2)`,
			providerID, db.At(tx.Now)).Scan(&due)
	})
	return due, err
}

// claims are what became of a provider's due orders.
type claims struct {
	sending []claim
	refused []string // to be canceled because of their service's rule for overlaps
	moved   int      // held or queued
	stopped bool     // the breaker lets nothing through
}

// claimDue moves up to most due orders to submitting, the oldest first, and
// records their submissions. Orders that the provider could take for one go one
// after the other: the next waits while the first is sending or unknown.
func claimDue(tx *db.Tx, p provider.Provider, most int, lease time.Duration, rules Rules) (found claims, err error) {
	// Claims of one provider take turns, so that two nodes can't claim equal
	// orders beside each other; and a provider paused meanwhile gets none.
	var state provider.State
	var unknownRow int64
	var probed bool
	err = tx.QueryRow(`SELECT state, unknown_row, probe FROM providers WHERE id = $1 FOR NO KEY UPDATE`, p.ID).Scan(&state, &unknownRow, &probed)
	if err != nil || state != provider.Active {
		return found, err
	}
	if most, err = room(tx, p.ID, most, unknownRow, probed); err != nil || most == 0 {
		found.stopped = unknownRow >= breakerAt && !probed
		return found, err
	}
	due, err := order.Due(tx, p.ID, most)
	if err != nil {
		return found, err
	}
	passed, err := rules.sift(tx, due, true)
	if err != nil {
		return found, err
	}
	found.refused, found.moved = passed.refused, passed.moved
	if found.sending, err = claimAll(tx, p, passed.going, lease); err != nil {
		return found, err
	}
	if probed && len(found.sending) > 0 {
		_, err = tx.Exec(`UPDATE providers SET probe = FALSE WHERE id = $1`, p.ID)
	}
	return found, err
}

// claimAll puts on record that orders are being sent.
func claimAll(tx *db.Tx, p provider.Provider, orders []*order.Order, lease time.Duration) ([]claim, error) {
	if err := order.Submit(tx, orders, "being sent to "+p.Name); err != nil {
		return nil, err
	}
	submissions, err := begin(tx, orders, lease)
	if err != nil {
		return nil, err
	}
	all := make([]claim, len(orders))
	for i, o := range orders {
		all[i] = claim{provider: p, order: o, submission: submissions[i]}
	}
	return all, nil
}

// send makes the call and stores what became of it. It runs to its end whatever
// happens around it: an outcome that is not stored costs a person's time.
func (f *Forwarder) send(client *provider.Client, c claim) {
	defer f.calls.Done()
	ctx := context.Background()
	free := sync.OnceFunc(func() {
		f.mu.Lock()
		f.busy[c.provider.ID]--
		f.mu.Unlock()
		f.wakeUp()
	})
	defer free()
	// What can't be stored holds its slot no longer than its order.
	defer time.AfterFunc(f.timeout+leaseMargin, free).Stop()
	watch := outbound.NewSubmission(f.now, c.start, firstByte)
	answer := client.Add(ctx, watch, addRequest(c))
	f.store(ctx, c, answer, watch.Sent())
}

// wakeUp lets the loop look for due orders now.
func (f *Forwarder) wakeUp() {
	f.mu.Lock()
	wake := f.wake
	f.mu.Unlock()
	wake()
}

// store records an outcome. While it can't, the lease may run out and the order become
// uncertain: the outcome settles it then. One that is given up leaves it to a person.
func (f *Forwarder) store(ctx context.Context, c claim, answer provider.Answer, sent bool) {
	f.observe(answer.Outcome.String())
	stored := f.insist.write(ctx, func(tx *db.Tx) error { return record(tx, c, answer, sent) }, "what became of the call",
		slog.String("order", c.order.ID), slog.String("outcome", answer.Outcome.String()), slog.String("upstream_id", answer.UpstreamID))
	if !stored {
		return
	}
	f.log.LogAttrs(ctx, slog.LevelInfo, "order sent", slog.String("order", c.order.ID), slog.String("provider", c.provider.Name),
		slog.String("outcome", answer.Outcome.String()), slog.Int("status", answer.Status))
	if answer.Outcome == provider.Refused && answer.Class == provider.SourcePaused {
		f.pause(ctx, c, answer.Text)
	}
}

// withdraw takes back claims of whose commit nobody knows what became of it. Nothing
// of them was sent, for only this process could have: where they are on record, their
// orders are sent anew and not left for a person.
func (f *Forwarder) withdraw(all []claim) {
	ctx := context.Background()
	f.calls.Add(len(all))
	for _, c := range all {
		go func() {
			defer f.calls.Done()
			f.insist.write(ctx, func(tx *db.Tx) error { return withdraw(tx, c) }, "that the order was not sent", slog.String("order", c.order.ID))
			f.wakeUp()
		}()
	}
}

// pause stops sending to a provider that takes nothing. It comes after the
// order's own record: should the program end between the two, the order is sent
// again, refused again, and the source paused then.
func (f *Forwarder) pause(ctx context.Context, c claim, text string) {
	err := f.providers.SetState(ctx, c.provider.ID, provider.Paused, "refused an order: "+text, "panel")
	if err != nil {
		f.log.LogAttrs(ctx, slog.LevelError, "provider not paused", slog.String("provider", c.provider.Name), slog.Any("error", err))
		return
	}
	f.log.LogAttrs(ctx, slog.LevelWarn, "provider paused", slog.String("provider", c.provider.Name), slog.String("reason", text))
}

func (f *Forwarder) backlog(ctx context.Context) (b worker.Backlog, err error) {
	err = f.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`
			SELECT COUNT(*), MIN(o.due_at) FROM orders o JOIN providers p ON p.id = o.provider_id
			WHERE p.state = 'active' AND o.due_at <= $1`, db.At(tx.Now)).Scan(&b.Count, db.Time(&b.Oldest))
	})
	return b, err
}

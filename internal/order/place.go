package order

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
)

const (
	batchMost  = 512      // requests that share a commit
	queueMost  = 4096     // requests that may wait
	queueBytes = 32 << 20 // and their size
	// queueWait bounds how long a request waits for its batch: behind a commit that nobody
	// confirms that could take longer than clients wait. Nothing was tried for it then.
	queueWait = 5 * time.Second
	// batchWait bounds how long after its beginning a batch still begins a transaction.
	batchWait = 10 * time.Second
	// resolveWait bounds how long the search for orders whose commit has an unknown
	// outcome waits for its turn.
	resolveWait = 2 * time.Second
	// stuckFor is how long a wallet that was found locked is not waited for.
	stuckFor = 5 * time.Second
)

// errBusy answers what was not tried: more waits than can be placed soon.
var errBusy = fault.New(fault.Unavailable, "Temporarily unavailable")

// errReused refuses a request id that came with other fields before.
var errReused = fault.New(fault.Conflict, "request_id was already used with different parameters").Because(fault.Reused)

// Buyer is who pays for an order and sees it.
type Buyer struct {
	Scope
	WalletID string
	KeyID    string        // "" when it was not placed with a key
	Tier     string        // for the price
	DailyCap *money.Amount // what the key may spend in a day of UTC; nil: no limit
}

func (b Buyer) customer() catalog.Customer {
	return catalog.Customer{AccountID: b.AccountID, Tier: b.Tier}
}

// Placed is the answer to a request.
type Placed struct {
	OrderID string
	Number  int64
	Charge  money.Amount
	Repeat  bool // the request had been placed before
}

// Placer places orders. Requests that arrive while a transaction commits form
// the next one together, so that a commit's cost is shared; one alone waits for
// one commit.
type Placer struct {
	db       *db.DB
	most     int
	patience time.Duration // of a request in the queue
	queue    chan *placing
	bytes    atomic.Int64
	quit     chan struct{}
	ended    chan struct{}
	ending   sync.Once
	placed   func()               // called after orders were committed
	answers  answers              // to requests without a request id
	stuck    map[string]time.Time // wallets found locked, and until when they are not waited for; the loop's own
}

// placing is a request on its way through the placer.
type placing struct {
	buyer    Buyer
	request  Request
	hash     string
	snapshot *catalog.Snapshot
	size     int64       // that it takes of the queue's room
	asked    time.Time   // when its caller came
	begun    atomic.Bool // taken by a batch, or withdrawn by who waits for it: whichever is first
	orderID  string      // given before it is queued, so that a lost commit can be looked up
	done     chan struct{}

	// Assigned by the transaction, anew at each of its runs.
	answer Placed
	err    error
}

// PlacerOptions are the settings of NewPlacer.
type PlacerOptions struct {
	// Placed is called after orders were committed, to wake who forwards them.
	Placed func()
	// Ungrouped gives each order a commit of its own, for the benchmark that
	// shows what grouping gains.
	Ungrouped bool
}

// NewPlacer starts a placer on d; Close ends it.
func NewPlacer(d *db.DB, o PlacerOptions) *Placer {
	p := &Placer{
		db: d, most: batchMost, patience: queueWait, queue: make(chan *placing, queueMost),
		quit: make(chan struct{}), ended: make(chan struct{}), placed: o.Placed, stuck: map[string]time.Time{},
		answers: answers{node: rand.Text(), open: map[string]*delivery{}},
	}
	if o.Ungrouped {
		p.most = 1
	}
	if p.placed == nil {
		p.placed = func() {}
	}
	go p.loop()
	return p
}

// Close places what is queued, as far as the database does, and ends the placer.
func (p *Placer) Close() {
	p.ending.Do(func() { close(p.quit) })
	<-p.ended
}

// Place charges the buyer and books the order, once for all requests of the
// buyer's account and mode with this request id. A repeat with the same fields
// is answered as the first; with others it is refused. The snapshot is the
// catalogue that the caller saw; if it has moved, the order is priced by the new
// one.
//
// A ctx that ends before the request is queued withdraws it; after that the
// order may be placed although nobody waits. One whose batch does not begin within
// queueWait is withdrawn and Unavailable: it was not tried.
func (p *Placer) Place(ctx context.Context, buyer Buyer, r Request, snapshot *catalog.Snapshot) (Placed, error) {
	if r.RequestID == "" {
		r.RequestID = id.New(id.Classic)
	}
	began := clock.System()
	for range askAgainMost {
		placed, err := p.once(ctx, newPlacing(buyer, r, snapshot, began))
		again, wait := errors.AsType[*askAgainError](err)
		if !wait {
			return placed, err
		}
		again.wait(ctx)
	}
	return Placed{}, errBusy
}

// once queues a request and waits for its answer.
func (p *Placer) once(ctx context.Context, one *placing) (Placed, error) {
	if err := p.enqueue(ctx, one); err != nil {
		return Placed{}, err
	}
	return p.await(one)
}

func (p *Placer) loop() {
	defer close(p.ended)
	marks := time.NewTicker(marksEvery)
	defer marks.Stop()
	for {
		select {
		case one := <-p.queue:
			p.run(p.batch(one))
		case <-marks.C:
			p.writeMarks()
		case <-p.quit:
			p.finish()
			p.writeMarks()
			return
		}
	}
}

// finish places what was queued before the end.
func (p *Placer) finish() {
	for {
		select {
		case one := <-p.queue:
			p.run(p.batch(one))
		default:
			return
		}
	}
}

// batch takes whatever waits behind the first.
func (p *Placer) batch(first *placing) []*placing {
	all := []*placing{first}
	for len(all) < p.most {
		select {
		case one := <-p.queue:
			all = append(all, one)
		default:
			return all
		}
	}
	return all
}

// run places a batch, without waiting for wallets that were found locked a moment
// ago: whoever holds one of them must not hold up all other accounts.
func (p *Placer) run(all []*placing) {
	ctx, cancel := context.WithTimeout(context.Background(), batchWait)
	defer cancel()
	now := clock.System()
	maps.DeleteFunc(p.stuck, func(_ string, until time.Time) bool { return !until.After(now) })
	waits := p.stillWaiting(all)
	openOnly := slices.ContainsFunc(waits, func(one *placing) bool {
		_, stuck := p.stuck[one.buyer.WalletID]
		return stuck
	})
	p.place(ctx, waits, openOnly)
}

// stillWaiting takes those requests that were not withdrawn.
func (p *Placer) stillWaiting(all []*placing) (waits []*placing) {
	for _, one := range all {
		if one.begun.CompareAndSwap(false, true) {
			waits = append(waits, one)
		} else {
			p.bytes.Add(-one.size)
		}
	}
	return waits
}

// place commits a batch in one transaction and answers its callers. One that
// fails for its data is halved, so that a poisoned request hurts nobody else, as far as
// ctx has time for it. With
// openOnly it leaves out the wallets that are locked, and the notes on orders that are;
// what it meets locked then is neither, and its holder may keep it for long: nobody
// waits for that.
func (p *Placer) place(ctx context.Context, all []*placing, openOnly bool) {
	if len(all) == 0 {
		return
	}
	err := p.db.Write(ctx, func(tx *db.Tx) error { return placeAll(tx, all, openOnly, p) })
	switch {
	case err == nil:
		p.answers.given(all)
		p.noteStuck(all)
		p.placed()
	case errors.Is(err, db.ErrOutcomeUnknown):
		p.resolve(ctx, all, err)
		p.answers.given(all)
	case errors.Is(err, db.ErrLocked) && !openOnly:
		p.place(ctx, all, true)
		return
	case db.IsDown(err), errors.Is(err, context.DeadlineExceeded):
		answerAll(all, fault.Wrap(fault.Unavailable, "Temporarily unavailable", err))
	case len(all) == 1:
		answerAll(all, err)
	default:
		p.place(ctx, all[:len(all)/2], openOnly)
		p.place(ctx, all[len(all)/2:], openOnly)
		return
	}
	for _, one := range all {
		close(one.done)
	}
}

// noteStuck remembers the wallets that a batch could not lock, and forgets those that it could.
func (p *Placer) noteStuck(all []*placing) {
	for _, one := range all {
		if errors.Is(one.err, db.ErrLocked) {
			p.stuck[one.buyer.WalletID] = clock.System().Add(stuckFor)
		} else {
			delete(p.stuck, one.buyer.WalletID)
		}
	}
}

func answerAll(all []*placing, err error) {
	for _, one := range all {
		one.answer, one.err = Placed{}, err
	}
}

// resolve finds out on a fresh connection which orders of a batch exist for good. What
// it does not find is answered as unavailable, for the commit may still come through;
// the repeat finds out.
//
// An order that can be read may stand at this server alone, its wait for a standby
// ended, and be lost with it. So the look locks what it finds: that is written to the
// log, and a commit that goes through after it says that a standby has all before it.
func (p *Placer) resolve(ctx context.Context, all []*placing, cause error) {
	exists := map[string]bool{}
	ids := make([]string, 0, len(all))
	for _, one := range all {
		if one.err == nil {
			ids = append(ids, one.answer.OrderID) // its own, or that of an earlier equal request
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveWait)
	defer cancel()
	err := p.db.Write(ctx, func(tx *db.Tx) error {
		clear(exists)
		return tx.Each(func(s db.Scanner) error {
			var orderID string
			err := s.Scan(&orderID)
			exists[orderID] = true
			return err
		}, `SELECT id FROM orders WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE`, ids)
	})
	// A refusal may rest on what another order of the batch had taken: it is final only
	// where all of them are there.
	whole := err == nil
	for _, one := range all {
		whole = whole && (one.err != nil || exists[one.answer.OrderID])
	}
	for _, one := range all {
		if whole || err == nil && one.err == nil && exists[one.answer.OrderID] {
			continue
		}
		one.answer, one.err = Placed{}, fault.Wrap(fault.Unavailable, "Temporarily unavailable", errors.Join(cause, err))
	}
}

package order

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

const (
	batchMost  = 512      // requests that share a commit
	queueMost  = 4096     // requests that may wait
	queueBytes = 32 << 20 // and their size
	// batchWait bounds how long a batch waits for its turn at the database.
	batchWait = 10 * time.Second
	// resolveWait bounds the search for orders whose commit has an unknown outcome.
	resolveWait = 2 * time.Second
	// stuckFor is how long a wallet that was found locked is not waited for.
	stuckFor = 5 * time.Second
)

// errBusy answers when more waits than can be placed soon.
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
	db      *db.DB
	most    int
	queue   chan *placing
	bytes   atomic.Int64
	quit    chan struct{}
	ended   chan struct{}
	ending  sync.Once
	placed  func()               // called after orders were committed
	answers answers              // to requests without a request id
	stuck   map[string]time.Time // wallets found locked, and until when they are not waited for; the loop's own
}

// placing is a request on its way through the placer.
type placing struct {
	buyer    Buyer
	request  Request
	hash     string
	snapshot *catalog.Snapshot
	size     int64  // that it takes of the queue's room
	orderID  string // given before it is queued, so that a lost commit can be looked up
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
		db: d, most: batchMost, queue: make(chan *placing, queueMost),
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

// Close places what is queued and ends the placer.
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
// order may be placed although nobody waits.
func (p *Placer) Place(ctx context.Context, buyer Buyer, r Request, snapshot *catalog.Snapshot) (Placed, error) {
	if r.RequestID == "" {
		r.RequestID = id.New(id.Classic)
	}
	for range askAgainMost {
		placed, err := p.once(ctx, buyer, r, snapshot)
		again, wait := errors.AsType[*askAgainError](err)
		if !wait {
			return placed, err
		}
		again.wait(ctx)
	}
	return Placed{}, errBusy
}

// once queues a request and waits for its answer.
func (p *Placer) once(ctx context.Context, buyer Buyer, r Request, snapshot *catalog.Snapshot) (Placed, error) {
	one := newPlacing(buyer, r, snapshot)
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
	now := clock.System()
	for _, one := range all {
		if p.stuck[one.buyer.WalletID].After(now) {
			p.place(all, ledger.TryOpen)
			return
		}
	}
	clear(p.stuck)
	p.place(all, ledger.Open)
}

// place commits a batch in one transaction and answers its callers. One that
// fails for its data is halved, so that a poisoned request hurts nobody else.
func (p *Placer) place(all []*placing, open openWallets) {
	ctx, cancel := context.WithTimeout(context.Background(), batchWait)
	defer cancel()
	err := p.db.Write(ctx, func(tx *db.Tx) error { return placeAll(tx, all, open, &p.answers) })
	switch {
	case err == nil:
		p.answers.given(all)
		p.noteStuck(all)
		p.placed()
	case errors.Is(err, db.ErrOutcomeUnknown):
		p.resolve(all, err)
		p.answers.given(all)
	case errors.Is(err, db.ErrLocked) && len(all) > 1:
		p.place(all, ledger.TryOpen)
		return
	case db.IsDown(err), errors.Is(err, context.DeadlineExceeded):
		answerAll(all, fault.Wrap(fault.Unavailable, "Temporarily unavailable", err))
	case len(all) == 1:
		answerAll(all, err)
	default:
		p.place(all[:len(all)/2], open)
		p.place(all[len(all)/2:], open)
		return
	}
	for _, one := range all {
		close(one.done)
	}
}

// noteStuck remembers the wallets that a batch could not lock.
func (p *Placer) noteStuck(all []*placing) {
	for _, one := range all {
		if errors.Is(one.err, db.ErrLocked) {
			p.stuck[one.buyer.WalletID] = clock.System().Add(stuckFor)
		}
	}
}

func answerAll(all []*placing, err error) {
	for _, one := range all {
		one.answer, one.err = Placed{}, err
	}
}

// resolve finds out on a fresh connection which orders of a batch exist after
// all. What it does not find is answered as unavailable, for the commit may
// still come through; the repeat finds out.
func (p *Placer) resolve(all []*placing, cause error) {
	exists := map[string]bool{}
	ids := make([]string, len(all))
	fresh := map[string]bool{} // orders that this batch wanted to make
	for i, one := range all {
		ids[i], fresh[one.orderID] = one.orderID, true
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveWait)
	defer cancel()
	err := p.db.Read(ctx, func(tx *db.Tx) error {
		return tx.Each(func(s db.Scanner) error {
			var orderID string
			err := s.Scan(&orderID)
			exists[orderID] = true
			return err
		}, `SELECT id FROM orders WHERE id = ANY($1)`, ids)
	})
	for _, one := range all {
		if one.err != nil || err == nil && (!fresh[one.answer.OrderID] || exists[one.answer.OrderID]) {
			continue // refused, answered from an older order, or found
		}
		one.answer, one.err = Placed{}, fault.Wrap(fault.Unavailable, "Temporarily unavailable", errors.Join(cause, err))
	}
}

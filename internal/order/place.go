package order

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
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
)

// errBusy answers when more waits than can be placed soon.
//
//nolint:gochecknoglobals // a constant that Go can't spell as one
var errBusy = fault.New(fault.Unavailable, "Temporarily unavailable")

// errReused refuses a request id that came with other fields before.
//
//nolint:gochecknoglobals // a constant that Go can't spell as one
var errReused = fault.New(fault.Conflict, "request_id was already used with different parameters")

// Buyer is who pays for an order and sees it.
type Buyer struct {
	Scope
	WalletID string
	KeyID    string // "" when it was not placed with a key
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
	db     *db.DB
	most   int
	queue  chan *placing
	bytes  atomic.Int64
	quit   chan struct{}
	ended  chan struct{}
	ending sync.Once
	placed func() // called after orders were committed
}

// placing is a request on its way through the placer.
type placing struct {
	buyer    Buyer
	request  Request
	hash     string
	snapshot *catalog.Snapshot
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
		quit: make(chan struct{}), ended: make(chan struct{}), placed: o.Placed,
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
	one := &placing{
		buyer: buyer, request: r, hash: r.Hash(), snapshot: snapshot,
		orderID: id.New(id.Order), done: make(chan struct{}),
	}
	size := r.size()
	if p.bytes.Add(size) > queueBytes {
		p.bytes.Add(-size)
		return Placed{}, errBusy
	}
	defer p.bytes.Add(-size)
	if ctx.Err() != nil {
		return Placed{}, fault.Wrap(fault.Unavailable, "Temporarily unavailable", ctx.Err())
	}
	select {
	case <-p.quit:
		return Placed{}, errBusy
	case p.queue <- one:
	default:
		return Placed{}, errBusy
	}
	select {
	case <-one.done:
	case <-p.ended:
		select {
		case <-one.done:
		default:
			return Placed{}, errBusy // it came too late for the last batch
		}
	}
	return one.answer, one.err
}

func (p *Placer) loop() {
	defer close(p.ended)
	for {
		select {
		case one := <-p.queue:
			p.run(p.batch(one))
		case <-p.quit:
			for {
				select {
				case one := <-p.queue:
					p.run(p.batch(one))
				default:
					return
				}
			}
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

// run places a batch and answers its callers.
func (p *Placer) run(all []*placing) {
	p.place(all)
	for _, one := range all {
		close(one.done)
	}
	p.placed()
}

// place commits a batch in one transaction. One that fails for its data is
// halved, so that a poisoned request hurts nobody else.
func (p *Placer) place(all []*placing) {
	ctx, cancel := context.WithTimeout(context.Background(), batchWait)
	defer cancel()
	err := p.db.Write(ctx, func(tx *db.Tx) error { return placeAll(tx, all) })
	switch {
	case err == nil:
	case errors.Is(err, db.ErrOutcomeUnknown):
		p.resolve(all, err)
	case db.IsDown(err), errors.Is(err, context.DeadlineExceeded):
		answerAll(all, fault.Wrap(fault.Unavailable, "Temporarily unavailable", err))
	case len(all) == 1:
		answerAll(all, err)
	default:
		p.place(all[:len(all)/2])
		p.place(all[len(all)/2:])
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

// placeAll is the transaction: lock the wallets, look for the request ids, then
// decide each request in turn. Refusals answer their caller alone and are given
// only here, after the look-up.
func placeAll(tx *db.Tx, all []*placing) error {
	b := &batch{tx: tx, all: all, earlier: map[requestKey]earlier{}}
	var err error
	// The wallets' locks come first, in a statement of their own: a look-up before
	// them or beside them would miss what another node commits meanwhile.
	if b.book, err = ledger.Open(tx, b.wallets()...); err != nil {
		return err
	}
	if err := b.lookUp(); err != nil {
		return err
	}
	if err := b.refresh(); err != nil {
		return err
	}
	for _, one := range all {
		one.answer, one.err = b.decide(one)
		if one.err != nil && fault.From(one.err).Code == fault.Internal {
			return one.err
		}
	}
	return b.write()
}

// requestKey is what makes a request unique.
type requestKey struct {
	scope     Scope
	requestID string
}

// earlier is what an older request with the same id became.
type earlier struct {
	placed Placed
	hash   string
}

// batch is the state of one run of placeAll.
type batch struct {
	tx      *db.Tx
	all     []*placing
	book    *ledger.Book
	earlier map[requestKey]earlier
	current *catalog.Snapshot // of the services whose price is out of date; nil: none is
	epoch   int64
	orders  [][]any
	steps   [][]any
}

func (b *batch) wallets() []string {
	seen := map[string]bool{}
	var ids []string
	for _, one := range b.all {
		if !seen[one.buyer.WalletID] {
			seen[one.buyer.WalletID] = true
			ids = append(ids, one.buyer.WalletID)
		}
	}
	sort.Strings(ids)
	return ids
}

// lookUp finds the orders that these requests made before.
func (b *batch) lookUp() error {
	args := make([][]any, len(b.all))
	for i, one := range b.all {
		args[i] = []any{one.buyer.AccountID, string(one.buyer.Mode), one.request.RequestID}
	}
	err := b.tx.QueryMany(func(i int, s db.Scanner) error {
		var e earlier
		err := s.Scan(&e.placed.OrderID, &e.placed.Number, &e.placed.Charge, &e.hash)
		b.earlier[keyOf(b.all[i])] = e
		return err
	}, `SELECT id, number, charge, request_hash FROM orders WHERE account_id = $1 AND mode = $2 AND request_id = $3`, args)
	if err != nil {
		return fmt.Errorf("look up request ids: %w", err)
	}
	return nil
}

func keyOf(one *placing) requestKey {
	return requestKey{scope: one.buyer.Scope, requestID: one.request.RequestID}
}

// refresh reads the services again whose catalogue has moved since the request
// saw it.
func (b *batch) refresh() error {
	err := b.tx.QueryRow(`SELECT catalog FROM epochs WHERE id = 1`).Scan(&b.epoch)
	if err != nil {
		return fmt.Errorf("catalogue's epoch: %w", err)
	}
	var stale []int64
	for _, one := range b.all {
		if one.snapshot.Epoch != b.epoch {
			stale = append(stale, one.request.Service)
		}
	}
	if len(stale) == 0 {
		return nil
	}
	b.current, err = catalog.LoadSome(b.tx, stale)
	return err
}

// decide answers one request.
func (b *batch) decide(one *placing) (Placed, error) {
	// A repeat of a request that went through is answered, not charged.
	if e, found := b.earlier[keyOf(one)]; found {
		if e.hash != one.hash {
			return Placed{}, errReused
		}
		e.placed.Repeat = true
		return e.placed, nil
	}
	snapshot := one.snapshot
	if snapshot.Epoch != b.epoch {
		snapshot = b.current
	}
	p, err := one.request.price(snapshot)
	if err != nil {
		return Placed{}, err
	}
	number, err := b.book.NextNumber(one.buyer.WalletID)
	if err != nil {
		return Placed{}, err
	}
	err = b.book.Move(ledger.Transfer{
		Kind: ledger.OrderCharge, Ref: one.orderID,
		Debit: one.buyer.WalletID, Credit: ledger.Sales.Account(one.buyer.Mode), Amount: p.charge,
		Memo: "Order " + strconv.FormatInt(number, 10), Actor: actor(one.buyer),
	})
	if err != nil {
		b.book.TakeNumberBack(one.buyer.WalletID)
		return Placed{}, err
	}
	b.add(one, p, number)
	answer := Placed{OrderID: one.orderID, Number: number, Charge: p.charge}
	b.earlier[keyOf(one)] = earlier{placed: answer, hash: one.hash}
	return answer, nil
}

// actor names the buyer in ledger and timeline.
func actor(b Buyer) string {
	if b.KeyID != "" {
		return b.KeyID
	}
	return b.AccountID
}

// add notes the rows of an order that write will insert.
func (b *batch) add(one *placing, p priced, number int64) {
	now := db.At(b.tx.Now)
	due := now
	if one.buyer.Mode == ledger.Test {
		due = nil // live loops forward live orders only
	}
	source := p.service.Source
	b.orders = append(b.orders, []any{
		one.orderID, one.buyer.AccountID, string(one.buyer.Mode), one.buyer.WalletID, number, one.buyer.KeyID,
		one.request.RequestID, one.hash, p.service.ID, one.request.Link, one.request.Quantity,
		p.rate, source.Cost, b.epoch, p.charge, string(Pending),
		source.ProviderID, source.ProviderService,
		equalKey(source.ProviderID, source.ProviderService, one.request.Link, one.request.Quantity), due, now,
	})
	b.steps = append(b.steps, []any{
		one.orderID, 1, now, actor(one.buyer), "", string(Pending), "placed", nil, nil, 0,
	})
}

// equalKey is the same for two orders that a provider could take for one.
func equalKey(providerID, service, link string, quantity int64) string {
	h := sha256.New()
	for _, part := range []string{providerID, service, link, strconv.FormatInt(quantity, 10)} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// write stores the orders, their timeline and the money moved.
func (b *batch) write() error {
	if err := b.book.Flush(); err != nil {
		return err
	}
	err := b.tx.ExecMany(`
		INSERT INTO orders (id, account_id, mode, wallet_id, number, key_id, request_id, request_hash,
			service_id, link, quantity, rate, cost, catalog_epoch, charge, state, step,
			provider_id, provider_service, equal_key, due_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1, $17, $18, $19, $20, $21, $21)`, b.orders)
	if err != nil {
		return fmt.Errorf("insert orders: %w", err)
	}
	if err := b.tx.ExecMany(insertStep, b.steps); err != nil {
		return fmt.Errorf("insert timeline: %w", err)
	}
	return nil
}

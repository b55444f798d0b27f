package simulator

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/money"
)

// firstID is the number of the first order.
const firstID = 23501

// deposit is the balance that the simulator starts with.
const deposit = 1000 * money.Unit

// maxFunds bounds a balance that is set.
const maxFunds = money.Max / 2

var errClosed = errors.New("simulator: closed")

// book holds the orders, their refills, the catalogue and the deposit. The
// balance is not kept: it follows from them.
type book struct {
	pace time.Duration // of orders to come

	mu        sync.Mutex
	journal   *journal // nil: memory only
	closed    bool
	orders    []*held // by number, which is by age but for posts and runs
	byID      map[int64]*held
	byRequest map[string]*held
	refills   []*refill
	shelf     shelf
	deposit   money.Amount
	gross     money.Amount   // the full charges of all orders
	refunds   []*held        // those that can end below their full charge: few, so that a balance is cheap
	spoilt    map[string]int // adds that were answered badly, by link or request id; not kept
}

// openBook returns a book with the orders that are kept in dir.
func openBook(dir string, pace time.Duration) (*book, error) {
	b := &book{
		pace: pace, byID: map[int64]*held{}, byRequest: map[string]*held{}, spoilt: map[string]int{},
		deposit: deposit, shelf: newShelf(),
	}
	if dir == "" {
		return b, nil
	}
	j, err := openJournal(dir, b.apply)
	if err != nil {
		return nil, err
	}
	b.journal = j
	return b, nil
}

// placing is an order that add found or made.
type placing struct {
	order Order
	plan  plan
	prior Order // the one before it, or itself
}

// accept records an order, unless the balance does not reach for it or the link
// allows one at a time. The order is in the journal when accept returns.
func (b *book) accept(now time.Time, rq request) (p placing, why refusal, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if first, found := b.byRequest[rq.requestID]; found {
		return b.again(now, first, rq)
	}
	if b.balance(now) < rq.charge {
		return p, notEnoughFunds, nil
	}
	if rq.plan.answer == onePerLink && b.busy(now, steeredBy(rq.link, rq.fields)) {
		return p, linkBusy, nil
	}
	o := &held{
		id: b.nextID(), service: rq.service, quantity: rq.quantity, link: rq.link, fields: rq.fields,
		requestID: rq.requestID, hash: rq.hash, series: rq.series,
		charge: rq.charge, accepted: now, pace: b.pace, plan: rq.plan, requests: 1,
	}
	if err := b.keep(acceptance(o)); err != nil {
		return p, "", err
	}
	prior := o
	if n := len(b.orders); n > 0 {
		prior = b.orders[n-1]
	}
	if err := b.add(o); err != nil {
		return p, "", err
	}
	return placing{order: o.snapshot(now), prior: prior.snapshot(now), plan: o.plan}, "", nil
}

// repeat returns the order of a request id that was used before.
func (b *book) repeat(now time.Time, rq request) (p placing, found bool, why refusal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first, found := b.byRequest[rq.requestID]
	if !found {
		return p, false, ""
	}
	p, why, _ = b.again(now, first, rq)
	return p, true, why
}

// again is the answer to a request that was answered before. It is a good one,
// whatever became of the first.
func (b *book) again(now time.Time, first *held, rq request) (placing, refusal, error) {
	if first.hash != rq.hash {
		return placing{}, requestIDUsed, nil
	}
	first.requests++
	return placing{order: first.snapshot(now), plan: honest()}, "", nil
}

// busy reports whether an order on a link, or for a user name, is running. What
// steers is no part of either here.
func (b *book) busy(now time.Time, link string) bool {
	target, _, _ := strings.Cut(link, "#")
	for _, o := range b.orders {
		other, _, _ := strings.Cut(steeredBy(o.link, o.fields), "#")
		if other == target && o.parent == nil && !o.at(now).final {
			return true
		}
	}
	return false
}

// spoils counts an add and reports whether it is among the first so many. Zero
// is all.
func (b *book) spoils(what string, times int) bool {
	if times == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spoilt[what] >= times {
		return false
	}
	b.spoilt[what]++
	return true
}

// find returns an order that is to be seen. The lock is held.
func (b *book) find(now time.Time, id int64) (*held, bool) {
	o, found := b.byID[id]
	if !found || !o.there(now) {
		return nil, false
	}
	return o, true
}

// status returns an order and its plan, and counts the question.
func (b *book) status(now time.Time, id int64) (o Order, of plan, found bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, found := b.find(now, id)
	if !found {
		return Order{}, plan{}, false
	}
	h.requests++
	return h.snapshot(now), h.plan, true
}

// byRequestID returns the order of a request id, and counts the question.
func (b *book) byRequestID(now time.Time, requestID string) (o Order, of plan, found bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, found := b.byRequest[requestID]
	if !found {
		return Order{}, plan{}, false
	}
	h.requests++
	return h.snapshot(now), h.plan, true
}

// look returns an order without counting.
func (b *book) look(now time.Time, id int64) (Order, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, found := b.find(now, id)
	if !found {
		return Order{}, false
	}
	return h.snapshot(now), true
}

// cancel cancels an order of a service that allows it, if it is still running.
func (b *book) cancel(now time.Time, id int64) (o Order, why refusal, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, found := b.find(now, id)
	if !found {
		return o, incorrectOrder, nil
	}
	h.requests++
	sv, _ := b.shelf.find(h.service)
	if !sv.cancel || h.plan.cancel == cancelRefused || !h.canceled.IsZero() || h.at(now).final {
		return o, cannotCancel, nil
	}
	if err := b.keep(cancellation(h, now)); err != nil {
		return o, "", err
	}
	b.markCanceled(h, now)
	return h.snapshot(now), "", nil
}

// funds returns the balance.
func (b *book) funds(now time.Time) money.Amount {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.balance(now)
}

// setFunds makes the balance what it is told.
func (b *book) setFunds(now time.Time, amount money.Amount) error {
	if amount < 0 || amount > maxFunds {
		return fmt.Errorf("simulator: a balance is between 0 and %s", maxFunds)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	total := b.deposit + amount - b.balance(now)
	if err := b.keep(line{Deposit: &total}); err != nil {
		return err
	}
	b.deposit = total
	return nil
}

// all returns the orders that are to be seen, by number.
func (b *book) all(now time.Time) []Order {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Order, 0, len(b.orders))
	for _, o := range b.orders {
		if o.there(now) {
			list = append(list, o.snapshot(now))
		}
	}
	return list
}

func (b *book) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.journal == nil {
		return nil
	}
	return b.journal.close()
}

// balance is the deposit less the net charges of all orders. Posts and runs are
// paid for with their parent.
func (b *book) balance(now time.Time) money.Amount {
	left := b.deposit - b.gross
	for _, o := range b.refunds {
		left += o.charge - o.at(now).charge
	}
	return left
}

func (b *book) nextID() int64 {
	if len(b.orders) == 0 {
		return firstID
	}
	return b.orders[len(b.orders)-1].id + 1
}

// add puts an order into the book, with its posts or runs.
func (b *book) add(o *held) error {
	if o.series != nil {
		if err := o.divide(); err != nil {
			return err
		}
	}
	b.orders = append(b.orders, o)
	b.byID[o.id] = o
	if o.requestID != "" {
		b.byRequest[o.requestID] = o
	}
	b.gross += o.charge
	if o.mayRefund() {
		b.refunds = append(b.refunds, o)
	}
	if o.series != nil {
		for _, part := range o.series.parts {
			b.orders = append(b.orders, part)
			b.byID[part.id] = part
		}
	}
	return nil
}

func (b *book) markCanceled(o *held, at time.Time) {
	if !o.mayRefund() {
		b.refunds = append(b.refunds, o)
	}
	o.canceled = at
}

// keep writes a line before what it tells of is done.
func (b *book) keep(l line) error {
	if b.closed {
		return errClosed
	}
	if b.journal == nil {
		return nil
	}
	return b.journal.append(l)
}

package simulator

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/money"
)

// firstID is the number of the first order.
const firstID = 23501

// deposit is the balance that the simulator starts with.
const deposit = 1000 * money.Unit

var errClosed = errors.New("simulator: closed")

// book holds the orders. The balance is not kept: it follows from them.
type book struct {
	pace time.Duration // of orders to come

	mu      sync.Mutex
	journal *journal // nil: memory only
	closed  bool
	orders  []*held // oldest first
	byID    map[int64]*held
	gross   money.Amount // the full charges of all orders
	refunds []*held      // those that can end below their full charge: few, so that a balance is cheap
}

// openBook returns a book with the orders that are kept in dir.
func openBook(dir string, pace time.Duration) (*book, error) {
	b := &book{pace: pace, byID: map[int64]*held{}}
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

// accept records an order, unless the balance does not reach for it. The order
// is in the journal when accept returns.
func (b *book) accept(now time.Time, rq request, charge money.Amount) (id int64, why refusal, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.balance(now) < charge {
		return 0, notEnoughFunds, nil
	}
	o := &held{
		id: b.nextID(), service: rq.service, quantity: rq.quantity, link: rq.link,
		charge: charge, accepted: now, pace: b.pace, plan: rq.plan, requests: 1,
	}
	if err := b.keep(acceptance(o)); err != nil {
		return 0, "", err
	}
	b.add(o)
	return o.id, "", nil
}

// status returns the state of an order and counts the question.
func (b *book) status(now time.Time, id int64) (st state, found bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, found := b.byID[id]
	if !found {
		return state{}, false
	}
	o.requests++
	return o.at(now), true
}

// cancel cancels an order of a service that allows it, if it is still running.
func (b *book) cancel(now time.Time, id int64, allows func(service int64) bool) (refusal, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, found := b.byID[id]
	if !found {
		return incorrectOrder, nil
	}
	o.requests++
	if !allows(o.service) || o.at(now).final {
		return cannotCancel, nil
	}
	if err := b.keep(cancellation(o, now)); err != nil {
		return "", err
	}
	b.markCanceled(o, now)
	return "", nil
}

// funds returns the balance.
func (b *book) funds(now time.Time) money.Amount {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.balance(now)
}

// all returns the orders, oldest first.
func (b *book) all(now time.Time) []Order {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Order, 0, len(b.orders))
	for _, o := range b.orders {
		list = append(list, o.snapshot(now))
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

// balance is the deposit less the net charges of all orders.
func (b *book) balance(now time.Time) money.Amount {
	left := deposit - b.gross
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

// add puts an order into the book.
func (b *book) add(o *held) {
	b.orders = append(b.orders, o)
	b.byID[o.id] = o
	b.gross += o.charge
	if o.mayRefund() {
		b.refunds = append(b.refunds, o)
	}
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

// apply does again what a line of the journal tells of.
func (b *book) apply(l line) error {
	if l.Canceled != 0 {
		o, found := b.byID[l.Order]
		if !found {
			return fmt.Errorf("order %d is canceled before it is there", l.Order)
		}
		b.markCanceled(o, l.canceledAt())
		return nil
	}
	if l.Order < b.nextID() || l.Quantity <= 0 || l.Charge < 0 || l.Charge > deposit || l.Pace < 0 {
		return fmt.Errorf("order %d makes no sense", l.Order)
	}
	b.add(l.order())
	return nil
}

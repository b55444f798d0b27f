package order

import (
	"context"
	"errors"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/id"
)

// Answer is what became of one of many requests.
type Answer struct {
	Placed

	Err error
}

// errNoRequestID refuses what could not be recognised when it is sent again.
var errNoRequestID = fault.New(fault.Invalid, "Each of many requests needs a request id")

// Many places requests one after the other, each as Place does and each for itself:
// one that is refused is in nobody's way. Those that could not be queued are answered as
// unavailable, and none that comes after such a one is tried. So is one whose turn did not
// come in time, whatever becomes of the next.
func (p *Placer) Many(ctx context.Context, buyer Buyer, requests []Request, snapshot *catalog.Snapshot) []Answer {
	answers := make([]Answer, len(requests))
	queued := make([]*placing, 0, len(requests))
	asked := clock.System()
	for i, r := range requests {
		one := newPlacing(buyer, r, snapshot, asked)
		if err := p.enqueueNamed(ctx, one); err != nil {
			for j := i; j < len(requests); j++ {
				answers[j].Err = err
			}
			break
		}
		queued = append(queued, one)
	}
	for i, one := range queued {
		answers[i].Placed, answers[i].Err = p.await(one)
	}
	return answers
}

// enqueueNamed queues a request that is recognised when it is sent again.
func (p *Placer) enqueueNamed(ctx context.Context, one *placing) error {
	if one.request.RequestID == "" {
		return errNoRequestID
	}
	return p.enqueue(ctx, one)
}

// errApart ends a transaction of which one request was refused.
var errApart = errors.New("a request of those that go together was refused")

// Together places all of the requests in one transaction or, where one of them is
// refused, none: then ok is false, and the answers say which were refused and why.
// An error means that nobody knows of any; the same call again finds out.
func (p *Placer) Together(ctx context.Context, buyer Buyer, requests []Request, snapshot *catalog.Snapshot) (answers []Answer, ok bool, err error) {
	all := make([]*placing, len(requests))
	for i, r := range requests {
		if r.RequestID == "" {
			return nil, false, errNoRequestID
		}
		all[i] = newPlacing(buyer, r, snapshot, time.Time{}) // it does not queue
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchWait)
	defer cancel()
	err = p.db.Write(ctx, func(tx *db.Tx) error {
		if err := placeAll(tx, all, false, p); err != nil {
			return err
		}
		for _, one := range all {
			if one.err != nil {
				return errApart
			}
		}
		return nil
	})
	switch {
	case err == nil:
		p.placed()
	case errors.Is(err, errApart):
	case errors.Is(err, db.ErrOutcomeUnknown), errors.Is(err, db.ErrLocked), db.IsDown(err), errors.Is(err, context.DeadlineExceeded):
		return nil, false, fault.Wrap(fault.Unavailable, "Temporarily unavailable", err)
	default:
		return nil, false, err
	}
	answers = make([]Answer, len(all))
	for i, one := range all {
		if answers[i].Err = one.err; err == nil {
			answers[i].Placed = one.answer
		}
	}
	return answers, err == nil, nil
}

// newPlacing is a request at the beginning of its way.
func newPlacing(buyer Buyer, r Request, snapshot *catalog.Snapshot, asked time.Time) *placing {
	return &placing{
		buyer: buyer, request: r, hash: r.Hash(), snapshot: snapshot, size: r.size(),
		orderID: id.New(id.Order), asked: asked, done: make(chan struct{}),
	}
}

// enqueue gives a request to the loop; what it holds of the queue's room is given
// back by answer, by the loop where it was withdrawn, or here where it was not queued.
func (p *Placer) enqueue(ctx context.Context, one *placing) error {
	if p.bytes.Add(one.size) > queueBytes {
		p.bytes.Add(-one.size)
		return errBusy
	}
	err := errBusy
	switch {
	case ctx.Err() != nil:
		err = fault.Wrap(fault.Unavailable, "Temporarily unavailable", ctx.Err())
	default:
		select {
		case <-p.quit:
		case p.queue <- one:
			return nil
		default:
		}
	}
	p.bytes.Add(-one.size)
	return err
}

// await returns the answer to a queued request. One whose turn does not come in time is
// withdrawn.
func (p *Placer) await(one *placing) (Placed, error) {
	patience := time.NewTimer(p.patience - clock.System().Sub(one.asked))
	defer patience.Stop()
	select {
	case <-one.done:
	case <-patience.C:
		if one.begun.CompareAndSwap(false, true) {
			return Placed{}, errBusy // the loop gives its room back when it comes by
		}
	case <-p.ended:
	}
	return p.answer(one)
}

// answer waits for the answer to a request that is being placed.
func (p *Placer) answer(one *placing) (Placed, error) {
	defer p.bytes.Add(-one.size)
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

package simulator

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/notpanel/notpanel/internal/clock"
)

// apply does again what a line of the journal tells of.
func (b *book) apply(l line) error {
	switch {
	case l.Deposit != nil:
		if *l.Deposit < 0 {
			return errors.New("the deposit is negative")
		}
		b.deposit = *l.Deposit
		return nil
	case l.Change != nil:
		return b.shelf.change(*l.Change)
	case l.Listing != nil:
		return b.shelf.list(*l.Listing)
	case l.Refill != 0:
		return b.applyRefill(l)
	case l.Canceled != 0:
		o, found := b.byID[l.Order]
		if !found {
			return fmt.Errorf("order %d is canceled before it is there", l.Order)
		}
		b.markCanceled(o, l.canceledAt())
		return nil
	}
	return b.applyOrder(l)
}

func (b *book) applyRefill(l line) error {
	o, found := b.byID[l.Order]
	if !found || l.Refill != firstRefill+int64(len(b.refills)) {
		return fmt.Errorf("refill %d makes no sense", l.Refill)
	}
	b.addRefill(&refill{id: l.Refill, order: o, asked: clock.FromMicros(l.Asked)})
	return nil
}

func (b *book) applyOrder(l line) error {
	if l.Order < b.nextID() || l.Quantity <= 0 || l.Charge < 0 || l.Charge > b.deposit || l.Pace < 0 {
		return fmt.Errorf("order %d makes no sense", l.Order)
	}
	o := l.order()
	if l.Parts != 0 {
		s, err := l.series()
		if err != nil {
			return fmt.Errorf("order %d: %w", l.Order, err)
		}
		o.series = s
		if cost, err := s.cost(); err != nil || cost != l.Charge || s.units() != l.Quantity {
			return fmt.Errorf("order %d does not add up", l.Order)
		}
	}
	return b.add(o)
}

// series is what an order's line says of its posts or runs.
func (l line) series() (*series, error) {
	if l.Parts < 1 || l.Parts > maxParts || l.Rate < 0 {
		return nil, errors.New("its parts make no sense")
	}
	s := &series{kind: runs, rate: l.Rate}
	if l.Fields["runs"] != "" {
		s.sizes = runSizes(l.Parts, l.Quantity/int64(l.Parts))
		return s, nil
	}
	least, err := strconv.ParseInt(l.Fields["min"], 10, 64)
	most, err2 := strconv.ParseInt(l.Fields["max"], 10, 64)
	if err := errors.Join(err, err2); err != nil || least < 1 || most < least {
		return nil, errors.New("its bounds make no sense")
	}
	s.kind, s.sizes = posts, postSizes(l.Parts, least, most)
	s.expires, _ = expiry(l.Fields["expiry"])
	return s, nil
}

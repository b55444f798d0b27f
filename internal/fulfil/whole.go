package fulfil

import (
	"context"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/order"
)

// Whole is an order with all that staff may know of it.
type Whole struct {
	*order.Order

	Steps       []order.Step
	Submissions []*Submission // oldest first
	Refills     []*order.Refill
}

// Whole reads an order of any account and all that belongs to it.
func (s *Settler) Whole(ctx context.Context, orderID string) (w Whole, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		if w.Order, err = order.Get(tx, orderID); err != nil {
			return err
		}
		if w.Steps, err = order.Timeline(tx, orderID); err != nil {
			return err
		}
		if w.Submissions, err = Submissions(tx, orderID); err != nil {
			return err
		}
		w.Refills, err = order.RefillsOf(tx, orderID)
		return err
	})
	return w, err
}

package fulfil

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/plain"
	"github.com/notpanel/notpanel/internal/provider"
)

// toPeople hands a manual provider's due orders to the people who deliver them.
// Nothing is called, so there is no submission: nothing can be unknown.
func (f *Forwarder) toPeople(ctx context.Context, p provider.Provider, most int) (handed int, err error) {
	var passed sifted
	err = f.db.Write(ctx, func(tx *db.Tx) error {
		handed, passed = 0, sifted{}
		due, err := order.Due(tx, p.ID, most)
		if err != nil {
			return err
		}
		if passed, err = f.rules.sift(tx, due, false); err != nil {
			return err
		}
		handed = len(due)
		for _, o := range passed.going {
			for _, to := range []order.State{order.Submitting, order.Processing} {
				o.AcceptedAt = tx.Now
				err := order.Transition(tx, nil, o, order.Change{To: to, Actor: "panel", Reason: "in the work queue of " + p.Name})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	return handed, errors.Join(err, f.refuse(ctx, passed.refused))
}

// Work is what the people say who deliver an order of a manual provider.
type Work struct {
	// State is in_progress, completed, partial or canceled; "" notes counts only.
	State order.State
	// StartCount and Remains are nil where nothing is said of them.
	StartCount, Remains *int64
	Actor               string
}

// Work moves an order of a manual provider on, with the money that belongs to it.
func (s *Settler) Work(ctx context.Context, orderID string, w Work) (o *order.Order, err error) {
	word, known := map[order.State]provider.Word{
		"": provider.WordWaiting, order.InProgress: provider.WordInProgress, order.Completed: provider.WordCompleted,
		order.Partial: provider.WordPartial, order.Canceled: provider.WordCanceled,
	}[w.State]
	if !known {
		return nil, fault.Newf(fault.Invalid, "state must be %s, %s, %s or %s", order.InProgress, order.Completed, order.Partial, order.Canceled)
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		locked, book, err := order.Lock(tx, orderID)
		if err != nil {
			return err
		}
		o = locked
		if err := isManual(tx, o); err != nil {
			return err
		}
		if o.Kind == order.Subscription && w.State != order.Canceled {
			return fault.Newf(fault.Conflict, "order %s is a subscription: its posts can't be told by hand; it can be canceled", o.ID)
		}
		if w.State == order.Partial && (w.Remains == nil || *w.Remains < 1 || *w.Remains >= o.Quantity) {
			return fault.Newf(fault.Invalid, "remains must be between 1 and %d: what of the quantity is not delivered", o.Quantity-1)
		}
		if w.Remains != nil && (*w.Remains < 0 || *w.Remains > o.Quantity) {
			return fault.Newf(fault.Invalid, "remains must be between 0 and %d", o.Quantity)
		}
		a := &applying{tx: tx, book: book, order: o, before: o.Attention, actor: w.Actor, report: provider.Report{
			Word: word, Said: string(w.State), StartCount: w.StartCount, Remains: w.Remains,
		}}
		o.Attention = ""
		a.takeCounts()
		if w.State == order.Canceled && w.Remains != nil && *w.Remains > 0 && *w.Remains < o.Quantity {
			err = a.to(order.Canceled, true) // a part was delivered: its share is paid
		} else {
			err = a.move()
		}
		if err != nil {
			return err
		}
		return account.Record(tx, w.Actor, "order.work", o.ID, fmt.Sprintf("now %s", o.State))
	})
	return o, err
}

// tellPeople raises the wishes to cancel for those who deliver by hand.
func tellPeople(ctx context.Context, d *db.DB) (told int, err error) {
	var wished []string
	err = d.Read(ctx, func(tx *db.Tx) error {
		wished, err = db.All(tx, func(s db.Scanner) (orderID string, err error) {
			err = s.Scan(&orderID)
			return orderID, err
		}, `
			SELECT o.id FROM orders o JOIN providers p ON p.id = o.provider_id AND p.kind = 'manual'
			WHERE o.cancel_due_at <= $1 ORDER BY o.cancel_due_at LIMIT 100`, db.At(tx.Now))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find wishes: %w", err)
	}
	for _, orderID := range wished {
		err = errors.Join(err, d.Write(ctx, func(tx *db.Tx) error {
			o, err := order.LockAlone(tx, orderID)
			if err != nil || o.CancelDueAt.IsZero() {
				return err
			}
			o.CancelDueAt = time.Time{}
			return order.Raise(tx, o, "panel", wish+"cancel asked for: `order work ID --state canceled`, with --remains if a part was delivered")
		}))
	}
	return len(wished), err
}

// isManual refuses orders that a provider's API tells of, and those that ended.
func isManual(tx *db.Tx, o *order.Order) error {
	var kind provider.Kind
	if err := tx.QueryRow(`SELECT kind FROM providers WHERE id = $1`, o.ProviderID).Scan(&kind); err != nil {
		return fmt.Errorf("provider of %s: %w", o.ID, err)
	}
	if kind != provider.Manual {
		return fault.Newf(fault.Conflict, "order %s is not delivered by hand: its provider tells what becomes of it", o.ID)
	}
	if o.State != order.Processing && o.State != order.InProgress {
		return fault.Newf(fault.Conflict, "order %s is %s: it is not in the work queue", o.ID, o.State)
	}
	return nil
}

// Queue lists the orders that people have to deliver, the oldest first.
func (s *Settler) Queue(ctx context.Context, limit int) (all []*order.Order, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		ids, err := db.All(tx, func(r db.Scanner) (orderID string, err error) {
			err = r.Scan(&orderID)
			return orderID, err
		}, `
			SELECT o.id FROM orders o JOIN providers p ON p.id = o.provider_id
			WHERE p.kind = 'manual' AND o.state IN ('processing', 'in_progress') ORDER BY o.accepted_at, o.id LIMIT $1`, limit)
		if err != nil {
			return err
		}
		for _, orderID := range ids {
			o, err := order.Get(tx, orderID)
			if err != nil {
				return err
			}
			all = append(all, o)
		}
		return nil
	})
	return all, err
}

// WorkRefill says what became of a refill of an order that is delivered by hand.
func (s *Settler) WorkRefill(ctx context.Context, refillID string, done bool, reason, actor string) (r *order.Refill, err error) {
	if err := plain.Line("reason", reason); err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		o, locked, err := order.LockRefill(tx, refillID)
		if err != nil {
			return err
		}
		r = locked
		to := order.RefillCompleted
		if !done {
			to, r.Reason = order.RefillRejected, reason
		}
		if r.State.Ended() {
			return fault.Newf(fault.Conflict, "refill %s is %s already", r.ID, r.State)
		}
		r.NextCheckAt = time.Time{}
		if strings.HasPrefix(o.Attention, wish) {
			o.Attention = ""
		}
		if err := order.MoveRefill(tx, o, r, to, "by "+actor+" "+reason); err != nil {
			return err
		}
		return account.Record(tx, actor, "refill.settle", r.ID, string(to))
	})
	return r, err
}

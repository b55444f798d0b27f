package fulfil

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// Settlement is what a person found out about an order that waits for one.
type Settlement struct {
	// How is one of the ways to settle.
	How Way
	// UpstreamID is the provider's id, for AcceptedAs.
	UpstreamID string
	// Actor is who settles.
	Actor string
}

// Way is a way to settle an order.
type Way int

// The ways.
const (
	AcceptedAs     Way = iota + 1 // the provider has it, under UpstreamID
	WasNotAccepted                // the provider does not have it: it is sent again
	CancelIt                      // it is canceled and refunded, whatever the provider has
)

// Settler carries out what a person decided.
type Settler struct {
	db    *db.DB
	guard account.Guard
}

// NewSettler returns the settler of d's orders.
func NewSettler(d *db.DB) *Settler { return &Settler{db: d} }

// Under returns the settler whose deeds to orders a guard of their accounts lets
// through.
func (s *Settler) Under(g account.Guard) *Settler { return &Settler{db: s.db, guard: g} }

// Settle ends the waiting of an uncertain or held order. That an order was not
// accepted can be said only when its call has ended for certain.
func (s *Settler) Settle(ctx context.Context, orderID string, how Settlement) (o *order.Order, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		locked, book, err := order.Lock(tx, orderID)
		if err != nil {
			return err
		}
		o = locked
		if err := settle(tx, book, o, how); err != nil {
			return err
		}
		return account.Record(tx, how.Actor, "order.settle", o.ID, fmt.Sprintf("now %s %s", o.State, how.UpstreamID))
	})
	return o, err
}

func settle(tx *db.Tx, book *ledger.Book, o *order.Order, how Settlement) error {
	switch o.State {
	case order.Uncertain:
		return settleUncertain(tx, book, o, how)
	case order.Held:
		return settleHeld(tx, book, o, how)
	case order.Pending, order.Queued, order.Submitting, order.Processing, order.InProgress,
		order.Completed, order.Partial, order.Canceled, order.Failed, order.Refunded:
	}
	return fault.Newf(fault.Conflict, "order %s is %s: only uncertain and held orders wait for a person", o.ID, o.State)
}

// clearReported takes back what a provider's report had raised: the person who
// settles has seen it. That an order may exist twice stays on it.
func clearReported(o *order.Order) {
	if strings.HasPrefix(o.Attention, reported) {
		o.Attention = ""
	}
}

func settleUncertain(tx *db.Tx, book *ledger.Book, o *order.Order, how Settlement) error {
	u, open, err := openSubmission(tx, o.ID)
	if err != nil {
		return err
	}
	if how.How == AcceptedAs {
		return settleAccepted(tx, book, o, u, how)
	}
	if open {
		if u.EndedAt.IsZero() && u.LeaseUntil.After(tx.Now) {
			return fault.Newf(fault.Conflict, "the call may still be under way: it has surely ended at %s, settle it then",
				u.LeaseUntil.Format("15:04:05 MST"))
		}
		u.Outcome = NotAccepted
		if err := u.save(tx); err != nil {
			return err
		}
	}
	clearReported(o)
	if how.How == CancelIt {
		return order.Transition(tx, book, o, order.Change{To: order.Canceled, Actor: how.Actor, Reason: "settled: canceled and refunded"})
	}
	o.DueAt, o.Tries, o.GiveUpAt = tx.Now, 0, time.Time{}
	return order.Transition(tx, book, o, order.Change{To: order.Pending, Actor: how.Actor, Reason: "settled: the provider did not accept it"})
}

func settleAccepted(tx *db.Tx, book *ledger.Book, o *order.Order, u *Submission, how Settlement) error {
	upstreamID := strings.TrimSpace(how.UpstreamID)
	if !provider.PlausibleID(upstreamID) {
		return fault.New(fault.Invalid, "the provider's id must be as the provider shows it: 1 to 64 printable ASCII characters, no spaces or commas, not 0")
	}
	holder, held, err := order.HolderOf(tx, o.ProviderID, upstreamID)
	if err != nil {
		return err
	}
	if held {
		return fault.Newf(fault.Conflict, "order %s has the provider's id %s already", holder, upstreamID)
	}
	if u != nil {
		u.Outcome, u.UpstreamID = Accepted, upstreamID
		if err := u.save(tx); err != nil {
			return err
		}
	}
	clearReported(o)
	return accept(tx, book, o, upstreamID, how.Actor, "settled: the provider accepted it as "+upstreamID)
}

func settleHeld(tx *db.Tx, book *ledger.Book, o *order.Order, how Settlement) error {
	clearReported(o)
	switch how.How {
	case CancelIt:
		return order.Transition(tx, book, o, order.Change{To: order.Canceled, Actor: how.Actor, Reason: "settled: canceled and refunded"})
	case WasNotAccepted:
		o.DueAt, o.Tries, o.GiveUpAt = tx.Now, 0, time.Time{}
		o.Released = o.Released || o.Refusal == "" // one that a rule held may pass the rules now
		return order.Transition(tx, book, o, order.Change{To: order.Pending, Actor: how.Actor, Reason: "settled: to be sent again"})
	case AcceptedAs:
		return fault.Newf(fault.Conflict, "order %s is held: it was refused or not sent, so it has no id there", o.ID)
	}
	return fault.New(fault.Invalid, "say how to settle the order")
}

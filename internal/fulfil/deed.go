package fulfil

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/plain"
	"github.com/notpanel/notpanel/internal/provider"
)

// Kind is what staff do to an order.
type Kind string

// The kinds. Each says of which orders it can be done.
const (
	Resend   Kind = "resend" // send it now: one that waits, or a running one whose provider's order is dead
	Counts   Kind = "counts" // note start count and remains of a running one
	SetState Kind = "state"  // say how far it is, whatever the provider says
	GiveBack Kind = "refund" // give all of the charge back of one that has ended
	Noting   Kind = "note"   // write something in its timeline, for staff
	Seen     Kind = "seen"   // a person has looked at what it asked for
	Cancel   Kind = "cancel" // as its customer can
	Refill   Kind = "refill" // as its customer can
	Settling Kind = "settle" // end the waiting of an uncertain or held one
)

// MaxNote is how many characters a note may have.
const MaxNote = 500

// Deed is what staff do to one order, or to each of many.
type Deed struct {
	Kind Kind `json:"kind"`
	// Source is the provider that Resend sends to; "" leaves it where it is.
	Source string `json:"source,omitempty"`
	// Dead is the provider's order that has ended for certain, without which a
	// running order is not sent again. It is named, so that a deed which comes twice
	// does not bury the order that the first one had made.
	Dead string `json:"dead,omitempty"`
	// State is in_progress, completed, partial or canceled, for SetState.
	State order.State `json:"state,omitempty"`
	// StartCount and Remains are nil where nothing is said of them.
	StartCount *int64 `json:"start_count,omitempty"`
	Remains    *int64 `json:"remains,omitempty"`
	Note       string `json:"note,omitempty"`
	// How and UpstreamID are of Settling.
	How        Way    `json:"how,omitempty"`
	UpstreamID string `json:"upstream_id,omitempty"`
}

// MovesMoney reports whether the deed can give money back by staff's word alone.
func (d Deed) MovesMoney() bool {
	switch d.Kind {
	case GiveBack:
		return true
	case SetState:
		return d.State == order.Partial || d.State == order.Canceled
	case Settling:
		return d.How == CancelIt
	case Resend, Counts, Noting, Seen, Cancel, Refill:
	}
	return false
}

// Check refuses a deed that could be done to no order.
func (d Deed) Check() error {
	switch d.Kind {
	case Resend, Seen, Cancel, Refill, GiveBack:
	case Counts:
		if d.StartCount == nil && d.Remains == nil {
			return fault.New(fault.Invalid, "start_count or remains must be given")
		}
	case SetState:
		if _, known := wordsOf()[d.State]; !known {
			return fault.Newf(fault.Invalid, "state must be %s, %s, %s or %s", order.InProgress, order.Completed, order.Partial, order.Canceled)
		}
		if d.State == order.Partial && d.Remains == nil {
			return fault.New(fault.Invalid, "remains must be given: what of the quantity is not delivered")
		}
		if d.State == order.Canceled && d.Remains != nil && *d.Remains == 0 { // a provider's 0 says nothing, a person's that all was delivered
			return fault.New(fault.Invalid, "remains must be more than 0, or not given: then all of the charge goes back").Because(fault.BadField, "remains")
		}
	case Settling:
		if d.How < AcceptedAs || d.How > CancelIt {
			return fault.New(fault.Invalid, "how must say what became of the order")
		}
	case Noting:
		if strings.TrimSpace(d.Note) == "" {
			return fault.New(fault.Invalid, "note must not be empty")
		}
	default:
		return fault.New(fault.Invalid, "there is no such deed")
	}
	for name, n := range map[string]*int64{"start_count": d.StartCount, "remains": d.Remains} {
		if n != nil && *n < 0 {
			return fault.Newf(fault.Invalid, "%s must be 0 or more", name)
		}
	}
	if len([]rune(d.Note)) > MaxNote {
		return fault.Newf(fault.Invalid, "note must have at most %d characters", MaxNote)
	}
	return plain.Line("note", d.Note)
}

// wordsOf are the provider's words that say what SetState says.
func wordsOf() map[order.State]provider.Word {
	return map[order.State]provider.Word{
		order.InProgress: provider.WordInProgress, order.Completed: provider.WordCompleted,
		order.Partial: provider.WordPartial, order.Canceled: provider.WordCanceled,
	}
}

// Do does a deed to an order, with the money that belongs to it, its timeline and
// the audit log, in one transaction. What can't be done is refused with a Conflict
// and changes nothing.
func (s *Settler) Do(ctx context.Context, orderID string, d Deed, actor string) (o *order.Order, err error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		o, err = DoIn(tx, orderID, d, actor, s.guard)
		return err
	})
	return o, err
}

// DoIn is Do in the caller's transaction, which ends with it: the audit log comes
// last. The deed is one that Check lets through; guard says whether the actor may do
// it to the order's account.
func DoIn(tx *db.Tx, orderID string, d Deed, actor string, guard account.Guard) (*order.Order, error) {
	o, book, err := order.Lock(tx, orderID)
	if err != nil {
		return nil, err
	}
	if o.Mode != ledger.Live {
		return nil, cant(o, "is a test order: the sandbox settles those by itself")
	}
	t := doing{tx: tx, book: book, order: o, deed: d, actor: actor}
	if err := t.do(); err != nil {
		return nil, err
	}
	if err := guard.Allow(tx, o.AccountID); err != nil {
		return nil, err
	}
	return o, account.Record(tx, actor, "order."+string(d.Kind), o.ID, t.said())
}

// cant refuses a deed with why the order is not one for it.
func cant(o *order.Order, format string, args ...any) error {
	return fault.Newf(fault.Conflict, "order %d %s", o.Number, fmt.Sprintf(format, args...))
}

// doing is one deed to one locked order.
type doing struct {
	tx    *db.Tx
	book  *ledger.Book
	order *order.Order
	deed  Deed
	actor string
}

// said is what the audit log keeps of the deed.
func (t *doing) said() string {
	parts := []string{"now " + string(t.order.State), t.deed.Source, t.deed.UpstreamID, t.deed.Note}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "; ")
}

func (t *doing) do() error {
	switch t.deed.Kind {
	case Resend:
		return t.resend()
	case Counts:
		return t.counts()
	case SetState:
		return t.state()
	case GiveBack:
		return t.giveBack()
	case Noting:
		return order.Note(t.tx, t.order, t.actor, "staff: "+t.deed.Note)
	case Seen:
		if t.order.Attention == "" {
			return cant(t.order, "asks for nobody")
		}
		seen := t.order.Attention
		t.order.Attention = ""
		return order.Note(t.tx, t.order, t.actor, "a person has looked at it: "+seen)
	case Cancel:
		return order.CancelLocked(t.tx, t.book, t.order, t.actor)
	case Refill:
		_, err := order.RefillLocked(t.tx, t.order, t.actor)
		return err
	case Settling:
		return settle(t.tx, t.book, t.order, Settlement{How: t.deed.How, UpstreamID: t.deed.UpstreamID, Actor: t.actor})
	}
	return fault.New(fault.Invalid, "there is no such deed")
}

// resend sends an order now. One that waits keeps its place with its provider or
// goes to another source of its service. A running one is sent anew only where its
// provider's order is dead for certain: nothing is ever ordered twice on a guess.
func (t *doing) resend() error {
	o := t.order
	if o.Kind != order.Single && o.Kind != order.Run {
		return cant(o, "is a %s: what is sent are its parts", o.Kind)
	}
	reason := "staff: to be sent now"
	switch o.State {
	case order.Pending, order.Held:
	case order.Processing, order.InProgress:
		if t.deed.Dead == "" || t.deed.Dead != o.UpstreamID {
			return cant(o, "is %s: it can be sent again only if the provider's order %s has ended for certain", o.State, o.UpstreamID)
		}
		reason = "staff: the provider's order " + o.UpstreamID + " is dead; to be sent again"
		if err := t.bury(); err != nil {
			return err
		}
	case order.Uncertain, order.Submitting:
		return cant(o, "is %s: say first what became of it", o.State)
	case order.Queued:
		return cant(o, "waits behind another order on the same link")
	case order.Completed, order.Partial, order.Canceled, order.Failed, order.Refunded:
		return cant(o, "has ended: it is %s", o.State)
	}
	before := o.ProviderID
	if err := t.reroute(); err != nil {
		return err
	}
	clearReported(o)
	o.DueAt, o.Tries, o.GiveUpAt = t.tx.Now, 0, time.Time{}
	if o.State == order.Pending {
		return order.Note(t.tx, o, t.actor, reason)
	}
	if o.State == order.Held && o.ProviderID == before {
		o.Released = o.Released || o.Refusal == "" // one that a rule held may pass the rules now
	}
	return order.Transition(t.tx, t.book, o, order.Change{To: order.Pending, Actor: t.actor, Reason: reason})
}

// bury records that the provider's order is dead: its submission can bring nothing
// any more, and what it said of its counts is not the new one's.
func (t *doing) bury() error {
	o := t.order
	buried, err := t.tx.Exec(`UPDATE submissions SET outcome = 'dead' WHERE order_id = $1 AND outcome = 'accepted'`, o.ID)
	if err != nil {
		return fmt.Errorf("bury the submission of %s: %w", o.ID, err)
	}
	if buried != 1 && o.UpstreamID != "" {
		return fmt.Errorf("order %s has %d accepted submissions", o.ID, buried)
	}
	o.Generation++
	o.UpstreamID, o.AcceptedAt, o.StartedAt = "", time.Time{}, time.Time{}
	o.StartCount, o.Remains, o.ProviderCharge = nil, nil, nil
	o.CancelState, o.CancelDueAt, o.CancelTries = order.NoWish, time.Time{}, 0
	return nil
}

// reroute moves the order to the source that the deed names.
func (t *doing) reroute() error {
	if t.deed.Source == "" || t.deed.Source == t.order.ProviderID {
		return nil
	}
	to, found, err := order.SourceAt(t.tx, t.order.ServiceID, t.deed.Source)
	if err != nil {
		return err
	}
	if !found {
		return cant(t.order, "is for a service that has no source at that provider")
	}
	order.Reroute(t.order, to)
	return nil
}

func (t *doing) counts() error {
	o, d := t.order, t.deed
	if o.State != order.Processing && o.State != order.InProgress {
		return cant(o, "is %s: counts are of running orders", o.State)
	}
	if d.Remains != nil && *d.Remains > o.Quantity {
		return cant(o, "has a quantity of %d: remains can't be more", o.Quantity)
	}
	if d.StartCount != nil {
		o.StartCount = d.StartCount
	}
	if d.Remains != nil {
		o.Remains = d.Remains
	}
	return order.Note(t.tx, o, t.actor, "staff: counts noted")
}

// state moves the order as a provider's report would, with what staff say in its
// place: their word needs no charge of the provider beside it.
func (t *doing) state() error {
	o, d := t.order, t.deed
	switch {
	case o.Kind == order.Drip || o.Kind == order.Post || o.Kind == order.Subscription && d.State != order.Canceled:
		return cant(o, "is a %s: its state follows from its parts", o.Kind)
	case !o.State.MayBecome(d.State) || o.State == order.Pending || o.State == order.Held || o.State == order.Queued:
		return cant(o, "is %s: it can't become %s", o.State, d.State)
	case o.State == order.Submitting || o.State == order.Uncertain:
		return cant(o, "is %s: say first what became of it", o.State)
	case o.Kind == order.Subscription:
		return t.to(order.Canceled, false)
	case d.Remains != nil && *d.Remains > o.Quantity:
		return cant(o, "has a quantity of %d: remains can't be more", o.Quantity)
	}
	if d.StartCount != nil {
		o.StartCount = d.StartCount
	}
	clearReported(o)
	switch {
	case d.State == order.Partial:
		return t.partial()
	case d.State == order.Canceled:
		return t.canceled()
	case d.State == order.Completed:
		o.Remains = new(int64(0))
	case d.Remains != nil:
		o.Remains = d.Remains
	}
	return t.to(d.State, false)
}

func (t *doing) partial() error {
	o, remains := t.order, *t.deed.Remains
	if remains < 1 || remains >= o.Quantity {
		return cant(o, "has a quantity of %d: of a part between 1 and %d remain", o.Quantity, o.Quantity-1)
	}
	if o.State == order.Partial && o.Remains != nil && remains <= *o.Remains {
		return cant(o, "is partial with %d remaining already: nothing is taken back", *o.Remains)
	}
	o.Remains = &remains
	return t.to(order.Partial, false)
}

// canceled refunds in full or, where a part was delivered, the share of the rest.
func (t *doing) canceled() error {
	o := t.order
	remains := o.Quantity
	if t.deed.Remains != nil {
		remains = *t.deed.Remains
	}
	part := remains < o.Quantity
	if part && o.State == order.Partial && o.Remains != nil && remains < *o.Remains {
		return cant(o, "is partial with %d remaining already: nothing is taken back", *o.Remains)
	}
	o.Remains = &remains
	return t.to(order.Canceled, part)
}

func (t *doing) to(state order.State, delivered bool) error {
	if state.Final() && strings.HasPrefix(t.order.Attention, wish+"cancel") {
		t.order.Attention = ""
	}
	return order.Transition(t.tx, t.book, t.order, order.Change{
		To: state, Actor: t.actor, Reason: "staff: set to " + string(state), Delivered: delivered,
	})
}

// giveBack gives back what is left of the charge of an order that has ended.
func (t *doing) giveBack() error {
	o := t.order
	switch {
	case o.Kind != order.Single && o.Kind != order.Run:
		return cant(o, "is a %s: give back its parts", o.Kind)
	case !o.State.MayBecome(order.Refunded):
		return cant(o, "is %s: only what has ended is given back", o.State)
	case o.Refunded >= o.Charge:
		return cant(o, "has been given back in full")
	}
	return order.Transition(t.tx, t.book, o, order.Change{To: order.Refunded, Actor: t.actor, Reason: "staff: given back"})
}

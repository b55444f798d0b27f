package fulfil

import (
	"fmt"
	"strings"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// reported begins the attention that a provider's report raised; a later report
// that makes sense clears it.
const reported = "provider: "

// wish begins the attention of a customer's wish that nobody has answered. It stays
// until the wish is settled, whatever a provider reports of the order.
const wish = "wish: "

// news reports whether a provider's word could change anything of an order. It
// saves a write for each check that found what is known.
func news(o *order.Order, r provider.Report) bool {
	if o.Kind == order.Subscription {
		return subscriptionNews(o, r)
	}
	if senseless(r) {
		return o.Attention != attentionOf(r)
	}
	if strings.HasPrefix(o.Attention, reported) {
		return true
	}
	switch r.Word {
	case provider.WordWaiting:
		return countsDiffer(o, r)
	case provider.WordInProgress:
		return o.State == order.Processing || countsDiffer(o, r)
	case provider.WordCompleted:
		return o.State != order.Completed || chargeDiffers(o, r)
	case provider.WordPartial:
		return o.State != order.Partial || remainsGrew(o, r)
	case provider.WordCanceled:
		return o.State != order.Canceled
	case provider.WordUnknown, provider.WordTrouble, provider.WordPaused, provider.WordExpired:
		return true
	}
	return true
}

// senseless reports a report that says nothing an order of this kind can be moved
// by: an error, trouble, a word that nobody knows or that subscriptions alone have.
func senseless(r provider.Report) bool {
	switch r.Word {
	case provider.WordUnknown, provider.WordTrouble, provider.WordPaused, provider.WordExpired:
		return true
	case provider.WordWaiting, provider.WordInProgress, provider.WordCompleted, provider.WordPartial, provider.WordCanceled:
	}
	return r.Err != ""
}

func countsDiffer(o *order.Order, r provider.Report) bool {
	return !o.State.Final() && (differs(o.StartCount, r.StartCount) || validRemains(o, r) && differs(o.Remains, r.Remains) || chargeDiffers(o, r))
}

func differs(have, said *int64) bool { return said != nil && (have == nil || *have != *said) }

func chargeDiffers(o *order.Order, r provider.Report) bool {
	if r.Charge == nil {
		return false
	}
	said := (&applying{order: o}).ours(*r.Charge)
	return said != nil && (o.ProviderCharge == nil || *o.ProviderCharge != *said)
}

// validRemains reports whether what is left is a share of the quantity.
func validRemains(o *order.Order, r provider.Report) bool {
	return r.Remains != nil && *r.Remains >= 0 && *r.Remains <= o.Quantity
}

func remainsGrew(o *order.Order, r provider.Report) bool {
	return validRemains(o, r) && o.Remains != nil && *r.Remains > *o.Remains
}

// Apply moves an order to what its provider says of it. A final state and its
// refund are one transaction; what makes no sense is left to a person and moves
// no money. asked is the order as it was when the provider was asked about it: a report
// on a provider's order that is ours no more says nothing.
func Apply(tx *db.Tx, asked *order.Order, r provider.Report) error {
	o, book, err := order.LockFor(tx, asked, mayRefund(r))
	if err != nil || o.UpstreamID != asked.UpstreamID {
		return err
	}
	switch o.State {
	case order.Processing, order.InProgress, order.Completed, order.Partial:
	case order.Pending, order.Queued, order.Held, order.Submitting, order.Uncertain,
		order.Canceled, order.Failed, order.Refunded:
		return nil // it went elsewhere meanwhile
	}
	o.NextCheckAt = NextCheck(o, tx.Now)
	a := &applying{tx: tx, book: book, order: o, report: r, before: o.Attention, actor: "provider"}
	if o.Kind == order.Subscription {
		return a.subscription()
	}
	if senseless(r) {
		return a.raise(attentionOf(r))
	}
	if strings.HasPrefix(o.Attention, reported) {
		o.Attention = ""
	}
	a.takeCounts()
	if err := a.move(); err != nil {
		return err
	}
	return a.overcharged()
}

// mayRefund reports whether a single order of which this is said may get money back.
func mayRefund(r provider.Report) bool {
	switch r.Word {
	case provider.WordPartial, provider.WordCanceled:
		return true
	case provider.WordWaiting, provider.WordInProgress, provider.WordCompleted,
		provider.WordUnknown, provider.WordTrouble, provider.WordPaused, provider.WordExpired:
	}
	return false
}

// raiseReported asks for a person because of what a provider does not say.
func raiseReported(tx *db.Tx, asked *order.Order, attention string) error {
	o, book, err := order.LockFor(tx, asked, false)
	if err != nil || o.UpstreamID != asked.UpstreamID {
		return err
	}
	a := &applying{tx: tx, book: book, order: o, before: o.Attention, actor: "provider"}
	return a.raise(attention)
}

// attentionOf says why a report needs a person.
func attentionOf(r provider.Report) string {
	switch {
	case r.Err != "":
		return reported + "it no longer knows the order: " + cut(r.Err)
	case r.Word == provider.WordTrouble:
		return reported + "it says " + cut(r.Said)
	}
	return reported + "it says a word that nobody knows: " + cut(r.Said)
}

// cut keeps a provider's text short enough for a column and a line.
func cut(said string) string {
	const most = 120
	runes := []rune(strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, said))
	return string(runes[:min(len(runes), most)])
}

// applying is one run of Apply.
type applying struct {
	tx     *db.Tx
	book   *ledger.Book
	order  *order.Order
	report provider.Report
	before string // the attention it had
	actor  string // who says it
}

// raise asks for a person, once for the same reason. What another alarm says,
// that the order may exist twice perhaps, stays until a person has dealt with it.
func (a *applying) raise(attention string) error {
	o := a.order
	o.Attention = a.before
	if o.Attention != "" && !strings.HasPrefix(o.Attention, reported) {
		return order.Save(a.tx, o, o.State)
	}
	return order.Raise(a.tx, o, a.actor, attention)
}

// takeCounts notes start count, remains and the provider's charge. Remains of an
// ended order stay: they belong to its refund.
func (a *applying) takeCounts() {
	o, r := a.order, a.report
	if r.StartCount != nil {
		o.StartCount = r.StartCount
	}
	if validRemains(o, r) && !o.State.Final() {
		o.Remains = r.Remains
	}
	if r.Charge != nil {
		o.ProviderCharge = a.ours(*r.Charge)
	}
}

// ours is a provider's charge in the panel's currency, by the rate that the order
// was sold at.
func (a *applying) ours(charge money.Amount) *money.Amount {
	const same = 1_000_000_000
	if a.order.Exchange == same {
		return &charge
	}
	scaled, err := money.Scale(charge, a.order.Exchange, same)
	if err != nil {
		return nil // out of range is as good as not told
	}
	return &scaled
}

func (a *applying) move() error {
	o := a.order
	switch a.report.Word {
	case provider.WordWaiting:
		return order.Save(a.tx, o, o.State) // a running order never goes back to our pending
	case provider.WordInProgress:
		if o.State != order.Processing {
			return order.Save(a.tx, o, o.State)
		}
		return a.to(order.InProgress, false)
	case provider.WordCompleted:
		return a.completed()
	case provider.WordPartial:
		return a.partial()
	case provider.WordCanceled:
		return a.canceled()
	case provider.WordUnknown, provider.WordTrouble, provider.WordPaused, provider.WordExpired:
	}
	return fmt.Errorf("order %s: word %q reached the wrong place", o.ID, a.report.Said)
}

// completed refunds nothing, whatever remains says.
func (a *applying) completed() error {
	o := a.order
	if o.State == order.Completed || o.State == order.Partial {
		return order.Save(a.tx, o, o.State)
	}
	if o.Kind == order.Post {
		a.chargeOfPost()
		o.SetRemains(order.Completed, false)
		return a.to(order.Completed, false)
	}
	if o.Remains == nil {
		none := int64(0)
		o.Remains = &none
	}
	return a.to(order.Completed, false)
}

// overcharged raises the alarm when the provider took more than 1 % above the
// cost that the order was sold at.
func (a *applying) overcharged() error {
	o := a.order
	if o.Kind == order.Post {
		return nil // what it may cost its share says
	}
	if cost, ok := a.fullCost(); ok && o.ProviderCharge != nil && *o.ProviderCharge > cost+cost/100 {
		return a.raise(reported + fmt.Sprintf("it charged %s, the cost was %s", *o.ProviderCharge, cost))
	}
	return nil
}

// partial refunds the share of what remains, if that is a share.
func (a *applying) partial() error {
	o, r := a.order, a.report
	if o.Kind == order.Post {
		a.chargeOfPost()
		o.SetRemains(order.Partial, false)
		return a.to(order.Partial, false)
	}
	if r.Remains == nil || *r.Remains <= 0 || *r.Remains > o.Quantity {
		return a.raise(reported + "partial, but its remains make no sense")
	}
	if o.State == order.Partial && !remainsGrew(o, r) {
		return order.Save(a.tx, o, o.State)
	}
	o.Remains = r.Remains
	return a.to(order.Partial, false)
}

// canceled refunds in full. Only where a part was delivered and the provider's
// own charge says so too, the share of what remains is refunded.
func (a *applying) canceled() error {
	o, r := a.order, a.report
	charge := o.ProviderCharge
	if r.Charge == nil {
		charge = nil
	}
	if o.Kind == order.Post {
		return a.canceledPost(charge)
	}
	part := r.Remains != nil && *r.Remains > 0 && *r.Remains < o.Quantity
	full, known := a.fullCost()
	if part && known && charge != nil {
		delivered, err := money.Charge(o.Cost, o.Quantity-*r.Remains)
		if err == nil && within(*charge, delivered) {
			if money.Refund(o.Charge, *r.Remains, o.Quantity) < o.Refunded {
				return a.raise(reported + "canceled, but with less remaining than it said before")
			}
			o.Remains = r.Remains
			return a.to(order.Canceled, true)
		}
	}
	if known && full > 0 && charge != nil && within(*charge, full) {
		return a.raise(reported + "canceled, but it charged the full cost")
	}
	rest := o.Quantity
	o.Remains = &rest
	return a.to(order.Canceled, false)
}

// fullCost is what the provider takes for the whole order.
func (a *applying) fullCost() (money.Amount, bool) {
	cost, err := money.Charge(a.order.Cost, a.order.Quantity)
	return cost, err == nil
}

// within reports whether two amounts agree within 5 %.
func within(said, expected money.Amount) bool {
	gap := said - expected
	if gap < 0 {
		gap = -gap
	}
	return gap <= expected/20
}

func (a *applying) to(state order.State, delivered bool) error {
	if state.Final() && strings.HasPrefix(a.order.Attention, wish+"cancel") {
		a.order.Attention = "" // the order has ended, one way or the other
	}
	return order.Transition(a.tx, a.book, a.order, order.Change{
		To: state, Actor: a.actor, Reason: "the provider says " + cut(a.report.Said), Delivered: delivered,
	})
}

package order

import (
	"strconv"

	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// event is what a listener is told of the order as it is now.
func (o *Order) event(t event.Type, refillID string) event.Event {
	return event.Event{
		Scope: event.Scope{AccountID: o.AccountID, Mode: o.Mode}, Type: t, OrderID: o.ID, Sequence: o.Events,
		ByKey: o.KeyID != "",
		Data: event.Order{
			Order: o.ID, Number: o.Number, Refill: refillID, RequestID: o.RequestID, Status: o.State.Word(),
			Charge: o.Paid().String(), Refunded: o.Refunded.String(), StartCount: CountText(o.StartCount), Remains: CountText(o.Remains),
			Link: o.Link, Service: o.ServiceID, GaveBack: o.Refunded,
		},
	}
}

// eventOf returns the event that a step from a state causes; is is false where it
// causes none. Runs and posts are told of by their parent. What stays the same word
// is told again only where an order that has ended gives back more.
func (o *Order) eventOf(from State, refund money.Amount) (t event.Type, is bool) {
	if o.ParentID != "" || from == o.State && (refund == 0 || !o.State.Final()) {
		return "", false
	}
	switch o.State {
	case InProgress:
		return event.OrderInProgress, true
	case Completed:
		return event.OrderCompleted, true
	case Partial:
		return event.OrderPartial, true
	case Canceled:
		return event.OrderCanceled, true
	case Failed:
		return event.OrderFailed, true
	case Refunded:
		return event.OrderRefunded, true
	case Pending, Queued, Held, Submitting, Uncertain, Processing:
	}
	return "", false
}

// CountText is a count as customers are told it; nil is an unknown one.
func CountText(n *int64) *string {
	if n == nil {
		return nil
	}
	s := strconv.FormatInt(*n, 10)
	return &s
}

// tell writes the events of a batch: its orders, and wallets that fell below what
// their account wants to be told of.
func (b *batch) tell() error {
	if len(b.events) == 0 {
		return nil
	}
	listeners, err := event.Listeners(b.tx, b.scopes())
	if err != nil {
		return err
	}
	for walletID, before := range b.before {
		w := b.book.Wallet(walletID)
		scope := event.Scope{AccountID: w.AccountID, Mode: w.Mode}
		if e, told := event.Fell(scope, listeners[scope], before, w.Balance); told {
			b.events = append(b.events, e)
		}
	}
	return event.Tell(b.tx, listeners, b.events...)
}

// scopes are whose events the batch has.
func (b *batch) scopes() []event.Scope {
	seen := map[event.Scope]bool{}
	var all []event.Scope
	for _, e := range b.events {
		if !seen[e.Scope] {
			seen[e.Scope] = true
			all = append(all, e.Scope)
		}
	}
	return all
}

// balances are what the locked wallets hold.
func balances(book *ledger.Book, walletIDs []string) map[string]money.Amount {
	all := make(map[string]money.Amount, len(walletIDs))
	for _, walletID := range walletIDs {
		if w := book.Wallet(walletID); w != nil {
			all[walletID] = w.Balance
		}
	}
	return all
}

package event

import (
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/notice"
)

// notice is what people are told of an event; is is false where it is nothing, or
// where they did not ask: an order that a program placed is the program's. Money that
// comes is told by who books it, who knows why.
func (e Event) notice(l Listener) (told notice.Told, is bool, err error) {
	kind, detail := noticeOf(e.Type)
	if kind == "" || e.Mode != ledger.Live {
		return told, false, nil
	}
	choices, err := notice.ReadChoices(l.Choices)
	if err != nil || e.ByKey && !choices.KeyOrders {
		return told, false, err
	}
	data := noticeData(e.Data)
	data.Detail = detail
	subject := e.OrderID
	if subject == "" {
		subject = e.AccountID
	}
	return notice.Told{AccountID: e.AccountID, Kind: kind, Subject: subject, Data: data, Choices: choices}, true, nil
}

// noticeOf is the kind of an event's notice, "" for none, and what tells it from
// others of its kind.
func noticeOf(t Type) (kind notice.Kind, detail string) {
	switch t {
	case OrderCompleted:
		return notice.OrderCompleted, ""
	case OrderPartial:
		return notice.OrderPartial, ""
	case OrderCanceled:
		return notice.OrderCanceled, ""
	case OrderFailed:
		return notice.OrderCanceled, notice.Failed
	case OrderRefunded:
		return notice.OrderRefunded, ""
	case RefillCompleted:
		return notice.RefillEnded, ""
	case RefillRejected:
		return notice.RefillEnded, notice.Refused
	case CancelRejected:
		return notice.CancelRejected, ""
	case BalanceLow:
		return notice.BalanceLow, ""
	case OrderCreated, OrderInProgress, BalanceCredited, ServiceChanged, Ping:
	}
	return "", ""
}

func noticeData(d Data) (n notice.Data) {
	switch d := d.(type) {
	case Order:
		n.Number, n.Service, n.Amount = d.Number, d.Service, d.GaveBack
	case Balance:
		n.Amount, n.Below = d.Holds, d.Low
	}
	return n
}

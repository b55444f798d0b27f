package apiv2

import (
	"net/http"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// The words of the classic dialect. Clients match on them.
const (
	wordPending    = "Pending"
	wordProcessing = "Processing"
	wordInProgress = "In progress"
	wordCompleted  = "Completed"
	wordPartial    = "Partial"
	wordCanceled   = "Canceled"
	wordActive     = "Active"  // of a subscription
	wordExpired    = "Expired" // of a subscription
	wordRejected   = "Rejected"
)

// classicState returns an order's word and what of it remains. The refund that a
// client computes from both is the refund that was made: Canceled gives back
// everything, Partial the share of what remains, every other word nothing.
func classicState(o *order.Order) (word string, remains int64) {
	switch o.Kind {
	case order.Drip:
		return dripState(o)
	case order.Subscription:
		return subscriptionState(o)
	case order.Single, order.Run, order.Post:
	}
	switch o.State {
	case order.Pending, order.Queued, order.Held:
		return wordPending, remaining(o)
	case order.Submitting, order.Uncertain, order.Processing:
		return wordProcessing, remaining(o)
	case order.InProgress:
		return wordInProgress, remaining(o)
	case order.Completed:
		if o.Kind == order.Post && o.Refunded > 0 {
			return refundedPost(o)
		}
		return wordCompleted, remaining(o)
	case order.Partial:
		return wordPartial, remaining(o)
	case order.Canceled:
		if o.Paid() > 0 {
			return wordPartial, remaining(o) // a part was delivered and is paid
		}
		return wordCanceled, o.Quantity
	case order.Failed, order.Refunded:
		return wordCanceled, o.Quantity
	}
	return wordProcessing, remaining(o)
}

// refundedPost is a post that was delivered for less than its share: its word must
// tell the refund, for who orders here gives it on.
func refundedPost(o *order.Order) (word string, remains int64) {
	if o.Paid() == 0 {
		return wordCanceled, o.Quantity
	}
	return wordPartial, refundedQuantity(o)
}

// remaining is what is left to deliver, within what was ordered. Before anybody
// has said it that is everything. Of an order that has ended it is what was
// refunded, whatever the provider said.
func remaining(o *order.Order) int64 {
	left := o.Quantity
	if o.State == order.Completed {
		left = 0
	}
	if o.Remains != nil {
		left = min(max(*o.Remains, 0), o.Quantity)
	}
	ended := o.State == order.Partial || o.State == order.Canceled || o.State == order.Completed && o.Refunded > 0
	if !ended || money.Refund(o.Charge, left, o.Quantity) == o.Refunded {
		return left
	}
	return refundedQuantity(o)
}

// refundedQuantity is the largest quantity whose share was given back.
func refundedQuantity(o *order.Order) int64 {
	low, high := int64(0), o.Quantity
	for low < high {
		middle := (low + high + 1) / 2
		if money.Refund(o.Charge, middle, o.Quantity) <= o.Refunded {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

// dripState is a drip-feed's word: clients refund a partial one at every poll, so
// one that was cut short is completed, and its runs tell what was delivered.
func dripState(o *order.Order) (word string, remains int64) {
	left := max(o.Runs-o.Run, 0) * o.Quantity
	switch o.State {
	case order.Completed:
		return wordCompleted, 0
	case order.Partial, order.Canceled, order.Failed, order.Refunded:
		if o.Paid() > 0 {
			return wordCompleted, left
		}
		return wordCanceled, o.Runs * o.Quantity
	case order.Pending, order.Queued, order.Held, order.Submitting, order.Uncertain, order.Processing, order.InProgress:
	}
	return wordInProgress, left
}

// subscriptionState is a subscription's word. Clients give back the posts not
// done of an expired one, and also of a paused one, which therefore stays active.
func subscriptionState(o *order.Order) (word string, remains int64) {
	left := max(o.Runs-o.Run, 0) * o.Quantity
	switch o.State {
	case order.Completed:
		return wordCompleted, 0
	case order.Partial, order.Canceled, order.Failed, order.Refunded:
		if o.Paid() > 0 {
			return wordExpired, left
		}
		return wordCanceled, o.Runs * o.Quantity
	case order.Pending, order.Queued, order.Held, order.Submitting, order.Uncertain, order.Processing, order.InProgress:
	}
	return wordActive, left
}

func refillWord(s order.RefillState) string {
	switch s {
	case order.RefillPending:
		return wordPending
	case order.RefillInProgress:
		return wordInProgress
	case order.RefillCompleted:
		return wordCompleted
	case order.RefillRejected:
		return wordRejected
	}
	return wordPending
}

// classicRequest is what is answered to a request that asks for nothing we know.
const classicRequest = "Incorrect request"

// errRequest refuses such a request.
var errRequest = fault.New(fault.Invalid, classicRequest)

// refuse answers a final refusal with status 200 and one field, as clients expect
// it. What may pass with time is plain text: they take any JSON for the last word. A
// panel that is closed for maintenance is one: a definite no, which other panels know
// by its word and try again later.
func (classic) refuse(f *fault.Error) answer {
	if isTransient(f) && f.Reason != fault.Maintenance {
		return text(f.Code.HTTPStatus(), f)
	}
	return answer{status: http.StatusOK, body: encode(errorBody{classicText(f)}), refused: f}
}

// classicText is the sentence that clients know for a refusal. Where there is
// none, a refusal of something well formed says in our words what stands in the
// way, and all else is an incorrect request.
func classicText(f *fault.Error) string {
	switch f.Reason {
	case fault.NoFunds:
		return "Not enough funds on balance"
	case fault.LinkBusy:
		return "You have active order with this link. Please wait until order being completed."
	case fault.BadLink, fault.Blocked:
		return "Bad link"
	case fault.QuantityLow:
		return "Quantity less than minimal " + first(f.Args)
	case fault.QuantityHigh:
		return "Quantity more than maximum " + first(f.Args)
	case fault.QuantityStep:
		return "Quantity must be a multiple of " + first(f.Args)
	case fault.BadInterval:
		return "Incorrect interval"
	case fault.BadPosts:
		return "Incorrect posts"
	case fault.NoService:
		return "Incorrect service ID"
	case fault.NoOrder:
		return "Incorrect order ID"
	case fault.NoRefill:
		return "Refill not found"
	case fault.MissingField, fault.BadField:
		return fieldText(first(f.Args))
	case fault.Maintenance, fault.NotCancelable, fault.NotRefillable, fault.SpendCap, fault.MaxCharge, fault.Reused, fault.BadCoupon:
		return f.Text
	}
	return codeText(f)
}

// fieldText is what is wrong where a field is missing or malformed.
func fieldText(name string) string {
	switch name {
	case "link":
		return "Bad link"
	case "service":
		return "Incorrect service ID"
	}
	return classicRequest
}

// codeText is the sentence for a refusal that gives no reason.
func codeText(f *fault.Error) string {
	switch f.Code {
	case fault.InsufficientFunds:
		return "Not enough funds on balance"
	case fault.Unauthorized, fault.Forbidden, fault.Conflict, fault.NotFound:
		return f.Text
	case fault.Invalid, fault.MethodNotAllowed, fault.TooLarge, fault.RateLimited, fault.Unavailable, fault.Internal:
	}
	return classicRequest
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

package simulator

import (
	"net/http"
	"strings"
)

// refusal is the text of a classic error. Clients match on these texts, so each
// is an interface. "" means that nothing is refused.
type refusal string

const (
	accountSuspended refusal = "Account suspended"
	badLink          refusal = "Bad link"
	cannotCancel     refusal = "Order cannot be canceled"
	declined         refusal = "Order declined by policy desk 7"
	incorrectLink    refusal = "Incorrect link"
	incorrectOrder   refusal = "Incorrect order ID"
	incorrectRequest refusal = "Incorrect request"
	incorrectService refusal = "Incorrect service ID"
	internalError    refusal = "Internal error"
	invalidKey       refusal = "Invalid API key"
	linkBusy         refusal = "You have active order with this link. Please wait until order being completed."
	notEnoughFunds   refusal = "Not enough funds on balance"
	refillNotFound   refusal = "Refill not found"
	requestIDUsed    refusal = "request_id was already used with different parameters"
	somethingWrong   refusal = "Something went wrong"
	tooMany          refusal = "Too many requests: rate limit exceeded"

	refillDeclined   refusal = cannotRefill + "it was declined"
	refillNotOffered refusal = cannotRefill + "the service has no refill"
	refillRunning    refusal = cannotRefill + "one is in progress"
	refillTooEarly   refusal = cannotRefill + "the order is not completed"
	refillTooMany    refusal = cannotRefill + "it was refilled 3 times"
)

// cannotRefill begins each refusal of a refill.
const cannotRefill = "Order cannot be refilled: "

// incorrect is the refusal of a field that is missing or malformed.
func incorrect(name string) refusal { return refusal("Incorrect " + name) }

// flaw is what is wrong with a request, in both dialects.
type flaw struct {
	classic refusal
	native  string
	status  int // native; 0 is 400
}

// say puts a classic refusal into both dialects.
func say(why refusal) *flaw {
	f := &flaw{classic: why, native: string(why)}
	if reason, ok := strings.CutPrefix(string(why), cannotRefill); ok {
		f.native = "Refill not available: " + reason
	}
	switch why {
	case accountSuspended:
		f.status = http.StatusForbidden
	case incorrectLink:
		f.native = "link must be an http or https URL"
	case incorrectOrder:
		f.native = "Order not found"
	case incorrectService:
		f.native = "Service not found"
	case internalError:
		f.status = http.StatusInternalServerError
	case notEnoughFunds:
		f.native = "Insufficient balance"
	case tooMany:
		f.native, f.status = "Rate limit exceeded", http.StatusTooManyRequests
	default: // the same words
	}
	return f
}

// lacks is a required field that is not there.
func lacks(name string, classic refusal) *flaw {
	return &flaw{classic: classic, native: "Missing required parameter: " + name}
}

// malformed is a field that cannot be what its name says.
func malformed(name string) *flaw {
	return &flaw{classic: incorrect(name), native: name + " is not valid"}
}

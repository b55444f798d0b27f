package apiv2

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// ended returns an order of 1,000 for 10.00 in a state, with what was refunded.
func ended(kind order.Kind, state order.State, remains int64, refunded money.Amount) *order.Order {
	return &order.Order{Kind: kind, State: state, Quantity: 1000, Charge: 10 * money.Unit, Remains: &remains, Refunded: refunded, Runs: 4, Run: 3}
}

// Every state has its word, and what remains is what was refunded.
func TestClassicStates(t *testing.T) {
	t.Parallel()
	all, half := 10*money.Unit, 5*money.Unit
	for _, c := range []struct {
		rule    string
		kinds   []order.Kind
		states  []order.State
		remains int64
		refund  money.Amount
		word    string
		left    int64
	}{
		{"waiting", []order.Kind{order.Single, order.Run, order.Post}, []order.State{order.Queued, order.Held, order.Pending}, 1000, 0, "Pending", 1000},
		{"sending", []order.Kind{order.Single, order.Run, order.Post}, []order.State{order.Submitting, order.Uncertain, order.Processing}, 1000, 0, "Processing", 1000},
		{"running", []order.Kind{order.Single, order.Run, order.Post}, []order.State{order.InProgress}, 300, 0, "In progress", 300},
		{"done", []order.Kind{order.Single, order.Run, order.Post}, []order.State{order.Completed}, 0, 0, "Completed", 0},
		{"done with less than its most", []order.Kind{order.Post}, []order.State{order.Completed}, 500, half, "Partial", 500},
		{"partial", []order.Kind{order.Single, order.Run, order.Post}, []order.State{order.Partial}, 500, half, "Partial", 500},
		{"remains above the quantity", []order.Kind{order.Single}, []order.State{order.Partial}, 1200, all, "Partial", 1000},
		{"remains below zero", []order.Kind{order.Single}, []order.State{order.InProgress, order.Partial}, -5, 0, "", 0},
		{"remains that the refund does not follow", []order.Kind{order.Single}, []order.State{order.Partial}, 900, half, "Partial", 500},
		{"canceled, nothing delivered", []order.Kind{order.Single, order.Run, order.Post}, []order.State{order.Canceled}, 500, all, "Canceled", 1000},
		{"canceled after a part", []order.Kind{order.Single, order.Run, order.Post}, []order.State{order.Canceled}, 500, half, "Partial", 500},
		{"failed", []order.Kind{order.Single, order.Run, order.Post}, []order.State{order.Failed}, 0, all, "Canceled", 1000},
		{"refunded", []order.Kind{order.Single, order.Run, order.Post}, []order.State{order.Refunded}, 0, all, "Canceled", 1000},
		{"drip-feed", []order.Kind{order.Drip}, []order.State{order.Pending, order.InProgress}, 0, 0, "In progress", 1000},
		{"drip-feed, done", []order.Kind{order.Drip}, []order.State{order.Completed}, 0, 0, "Completed", 0},
		{"drip-feed, cut short", []order.Kind{order.Drip}, []order.State{order.Partial, order.Canceled}, 0, half, "Completed", 1000},
		{"drip-feed, nothing of it", []order.Kind{order.Drip}, []order.State{order.Canceled, order.Failed, order.Refunded}, 0, all, "Canceled", 4000},
		{"subscription", []order.Kind{order.Subscription}, []order.State{order.Pending, order.Queued, order.Held, order.Submitting, order.Uncertain, order.Processing, order.InProgress}, 0, 0, "Active", 1000},
		{"subscription, done", []order.Kind{order.Subscription}, []order.State{order.Completed}, 0, 0, "Completed", 0},
		{"subscription, cut short", []order.Kind{order.Subscription}, []order.State{order.Partial, order.Canceled}, 0, half, "Expired", 1000},
		{"subscription, nothing of it", []order.Kind{order.Subscription}, []order.State{order.Canceled, order.Failed, order.Refunded}, 0, all, "Canceled", 4000},
	} {
		for _, kind := range c.kinds {
			for _, state := range c.states {
				o := ended(kind, state, c.remains, c.refund)
				o.Attention = "a person should look" // changes no word
				word, left := classicState(o)
				if c.word != "" && word != c.word || left != c.left {
					t.Errorf("%s: a %s that is %s is %q with %d left, want %q and %d", c.rule, kind, state, word, left, c.word, c.left)
				}
			}
		}
	}
}

// knownWords are all that a client may ever see of an order of its own.
var knownWords = map[string]bool{
	"Pending": true, "Processing": true, "In progress": true, "Completed": true, "Partial": true, "Canceled": true,
}

// What a client refunds by word and remains is what was refunded, to the worth of
// one piece, whatever the provider has said.
func TestClassicRefundIsOurs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := &order.Order{
			Kind:     rapid.SampledFrom([]order.Kind{order.Single, order.Run, order.Post}).Draw(t, "kind"),
			State:    rapid.SampledFrom(order.States()).Draw(t, "state"),
			Quantity: rapid.Int64Range(1, 1_000_000).Draw(t, "quantity"),
			Charge:   money.Amount(rapid.Int64Range(1, int64(1000*money.Unit)).Draw(t, "charge")),
		}
		if rapid.Bool().Draw(t, "said") {
			o.Remains = new(rapid.Int64Range(-10, 1_000_010).Draw(t, "remains"))
		}
		switch o.State {
		case order.Failed, order.Refunded:
			o.Refunded = o.Charge
		case order.Canceled, order.Partial:
			o.Refunded = money.Amount(rapid.Int64Range(0, int64(o.Charge)).Draw(t, "refunded"))
			if o.Remains != nil && rapid.Bool().Draw(t, "by remains") {
				o.Refunded = money.Refund(o.Charge, *o.Remains, o.Quantity)
			}
		case order.Completed:
			if o.Kind == order.Post {
				o.Refunded = money.Amount(rapid.Int64Range(0, int64(o.Charge)).Draw(t, "refunded"))
			}
		default:
		}
		word, left := classicState(o)
		if !knownWords[word] || left < 0 || left > o.Quantity {
			t.Fatalf("%s, %d left of %d", word, left, o.Quantity)
		}
		theirs := money.Amount(0)
		switch word {
		case "Canceled":
			theirs = o.Charge
		case "Partial":
			theirs = money.Refund(o.Charge, left, o.Quantity)
		}
		piece := o.Charge/money.Amount(o.Quantity) + 1
		if theirs > o.Refunded || o.Refunded-theirs > piece {
			t.Fatalf("%s with %d of %d left: they refund %s, we have %s of %s", word, left, o.Quantity, theirs, o.Refunded, o.Charge)
		}
	})
}

// reasons are all of package fault's, with an example of what a client reads.
var reasons = map[fault.Reason]string{
	fault.MissingField:  "Incorrect request",
	fault.BadField:      "Incorrect request",
	fault.BadLink:       "Bad link",
	fault.LinkBusy:      "You have active order with this link. Please wait until order being completed.",
	fault.Blocked:       "Bad link",
	fault.QuantityLow:   "Quantity less than minimal 50",
	fault.QuantityHigh:  "Quantity more than maximum 50",
	fault.QuantityStep:  "Quantity must be a multiple of 50",
	fault.BadInterval:   "Incorrect interval",
	fault.BadPosts:      "Incorrect posts",
	fault.NoService:     "Incorrect service ID",
	fault.NoFunds:       "Not enough funds on balance",
	fault.NoOrder:       "Incorrect order ID",
	fault.NoRefill:      "Refill not found",
	fault.NotCancelable: "our words",
	fault.NotRefillable: "our words",
	fault.SpendCap:      "our words",
	fault.MaxCharge:     "our words",
	fault.Reused:        "our words",
	fault.BadCoupon:     "our words",
}

// Every refusal has the sentence that clients know for it, with status 200 and
// nothing beside it.
func TestClassicTexts(t *testing.T) {
	t.Parallel()
	refused := func(f *fault.Error, want string) {
		t.Helper()
		a := classic{}.refuse(f)
		var fields map[string]any
		if err := json.Unmarshal(a.body, &fields); err != nil || len(fields) != 1 || fields["error"] != want || a.status != http.StatusOK || a.plain {
			t.Errorf("%s %v: %d %s, want %q", f.Code, f.Reason, a.status, a.body, want)
		}
	}
	for reason, want := range reasons {
		refused(fault.New(fault.Conflict, "our words").Because(reason, "50"), want)
	}
	for name, want := range map[string]string{"link": "Bad link", "service": "Incorrect service ID", "comments": "Incorrect request", "order": "Incorrect request"} {
		refused(order.Missing(name).(*fault.Error), want) //nolint:forcetypeassert,errorlint,errcheck // it is one
	}
	for code, want := range map[fault.Code]string{
		fault.InsufficientFunds: "Not enough funds on balance", fault.Forbidden: "our words", fault.Conflict: "our words", fault.NotFound: "our words",
		fault.Invalid: "Incorrect request", fault.TooLarge: "Incorrect request", fault.MethodNotAllowed: "Incorrect request",
	} {
		refused(fault.New(code, "our words"), want)
	}
}

// What may pass with time is never JSON, for clients take that for the last word.
func TestClassicTransientFaultsAreText(t *testing.T) {
	t.Parallel()
	for code, status := range map[fault.Code]int{fault.RateLimited: 429, fault.Unavailable: 503, fault.Internal: 500} {
		a := classic{}.refuse(fault.New(code, "Not now").Because(fault.NoOrder))
		if a.status != status || !a.plain || json.Valid(a.body) || strings.ContainsAny(string(a.body), "{[\"") {
			t.Errorf("%s: %d %s", code, a.status, a.body)
		}
	}
}

// Days are read as clients write them.
func TestClassicDay(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"31/12/2026": "2026-12-31", "12/31/2026": "2026-12-31", "5/6/2026": "2026-06-05", "05/06/2026": "2026-06-05", "12/12/2026": "2026-12-12",
		"2026-12-31": "2026-12-31", "2026-1-2": "2026-01-02", "29/02/2028": "2028-02-29",
		"31/31/2026": "31/31/2026", "30/02/2026": "30/02/2026", "soon": "soon", "": "", "2026-13-01": "2026-13-01", "31.12.2026": "31.12.2026", "31/12/26": "31/12/26",
	} {
		if got := classicDay(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// An id is echoed as a number where it is one in its only spelling.
func TestClassicToken(t *testing.T) {
	t.Parallel()
	c := &call{}
	for _, text := range []string{"0", "1", "2147483647", "2147483648", "999999999999999999"} {
		if n, isNumber := c.token(text).(int64); !isNumber || strconv.FormatInt(n, 10) != text {
			t.Errorf("%s is echoed as %v", text, c.token(text))
		}
	}
	for _, text := range []string{"Array", "007", "-1", "+1", "1.0", "1e3", "", "1000000000000000000", "99999999999999999999", "ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9", "٧"} {
		if got := c.token(text); got != text {
			t.Errorf("%q is echoed as %v", text, got)
		}
	}
}

// A subscription's last day is a day in every dialect's own form, by the provider
// where that has named one; whatever else stands there reaches no customer.
func TestExpiryIsADay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ provider, placed, native, classic string }{
		{"", "", "", ""},
		{"", "2026-12-31", "2026-12-31", "31/12/2026"},
		{"2027-01-05", "2026-12-31", "2027-01-05", "05/01/2027"},
		{"2027-01-05", "", "2027-01-05", "05/01/2027"},
		{"soon, says Upstream", "2026-12-31", "2026-12-31", "31/12/2026"},
		{"31/12/2026", "", "", ""},
	} {
		o := &order.Order{Kind: order.Subscription, Expiry: c.provider}
		if c.placed != "" {
			o.Fields = order.Values{{Name: "expiry", Text: c.placed}}
		}
		native := ""
		if until := (&API{}).statusRow(order.Found{Order: o}).Expiry; until != nil {
			native = *until
		}
		if classic := classicExpiry(o); native != c.native || classic != c.classic {
			t.Errorf("%q and %q: native %q, classic %q; want %q and %q", c.provider, c.placed, native, classic, c.native, c.classic)
		}
	}
}

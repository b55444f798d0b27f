package client

import (
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Amount is an amount of money as the panel writes it: a dot and two to six
// decimals, such as "0.50" or "-0.27819". The currency is the panel's; answers with
// amounts name it. Compute with [Amount.Rat], never with floats.
type Amount string

// maxAmount is how many characters an amount may have.
const maxAmount = 40

// Rat returns the exact value. It fails on a text that is no amount.
func (a Amount) Rat() (*big.Rat, error) {
	text := string(a)
	// Fractions and powers of ten, which big.Rat reads too, are none.
	if len(text) <= maxAmount && strings.Trim(text, "0123456789.-") == "" {
		if value, ok := new(big.Rat).SetString(text); ok {
			return value, nil
		}
	}
	return nil, fmt.Errorf("notpanel: %.*q is no amount", maxAmount, text)
}

// Seconds is a length of time, as the panel measures it.
type Seconds int64

// Duration returns it as Go's own type.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// Status is the state of an order, a word. More words may come.
type Status string

// The states of orders.
const (
	StatusPending    Status = "pending"     // charged; no provider has it yet
	StatusProcessing Status = "processing"  // it is being handed to a provider, or a provider has it
	StatusInProgress Status = "in_progress" // it is being delivered
	StatusCompleted  Status = "completed"   // delivered
	StatusPartial    Status = "partial"     // a part was delivered, the share of what remains was refunded
	StatusCanceled   Status = "canceled"    // ended; what was not delivered was refunded
	StatusFailed     Status = "failed"      // no provider takes it; refunded in full
	StatusRefunded   Status = "refunded"    // the operator gave the money back
)

// Final reports whether no more is delivered in this state. A completed order can
// still become partial or canceled, when a provider takes it back.
func (s Status) Final() bool {
	switch s {
	case StatusCompleted, StatusPartial, StatusCanceled, StatusFailed, StatusRefunded:
		return true
	default:
		return false
	}
}

// RefillStatus is the state of a refill, a word. More words may come.
type RefillStatus string

// The states of refills.
const (
	RefillPending    RefillStatus = "pending"
	RefillInProgress RefillStatus = "in_progress"
	RefillCompleted  RefillStatus = "completed"
	RefillRejected   RefillStatus = "rejected"
)

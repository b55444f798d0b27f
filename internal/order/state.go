package order

import "slices"

// State is where an order is in its life. docs/orders.md has the picture.
type State string

// The states. The comment names what the customer sees where that differs.
const (
	Pending    State = "pending"
	Queued     State = "queued" // behind another order on the link; seen as pending
	Held       State = "held"   // waits for a person; seen as pending
	Submitting State = "submitting"
	Uncertain  State = "uncertain" // the provider may have it or not; seen as processing
	Processing State = "processing"
	InProgress State = "in_progress"
	Completed  State = "completed"
	Partial    State = "partial"
	Canceled   State = "canceled"
	Failed     State = "failed"
	Refunded   State = "refunded"
)

// States lists all of them in the order of a life.
func States() []State {
	return []State{
		Pending, Queued, Held, Submitting, Uncertain, Processing,
		InProgress, Completed, Partial, Canceled, Failed, Refunded,
	}
}

// next is the state machine: where an order may go from a state.
//
//nolint:gochecknoglobals // a table
var next = map[State][]State{
	Pending:    {Submitting, Queued, Held, Canceled, Uncertain},
	Queued:     {Pending, Held, Canceled, Uncertain},
	Held:       {Pending, Canceled, Failed, Uncertain},
	Submitting: {Processing, InProgress, Pending, Held, Canceled, Uncertain, Failed},
	Uncertain:  {Processing, InProgress, Pending, Canceled, Failed},
	Processing: {InProgress, Completed, Partial, Canceled, Failed, Pending},
	InProgress: {Completed, Partial, Canceled, Failed, Pending},
	Completed:  {Partial, Canceled, Refunded},
	Partial:    {Partial, Canceled, Refunded},
	Canceled:   {Refunded},
	Failed:     {},
	Refunded:   {},
}

// nextOfDrip is the state machine of a drip-feed, which is never sent itself.
//
//nolint:gochecknoglobals // a table
var nextOfDrip = map[State][]State{
	Pending:    {InProgress, Canceled},
	InProgress: {Completed, Partial, Canceled},
	Completed:  {Refunded},
	Partial:    {Refunded},
	Canceled:   {Refunded},
}

// mayGo reports whether an order of the kind may go from one state to another.
func (k Kind) mayGo(from, to State) bool {
	if k == Drip {
		return slices.Contains(nextOfDrip[from], to)
	}
	return from.MayBecome(to)
}

// Next returns the states that may follow s.
func (s State) Next() []State { return next[s] }

// MayBecome reports whether the state machine has an arrow from s to to.
func (s State) MayBecome(to State) bool {
	return slices.Contains(next[s], to)
}

// Final reports whether no more delivery is expected in s.
func (s State) Final() bool {
	switch s {
	case Completed, Partial, Canceled, Failed, Refunded:
		return true
	case Pending, Queued, Held, Submitting, Uncertain, Processing, InProgress:
		return false
	}
	return false
}

// Word is what the customer sees, in the native dialect.
func (s State) Word() string {
	switch s {
	case Pending, Queued, Held:
		return string(Pending)
	case Submitting, Uncertain, Processing:
		return string(Processing)
	case InProgress, Completed, Partial, Canceled, Failed, Refunded:
		return string(s)
	}
	return string(s)
}

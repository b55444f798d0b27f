package simulator

import (
	"math/bits"
	"time"

	"github.com/notpanel/notpanel/internal/money"
)

// The status words of the dialect that the simulator uses. Links can ask for
// others.
const (
	statusPending    = "Pending"
	statusInProgress = "In progress"
	statusCompleted  = "Completed"
	statusPartial    = "Partial"
	statusCanceled   = "Canceled"
	statusFailed     = "Failed"
	statusActive     = "Active"   // a subscription
	statusPaused     = "Paused"   // a subscription or a drip-feed
	statusExpired    = "Expired"  // a subscription
	statusRejected   = "Rejected" // a refill
)

// Order is an order that the simulator holds, as it stands at the moment of
// asking: one of a client, or a post or run of such an order.
type Order struct {
	ID         int64        // the number that a classic add answered, from 23501 on
	NativeID   string       // the same in the native dialect: ord_…
	RequestID  string       // "" from classic clients, and for posts and runs
	Service    int64        // number in the catalogue
	Link       string       // as sent, its fragment included; "" for subscriptions
	Quantity   int64        // units ordered; of a subscription or drip-feed all posts or runs together
	Fields     Fields       // what the service's type takes beside link and quantity; nil without
	Charge     money.Amount // what it costs now: the full price until the end, then that of the delivered share
	Full       money.Amount // what it cost before anything was given back
	Status     string       // Pending, In progress, Completed, Partial, Canceled, Failed, or what the link says; Active, Paused, Expired of a subscription
	StartCount int64        // 0 until work on it began
	Remains    int64        // units not delivered yet, or never to be
	Accepted   time.Time    // when add recorded it, UTC
	Requests   int          // how often it was asked for or about since the start of this simulator: add, status, refill and cancel
	Series     string       // posts of a subscription, runs of a drip-feed, else ""
	Parent     int64        // the subscription or drip-feed that it belongs to; 0 for none
	Parts      []int64      // the posts or runs that there are so far
	Refills    []Refill     // asked for, oldest first

	partIDs []string // of Parts, native
}

// held is an accepted order. Nothing in it changes as time passes: what it looks
// like is computed from the time that is asked about.
type held struct {
	id, service, quantity int64
	link                  string
	fields                Fields
	requestID, hash       string       // of a native client
	charge                money.Amount // in full
	accepted              time.Time
	pace                  time.Duration
	canceled              time.Time // zero unless a client canceled it
	plan                  plan
	requests              int
	refills               []*refill

	series *series // of a subscription or drip-feed
	parent *held   // of a post or run
}

// state is what there is to say about an order at some time.
type state struct {
	status              string
	startCount, remains int64
	charge              money.Amount
	final               bool
}

// at returns the state of the order at a time.
func (o *held) at(now time.Time) state {
	if o.series != nil {
		return o.seriesAt(now)
	}
	if o.canceled.IsZero() || o.plan.cancel == cancelIgnored {
		return o.course(now)
	}
	end, word := o.canceled, statusCanceled
	if o.plan.cancel == cancelCut {
		end, word = end.Add(o.pace/4), o.plan.cancelWord
	}
	st := o.course(end)
	if now.Before(end) || st.final {
		return o.course(now)
	}
	st.status, st.final = word, true
	st.charge = o.net(st.remains)
	return st
}

// course is the state of an order that nobody cancels: a sixth of its pace it
// waits, then the remains fall evenly towards those of its ending.
func (o *held) course(t time.Time) state {
	elapsed, wait := t.Sub(o.accepted), o.pace/6
	word, remains := o.plan.last(o.quantity, elapsed/2 >= o.pace)
	switch {
	case elapsed >= o.pace:
		return state{status: word, startCount: o.startCount(), remains: remains, charge: o.net(remains), final: true}
	case elapsed < wait:
		return state{status: statusPending, remains: o.quantity, charge: o.charge}
	}
	delivered := share(o.quantity-remains, int64(elapsed-wait), int64(o.pace-wait))
	return state{status: statusInProgress, startCount: o.startCount(), remains: o.quantity - delivered, charge: o.charge}
}

// startCount is some number that differs between orders and is never 0, which
// clients take for unknown.
func (o *held) startCount() int64 { return 100 + o.id%9_973*7 }

// net is the charge less the refund for what is never delivered.
func (o *held) net(remains int64) money.Amount {
	if o.plan.charge.text == chargeFull {
		return o.charge
	}
	return o.charge - money.Refund(o.charge, remains, o.quantity)
}

// mayRefund reports whether the order can end below its full charge.
func (o *held) mayRefund() bool {
	return o.plan.ending != completes || !o.canceled.IsZero() || o.series != nil
}

// there reports whether the order is to be seen: a post or run is not before its
// time.
func (o *held) there(now time.Time) bool {
	if o.parent == nil {
		return true
	}
	end, _ := o.parent.ends()
	return o.accepted.Before(end) && !o.accepted.After(now)
}

func (o *held) snapshot(now time.Time) Order {
	st := o.at(now)
	list := Order{
		ID: o.id, NativeID: nativeID(orderPrefix, o.id, o.accepted), RequestID: o.requestID,
		Service: o.service, Link: o.link, Quantity: o.quantity, Fields: o.fields,
		Charge: st.charge, Full: o.charge, Status: st.status, StartCount: st.startCount, Remains: st.remains,
		Accepted: o.accepted, Requests: o.requests,
	}
	if o.parent != nil {
		list.Parent = o.parent.id
	}
	if o.series != nil {
		list.Series = string(o.series.kind)
	}
	for _, part := range o.parts(now) {
		list.Parts = append(list.Parts, part.id)
		list.partIDs = append(list.partIDs, nativeID(orderPrefix, part.id, part.accepted))
	}
	for _, f := range o.refills {
		list.Refills = append(list.Refills, f.snapshot(now))
	}
	return list
}

// share returns floor(n*part/whole) for 0 ≤ part ≤ whole, with 128 bits in
// between.
func share(n, part, whole int64) int64 {
	if n <= 0 || part <= 0 || whole <= 0 {
		return 0
	}
	if part >= whole {
		return n
	}
	hi, lo := bits.Mul64(uint64(n), uint64(part))
	q, _ := bits.Div64(hi, lo, uint64(whole))
	return int64(q) //nolint:gosec // part < whole, so q < n
}

// orderRow is an order in the answer to GET /sim/orders.
type orderRow struct {
	Order      int64       `json:"order"`
	Service    int64       `json:"service"`
	Link       string      `json:"link"`
	Quantity   int64       `json:"quantity"`
	Status     string      `json:"status"`
	Charge     string      `json:"charge"`
	StartCount int64       `json:"start_count"`
	Remains    int64       `json:"remains"`
	Accepted   time.Time   `json:"accepted"`
	Requests   int         `json:"requests"`
	RequestID  string      `json:"request_id,omitempty"`
	Fields     Fields      `json:"fields,omitempty"`
	Parent     int64       `json:"parent,omitempty"`
	Parts      []int64     `json:"parts,omitempty"`
	Refills    []refillRow `json:"refills,omitempty"`
}

// refillRow is a refill in the same place.
type refillRow struct {
	Refill int64     `json:"refill"`
	Status string    `json:"status"`
	Asked  time.Time `json:"asked"`
}

// rows is never nil: an empty list is [] on the wire.
func rows(orders []Order) []orderRow {
	list := make([]orderRow, 0, len(orders))
	for _, o := range orders {
		row := orderRow{
			Order: o.ID, Service: o.Service, Link: o.Link, Quantity: o.Quantity,
			Status: o.Status, Charge: o.Charge.String(), StartCount: o.StartCount, Remains: o.Remains,
			Accepted: o.Accepted, Requests: o.Requests,
			RequestID: o.RequestID, Fields: o.Fields, Parent: o.Parent, Parts: o.Parts,
		}
		for _, f := range o.Refills {
			row.Refills = append(row.Refills, refillRow{Refill: f.ID, Status: f.Status, Asked: f.Asked})
		}
		list = append(list, row)
	}
	return list
}

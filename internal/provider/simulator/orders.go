package simulator

import (
	"math/bits"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/money"
)

// currency is the provider's, in which its rates and charges are.
const currency = "USD"

// The status words of the dialect that the simulator uses.
const (
	statusPending    = "Pending"
	statusInProgress = "In progress"
	statusCompleted  = "Completed"
	statusPartial    = "Partial"
	statusCanceled   = "Canceled"
)

// Order is an order that the simulator holds, as it stands at the moment of
// asking.
type Order struct {
	ID         int64        // the number that add answered, from 23501 on
	Service    int64        // number in the catalogue
	Link       string       // as sent, its fragment included
	Quantity   int64        // units ordered
	Charge     money.Amount // what it costs now: the full price until the end, then that of the delivered share
	Status     string       // Pending, In progress, Completed, Partial or Canceled
	StartCount int64        // 0 until work on it began
	Remains    int64        // units not delivered yet, or never to be
	Accepted   time.Time    // when add recorded it, UTC
	Requests   int          // how often it was asked for or about since the start of this simulator: add, status and cancel
}

// held is an accepted order. Nothing in it changes as time passes: what it looks
// like is computed from the time that is asked about.
type held struct {
	id, service, quantity int64
	link                  string
	charge                money.Amount // in full
	accepted              time.Time
	pace                  time.Duration
	canceled              time.Time // zero unless a client canceled it
	plan                  plan
	requests              int
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
	if o.canceled.IsZero() {
		return o.course(now)
	}
	st := o.course(o.canceled)
	st.status, st.final = statusCanceled, true
	st.charge = o.net(st.remains)
	return st
}

// course is the state of an order that nobody cancels: a sixth of its pace it
// waits, then the remains fall evenly towards those of its ending.
func (o *held) course(t time.Time) state {
	elapsed, wait := t.Sub(o.accepted), o.pace/6
	word, remains := o.plan.ending(o.quantity)
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
	return o.charge - money.Refund(o.charge, remains, o.quantity)
}

// mayRefund reports whether the order can end below its full charge.
func (o *held) mayRefund() bool {
	return o.plan.outcome == endsPartial || o.plan.outcome == endsCanceled || !o.canceled.IsZero()
}

func (o *held) snapshot(now time.Time) Order {
	st := o.at(now)
	return Order{
		ID: o.id, Service: o.service, Link: o.link, Quantity: o.quantity,
		Charge: st.charge, Status: st.status, StartCount: st.startCount, Remains: st.remains,
		Accepted: o.accepted, Requests: o.requests,
	}
}

func (st state) answer() statusAnswer {
	return statusAnswer{
		Charge:     st.charge.String(),
		StartCount: strconv.FormatInt(st.startCount, 10),
		Status:     st.status,
		Remains:    strconv.FormatInt(st.remains, 10),
		Currency:   currency,
	}
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
	Order      int64     `json:"order"`
	Service    int64     `json:"service"`
	Link       string    `json:"link"`
	Quantity   int64     `json:"quantity"`
	Status     string    `json:"status"`
	Charge     string    `json:"charge"`
	StartCount int64     `json:"start_count"`
	Remains    int64     `json:"remains"`
	Accepted   time.Time `json:"accepted"`
	Requests   int       `json:"requests"`
}

// rows is never nil: an empty list is [] on the wire.
func rows(orders []Order) []orderRow {
	list := make([]orderRow, 0, len(orders))
	for _, o := range orders {
		list = append(list, orderRow{
			Order: o.ID, Service: o.Service, Link: o.Link, Quantity: o.Quantity,
			Status: o.Status, Charge: o.Charge.String(), StartCount: o.StartCount, Remains: o.Remains,
			Accepted: o.Accepted, Requests: o.Requests,
		})
	}
	return list
}

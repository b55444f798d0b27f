package simulator

import (
	"time"

	"github.com/notpanel/notpanel/internal/money"
)

// maxParts is the number of posts or runs that one order can have.
const maxParts = 1000

// unlimitedPosts is what a subscription without a number of posts comes to.
const unlimitedPosts = 30

// seriesKind says what the parts of a series are.
type seriesKind string

const (
	posts seriesKind = "posts" // of a subscription
	runs  seriesKind = "runs"  // of a drip-feed
)

// series is what an order has that is delivered in several orders of their own.
// All of them are known when it is accepted, and each has its number; they come
// to be seen one after the other over the pace.
type series struct {
	kind    seriesKind
	sizes   []int64      // units of each part
	rate    money.Amount // per 1,000, frozen
	expires time.Time    // of a subscription; zero: never
	parts   []*held
}

// units is the sum of the sizes.
func (s *series) units() int64 {
	var n int64
	for _, size := range s.sizes {
		n += size
	}
	return n
}

// cost is the sum of what the parts cost: a series is paid for in advance.
func (s *series) cost() (money.Amount, error) {
	var sum money.Amount
	for _, size := range s.sizes {
		charge, err := money.Charge(s.rate, size)
		if err != nil {
			return 0, err
		}
		if sum += charge; sum > money.Max {
			return 0, money.ErrOverflow
		}
	}
	return sum, nil
}

// postSizes returns how much each of n posts gets: from least to most, in an
// order that is not the natural one.
func postSizes(n int, least, most int64) []int64 {
	sizes := make([]int64, 0, n)
	for i := range int64(n) {
		sizes = append(sizes, least+i*7%(most-least+1))
	}
	return sizes
}

func runSizes(n int, each int64) []int64 {
	sizes := make([]int64, 0, n)
	for range n {
		sizes = append(sizes, each)
	}
	return sizes
}

// divide makes the parts of an order: each gets an equal slice of the pace, the
// first after one slice.
func (o *held) divide() error {
	step := o.pace / time.Duration(len(o.series.sizes)+1)
	for i, size := range o.series.sizes {
		charge, err := money.Charge(o.series.rate, size)
		if err != nil {
			return err
		}
		o.series.parts = append(o.series.parts, &held{
			id: o.id + 1 + int64(i), service: o.service, quantity: size, link: o.link, charge: charge,
			accepted: o.due(i), pace: step, plan: o.plan.ofPart(), parent: o,
		})
	}
	return nil
}

// due is when part i appears; the one after the last is the end.
func (o *held) due(i int) time.Time {
	n := time.Duration(len(o.series.sizes) + 1)
	if i+1 >= int(n) {
		return o.accepted.Add(o.pace)
	}
	return o.accepted.Add(o.pace / n * time.Duration(i+1))
}

// parts returns the posts or runs that there are at a time.
func (o *held) parts(now time.Time) []*held {
	if o.series == nil {
		return nil
	}
	for i, part := range o.series.parts {
		if !part.there(now) {
			return o.series.parts[:i]
		}
	}
	return o.series.parts
}

// ends returns when no more parts appear, and the word for it.
func (o *held) ends() (at time.Time, word string) {
	at, word = o.due(len(o.series.sizes)), statusCompleted
	if o.plan.word != "" {
		word = o.plan.word
	}
	if n := int(o.plan.stopAfter); o.plan.stop != "" && n <= len(o.series.sizes) {
		at, word = o.due(n), map[outcome]string{stops: statusCanceled, pauses: statusPaused, expires: statusExpired}[o.plan.stop]
	}
	if e := o.series.expires; !e.IsZero() && e.Before(at) {
		at, word = e, statusExpired
	}
	if !o.canceled.IsZero() && o.plan.cancel != cancelIgnored && o.canceled.Before(at) {
		at, word = o.canceled, statusCanceled
	}
	return at, word
}

// seriesAt is the state of a subscription or drip-feed.
func (o *held) seriesAt(now time.Time) state {
	end, word := o.ends()
	st := state{status: statusInProgress, remains: o.quantity, charge: o.charge}
	if o.series.kind == posts {
		st.status = statusActive
	}
	var net money.Amount
	for _, part := range o.parts(now) {
		at := part.at(now)
		st.remains -= part.quantity - at.remains
		st.startCount = o.startCount()
		net += at.charge
	}
	if st.startCount == 0 && o.series.kind == runs {
		st.status = statusPending
	}
	if now.Before(end) {
		return st
	}
	st.status, st.final = word, word != statusPaused
	if !st.final && !o.canceled.IsZero() && o.plan.cancel != cancelIgnored && !now.Before(o.canceled) {
		st.status, st.final = statusCanceled, true
	}
	if st.final {
		st.charge = net
	}
	return st
}

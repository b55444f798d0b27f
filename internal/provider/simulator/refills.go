package simulator

import (
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
)

// firstRefill is the number of the first refill.
const firstRefill = 901

// maxRefills is how often an order can be refilled.
const maxRefills = 3

// Refill is a refill of an order, as it stands at the moment of asking.
type Refill struct {
	ID       int64  // from 901 on
	NativeID string // the same in the native dialect: ref_…
	Status   string // Pending, In progress, Completed or Rejected
	Asked    time.Time
}

// refill is a refill that was accepted. It takes the pace of its order.
type refill struct {
	id    int64
	order *held
	asked time.Time
}

func (f *refill) status(now time.Time) string {
	elapsed := now.Sub(f.asked)
	switch {
	case elapsed < f.order.pace/6:
		return statusPending
	case elapsed < f.order.pace:
		return statusInProgress
	case f.order.plan.refill == refillRejected:
		return statusRejected
	}
	return statusCompleted
}

func (f Refill) text() string { return strconv.FormatInt(f.ID, 10) }

func (f *refill) done(now time.Time) bool { return now.Sub(f.asked) >= f.order.pace }

func (f *refill) snapshot(now time.Time) Refill {
	return Refill{ID: f.id, NativeID: nativeID(refillPrefix, f.id, f.asked), Status: f.status(now), Asked: f.asked}
}

// refill asks for a refill of an order.
func (b *book) refill(now time.Time, id int64) (f Refill, of plan, why refusal, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, found := b.find(now, id)
	if !found {
		return f, of, incorrectOrder, nil
	}
	o.requests++
	if why := b.refillable(o, now); why != "" {
		return f, of, why, nil
	}
	made := &refill{id: firstRefill + int64(len(b.refills)), order: o, asked: now}
	if err := b.keep(line{Order: o.id, Refill: made.id, Asked: clock.Micros(now)}); err != nil {
		return f, of, "", err
	}
	b.addRefill(made)
	return made.snapshot(now), o.plan, "", nil
}

// refillable says why an order cannot be refilled.
func (b *book) refillable(o *held, now time.Time) refusal {
	sv, _ := b.shelf.find(o.service)
	st := o.at(now)
	switch n := len(o.refills); {
	case !sv.refill:
		return refillNotOffered
	case o.plan.refill == refillRefused:
		return refillDeclined
	case o.series != nil, !st.final, st.status != statusCompleted && st.status != statusPartial:
		return refillTooEarly
	case n > 0 && !o.refills[n-1].done(now):
		return refillRunning
	case n >= maxRefills:
		return refillTooMany
	}
	return ""
}

// refillByID returns a refill.
func (b *book) refillByID(now time.Time, id int64) (Refill, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if id < firstRefill || id-firstRefill >= int64(len(b.refills)) {
		return Refill{}, false
	}
	return b.refills[id-firstRefill].snapshot(now), true
}

// lastRefill returns the newest refill of an order.
func (b *book) lastRefill(now time.Time, order int64) (Refill, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, found := b.find(now, order)
	if !found || len(o.refills) == 0 {
		return Refill{}, false
	}
	return o.refills[len(o.refills)-1].snapshot(now), true
}

func (b *book) addRefill(f *refill) {
	b.refills = append(b.refills, f)
	f.order.refills = append(f.order.refills, f)
}

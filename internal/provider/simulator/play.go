package simulator

import (
	"net/http"
	"time"

	"github.com/notpanel/notpanel/internal/money"
)

// Play is the life of one order as the simulator would make it, computed from the
// order alone: whoever knows the order knows all of it, and nothing is kept.
type Play struct{ o held }

// NewPlay reads the life from the fragment of an order's link, or of the user name
// that a subscription has in its place. Number tells orders apart; charge is the
// provider's price in full.
func NewPlay(number int64, link string, quantity int64, charge money.Amount, pace time.Duration) Play {
	return Play{held{id: number, link: link, quantity: quantity, charge: charge, pace: pace, plan: steering(link)}}
}

// Reception is what a provider does with an order that it is sent.
type Reception struct {
	Status int    // of a refusal's answer
	Refuse string // the text of a refusal; "" with a status of 400 or more refuses without a word
	Lost   bool   // no answer of use comes
	There  bool   // the provider has the order
}

// Reception returns what happens to the order when it is sent for the nth time.
func (p Play) Reception(nth int64) Reception {
	switch pl := p.o.plan; pl.answer {
	case refused, refusedUnknown, refusedFunds, suspended:
		return Reception{Status: http.StatusOK, Refuse: string(pl.refusal())}
	case refusedLater:
		if pl.times == 0 || nth <= int64(pl.times) {
			return Reception{Status: http.StatusOK, Refuse: string(tooMany)}
		}
	case bareStatus:
		return Reception{Status: pl.code, Lost: pl.code >= http.StatusInternalServerError}
	case timeoutLost:
		if pl.times == 0 || nth <= int64(pl.times) {
			return Reception{Lost: true}
		}
	case timeoutAccepted, htmlAccepted, jsonAccepted, garbage, dropBody, duplicateID, idAndError, noID, emptyBody, redirects:
		return Reception{Lost: true, There: true}
	default:
	}
	return Reception{There: true}
}

// Said is what a status says of an order.
type Said struct {
	Word                string // as the classic dialect spells it
	StartCount, Remains int64
	Charge              money.Amount
}

// At returns what the status says at a time of an order that was accepted and
// perhaps canceled, which is zero where nobody canceled it.
func (p Play) At(now, accepted, canceled time.Time) Said {
	o := p.o
	o.accepted, o.canceled = accepted, canceled
	st := o.at(now)
	return Said{Word: st.status, StartCount: st.startCount, Remains: st.remains, Charge: st.charge}
}

// TakesCancel reports whether a wish to cancel is accepted.
func (p Play) TakesCancel() bool { return p.o.plan.cancel != cancelRefused }

// Refill returns what becomes of a refill that was asked for at a time: a word of
// the classic dialect, or refused.
func (p Play) Refill(now, asked time.Time) (word string, refused bool) {
	if p.o.plan.refill == refillRefused {
		return "", true
	}
	o := p.o
	return (&refill{order: &o, asked: asked}).status(now), false
}

// Posts returns how many of a subscription's posts there are at a time, and its
// word: they come evenly over the pace, and it may end before them.
func (p Play) Posts(now, accepted time.Time, posts int64) (begun int64, word string) {
	pl, elapsed := p.o.plan, now.Sub(accepted)
	begun = min(1+share(posts, int64(elapsed), int64(p.o.pace)), posts)
	if pl.stop == "" || begun <= pl.stopAfter {
		if elapsed >= p.o.pace {
			return posts, statusCompleted
		}
		return begun, statusActive
	}
	switch pl.stop {
	case expires:
		return pl.stopAfter, statusExpired
	case pauses:
		return pl.stopAfter, statusPaused
	default:
		return pl.stopAfter, statusCanceled
	}
}

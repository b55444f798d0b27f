package fulfil

import (
	"fmt"
	"strings"

	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/provider"
)

// subscriptionNews reports whether a provider's word could change anything of a
// subscription.
func subscriptionNews(o *order.Order, r provider.Report) bool {
	if unclear(r) {
		return o.Attention != attentionOf(r)
	}
	ended := r.Word == provider.WordCompleted || r.Word == provider.WordExpired || r.Word == provider.WordCanceled || r.Word == provider.WordPartial
	return strings.HasPrefix(o.Attention, reported) || int64(len(r.Orders)) != o.Run || o.State == order.Processing || ended && !o.State.Final()
}

// unclear reports a report that says nothing a subscription can be moved by.
func unclear(r provider.Report) bool {
	return r.Err != "" || r.Word == provider.WordUnknown || r.Word == provider.WordTrouble
}

// subscription moves a subscription to what its provider says of it: new posts
// become orders of their own, and with its end what no post took is given back.
func (a *applying) subscription() error {
	o, r := a.order, a.report
	if unclear(r) {
		return a.raise(attentionOf(r))
	}
	if strings.HasPrefix(o.Attention, reported) {
		o.Attention = ""
	}
	if o.State.Final() {
		return a.afterEnd()
	}
	if day, ok := dayOf(r.Expiry); ok {
		o.Expiry = day
	}
	more, err := order.AddPosts(a.tx, a.book, o, r.Orders)
	if err != nil {
		return err
	}
	if why := a.unlisted(); why != "" {
		return a.raise(reported + why)
	}
	if err := a.moveSubscription(); err != nil {
		return err
	}
	if more == 0 {
		return nil
	}
	return a.raise(reported + fmt.Sprintf("it names %d posts beside those that were ordered", more))
}

// afterEnd looks at a subscription that has ended: posts that come then were paid
// back already.
func (a *applying) afterEnd() error {
	if late := int64(len(a.report.Orders)) - a.order.Run; late > 0 {
		return a.raise(reported + fmt.Sprintf("it names %d posts more after the end", late))
	}
	return order.Save(a.tx, a.order, a.order.State)
}

// unlisted says why a subscription that has ended must not be settled by itself: its
// posts are not known, so what was not used of its hold isn't either.
func (a *applying) unlisted() string {
	r := a.report
	switch r.Word {
	case provider.WordCompleted, provider.WordExpired, provider.WordPartial, provider.WordCanceled:
	case provider.WordWaiting, provider.WordInProgress, provider.WordPaused, provider.WordUnknown, provider.WordTrouble:
		return ""
	}
	switch charged := r.Charge != nil && *r.Charge > 0; {
	case r.Posts > a.order.Run:
		return fmt.Sprintf("it ended with %d posts and names %d of them", r.Posts, a.order.Run)
	case a.order.Run == 0 && charged:
		return "it ended with a charge and names no post"
	case !r.PostsTold && a.order.Run == 0 && r.Word != provider.WordCanceled:
		return "it ended and says nothing of its posts"
	}
	return ""
}

func (a *applying) moveSubscription() error {
	o := a.order
	switch a.report.Word {
	case provider.WordWaiting:
		return order.Save(a.tx, o, o.State)
	case provider.WordInProgress, provider.WordPaused:
		if o.State != order.Processing {
			return order.Save(a.tx, o, o.State)
		}
		return a.to(order.InProgress, false)
	case provider.WordCompleted, provider.WordExpired, provider.WordPartial:
		switch {
		case o.Run == o.Runs:
			return a.to(order.Completed, false)
		case o.Run == 0:
			return a.to(order.Canceled, false)
		case a.report.Word == provider.WordCompleted:
			return a.to(order.Completed, false)
		}
		return a.to(order.Partial, false)
	case provider.WordCanceled:
		if o.Run > 0 {
			return a.to(order.Canceled, true)
		}
		return a.to(order.Canceled, false)
	case provider.WordUnknown, provider.WordTrouble:
	}
	return fmt.Errorf("subscription %s: word %q reached the wrong place", o.ID, a.report.Said)
}

// chargeOfPost takes what a post was charged from its last report alone: an earlier
// one may be of before its work. Nothing, or nothing for something delivered, is as
// good as not told.
func (a *applying) chargeOfPost() {
	if a.report.Charge == nil || *a.report.Charge == 0 {
		a.order.ProviderCharge = nil
	}
}

// canceledPost gives a canceled post's share back, or what of it the provider did
// not charge. A charge of all of it beside *canceled* makes no sense.
func (a *applying) canceledPost(charge *money.Amount) error {
	o := a.order
	most, err := money.Charge(o.Cost, o.Quantity)
	if err == nil && most > 0 && charge != nil && within(*charge, most) {
		return a.raise(reported + "canceled, but it charged the full cost")
	}
	delivered := charge != nil && *charge > 0
	o.SetRemains(order.Canceled, delivered)
	return a.to(order.Canceled, delivered)
}

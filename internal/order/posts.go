package order

import (
	"fmt"
	"strconv"
	"time"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

// noTime is the time that was never.
var noTime time.Time //nolint:gochecknoglobals // a zero value with a name

// used is what of a post's share the customer pays: the provider's charge raised
// as its cost was to the rate, rounded up, at most the share. A charge that nobody
// knows counts as all of it.
func (o *Order) used() money.Amount {
	if o.ProviderCharge == nil || o.Cost == 0 {
		return o.Charge
	}
	used, err := money.Scale(*o.ProviderCharge, int64(o.Rate), int64(o.Cost))
	if err != nil {
		return o.Charge
	}
	return min(used, o.Charge)
}

// postRefund is what a post must have given back once it is in its new state.
func (o *Order) postRefund(c Change) money.Amount {
	switch c.To {
	case Completed, Partial:
		return o.Charge - o.used()
	case Canceled:
		if c.Delivered {
			return o.Charge - o.used()
		}
		return o.Charge
	case Failed, Refunded:
		return o.Charge
	case Pending, Queued, Held, Submitting, Uncertain, Processing, InProgress:
	}
	return o.Refunded
}

// SetRemains lets a post's remains say what its refund is: a provider tells no
// quantity of a post, and customers compute with the quantity of their own.
func (o *Order) SetRemains(to State, delivered bool) {
	due := o.postRefund(Change{To: to, Delivered: delivered})
	left := int64(0)
	if o.Charge > 0 {
		left = int64(money.Refund(money.Amount(o.Quantity), int64(due), int64(o.Charge)))
	}
	o.Remains = &left
}

// AddPosts makes orders of the posts that the provider has begun and that are not
// known yet. The subscription and its wallet are locked. Of more posts than were
// paid for, the first ones count; more is how many are left over, or are other
// orders here.
func AddPosts(tx *db.Tx, book *ledger.Book, o *Order, upstreamIDs []string) (more int, err error) {
	for _, upstreamID := range upstreamIDs {
		holder, held, err := HolderOf(tx, o.ProviderID, upstreamID)
		if err != nil {
			return 0, err
		}
		if held {
			foreign, err := foreignPost(tx, o, holder)
			if err != nil {
				return 0, err
			}
			if foreign {
				more++
			}
			continue
		}
		if o.Run >= o.Runs {
			more++
			continue
		}
		o.Run++
		post := o.child(Post)
		post.State, post.UpstreamID, post.AcceptedAt, post.NextCheckAt = Processing, upstreamID, tx.Now, tx.Now
		post.EqualKey = equalKey(post)
		if post.Number, err = book.NextNumber(o.WalletID); err != nil {
			return 0, err
		}
		if err := insertChild(tx, post, "post "+strconv.FormatInt(post.Run, 10)+" of at most "+strconv.FormatInt(o.Runs, 10)); err != nil {
			return 0, err
		}
	}
	return more, book.Flush()
}

// foreignPost reports that a provider names as a subscription's post what is
// another order here.
func foreignPost(tx *db.Tx, o *Order, holder string) (bool, error) {
	var parent string
	if err := tx.QueryRow(`SELECT parent_id FROM orders WHERE id = $1`, holder).Scan(db.String(&parent)); err != nil {
		return false, fmt.Errorf("find %s: %w", holder, err)
	}
	return parent != o.ID, nil
}

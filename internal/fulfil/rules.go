package fulfil

import (
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/order"
)

// Rules hold orders back that a person should look at before they are sent. Zero
// values are off, but the margin's floor is always kept.
type Rules struct {
	// MarginFloor is the share of the price that must be left after the cost.
	MarginFloor money.Percent
	// SameLink holds orders for a target that so many accounts ordered for within a day.
	SameLink int64
	// Unfunded holds orders of accounts that are younger than this and never paid in.
	Unfunded time.Duration
	// OrdersAMinute holds what an account orders beyond this within a minute.
	OrdersAMinute int64
}

// hold returns why an order must wait for a person, "" if it need not.
func (r Rules) hold(tx *db.Tx, o *order.Order) (reason string, err error) {
	if o.Released {
		return "", nil
	}
	for _, rule := range []func(*db.Tx, *order.Order) (string, error){r.margin, r.sameLink, r.unfunded, r.velocity} {
		if reason, err = rule(tx, o); err != nil || reason != "" {
			return reason, err
		}
	}
	return "", nil
}

// margin compares what the order was sold at with what it costs now.
func (r Rules) margin(tx *db.Tx, o *order.Order) (string, error) {
	cost, found, err := order.CostNow(tx, o)
	if err != nil || !found {
		return "", err // where the source is gone its provider says so
	}
	const whole = 100 * int64(money.Unit)
	most := o.Rate
	if r.MarginFloor > 0 {
		least, err := money.Scale(o.Rate, int64(r.MarginFloor), whole)
		if err != nil {
			return "", fmt.Errorf("margin of %s: %w", o.ID, err)
		}
		most -= least
	}
	if cost <= most {
		return "", nil
	}
	return fmt.Sprintf("margin: it costs %s per 1,000 now and was sold at %s", cost, o.Rate), nil
}

func (r Rules) sameLink(tx *db.Tx, o *order.Order) (string, error) {
	if r.SameLink == 0 || o.LinkKey == "" {
		return "", nil
	}
	var accounts int64
	err := tx.QueryRow(`
		SELECT COUNT(DISTINCT account_id) FROM orders WHERE link_key = $1 AND mode = 'live' AND created_at > $2 AND id <= $3`,
		o.LinkKey, db.At(o.CreatedAt.Add(-24*time.Hour)), o.ID).Scan(&accounts)
	if err != nil {
		return "", fmt.Errorf("accounts for the link of %s: %w", o.ID, err)
	}
	if accounts < r.SameLink {
		return "", nil
	}
	return fmt.Sprintf("rule: %d accounts ordered for this target within a day", accounts), nil
}

func (r Rules) unfunded(tx *db.Tx, o *order.Order) (string, error) {
	if r.Unfunded == 0 {
		return "", nil
	}
	var young, funded bool
	err := tx.QueryRow(`
		SELECT a.created_at > $2, EXISTS (
			SELECT 1 FROM transfers t WHERE t.credit = $3 AND t.credit_seq IS NOT NULL AND t.kind NOT IN ('refund', 'opening'))
		FROM accounts a WHERE a.id = $1`, o.AccountID, db.At(o.CreatedAt.Add(-r.Unfunded)), o.WalletID).Scan(&young, &funded)
	if err != nil {
		return "", fmt.Errorf("account of %s: %w", o.ID, err)
	}
	if !young || funded {
		return "", nil
	}
	return "rule: a new account that never paid in", nil
}

// velocity counts what the account ordered within the minute before. Runs and posts
// are made by their parents, not by the account.
func (r Rules) velocity(tx *db.Tx, o *order.Order) (string, error) {
	if r.OrdersAMinute == 0 || o.Kind == order.Run {
		return "", nil
	}
	const looked = 2000 // numbers back, at the most
	var placed int64
	err := tx.QueryRow(`
		SELECT COUNT(*) FROM orders WHERE account_id = $1 AND mode = $2 AND number > $3 AND number <= $4
			AND created_at > $5 AND kind NOT IN ('run', 'post')`,
		o.AccountID, string(o.Mode), o.Number-looked, o.Number, db.At(o.CreatedAt.Add(-time.Minute))).Scan(&placed)
	if err != nil {
		return "", fmt.Errorf("pace of %s: %w", o.ID, err)
	}
	if placed <= r.OrdersAMinute {
		return "", nil
	}
	return fmt.Sprintf("rule: more than %d orders of the account within a minute", r.OrdersAMinute), nil
}

// mayGo lets an order on its way to the provider pass the rules. One that may not
// go is moved, or named in refused where that moves money: it is done apart, for
// the wallet's lock comes before the order's.
func (r Rules) mayGo(tx *db.Tx, o *order.Order) (ok, refused bool, err error) {
	overlap, inWay, err := order.Overlaps(tx, o)
	if err != nil {
		return false, false, err
	}
	switch overlap {
	case catalog.OverlapQueue:
		o.GiveUpAt = tx.Now.Add(order.Patience)
		return false, false, order.Transition(tx, nil, o, order.Change{
			To: order.Queued, Actor: "panel", Reason: "order " + inWay + " for the same target goes first",
		})
	case catalog.OverlapRefuse:
		return false, true, nil
	case catalog.OverlapAllow:
	}
	reason, err := r.hold(tx, o)
	if err != nil || reason == "" {
		return err == nil, false, err
	}
	o.GiveUpAt, o.Refusal = tx.Now.Add(order.Patience), ""
	return false, false, order.Transition(tx, nil, o, order.Change{To: order.Held, Actor: "panel", Reason: reason})
}

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

// hold returns why an order must wait for a person, "" if it need not. cost is what its
// source takes now.
func (r Rules) hold(tx *db.Tx, o *order.Order, cost *money.Amount) (reason string, err error) {
	if o.Released {
		return "", nil
	}
	if reason, err = r.margin(o, cost); err != nil || reason != "" {
		return reason, err
	}
	for _, rule := range []func(*db.Tx, *order.Order) (string, error){r.sameLink, r.unfunded, r.velocity} {
		if reason, err = rule(tx, o); err != nil || reason != "" {
			return reason, err
		}
	}
	return "", nil
}

// margin compares what the order was sold at with what it costs now.
func (r Rules) margin(o *order.Order, cost *money.Amount) (string, error) {
	if cost == nil {
		return "", nil // where the source is gone its provider says so
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
	if *cost <= most {
		return "", nil
	}
	return fmt.Sprintf("margin: it costs %s per 1,000 now and was sold at %s", *cost, o.Rate), nil
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

// sifted is what became of orders that are due to be sent.
type sifted struct {
	going   []*order.Order
	refused []string // to be canceled apart: that moves money, and the wallet's lock comes before the order's
	moved   int      // held or queued
}

// sift lets locked orders on their way to a provider pass the rules, and holds or
// queues those that may not go. Of orders that the provider could take for one it lets
// the first go, where they take turns, and leaves out those behind it: their turn comes
// when that one is settled. One that may not go holds up none.
func (r Rules) sift(tx *db.Tx, due []*order.Order, takeTurns bool) (s sifted, err error) {
	overlaps, err := order.Overlaps(tx, due)
	if err != nil {
		return s, err
	}
	costs, err := order.CostsNow(tx, due)
	if err != nil {
		return s, err
	}
	taken := make(map[string]bool, len(due))
	for i, o := range due {
		if takeTurns && taken[o.EqualKey] {
			continue
		}
		switch overlaps[i].Rule {
		case catalog.OverlapRefuse:
			s.refused = append(s.refused, o.ID)
			continue
		case catalog.OverlapQueue:
			err = s.wait(tx, o, order.Queued, "order "+overlaps[i].InWay+" for the same target goes first")
		case catalog.OverlapAllow:
			var reason string
			if reason, err = r.hold(tx, o, costs[i]); err == nil && reason == "" {
				s.going, taken[o.EqualKey] = append(s.going, o), true
				continue
			}
			if err == nil {
				o.Refusal = ""
				err = s.wait(tx, o, order.Held, reason)
			}
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// wait moves an order that may not go.
func (s *sifted) wait(tx *db.Tx, o *order.Order, in order.State, reason string) error {
	s.moved++
	o.GiveUpAt = tx.Now.Add(order.Patience)
	return order.Transition(tx, nil, o, order.Change{To: in, Actor: "panel", Reason: reason})
}

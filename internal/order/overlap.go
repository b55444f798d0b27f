package order

import (
	"context"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/ledger"
)

// unqueueMost is how many queued orders one pass looks at.
const unqueueMost = 200

// inTheWay selects an order of the same service and target that goes before o: one
// that a provider has or may have, or an older one that waits. A drip-feed is not
// sent itself, and a post belongs to its subscription.
const inTheWay = `
	SELECT b.id FROM orders b
	WHERE b.link_key = o.link_key AND b.service_id = o.service_id AND b.mode = o.mode AND b.id <> o.id AND b.kind NOT IN ('drip', 'post')
		AND (b.state IN ('submitting', 'uncertain', 'processing', 'in_progress') OR b.state IN ('pending', 'queued') AND b.id < o.id)`

// Overlap is the order that is in the way of one that is to be sent, and what their
// service makes of that: allow where there is none.
type Overlap struct {
	Rule  catalog.Overlap
	InWay string
}

// Overlaps returns the overlap of each order. Runs of one drip-feed wait for each other.
func Overlaps(tx *db.Tx, all []*Order) ([]Overlap, error) {
	found, rules := make([]Overlap, len(all)), map[int64]catalog.Overlap{}
	err := tx.QueryMany(func(i int, s db.Scanner) error {
		var rule catalog.Overlap
		err := s.Scan(&rule)
		rules[all[i].ServiceID] = rule
		return err
	}, `SELECT overlap FROM services WHERE id = $1 AND overlap <> 'allow'`, rowsOf(all, func(o *Order) []any { return []any{o.ServiceID} }))
	if err != nil {
		return nil, fmt.Errorf("rules of overlaps: %w", err)
	}
	for i, o := range all {
		found[i].Rule = catalog.OverlapAllow
		if rule, some := rules[o.ServiceID]; some {
			if found[i], err = overlapOf(tx, o, rule); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// overlapOf returns the overlap of an order whose service has a rule for that.
func overlapOf(tx *db.Tx, o *Order, rule catalog.Overlap) (Overlap, error) {
	var inWay string
	var sibling bool
	err := tx.QueryRow(`
		SELECT b.id, COALESCE(b.parent_id = o.parent_id, FALSE) FROM orders o
		JOIN orders b ON b.id = (`+inTheWay+` ORDER BY b.id LIMIT 1)
		WHERE o.id = $1`, o.ID).Scan(&inWay, &sibling)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return Overlap{Rule: catalog.OverlapAllow}, nil
	case err != nil:
		return Overlap{}, fmt.Errorf("overlap of %s: %w", o.ID, err)
	case sibling && rule == catalog.OverlapRefuse:
		rule = catalog.OverlapQueue
	}
	return Overlap{rule, inWay}, nil
}

// rowsOf are the arguments of a statement for each order.
func rowsOf(all []*Order, row func(*Order) []any) [][]any {
	rows := make([][]any, len(all))
	for i, o := range all {
		rows[i] = row(o)
	}
	return rows
}

// errLinkBusy refuses an order whose target has one already. Panels that order here
// know the words and try later.
var errLinkBusy = fault.New(fault.Conflict, "There is an active order with this link: wait until order has ended").Because(fault.LinkBusy)

// checkOverlap refuses, where a service refuses overlaps, what would be refused when
// it is sent: a courtesy, for only then it is decided.
func (b *batch) checkOverlap(p priced, mode ledger.Mode) error {
	if p.service.Overlap != catalog.OverlapRefuse {
		return nil
	}
	var there bool
	err := b.tx.QueryRow(`
		SELECT EXISTS (SELECT 1 FROM orders WHERE link_key = $1 AND service_id = $2 AND mode = $3 AND kind NOT IN ('drip', 'post')
			AND state IN ('pending', 'queued', 'submitting', 'uncertain', 'processing', 'in_progress'))`,
		p.linkKey(), p.service.ID, string(mode)).Scan(&there)
	if err != nil {
		return fmt.Errorf("orders with the target: %w", err)
	}
	if there {
		return errLinkBusy
	}
	return nil
}

// RefuseOverlap cancels and refunds an order that still has another in its way,
// where its service refuses such orders.
func RefuseOverlap(tx *db.Tx, orderID string) error {
	o, book, err := Lock(tx, orderID)
	if err != nil || o.State != Pending {
		return err
	}
	overlaps, err := Overlaps(tx, []*Order{o})
	if err != nil || overlaps[0].Rule != catalog.OverlapRefuse {
		return err
	}
	return Transition(tx, book, o, Change{To: Canceled, Actor: "panel", Reason: "order " + overlaps[0].InWay + " for the same target has not ended"})
}

// Unqueue lets queued orders go on that nothing is in the way of any more, each in
// a transaction of its own, and returns how many.
func Unqueue(ctx context.Context, d *db.DB) (moved int, err error) {
	var free []string
	err = d.Read(ctx, func(tx *db.Tx) error {
		free, err = db.All(tx, func(s db.Scanner) (orderID string, err error) {
			err = s.Scan(&orderID)
			return orderID, err
		}, `
			SELECT o.id FROM orders o WHERE o.state = 'queued' AND NOT EXISTS (`+inTheWay+`)
			ORDER BY o.id LIMIT $1`, unqueueMost)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find queued orders: %w", err)
	}
	for _, orderID := range free {
		moveErr := d.Write(ctx, func(tx *db.Tx) error {
			o, book, err := Lock(tx, orderID)
			if err != nil || o.State != Queued {
				return err
			}
			o.DueAt, o.GiveUpAt = tx.Now, noTime
			return Transition(tx, book, o, Change{To: Pending, Actor: "panel", Reason: "nothing is in its way any more"})
		})
		if moveErr != nil {
			err = errors.Join(err, fmt.Errorf("unqueue %s: %w", orderID, moveErr))
			continue
		}
		moved++
	}
	return moved, err
}

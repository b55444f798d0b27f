package order

import (
	"context"
	"fmt"
	"strconv"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
)

// Found is one answer of Status: an order or why there is none.
type Found struct {
	// Order has what a state is told with: id, number, kind, service, quantity, fields and
	// figures. Status is asked all the time, and for many orders at once: reading the
	// rest, most of an order, would cost more than all else that it does.
	Order *Order
	Parts []Part // of a drip-feed its runs so far, of a subscription its posts
	Err   error
}

// Part names a run or post.
type Part struct {
	ID     string
	Number int64
}

const statusColumns = `id, account_id, mode, number, kind, run, runs, service_id, quantity, fields, expiry, charge, refunded, state, start_count, remains`

func scanStatus(s db.Scanner) (*Order, error) {
	o := &Order{}
	var run *int64
	var fields string
	err := s.Scan(&o.ID, &o.AccountID, &o.Mode, &o.Number, &o.Kind, &run, &o.Runs, &o.ServiceID, &o.Quantity, &fields, &o.Expiry,
		&o.Charge, &o.Refunded, &o.State, &o.StartCount, &o.Remains)
	if err != nil {
		return o, err
	}
	return o, o.fill(run, fields)
}

// Status returns the orders of the scope that refs name, in their order.
func (s *Store) Status(ctx context.Context, in Scope, refs []Ref) (all []Found, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		standing, err := standing(tx, in, refs)
		if err != nil {
			return fmt.Errorf("status: %w", err)
		}
		all = make([]Found, len(refs))
		for i, ref := range refs {
			o, found := standing[ref]
			if !found {
				all[i].Err = ErrNotFound
				continue
			}
			all[i].Order = o
			if o.Kind == Drip || o.Kind == Subscription {
				if all[i].Parts, err = parts(tx, o.ID); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return all, err
}

// standing reads the orders of the scope that refs name, in one statement for those
// named by id and one for those named by number.
func standing(tx *db.Tx, in Scope, refs []Ref) (map[Ref]*Order, error) {
	var ids []string
	var numbers []int64
	for _, ref := range refs {
		if number, isNumber := numberOf(ref); isNumber {
			numbers = append(numbers, number)
		} else if id.Valid(id.Order, string(ref)) {
			ids = append(ids, string(ref))
		}
	}
	all := make(map[Ref]*Order, len(refs))
	if len(ids) > 0 {
		// The scope is compared here: an engine may take it for the narrower condition, and
		// look through all orders of the account.
		found, err := db.All(tx, scanStatus, `SELECT `+statusColumns+` FROM orders WHERE id = ANY($1)`, ids)
		if err != nil {
			return nil, err
		}
		for _, o := range found {
			if o.AccountID == in.AccountID && o.Mode == in.Mode {
				all[Ref(o.ID)] = o
			}
		}
	}
	if len(numbers) == 0 {
		return all, nil
	}
	found, err := db.All(tx, scanStatus, `SELECT `+statusColumns+` FROM orders WHERE account_id = $1 AND mode = $2 AND number = ANY($3)`,
		in.AccountID, string(in.Mode), numbers)
	for _, o := range found {
		all[Ref(strconv.FormatInt(o.Number, 10))] = o
	}
	return all, err
}

// parts names a parent's runs or posts, the first one first.
func parts(tx *db.Tx, parentID string) ([]Part, error) {
	all, err := db.All(tx, func(s db.Scanner) (p Part, err error) {
		err = s.Scan(&p.ID, &p.Number)
		return p, err
	}, `SELECT id, number FROM orders WHERE parent_id = $1 ORDER BY run`, parentID)
	if err != nil {
		return nil, fmt.Errorf("parts of %s: %w", parentID, err)
	}
	return all, nil
}

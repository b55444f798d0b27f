package order

import (
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
)

// CancelLocked cancels a locked order for staff as far as its customer could, in
// the caller's transaction. A wish that its provider has to be told of is told soon.
func CancelLocked(tx *db.Tx, book *ledger.Book, o *Order, actor string) error {
	if o.Kind != Drip && (o.State == Pending || o.State == Queued || o.State == Held) {
		return Transition(tx, book, o, Change{To: Canceled, Actor: actor, Reason: "staff: canceled"})
	}
	return cancelOne(tx, book, o, actor)
}

// RefillLocked records the wish to refill a locked order as its customer can, in
// the caller's transaction.
func RefillLocked(tx *db.Tx, o *Order, actor string) (*Refill, error) {
	if err := refillable(tx, o); err != nil {
		return nil, err
	}
	return insertRefill(tx, o, actor)
}

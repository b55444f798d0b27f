package order

import (
	"context"
	"fmt"
	"time"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
)

// Quote is what a request would become if it were placed.
type Quote struct {
	Service  *catalog.Service
	Kind     Kind
	Rate     money.Amount // the customer's per 1,000
	Charge   money.Amount // for all of it
	Quantity int64        // of one run or post, where there are some
	Runs     int64        // or posts; 0: there are none
	Every    int64        // minutes between runs
}

// Units are how many units it would deliver at most.
func (q Quote) Units() int64 { return q.Quantity * max(q.Runs, 1) }

// Quote prices a request by the rules that placing it goes by, without a look at
// the wallet or at other orders: what it refuses, Place would refuse.
func (r Request) Quote(in *catalog.Snapshot, of catalog.Customer, now time.Time) (Quote, error) {
	p, err := r.price(in, of, now)
	if err != nil {
		return Quote{}, err
	}
	return Quote{Service: p.service, Kind: p.kind, Rate: p.rate, Charge: p.charge, Quantity: p.quantity, Runs: p.runs, Every: p.every}, nil
}

// oftenOf is how many of an account's latest orders tell what it often orders.
const oftenOf = 200

// Often returns the services that the scope ordered most often of late, that first.
func (s *Store) Often(ctx context.Context, in Scope, limit int) (services []int64, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		services, err = db.All(tx, func(r db.Scanner) (serviceID int64, err error) {
			err = r.Scan(&serviceID)
			return serviceID, err
		}, `
			SELECT service_id FROM (
				SELECT service_id, kind FROM orders WHERE account_id = $1 AND mode = $2 ORDER BY number DESC LIMIT $3) AS latest
			WHERE kind IN ('single', 'drip', 'subscription')
			GROUP BY service_id ORDER BY COUNT(*) DESC, service_id LIMIT $4`, in.AccountID, string(in.Mode), oftenOf, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("often ordered: %w", err)
	}
	return services, nil
}

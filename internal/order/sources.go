package order

import (
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/ledger"
	"github.com/notpanel/notpanel/internal/money"
)

const selectSource = `
	SELECT s.preference, s.provider_id, s.provider_service, s.cost, s.exchange
	FROM sources s JOIN providers p ON p.id = s.provider_id
	WHERE s.service_id = $1`

func scanSource(row db.Scanner) (s catalog.Source, found bool, err error) {
	err = row.Scan(&s.Preference, &s.ProviderID, &s.ProviderService, &s.Cost, &s.Exchange)
	if errors.Is(err, db.ErrNoRows) {
		return s, false, nil
	}
	return s, err == nil, err
}

// NextSource returns the source that the order can go to after its own, among
// those that are listed and take orders: the first of which no definite refusal is
// on record. Preferences may have been changed since the order was placed.
func NextSource(tx *db.Tx, o *Order) (catalog.Source, bool, error) {
	if o.Mode != ledger.Live {
		return catalog.Source{}, false, nil // a test order leaves the sandbox for nothing
	}
	s, found, err := scanSource(tx.QueryRow(selectSource+`
		AND s.provider_id <> $2 AND s.gone_at IS NULL AND p.state = 'active' AND NOT EXISTS (
			SELECT 1 FROM submissions u WHERE u.order_id = $3 AND u.provider_id = s.provider_id AND u.outcome = 'refused')
		ORDER BY s.preference LIMIT 1`, o.ServiceID, o.ProviderID, o.ID))
	if err != nil {
		return s, false, fmt.Errorf("next source of %s: %w", o.ID, err)
	}
	return s, found, nil
}

// SourceAt returns the source of a service at a provider that takes orders.
func SourceAt(tx *db.Tx, serviceID int64, providerID string) (catalog.Source, bool, error) {
	s, found, err := scanSource(tx.QueryRow(selectSource+` AND s.provider_id = $2 AND s.gone_at IS NULL AND p.state = 'active'
		ORDER BY s.preference LIMIT 1`, serviceID, providerID))
	if err != nil {
		return s, false, fmt.Errorf("source of service %d at %s: %w", serviceID, providerID, err)
	}
	return s, found, nil
}

// CostsNow returns what the source of each order takes per 1,000 now; nil where the
// service has that source no more.
func CostsNow(tx *db.Tx, all []*Order) ([]*money.Amount, error) {
	costs := make([]*money.Amount, len(all))
	err := tx.QueryMany(func(i int, s db.Scanner) error {
		costs[i] = new(money.Amount)
		return s.Scan(costs[i])
	}, `SELECT cost FROM sources WHERE service_id = $1 AND provider_id = $2 AND provider_service = $3`,
		rowsOf(all, func(o *Order) []any { return []any{o.ServiceID, o.ProviderID, o.ProviderService} }))
	if err != nil {
		return nil, fmt.Errorf("costs: %w", err)
	}
	return costs, nil
}

// Reroute sends an order that no provider has to another source from now on. The
// caller writes it.
func Reroute(o *Order, to catalog.Source) {
	o.ProviderID, o.ProviderService, o.Preference, o.Cost, o.Exchange = to.ProviderID, to.ProviderService, to.Preference, to.Cost, to.Exchange
	o.EqualKey = equalKey(o)
	o.Tries, o.GiveUpAt, o.Released = 0, noTime, false // who let it go knew another cost
}

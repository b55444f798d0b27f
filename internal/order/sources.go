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

// CostNow returns what the order's source takes per 1,000 now; found is false
// where the service has that source no more.
func CostNow(tx *db.Tx, o *Order) (cost money.Amount, found bool, err error) {
	s, found, err := scanSource(tx.QueryRow(selectSource+` AND s.provider_id = $2 AND s.provider_service = $3`,
		o.ServiceID, o.ProviderID, o.ProviderService))
	if err != nil {
		return 0, false, fmt.Errorf("cost of %s: %w", o.ID, err)
	}
	return s.Cost, found, nil
}

// Reroute sends an order that no provider has to another source from now on. The
// caller writes it.
func Reroute(o *Order, to catalog.Source) {
	o.ProviderID, o.ProviderService, o.Preference, o.Cost, o.Exchange = to.ProviderID, to.ProviderService, to.Preference, to.Cost, to.Exchange
	o.EqualKey = equalKey(o)
	o.Tries, o.GiveUpAt, o.Released = 0, noTime, false // who let it go knew another cost
}

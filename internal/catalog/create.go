package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/plain"
)

// Create adds a service that no list names: one that people deliver. Its number
// there is the offer's ProviderService, which must be new.
func (s *Store) Create(ctx context.Context, providerID string, o Offer, actor string) (v *Service, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var there int64
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*) FROM sources WHERE provider_id = $1 AND provider_service = $2`, providerID, o.ProviderService).Scan(&there)
	})
	if err != nil {
		return nil, fmt.Errorf("look for the service: %w", err)
	}
	if there > 0 {
		return nil, fault.Newf(fault.Conflict, "that provider has a service %s already", o.ProviderService)
	}
	if _, err := s.Take(ctx, Intake{ProviderID: providerID, Offers: []Offer{o}, Part: true}, actor); err != nil {
		return nil, err
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		var serviceID int64
		err := tx.QueryRow(`SELECT service_id FROM sources WHERE provider_id = $1 AND provider_service = $2`, providerID, o.ProviderService).Scan(&serviceID)
		if err != nil {
			return fmt.Errorf("find the new service: %w", err)
		}
		v, err = one(tx, serviceID)
		return err
	})
	return v, err
}

// check says what is wrong with an offer that a person made.
func (o *Offer) check() error {
	for field, text := range map[string]string{"name": o.Name, "category": o.Category, "there": o.ProviderService} {
		if strings.TrimSpace(text) == "" || len([]rune(text)) > maxName {
			return fault.Newf(fault.Invalid, "%s must have 1 to %d characters", field, maxName)
		}
		if err := plain.Line(field, text); err != nil {
			return err
		}
	}
	switch {
	case o.Type == Subscriptions:
		return fault.New(fault.Invalid, "type must be another: a subscription's posts come from its provider's API")
	case o.Rate < 0 || o.Cost < 0:
		return fault.New(fault.Invalid, "rate and cost must not be negative")
	case o.Min < 1 || o.Max < o.Min:
		return fault.Newf(fault.Invalid, "min %d and max %d leave nothing to order", o.Min, o.Max)
	}
	if _, err := money.Charge(o.Rate, o.Max); err != nil {
		return fault.Newf(fault.Invalid, "max %d at the rate %s costs more than %s, the most that an order may: lower max or rate", o.Max, o.Rate, money.Max)
	}
	return nil
}

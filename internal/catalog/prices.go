package catalog

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/epoch"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/money"
)

// Group is what decides the prices that a customer sees: two customers of one
// group see the same prices in one snapshot. It may be a key of a map.
type Group struct {
	accountID string // of an account with rates of its own
	discount  money.Percent
}

// Group returns the price group of a customer.
func (s *Snapshot) Group(c Customer) Group {
	g := Group{discount: s.discounts[c.Tier]}
	if s.owners[c.AccountID] {
		g.accountID = c.AccountID
	}
	return g
}

// Discount returns what a tier pays less than the list price.
func (s *Snapshot) Discount(tier account.Tier) money.Percent { return s.discounts[string(tier)] }

// Discount is what a tier pays less than the list price.
type Discount struct {
	Tier    account.Tier
	Percent money.Percent
}

// OwnRate is a rate that an account pays in place of the list price and its
// tier's discount.
type OwnRate struct {
	AccountID string
	Service   int64
	Rate      money.Amount // per 1,000
}

// BelowCost counts the services that a tier pays less for than they cost where
// their next order goes, of all that are not retired.
func (s *Store) BelowCost(ctx context.Context, tier account.Tier) (below, all int, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		now, err := load(tx, query+` WHERE v.state <> 'retired'`+inOrder)
		if err != nil {
			return err
		}
		for _, v := range now.Services {
			rate, err := now.Price(v, Customer{Tier: string(tier)})
			if err != nil {
				return err
			}
			all++
			if rate < v.Source.Cost {
				below++
			}
		}
		return nil
	})
	return below, all, err
}

// SetOwnRate gives an account a rate of its own and returns the service.
func (s *Store) SetOwnRate(ctx context.Context, r OwnRate, actor string) (v *Service, err error) {
	if r.Rate < 0 {
		return nil, fault.New(fault.Invalid, "rate must not be negative")
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		if v, err = one(tx, r.Service); err != nil {
			return err
		}
		if err := chargeable(r.Rate, v.Max); err != nil {
			return err
		}
		before := "none"
		var was money.Amount
		switch err := tx.QueryRow(`SELECT rate FROM account_rates WHERE account_id = $1 AND service_id = $2`, r.AccountID, r.Service).Scan(&was); {
		case err == nil:
			before = was.String()
		case !errors.Is(err, db.ErrNoRows):
			return fmt.Errorf("read own rate: %w", err)
		}
		_, err := tx.Exec(`INSERT INTO account_rates (account_id, service_id, rate) VALUES ($1, $2, $3)
			ON CONFLICT (account_id, service_id) DO UPDATE SET rate = $3`, r.AccountID, r.Service, r.Rate)
		if err != nil {
			return fmt.Errorf("set own rate: %w", err)
		}
		if err := s.guard.Allow(tx, r.AccountID); err != nil {
			return err
		}
		return account.Record(tx, actor, "price.set", r.AccountID, "service "+strconv.FormatInt(r.Service, 10)+": "+before+" → "+r.Rate.String())
	})
	return v, err
}

// RemoveOwnRate lets an account pay what its tier pays again.
func (s *Store) RemoveOwnRate(ctx context.Context, accountID string, serviceID int64, actor string) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		if err := epoch.MoveCatalog(tx); err != nil {
			return err
		}
		var was money.Amount
		err := tx.QueryRow(`DELETE FROM account_rates WHERE account_id = $1 AND service_id = $2 RETURNING rate`, accountID, serviceID).Scan(&was)
		if errors.Is(err, db.ErrNoRows) {
			return fault.New(fault.NotFound, "the account has no rate of its own for this service: `notpanel price list` shows them")
		}
		if err != nil {
			return fmt.Errorf("remove own rate: %w", err)
		}
		if err := s.guard.Allow(tx, accountID); err != nil {
			return err
		}
		return account.Record(tx, actor, "price.remove", accountID, "service "+strconv.FormatInt(serviceID, 10)+": "+was.String()+" → none")
	})
}

// OwnRates returns the rates that an account has of its own, by service.
func (s *Store) OwnRates(ctx context.Context, accountID string) (own []OwnRate, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		own, err = db.All(tx, scanOwnRate, `SELECT account_id, service_id, rate FROM account_rates WHERE account_id = $1 ORDER BY service_id`, accountID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("own rates of %s: %w", accountID, err)
	}
	return own, nil
}

func scanOwnRate(r db.Scanner) (o OwnRate, err error) {
	err = r.Scan(&o.AccountID, &o.Service, &o.Rate)
	return o, err
}

// Prices returns the tiers' discounts and the accounts' own rates.
func (s *Store) Prices(ctx context.Context) (discounts []Discount, own []OwnRate, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		discounts, err = db.All(tx, func(r db.Scanner) (d Discount, err error) {
			err = r.Scan(&d.Tier, &d.Percent)
			return d, err
		}, `SELECT tier, percent FROM tier_discounts ORDER BY percent, tier`)
		if err != nil {
			return err
		}
		own, err = db.All(tx, scanOwnRate, `SELECT account_id, service_id, rate FROM account_rates ORDER BY account_id, service_id`)
		return err
	})
	return discounts, own, err
}
